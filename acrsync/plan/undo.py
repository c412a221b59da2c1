"""Takes a recorded run back: from its record and the account as it is now to a manifest for the ordinary planner.

Why a manifest and not changes: an undo then meets every guard, and is shown, saved, approved and applied like any
other plan. Why what somebody changed after the run is left and told: it is not the run's to take back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from acrsync.bucket import FIELDS
from acrsync.diagnostics import Diagnostic, error
from acrsync.model import JSON, PROTECTED, Approval, Attrs, Desired, Live, Manifest, Removed, Snapshot
from acrsync.plan.changes import Create, Delete, Marks, Replace, Update, action_of
from acrsync.plan.file import saved_plan
from acrsync.plan.matching import describe
from acrsync.plan.outcome import Status
from acrsync.plan.ownership import is_own
from acrsync.plan.planner import not_creatable
from acrsync.visible import lookalike, visible

Line = Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Undone:
    """What to plan so that a run is taken back as far as it can be."""

    manifest: Manifest
    hints: tuple[Diagnostic, ...]  # what is left as it is, or comes back otherwise


def undo(lines: Sequence[Line], snapshot: Snapshot, *, approvals: tuple[Approval, ...] = ()) -> Undone:
    """Return the manifest that takes back a run, by the lines of its record.

    Only fields that the run changed, and that are still as it left them, get their old values; what it created goes
    and what it deleted comes back, with another id. A replacement is taken back where that replacement is approved.
    """
    plan = saved_plan(lines[0]["plan"]).plan
    rows = {row.id: row for row in snapshot.rows if is_own(row, plan.uid)}
    listed = frozenset(lines[0].get("listed", ()))
    undoing = _Undoing(snapshot, rows, frozenset(map(str, approvals)), listed)
    ends = _ends(lines)
    steps: dict[int, list[tuple[Update, Line | None]]] = {}
    for change in plan.work:
        key = (action_of(change), change.name, None if isinstance(change, Create) else change.live.id)
        if key not in ends:
            continue
        match change:
            case Create():
                undoing.created(change, ends[key])
            case Update():
                steps.setdefault(change.live.id, []).append((change, ends[key]))
            case Replace():
                undoing.replaced(change, ends[key])
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


def _ends(lines: Iterable[Line]) -> Mapping[tuple[JSON, ...], Line | None]:
    """Return, of each change of which a write was or may have been sent, how it ended; None if that is unknown."""
    ends: dict[tuple[JSON, ...], Line | None] = {}
    for line in lines:
        if line["event"] in ("intent", "outcome"):
            ends[line["action"], line["name"], line["id"]] = line if line["event"] == "outcome" else None
    return {key: end for key, end in ends.items() if end is None or end["wrote"]}


@dataclass(slots=True)
class _Undoing:
    """What is asked for so far; lives for one call of `undo`."""

    snapshot: Snapshot
    rows: Mapping[int, Live]  # our own, by id
    approved: frozenset[str]
    listed: frozenset[int]  # what was there before the run, so is never deleted
    entries: list[Desired] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)
    hints: list[Diagnostic] = field(default_factory=list)

    def leave(self, live: Live, why: str, *, fix: str = "") -> None:
        detail = f"Bucket {describe(live)}: {why}."
        self.hints.append(error("W221", detail, fix=fix))

    def created(self, change: Create, end: Line | None) -> None:
        found = end is None or end["lost"] or end["status"] in (Status.ADOPTED, Status.ALREADY)
        if end is None or found or end["after"] is None:  # found in the list, so not proven to be this run's
            for namesake in (row for row in self.rows.values() if row.name == change.name):
                why = "the run's create got no answer, so this may be what somebody else created"
                self.leave(namesake, why, fix="if it is not wanted, name it in `removed` of a manifest.")
            return
        row = self.rows.get(end["after"]["id"])
        if row is not None and _was_listed(self, row):
            self.leave(row, "the server answered the run's create with it, and it was there before the run")
        elif row is not None and (why := self._why_it_stays(row, end["after"])):
            self.leave(row, why)
        elif row is not None:
            self.removed.append(Removed(row.name))

    def _why_it_stays(self, row: Live, created: Line) -> str:
        """Return why a bucket that the run created is not deleted; nothing where it may go."""
        if not _is_as_left(row, created):
            return "it has changed since"
        if row.facts.get("num") != 0:
            return "it is not known to be empty any more"
        if PROTECTED in row.marks:
            return f"it carries the mark {PROTECTED}"
        if sum(other.name == row.name for other in self.rows.values()) > 1:
            return "another bucket bears its name"
        return ""

    def updated(self, changes: Sequence[tuple[Update, Line | None]]) -> None:
        """Take back the steps in which one bucket was changed (a swap takes two), and what the server changed too."""
        steps = [step for step, _ in changes]
        before = steps[0].live
        row = self.rows.get(before.id)
        if row is None:
            self.leave(before, "it is gone")
            return
        back, changed = {}, []
        for key in dict.fromkeys(key for step in steps for key in step.fields):
            if row.attrs.get(key) in [step.desired.attrs[key] for step in steps if key in step.fields]:
                back[key] = before.attrs.get(key)
            elif row.attrs.get(key) != before.attrs.get(key):
                changed.append(key)
        after: Attrs = next((end["after"]["attrs"] for _, end in reversed(changes) if end and end["after"]), {})
        for key in after.keys() & before.attrs.keys() - back.keys() - set(changed):
            if after[key] != before.attrs[key] and row.attrs.get(key) == after[key] and not FIELDS[key].immutable:
                back[key] = before.attrs[key]  # the server changed it unasked
        if changed:
            self.leave(row, f"its {' and '.join(changed)} changed since")
        marks = _marks_before(row, *(step.marks for step in steps))
        self.entries.append(Desired({"name": row.name, **back}, id=row.id, marks=marks))

    def deleted(self, live: Live) -> None:
        """Bring a bucket back, unless it was never deleted."""
        if live.id in self.rows:
            return
        entry = Desired(live.attrs, marks=live.marks)
        taken = next((row for row in self.snapshot.rows if lookalike(row.name) == lookalike(live.name)), None)
        if taken is not None:
            self.leave(live, f"its name belongs to {describe(taken)} now")
        elif problem := not_creatable(entry, self.snapshot.endpoint):
            self.leave(live, f"nothing can be created like that any more. {problem.detail.removesuffix('.')}")
        else:
            self.entries.append(entry)
            detail = f"Bucket {describe(live)} gets a new id: whatever referred to {live.id} does not find it."
            fix = "give the new id to the projects and containers that used it."
            self.hints.append(error("W222", detail, fix=fix))

    def replaced(self, change: Replace, end: Line | None) -> None:
        before, after = change.live, (end["after"] if end else None) or {}
        row = self.rows.get(after.get("id", 0))
        if row is None:
            self.deleted(before)
        elif row.id != before.id and _was_listed(self, row):
            self.leave(row, "the server answered the run's create with it, and it was there before the run")
        elif not _is_as_left(row, after):
            self.leave(row, "it has changed since")
        elif (approval := f"replace:{row.id}") not in self.approved:
            why = f"it replaced {before.id}, and to take that back is another replacement with another id"
            self.leave(row, why, fix=f"if that is wanted, add `--allow {approval}`.")
        elif problem := not_creatable(Desired({**row.attrs, **before.attrs}), self.snapshot.endpoint):
            self.leave(row, f"nothing can be created like before any more. {problem.detail.removesuffix('.')}")
        else:
            back = {key: before.attrs[key] for key in ("name", *change.fields)}
            self.entries.append(Desired(back, id=row.id, marks=_marks_before(row, change.marks)))

    def keep_names_that_are_taken(self) -> None:
        """Leave the new name to each bucket whose old one another bucket bears now."""
        leaving = {entry.id for entry in self.entries if entry.id and entry.name != self.rows[entry.id].name}
        staying = {lookalike(row.name): row for row in self.snapshot.rows if row.id not in leaving}
        for at, entry in enumerate(self.entries):
            if entry.id in leaving and (other := staying.get(lookalike(entry.name))):
                row = self.rows[entry.id]
                self.leave(row, f"its old name {visible(entry.name)} belongs to {describe(other)} now")
                self.entries[at] = replace(entry, attrs={**entry.attrs, "name": row.name})


def _was_listed(run: _Undoing, row: Live) -> bool:
    """Tell whether a bucket was there before the run, so that the run cannot have created it."""
    return row.id in run.listed


def _is_as_left(row: Live, after: Line) -> bool:
    """Tell whether a bucket is as the run saw it last."""
    return (row.attrs, list(row.marks)) == (after["attrs"], after["marks"])


def _marks_before(row: Live, *changed: Marks) -> tuple[str, ...]:
    """Return the marks of a bucket without those that a run added, and with those that it removed."""
    added = {mark for marks in changed for mark in marks.add}
    removed = {mark for marks in changed for mark in marks.remove}
    return tuple(sorted((set(row.marks) - added) | removed))
