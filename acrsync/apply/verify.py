"""Reads back what an apply wrote: done means observed.

One complete list reads back all changed buckets at once. It is read again while it may lag behind the writes. Then the
account is planned again; this plan must be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from acrsync.apply.comparing import differences, read_back_mismatch
from acrsync.apply.patience import poll_until_settled
from acrsync.clock import Clock
from acrsync.diagnostics import AccessDenied, RemoteError
from acrsync.frozen import frozen
from acrsync.model import Live, Manifest, Snapshot
from acrsync.plan.changes import Create, Delete, Replace, Update, Work
from acrsync.plan.document import Plan
from acrsync.plan.outcome import WELL, Outcome, Status
from acrsync.remote import Reader


@frozen
class Verification:
    """The result of an apply, as the account shows it."""

    outcomes: tuple[Outcome, ...]  # corrected by what the list shows
    snapshot: Snapshot
    again: Plan
    # What a new plan would still change: buckets that this run wrote to, and others.
    own_leftovers: tuple[Work, ...] = ()
    other_leftovers: tuple[Work, ...] = ()

    @property
    def verified(self) -> bool:
        well = all(outcome.status in WELL for outcome in self.outcomes)
        return well and not self.own_leftovers and not self.other_leftovers and not self.again.refusing


def verify(
    outcomes: Sequence[Outcome],
    *,
    before: Snapshot,
    remote: Reader,
    clock: Clock,
    settle_s: float,
    replan: Callable[[Snapshot], Plan],
) -> Verification:
    """Observe until every write of this run shows, for at most `settle_s` seconds, and plan again.

    Raises: RemoteError if the last list within that time could not be read.
    """
    written = _last_of_each(outcomes)
    for _ in poll_until_settled(clock, settle_s=settle_s):
        try:
            snapshot, trouble = remote.observe(), None
        except AccessDenied:
            raise
        except RemoteError as e:  # also wait for a server that has a problem
            trouble = e
            continue
        rows = {row.id: row for row in snapshot.rows}
        if all(_is_past_waiting(outcome) or not _missing(outcome, rows) for outcome in written):
            break
    if trouble is not None:
        raise trouble
    last = {id(outcome) for outcome in written}
    read = tuple(_read_back(outcome, rows) if id(outcome) in last else outcome for outcome in outcomes)
    again = replan(snapshot)
    own, other = _leftovers(again, read, {row.id for row in before.rows})
    return Verification(read, snapshot, again, own, other)


def with_new_ids(manifest: Manifest, outcomes: Sequence[Outcome]) -> Manifest:
    """Return the manifest with the new `id` of each replaced bucket, so that a new plan selects the new bucket."""
    new: dict[int | None, int] = {
        outcome.change.live.id: outcome.live.id
        for outcome in outcomes
        if isinstance(outcome.change, Replace) and outcome.live is not None
    }
    return replace(
        manifest, desired=tuple(replace(entry, id=new.get(entry.id, entry.id)) for entry in manifest.desired)
    )


def _last_of_each(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the last outcome that wrote to each bucket: a swap of names writes to one bucket twice."""
    last: dict[int | str, Outcome] = {}
    for outcome in outcomes:
        if outcome.wrote and outcome.status not in (Status.FAILED, Status.SKIPPED):
            key = outcome.change.name if isinstance(outcome.change, Create) else outcome.change.live.id
            last[key] = outcome
    return list(last.values())


def _is_past_waiting(outcome: Outcome) -> bool:
    """Return whether another list cannot help: for an unknown create, the list was read already."""
    return outcome.status is Status.UNKNOWN and isinstance(outcome.change, Create | Replace)


def _missing(outcome: Outcome, rows: Mapping[int, Live]) -> tuple[str, ...]:
    """Return, for people, what the list does not show of a write: any field, also those that were not sent."""
    change, seen = outcome.change, outcome.live
    if isinstance(change, Delete | Replace) and change.live.id in rows:
        return ("it is still listed",)
    if isinstance(change, Delete):
        return ()
    if isinstance(change, Update) and seen is None:  # the response was lost
        seen = replace(change.live, marks=change.marks.applied_to(change.live.marks))
    row = rows.get(seen.id) if seen else None
    if seen is None or row is None:
        return ("it is not listed",)
    return differences(row, {**seen.attrs, **change.desired.attrs}, seen.marks)


def _read_back(outcome: Outcome, rows: Mapping[int, Live]) -> Outcome:
    """Return the outcome that the list confirms."""
    missing = _missing(outcome, rows)
    if outcome.lost == "create" or (not missing and outcome.status is not Status.UNKNOWN):
        return outcome
    if missing:
        diagnostic = outcome.diagnostic or read_back_mismatch(
            missing
        )  # a lost response is already reported, with more detail
        live = outcome.live and rows.get(outcome.live.id, outcome.live)  # as it reads now, for undo
        return replace(outcome, status=Status.FAILED, diagnostic=diagnostic, live=live)
    settled = Status.DELETED if isinstance(outcome.change, Delete) else Status.UPDATED
    return replace(outcome, status=settled, diagnostic=None, lost=None)


def _leftovers(
    again: Plan, outcomes: Sequence[Outcome], listed_before: set[int]
) -> tuple[tuple[Work, ...], tuple[Work, ...]]:
    """Return what is left to change in buckets that this run wrote to, and in others.

    Neither has buckets that are new, or whose failure is already reported.
    """
    reported = {outcome.change.name for outcome in outcomes if outcome.status not in WELL}
    written = {outcome.change.name for outcome in outcomes if outcome.wrote}
    left = [change for change in again.work if change.name not in reported]
    own = tuple(change for change in left if change.name in written)
    other = tuple(
        change
        for change in left
        if change.name not in written and (isinstance(change, Create) or change.live.id in listed_before)
    )
    return own, other
