"""What a rehearsal came to, as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from acrsync.rehearse.cases import JSON
from acrsync.rehearse.trying import Summary, Tried, further_runs
from acrsync.visible import visible

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What was rehearsed, and what it came to."""

    digest: str
    uid: int
    endpoint: str
    buckets: int
    changes: int
    requests: int  # of an undisturbed apply
    seconds: float
    summary: Summary


def rehearsal_text(done: Rehearsed, *, kept: str = "", smaller: str = "") -> str:
    """Return the report for people; `kept`: the file that plays the case that failed; `smaller`: what is left of it."""
    summary = done.summary
    lines = [
        f"Rehearsed {done.changes} changes on a copy of account {done.uid} at {visible(done.endpoint)}: "
        f"{done.buckets} buckets, {done.requests} requests.",
        f"Plan: {done.digest}",
        "",
        "What met the apply, once at each request:",
        *(f"  {trouble:<32} {count:>5}" for trouble, count in summary.counts.items()),
        f"  {'all':<32} {len(summary.tried):>5}",
        "",
        f"All was as wanted after {_runs(summary.further)}.",
    ]
    if summary.worst is not None:
        lines.append(f"Worst case: {_case(summary.worst)}.")
    lines.append(f"Promises broken: {len(summary.broken)}. It took {done.seconds:.0f} s.")
    for one in summary.broken[:5]:
        lines += ["", f"  {_case(one)}:", *(f"    {visible(promise[:400])}" for promise in one.verdict.broken[:3])]
    if smaller:
        lines += ["", f"Smallest reproduction: {smaller}"]
    if kept:
        lines += ["", f"Play it again: acrsync rehearse --replay {kept}"]
    return "\n".join(lines) + "\n"


def _runs(further: Mapping[int, int]) -> str:
    words = {0: "the first run", 1: "one further run", 2: "two further runs"}
    return ", ".join(f"{words.get(runs, f'{runs} further runs')} in {count}" for runs, count in further.items())


def _case(one: Tried) -> str:
    runs = further_runs(one.verdict)
    codes = ", ".join(map(str, one.verdict.codes))
    return f"{one.trouble} at {visible(one.request)}; {runs} further runs (exit codes {codes})"


def rehearsal_document(done: Rehearsed, *, exit_code: int, kept: str = "") -> JSON:
    """Return the report for programs."""
    summary = done.summary
    return {
        "format_version": FORMAT_VERSION,
        "digest": done.digest,
        "uid": done.uid,
        "endpoint": done.endpoint,
        "buckets": done.buckets,
        "changes": done.changes,
        "requests": done.requests,
        "seconds": round(done.seconds, 1),
        "tried": dict(summary.counts),
        "further_runs": {str(runs): count for runs, count in summary.further.items()},
        "worst": None if summary.worst is None else _document(summary.worst),
        "broken": [{**_document(one), "promises": list(one.verdict.broken)} for one in summary.broken],
        "reproduction": kept or None,
        "exit_code": exit_code,
    }


def _document(one: Tried) -> dict[str, JSON]:
    return {
        "trouble": one.trouble,
        "request": one.request,
        "further_runs": further_runs(one.verdict),
        "exit_codes": list(one.verdict.codes),
    }
