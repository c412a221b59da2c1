"""A plan in the shape of `terraform show -json`, on one line, so that tools which judge Terraform's plans judge it too.

Why addresses hold no quotes and no escapes: checkov passes over a resource whose address holds a backslash before a
letter, and regopy cannot return one that holds quotes. The name as it is stands in the values. Why what lies beyond 16
bits is not escaped: checkov cannot read pairs of surrogates. Measured, with checkov 3.3.30 and regopy 1.5.2.
Why every attribute is always there, null if it is not known: a rule about an absent key is undefined in OPA, and a
rule that is undefined denies nothing.
Source: developer.hashicorp.com, "JSON Output Format", format version 1.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from acrsync.bucket import FIELDS
from acrsync.model import JSON, Attrs
from acrsync.plan.document import TYPE, Plan, plan_document
from acrsync.plan.outcome import Run
from acrsync.visible import harmless_json, visible

FORMAT_VERSION = "1.2"
TERRAFORM_VERSION = "1.9.0"  # whose shape this is: tools refuse a version that they do not know
_TO_ESCAPE = re.compile(r"[^\x00-\x7e\U00010000-\U0010ffff]")  # the long range as [\x7f-\uffff] takes 4 ms to compile
CHOSEN_BY_SERVER = ("id", "net_type")  # a create that does not set them shows them only afterwards
REASONS = {"replace": "replace_because_cannot_update", "delete": "delete_because_no_resource_config"}


def terraform_text(plan: Plan | None, run: Run) -> str:
    """Return every managed bucket as a resource, with what becomes of it."""
    document = plan_document(plan, run)
    changes = [_change(entry) for entry in _one_a_bucket(document["resource_changes"])]
    planned = [change for change in changes if change["change"]["after"] is not None]
    shaped = {
        "format_version": FORMAT_VERSION,
        "terraform_version": TERRAFORM_VERSION,
        "planned_values": {"root_module": {"resources": [_planned(change) for change in planned]}},
        "resource_changes": changes,
        "configuration": {"root_module": {}},
        "timestamp": document["timestamp"],
        "applyable": document["summary"]["can_apply"] and any(entry["wave"] for entry in document["resource_changes"]),
        "complete": plan is not None,
        "errored": plan is None or bool(plan.errors),
    }
    text = json.dumps(shaped, ensure_ascii=False, allow_nan=False)
    return harmless_json(_TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)) + "\n"


def _one_a_bucket(entries: Iterable[Mapping[str, JSON]]) -> Iterable[Mapping[str, JSON]]:
    """Return the last step of each bucket with what was before its first: a swap renames one bucket twice."""
    last: dict[JSON, Mapping[str, JSON]] = {}
    for entry in entries:
        key = entry["name"] if entry["id"] is None else entry["id"]
        first = last.get(key, entry)["change"]["before"]
        last[key] = {**entry, "change": {**entry["change"], "before": first}}
    return last.values()


def _change(entry: Mapping[str, JSON]) -> dict[str, JSON]:
    change = entry["change"]
    new = "create" in change["actions"]
    after = _complete(change["after"], id=None if new else entry["id"])
    unset = [] if after is None else [key for key in CHOSEN_BY_SERVER if new and after[key] is None]
    reason = REASONS.get(entry["action"])
    return {
        **_identity(entry["name"]),
        "change": {
            "actions": change["actions"],
            "before": _complete(change["before"], id=entry["id"]),
            "after": after,
            "after_unknown": dict.fromkeys(unset, True),
            "before_sensitive": {},
            "after_sensitive": {},
            **({"replace_paths": change["replace_paths"]} if change["replace_paths"] else {}),
        },
        **({"action_reason": reason} if reason else {}),
    }


def _complete(attrs: Attrs | None, **known: JSON) -> dict[str, JSON] | None:
    """Return every attribute of a bucket, null if it is not known; None if there is no bucket."""
    return None if attrs is None else {**known, **dict.fromkeys(FIELDS), **attrs}


def _planned(change: Mapping[str, JSON]) -> dict[str, JSON]:
    values = change["change"]["after"]
    return {**_identity(values["name"]), "schema_version": 0, "values": values, "sensitive_values": {}}


def _identity(name: str) -> dict[str, JSON]:
    label = "".join(_of_label(character) for character in name)
    return {
        "address": f"{TYPE}.{label}",
        "mode": "managed",
        "type": TYPE,
        "name": label,
        "provider_name": "acrsync",
    }


def _of_label(character: str) -> str:
    plain = (character.isalnum() or character in "_.-") and visible(character) == character
    return character if plain else quote(character, safe="", errors="surrogatepass")
