"""A recorded run as text: who ran it and when, the result of each change, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from acrsync.model import JSON
from acrsync.report.messages import indented, joined
from acrsync.report.result import REMARKS
from acrsync.report.style import Style, Tone, counted, shown
from acrsync.report.table import table
from acrsync.visible import visible

Line = Mapping[str, JSON]
OPEN = "open"  # the record has the intent of a write, but no outcome


def record_text(lines: Sequence[Line], *, style: Style) -> str:
    """Return a run for people. Unknown keys, from a newer acrsync, are left out."""
    run, changes = lines[0], tuple(_changes(lines))
    rows = [
        (change["action"], shown(change["name"]), _ids(change), _status(change), _why(change)) for change in changes
    ]
    changed = table(("change", "name", "id", "result", "code"), rows, style=style).rstrip("\n") if rows else ""
    return joined((_head(run, style), indented(changed, 2), _end(lines, changes, style)), style=style)


def _head(run: Line, style: Style) -> str:
    who = "an unknown account" if run.get("uid") is None else f"account {run['uid']}"
    facts = [f"{run['time']}, {who} at {visible(str(run['endpoint']))}"]
    origin = {"stack": run.get("stack"), "environment": run.get("environment"), **(run.get("who") or {})}
    facts += [f"{_WORDS.get(key, key)}: {visible(str(value))}" for key, value in origin.items() if value]
    plan = run.get("plan") or {}
    summary = plan.get("summary") or {}
    planned = [f"{count} to {action}" for action, count in summary.items() if type(count) is int and count]
    words = [text for text in planned if text.rpartition(" ")[2] in ("create", "rename", "update", "replace", "delete")]
    facts.append(f"Plan: {', '.join(words) or 'nothing'}. Digest: {visible(str(plan.get('digest')))}")
    return "\n".join((style.paint(f"Run {visible(str(run['id']))}", Tone.STRONG), *facts))


_WORDS = {"ci_url": "CI job", "token": "token from"}


def _changes(lines: Sequence[Line]) -> Iterator[Line]:
    """Yield the last line of each change, in the order of their beginnings."""
    last: dict[JSON, Line] = {}
    for line in lines:
        if line["event"] in ("intent", "outcome"):
            last[line["action"], line["name"], line["id"]] = line
    yield from last.values()


def _status(line: Line) -> str:
    return visible(str(line["status"])) if line["event"] == "outcome" else OPEN


def _ids(line: Line) -> str:
    after = line.get("after") or {}
    ids = dict.fromkeys(str(number) for number in (line["id"], after.get("id")) if number is not None)
    return " -> ".join(ids)


def _why(line: Line) -> str:
    return visible(str(line.get("code") or ""))


def _end(lines: Sequence[Line], changes: Sequence[Line], style: Style) -> str:
    found = Counter(map(_status, changes))
    counts = ", ".join(f"{found[status]} {status}" for status in (*REMARKS, OPEN) if found[status])
    blocks = [style.paint(f"Result: {counts or 'no change was begun'}.", Tone.STRONG)]
    end = next((line for line in reversed(lines) if line["event"] == "end"), None)
    closed = next((line for line in reversed(lines) if line["event"] == "closed"), None)
    if end is None:
        blocks.append(style.paint("The run was interrupted: its record has no end.", Tone.BAD))
    else:
        how, tone = ("verified", Tone.GOOD) if end["verified"] else ("not verified", Tone.BAD)
        blocks.append(style.paint(f"Ended {how}, exit code {end['exit_code']}.", tone))
    if closed is not None and not (end and end["verified"]):
        by = f" by {visible(str(closed['by']))}" if closed.get("by") not in ("", lines[0]["id"]) else ""
        why = visible(str(closed.get("reason") or "")) or "nothing in it is open"
        blocks.append(f"Closed{by} at {closed['time']}: {why}.")
    left = found[OPEN] + found["unknown"]
    if left and closed is None:
        blocks.append(f"{counted(left, 'change')} may have been made; the next plan checks it.")
    return "\n".join(blocks)
