"""Undoes a recorded run: makes a manifest for the planner from the run's record and the current account.

Why a manifest and not changes: all guards check an undo, and it is shown, saved, approved and applied like any other
plan. Why changes by others after the run stay, with a message: they do not belong to the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from acrsync.bucket import FIELDS
from acrsync.diagnostics import Diagnostic, error
from acrsync.frozen import frozen
from acrsync.model import JSON, PROTECTED, Approval, Attrs, Desired, Live, Manifest, Removed, Snapshot
from acrsync.plan.changes import Create, Delete, Marks, Replace, Update, key_of
from acrsync.plan.file import saved_plan
from acrsync.plan.matching import describe
from acrsync.plan.outcome import Status
from acrsync.plan.ownership import is_own
from acrsync.plan.planner import not_creatable
from acrsync.visible import lookalike, visible

Line = Mapping[str, JSON]
_EXISTED = "the server returned it for the run's create, but it existed before the run"


@frozen
class Undone:
    """The manifest that undoes a run as far as possible."""

    manifest: Manifest
    hints: tuple[Diagnostic, ...]  # what cannot be undone, or not completely


def undo(lines: Sequence[Line], snapshot: Snapshot, *, approvals: tuple[Approval, ...] = ()) -> Undone:
    """Return the manifest that undoes a run, from the lines of its record.

    A field gets its old value if the run changed it and it has not changed since. Created buckets are deleted, and
    deleted ones are created again, with another id. A replacement is only undone if the new replacement is approved.
    """
    plan = saved_plan(lines[0]["plan"]).plan
    rows = {row.id: row for row in snapshot.rows if is_own(row, plan.uid)}
    listed = frozenset(lines[0].get("listed", ()))
    undoing = _Undoing(snapshot, rows, frozenset(map(str, approvals)), listed)
    outcomes = _outcomes(lines)
    steps: dict[int, list[tuple[Update, Line | None]]] = {}
    for change in plan.work:
        if key_of(change) not in outcomes:
            continue
        outcome = outcomes[key_of(change)]
        match change:
            case Create():
                undoing.created(change, outcome)
            case Update():
                steps.setdefault(change.live.id, []).append((change, outcome))
            case Replace():
                undoing.replaced(change, outcome)
            case Delete():
                undoing.deleted(change.live)
    for updates in steps.values():
        undoing.updated(updates)
    undoing.keep_names_that_are_taken()
    manifest = Manifest(
        desired=tuple(undoing.entries),
        removed=tuple(undoing.removed),
        approvals=approvals,
        stack=plan.manifest.stack,
        account_uid=plan.uid,
        ownership=plan.manifest.ownership,
        deletes_limit=plan.manifest.deletes_limit,
    )
    return Undone(manifest, tuple(undoing.hints))


def _outcomes(lines: Iterable[Line]) -> Mapping[tuple[JSON, ...], Line | None]:
    """Return the outcome of each change whose write was or may have been sent; None if the outcome is unknown."""
    outcomes: dict[tuple[JSON, ...], Line | None] = {}
    for line in lines:
        if line["event"] in ("intent", "outcome"):
            outcomes[line["action"], line["name"], line["id"]] = line if line["event"] == "outcome" else None
    return {key: outcome for key, outcome in outcomes.items() if outcome is None or outcome["wrote"]}


@dataclass(slots=True)
class _Undoing:
    """The state of one call of `undo`."""

    snapshot: Snapshot
    rows: Mapping[int, Live]  # our own, by id
    approved: frozenset[str]
    listed: frozenset[int]  # ids of buckets that existed before the run: they are never deleted
    entries: list[Desired] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)
    hints: list[Diagnostic] = field(default_factory=list)

    def leave(self, live: Live, why: str, *, fix: str = "") -> None:
        detail = f"Bucket {describe(live)}: {why}."
        self.hints.append(error("W221", detail, fix=fix))

    def existed(self, row: Live) -> bool:
        """Return whether a bucket was listed before the run."""
        return row.id in self.listed

    def created(self, change: Create, outcome: Line | None) -> None:
        found = outcome is None or outcome.get("lost") or outcome["status"] in (Status.ADOPTED, Status.ALREADY)
        if outcome is None or found or outcome["after"] is None:  # a list alone does not prove that the run made it
            for namesake in (row for row in self.rows.values() if row.name == change.name):
                why = "the run's create got no response, so someone else may have created this bucket"
                self.leave(namesake, why, fix="to delete it, name it in `removed` of a manifest.")
            return
        row = self.rows.get(outcome["after"]["id"])
        if row is not None and self.existed(row):
            self.leave(row, _EXISTED)
        elif row is not None and (why := self._why_it_stays(row, outcome["after"])):
            self.leave(row, why)
        elif row is not None:
            self.removed.append(Removed(row.name))

    def _why_it_stays(self, row: Live, created: Line) -> str:
        """Return why a bucket that the run created is not deleted; an empty text if it can be."""
        if not _is_as_left(row, created):
            return "it has changed since the run"
        if row.facts.get("num") != 0:
            return "it may have content now"
        if PROTECTED in row.marks:
            return f"it has the mark {PROTECTED}"
        if sum(other.name == row.name for other in self.rows.values()) > 1:
            return "another bucket has the same name"
        return ""

    def updated(self, changes: Sequence[tuple[Update, Line | None]]) -> None:
        """Undo the changes of one bucket (a swap changes it twice), and what the server changed with them."""
        steps = [step for step, _ in changes]
        before = steps[0].live
        row = self.rows.get(before.id)
        if row is None:
            self.leave(before, "it does not exist now")
            return
        back, changed = {}, []
        for key in dict.fromkeys(key for step in steps for key in step.fields):
            if row.attrs.get(key) in [step.desired.attrs[key] for step in steps if key in step.fields]:
                back[key] = before.attrs.get(key)
            elif row.attrs.get(key) != before.attrs.get(key):
                changed.append(key)
        seen = [outcome["after"]["attrs"] for _, outcome in changes if outcome and outcome["after"]]
        after: Attrs = seen[-1] if seen else {}
        for key in after.keys() & before.attrs.keys() - back.keys() - set(changed):
            if after[key] != before.attrs[key] and row.attrs.get(key) == after[key] and not FIELDS[key].immutable:
                back[key] = before.attrs[key]  # the server changed it, although the run did not
        if changed:
            self.leave(row, f"its {' and '.join(changed)} changed after the run")
        marks = _marks_before(row, *(step.marks for step in steps))
        self.entries.append(Desired({"name": row.name, **back}, id=row.id, marks=marks))

    def deleted(self, live: Live) -> None:
        """Create a bucket again, unless it still exists."""
        if live.id in self.rows:
            return
        entry = Desired(live.attrs, marks=live.marks)
        taken = next((row for row in self.snapshot.rows if lookalike(row.name) == lookalike(live.name)), None)
        if taken is not None:
            self.leave(live, f"its name belongs to {describe(taken)} now")
        elif problem := not_creatable(entry, self.snapshot.endpoint):
            self.leave(live, f"it cannot be created again. {problem.detail.removesuffix('.')}")
        else:
            self.entries.append(entry)
            detail = f"Bucket {describe(live)} gets a new id, so references to {live.id} do not find it."
            fix = "set the new id in the projects and containers that used it."
            self.hints.append(error("W222", detail, fix=fix))

    def replaced(self, change: Replace, outcome: Line | None) -> None:
        before, after = change.live, (outcome["after"] if outcome else None) or {}
        row = self.rows.get(after.get("id", 0))
        if row is None:
            self.deleted(before)
        elif row.id != before.id and self.existed(row):
            self.leave(row, _EXISTED)
        elif not _is_as_left(row, after):
            self.leave(row, "it has changed since the run")
        elif (approval := f"replace:{row.id}") not in self.approved:
            why = f"it replaced {before.id}, and the undo is another replacement, with another new id"
            self.leave(row, why, fix=f"to replace it again, add `--allow {approval}`.")
        elif problem := not_creatable(Desired({**row.attrs, **before.attrs}), self.snapshot.endpoint):
            self.leave(row, f"the old bucket cannot be created again. {problem.detail.removesuffix('.')}")
        else:
            back = {key: before.attrs[key] for key in ("name", *change.fields)}
            self.entries.append(Desired(back, id=row.id, marks=_marks_before(row, change.marks)))

    def keep_names_that_are_taken(self) -> None:
        """Keep the new name of each bucket whose old name now belongs to another bucket."""
        leaving = {entry.id for entry in self.entries if entry.id and entry.name != self.rows[entry.id].name}
        staying = {lookalike(row.name): row for row in self.snapshot.rows if row.id not in leaving}
        for at, entry in enumerate(self.entries):
            if entry.id in leaving and (other := staying.get(lookalike(entry.name))):
                row = self.rows[entry.id]
                self.leave(row, f"its old name {visible(entry.name)} belongs to {describe(other)} now")
                self.entries[at] = replace(entry, attrs={**entry.attrs, "name": row.name})


def _is_as_left(row: Live, after: Line) -> bool:
    """Return whether a bucket is as the run left it."""
    return (row.attrs, list(row.marks)) == (after["attrs"], after["marks"])


def _marks_before(row: Live, *changed: Marks) -> tuple[str, ...]:
    """Return the marks of a bucket before a run."""
    added = {mark for marks in changed for mark in marks.add}
    removed = {mark for marks in changed for mark in marks.remove}
    return tuple(sorted((set(row.marks) - added) | removed))
