"""One report on several environments, the worst first, each with its whole own report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from html import escape

from acrsync.plan.document import plan_document
from acrsync.plan.fleet import Part, worst_first
from acrsync.plan.outcome import ExitCode
from acrsync.report import html, markdown
from acrsync.report.gitlab import numbers_text
from acrsync.report.messages import diagnostics_text, joined, message
from acrsync.report.parts import parts as parts_of
from acrsync.report.result import result_text
from acrsync.report.style import COLOURED, PLAIN, Style, Tone, counted
from acrsync.report.text import account_line, plan_text
from acrsync.visible import harmless, harmless_json

# The result of an environment in a word.
WORDS = {
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.INCOMPLETE: "incomplete",
    ExitCode.REFUSED: "refused",
    ExitCode.HELD: "held by another run",
    ExitCode.FAILED: "failed",
    ExitCode.STALE: "outdated",
    ExitCode.CHANGES: "changes",
    ExitCode.DONE: "ok",
}
TONES = {ExitCode.DONE: Tone.GOOD, ExitCode.CHANGES: Tone.CHANGED, ExitCode.STALE: Tone.CHANGED}


def fleet_text(parts: Sequence[Part], *, style: Style = PLAIN, seen: bool = False) -> str:
    """Return the report of each environment, then one line for each. `seen`: the plans were shown already."""
    ordered = _arranged(parts)
    blocks = [f"{_heading(part, style)}\n\n{_text(part, style, seen=seen).rstrip()}\n" for part in ordered]
    width = max(len(part.name) for part in ordered)
    lines = [f"  {part.name:{width}}  {_word(part, style)}: {' '.join(_sums(part))}" for part in ordered]
    return harmless("\n".join((*blocks, style.paint(_title(ordered), Tone.STRONG), *lines)) + "\n")


def markdown_text(parts: Sequence[Part]) -> str:
    """Return at most as many bytes as one comment can have: a table, then each environment with a fair share."""
    ordered = _arranged(parts)
    rows = [f"| {part.name} | {WORDS[part.run.exit_code]} | {' '.join(_sums(part))} |" for part in ordered]
    these = sha256("\n".join(sorted(part.name for part in parts)).encode()).hexdigest()
    mark = markdown.mark(None, these[:12])  # the same for the same environments, whatever their results
    head = f"{mark}\n**{_title(ordered)}**\n\n| environment | end | |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"
    room = markdown.LIMIT_BYTES - len(head.encode()) - 100 * len(ordered)
    whole = {part.name: markdown.body(part.plan, part.run) for part in ordered}
    limits = _fair({name: len(text.encode()) for name, text in whole.items()}, room)
    for part in ordered:
        text = whole[part.name]
        if len(text.encode()) > limits[part.name]:
            text = markdown.body(part.plan, part.run, limit=limits[part.name])
        head += f"\n## {part.name}\n\n{text}"
    return head


def _fair(sizes: dict[str, int], room: int) -> dict[str, int]:
    """Return the most bytes for each: small ones get all they need, the others equal shares of the rest."""
    limits = {}
    left = len(sizes)
    for name, size in sorted(sizes.items(), key=lambda item: item[1]):
        limits[name] = min(size, room // left)
        room -= limits[name]
        left -= 1
    return limits


def html_text(parts: Sequence[Part]) -> str:
    """Return one page, on which each environment can be folded."""
    ordered = _arranged(parts)
    return html.page(_title(ordered), _html(ordered))


def _html(ordered: Sequence[Part]) -> Iterator[str]:
    yield f'<p class="strong">{escape(_title(ordered))}</p>'
    yield '<details class="index" open>\n<summary><h2>Environments</h2></summary>\n<ul>'
    for part in ordered:
        tone = TONES.get(part.run.exit_code, Tone.BAD).name.lower()
        link = f'<a href="#environment-{escape(part.name)}">{escape(part.name)}</a>'
        yield f'<li>{link} <span class="{tone}">{escape(WORDS[part.run.exit_code])}</span></li>'
    yield "</ul>\n</details>"
    for part in ordered:
        found = parts_of(part.plan, part.run, style=COLOURED)
        heading = f"{escape(part.name)}: {escape(WORDS[part.run.exit_code])}"
        yield f'<details class="environment" id="environment-{escape(part.name)}" open>'
        yield f"<summary><h2>{heading}</h2></summary>"
        yield from html.body(part.plan, part.run, found, prefix=f"{escape(part.name)}-")
        yield "</details>"


def json_text(parts: Sequence[Part]) -> str:
    """Return the documents of all environments by name, the worst first."""
    found = {part.name: plan_document(part.plan, part.run) for part in worst_first(parts)}
    return harmless_json(json.dumps({"environments": found}, indent=2, allow_nan=False)) + "\n"


def gitlab_text(parts: Sequence[Part]) -> str:
    """Return GitLab's three numbers, summed over all environments."""
    return numbers_text(part.plan for part in parts)


def _arranged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return the parts, the worst first. A part without outcomes shows its plan."""
    return tuple(
        replace(part, run=replace(part.run, outcomes=part.run.outcomes or None)) for part in worst_first(parts)
    )


def _text(part: Part, style: Style, *, seen: bool) -> str:
    if part.plan is None:
        return diagnostics_text(part.run.diagnostics, style=style)
    if part.run.outcomes:
        return result_text(part.plan, part.run, style=style)
    if seen:
        found = parts_of(part.plan, part.run, style=style)
        messages = [message(o.diagnostic, style=style) for o in part.plan.objections if o.id is not None]
        sums = "\n".join(found.sums)
        return joined((account_line(part.plan, style=style), *messages, *found.remarks, sums), style=style)
    of_run = diagnostics_text(part.run.diagnostics, style=style)
    return plan_text(part.plan, style=style) + (f"\n{of_run}" if of_run else "")


def _heading(part: Part, style: Style) -> str:
    return f"{style.paint(f'Environment {part.name}', Tone.STRONG)}: {_word(part, style)}"


def _word(part: Part, style: Style) -> str:
    return style.paint(WORDS[part.run.exit_code], TONES.get(part.run.exit_code, Tone.BAD))


def _sums(part: Part) -> tuple[str, ...]:
    """Return the sums of an environment; without a plan, the summary of its first message."""
    if part.plan is None and part.run.diagnostics:
        return (f"{part.run.diagnostics[0].summary}.",)
    return parts_of(part.plan, part.run, style=PLAIN).sums


def _title(ordered: Sequence[Part]) -> str:
    """Return the number of environments with each result, the worst first."""
    counts = Counter(WORDS[part.run.exit_code] for part in ordered)
    found = ", ".join(f"{count} {word}" for word, count in counts.items())
    return f"{counted(len(ordered), 'environment')}: {found}."
