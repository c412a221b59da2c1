"""A plan, or an apply, as one JSON document: what programs read, and what a saved plan is.

Described property by property in `schemas/plan.v1.json`. Within format 1 keys are only ever added; nothing is
renamed, removed or given another meaning. ASCII only, so that no character in it can hide another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC

from acrsync.bucket import FIELDS
from acrsync.diagnostics import Diagnostic, Span
from acrsync.model import JSON, Approval, Attrs, Desired, Limit, Live, Manifest, Removed
from acrsync.outcome import Outcome
from acrsync.plan import (
    Action,
    Change,
    Create,
    Delete,
    Keep,
    Kept,
    Marks,
    Objection,
    Plan,
    Replace,
    Update,
    action_of,
)
from acrsync.report.digest import checksum, digest
from acrsync.report.run import Run
from acrsync.report.style import harmless_json

FORMAT_VERSION = "1.0"
TYPE = "acrcloud_bucket"

# Terraform's words: looking for "delete" finds everything that destroys.
ACTIONS: Mapping[Action, tuple[str, ...]] = {
    Action.CREATE: ("create",),
    Action.RENAME: ("update",),
    Action.UPDATE: ("update",),
    Action.REPLACE: ("delete", "create"),
    Action.DELETE: ("delete",),
    Action.KEEP: ("no-op",),
}


def plan_document(plan: Plan | None, run: Run) -> dict[str, JSON]:
    """Return the one document of a run; without a plan it holds little but diagnostics and the exit code."""
    shown = plan or Plan()
    told = (*shown.diagnostics, *run.diagnostics)
    if run.outcomes is None:  # then what is saved is what was told, and an error in it refuses the plan
        shown = replace(shown, diagnostics=told)
    managed = [keep for keep in shown.kept if keep.kept is Kept.IN_SYNC]
    document: dict[str, JSON] = {
        "format_version": FORMAT_VERSION,
        "acrsync_version": run.version,
        "timestamp": run.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "exit_code": int(run.exit_code),
        "account": {"uid": shown.uid, "endpoint": shown.endpoint},
        "manifest": _manifest(plan.manifest) if plan else None,
        "resource_changes": [
            *(_work(change, shown, wave) for wave, wave_of in enumerate(shown.waves, 1) for change in wave_of),
            *(_work(keep, shown, None) for keep in managed),
        ],
        "unmanaged": [_unmanaged(keep) for keep in shown.kept if keep.kept is not Kept.IN_SYNC],
        "objections": [_objection(objection) for objection in shown.objections],
        "approved": [_approval(approval) for approval in shown.approved],
        "diagnostics": [_diagnostic(diagnostic) for diagnostic in told],
        "notes": list(shown.notes),
        "summary": _summary(shown),
        "requests": dict(run.requests),
        "digest": digest(shown) if plan else None,
    }
    if run.outcomes is not None:
        document["outcomes"] = [_outcome(outcome) for outcome in run.outcomes]
        document["verified"] = run.verified
    document["checksum"] = checksum(document)
    return document


def json_text(plan: Plan | None, run: Run) -> str:
    """Return the document as text; keys in the order in which people read them."""
    return harmless_json(json.dumps(plan_document(plan, run), indent=2, allow_nan=False)) + "\n"


def _work(change: Change, plan: Plan, wave: int | None) -> dict[str, JSON]:
    """Return one entry of `resource_changes`."""
    action = action_of(change)
    desired, live, fields, marks, reason = _parts(change)
    renamed = live is not None and live.name != change.name
    overlaid = {**(live.attrs if live else {}), **(desired.attrs if desired else {})}
    immutable = [key for key in fields if FIELDS[key].immutable] if isinstance(change, Replace) else []
    return {
        "address": f"bucket.{change.name}",
        "previous_address": f"bucket.{live.name}" if live and renamed else None,
        "type": TYPE,
        "name": change.name,
        "id": live.id if live else None,
        "source": _span(desired.span if desired else plan.manifest.removal_span(change.name)),
        "wave": wave,
        "action": action,
        "action_reason": reason,
        "change": {
            "actions": list(ACTIONS[action]),
            "before": dict(live.attrs) if live else None,
            "after": None if isinstance(change, Delete) else overlaid,
            "replace_paths": [[key] for key in immutable],
        },
        "fields": list(fields),
        "needs": list(change.needs) if isinstance(change, Update) else [],
        "marks": {"add": list(marks.add), "remove": list(marks.remove)},
        "desired": _desired(desired) if desired else None,
        "live": _live(live) if live else None,
    }


def _parts(change: Change) -> tuple[Desired | None, Live | None, tuple[str, ...], Marks, str]:
    """Return what the sorts of change have in common: desired, live, fields, marks and reason."""
    match change:
        case Create():
            return change.desired, None, (), change.marks, change.reason
        case Update() | Replace():
            return change.desired, change.live, change.fields, change.marks, change.reason
        case Delete():
            return None, change.live, (), Marks(), change.reason
        case Keep():
            return change.desired, change.live, (), Marks(), str(change.kept)


def _live(live: Live) -> dict[str, JSON]:
    """Return what `change.before` does not say of a live bucket."""
    return {"marks": list(live.marks), "facts": dict(live.facts)}


def _unmanaged(keep: Keep) -> dict[str, JSON]:
    live = keep.live
    return {"name": live.name, "id": live.id, "kept": keep.kept, "attributes": dict(live.attrs), **_live(live)}


def _manifest(manifest: Manifest) -> dict[str, JSON]:
    """Return a manifest in the words in which people write one, with everything written out."""
    return {
        "stack": manifest.stack,
        "account": {"uid": manifest.account_uid},
        "ownership": "label" if manifest.ownership else None,
        "prune": manifest.prune,
        "limits": {"deletes": _limit(manifest.deletes_limit)},
        "buckets": [_desired(desired) for desired in manifest.desired],
        "removed": [_removed(removed) for removed in manifest.removed],
        "allow": [_approval(approval) for approval in manifest.approvals],
        "files": list(manifest.files),
        "sources": {key: _span(span) for key, span in manifest.spans.items()},
    }


def _limit(limit: Limit) -> JSON:
    return f"{limit.value}%" if limit.percent else limit.value


def _desired(desired: Desired) -> dict[str, JSON]:
    return {
        "attributes": dict(desired.attrs),
        "id": desired.id,
        "was": desired.was,
        "protect": desired.protect,
        "marks": None if desired.marks is None else list(desired.marks),
        "source": _span(desired.span),
    }


def _removed(removed: Removed) -> dict[str, JSON]:
    return {"name": removed.name, "forget": removed.forget, "source": _span(removed.span)}


def _approval(approval: Approval) -> dict[str, JSON]:
    return {"guard": approval.guard, "id": approval.id, "reason": approval.reason, "source": _span(approval.span)}


def _objection(objection: Objection) -> dict[str, JSON]:
    return {
        "guard": objection.guard,
        "id": objection.id,
        "approval": objection.approval or None,
        "diagnostic": _diagnostic(objection.diagnostic),
    }


def _diagnostic(diagnostic: Diagnostic) -> dict[str, JSON]:
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "fix": diagnostic.fix,
        "source": _span(diagnostic.span),
    }


def _span(span: Span | None) -> JSON:
    return {"file": span.file, "line": span.line, "column": span.column} if span else None


def _outcome(outcome: Outcome) -> dict[str, JSON]:
    change = outcome.change
    before = None if isinstance(change, Create) else change.live.id
    return {
        "address": f"bucket.{change.name}",
        "name": change.name,
        "id": outcome.live.id if outcome.live else before,
        "action": action_of(change),
        "status": outcome.status,
        "wrote": outcome.wrote,
        "lost": outcome.lost,
        "after": _attributes(outcome.live),
        "diagnostic": _diagnostic(outcome.diagnostic) if outcome.diagnostic else None,
    }


def _attributes(live: Live | None) -> Attrs | None:
    return dict(live.attrs) if live else None


def _summary(plan: Plan) -> dict[str, JSON]:
    counts = plan.counts()
    kept = [keep.kept for keep in plan.kept]
    return {
        **{action.value: count for action, count in counts.items() if action is not Action.KEEP},
        "unchanged": kept.count(Kept.IN_SYNC),
        "unmanaged": kept.count(Kept.UNMANAGED),
        "foreign": kept.count(Kept.FOREIGN),
        "can_apply": plan.can_apply,
        "destructive": counts[Action.DELETE] + counts[Action.REPLACE] > 0,
    }
