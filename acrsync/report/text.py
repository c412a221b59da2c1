"""A plan as text for people, with the same words with or without color."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from acrsync.diagnostics import in_reading_order
from acrsync.model import Approval, Prune
from acrsync.plan.changes import Action, Delete, Kept, live_of
from acrsync.plan.document import Plan
from acrsync.plan.guards import forgetting
from acrsync.report.approving import approvals_text
from acrsync.report.changes import Entry, headline, rows, together
from acrsync.report.messages import hanging, indented, joined, message, spaced
from acrsync.report.style import Style, Tone, counted, shown, shown_all
from acrsync.visible import visible

NAMES_SHOWN = 10
COUNTED = (Action.CREATE, Action.RENAME, Action.UPDATE, Action.REPLACE, Action.DELETE)


def plan_text(plan: Plan, *, style: Style, every_name: bool = False) -> str:
    """Return the whole plan, also if it is refused: changes, errors and objections, and the digest.

    `every_name`: show the names of all buckets that are left alone.
    """
    shown = (indented(entry.text(), 2) for entry in together(entries(plan, style=style), style=style))
    conclusion = (style.paint(line, Tone.STRONG) for line in verdict(plan))
    blocks = [account_line(plan, style=style), spaced(shown), *remarks(plan, style=style, every_name=every_name)]
    return joined((*blocks, "\n".join((*conclusion, f"Digest: {plan.digest}"))), style=style)


def account_line(plan: Plan, *, style: Style) -> str:
    """Return the account: its uid, endpoint and stack."""
    who = style.paint(f"Account {'unknown' if plan.uid is None else plan.uid}", Tone.STRONG)
    where = f" at {visible(plan.endpoint)}" if plan.endpoint else ""
    stack = f", stack {shown(plan.manifest.stack)}" if plan.manifest.stack else ""
    return who + where + stack


def entries(plan: Plan, *, style: Style) -> Iterator[Entry]:
    """Yield each change with its objections. If a bucket changes in two steps, they are at the first."""
    seen: set[int | None] = {None}
    for change in plan.work:
        live = live_of(change)
        bucket_id = live.id if live else None
        messages: list[str] = []
        if bucket_id not in seen:
            seen.add(bucket_id)
            messages += [message(one.diagnostic, style=style) for one in plan.objections if one.id == bucket_id]
            messages += [_approved(approval, style) for approval in plan.approved if live and approval.covers(live)]
        if isinstance(change, Delete) and plan.manifest.prune is Prune.STACK and not plan.manifest.removes(change.live):
            messages.append(
                style.paint(f"to keep it, without this stack's mark: {forgetting(change.live)}", Tone.ADVICE)
            )
        yield Entry(change, headline(change, style=style), tuple(rows(change, style=style)), tuple(messages))


def _approved(approval: Approval, style: Style) -> str:
    reason = f" ({visible(approval.reason)})" if approval.reason else ""
    return style.paint(f"approved by {visible(str(approval))}{reason}", Tone.GOOD)


def remarks(plan: Plan, *, style: Style, every_name: bool = False) -> list[str]:
    """Return the blocks about the whole plan: buckets that are left alone, notes, errors, objections."""
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
    """Return the numbers of changes, and whether the plan is refused."""
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
        which = "it is" if len(plan.objections) + len(plan.errors) == 1 else "they are"
        lines.append(f"Refused: {' and '.join(against)}. Nothing is applied until {which} resolved.")
    return tuple(lines)
