"""A saved plan read back: the document turned into the plan that it was written from, or one refusal.

Why by codec and not by schema: the plan's types want more than a schema says, and a reader that builds them checks
everything on the way. Unknown keys are ignored, so that a later 1.x can add some; if such a key changes what the plan
means, the digest does not fit what was understood, and the plan is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from math import isfinite

from acrsync.diagnostics import AcrsyncError
from acrsync.model import JSON
from acrsync.plan.changes import Action, Keep, Kept, Work
from acrsync.plan.codec import NUMBER, TEXT, At, Mismatch, choice, each, maybe
from acrsync.plan.document import FORMAT_VERSION, Plan, checksum, digest
from acrsync.plan.parts import APPROVAL, CHANGES, DIAGNOSTIC, LIVE, MANIFEST, OBJECTION, TEXTS, UNSETTLED

AGAIN = "save the plan anew with `acrsync plan --out plan.json`."


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it was saved, with what decides whether it may still be applied."""

    plan: Plan
    created_at: datetime  # UTC
    digest: str
    acrsync_version: str


def load_plan(text: bytes | str) -> SavedPlan:
    """Return the plan that a file holds, exactly as it was planned.

    Raises: AcrsyncError E050 (no JSON, or cut short), E051 (no plan in it), E052 (a newer format), E053 (edited) or
    E054 (does not fit the format). Age, account, endpoint and an expected digest are for the caller to compare.
    """
    # Plans are ASCII: bytes that are no UTF-8 are damage, which the checksum finds.
    content = text if isinstance(text, str) else text.decode("utf-8-sig", errors="replace")
    try:
        document = json.loads(content, parse_constant=_finite, parse_float=_finite)
    except ValueError as e:
        why = "It is cut short or damaged." if content.lstrip().startswith("{") else "It is not JSON."
        raise AcrsyncError("E050", why, fix=AGAIN) from e
    except RecursionError as e:
        raise AcrsyncError("E054", "It is nested too deeply.", fix=AGAIN) from e
    if not isinstance(document, dict):
        raise _not_a_plan("It is JSON, but no object.")
    return saved_plan(document)


def saved_plan(document: Mapping[str, JSON]) -> SavedPlan:
    """Return the plan that a document holds. Raises: as `load_plan`."""
    try:
        _refuse_other_formats(document)
        if document.get("checksum") != checksum(document):
            raise _edited("Its checksum does not fit what it holds.")
        if document.get("manifest") is None:
            raise _not_a_plan("The run that wrote it ended before there was a plan; its `diagnostics` say why.")
        if "outcomes" in document:
            raise _not_a_plan("It is the report of an apply, which is done.")
        saved = _saved(At(document))
    except (Mismatch, RecursionError) as e:
        detail = f"{e}." if isinstance(e, Mismatch) else "It is nested too deeply."
        raise AcrsyncError("E054", detail, fix=AGAIN) from e
    if digest(saved.plan) != saved.digest:
        raise _edited("Its digest does not fit the changes that it holds, or a newer acrsync means more by them.")
    return saved


def _finite(number: str) -> float:
    """Return a number, never NaN or one beyond all bounds: both are no JSON and do not compare."""
    value = float(number)
    if not isfinite(value):
        raise ValueError(number)
    return value


def _refuse_other_formats(document: Mapping[str, JSON]) -> None:
    version = document.get("format_version")
    match = re.fullmatch(r"([0-9]{1,9})\.[0-9]{1,9}", version) if isinstance(version, str) else None
    if match is None or "resource_changes" not in document:
        raise _not_a_plan("It has no `format_version` and `resource_changes` as acrsync writes them.")
    if match[1] != FORMAT_VERSION.partition(".")[0]:
        detail = f"It has format {match[0]}; this acrsync reads {FORMAT_VERSION} and later ones that begin alike."
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
    return SavedPlan(plan, _time(at["timestamp"]), TEXT.read(at["digest"]), TEXT.read(at["acrsync_version"]))


def _time(at: At) -> datetime:
    try:
        return datetime.strptime(at.text(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as e:
        raise at.mismatch("a time such as 2026-01-31T12:00:00Z") from e


def _waves(at: At) -> Iterator[tuple[Work, ...]]:
    """Yield the changes that write, wave by wave."""
    entries = [entry for entry in at.items() if maybe(NUMBER).read(entry["wave"]) is not None]
    numbers = [entry["wave"].number() for entry in entries]
    if numbers != sorted(numbers):
        raise at.mismatch("waves in their order")
    for _, wave in groupby(entries, key=lambda entry: entry["wave"].number()):
        yield tuple(_work(entry) for entry in wave)


def _work(at: At) -> Work:
    action = choice(Action).read(at["action"])
    if action is Action.KEEP:
        raise at["wave"].mismatch("null for what is kept")
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
