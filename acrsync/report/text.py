"""A plan as text for people; the same words with colour and without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from acrsync.diagnostics import in_reading_order
from acrsync.model import MARK, Approval, Live, Prune
from acrsync.plan.changes import Action, Delete, Kept, live_of
from acrsync.plan.document import Plan, digest
from acrsync.plan.guards import forgetting
from acrsync.report.approving import approvals_text
from acrsync.report.changes import Entry, headline, rows, together
from acrsync.report.messages import hanging, indented, joined, message, spaced
from acrsync.report.style import Style, Tone, counted, shown, shown_all
from acrsync.visible import visible

NAMES_SHOWN = 10
COUNTED = (Action.CREATE, Action.RENAME, Action.UPDATE, Action.REPLACE, Action.DELETE)


def plan_text(plan: Plan, *, style: Style, every_name: bool = False) -> str:
    """Return the whole plan, refused or not: what would be done, what stands against it, and its digest.

    `every_name`: of buckets that are left alone, too.
    """
    shown = (indented(entry.text(), 2) for entry in together(entries(plan, style=style), style=style))
    conclusion = (style.paint(line, Tone.STRONG) for line in verdict(plan))
    blocks = [account_line(plan, style=style), spaced(shown), *remarks(plan, style=style, every_name=every_name)]
    return joined((*blocks, "\n".join((*conclusion, f"Digest: {digest(plan)}"))), style=style)


def account_line(plan: Plan, *, style: Style) -> str:
    """Return whose buckets these are, by uid and endpoint."""
    who = style.paint(f"Account {'unknown' if plan.uid is None else plan.uid}", Tone.STRONG)
    where = f" at {visible(plan.endpoint)}" if plan.endpoint else ""
    stack = f", stack {shown(plan.manifest.stack)}" if plan.manifest.stack else ""
    return who + where + stack


def entries(plan: Plan, *, style: Style) -> Iterator[Entry]:
    """Yield each change with its objections; a bucket that is changed in two steps bears them at the first."""
    told: set[int | None] = {None}
    for change in plan.work:
        live = live_of(change)
        bucket_id = live.id if live else None
        said: list[str] = []
        if bucket_id not in told:
            told.add(bucket_id)
            said += [
                message(objection.diagnostic, style=style) for objection in plan.objections if objection.id == bucket_id
            ]
            said += [_approved(approval, style) for approval in plan.approved if live and _is_of(approval, live)]
        if isinstance(change, Delete) and plan.manifest.prune is Prune.STACK and not _is_removed(change.live, plan):
            said.append(style.paint(f"to keep it without this stack's mark: {forgetting(change.live)}", Tone.ADVICE))
        yield Entry(change, headline(change, style=style), tuple(rows(change, style=style)), tuple(said))


def _is_removed(live: Live, plan: Plan) -> bool:
    return any(entry.means(live) for entry in plan.manifest.removed)


def _is_of(approval: Approval, live: Live) -> bool:
    return approval.id == live.id if approval.stack is None else f"{MARK}{approval.stack}" in live.marks


def _approved(approval: Approval, style: Style) -> str:
    reason = f" ({visible(approval.reason)})" if approval.reason else ""
    return style.paint(f"approved by {visible(str(approval))}{reason}", Tone.GOOD)


def remarks(plan: Plan, *, style: Style, every_name: bool = False) -> list[str]:
    """Return the notes on the plan as a whole: what it leaves alone, notes, errors, objections."""
    blocks = [_left_alone(plan, every_name=every_name), _notes(plan)]
    blocks += [message(diagnostic, style=style) for diagnostic in in_reading_order(plan.diagnostics)]
    touched = {live.id for change in plan.work if (live := live_of(change))}
    blocks += [message(o.diagnostic, style=style) for o in plan.objections if o.id not in touched]
    blocks.append(approvals_text(plan))
    return [block for block in blocks if block]


def _left_alone(plan: Plan, *, every_name: bool) -> str:
    return "\n".join(
        f"{heading}: {counted(len(names), 'bucket')}, {why}: {shown_all(names) if every_name else _some(names)}."
        for kept, heading, why in (
            (Kept.UNMANAGED, "Unmanaged", "left alone"),
            (Kept.FOREIGN, "Foreign", "of other accounts, never touched"),
            (Kept.UNREADABLE, "Unreadable", "left alone"),
        )
        if (
            names := [
                shown(keep.name) if keep.name else f"id {keep.live.id}" for keep in plan.kept if keep.kept is kept
            ]
        )
    )


def _some(names: list[str]) -> str:
    rest = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _notes(plan: Plan) -> str:
    return "\n".join(hanging("note: ", note) for note in plan.notes)


def verdict(plan: Plan) -> tuple[str, ...]:
    """Return what would be done, in numbers, and whether anything stands against it."""
    counts = plan.counts()
    work = ", ".join(f"{counts[action]} to {action}" for action in COUNTED if counts[action])
    kept = Counter(keep.kept for keep in plan.kept)
    words = {Kept.IN_SYNC: "unchanged"}
    rest = ", ".join(
        f"{kept[key]} {words.get(key, key)}"
        for key in (Kept.IN_SYNC, Kept.UNMANAGED, Kept.FOREIGN, Kept.UNREADABLE)
        if kept[key]
    )
    if work:
        lines = [f"Plan: {work}.{f' {rest}.' if rest else ''}"]
    elif not plan.errors and not plan.objections:
        lines = ["No changes. The account matches the manifest."]
    else:
        lines = [f"Plan: nothing.{f' {rest}.' if rest else ''}"]
    if plan.errors and plan.can_apply:
        lines.append(f"{counted(len(plan.errors), 'error')}. Nothing is done to a bucket that cannot be read.")
    if not plan.can_apply:
        against = [counted(len(plan.objections), "objection")] if plan.objections else []
        against += [counted(len(plan.errors), "error")] if plan.errors else []
        lines.append(f"Refused: {' and '.join(against)}. Nothing is applied until all objections are resolved.")
    return tuple(lines)
