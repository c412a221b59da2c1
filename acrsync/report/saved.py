"""A saved plan read back: the document turned into the plan that it was written from, or one refusal.

Why by hand and not by a schema: the plan's types want more than a schema says, and a reader that builds them checks
everything on the way. Keys that it does not know are ignored, so that a later 1.x can add some; where such a key
changes what the plan means, the digest does not fit what was understood, and the plan is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from math import isfinite

from acrsync.bucket import FIELDS
from acrsync.diagnostics import Diagnostic, Severity, Span
from acrsync.errors import AcrsyncError
from acrsync.model import JSON, Approval, Attrs, Desired, Limit, Live, Manifest, Prune, Removed
from acrsync.plan import Action, Create, Delete, Keep, Kept, Marks, Objection, Plan, Replace, Update, Work
from acrsync.report.at import At, Mismatch
from acrsync.report.digest import checksum, digest
from acrsync.report.document import FORMAT_VERSION
from acrsync.visible import visible

AGAIN = "save the plan anew with `acrsync plan --out plan.json`."


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it was saved, with what decides whether it may still be applied."""

    plan: Plan
    created_at: datetime  # UTC
    digest: str
    acrsync_version: str


def load_plan(text: bytes | str) -> SavedPlan:
    """Return the plan that a document holds, exactly as it was planned.

    Raises: AcrsyncError E050 (no JSON, or cut short), E051 (no plan in it), E052 (a newer format), E053 (edited) or
    E054 (does not fit the format). Age, account, endpoint and an expected digest are for the caller to compare.
    """
    try:
        document = _parsed(text)
        _refuse_other_formats(document)
        if document.get("checksum") != checksum(document):
            raise _edited("Its checksum does not fit what it holds.")
        _refuse_without_plan(document)
        saved = _saved(At(document))
        if digest(saved.plan) != saved.digest:
            raise _edited("Its digest does not fit the changes that it holds, or a newer acrsync means more by them.")
        return saved
    except (Mismatch, RecursionError) as e:
        detail = f"{e}." if isinstance(e, Mismatch) else "It is nested too deeply."
        raise AcrsyncError("E054", "The saved plan does not fit the format", detail, fix=AGAIN) from e


def _parsed(text: bytes | str) -> dict[str, JSON]:
    # Plans are ASCII: bytes that are no UTF-8 are damage, which the checksum finds.
    content = text if isinstance(text, str) else text.decode(errors="replace")
    try:
        document = json.loads(content, parse_constant=_finite, parse_float=_finite)
    except ValueError as e:
        why = "It is cut short or damaged." if content.lstrip().startswith("{") else "It is not JSON."
        raise AcrsyncError("E050", "The saved plan cannot be read", why, fix=AGAIN) from e
    if not isinstance(document, dict):
        raise _not_a_plan("It is JSON, but no object.")
    return document


def _finite(number: str) -> float:
    """Return a number, never NaN or one beyond all bounds: both are no JSON and do not compare."""
    value = float(number)
    if not isfinite(value):
        raise ValueError(number)
    return value


def _refuse_other_formats(document: dict[str, JSON]) -> None:
    version = document.get("format_version")
    match = re.fullmatch(r"([0-9]{1,9})\.[0-9]{1,9}", version) if isinstance(version, str) else None
    if match is None or "resource_changes" not in document:
        raise _not_a_plan("It has no `format_version` and `resource_changes` as acrsync writes them.")
    if match[1] != FORMAT_VERSION.partition(".")[0]:
        detail = f"It has format {match[0]}; this acrsync reads {FORMAT_VERSION} and later ones that begin alike."
        raise AcrsyncError("E052", "The saved plan has another format", detail, fix=f"update acrsync, or {AGAIN}")


def _refuse_without_plan(document: dict[str, JSON]) -> None:
    if document.get("manifest") is None:
        raise _not_a_plan("The run that wrote it ended before there was a plan; its `diagnostics` say why.")
    if "outcomes" in document:
        raise _not_a_plan("It is the report of an apply, which is done.")


def _not_a_plan(detail: str) -> AcrsyncError:
    return AcrsyncError("E051", "The file is not a saved plan", detail, fix=AGAIN)


def _edited(detail: str) -> AcrsyncError:
    return AcrsyncError("E053", "The saved plan was edited", detail, fix=AGAIN)


def _saved(at: At) -> SavedPlan:
    plan = Plan(
        waves=tuple(_waves(at["resource_changes"])),
        kept=tuple(sorted(_kept(at), key=lambda keep: (keep.kept, keep.name, keep.live.id))),
        manifest=_manifest(at["manifest"]),
        uid=at["account"]["uid"].maybe(At.number),
        endpoint=at["account"]["endpoint"].text(),
        diagnostics=at["diagnostics"].each(_diagnostic),
        objections=at["objections"].each(_objection),
        approved=at["approved"].each(_approval),
        notes=at["notes"].each(At.text),
    )
    return SavedPlan(plan, _time(at["timestamp"]), at["digest"].text(), at["acrsync_version"].text())


