"""Locks and workers that wait in the simulation, in place of those that would stop its one thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from simulate.world import World


class SimLock:
    """A lock that a task may hold while it waits."""

    world: World  # set for the time of a play

    def __init__(self) -> None:
        self.held = False

    def __enter__(self) -> None:
        while self.held:
            self.world.sleep(0.05)
        self.held = True

    def __exit__(self, *_: object) -> None:
        self.held = False


class SimCondition:
    """A condition: nothing goes on within its block, and who waits for it lets others go on."""

    world: World  # set for the time of a play

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return

    def wait_for(self, holds: Callable[[], object]) -> None:
        while not holds():
            self.world.sleep(0.05)

    def notify_all(self) -> None:
        return


class SimPool:
    """A ThreadPoolExecutor whose workers are tasks of the simulation."""

    world: World  # set for the time of a play

    def __init__(self, workers: int) -> None:
        self.free = workers
        self.waiting: list[Callable[[], None]] = []

    def submit(self, act: Callable[..., Any], *args: Any) -> SimFuture:
        future = SimFuture(self.world)

        def run() -> None:
            try:
                future.set_result(act(*args))
            except Exception as error:  # noqa: BLE001 - the caller of `result` gets it, as from a thread
                future.set_exception(error)
            self.free += 1
            self._next()

        self.waiting.append(run)
        self._next()
        return future

    def _next(self) -> None:
        if self.free and self.waiting:
            self.free -= 1
            self.world.start(self.world.process, self.waiting.pop(0))

    def shutdown(self, *, cancel_futures: bool) -> None:
        self.waiting.clear()


class SimFuture(Future[Any]):
    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def result(self, timeout: float | None = None) -> Any:
        while not self.done():
            self._world.sleep(0.05)
        return super().result(timeout)
