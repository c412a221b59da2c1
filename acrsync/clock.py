"""Time as an apply sees it: real time here, and in the tests a time that only they move."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Protocol, TypeVar

Done = TypeVar("Done")

# CLOCK_BOOTTIME goes on while the machine sleeps, where the monotonic clock stops; not every system has it.
_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """What an apply needs to know of time, and the tasks that time starts."""

    def now(self) -> float:
        """Return seconds that only grow. They may stop while the machine sleeps."""
        ...

    def readings(self) -> tuple[float, float, float]:
        """Return the monotonic, the boot-time and the wall clock in seconds: one of them moves if time goes on."""
        ...

    def wall(self) -> datetime:
        """Return the time in UTC, for people and records. Never compare it between machines."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait that long; False, at once, after a first interrupt."""
        ...

    def beside(self, task: Callable[[], Done]) -> Callable[[], Done]:
        """Begin `task` beside the caller; return what waits for it and returns or raises what it does."""
        ...

    def repeat(self, task: Callable[[], None], *, every_s: float, name: str) -> Callable[[], None]:
        """Run `task` beside the caller every so often, also after an interrupt; return what ends that and waits for it.

        `task` raises nothing.
        """
        ...


class WallClock:
    """Real time; a first interrupt, which sets `stop`, ends every wait."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def now(self) -> float:
        return time.monotonic()

    def readings(self) -> tuple[float, float, float]:
        return time.monotonic(), time.clock_gettime(_BOOT), time.time()

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, seconds: float) -> bool:
        return not self._stop.wait(seconds)

    def beside(self, task: Callable[[], Done]) -> Callable[[], Done]:
        future: Future[Done] = Future()

        def run() -> None:
            try:
                future.set_result(task())
            except BaseException as e:  # noqa: BLE001 - raised again where it is waited for
                future.set_exception(e)

        threading.Thread(target=run, daemon=True).start()  # a daemon: an interrupt does not wait for it
        return future.result

    def repeat(self, task: Callable[[], None], *, every_s: float, name: str) -> Callable[[], None]:
        ended = threading.Event()

        def run() -> None:
            while not ended.wait(every_s):
                task()

        # A daemon: a second interrupt, or a bug elsewhere, must not leave a process that renews its lease for ever.
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()

        def end() -> None:
            ended.set()
            thread.join()

        return end
