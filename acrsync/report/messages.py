"""Messages to people in the house's one form, and the blocks of lines that every text is made of."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from acrsync.diagnostics import Diagnostic, Severity, in_reading_order
from acrsync.report.style import Style, Tone
from acrsync.report.wrapping import wrapped
from acrsync.visible import harmless, visible

TONES = {Severity.ERROR: Tone.BAD, Severity.WARNING: Tone.CHANGED, Severity.HINT: Tone.ADVICE}


def diagnostics_text(diagnostics: Iterable[Diagnostic], *, style: Style) -> str:
    """Return messages in reading order, each as place, severity, code, summary, and indented detail and fix."""
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
    """Return the lines of a text beneath each other, the first one after `lead`."""
    lines = enumerate(text.split("\n"))
    return "\n".join((" " * len(lead) if index else lead) + visible(line) for index, line in lines)


def indented(text: str, width: int) -> str:
    """Return the lines of a text moved to the right, empty ones left empty."""
    return "\n".join(line and " " * width + line for line in text.split("\n"))


def spaced(blocks: Iterable[str]) -> str:
    """Return the blocks beneath each other; where one has more than a line, an empty line sets it apart."""
    lines = []
    for before, block in pairwise(("", *blocks)):
        if before and "\n" in before + block:
            lines.append("")
        lines.append(block)
    return "\n".join(lines)


def joined(blocks: Iterable[str], *, style: Style) -> str:
    """Return the blocks with an empty line between them, made to fit the screen and safe to print in a pipeline."""
    text = "\n\n".join(block for block in blocks if block)
    return harmless(f"{wrapped(text, style.width)}\n") if text else ""
