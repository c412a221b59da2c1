"""What was measured and is not a switch: page sizes, limits, the look of ids, how texts are kept, how errors look."""

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
    """Yield what was measured, for people and for who reports it to us."""
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
                f"page size, {asked} asked",
                {"rows": len(answer.rows), "meta.per_page": echoed, "total": (answer.meta or {}).get("total")},
                (answer.number,),
            )


def _limits(answers: Sequence[Answer]) -> Iterator[Fact]:
    """Yield each header that says something of rate limits, once."""
    said: dict[str, tuple[str, int]] = {}
    for answer in answers:
        for name in LIMITS:
            if name in answer.headers and name not in said:
                said[name] = answer.headers[name], answer.number
    for name, (value, number) in said.items():
        yield Fact(f"header {name}", value, (number,))
    if not said:
        yield Fact("rate limits", "no header of any answer says something of them")


def _texts(seen: Evidence) -> Iterator[Fact]:
    """Yield how names, labels and a template that were set read back."""
    for role, trial in seen.trials.items():
        if trial.after is None or trial.answer.method != "PUT" or not trial.answer.ok:
            continue
        for key in ("name", "labels", "metadata_template"):
            sent, kept = trial.sent.get(key), trial.after.get(key)
            if key in trial.sent and kept != sent:
                yield Fact(f"{key} ({role})", {"sent": _short(sent), "kept": _short(kept)}, (trial.answer.number,))


def _errors(answers: Sequence[Answer]) -> Iterator[Fact]:
    said: dict[tuple[str, int], Answer] = {}
    for answer in answers:
        if answer.status in ERRORS:
            said.setdefault((answer.method, answer.status or 0), answer)
    for (method, status), answer in said.items():
        text = answer.body[:SHOWN].decode(errors="replace")
        yield Fact(f"error {status} to {method} {answer.path}", text, (answer.number,))


def _short(value: object) -> object:
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"
