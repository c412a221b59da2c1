"""Reads back what an apply wrote: done means observed.

One complete listing is the read-back of every touched bucket at once. It is repeated while it may lag behind the
writes; then the account is planned again, and what is left over says who is to be believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from acrsync.applier import POLL_S, Clock
from acrsync.attempt import differences, does_not_show, is_as_wanted
from acrsync.model import Live, Snapshot
from acrsync.outcome import WELL, Outcome, Status
from acrsync.plan import Create, Delete, Plan, Replace, Update, Work
from acrsync.remote import Reader


@dataclass(frozen=True, slots=True)
class Verification:
    """What an apply came to, as the account itself shows it."""

    outcomes: tuple[Outcome, ...]  # with what the listing showed taken into account
    snapshot: Snapshot
    again: Plan
    # What planning again would still do: at buckets that this run wrote, and at others.
    own_leftovers: tuple[Work, ...] = ()
    other_leftovers: tuple[Work, ...] = ()

    @property
    def verified(self) -> bool:
        well = all(outcome.status in WELL for outcome in self.outcomes)
        return well and not self.own_leftovers and not self.other_leftovers and not self.again.errors


def verify(
    outcomes: Sequence[Outcome],
    *,
    before: Snapshot,
    remote: Reader,
    clock: Clock,
    settle_s: float,
    replan: Callable[[Snapshot], Plan],
) -> Verification:
    """Observe until every write of this run shows, for at most `settle_s` seconds, and plan again."""
    deadline = clock.now() + settle_s
    while True:
        snapshot = remote.observe()
        rows = {row.id: row for row in snapshot.rows}
        if all(_shows(outcome, rows) for outcome in _last_of_each(outcomes)) or clock.now() >= deadline:
            break
        clock.wait(POLL_S)
    last = {id(outcome) for outcome in _last_of_each(outcomes)}
    read = tuple(_read_back(outcome, rows) if id(outcome) in last else outcome for outcome in outcomes)
    again = replan(snapshot)
    own, other = _leftovers(again, read, {row.id for row in before.rows})
    return Verification(read, snapshot, again, own, other)


def _last_of_each(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return, of the outcomes that wrote, the last one of each bucket: a swap writes to one bucket twice."""
    last: dict[int | str, Outcome] = {}
    for outcome in outcomes:
        if outcome.wrote and outcome.status not in (Status.FAILED, Status.SKIPPED):
            key = outcome.change.name if isinstance(outcome.change, Create) else outcome.change.live.id
            last[key] = outcome
    return list(last.values())


def _shows(outcome: Outcome, rows: Mapping[int, Live]) -> bool:
    """Tell whether the listing shows what was written."""
    change = outcome.change
    match change:
        case Create() | Replace() if outcome.live is not None:
            row = rows.get(outcome.live.id)
            gone = isinstance(change, Create) or change.live.id not in rows
            return gone and row is not None and is_as_wanted(row, change.desired.attrs, outcome.live.marks)
        case Create() | Replace():
            return False
        case Update():
            row = rows.get(change.live.id)
            attrs = outcome.live.attrs if outcome.live else change.desired.attrs
            return row is not None and is_as_wanted(row, attrs, change.marks.applied_to(change.live.marks))
        case Delete():
            return change.live.id not in rows


def _read_back(outcome: Outcome, rows: Mapping[int, Live]) -> Outcome:
    """Return the outcome that the listing bears out."""
    change = outcome.change
    if _shows(outcome, rows):
        if outcome.status is not Status.UNKNOWN or isinstance(change, Create | Replace):
            return outcome
        settled = Status.DELETED if isinstance(change, Delete) else Status.UPDATED
        return replace(outcome, status=settled, diagnostic=None, lost=None)
    if outcome.status is Status.UNKNOWN:
        return outcome
    row = rows.get(outcome.live.id) if outcome.live else None
    if isinstance(change, Delete):
        found: tuple[str, ...] = ("it is still listed",)
    elif row is None or outcome.live is None:
        found = ("it is not listed",)
    else:
        attrs = outcome.live.attrs if isinstance(change, Update) else change.desired.attrs
        found = differences(row, attrs, outcome.live.marks)
    return replace(outcome, status=Status.FAILED, diagnostic=does_not_show(found))


def _leftovers(
    again: Plan, outcomes: Sequence[Outcome], listed_before: set[int]
) -> tuple[tuple[Work, ...], tuple[Work, ...]]:
    """Return what is left at buckets that this run wrote, and at others; newcomers and told trouble are neither."""
    told = {outcome.change.name for outcome in outcomes if outcome.status not in WELL}
    written = {outcome.change.name for outcome in outcomes if outcome.wrote}
    left = [change for change in again.work if change.name not in told]
    own = tuple(change for change in left if change.name in written)
    other = tuple(
        change
        for change in left
        if change.name not in written and (isinstance(change, Create) or change.live.id in listed_before)
    )
    return own, other
