"""Faults planted on purpose, one rule left out each: the simulation must find every one of them.

A patch stands for the whole play and is never put on by a task: tasks take turns, and would take it off for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from unittest.mock import patch

from acrsync.apply.names import Names
from acrsync.diagnostics import UnknownOutcome
from acrsync.model import Attrs, Live
from acrsync.plan import undo
from acrsync.plan.earlier import Earlier
from acrsync.plan.outcome import WELL, Status
from acrsync.runs import lease, memory
from acrsync.runs.lease import Lease, LeasedRun, LeasedRuns, Object
from acrsync.runs.record import Line, Wanted, closed_line
from acrsync.runs.store import Conflict, Unanswered
from simulate.servers import Network, SimRemote

Plant = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Fault:
    """What is left out, and how."""

    what: str
    plant: Plant


def _put_by_name(self: Lease, *, note: str, records: Mapping[str, bytes] = {}) -> None:
    """After a conflict believe the object to be our own if it names this run as its holder."""
    nonce = self.fresh_nonce()
    data = replace(self.wanted, nonce=nonce).encoded()
    since = self.runs.clock.readings()
    error: Exception = AssertionError()
    for _ in range(lease.TRIES):
        try:
            self._version = self.runs.store.swap(data, expected=self._version, note=note, records=records)
        except (Conflict, Unanswered) as unsure:
            error = unsure
            now, version = self.runs.read()
            if now.holder and self.wanted.holder and now.holder.run == self.wanted.holder.run:
                self._version = version
            elif version != self._version:
                self.taken_over = True
                raise
            else:
                continue
        self._since = since
        return
    raise error


def _put_counting_from_the_answer(self: Lease, *, note: str, records: Mapping[str, bytes] = {}) -> None:
    PUT(self, note=note, records=records)
    self._since = self.runs.clock.readings()


PUT = Lease.put
IN_TIME = vars(Lease)["in_time"].fget
assert IN_TIME is not None
READ = LeasedRuns.read
FREE_IN = LeasedRuns.remaining_wait_s
SETTLED = memory.Known.settled
CONNECTING = Network.connecting


def _in_time_by(clock: int) -> property:
    def in_time(self: Lease) -> bool:
        since = self._since
        return (
            not self.taken_over
            and since is not None
            and self.runs.clock.readings()[clock] - since[clock] < self.runs.ttl_s * lease.MARGIN
        )

    return property(in_time)


def _forget_all(self: Object, *, now: object) -> Object:
    return replace(self, runs={})


BEGIN = LeasedRuns.begin


def _free_by_stamps(self: LeasedRuns, seen: Object, *, unchanged_s: float, in_flight: bool) -> float:
    if not seen.holder:
        return FREE_IN(self, seen, unchanged_s=unchanged_s, in_flight=in_flight)
    age = (self.clock.wall() - datetime.fromisoformat(seen.holder.since)).total_seconds()
    return FREE_IN(self, seen, unchanged_s=max(age, 0), in_flight=in_flight)


def _look_once(self: LeasedRun) -> None:
    if not self._lease.in_time:
        self.renew()
    if self._lease.taken_over:
        raise lease._lost("")


def _begin_without_plan(self: LeasedRuns, wanted: Wanted, *, rows: Sequence[Live]) -> LeasedRun:
    return BEGIN(self, replace(wanted, plan=replace(wanted.plan, waves=())), rows=rows)


def _restart(self: LeasedRuns, wanted: Wanted, *, rows: Sequence[Live]) -> LeasedRun:
    seen, version = self.read()
    if seen.holder is None:
        self._last_read = seen, version
    return BEGIN(self, wanted, rows=rows)


@contextmanager
def _look_before_pauses() -> Iterator[None]:
    def connecting(self: Network, connect: Callable[[], None], before: Callable[[], None]) -> None:
        before()
        connect()

    with patch.object(Network, "connecting", connecting):
        yield


def _forgetting(_self: memory.Known) -> bool:
    return False


def _tidied_early(self: Object, *, now: object) -> Object:
    """Keep only what the run that ends left; what was open before is forgotten."""
    return replace(self, runs=dict(list(self.runs.items())[-1:]))


def _close_always(run: memory.PastRun, rows: object, *, by: str, now: datetime, **_: object) -> Iterator[Line]:
    """A run that ends closes the records of all earlier ones."""
    yield closed_line(by=by, reason="", now=now)


@contextmanager
def _resending() -> Iterator[None]:
    """Send a create again whose answer was lost."""
    create = SimRemote.create

    def twice(self: SimRemote, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        try:
            return create(self, attrs, marks=marks)
        except UnknownOutcome:
            return create(self, attrs, marks=marks)

    with patch.object(SimRemote, "create", twice):
        yield


def _free_when_landed(self: LeasedRuns, seen: Object, *, unchanged_s: float, in_flight: bool) -> float:
    settle_s, self.settle_s = self.settle_s, 0.0
    try:
        return FREE_IN(self, seen, unchanged_s=unchanged_s, in_flight=in_flight)
    finally:
        self.settle_s = settle_s


def _landed_anyway(self: Lease, nonce: str) -> bool:
    self._version = self.runs.read()[1]
    return True


def _without(field: str) -> Callable[..., Earlier]:
    def earlier(self: memory.Known, rows: Sequence[Live], *, manifest: tuple[str, ...] = ()) -> Earlier:
        return replace(EARLIER(self, rows, manifest=manifest), **{field: type(getattr(Earlier(), field))()})

    return earlier


EARLIER = memory.Known.earlier


@contextmanager
def _believing_answers() -> Iterator[None]:
    """Leave out both rules: that an id listed before proves no create, and that undo never deletes one."""
    with (
        patch.object(Names, "has", lambda self, id_: False),
        patch.object(undo._Undoing, "existed", lambda self, row: False),
    ):
        yield


FAULTS: dict[str, Fault] = {
    "rule 1": Fault("every swap has the same nonce", lambda: patch.object(Lease, "fresh_nonce", lambda self: "n")),
    "rule 2": Fault("after a conflict the holder's name is believed", lambda: patch.object(Lease, "put", _put_by_name)),
    "rule 3": Fault("a release forgets what happened", lambda: patch.object(Object, "compacted", _forget_all)),
    "rule 4": Fault(
        "the holder's stamp decides", lambda: patch.object(LeasedRuns, "remaining_wait_s", _free_by_stamps)
    ),
    "rule 5: sent": Fault(
        "the holder counts from the answer", lambda: patch.object(Lease, "put", _put_counting_from_the_answer)
    ),
    "rule 5: clocks": Fault("only the monotonic clock counts", lambda: patch.object(Lease, "in_time", _in_time_by(0))),
    "rule 5: last": Fault("the last look is before pauses and connecting", _look_before_pauses),
    "rule 5: again": Fault("no look after a renewal", lambda: patch.object(LeasedRun, "before_write", _look_once)),
    "rule 6": Fault("the plan is not in the object", lambda: patch.object(LeasedRuns, "begin", _begin_without_plan)),
    "rule 7": Fault(
        "no wait for what may land", lambda: patch.object(memory.Known, "undecided", property(_forgetting))
    ),
    "rule 8": Fault("an end forgets what was open before", lambda: patch.object(Object, "compacted", _tidied_early)),
    "rule 9": Fault(
        "any list is believed",
        lambda: patch.multiple(
            memory.Known, shown_by=lambda self, rows, now: True, unlisted=lambda self, rows, now: ()
        ),
    ),
    "rule 10": Fault("the first swap names a newer version", lambda: patch.object(LeasedRuns, "begin", _restart)),
    "no look": Fault(
        "nothing is checked before a write", lambda: patch.object(LeasedRun, "before_write", lambda self: None)
    ),
    "moved on": Fault("a swap that conflicts counts as done", lambda: patch.object(Lease, "landed", _landed_anyway)),
    "no settle": Fault(
        "a list that lags is believed after a crash",
        lambda: patch.object(LeasedRuns, "remaining_wait_s", _free_when_landed),
    ),
    "closed early": Fault("a run closes all earlier ones", lambda: patch.object(memory, "_settled", _close_always)),
    "unknown is done": Fault(
        "a create with an unknown result is not open", lambda: patch.object(memory, "WELL", WELL | {Status.UNKNOWN})
    ),
    "resent": Fault("a create is sent again after a lost answer", _resending),
    "name forgotten": Fault(
        "a bucket under another name is forgotten", lambda: patch.object(memory.Known, "earlier", _without("aliases"))
    ),
    "attributes lost": Fault(
        "a lost bucket comes back with what the manifest says",
        lambda: patch.object(memory.Known, "earlier", _without("pending")),
    ),
    "undo by id": Fault(
        "what a create was answered with is believed, and undo deletes it",
        _believing_answers,
    ),
}
