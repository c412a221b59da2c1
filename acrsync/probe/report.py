"""The report of a probe, as text for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from textwrap import shorten

from acrsync.model import JSON
from acrsync.probe import Report
from acrsync.probe.finding import Finding
from acrsync.probe.profile import Changed, written
from acrsync.visible import visible

FORMAT_VERSION = "1.0"
UNKNOWN = "untold"  # the value of a switch that was not measured, in the JSON report
WIDTH = 76


def probe_text(report: Report, changed: Sequence[Changed] | None = None) -> str:
    """Return the report for people; `changed` is the result of `--compare`, None without it."""
    ambiguous = {name: f for name, f in report.findings.items() if f.is_ambiguous}
    unseen = {name: f for name, f in report.findings.items() if not f.possible}
    account = "Account with unknown uid" if report.uid is None else f"Account {report.uid}"
    sent = ", ".join(f"{count} {method}" for method, count in report.requests.items())
    lines = [f"{account} at {visible(report.endpoint)}; requests: {sent}.", ""]
    lines += [f"Certain: {len(report.certain)} of {len(report.findings)} switches", *_findings(report.certain), ""]
    if ambiguous:
        lines += [f"Not certain, several values fit: {len(ambiguous)}", *_findings(ambiguous), ""]
    if unseen:
        more = "" if report.wrote else " (`--write` measures more)"
        lines += [f"Not measured{more}: {len(unseen)}", *_wrapped(unseen), ""]
    lines += ["Facts:", *(f"  {visible(fact.name)}: {_plain(fact.value)}" for fact in report.facts), ""]
    if changed is not None:
        lines += _compared(changed)
    if report.wrote:
        lines.append(f"Suggested: --settle {report.settle_s}")
    return "\n".join(lines) + "\n"


def _findings(findings: Mapping[str, Finding]) -> Iterable[str]:
    width = max(map(len, findings), default=0)
    for name, finding in findings.items():
        value = written(finding.value) if finding.is_certain else f"like {_possible(finding)}"
        source = f" ({', '.join(f'#{number}' for number in finding.seen[:3])})" if finding.seen else ""
        yield f"  {name:<{width}}  {visible(value)}: {shorten(visible(finding.why), 90)}{source}"


def _possible(finding: Finding) -> str:
    """Return the possible values for people, the simplest first."""
    values = [written(value) for value in finding.possible[:3]]
    if finding.at_least is not None:
        values.append(f"{finding.at_least} or more")
    elif finding.more or len(finding.possible) > len(values):
        values.append("others")
    return " or ".join(values)


def _wrapped(names: Iterable[str]) -> list[str]:
    lines: list[str] = []
    line = " "
    for name in names:
        if len(line) + len(name) > WIDTH:
            lines, line = [*lines, line], " "
        line += f" {name}"
    return [*lines, line]


def _compared(changed: Sequence[Changed]) -> list[str]:
    if not changed:
        return ["Compared with the profile: no changes.", ""]
    lines = [f"Compared with the profile: {len(changed)} changed"]
    for one in changed:
        finding = one.finding
        now = written(finding.value) if finding.is_certain else _possible(finding)
        lines.append(f"  {one.name}: {visible(written(one.before))} before, {visible(now)} now")
    return [*lines, ""]


def _plain(value: JSON) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {visible(json.dumps(inner, ensure_ascii=False))}" for key, inner in value.items())
    return visible(value if isinstance(value, str) else json.dumps(value))


def probe_document(report: Report, *, exit_code: int, changed: Sequence[Changed] | None = None) -> JSON:
    """Return the report for programs."""
    used = sorted({number for finding in report.findings.values() for number in finding.seen})
    return {
        "format_version": FORMAT_VERSION,
        "endpoint": report.endpoint,
        "uid": report.uid,
        "wrote": report.wrote,
        "clean": report.clean,
        "requests": dict(report.requests),
        "settle_s": report.settle_s,
        "switches": {name: _switch(finding) for name, finding in report.findings.items()},
        "evidence": {str(number): str(report.answers[number - 1]) for number in used if number},
        "facts": [{"name": fact.name, "value": fact.value, "seen": list(fact.seen)} for fact in report.facts],
        "changed": None if changed is None else [_changed(one) for one in changed],
        "messages": [
            {"severity": m.severity, "code": m.code, "summary": m.summary, "detail": m.detail, "fix": m.fix}
            for m in report.messages
        ],
        "exit_code": exit_code,
    }


def _switch(finding: Finding) -> JSON:
    return {
        "value": finding.value if finding.is_certain else UNKNOWN,
        "sure": finding.sure,
        "possible": list(finding.possible),
        "at_least": finding.at_least,
        "more": finding.more,
        "why": finding.why,
        "seen": list(finding.seen),
    }


def _changed(one: Changed) -> JSON:
    return {"switch": one.name, "before": one.before, **_switch(one.finding)}
