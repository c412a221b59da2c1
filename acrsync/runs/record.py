"""The lines of one run: its plan, what it is about to send, the outcomes, and its end. No secrets.

Each line is one JSON object, the same in a folder and in a store; `schemas/run.v1.json` describes them. A damaged line
is an error and never skipped: it may record a create that must not be sent again. Only an incomplete last line is not
damage: a crash cut it short, before the write that it announces was sent.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from urllib.parse import urlsplit

from acrsync.frozen import frozen
from acrsync.model import JSON, Attrs, Live
from acrsync.plan.changes import Create, Delete, Replace, Update, Work, action_of
from acrsync.plan.document import Plan
from acrsync.plan.outcome import Outcome, Verb
from acrsync.runs.forms import check_forms
from acrsync.version import __version__

FORMAT_VERSION = "1.0"

Line = Mapping[str, JSON]
Lines = tuple[Line, ...]
Key = tuple[JSON, ...]  # identifies a change in its run: action, name, id


NEWER = f"use the acrsync that wrote it, or a newer one; this is {__version__}."


class NewerFormat(ValueError):
    """Another version of acrsync wrote this, and it is not damaged."""


@frozen
class Who:
    """Who runs acrsync and where, for people who must find the other run."""

    user: str = ""
    host: str = ""
    ci_url: str = ""  # of the job
    commit: str = ""
    repository: str = ""
    actor: str = ""  # who started the job
    token: str = ""  # where the token came from, never the token

    @classmethod
    def of(cls, recorded: Mapping[str, JSON]) -> Who:
        """Return who is recorded, without keys that a newer acrsync added."""
        return cls(**{key: recorded[key] for key in asdict(UNKNOWN_USER) if key in recorded})

    def __str__(self) -> str:
        person = self.actor or self.user or "someone"
        return person + f" on {self.host}" * bool(self.host) + f" ({self.ci_url})" * bool(self.ci_url)


UNKNOWN_USER = Who()


@frozen
class Wanted:
    """What one apply is about to do: the beginning of its record."""

    plan: Plan
    document: Mapping[str, JSON]  # the plan in the format of saved plans
    listed: frozenset[int]  # ids of all buckets before the first write
    environment: str = ""


def new_id(now: datetime) -> str:
    """Return the id of a run that begins now. Ids sort by time, also within one second."""
    return f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond * 4096 // 1_000_000:03x}{secrets.randbelow(4096):03x}"


def run_line(run_id: str, wanted: Wanted, who: Who, *, now: datetime) -> Line:
    """Return the first line of a record."""
    return _line(
        "run",
        now,
        format_version=FORMAT_VERSION,
        id=run_id,
        acrsync_version=__version__,
        endpoint=wanted.plan.endpoint,
        uid=wanted.plan.uid,
        stack=wanted.plan.manifest.stack,
        files=list(wanted.plan.manifest.files),
        environment=wanted.environment,
        who=asdict(who),
        listed=sorted(wanted.listed, reverse=True),
        plan=dict(wanted.document),
    )


def intent_line(
    verb: Verb, change: Work, *, attrs: Attrs, marks: tuple[str, ...], now: datetime, claim: bool = False
) -> Line:
    """Return the line of a write that is about to be sent. For a replacement, `attrs` are those of the new bucket.

    `claim`: if the outcome stays unknown, only a person decides whether the write is sent again.
    """
    claimed = {"claim": True} if claim else {}
    return _line("intent", now, **_named(change), verb=verb, attrs=dict(attrs), marks=list(marks), **claimed)


def intents_of(plan: Plan, *, now: datetime, claims: bool) -> Lines:
    """Return the intents of all changes of a plan, for a store in which a swap before each write costs too much.

    With `claims` each create gets its own line before it is sent, so the result does not include creates.
    """
    return tuple(_intent_of(change, now) for change in plan.work if not (claims and isinstance(change, Create)))


def outcome_line(outcome: Outcome, *, now: datetime) -> Line:
    """Return the outcome of a change. The last such line of a change counts."""
    change = outcome.change
    return _line(
        "outcome",
        now,
        **_named(change),
        status=outcome.status,
        wrote=outcome.wrote,
        lost=outcome.lost,
        before=None if isinstance(change, Create) else to_json(change.live),
        after=None if outcome.live is None else to_json(outcome.live),
        code=outcome.diagnostic.code if outcome.diagnostic else None,
    )


def settled_line(key: Key, status: str, *, after: JSON, now: datetime, by: str) -> Line:
    """Return the outcome that a later run found for a change whose outcome was unknown."""
    named = dict(zip(("action", "name", "id"), key, strict=True))
    found = {"status": status, "wrote": after is not None, "after": after}
    return _line("outcome", now, **named, **found, lost=None, before=None, code=None, by=by)


def end_line(
    *,
    exit_code: int,
    verified: bool,
    left: int,
    changed: Mapping[int, str | None],
    managed: Mapping[int, str],
    now: datetime,
) -> Line:
    """Return the line of a run that ended without a crash.

    `left`: the number of open changes. `changed`: the names by id of the buckets that it wrote to, None for a deleted
    one. `managed`: the names by id of all buckets of its manifest, if it ended verified.
    """
    names = {"changed": _keys(changed), "managed": _keys(managed)}
    return _line("end", now, exit_code=exit_code, verified=verified, open=left, **names)


def closed_line(*, by: str, reason: str, now: datetime) -> Line:
    """Return the line that closes a run. `by`: the run that saw that nothing is open, or a person."""
    return _line("closed", now, by=by, reason=reason)


def encoded(lines: Iterable[Line]) -> bytes:
    """Return the lines as they are stored."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def decoded(data: bytes) -> Lines:
    """Return the complete lines of a record. Raises: ValueError that describes the error."""
    complete = data.split(b"\n")[:-1]
    lines = [_parsed(text, number) for number, text in enumerate(complete, 1)]
    if lines:
        check(lines)
    return tuple(lines)


