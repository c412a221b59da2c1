"""The lines that approve what a plan's guards object to, ready to paste in one go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from acrsync.model import JSON, Approval
from acrsync.plan.changes import Objection
from acrsync.plan.document import Plan
from acrsync.report.style import as_json
from acrsync.visible import visible

REASON = "..."  # the person who approves writes the reason
SPENT = "W310"


def approvals_text(plan: Plan) -> str:
    """Return one `allow:` block for everything that can be approved, with the approvals that the manifest has already.

    Empty if there is nothing to approve, or just one thing: then its own message has the line.
    """
    before = [approval for approval in plan.manifest.approvals if approval.span and not _is_spent(approval, plan)]
    new = [objection for objection in plan.objections if objection.approval]
    if not new or len(before) + len(new) == 1:
        return ""
    place = plan.manifest.spans.get("allow")
    how = f"replace `allow:` at {visible(str(place))} by this" if place else "add this to the manifest"
    stacks = Counter(objection.stack for objection in new)
    entries = dict.fromkeys((*map(_written, before), *(_line(one, whole=stacks[one.stack] > 1) for one in new)))
    lines = "".join(f"\n  - {entry}" for entry in entries)
    return f"To approve what can be approved, {how}, with your reasons:\nallow:{lines}"


def _is_spent(approval: Approval, plan: Plan) -> bool:
    return any(d.code == SPENT and d.span == approval.span for d in plan.diagnostics)


def _written(approval: Approval) -> str:
    return _entry(approval.guard, approval.id, approval.stack, approval.reason)


def _line(objection: Objection, *, whole: bool) -> str:
    """Return the entry for one objection, with `whole` for all buckets of a stack that is renamed."""
    return _entry(objection.guard, objection.id, objection.stack if whole else None, REASON)


def _entry(guard: str, bucket_id: int | None, stack: str | None, reason: str) -> str:
    what: Mapping[str, JSON] = {"id": bucket_id} if stack is None else {"stack": stack}
    return "{" + ", ".join(_pairs({"guard": guard, **what})) + f", reason: {as_json(reason)}}}"


def _pairs(values: Mapping[str, JSON]) -> Iterator[str]:
    # Guards are plain words; the name of a stack may look like a number or a date.
    for key, value in values.items():
        yield f"{key}: {as_json(value) if key == 'stack' else visible(str(value))}"
