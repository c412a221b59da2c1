"""Deciders: the keys of a bucket's row, and the JSON type of each value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from acrsync.model import JSON
from acrsync.probe.evidence import Evidence, Row, id_of, whole_number
from acrsync.probe.finding import UNSEEN, Finding, Sieve, one, some
from acrsync.probe.wire import Answer

# Source: Console API, "List Buckets"; `tracker` is declared by a public client.
DOCUMENTED = {
    "id", "uid", "name", "type", "node", "tracker", "state", "region", "metadata_template", "labels", "net_type",
    "created_at", "updated_at", "num", "size", "access_permission",
}  # fmt: skip
PLAIN_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
ISO_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ABSENT = object()
Rows = Iterable[tuple[Row, Answer]]


def _sifted(values: tuple[JSON, ...], key: str, rows: Rows, fits: Callable[[JSON, JSON], bool]) -> Finding:
    """Return the values of a switch that fit every row; `fits` gets a value and what the row shows."""
    sieve = Sieve(values)
    for row, answer in rows:
        sieve = sieve.strike(partial(_suits, fits, row.get(key, ABSENT)), answer)
        sieve = Sieve(sieve.left, sieve.seen[:1], sieve.used)
    return sieve.found(f"{key} of every row")


def _suits(fits: Callable[[JSON, JSON], bool], shown: JSON, value: JSON) -> bool:
    return fits(value, shown)


def _id(value: JSON, shown: JSON) -> bool:
    kinds: Mapping[JSON, type] = {"integer": int, "text": str, "float": float}
    return type(shown) is kinds[value]


def _num(value: JSON, shown: JSON) -> bool:
    match value:
        case "integer":
            return type(shown) is int and shown >= 0
        case "text":
            return type(shown) is str
        case "null":
            return shown is None
        case "absent":
            return shown is ABSENT
        case _:
            return bool(shown == -1)


def _size(value: JSON, shown: JSON) -> bool:
    match value:
        case "mixed":
            return (type(shown) is int and shown == 0) or (type(shown) is str and shown != "0")
        case "integer":
            return type(shown) is int
        case "text":
            return type(shown) is str
        case "null":
            return shown is None
        case _:
            return shown is ABSENT


def _stamp(value: JSON, shown: JSON) -> bool:
    return bool((PLAIN_STAMP if value == "plain" else ISO_STAMP).fullmatch(str(shown)))


def _tracker(value: JSON, shown: JSON) -> bool:
    match value:
        case "absent":
            return shown is ABSENT
        case "empty":
            return bool(shown == "")
        case _:
            return isinstance(shown, str) and shown != ""


def _node(value: JSON, shown: JSON) -> bool:
    """Return whether a row may show this. A bucket that already has a node, also an empty one, always shows it."""
    match value:
        case "absent":
            return True
        case "empty":
            return shown is not ABSENT
        case _:
            return isinstance(shown, str) and shown != ""


def _node_of_own(value: JSON, shown: JSON) -> bool:
    return _node(value, shown) and ((value == "absent") == (shown is ABSENT)) and ((value == "empty") == (shown == ""))


def _node_shown(seen: Evidence) -> Finding:
    own = list(seen.fresh())
    found = _sifted(("absent", "empty", "value"), "node", own or seen.shown(), _node_of_own if own else _node)
    if own or found.possible != ("absent",):
        return found
    return one("absent", "a row without node", *(answer for row, answer in seen.shown() if "node" not in row))


def _extra_fields(seen: Evidence) -> Finding:
    for row, answer in seen.shown():
        extra = {key: value for key, value in row.items() if key not in DOCUMENTED}
        kinds = {type(value) for value in extra.values()}
        if not extra:
            return one("none", "rows have only the documented keys", answer)
        way = "every_type" if {bool, float, list} <= kinds else "some"
        return one(way, f"rows have {', '.join(sorted(extra)[:6])}", answer)
    return UNSEEN


def labels_shown(seen: Evidence) -> Finding:
    """Return the form of labels. Null alone shows nothing: a bucket without labels may store it."""
    sieve = Sieve(("list", "comma_text", "json_text", "object", "null"))
    texts: list[tuple[str, Answer]] = []
    for row, answer in seen.shown():
        match row.get("labels"):
            case list():
                return one("list", "labels are a list", answer)
            case dict():
                return one("object", "labels are an object", answer)
            case str(text):
                texts.append((text, answer))
            case None:
                sieve = Sieve(sieve.left, (*sieve.seen, answer.number)[:3], used=True)
            case _:
                pass
    for text, answer in texts:
        if _list_in(text) is None:
            return one("comma_text", "labels are text that is not a JSON list", answer)
    if texts:
        # A label itself may look like a JSON list, but not one of a throw-away bucket.
        certain = any(isinstance(row.get("labels"), str) for row, _ in seen.fresh())
        ways = ("json_text",) if certain else ("json_text", "comma_text")
        return some(ways, "labels are the text of a JSON list", *(answer for _, answer in texts[:3]))
    return sieve.found("labels are null in every row")


def labels_of(shown: JSON) -> tuple[str, ...] | None:
    """Return the labels, whatever form they have; None if there are none."""
    match shown:
        case list():
            return tuple(map(str, shown))
        case dict():
            return tuple(map(str, shown.values()))
        case str():
            listed = _list_in(shown)
            return tuple(shown.split(",")) if listed is None else listed
        case _:
            return None


def _list_in(text: str) -> tuple[str, ...] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return tuple(map(str, value)) if isinstance(value, list) else None


def _template_shown(seen: Evidence) -> Finding:
    for row, answer in seen.shown():
        match row.get("metadata_template"):
            case dict():
                return one("object", "a template is an object", answer)
            case str(text) if isinstance(_parsed(text), dict):
                return one("text", "a template is the text of a JSON object", answer)
            case str(text) if isinstance(_parsed(text), str) and id_of(row) in seen.own:
                return one("text_of_text", "a template is text that holds the text of a JSON object", answer)
            case _:
                pass
    return UNSEEN


def _parsed(text: str) -> JSON:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _num_counts(seen: Evidence) -> Finding:
    sieve = Sieve(("files_and_channels", "files"))
    for content in seen.contents:
        num, files, channels = whole_number(content.row.get("num")), content.files.rows, content.channels.rows
        if num is None or num < 0 or not channels or files is None or len(channels) >= 100:  # noqa: PLR2004
            continue
        counts = {"files_and_channels": len(files) + len(channels), "files": len(files)}
        left = [way for way, count in counts.items() if count == num]
        sieve = sieve.strike(left.__contains__, content.channels, content.files)
    return sieve.found("num of a bucket with channels")


def decide(seen: Evidence) -> dict[str, Finding]:
    """Return the findings about rows."""
    return {
        "id_shown": _sifted(("integer", "text", "float"), "id", seen.shown(), _id),
        "num_shown": _sifted(("integer", "text", "null", "absent", "negative"), "num", seen.shown(), _num),
        "size_shown": _sifted(("mixed", "integer", "text", "null", "absent"), "size", seen.shown(), _size),
        "stamps_shown": _sifted(("plain", "iso"), "created_at", seen.shown(), _stamp),
        "tracker_shown": _sifted(("absent", "empty", "value"), "tracker", seen.shown(), _tracker),
        "node_shown": _node_shown(seen),
        "extra_fields": _extra_fields(seen),
        "labels_shown": labels_shown(seen),
        "template_shown": _template_shown(seen),
        "num_counts": _num_counts(seen),
    }
