"""Measured facts that are not switches: page sizes, limits, ids, stored texts, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from statistics import median

from acrsync.probe.evidence import Evidence, id_of
from acrsync.probe.finding import Fact
from acrsync.probe.wire import Answer

LIMITS = (
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit",
    "ratelimit-limit",
)
ERRORS = range(300, 600)
SHOWN = 160  # characters of an error


def facts(seen: Evidence, answers: Sequence[Answer]) -> Iterator[Fact]:
    """Yield the facts, in the order of the report."""
    yield from _pages(seen)
    yield from _limits(answers)
    ids = [bucket_id for row in seen.rows if (bucket_id := id_of(row)) is not None]
    if ids:
        yield Fact("ids", f"from {min(ids)} to {max(ids)}", (seen.pages["first"].number,))
    times = [answer.ended - answer.begun for answer in answers if answer.status is not None]
    if times:
        yield Fact("seconds for an answer", {"median": round(median(times), 3), "longest": round(max(times), 3)})
    yield from _texts(seen)
    yield from _errors(answers)


def _pages(seen: Evidence) -> Iterator[Fact]:
    for name in ("plain", "single", "first", "many"):
        answer = seen.pages.get(name)
        if answer is not None and answer.rows is not None:
            asked = answer.params.get("per_page", "nothing")
            echoed = (answer.meta or {}).get("per_page")
            yield Fact(
                f"page size, {asked} requested",
                {"rows": len(answer.rows), "meta.per_page": echoed, "total": (answer.meta or {}).get("total")},
                (answer.number,),
            )


def _limits(answers: Sequence[Answer]) -> Iterator[Fact]:
    """Yield each header about rate limits once."""
    headers: dict[str, tuple[str, int]] = {}
    for answer in answers:
        for name in LIMITS:
            if name in answer.headers:
                headers.setdefault(name, (answer.headers[name], answer.number))
    for name, (value, number) in headers.items():
        yield Fact(f"header {name}", value, (number,))
    if not headers:
        yield Fact("rate limits", "no answer has a header about them")


def _texts(seen: Evidence) -> Iterator[Fact]:
    """Yield names, labels and templates that read back differently."""
    for role, trial in seen.trials.items():
        if trial.after is None or trial.answer.method != "PUT" or not trial.answer.ok:
            continue
        for key in ("name", "labels", "metadata_template"):
            sent, kept = trial.sent.get(key), trial.after.get(key)
            if key in trial.sent and kept != sent:
                yield Fact(f"{key} ({role})", {"sent": _short(sent), "kept": _short(kept)}, (trial.answer.number,))


def _errors(answers: Sequence[Answer]) -> Iterator[Fact]:
    first: dict[tuple[str, int], Answer] = {}
    for answer in answers:
        if answer.status in ERRORS:
            first.setdefault((answer.method, answer.status or 0), answer)
    for (method, status), answer in first.items():
        text = answer.body[:SHOWN].decode(errors="replace")
        yield Fact(f"error {status} to {method} {answer.path}", text, (answer.number,))


def _short(value: object) -> object:
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"
