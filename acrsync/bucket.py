"""The fields of a bucket: how acrsync compares each one, and how it sends it.

Why a table and not a class: absent, null and empty are three different things. A class needs a sentinel for each field
and repeats the schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from acrsync.frozen import frozen
from acrsync.model import JSON, MARK, Attrs, Live
from acrsync.visible import visible


def same(value: JSON) -> JSON:
    """Return the value as it is."""
    return value


def is_text(value: JSON) -> bool:
    """Return whether a value is a text."""
    return isinstance(value, str)


@frozen
class Field:
    """One attribute that a manifest may set."""

    immutable: bool = False
    canonical: Callable[[JSON], JSON] = same  # the one form that is compared; idempotent
    encode: Callable[[JSON], JSON] = same  # canonical -> request body
    readable: Callable[[JSON], bool] = is_text  # whether acrsync understands the value that the API shows


def canonical_labels(value: JSON) -> JSON:
    """Return labels as a sorted list without duplicates; for null, `[""]` and `[null]` an empty one.

    Source: Console API, "List Buckets" shows `[""]` if no label is set.
    """
    items = value.split(",") if isinstance(value, str) else value or []
    return sorted({str(item) for item in items if item not in (None, "")})


def canonical_template(value: JSON) -> JSON:
    """Return a template as a mapping, or None for no template. Text that is not a JSON object stays text.

    Keeps the order of keys for writing. The order does not matter for comparing.
    """
    return (_template_in(value) if isinstance(value, str) else value) or None


@lru_cache(maxsize=1024)  # thousands of buckets share a few templates: parse and keep each one once
def _template_in(text: str) -> JSON:
    """Return the parsed text if it is a mapping or empty, else the text itself."""
    try:
        parsed = json.loads(text) if text.strip() else None
        json.dumps(parsed, allow_nan=False)  # NaN and 1e999 are not JSON, and not equal to themselves
    except (ValueError, RecursionError):
        return text
    # GUESS: `[]` is an empty mapping, too. Servers written in PHP do not distinguish the two.
    return parsed if parsed in (None, []) or isinstance(parsed, dict) else text


def encode_template(value: JSON) -> JSON:
    """Return the JSON text to send. GUESS: an empty text clears a template."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def canonical_number(value: JSON) -> JSON:
    """Return a whole number as an int, also if the server sent it as text or as a float; other values as they are."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


def identifier(value: JSON) -> int:
    """Return an id as an int. Raises: ValueError if the value is not an id."""
    number = canonical_number(value)
    if not is_number(number) or number < 1:
        raise ValueError(f"{shown(value)} is not an id")
    return int(number)


def is_number(value: JSON) -> bool:
    """Return whether a value is a whole number, also as text or as a float."""
    number = canonical_number(value)
    return isinstance(number, int) and not isinstance(number, bool)


def are_labels(value: JSON) -> bool:
    """Return whether a value is labels: null, a list of texts, or a text with commas between the labels.

    An object is not labels: its keys would become labels. JSON in a text is not: its brackets would.
    """
    if isinstance(value, str):
        return not _is_json(value)
    return value is None or (isinstance(value, list) and all(isinstance(item, str | None) for item in value))


def is_template(value: JSON) -> bool:
    """Return whether a value is a template: a text, an object, or empty."""
    return value is None or value == [] or isinstance(value, str | dict)


def _is_json(text: str) -> bool:
    if text.lstrip().startswith(("[", "{", '"')):  # cut short, too
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def size_of(live: Live) -> float | None:
    """Return the size of a bucket, None if the API does not show it or it cannot be read."""
    match live.facts.get("size"):
        case bool():
            return None
        case int() | float() as size if size >= 0:
            return float(size)
        case str() as text if re.fullmatch(r"[0-9]{1,30}(\.[0-9]{1,30})?", text):
            return float(text)
        case _:
            return None


def num_of(live: Live) -> int | None:
    """Return the number of items of a bucket, None if it cannot be read."""
    num = live.facts.get("num")
    return num if isinstance(num, int) and not isinstance(num, bool) and num >= 0 else None


# Source: Console API, "Create Bucket" and "Update Bucket". A field that "Update Bucket" does not list is immutable.
FIELDS: Mapping[str, Field] = {
    "name": Field(),
    "region": Field(immutable=True),
    "type": Field(immutable=True),
    "net_type": Field(immutable=True, canonical=canonical_number, readable=is_number),
    "labels": Field(canonical=canonical_labels, readable=are_labels),
    "metadata_template": Field(canonical=canonical_template, encode=encode_template, readable=is_template),
}
FACTS = ("uid", "num", "state", "size", "access_permission", "created_at", "updated_at")
NUMBERS = ("uid", "num")

REGIONS = ("eu-west-1", "us-west-2", "ap-southeast-1")
CHINA = "cn-north-1"  # a separate deployment, on acrcloud.cn
TYPES = ("File", "Live", "LiveRec", "LiveTimeshift")
# Values that exist on the server and cannot be created.
LEGACY_REGIONS = ("global",)
LEGACY_TYPES = ("DedupFile",)


def canonical(attrs: Attrs) -> Attrs:
    """Return the attributes in canonical form, in the order of the table. Drops other keys."""
    return {key: field.canonical(attrs[key]) for key, field in FIELDS.items() if key in attrs}


def decode(row: Mapping[str, JSON]) -> Live:
    """Return one row of the API as a live bucket. A value that cannot be read is never guessed: see `Live.unreadable`.

    Raises: KeyError, TypeError or ValueError if it has no usable id.
    """
    bucket_id = identifier(row["id"])
    row = {"labels": [], "metadata_template": None, **row}
    unreadable = {key: shown(row[key]) for key, field in FIELDS.items() if key in row and not field.readable(row[key])}
    unreadable |= {key: "missing" for key in ("name", "region", "type") if key not in row}
    facts = {key: canonical_number(row[key]) if key in NUMBERS else row[key] for key in FACTS if key in row}
    if not is_number(facts.get("uid", 0) or 0):
        unreadable["uid"] = shown(row["uid"])
    attrs = dict(canonical({key: value for key, value in row.items() if key not in unreadable}))
    labels = attrs.get("labels", [])
    if "labels" in attrs:
        attrs["labels"] = [label for label in labels if not label.startswith(MARK)]
    marks = tuple(label for label in labels if label.startswith(MARK))
    return Live(bucket_id, attrs, marks, facts, unreadable)


def encode(attrs: Attrs, *, marks: tuple[str, ...] = ()) -> dict[str, JSON]:
    """Return the request body for these attributes; marks travel with the labels."""
    body = {key: FIELDS[key].encode(value) for key, value in attrs.items()}
    if "labels" in body or marks:
        body["labels"] = [*body.get("labels", ()), *marks]
    return body


def items_of(live: Live) -> str:
    """Return the number of items of a bucket in words."""
    num = live.facts.get("num")
    return "unknown number of items" if num is None else f"{visible(str(num))} item{'' if num == 1 else 's'}"


def unwritable(live: Live) -> str | None:
    """Return why no manifest can name a bucket, None if one can. A bucket that cannot be named is never pruned."""
    if "name" in live.unreadable:
        return f"The name is {live.unreadable['name']}, which is not a text."
    for key, known in (("region", (*REGIONS, CHINA, *LEGACY_REGIONS)), ("type", (*TYPES, *LEGACY_TYPES))):
        if live.attrs.get(key) not in known:
            seen = live.unreadable.get(key) or shown(live.attrs.get(key))
            return f"`{key}` is {seen}, which this acrsync does not know."
    if "uid" in live.unreadable:
        return f"`uid` is {live.unreadable['uid']}, so the account of the bucket is unknown."
    if any("\ud800" <= character <= "\udfff" for character in live.name):
        return "The name contains half of a surrogate pair, which is not a character."
    return None


def shown(value: JSON) -> str:
    """Return a value of the API for people, at most 80 characters."""
    return visible(json.dumps(value, ensure_ascii=False))[:80]


def content_path(live: Live) -> str:
    """Return the name of the list that counts the items of the bucket.

    Source: Console API, "Bucket Files", "Bucket Channels", "Dedup Files". GUESS: `channels` is also the list of LiveRec
    and LiveTimeshift, and `files` that of an unknown type.
    """
    kind = str(live.attrs.get("type", ""))
    return "channels" if kind.startswith("Live") else "dedup-files" if kind == "DedupFile" else "files"
