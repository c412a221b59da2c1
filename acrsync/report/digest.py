"""Two fingerprints of a plan: one of what it means, to be approved; one of what is written, to find any damage.

Why two: the digest must be the same number when the same is planned again, so it leaves out everything that moves by
itself: time, places in files, server facts, the words of messages. The checksum covers every byte of meaning and of
fact that a document holds, so that a file that was edited or cut is found even where the digest does not look.

Why `num` is in the digest of a delete and of a replace, though it is a server fact: it belongs to what is compared
right before such a change, and whoever approves a number must not approve a file in which the count was edited. The
number does not move for it: a plan that can be applied deletes only what holds nothing, so its `num` is 0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from acrsync.model import JSON, Desired, Live, Manifest
from acrsync.plan import Create, Delete, Marks, Plan, Replace, Update, Work


def digest(plan: Plan) -> str:
    """Return the number that stands for what a plan would do, and to which account.

    In it: the manifest, each change in its wave with the live values that are compared right before it, objections
    and approvals in force, and the codes of errors. Not in it: what is left alone, reasons, details, hints, notes.
    """
    return _hash(
        {
            "endpoint": plan.endpoint,
            "uid": plan.uid,
            "manifest": _manifest(plan.manifest),
            "waves": [[_change(change) for change in wave] for wave in plan.waves if wave],
            "objections": sorted([o.guard, str(o.id), o.approval] for o in plan.objections),
            "approved": sorted(str(approval) for approval in plan.approved),
            "errors": sorted(error.code for error in plan.errors),
        }
    )


def checksum(document: Mapping[str, JSON]) -> str:
    """Return the number over everything that a document holds but itself."""
    return _hash({key: value for key, value in document.items() if key != "checksum"})


def _hash(value: JSON) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _manifest(manifest: Manifest) -> JSON:
    """Return what a manifest asks for, whatever the order of its entries and the files they stand in."""
    return {
        "stack": manifest.stack,
        "account_uid": manifest.account_uid,
        "ownership": manifest.ownership,
        "prune": manifest.prune,
        "limit": [manifest.deletes_limit.value, manifest.deletes_limit.percent],
        "desired": [_desired(entry) for entry in sorted(manifest.desired, key=lambda entry: entry.name)],
        "removed": sorted([entry.name, entry.forget] for entry in manifest.removed),
        "approvals": sorted([str(approval), approval.reason] for approval in manifest.approvals),
    }


def _change(change: Work) -> JSON:
    match change:
        case Create():
            return {"do": "create", "desired": _desired(change.desired), "marks": _marks(change.marks)}
        case Update():
            mentioned = {key: value for key, value in change.live.attrs.items() if key in change.desired.attrs}
            live = _live(change.live, mentioned)
            return {"do": "update", **_changed(change), "needs": sorted(change.needs), "live": live}
        case Replace():
            return {"do": "replace", **_changed(change), "live": _live_whole(change.live)}
        case Delete():
            return {"do": "delete", "live": _live_whole(change.live)}


def _changed(change: Update | Replace) -> dict[str, JSON]:
    return {"desired": _desired(change.desired), "fields": list(change.fields), "marks": _marks(change.marks)}


def _desired(desired: Desired) -> JSON:
    said = {"attrs": dict(desired.attrs), "id": desired.id, "was": desired.was, "protect": desired.protect}
    return said if desired.marks is None else {**said, "marks": sorted(desired.marks)}


def _marks(marks: Marks) -> JSON:
    return [sorted(marks.add), sorted(marks.remove)]


def _live(live: Live, attrs: Mapping[str, JSON]) -> dict[str, JSON]:
    return {"id": live.id, "marks": sorted(live.marks), "attrs": dict(attrs)}


def _live_whole(live: Live) -> JSON:
    return {**_live(live, live.attrs), "num": live.facts.get("num")}