def _time(at: At) -> datetime:
    try:
        return datetime.strptime(at.text(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as e:
        raise at.mismatch("a time such as 2026-01-31T12:00:00Z") from e


def _waves(at: At) -> Iterator[tuple[Work, ...]]:
    """Yield the changes that write, wave by wave."""
    entries = [entry for entry in at.items() if entry["wave"].maybe(At.number) is not None]
    numbers = [entry["wave"].number() for entry in entries]
    if numbers != sorted(numbers):
        raise at.mismatch("waves in their order")
    for _, wave in groupby(entries, key=lambda entry: entry["wave"].number()):
        yield tuple(_work(entry) for entry in wave)


def _work(at: At) -> Work:
    reason = at["action_reason"].text()
    match at["action"].choice(Action):
        case Action.CREATE:
            return Create(_desired(at["desired"]), reason, _marks(at["marks"]))
        case Action.RENAME | Action.UPDATE:
            needs = at["needs"].each(At.number)
            return Update(_desired(at["desired"]), _live(at), _fields(at), reason, _marks(at["marks"]), needs)
        case Action.REPLACE:
            return Replace(_desired(at["desired"]), _live(at), _fields(at), reason, _marks(at["marks"]))
        case Action.DELETE:
            return Delete(_live(at), reason)
        case Action.KEEP:
            raise at["wave"].mismatch("null for what is kept")


def _fields(at: At) -> tuple[str, ...]:
    fields = at["fields"].each(At.text)
    wanted = at["desired"]["attributes"].mapping()
    if not all(field in wanted for field in fields):
        raise at["fields"].mismatch("names of desired attributes")
    return fields


def _kept(at: At) -> Iterator[Keep]:
    for entry in at["resource_changes"].items():
        if entry["wave"].maybe(At.number) is None:
            yield Keep(_live(entry), Kept.IN_SYNC, entry["desired"].maybe(_desired))
    for entry in at["unmanaged"].items():
        yield Keep(_row(entry, entry["attributes"], entry), entry["kept"].choice(Kept))


def _live(at: At) -> Live:
    return _row(at, at["change"]["before"], at["live"])


def _row(at: At, attrs: At, rest: At) -> Live:
    return Live(at["id"].number(), _attrs(attrs), rest["marks"].each(At.text), rest["facts"].mapping())


def _attrs(at: At) -> Attrs:
    """Return attributes by field; one that is not in the table could be neither compared nor sent."""
    attrs = at.mapping()
    unknown = next((key for key in attrs if key not in FIELDS), None)
    if unknown is not None:
        raise at.mismatch(f"nothing but attributes that this acrsync knows (not {visible(unknown)})")
    at["name"].text()
    if "labels" in attrs:
        at["labels"].each(At.text)
    return attrs


def _marks(at: At) -> Marks:
    return Marks(at["add"].each(At.text), at["remove"].each(At.text))


def _desired(at: At) -> Desired:
    return Desired(
        attrs=_attrs(at["attributes"]),
        span=at["source"].maybe(_span),
        id=at["id"].maybe(At.number),
        was=at["was"].maybe(At.text),
        protect=at["protect"].maybe(At.flag),
        marks=at["marks"].maybe(lambda marks: marks.each(At.text)),
    )


def _manifest(at: At) -> Manifest:
    return Manifest(
        desired=at["buckets"].each(_desired),
        removed=at["removed"].each(_removed),
        approvals=at["allow"].each(_approval),
        stack=at["stack"].maybe(At.text),
        account_uid=at["account"]["uid"].maybe(At.number),
        ownership=at["ownership"].maybe(At.text) == "label",
        prune=at["prune"].choice(Prune),
        deletes_limit=_limit(at["limits"]["deletes"]),
        files=at["files"].each(At.text),
        spans={key: _span(at["sources"][key]) for key in at["sources"].mapping()},
    )


def _removed(at: At) -> Removed:
    return Removed(at["name"].text(), at["forget"].flag(), at["source"].maybe(_span))


def _limit(at: At) -> Limit:
    match = re.fullmatch(r"([0-9]{1,9})%", at.value) if isinstance(at.value, str) else None
    return Limit(int(match[1]), percent=True) if match else Limit(at.number())


def _approval(at: At) -> Approval:
    return Approval(at["guard"].text(), at["id"].number(), at["reason"].text(), at["source"].maybe(_span))


def _objection(at: At) -> Objection:
    approval = at["approval"].maybe(At.text)
    return Objection(at["guard"].text(), _diagnostic(at["diagnostic"]), at["id"].maybe(At.number), approval or "")


def _diagnostic(at: At) -> Diagnostic:
    return Diagnostic(
        severity=at["severity"].choice(Severity),
        code=at["code"].text(),
        summary=at["summary"].text(),
        detail=at["detail"].text(),
        fix=at["fix"].text(),
        span=at["source"].maybe(_span),
    )


def _span(at: At) -> Span:
    return Span(at["file"].text(), at["line"].number(), at["column"].number())
