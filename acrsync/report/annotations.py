"""Messages in the formats of pipelines: GitHub's annotations and GitLab's code quality report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

from acrsync.diagnostics import Diagnostic, Severity, in_reading_order
from acrsync.visible import harmless, harmless_json, visible

GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "notice"}
GITLAB = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.HINT: "info"}
NOWHERE = "acrsync.yaml"  # for messages without a position, because GitLab needs one


def github_text(diagnostics: Iterable[Diagnostic], *, environment: str = "") -> str:
    """Return one command on each line. GitHub shows each message at its line of the pull request.

    Source of the escapes: actions/toolkit, command.ts.
    """
    return "".join(f"{_command(diagnostic, environment)}\n" for diagnostic in in_reading_order(tuple(diagnostics)))


def _command(diagnostic: Diagnostic, environment: str) -> str:
    span = diagnostic.span
    place = {"file": span.file, "line": span.line, "col": span.column} if span else {}
    properties = {
        **place,
        "title": f"acrsync {f'{environment} ' * bool(environment)}{diagnostic.code}: {diagnostic.summary}",
    }
    text = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    lines = (diagnostic.detail or diagnostic.summary) + (f"\nfix: {diagnostic.fix}" if diagnostic.fix else "")
    return f"::{GITHUB[diagnostic.severity]} {text}::{_data(lines)}"


def _data(text: str) -> str:
    lines = harmless("\n".join(map(visible, text.split("\n"))))
    return lines.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")


def code_quality_text(diagnostics: Iterable[Diagnostic]) -> str:
    """Return the report that GitLab shows on a merge request, as JSON.

    A fingerprint does not depend on the line number, so it stays the same if someone inserts lines above.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    issues = []
    for diagnostic in in_reading_order(tuple(diagnostics)):
        path, line = (diagnostic.span.file, diagnostic.span.line) if diagnostic.span else (NOWHERE, 1)
        identity = (diagnostic.code, path, diagnostic.detail)
        seen[identity] += 1
        issues.append(
            {
                "description": visible(" ".join(f"{diagnostic.summary}: {diagnostic.detail} {diagnostic.fix}".split())),
                "check_name": f"acrsync {diagnostic.code}",
                "fingerprint": sha256(json.dumps([*identity, seen[identity]]).encode()).hexdigest(),
                "severity": GITLAB[diagnostic.severity],
                "location": {"path": path, "lines": {"begin": line}},
            }
        )
    return harmless_json(json.dumps(issues, indent=2)) + "\n"
