"""The report of a rehearsal, as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping

from acrsync.frozen import frozen
from acrsync.rehearse.cases import JSON
from acrsync.rehearse.sweep import Summary, TriedCase, further_runs
from acrsync.visible import visible

FORMAT_VERSION = "1.0"


@frozen
class Rehearsal:
    """What was rehearsed, and the result."""

    digest: str
    uid: int
    endpoint: str
    buckets: int
    changes: int
    requests: int  # of an undisturbed apply
    seconds: float
    summary: Summary


def rehearsal_text(done: Rehearsal, *, kept: str = "", smaller: str = "") -> str:
    """Return the report for people. `kept`: the file with the failing case; `smaller`: its size after reduction."""
    summary = done.summary
    lines = [
        f"Rehearsed {done.changes} changes on a copy of account {done.uid} at {visible(done.endpoint)}: "
        f"{done.buckets} buckets, {done.requests} requests.",
        f"Plan: {done.digest}",
        "",
        "Disruptions, once at each request:",
        *(f"  {disruption:<32} {count:>5}" for disruption, count in summary.counts.items()),
        f"  {'all':<32} {len(summary.tried):>5}",
        "",
        f"The account was as desired after {_runs(summary.further)}.",
    ]
    if summary.worst is not None:
        lines.append(f"Worst case: {_case(summary.worst)}.")
    lines.append(f"Promises broken: {len(summary.broken)}. Duration: {done.seconds:.0f} s.")
    for one in summary.broken[:5]:
        lines += ["", f"  {_case(one)}:", *(f"    {visible(promise[:400])}" for promise in one.result.broken[:3])]
    if smaller:
        lines += ["", f"Smallest reproduction: {smaller}"]
    if kept:
        lines += ["", f"Run it again: acrsync rehearse --replay {kept}"]
    return "\n".join(lines) + "\n"


def _runs(further: Mapping[int, int]) -> str:
    words = {0: "the first run", 1: "one more run", 2: "two more runs"}
    return ", ".join(f"{words.get(runs, f'{runs} more runs')} in {count}" for runs, count in further.items())


def _case(one: TriedCase) -> str:
    runs = further_runs(one.result)
    codes = ", ".join(map(str, one.result.codes))
    return f"{one.disruption} at {visible(one.request)}; {runs} more runs (exit codes {codes})"


def rehearsal_document(done: Rehearsal, *, exit_code: int, kept: str = "") -> JSON:
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
        "broken": [{**_document(one), "promises": list(one.result.broken)} for one in summary.broken],
        "reproduction": kept or None,
        "exit_code": exit_code,
    }


def _document(one: TriedCase) -> dict[str, JSON]:
    return {
        "trouble": one.disruption,
        "request": one.request,
        "further_runs": further_runs(one.result),
        "exit_codes": list(one.result.codes),
    }
