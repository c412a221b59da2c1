"""Finds the outcome of creates and renames in the list if their responses do not prove it.

Such a response was lost, or showed another bucket or another name, or was a refusal: if a proxy delivers a request
twice, the second delivery is refused if the first was carried out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from acrsync.apply.comparing import is_as_wanted, stale
from acrsync.apply.terms import Seen
from acrsync.diagnostics import Diagnostic, error
from acrsync.frozen import frozen
from acrsync.model import Live
from acrsync.plan.changes import Create, Replace, Update
from acrsync.plan.likeness import resembles, same_place
from acrsync.plan.outcome import Outcome, Status
from acrsync.plan.ownership import is_own
from acrsync.plan.planner import naming
from acrsync.visible import visible

CONFLICT = 409
_SAYS_TAKEN = re.compile(r"taken|exist|duplicate|already|unique|in use", re.IGNORECASE)


@frozen
class Ended:
    """The end of one change by its responses, and whether the list must be read to know more."""

    outcome: Outcome
    refused: int | None = None  # the status of a refusal; for a rename, the bucket also shows that it was not made
    settled: bool = False  # the list cannot show more
    expected: Live | None = None  # the bucket as an update must leave it, with all fields that were not sent

    @property
    def needs_list(self) -> bool:
        """Whether only the list can show the outcome of a create or a rename."""
        outcome = self.outcome
        if self.settled:
            return False
        if self.refused:
            return isinstance(outcome.change, Create | Replace) or (_renames(outcome) and self.may_lag)
        return outcome.lost == "create" or (outcome.lost == "update" and _renames(outcome))

    @property
    def may_lag(self) -> bool:
        """Whether to read again a list that shows nothing. Not if the request was refused for another reason.

        If a server has carried out a request, it refuses the second delivery because of the first.
        """
        refusal = self.outcome.diagnostic
        says_taken = refusal is not None and _SAYS_TAKEN.search(refusal.detail) is not None
        return self.refused in (None, CONFLICT) or says_taken


def settle(ended: Ended, rows: Sequence[Live], seen: Seen, *, made: Collection[int]) -> Ended:
    """Return the end that a list shows, or the same. `made`: ids of the buckets that this run wrote to."""
    if not ended.needs_list:
        return ended
    change = ended.outcome.change
    own = {row.id: row for row in rows if is_own(row, seen.plan.uid) and row.is_identified}
    if isinstance(change, Update):
        outcome = _renamed(ended, change, own.get(change.live.id))
    elif isinstance(change, Create | Replace):
        outcome = _created(ended, change, own, seen, made)
    else:
        outcome = None
    return Ended(outcome, settled=True) if outcome else replace(ended, settled=not ended.may_lag)


def _renames(outcome: Outcome) -> bool:
    return isinstance(outcome.change, Update) and "name" in outcome.change.fields


def _renamed(ended: Ended, change: Update, row: Live | None) -> Outcome | None:
    if row is None or row.name == change.live.name:
        return None
    if row.name == change.name:
        status = Status.ALREADY if ended.refused else Status.UPDATED
        return Outcome(change, status, live=ended.expected or row, wrote=True)  # the reading back compares it
    if ended.refused and not resembles(change.name, row.name, shortest=1):
        return Outcome(change, Status.STALE, stale(row), row)
    return Outcome(change, Status.FAILED, _another_name(change.name, row), row, wrote=True)


def _created(
    ended: Ended, change: Create | Replace, own: Mapping[int, Live], seen: Seen, made: Collection[int]
) -> Outcome | None:
    attrs, before = change.desired.attrs, ended.outcome
    answered = own.get(before.live.id) if before.live else None
    new = [row for row in own.values() if row.id not in seen.rows and (row.id not in made or row is answered)]
    if ended.refused:
        return _refused(change, [row for row in own.values() if row.name == change.name], before, seen)
    exact = [row for row in new if row.name == change.name and same_place(attrs, row.attrs)]
    if len(exact) == 1:
        status = Status.ADOPTED if isinstance(change, Create) else Status.REPLACED
        return Outcome(change, status, live=exact[0], wrote=True)
    if exact:
        return None
    if answered is not None and answered.name != change.name:
        return Outcome(change, Status.FAILED, _another_name(change.name, answered), answered, wrote=True)
    planned = {other.name for other in seen.plan.work}
    near = [row for row in new if row.name not in planned and same_place(attrs, row.attrs)]
    stored = next((row for row in near if resembles(change.name, row.name, shortest=1)), None)
    if stored is not None:
        # Likely but not proven, so it stays a lost create, which undo does not delete.
        another_name = _another_name(change.name, stored)
        return Outcome(change, Status.FAILED, another_name, stored, wrote=True, lost="create")
    return None


def _refused(change: Create | Replace, rows: Sequence[Live], before: Outcome, seen: Seen) -> Outcome | None:
    """Return the outcome of a create that was refused because the bucket exists; None if it does not."""
    if len(rows) != 1:
        return None
    (row,) = rows
    if not is_as_wanted(row, change.desired.attrs, change.marks.add):
        status = Status.STALE if isinstance(change, Create) else Status.FAILED
        return Outcome(change, status, stale(row), row, wrote=before.wrote)
    if isinstance(change, Replace):
        return Outcome(change, Status.REPLACED, live=row, wrote=True)
    # A bucket that was not listed before may come from a first delivery of the request.
    return Outcome(change, Status.ALREADY, live=row, wrote=row.id not in seen.rows)


def _another_name(sent: str, row: Live) -> Diagnostic:
    stored = f"the name {visible(row.name)}" if row.name else "an empty name"
    detail = (
        f"The server stored {stored} (id {row.id}) instead of {visible(sent)}. The bucket is not created again while "
        "that one exists."
    )
    return error("E517", detail, fix=naming(row.id, row.name, wanted=sent))
