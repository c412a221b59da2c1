"""Reads a saved plan: from the document back to the plan, or one error.

Why with codecs and not with the schema: the types of a plan are stricter than the schema, and building them checks
everything. Unknown keys are ignored, so that a later 1.x can add some. If such a key changes the meaning of the plan,
the digest does not match, and the plan is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from math import isfinite

from acrsync.diagnostics import AcrsyncError
from acrsync.frozen import frozen
from acrsync.model import JSON
from acrsync.plan.changes import Action, Keep, Kept, Work
from acrsync.plan.codec import NUMBER, TEXT, At, Mismatch, choice, each, maybe
from acrsync.plan.document import FORMAT_VERSION, Plan, checksum
from acrsync.plan.parts import APPROVAL, CHANGES, DIAGNOSTIC, LIVE, MANIFEST, OBJECTION, TEXTS, UNSETTLED

AGAIN = "save the plan again: acrsync plan --out plan.json"


@frozen
class SavedPlan:
    """A plan as it was saved, and when and by which acrsync."""

    plan: Plan
    created_at: datetime  # UTC
    acrsync_version: str


def load_plan(text: bytes | str) -> SavedPlan:
    """Return the plan in a file, exactly as it was planned.

    Raises: AcrsyncError E050 (not JSON, or cut off), E051 (not a plan), E052 (a newer format), E053 (edited) or E054
    (does not match the format). The caller compares age, account, endpoint and the expected digest.
    """
    # Plans are ASCII. If bytes are not UTF-8, the file is damaged, and the checksum finds it.
    content = text if isinstance(text, str) else text.decode("utf-8-sig", errors="replace")
    try:
        document = json.loads(content, parse_constant=_finite, parse_float=_finite)
    except ValueError as e:
        why = "It is cut off or damaged." if content.lstrip().startswith("{") else "It is not JSON."
        raise AcrsyncError("E050", why, fix=AGAIN) from e
    except RecursionError as e:
        raise AcrsyncError("E054", "It is nested too deeply.", fix=AGAIN) from e
    if not isinstance(document, dict):
        raise _not_a_plan("It is JSON, but not an object.")
    return saved_plan(document)


def saved_plan(document: Mapping[str, JSON]) -> SavedPlan:
    """Return the plan in a document. Raises: the same errors as `load_plan`."""
    try:
        _refuse_other_formats(document)
        if document.get("checksum") != checksum(document):
            raise _edited("The checksum does not match the content.")
        if document.get("manifest") is None:
            raise _not_a_plan("The run that wrote it ended before it had a plan. Its `diagnostics` say why.")
        if "outcomes" in document:
            raise _not_a_plan("It is the report of an apply.")
        at = At(document)
        saved, recorded = _saved(at), TEXT.read(at["digest"])
    except (Mismatch, RecursionError) as e:
        detail = f"{e}." if isinstance(e, Mismatch) else "It is nested too deeply."
        raise AcrsyncError("E054", detail, fix=AGAIN) from e
    if saved.plan.digest != recorded:
        raise _edited("The digest does not match the changes, or a newer acrsync wrote them with more details.")
    return saved


def _finite(number: str) -> float:
    """Return a number. NaN and infinity are refused: they are not JSON."""
    value = float(number)
    if not isfinite(value):
        raise ValueError(number)
    return value


def _refuse_other_formats(document: Mapping[str, JSON]) -> None:
    version = document.get("format_version")
    match = re.fullmatch(r"([0-9]{1,9})\.[0-9]{1,9}", version) if isinstance(version, str) else None
    if match is None or "resource_changes" not in document:
        raise _not_a_plan("It does not have the `format_version` and `resource_changes` that acrsync writes.")
    if match[1] != FORMAT_VERSION.partition(".")[0]:
        detail = f"It has format {match[0]}; this acrsync reads formats {FORMAT_VERSION.partition('.')[0]}.x."
        raise AcrsyncError("E052", detail, fix=f"update acrsync, or {AGAIN}")


def _not_a_plan(detail: str) -> AcrsyncError:
    return AcrsyncError("E051", detail, fix=AGAIN)


def _edited(detail: str) -> AcrsyncError:
    return AcrsyncError("E053", detail, fix=AGAIN)


def _saved(at: At) -> SavedPlan:
    plan = Plan(
        waves=tuple(_waves(at["resource_changes"])),
        kept=tuple(sorted(_kept(at), key=lambda keep: (keep.kept, keep.name, keep.live.id))),
        manifest=MANIFEST.read(at["manifest"]),
        uid=maybe(NUMBER).read(at["account"]["uid"]),
        endpoint=at["account"]["endpoint"].text(),
        diagnostics=each(DIAGNOSTIC).read(at["diagnostics"]),
        objections=each(OBJECTION).read(at["objections"]),
        approved=each(APPROVAL).read(at["approved"]),
        notes=TEXTS.read(at["notes"]),
        open=each(UNSETTLED).read(at["open"]),
    )
    return SavedPlan(plan, _time(at["timestamp"]), TEXT.read(at["acrsync_version"]))


def _time(at: At) -> datetime:
    try:
        return datetime.strptime(at.text(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as e:
        raise at.mismatch("a time such as 2026-01-31T12:00:00Z") from e


def _waves(at: At) -> Iterator[tuple[Work, ...]]:
    """Yield the waves of changes that write."""
    entries = [entry for entry in at.items() if maybe(NUMBER).read(entry["wave"]) is not None]
    numbers = [entry["wave"].number() for entry in entries]
    if numbers != sorted(numbers):
        raise at.mismatch("waves in ascending order")
    for _, wave in groupby(entries, key=lambda entry: entry["wave"].number()):
        yield tuple(_work(entry) for entry in wave)


def _work(at: At) -> Work:
    action = choice(Action).read(at["action"])
    if action is Action.KEEP:
        raise at["wave"].mismatch("null, because the action is keep")
    change: Work = CHANGES[action].read(at)
    wanted = {} if action is Action.DELETE else at["desired"]["attributes"].mapping()
    if not all(field in wanted for field in TEXTS.read(at["fields"])):
        raise at["fields"].mismatch("names of desired attributes")
    return change


def _kept(at: At) -> Iterator[Keep]:
    for entry in at["resource_changes"].items():
        if maybe(NUMBER).read(entry["wave"]) is None:
            yield CHANGES[Action.KEEP].read(entry)
    for entry in at["unmanaged"].items():
        yield Keep(LIVE.read(entry), choice(Kept).read(entry["kept"]))
