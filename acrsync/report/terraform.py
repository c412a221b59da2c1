"""A plan in the format of `terraform show -json`, on one line, for tools that check Terraform plans.

Why addresses have no quotes and no escapes: checkov ignores a resource if its address has a backslash before a letter,
and regopy cannot return an address with quotes. The exact name is in the values. Why characters beyond 16 bits are not
escaped: checkov cannot read surrogate pairs. Measured with checkov 3.3.30 and regopy 1.5.2.
Why all attributes are always present, null if they are unknown: in OPA a rule about an absent key is undefined, and an
undefined rule denies nothing.
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
TERRAFORM_VERSION = "1.9.0"  # of this format; tools refuse unknown versions
_TO_ESCAPE = re.compile(r"[^\x00-\x7e\U00010000-\U0010ffff]")  # the long range as [\x7f-\uffff] takes 4 ms to compile
CHOSEN_BY_SERVER = ("id", "net_type")  # if a create does not set them, they are known only afterwards
REASONS = {"replace": "replace_because_cannot_update", "delete": "delete_because_no_resource_config"}


def terraform_text(plan: Plan | None, run: Run) -> str:
    """Return all managed buckets as resources, with their changes."""
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
    """Return one entry for each bucket. A swap renames a bucket twice: from the first `before` to the last `after`."""
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
    """Return all attributes of a bucket, null if they are unknown; None if there is no bucket."""
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
