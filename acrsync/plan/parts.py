"""The codecs of all parts of a plan's document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from acrsync.bucket import FIELDS
from acrsync.diagnostics import Diagnostic, Severity, Span
from acrsync.model import JSON, Approval, Attrs, Desired, Limit, Live, Manifest, Prune, Removed
from acrsync.plan.changes import Action, Create, Delete, Keep, Kept, Marks, Objection, Replace, Update
from acrsync.plan.codec import FLAG, MAPPING, NUMBER, TEXT, At, Codec, by_key, choice, each, maybe, record
from acrsync.plan.earlier import Unsettled
from acrsync.visible import visible


def _live(at: At) -> Live:
    """Return a bucket. It must have a name, unless the name could not be read."""
    unreadable = by_key(TEXT).read(at["unreadable"]) if "unreadable" in at.mapping() else {}
    live: Live = _READABLE.read(at)
    if "name" not in unreadable:
        at["attributes"]["name"].text()
    return replace(live, unreadable=unreadable)


def _live_written(live: Live) -> JSON:
    return {**_READABLE.write(live), **({"unreadable": dict(live.unreadable)} if live.unreadable else {})}


def _named(at: At) -> Attrs:
    at["name"].text()
    return _attrs(at)


def _attrs(at: At) -> Attrs:
    """Return attributes by field. An unknown one is refused: acrsync can neither compare nor send it."""
    attrs = at.mapping()
    unknown = next((key for key in attrs if key not in FIELDS), None)
    if unknown is not None:
        raise at.mismatch(f"only attributes that this acrsync knows (not {visible(unknown)})")
    if "labels" in attrs:
        TEXTS.read(at["labels"])
    return attrs


def _limit(at: At) -> Limit:
    match = re.fullmatch(r"([0-9]{1,9})%", at.value) if isinstance(at.value, str) else None
    return Limit(int(match[1]), percent=True) if match else Limit(at.number())


TEXTS = each(TEXT)
ATTRS: Codec[Attrs] = Codec(dict, _attrs)
SPAN = record(Span, file=TEXT, line=NUMBER, column=NUMBER)
SOURCE = ("span", maybe(SPAN))
_READABLE = record(Live, id=NUMBER, attributes=("attrs", ATTRS), marks=TEXTS, facts=MAPPING)
LIVE: Codec[Live] = Codec(_live_written, _live)
DESIRED = record(
    Desired,
    attributes=("attrs", Codec(dict, _named)),
    id=maybe(NUMBER),
    was=maybe(TEXT),
    protect=maybe(FLAG),
    marks=maybe(TEXTS),
    source=SOURCE,
)
APPROVAL = record(Approval, guard=TEXT, id=maybe(NUMBER), stack=maybe(TEXT), reason=TEXT, source=SOURCE)
MANIFEST = record(
    Manifest,
    stack=maybe(TEXT),
    account=("account_uid", Codec(lambda uid: {"uid": uid}, lambda at: maybe(NUMBER).read(at["uid"]))),
    ownership=Codec(lambda label: "label" if label else None, lambda at: maybe(TEXT).read(at) == "label"),
    prune=choice(Prune),
    limits=("deletes_limit", Codec(lambda limit: {"deletes": limit.written}, lambda at: _limit(at["deletes"]))),
    buckets=("desired", each(DESIRED)),
    removed=each(record(Removed, name=TEXT, id=maybe(NUMBER), forget=FLAG, source=SOURCE)),
    allow=("approvals", each(APPROVAL)),
    environment=maybe(TEXT),
    endpoint=maybe(TEXT),
    token_env=maybe(TEXT),
    runs=maybe(TEXT),
    files=TEXTS,
    sources=("spans", by_key(SPAN)),
)
DIAGNOSTIC = record(
    Diagnostic, severity=choice(Severity), code=TEXT, summary=TEXT, detail=TEXT, fix=TEXT, source=SOURCE
)
OBJECTION = record(
    Objection,
    guard=TEXT,
    id=maybe(NUMBER),
    approval=Codec(lambda text: text or None, lambda at: maybe(TEXT).read(at) or ""),
    stack=maybe(TEXT),
    diagnostic=DIAGNOSTIC,
)
UNSETTLED = record(Unsettled, run=TEXT, action=choice(Action), name=TEXT, id=maybe(NUMBER))
MARKS = record(Marks, add=TEXTS, remove=TEXTS)
# The parts of each kind of change. `previous_address`, `change` and others are derived from them, for readers.
_REASON = ("reason", TEXT)
_CHANGED: Mapping[str, Any] = {
    "desired": DESIRED,
    "live": LIVE,
    "fields": TEXTS,
    "action_reason": _REASON,
    "marks": MARKS,
}
CREATE = record(Create, desired=DESIRED, action_reason=_REASON, marks=MARKS)
UPDATE = record(Update, needs=each(NUMBER), **_CHANGED)
REPLACE = record(Replace, **_CHANGED)
DELETE = record(Delete, live=LIVE, action_reason=_REASON)
IN_SYNC = record(Keep, live=LIVE, desired=maybe(DESIRED), action_reason=("kept", choice(Kept)))
CHANGES: Mapping[Action, Codec[JSON]] = {
    Action.CREATE: CREATE,
    Action.RENAME: UPDATE,
    Action.UPDATE: UPDATE,
    Action.REPLACE: REPLACE,
    Action.DELETE: DELETE,
    Action.KEEP: IN_SYNC,
}
NO_PARTS: Mapping[str, JSON] = {
    "desired": None,
    "live": None,
    "fields": [],
    "needs": [],
    "marks": {"add": [], "remove": []},
}
