"""One play: a scenario from a seed, its runners, and the promises that its history must keep."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from unittest.mock import patch

from acrsync.diagnostics import AcrsyncError
from acrsync.runs import LANDING_S, lease
from acrsync.runs.lease import LeasedRuns, Object
from acrsync.runs.record import Who
from doubles import MemoryAccount
from simulate.servers import Network, Server, SimStore, Write
from simulate.world import KINDS, Process, SimClock, SimLock, Trouble, World

SETTLE_S = 15.0
TTL_S = 30.0


@dataclass(frozen=True)
class Runner:
    """A pipeline that applies one manifest, and is started again when it fails."""

    name: str
    wants: tuple[tuple[str, ...], ...]  # what each of its runs wants
    starts: tuple[float, ...]  # of its runs: the first from the beginning, others from the end of the one before
    rate: float = 1.0


@dataclass(frozen=True)
class Scenario:
    """Everything that a play depends on."""

    seed: int
    runners: tuple[Runner, ...]
    troubles: tuple[Trouble, ...]
    lag_s: float = 0.0
    unique: bool = False
    pace_s: float = 0.0  # at most so long does each write wait before it may be sent

    def __str__(self) -> str:
        runners = ", ".join(
            f"{r.name} wants {', then '.join(map(' '.join, r.wants))} (rate {r.rate:g})" for r in self.runners
        )
        names = "names are unique" if self.unique else "names may double"
        troubles = "".join(f"\n  {trouble}" for trouble in self.troubles)
        return f"seed {self.seed}: {runners}; lists lag up to {self.lag_s:g} s, {names}, writes wait up to {self.pace_s:g} s{troubles}"


def scenario(seed: int) -> Scenario:
    """Return what a seed stands for."""
    rng = random.Random(seed)
    names = ["one", "two", "three", "four", "five", "six"]
    runners = []
    for name in "abcd"[: rng.choice([1, 2, 2, 2, 3, 3, 4])]:
        starts = tuple(round(rng.uniform(0, rng.choice([3, 60])), 1) for _ in range(rng.randint(1, 3)))
        wants, wanted = [], 0
        for _ in starts:  # a manifest that grows
            wanted = min(len(names), wanted + rng.randint(1, 3))
            wants.append(tuple(names[:wanted]))
        runners.append(Runner(name, tuple(wants), starts, rate=rng.choice([1.0, 1.0, 0.98, 1.02])))
    processes = [f"{r.name}{number}" for r in runners for number in range(1, len(r.starts) + 1)]
    kinds = rng.sample(sorted(KINDS), rng.randint(2, 5))
    victim = rng.choice(processes)  # troubles of one process at one time do more harm than many here and there
    troubles = set()
    for _ in range(rng.choice([0, 2, 3, 3, 4, 5, 6, 8])):
        kind = rng.choice(kinds)
        low, high = KINDS[kind]
        process = rng.choice([victim, victim, rng.choice(processes)])
        effect = rng.randint(1, rng.choice([6, 12, 25]))
        troubles.add(Trouble(process, effect, kind, round(rng.uniform(low, high), 1)))
    return Scenario(
        seed,
        tuple(runners),
        tuple(sorted(troubles)),
        lag_s=rng.choice([0.0, 3.0, 0.9 * SETTLE_S]),
        pace_s=rng.choice([0.0, 5.0, 30.0]),
        unique=rng.random() < 0.2,
    )


@dataclass
class Play:
    """A scenario on its way."""

    scenario: Scenario
    apply: Callable[[Process, tuple[str, ...], Play], bool]  # one run; whether it came to its end
    world: World = field(init=False)
    server: Server = field(init=False)
    store: dict = field(default_factory=dict)
    done: dict[str, bool] = field(default_factory=dict)
    free: set[str] = field(default_factory=set)  # nonces of which somebody believed that their holder's time is over
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.scenario.seed, self.scenario.troubles, pace_s=self.scenario.pace_s)
        self.server = Server(self.world, MemoryAccount(), lag_s=self.scenario.lag_s, unique=self.scenario.unique)

    def check_premise(self, write: Write) -> None:
        """Note a write that was sent while another run could believe the account to be free."""
        stored = self.store.get("")
        now = Object.decoded(stored.data) if stored else Object()
        if now.holder is None or now.holder.who != write.process:
            self.broken.append(f"{write.process} wrote without holding the account")
        elif now.nonce in self.free:
            self.broken.append(f"{write.process} wrote when its time was over")

    def start(self, runner: Runner, number: int = 1) -> None:
        process = Process(f"{runner.name}{number}", rate=runner.rate)

        def over() -> None:
            if number < len(runner.starts):
                self.start(runner, number + 1)

        def run() -> None:
            wants = runner.wants[number - 1]
            self.world.tell(f"begins; wants {' '.join(wants)}")
            try:
                self.done[process.name] = self.apply(process, wants, self)
            except AcrsyncError as error:
                self.world.tell(f"gives up: {error}")
            except KeyboardInterrupt:
                self.world.tell("is interrupted")
            else:
                self.world.tell("ends")
            process.dead = True
            over()

        process.when_over = over
        self.world.start(process, run, after_s=runner.starts[number - 1])

    def run(self) -> tuple[str, ...]:
        """Play to the end; return the promises that were broken."""
        SimLock.world = self.world
        with patched():
            try:
                for runner in self.scenario.runners:
                    self.start(runner)
                self.world.run()
                broken = [*self.broken, *one_at_a_time(self.server.writes), *never_twice(self.server)]
                # What is left over is for a run in peace, and the one after it finds nothing to do.
                wants = tuple(sorted({name for runner in self.scenario.runners for name in runner.wants[-1]}))
                for name in ("y", "z"):
                    writes = len(self.server.writes)
                    self.start(Runner(name, (wants,), (1.0,)))
                    self.world.run()
                if not self.done.get("z1"):
                    broken.append("a run in peace does not come to its end")
                if len(self.server.writes) > writes:
                    broken.append("an apply after an apply in peace still writes")
                broken += never_twice(self.server)
            finally:
                self.world.end()
        return tuple(dict.fromkeys(broken))


class WatchedRuns(LeasedRuns):
    """The product's own, watched for when it believes that a holder's time is over."""

    def __init__(self, play: Play, process: Process) -> None:
        network = Network(play.world, process)
        super().__init__(
            SimStore(network, play.store),
            SimClock(play.world, process),
            who=Who(user=process.name),
            settle_s=SETTLE_S,
            ttl_s=TTL_S,
        )
        self.play = play

    def free_in(self, seen: Object, *, stood_s: float, landed: bool) -> float:
        free_in_s = super().free_in(seen, stood_s=stood_s, landed=landed)
        if free_in_s <= (LANDING_S + self.settle_s if seen.known().undecided else 0.0):
            self.play.free.add(seen.nonce)
        return free_in_s


@contextmanager
def patched() -> Iterator[None]:
    """Give the product locks that a task may hold while others go on in the same thread."""
    with patch.object(lease.threading, "Lock", SimLock):
        yield


def never_twice(server: Server) -> Iterator[str]:
    """Yield each create that was sent while what an earlier one made lived, or while that could still land."""
    creates = [write for write in server.writes if write.verb == "create"]
    for at, second in enumerate(creates):
        for first in creates[:at]:
            if first.name != second.name:
                continue
            for landed, bucket_id in first.landed[:1]:
                if landed > second.sent or bucket_id in server.rows_at(second.sent):
                    yield f"{first.name} was created by {first.process} and again by {second.process}"


def one_at_a_time(writes: Sequence[Write]) -> Iterator[str]:
    """Yield each run that wrote on a list that another run made old, or while another one wrote."""
    last: dict[tuple[str, float], float] = {}
    for write in writes:
        key = (write.process, write.listed)
        last[key] = max(last.get(key, 0.0), write.sent)
    for (process, listed), until in last.items():
        for other in writes:
            if other.process != process and any(listed < landed <= until for landed, _ in other.landed[:1]):
                yield f"{other.process} wrote while {process} did"


def shrunk(found: Scenario, breaks: Callable[[Scenario], bool]) -> Scenario:
    """Return a smaller scenario that still breaks a promise: without troubles, runs and runners that do not matter."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _without_one(found):
            if breaks(candidate):
                found, smaller = candidate, True
                break
    return found


def _without_one(found: Scenario) -> Iterator[Scenario]:
    for runner in found.runners:
        if len(found.runners) > 1:
            yield replace(found, runners=tuple(r for r in found.runners if r is not runner))
    for trouble in found.troubles:
        yield replace(found, troubles=tuple(t for t in found.troubles if t is not trouble))
    for runner in found.runners:
        if len(runner.starts) > 1:
            fewer = replace(runner, starts=runner.starts[:-1], wants=runner.wants[:-1])
            yield replace(found, runners=tuple(fewer if r is runner else r for r in found.runners))
        for name in runner.wants[-1]:
            wants = tuple(tuple(n for n in names if n != name) for names in runner.wants)
            fewer = replace(runner, wants=wants)
            yield replace(found, runners=tuple(fewer if r is runner else r for r in found.runners))
        if runner.rate != 1.0:
            yield replace(found, runners=tuple(replace(r, rate=1.0) if r is runner else r for r in found.runners))
    if found.lag_s:
        yield replace(found, lag_s=0.0)
    if found.pace_s:
        yield replace(found, pace_s=0.0)


def story(play: Play) -> str:
    """Return what happened, for people."""
    return "\n".join(f"{t:8.2f}  {who:4} {what}" for t, who, what in play.world.story)
