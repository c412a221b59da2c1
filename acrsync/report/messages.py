"""Formats messages to people, and joins blocks of lines."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from acrsync.diagnostics import Diagnostic, Severity, in_reading_order
from acrsync.report.style import Style, Tone
from acrsync.report.wrapping import wrapped
from acrsync.visible import harmless, visible

TONES = {Severity.ERROR: Tone.BAD, Severity.WARNING: Tone.CHANGED, Severity.HINT: Tone.ADVICE}


def diagnostics_text(diagnostics: Iterable[Diagnostic], *, style: Style) -> str:
    """Return messages in reading order, each with position, severity, code and summary, then detail and fix."""
    return joined((message(d, style=style) for d in in_reading_order(tuple(diagnostics))), style=style)


def message(diagnostic: Diagnostic, *, style: Style) -> str:
    """Return one message as a block of lines."""
    place = f"{visible(str(diagnostic.span))}: " if diagnostic.span else ""
    kind = style.paint(f"{diagnostic.severity}[{visible(diagnostic.code)}]", TONES[diagnostic.severity])
    lines = [f"{place}{kind}: {style.paint(visible(diagnostic.summary), Tone.STRONG)}"]
    if diagnostic.detail:
        lines.append(indented(hanging("", diagnostic.detail), 2))
    if diagnostic.fix:
        lines.append(indented(hanging("fix: ", diagnostic.fix), 2))
    return "\n".join(lines)


def hanging(lead: str, text: str) -> str:
    """Return a text with `lead` before its first line, and its other lines indented as deep."""
    lines = enumerate(text.split("\n"))
    return "\n".join((" " * len(lead) if index else lead) + visible(line) for index, line in lines)


def indented(text: str, width: int) -> str:
    """Return a text with all lines indented, except empty ones."""
    return "\n".join(line and " " * width + line for line in text.split("\n"))


def spaced(blocks: Iterable[str]) -> str:
    """Return the blocks below each other, with an empty line before and after each block of several lines."""
    lines = []
    for before, block in pairwise(("", *blocks)):
        if before and "\n" in before + block:
            lines.append("")
        lines.append(block)
    return "\n".join(lines)


def joined(blocks: Iterable[str], *, style: Style) -> str:
    """Return the blocks with an empty line between them, wrapped to the screen and safe to print in a pipeline."""
    text = "\n\n".join(block for block in blocks if block)
    return harmless(f"{wrapped(text, style.width)}\n") if text else ""
