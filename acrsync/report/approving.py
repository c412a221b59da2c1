"""The lines that approve all objections to a plan, as one block to paste."""

from __future__ import annotations

from collections import Counter

from acrsync.model import Approval
from acrsync.plan.document import Plan
from acrsync.report.style import as_json
from acrsync.visible import visible

REASON = "..."  # the person who approves writes the reason
UNUSED = "W310"


def approvals_text(plan: Plan) -> str:
    """Return one `allow:` block with the approvals of the manifest and all new ones.

    Empty if there is only one approval, because the message of its objection has the line, or if there is none.
    """
    unused = {diagnostic.span for diagnostic in plan.diagnostics if diagnostic.code == UNUSED}
    before = [approval for approval in plan.manifest.approvals if approval.span and approval.span not in unused]
    new = [objection for objection in plan.objections if objection.approval]
    if not new or len(before) + len(new) == 1:
        return ""
    place = plan.manifest.spans.get("allow")
    how = f"replace `allow:` at {visible(str(place))} by this" if place else "add this to the manifest"
    stacks = Counter(objection.stack for objection in new)  # several takeovers from one stack have one approval
    added = (Approval(o.guard, o.id, REASON, stack=o.stack if stacks[o.stack] > 1 else None) for o in new)
    lines = "".join(f"\n  - {entry}" for entry in dict.fromkeys(map(_entry, (*before, *added))))
    return f"To approve these objections, {how}, with your reasons:\nallow:{lines}"


def _entry(approval: Approval) -> str:
    # The name of a stack may look like a number or a date, so it is in quotes.
    what = f"id: {approval.id}" if approval.stack is None else f"stack: {as_json(approval.stack)}"
    return f"{{guard: {visible(approval.guard)}, {what}, reason: {as_json(approval.reason)}}}"
