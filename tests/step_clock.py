"""A clock that advances only during a wait, or when the test advances it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

Done = TypeVar("Done")


def at_once(task: Callable[[], Done]) -> Callable[[], Done]:
    """Do now what a real clock begins beside its caller."""
    done = task()
    return lambda: done


@dataclass
class StepClock:
    """`tasks` are the periodic background tasks: a test calls them itself."""

    seconds: float = 1000.0
    asleep: float = 0.0  # seconds in which the monotonic clock stood
    wall_offset: float = 0.0
    waited: list[float] = field(default_factory=list)
    tasks: list[Callable[[], None]] = field(default_factory=list)
    every_s: list[float] = field(default_factory=list)
    when_waiting: Callable[[], object] = lambda: None

    def now(self) -> float:
        return self.seconds - self.asleep

    def readings(self) -> tuple[float, float, float]:
        return self.now(), self.seconds, self.seconds + self.wall_offset

    def wall(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds + self.wall_offset)

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.seconds += seconds
        self.when_waiting()
        return True

    beside = staticmethod(at_once)

    def repeat(self, task: Callable[[], None], *, every_s: float, name: str) -> Callable[[], None]:
        self.tasks.append(task)
        self.every_s.append(every_s)
        return lambda: self.tasks.remove(task) if task in self.tasks else None