def check(lines: Sequence[Line]) -> None:
    """Raise ValueError that describes the error if these are not the lines of one run in a supported format."""
    run = lines[0]
    if run.get("event") != "run":
        raise ValueError("it does not begin with the line of a run")
    check_format(run.get("format_version"), FORMAT_VERSION)
    check_forms(lines)


def check_format(found: JSON, supported: str) -> None:
    """Raise ValueError if the major versions differ."""
    major, _, _ = str(found).partition(".")
    if major != supported.partition(".")[0]:
        wrong = NewerFormat if major.isdecimal() else ValueError
        raise wrong(f"its format is {found}, this acrsync reads {supported}")


def key_of(line: Line) -> Key:
    """Return which change a line is about."""
    return line["action"], line["name"], line["id"]


def normal(endpoint: str) -> str:
    """Return one form of an address, independent of case, default port and ending; other endpoints unchanged."""
    try:
        parts = urlsplit(endpoint)
        number = parts.port
    except ValueError:
        return endpoint
    if parts.scheme.lower() not in ("http", "https"):
        return endpoint
    scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
    port = f":{number}" if number not in (None, {"http": 80, "https": 443}[scheme]) else ""
    return f"{scheme}://{host}{port}{parts.path.rstrip('/').removesuffix('/api').rstrip('/')}"


def to_json(live: Live) -> dict[str, JSON]:
    """Return a bucket in the format of a line."""
    return {"id": live.id, "attrs": dict(live.attrs), "marks": list(live.marks), "facts": dict(live.facts)}


def _parsed(text: bytes, number: int) -> Line:
    try:
        value = json.loads(text)
    except ValueError as e:
        raise ValueError(f"line {number} is damaged") from e
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        raise ValueError(f"line {number} is not an event")
    return value


def _intent_of(change: Work, now: datetime) -> Line:
    match change:
        case Create():
            return intent_line("create", change, attrs=change.desired.attrs, marks=change.marks.add, now=now)
        case Replace():
            marks = change.marks.applied_to(change.live.marks)
            return intent_line("delete", change, attrs=change.desired.attrs, marks=marks, now=now)
        case Update():
            attrs = {key: change.desired.attrs[key] for key in change.fields}
            marks = change.marks.applied_to(change.live.marks)
            return intent_line("update", change, attrs=attrs, marks=marks, now=now)
        case Delete():
            return intent_line("delete", change, attrs={}, marks=(), now=now)


def _named(change: Work) -> dict[str, JSON]:
    bucket_id = None if isinstance(change, Create) else change.live.id
    return {"action": action_of(change), "name": change.name, "id": bucket_id}


def _keys(names: Mapping[int, str | None] | Mapping[int, str]) -> dict[str, JSON]:
    return {str(bucket_id): name for bucket_id, name in names.items()}


def _line(event: str, now: datetime, **entry: JSON) -> Line:
    return {"event": event, "time": now.isoformat(timespec="milliseconds"), **entry}
