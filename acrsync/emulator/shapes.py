"""The form of stored rows in an answer: keys, order, and the changes that the profile asks for.

Source of keys and types: reference 1.4, 2.1, 2.2 and 4 (the vendor's sample answers).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import assert_never

from acrsync.emulator.profile import Profile
from acrsync.emulator.store import Bucket, Referrer

Json = dict[str, object]
ABSENT = object()  # the value of a key that is not shown
KEYS = {
    "id", "uid", "name", "type", "node", "tracker", "is_shared", "quota", "tags", "state", "region", "labels", "num",
    "metadata_template", "net_type", "created_at", "updated_at", "size", "access_permission",
}  # fmt: skip


def bucket(row: Bucket, profile: Profile, num: int) -> Json:
    """Return a bucket as the API shows it. Source: Console API, "List Buckets".

    The values in `row.show` replace all others.
    """
    shown = {
        "id": {"text": str(row.id), "float": float(row.id)}.get(profile.id_shown, row.id),
        "uid": row.uid,
        "name": row.name,
        "type": row.type,
        **_placement(row, profile),
        "state": row.state,
        "region": row.region,
        "metadata_template": template(row.metadata_template, profile),
        "labels": None if row.labels is None else LABELS[profile.labels_shown](labels(row.labels, profile)),
        "net_type": str(row.net_type) if profile.net_type_shown == "text" else row.net_type,
        "created_at": stamp(row.created_at) if profile.stamps_shown == "iso" else row.created_at,
        "updated_at": stamp(row.updated_at) if profile.stamps_shown == "iso" else row.updated_at,
        "num": NUMS[profile.num_shown](num),
        "size": size(row.seconds, profile),
        "access_permission": row.access_permission,
        **row.show,
    }
    return {key: value for key, value in shown.items() if value is not ABSENT and key not in row.hide}


LABELS: Mapping[str, Callable[[list[str]], object]] = {
    "list": lambda labels: labels,
    "comma_text": ",".join,
    "json_text": json.dumps,
    "object": lambda labels: {str(place): label for place, label in enumerate(labels)},
    "null": lambda _: None,
}
NUMS: Mapping[str, Callable[[int], object]] = {
    "integer": lambda num: num,
    "text": str,
    "null": lambda _: None,
    "absent": lambda _: ABSENT,
    "negative": lambda _: -1,
}


def stamp(text: str) -> str:
    """Return a timestamp in the other form that the API uses."""
    return text.replace(" ", "T") + ".000000Z"


def _placement(row: Bucket, profile: Profile) -> Json:
    """Return the keys that only some rows have (row 18 of the unknowns)."""
    shown: Json = {}
    if row.node is not None or profile.node_shown != "absent":
        shown["node"] = row.node or ("10.12.12.236-850" if profile.node_shown == "value" else "")
    if profile.tracker_shown != "absent":
        shown["tracker"] = "10.12.12.236-871" if profile.tracker_shown == "value" else ""
    if profile.extra_fields != "none":
        shown |= {"is_shared": 0, "quota": None, "tags": {"plan": "trial"}}
    if profile.extra_fields == "every_type":
        shown |= {
            "x_true": True,
            "x_float": 1.5e300,
            "x_great": 2**70,
            "x_text": "\u0000é\u2028😀",
            "x_list": [[], {}, None],
        }
        shown |= {"x deep ": {"": {"": [{}]}}, "X_TEXT": "", "__proto__": None}
    return shown


def labels(stored: tuple[str, ...], profile: Profile) -> list[str]:
    """Return labels in the order of the profile, with or without duplicates (row 9 of the unknowns)."""
    shown = list(dict.fromkeys(stored)) if profile.labels_repeated == "dropped" else list(stored)
    match profile.labels_order:
        case "as_sent":
            return shown
        case "sorted":
            return sorted(shown)
        case "reversed":
            return shown[::-1]
    assert_never(profile.labels_order)


def template(stored: str | None, profile: Profile) -> object:
    """Return a template as answers show it; one that is not JSON stays unchanged (row 12 of the unknowns)."""
    if not stored or (profile.template_text, profile.template_shown) == ("verbatim", "text"):
        return stored
    try:
        parsed = json.loads(stored)
    except (ValueError, RecursionError):
        return stored
    text = _written(stored, parsed, profile)
    return {"object": parsed, "text_of_text": json.dumps(text)}.get(profile.template_shown, text)


def _written(stored: str, parsed: object, profile: Profile) -> str:
    match profile.template_text:
        case "verbatim":
            return stored
        case "indented":
            return json.dumps(parsed, indent=4)
        case "compact":
            return json.dumps(parsed, separators=(",", ":"), ensure_ascii=False)
        case "keys_sorted":
            return json.dumps(parsed, separators=(",", ":"), sort_keys=True)
    assert_never(profile.template_text)


def size(seconds: int, profile: Profile) -> object:
    """Return `size`: documented as the number 0 for an empty bucket, else as text."""
    match profile.size_shown:
        case "mixed":
            return str(seconds) if seconds else 0
        case "text":
            return str(seconds)
        case "integer":
            return seconds
        case "null":
            return None
        case "absent":
            return ABSENT
    assert_never(profile.size_shown)


def item(row: Bucket, number: int, section: str) -> Json:
    """Return the file or channel with that number. Only counts are stored, so it is generated, always the same."""
    acr_id = hashlib.md5(f"{row.id} {number}".encode(), usedforsecurity=False).hexdigest()
    made_at = stamp(row.created_at)
    if section == "dedup-files":
        return {"dup_files": [], "acr_id": acr_id, "created_at": made_at, "updated_at": made_at}
    made: Json = {
        "id": row.id * 1_000_000 + number,
        "uid": row.uid,
        "bucket_id": row.id,
        "acr_id": acr_id,
        "state": 1,
        "title": title(section, number),
        "user_defined": {},
        "created_at": made_at,
        "updated_at": made_at,
    }
    if section == "files":
        return made | {"audio_id": "", "duration": row.seconds // max(1, row.files)}
    return made | {"channel_id": "", "url": f"udp://192.0.2.10:{number}", "timeshift": 0, "bucket_type": row.type}


def title(section: str, number: int) -> str:
    """Return the generated title of a file or channel."""
    return f"{section.removesuffix('s')} {number}"


def referrer(one: Referrer, used: list[Bucket], profile: Profile) -> Json:
    """Return a project or container with the buckets that it uses, in the form of its list (reference 4)."""
    shown: Json = {"id": one.id, "uid": one.uid, "name": one.name, "region": one.region, "state": 1}
    match one.kind:
        case "base-projects":
            shown |= {
                "type": one.type or "AVR",
                "service_type": one.type or "AVR",
                "access_key": f"key{one.id:029}",
                "access_secret": f"secret{one.id:034}",
                "status_check": 0,
                "buckets": [_short(row, profile, "type", "metadata_template") for row in used],
            }
        case "bm-cs-projects":
            shown |= {
                "type": one.type or "BM-ACRC",
                "bucket_group": ",".join(str(row.id) for row in used),
                "metadata_template": "StreamId,City",
                "buckets": [bucket(row, profile, row.files + row.channels) for row in used],
            }
        case _:  # fs-containers; GUESS: bm-bd-projects show their buckets in the same form
            shown |= {"buckets": [_short(row, profile, "type") for row in used]}
    return shown | {"created_at": "2020-01-01T00:00:00.000000Z"} | dict(one.extra)


def _short(row: Bucket, profile: Profile, *more: str) -> Mapping[str, object]:
    whole = bucket(row, profile, 0)
    return {key: whole[key] for key in ("id", "name", *more) if key in whole}
