"""A world in one thread: tasks, clocks and troubles, and every step of it decided by one seed.

A task is a greenlet that belongs to a process. It runs until it waits for something, then the scheduler goes on with
whatever is next. Nothing here is random but by `chance`, which depends on the seed, the process and how many effects
the process has had: to leave a trouble out changes nothing that came before it.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from greenlet import GreenletExit, getcurrent, greenlet

from step_clock import at_once

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
HORIZON_S = 20_000.0


KINDS = {  # by kind, how long it takes: at least and at most, in seconds
    "kill": (0, 1),  # below 0.5 before the request is sent, else after
    "stop": (1, 200),  # before the request or before its answer is seen
    "sleep": (1, 200),  # with its machine: its monotonic clock stands
    "cut-api": (5, 150),
    "cut-store": (5, 150),
    "deaf-api": (10, 150),  # no write is answered, and some never arrive
    "deaf-store": (10, 150),
    "lose": (0, 1),  # below 0.3 the request, else its answer
    "late": (1, 120),
    "twice": (0, 60),
    "pause": (2, 100),  # the server asks for patience
    "slow": (2, 9.5),  # an answer that takes long on its way back
    "jump": (-4000, 4000),
}


@dataclass(frozen=True, order=True)
class Trouble:
    """One thing that goes wrong: at the n-th effect of a process."""

    process: str
    effect: int
    kind: str  # one of KINDS
    size: float = 0.0  # seconds

    def __str__(self) -> str:
        return f"{self.process}: {self.kind} {self.size:g} at effect {self.effect}"


@dataclass
class Process:
    """One run of acrsync on one machine."""

    name: str
    rate: float = 1.0  # of its clocks
    wall_offset: float = 0.0
    effects: int = 0
    dead: bool = False
    suspended_until: float = 0.0
    slept: float = 0.0  # seconds in which its monotonic clock stood
    cut: dict[str, float] = field(default_factory=dict)  # until when, by kind, it is cut off from the API or the store
    interrupted: bool = False
    when_over: Callable[[], None] = lambda: None  # called once it ended or was killed


@dataclass(order=True)
class Wake:
    at: float
    number: int
    task: greenlet = field(compare=False)
    process: Process = field(compare=False)


class World:
    """The scheduler: the one place where time goes on."""

    def __init__(
        self, seed: int, troubles: Iterable[Trouble] = (), *, pace_s: float = 0.0, stalls: bool = False
    ) -> None:
        self.seed = seed
        self.pace_s = pace_s
        self.stalls = stalls
        self.t = 0.0
        self.story: list[tuple[float, str, str]] = []
        self.troubles: dict[tuple[str, int], list[Trouble]] = {}
        for trouble in troubles:
            self.troubles.setdefault((trouble.process, trouble.effect), []).append(trouble)
        self.met: set[Trouble] = set()
        self.processes: dict[str, Process] = {}
        self.events: list[tuple[float, int, Callable[[], None]]] = []  # what servers do by themselves
        self.over = False
        self._queue: list[Wake] = []
        self._number = 0
        self._hub = getcurrent()
        self._owner: dict[greenlet, Process] = {}
        self._current: Process | None = None
        self.failure: BaseException | None = None

    # Chance.

    def chance(self, *what: object) -> float:
        """Return a number in [0, 1) that depends on the seed and on what it is for."""
        text = repr((self.seed, *what)).encode()
        return (zlib.crc32(text, zlib.crc32(text[::-1])) & 0xFFFFFFFF) / 2**32

    # Tasks.

    @property
    def process(self) -> Process:
        """The process of the task that runs now."""
        assert self._current is not None
        return self._current

    def tell(self, text: str) -> None:
        self.story.append((self.t, self._current.name if self._current else "-", text))

    def start(self, process: Process, run: Callable[[], object], *, after_s: float = 0.0) -> greenlet:
        """Have a task begin."""
        self.processes[process.name] = process

        def body() -> None:
            try:
                run()
            except GreenletExit:
                return
            except BaseException as error:  # noqa: BLE001 - a bug in the product or here ends the play
                self.failure = self.failure or error

        task = greenlet(body, parent=self._hub)
        self._owner[task] = process
        self._wake(task, process, self.t + after_s)
        return task

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Have a server do something by itself."""
        self._number += 1
        heapq.heappush(self.events, (self.t + seconds, self._number, act))

    def sleep(self, seconds: float) -> None:
        """Let the task that runs now wait."""
        if self.over or self.process.dead:
            raise GreenletExit
        process, task = self.process, getcurrent()
        self._wake(task, process, self.t + max(0.0, seconds))
        self._hub.switch()
        if self.over or process.dead:
            raise GreenletExit

    def _wake(self, task: greenlet, process: Process, at: float) -> None:
        self._number += 1
        heapq.heappush(self._queue, Wake(at, self._number, task, process))

    def run(self) -> None:
        """Go on until nothing is left to do. Raises what a task raised that should not."""
        while self._queue and self.failure is None:
            next_wake = self._queue[0]
            if self.events and self.events[0][0] <= next_wake.at:
                self.t, _, act = heapq.heappop(self.events)
                self._current = None
                act()
                continue
            wake = heapq.heappop(self._queue)
            if wake.process.dead or wake.task.dead:
                continue
            if wake.process.suspended_until > wake.at:
                self._wake(wake.task, wake.process, wake.process.suspended_until)
                continue
            self.t = max(self.t, wake.at)
            if self.t > HORIZON_S:
                raise AssertionError("the play does not come to an end")
            self._current = wake.process
            wake.task.switch()
            self._current = None
        for _, _, act in sorted(self.events, key=lambda event: event[:2]):
            act()
        self.events.clear()

    def end(self) -> None:
        """Release all tasks that never ended: none of them does anything after this."""
        self.over = True
        for task in self._owner:
            if task and not task.dead:
                task.throw(GreenletExit)
        self._owner.clear()

    # Effects.

    def effect(self, what: str) -> tuple[int, dict[str, Trouble]]:
        """Begin an effect of this process: count it, and meet the troubles that wait for it, those of sending apart."""
        if self.over or self.process.dead:
            raise GreenletExit
        process = self.process
        process.effects += 1
        number = process.effects
        sending = {}
        for trouble in self.troubles.get((process.name, number), ()):
            self.met.add(trouble)
            match trouble.kind:
                case "cut-api" | "cut-store" | "deaf-api" | "deaf-store":
                    process.cut[trouble.kind] = self.t + trouble.size
                    self.tell(f"{trouble.kind} for {trouble.size:.0f} s")
                case "jump":
                    process.wall_offset += trouble.size
                    self.tell(f"its wall clock jumps by {trouble.size:.0f} s")
                case _:
                    sending[trouble.kind] = trouble
        return number, sending

    def suspend(self, process: Process, trouble: Trouble) -> None:
        self.tell(f"is suspended for {trouble.size:.0f} s" + " with its machine" * (trouble.kind == "sleep"))
        process.suspended_until = self.t + trouble.size
        if trouble.kind == "sleep":
            process.slept += trouble.size
        self.sleep(trouble.size)

    def kill(self, process: Process) -> None:
        self.tell("is killed")
        process.dead = True
        process.when_over()
        raise GreenletExit

    def latency(self, process: Process, number: int, way: str) -> float:
        """Return seconds: mostly some tenths, sometimes several seconds."""
        chance = self.chance(process.name, number, way)
        return 0.02 + (0.3 * chance if chance < 0.8 else 8.0 * (chance - 0.8) / 0.2 * 0.25)


@dataclass
class SimClock:
    """Time as one process sees it."""

    world: World
    process: Process

    def now(self) -> float:
        return self.process.rate * (self.world.t - self.process.slept)

    def readings(self) -> tuple[float, float, float]:
        boot = self.process.rate * self.world.t
        return self.now(), boot, boot + self.process.wall_offset

    def wall(self) -> datetime:
        return EPOCH + timedelta(seconds=self.readings()[2])

    def wait(self, seconds: float) -> bool:
        if self.process.interrupted:
            return False
        self.world.sleep(seconds / self.process.rate)
        return not self.process.interrupted

    beside = staticmethod(at_once)

    def repeat(self, task: Callable[[], None], *, every_s: float, name: str) -> Callable[[], None]:
        stopped, busy = False, False

        def run() -> None:
            nonlocal busy
            while True:
                self.world.sleep(every_s / self.process.rate)
                if stopped:
                    return
                busy = True
                task()
                busy = False

        self.world.start(self.process, run)

        def end() -> None:
            nonlocal stopped
            stopped = True
            while busy:
                self.world.sleep(0.05)

        return end
