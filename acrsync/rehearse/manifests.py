"""Writes a manifest as one JSON file, so that a rehearsal can remove entries to find the smallest failing case."""

from __future__ import annotations

import json
from collections.abc import Mapping

from acrsync.model import JSON, Approval, Desired, Manifest, Prune, Removed


def manifest_text(manifest: Manifest) -> str:
    """Return an equivalent manifest as JSON, which is also YAML."""
    document: dict[str, JSON] = {"version": 1}
    if manifest.account_uid is not None:
        document["account"] = {"uid": manifest.account_uid}
    if manifest.stack is not None:
        document["stack"] = manifest.stack
    if manifest.ownership:
        document["ownership"] = "label"
    if manifest.prune is not Prune.NEVER:
        document["prune"] = str(manifest.prune)
    document["limits"] = {"deletes": manifest.deletes_limit.written}
    document["buckets"] = [_entry(desired) for desired in manifest.desired]
    if manifest.removed:
        document["removed"] = [_removed(entry) for entry in manifest.removed]
    if manifest.approvals:
        document["allow"] = [_approval(approval) for approval in manifest.approvals]
    return json.dumps(document, indent=2)


def _entry(desired: Desired) -> Mapping[str, JSON]:
    keys = {"id": desired.id, "was": desired.was, "protect": desired.protect}
    return {**desired.attrs, **{key: value for key, value in keys.items() if value is not None}}


def _removed(entry: Removed) -> Mapping[str, JSON]:
    named: dict[str, JSON] = {"name": entry.name} if getattr(entry, "name", None) else {}
    bucket_id = getattr(entry, "id", None)
    named |= {} if bucket_id is None else {"id": bucket_id}
    return {**named, "forget": True} if entry.forget else named


def _approval(approval: Approval) -> Mapping[str, JSON]:
    return {"guard": str(approval.guard), "id": approval.id, "reason": approval.reason or "rehearsed"}
