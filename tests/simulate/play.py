"""One play: a scenario from a seed, its runners, and the promises that its history must keep."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from traceback import format_exception
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from acrsync.apply import gate, waves
from acrsync.bucket import decode
from acrsync.diagnostics import AcrsyncError
from acrsync.model import JSON
from acrsync.runs import LANDING_S, lease
from acrsync.runs.lease import LeasedRuns, Object
from acrsync.runs.record import Who
from doubles import MemoryAccount
from simulate.servers import Network, Server, Shared, SimStore, Write
from simulate.tasks import SimCondition, SimLock, SimPool
from simulate.world import KINDS, Process, SimClock, Trouble, World

SETTLE_S = 15.0
TTL_S = 30.0


@dataclass(frozen=True)
class Revision:
    """What one run does: a manifest as it was at some commit."""

    entries: tuple[tuple[str, tuple[tuple[str, JSON], ...]], ...]  # by name, what is mentioned of it
    removed: tuple[str, ...] = ()
    parallelism: int = 1
    does: str = "apply"  # or plan, undo

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.entries)

    def __str__(self) -> str:
        entries = (
            " ".join([name, *(str(value) for key, value in attrs if key != "type")]) for name, attrs in self.entries
        )
        removed = f"; removes {' '.join(self.removed)}" if self.removed else ""
        return f"{self.does} [{', '.join(entries)}{removed}] {self.parallelism} at a time"


@dataclass(frozen=True)
class Runner:
    """A pipeline that applies a manifest, and is started again whatever became of the run before."""

    name: str
    runs: tuple[tuple[float, Revision], ...]  # when, from the beginning or from the end of the run before, and what
    rate: float = 1.0  # of its clocks

    def __str__(self) -> str:
        return f"{self.name} (clocks x {self.rate:g})" + "".join(
            f"\n    after {at:g} s {what}" for at, what in self.runs
        )


@dataclass(frozen=True)
class Scenario:
    """Everything that a play depends on."""

    seed: int
    runners: tuple[Runner, ...]
    troubles: tuple[Trouble, ...]
    seeded: tuple[tuple[str, int], ...] = ()  # buckets that were there before, and how many files they hold
    last: Revision = Revision(())  # what is applied in the end, in peace
    lag_s: float = 0.0
    unique: bool = False
    pace_s: float = 0.0  # the longest wait of a write before it can be sent
    respelled: tuple[str, ...] = ()  # names that the server spells otherwise
    merged: tuple[tuple[str, str], ...] = ()  # names that the server takes for another one, of which it has a bucket

    def __str__(self) -> str:
        facts = f"lists lag up to {self.lag_s:g} s, writes wait up to {self.pace_s:g} s"
        facts += f", names {'are unique' if self.unique else 'may double'}"
        facts += f", respelled: {' '.join(self.respelled)}" * bool(self.respelled)
        facts += f", merged: {self.merged}" * bool(self.merged)
        lines = [f"seed {self.seed}: {facts}", f"there before: {self.seeded}", *map(str, self.runners)]
        return "\n  ".join((*lines, *map(str, self.troubles)))


NAMES = ("one", "two", "three", "four", "five", "six")
PLACES = ("eu-west-1", "us-west-2")


def scenario(seed: int) -> Scenario:
    """Return what a seed stands for."""
    rng = random.Random(seed)
    seeded = tuple((name, rng.choice([0, 0, 2])) for name in rng.sample(NAMES, rng.choice([0, 1, 2])))
    history = revisions(rng, {name for name, files in seeded if files})
    runners = []
    for name in "abcd"[: rng.choice([1, 2, 2, 2, 3, 3, 4])]:
        runs, at = [], 0
        for _ in range(rng.randint(1, 3)):
            at = min(len(history) - 1, at + rng.randint(0, 2))
            does = rng.choice(["apply"] * 12 + ["undo", "plan"])
            what = replace(history[at], does=does, parallelism=rng.choice([1, 1, 3]))
            runs.append((round(rng.uniform(0, rng.choice([3, 60])), 1), what))
        runners.append(Runner(name, tuple(runs), rate=rng.choice([1.0, 1.0, 0.98, 1.02])))
    return Scenario(
        seed,
        tuple(runners),
        troubles(rng, [f"{r.name}{number}" for r in runners for number in range(1, len(r.runs) + 1)]),
        seeded,
        history[-1],
        lag_s=rng.choice([0.0, 3.0, 0.9 * SETTLE_S]),
        unique=rng.random() < 0.2,
        pace_s=rng.choice([0.0, 5.0, 30.0]),
        respelled=tuple(rng.sample(NAMES, 1)) if rng.random() < 0.1 else (),
        merged=((tuple(rng.sample(NAMES, 2))),) if rng.random() < 0.1 else (),  # type: ignore[arg-type]
    )


def revisions(rng: random.Random, full: set[str]) -> list[Revision]:
    """Return a manifest as it grows and changes; a bucket that has files keeps its region."""
    entries: dict[str, dict[str, JSON]] = {}
    removed: set[str] = set()
    history: list[Any] = []
    for _ in range(rng.randint(2, 5)):
        for name in rng.sample(NAMES, rng.randint(1, 3)):
            attrs = entries.setdefault(name, {"region": PLACES[0], "type": "File"})
            removed.discard(name)
            kind = rng.choice(["new", "new", "region", "labels", "remove"])
            if kind == "region" and name not in full:
                attrs["region"] = rng.choice(PLACES)
            elif kind == "labels":
                attrs["labels"] = [rng.choice(["Radio", "TV"])]
            elif kind == "remove" and name not in full and history:
                del entries[name]
                removed.add(name)
        listed = tuple((name, tuple((key, value) for key, value in attrs.items())) for name, attrs in entries.items())
        history.append(Revision(listed, tuple(sorted(removed))))
    return history


def troubles(rng: random.Random, processes: Sequence[str]) -> tuple[Trouble, ...]:
    kinds = rng.sample(sorted(KINDS), rng.randint(2, 5))
    victim = rng.choice(processes)  # troubles of one process at one time do more harm than many here and there
    found = set()
    for _ in range(rng.choice([0, 2, 3, 3, 4, 5, 6, 8])):
        kind = rng.choice(kinds)
        low, high = KINDS[kind]
        process = rng.choice([victim, victim, rng.choice(processes)])
        effect = rng.randint(1, rng.choice([8, 16, 40]))
        found.add(Trouble(process, effect, kind, round(rng.uniform(low, high), 1)))
    return tuple(sorted(found))


Apply = Callable[[Process, Revision, "Play"], bool]  # one run; whether it came to its end and saw all as wanted


@dataclass
class Play:
    """A scenario on its way."""

    scenario: Scenario
    apply: Apply
    in_peace: bool = True  # whether what comes of it in the end is judged, too
    strict: bool = False  # creates are claimed
    stalls: bool = False  # processes are suspended between the last look and the socket; only creates are judged
    world: World = field(init=False)
    server: Server = field(init=False)
    store: Shared = field(default_factory=Shared)
    done: dict[str, bool] = field(default_factory=dict)
    free: set[str] = field(default_factory=set)  # nonces whose holder was considered expired by a run
    undoing: dict[str, frozenset[int]] = field(default_factory=dict)  # by process, what was there before the undone run
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        scenario = self.scenario
        self.world = World(scenario.seed, scenario.troubles, pace_s=scenario.pace_s, stalls=self.stalls)
        account = MemoryAccount()
        for number, (name, files) in enumerate(scenario.seeded):
            account.seed(id=100 + number, name=name, num=files, **BEFORE)
        self.server = Server(self.world, account, lag_s=scenario.lag_s, unique=scenario.unique)
        self.server.respell = lambda name: f"{name}-1" if name in scenario.respelled else name
        self.server.merges = dict(scenario.merged)
        self.server.when_deleting = self.check_delete

    # Promises that can be checked while it goes on.

    def check_premise(self, write: Write) -> None:
        """Note a write that was sent while another run could believe the account to be free."""
        now = Object.decoded(self.store.stored.data) if self.store.stored else Object()
        if now.holder is None or now.holder.who != write.process:
            self.broken.append(f"{write.process} wrote without holding the account")
        elif now.nonce in self.free:
            self.broken.append(f"{write.process} wrote when its time was over")

    def check_delete(self, write: Write, bucket_id: int) -> None:
        if self.server.account.files.get(bucket_id):
            self.broken.append(f"{write.process} deleted {bucket_id}, which holds files")
        if bucket_id in self.undoing.get(write.process, ()):
            self.broken.append(f"{write.process} undid a run and deleted {bucket_id}, which was there before that")

    def check_verified(self, process: Process, revision: Revision, *, listed: float) -> None:
        """Note a run that says that all is as wanted, when it was not at any time that its last list may have shown."""
        times = [listed - self.server.lag_s, *(at for at, _ in self.server.history if at >= listed - self.server.lag_s)]
        if not any(all(_is_as_wanted(self.server.rows_at(at), entry) for entry in revision.entries) for at in times):
            self.broken.append(f"{process.name} says that it is done, and not all is as wanted")

    # Playing.

    def start(self, runner: Runner, number: int = 1) -> None:
        process = Process(f"{runner.name}{number}", rate=runner.rate)
        after_s, revision = runner.runs[number - 1]

        def over() -> None:
            if number < len(runner.runs):
                self.start(runner, number + 1)

        def run() -> None:
            self.world.tell(f"begins: {revision}")
            try:
                self.done[process.name] = self.apply(process, revision, self)
            except AcrsyncError as error:
                self.world.tell(f"gives up: {error}")
            except KeyboardInterrupt:
                self.world.tell("is interrupted")
            else:
                self.world.tell("ends")
            process.dead = True
            over()

        process.when_over = over
        self.world.start(process, run, after_s=after_s)

    def run(self) -> tuple[str, ...]:
        """Play to the end; return the promises that were broken."""
        with patched(self.world):
            try:
                for runner in self.scenario.runners:
                    self.start(runner)
                self.world.run()
                # What is left over is for one run alone, when no list lags, or for two if a bucket that a
                # replacement lost comes back first. The one after them finds nothing to do.
                for name in ("x", "y"):
                    self.start(Runner(name, ((60.0, self.scenario.last),)))
                    self.world.run()
                writes = len(self.server.writes)
                self.start(Runner("z", ((60.0, self.scenario.last),)))
                self.world.run()
                self.broken += self._only_read()
                self.broken += one_at_a_time(self.server.writes)
                self.broken += never_twice(self.server)
                spelled = self.scenario.respelled or self.scenario.merged or self.server.doubled
                if self.in_peace and not spelled:
                    self.broken += self._in_peace(writes)
            finally:
                self.world.end()
        if self.world.failure is not None:
            self.world.tell("".join(format_exception(self.world.failure)))
            self.broken.append(f"a bug: {self.world.failure.__cause__ or self.world.failure!r}")
        return tuple(never_twice(self.server) if self.stalls else dict.fromkeys(self.broken))

    def _only_read(self) -> Iterator[str]:
        """Yield each plan that changed anything, in the account or in the run store."""
        changed = {write.process for write in self.server.writes} | self.store.asked_by
        for runner in self.scenario.runners:
            for number, (_, what) in enumerate(runner.runs, 1):
                if what.does == "plan" and f"{runner.name}{number}" in changed:
                    yield f"{runner.name}{number} only planned, and changed something"

    def _in_peace(self, writes: int) -> Iterator[str]:
        if not self.done.get("z1"):
            yield "a run in peace does not come to its end"
        if len(self.server.writes) > writes:
            yield "an apply after an apply in peace still writes"
        asked = [what for runner in self.scenario.runners for _, what in runner.runs] + [self.scenario.last]
        if any(what.does == "undo" for what in asked):
            return  # it may take back the run that brought a bucket back
        gone = {name for what in asked for name in what.removed}
        for name in {name for name, _ in self.scenario.seeded} & set(self.scenario.last.names) - gone:
            mentioned = {key for what in asked for key, _ in dict(what.entries).get(name, ())}
            rows = map(self.server.account.show, self.server.account.rows)
            kept = {key: value for key, value in KEPT.items() if key not in mentioned}
            if not any(
                row.name == name and all(row.attrs[key] == value for key, value in kept.items()) for row in rows
            ):
                yield f"{name} lost what no manifest mentions"


def _is_as_wanted(rows: Mapping[int, dict[str, object]], entry: tuple[str, Sequence[tuple[str, JSON]]]) -> bool:
    name, attrs = entry
    named = [decode(row | {"labels": str(row["labels"]).split(",")}) for row in rows.values() if row["name"] == name]
    return any(all(row.attrs[key] == value for key, value in attrs) for row in named)


BEFORE: dict[str, JSON] = {"labels": ["Kept"], "metadata_template": '{"a": {"default": "b"}}'}
KEPT = {"labels": ["Kept"], "metadata_template": {"a": {"default": "b"}}}


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
            strict=play.strict,
        )
        self.play = play

    def remaining_wait_s(self, seen: Object, *, unchanged_s: float, in_flight: bool) -> float:
        free_in_s = super().remaining_wait_s(seen, unchanged_s=unchanged_s, in_flight=in_flight)
        if free_in_s <= (LANDING_S + self.settle_s if seen.known().undecided else 0.0):
            self.play.free.add(seen.nonce)
        return free_in_s


@contextmanager
def patched(world: World) -> Iterator[None]:
    """Give the product locks and workers that let others go on in the same thread."""
    SimLock.world = SimPool.world = SimCondition.world = world
    with (
        patch.object(lease, "threading", SimpleNamespace(Lock=SimLock)),
        patch.object(gate, "threading", SimpleNamespace(Condition=SimCondition)),
        patch.object(waves, "ThreadPoolExecutor", SimPool),
    ):
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
        for smaller in _smaller(runner):
            yield replace(found, runners=tuple(smaller if r is runner else r for r in found.runners))
    for name in NAMES:
        runners = tuple(
            replace(r, runs=tuple((at, _without(what, name)) for at, what in r.runs)) for r in found.runners
        )
        smaller_one = replace(found, runners=runners, last=_without(found.last, name))
        if smaller_one != found:
            yield smaller_one
    for calmer in ({"lag_s": 0.0}, {"pace_s": 0.0}, {"respelled": ()}, {"merged": ()}, {"seeded": found.seeded[1:]}):
        if (changed := replace(found, **calmer)) != found:
            yield changed


def _smaller(runner: Runner) -> Iterator[Runner]:
    if len(runner.runs) > 1:
        yield replace(runner, runs=runner.runs[:-1])
    for number, (at, what) in enumerate(runner.runs):
        if what.parallelism > 1 or what.does != "apply":
            simpler = replace(what, parallelism=1, does="apply")
            yield replace(runner, runs=(*runner.runs[:number], (at, simpler), *runner.runs[number + 1 :]))
    if runner.rate != 1.0:
        yield replace(runner, rate=1.0)


def _without(revision: Revision, name: str) -> Revision:
    entries = tuple(entry for entry in revision.entries if entry[0] != name)
    return replace(revision, entries=entries, removed=tuple(n for n in revision.removed if n != name))


def story(play: Play) -> str:
    """Return what happened, for people."""
    return "\n".join(f"{t:8.2f}  {who:4} {what}" for t, who, what in play.world.story)
