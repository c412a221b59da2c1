"""The time that an apply uses. Here it is real time; tests replace it by a clock that they move themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Protocol, TypeVar

Done = TypeVar("Done")

# While the machine sleeps, the monotonic clock stops and CLOCK_BOOTTIME goes on. Not every system has it.
_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """The time, waiting, and tasks that run at intervals."""

    def now(self) -> float:
        """Return seconds that never go back. They can stop while the machine sleeps."""
        ...

    def readings(self) -> tuple[float, float, float]:
        """Return the monotonic, the boot-time and the wall clock in seconds. At least one of them never stops."""
        ...

    def wall(self) -> datetime:
        """Return the time in UTC, for people and records. Never compare it between machines."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait, and return True. Return False at once after a first interrupt."""
        ...

    def beside(self, task: Callable[[], Done]) -> Callable[[], Done]:
        """Begin `task` beside the caller; return what waits for it and returns or raises what it does."""
        ...

    def repeat(self, task: Callable[[], None], *, every_s: float, name: str) -> Callable[[], None]:
        """Run `task` in the background at this interval, also after an interrupt. Return a function that stops it.

        That function waits until the task has ended. `task` must not raise.
        """
        ...


class WallClock:
    """Real time. A first interrupt sets `stop`, which ends every wait."""

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
            except BaseException as e:  # noqa: BLE001 - raised again by `result`
                future.set_exception(e)

        threading.Thread(target=run, daemon=True).start()  # a daemon: an interrupt does not wait for it
        return future.result

    def repeat(self, task: Callable[[], None], *, every_s: float, name: str) -> Callable[[], None]:
        ended = threading.Event()

        def run() -> None:
            while not ended.wait(every_s):
                task()

        # A daemon: after a second interrupt, or a bug elsewhere, the process must end and not renew its lease forever.
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()

        def end() -> None:
            ended.set()
            thread.join()

        return end
