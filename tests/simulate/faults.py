"""Faults planted on purpose, one rule left out each: the simulation must find every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from unittest.mock import patch

from acrsync.runs import lease, memory
from acrsync.runs.lease import Lease, LeasedRun, LeasedRuns, Object
from acrsync.runs.store import Conflict, Unanswered
from simulate.servers import Network

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
                self.gone = True
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
IN_TIME = Lease.in_time.fget
assert IN_TIME is not None
READ = LeasedRuns.read
FREE_IN = LeasedRuns.free_in
SETTLED = memory.Known.settled
CONNECTING = Network.connecting


def _in_time_by(clock: int) -> property:
    def in_time(self: Lease) -> bool:
        since = self._since
        return (
            not self.gone
            and since is not None
            and self.runs.clock.readings()[clock] - since[clock] < self.runs.ttl_s * lease.MARGIN
        )

    return property(in_time)


def _end_without_memory(self: LeasedRun, **kwargs: object) -> None:
    with patch.object(Object, "tidied", lambda self, now: replace(self, runs={})):
        END(self, **kwargs)  # type: ignore[arg-type]


END = LeasedRun.end
BEGIN = LeasedRuns.begin


def _free_by_stamps(self: LeasedRuns, seen: Object, *, stood_s: float, landed: bool) -> float:
    if not seen.holder:
        return FREE_IN(self, seen, stood_s=stood_s, landed=landed)
    from datetime import datetime

    age = (self.clock.wall() - datetime.fromisoformat(seen.holder.since)).total_seconds()
    return FREE_IN(self, seen, stood_s=max(age, 0), landed=landed)


def _look_once(self: LeasedRun) -> None:
    if not self._lease.in_time:
        self.renew()
    if self._lease.gone:
        raise lease._lost("")


def _begin_without_plan(self: LeasedRuns, wanted: object, **kwargs: object) -> LeasedRun:
    with patch.object(lease, "intents_of", lambda plan, now: ()):
        return BEGIN(self, wanted, **kwargs)  # type: ignore[arg-type]


def _begin_on_what_is_there(self: LeasedRuns, wanted: object, **kwargs: object) -> LeasedRun:
    seen, version = self.read()
    if seen.holder is None:
        self._seen = seen, version
    return BEGIN(self, wanted, **kwargs)  # type: ignore[arg-type]


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


FAULTS: dict[str, Fault] = {
    "rule 1": Fault("every swap has the same nonce", lambda: patch.object(Lease, "fresh_nonce", lambda self: "n")),
    "rule 2": Fault("after a conflict the holder's name is believed", lambda: patch.object(Lease, "put", _put_by_name)),
    "rule 3": Fault("a release forgets what happened", lambda: patch.object(LeasedRun, "end", _end_without_memory)),
    "rule 4": Fault("the holder's stamp decides", lambda: patch.object(LeasedRuns, "free_in", _free_by_stamps)),
    "rule 5, sent": Fault(
        "the holder counts from the answer", lambda: patch.object(Lease, "put", _put_counting_from_the_answer)
    ),
    "rule 5, clocks": Fault("only the monotonic clock counts", lambda: patch.object(Lease, "in_time", _in_time_by(0))),
    "rule 5, last look": Fault("the last look is before pauses and connecting", _look_before_pauses),
    "rule 5, look again": Fault("no look after a renewal", lambda: patch.object(LeasedRun, "last_look", _look_once)),
    "rule 6": Fault("the plan is not in the object", lambda: patch.object(LeasedRuns, "begin", _begin_without_plan)),
    "rule 7": Fault(
        "no waiting for what may land", lambda: patch.object(memory.Known, "undecided", property(_forgetting))
    ),
    "rule 8": Fault(
        "what an earlier run left open is forgotten", lambda: patch.object(Object, "tidied", _tidied_early)
    ),
    "rule 9": Fault(
        "a list that is older is believed", lambda: patch.object(memory.Known, "shown_by", lambda self, rows, now: True)
    ),
    "rule 10": Fault(
        "the first swap is on a newer version than the list",
        lambda: patch.object(LeasedRuns, "begin", _begin_on_what_is_there),
    ),
}
