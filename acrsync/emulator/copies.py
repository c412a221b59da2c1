"""Loads a copied account. Answers show its rows exactly as the API sent them, also if they are invalid.

The readable fields of a row are stored in addition, so that filters, taken names and deletion work as usual.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from acrsync.emulator.documents import decode, mapping
from acrsync.emulator.related import REFERRERS
from acrsync.emulator.shapes import KEYS
from acrsync.emulator.store import Bucket, Referrer

GREATEST_ID = 2**53
REFERRER_KEYS = {"id": int, "uid": int, "name": str, "region": str, "type": str}


@dataclass(frozen=True, slots=True)
class Copy:
    """An account: its uid, its buckets, and the projects and containers that use them."""

    uid: int
    rows: tuple[Bucket, ...] = ()
    referrers: tuple[Referrer, ...] = ()


@dataclass(frozen=True, slots=True)
class _Contents:
    files: int = 0
    channels: int = 0
    seconds: int = 0
    status: int = 0


def read(document: object, usual_uid: int) -> Copy:
    """Return the account in a document: `uid`, `buckets`, `contents` by bucket id, `references` by list.

    Raises: ValueError when it does not fit.
    """
    given = mapping(document, "copy")
    if unknown := sorted(set(given) - {"uid", "buckets", "contents", "references"}):
        raise ValueError(f"copy has no {unknown[0]!r}; it knows buckets, contents, references, uid")
    uid = given.get("uid", usual_uid)
    if type(uid) is not int or uid < 1:
        raise ValueError("copy, uid must be a positive whole number")
    rows = _distinct(bucket(mapping(row, "copy, buckets"), uid) for row in _list(given.get("buckets"), "copy, buckets"))
    contents = {
        id_: decode(_Contents, one, f"copy, contents, {id_}")
        for id_, one in mapping(given.get("contents"), "copy, contents").items()
    }
    if unknown := sorted(set(contents) - {str(row.id) for row in rows}):
        raise ValueError(f"copy, contents: no bucket has the id {unknown[0]}")
    referrers = (
        reference(kind, {**mapping(one, "copy, references"), "uid": uid}, uid)
        for kind, entries in mapping(given.get("references"), "copy, references").items()
        for one in _list(entries, f"copy, references, {kind}")
    )
    return Copy(uid, tuple(_with_contents(row, contents.get(str(row.id))) for row in rows), tuple(referrers))


def _list(document: object, where: str) -> list[object]:
    if not isinstance(document, list | None):
        raise ValueError(f"{where} must be a list")
    return document or []


def _distinct(rows: Iterable[Bucket]) -> list[Bucket]:
    """Return the rows. If several have one id, the later ones are stored under new ids."""
    seen: dict[int, Bucket] = {}
    kept = []
    for row in rows:
        kept.append(replace(row, id=0) if row.id in seen else row)
        seen[row.id] = row
    return kept


def _with_contents(row: Bucket, contents: _Contents | None) -> Bucket:
    if contents is None:
        return row
    return replace(
        row,
        files=contents.files,
        channels=contents.channels,
        seconds=contents.seconds or row.seconds,
        content_status=contents.status,
    )


def bucket(row: Mapping[str, object], uid: int) -> Bucket:
    """Return a stored row that answers show exactly as given, without additional keys."""
    labels, num = row.get("labels"), _number(row.get("num"))
    listed = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    template, net_type, owner = row.get("metadata_template"), _number(row.get("net_type")), row.get("uid")
    is_live = _text(row, "type").startswith("Live")
    return Bucket(
        id=_number(row.get("id")),
        uid=owner if type(owner) is int else uid,
        shown_to=uid,
        name=_text(row, "name"),
        type=_text(row, "type"),
        region=_text(row, "region"),
        labels=tuple(labels) if isinstance(labels, list) and listed else ("",),
        metadata_template=template if isinstance(template, str) else None,
        net_type=net_type if net_type in (0, 1, 2) else 1,
        files=0 if is_live else max(0, num),
        channels=max(0, num) if is_live else 0,
        seconds=max(0, _number(row.get("size"))),
        created_at=_text(row, "created_at"),
        updated_at=_text(row, "updated_at"),
        show=row,
        hide=tuple(sorted(KEYS - set(row))),
    )


def _text(row: Mapping[str, object], key: str) -> str:
    found = row.get(key)
    return found if isinstance(found, str) else ""


def _number(value: object) -> int:
    """Return the whole number in a value, as a number or as text; 0 if it cannot be stored."""
    if isinstance(value, str) and re.fullmatch("-?[0-9]{1,15}", value):
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < GREATEST_ID:
        return int(value)
    return 0


def reference(kind: str, document: object, uid: int) -> Referrer:
    """Return a project or container; `buckets` are ids, names, or buckets as the API shows them there.

    Answers show every other key as given. Raises: ValueError if it is invalid.
    """
    if kind not in REFERRERS:
        raise ValueError(f"references are {', '.join(REFERRERS)}")
    given: dict[str, Any] = {"uid": uid, **mapping(document, "reference")}
    known = {key: given.pop(key) for key, is_a in REFERRER_KEYS.items() if type(given.get(key)) is is_a}
    used = _list(given.pop("buckets", []), "buckets")
    ids = [one.get("id") if isinstance(one, dict) else one for one in used]
    buckets = tuple(one for one in ids if isinstance(one, int | str) and not isinstance(one, bool))
    if len(buckets) < len(ids):
        raise ValueError("buckets must be a list of ids and names")
    return Referrer(kind=kind, buckets=buckets, extra=given, **known)
