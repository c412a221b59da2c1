"""The explanation of a message as text."""

from __future__ import annotations

from collections.abc import Iterable

from acrsync.explanations import Explanation
from acrsync.report.messages import hanging, indented, joined
from acrsync.report.style import Style, Tone
from acrsync.report.table import table


def explanation_text(explanation: Explanation, *, style: Style) -> str:
    """Return the meaning of a message, an example, and what to do."""
    head = f"{style.paint(explanation.code, Tone.STRONG)}: {style.paint(explanation.summary, Tone.STRONG)}"
    blocks = [head, indented(explanation.means, 2), *_examples(explanation), hanging("  fix: ", explanation.fix)]
    return joined(blocks, style=style)


def _examples(explanation: Explanation) -> Iterable[str]:
    if explanation.when:
        yield hanging("  for example: ", explanation.when)
        return
    command = explanation.command or "acrsync plan"
    if explanation.manifest:
        yield "  for example, with this acrsync.yaml:\n\n" + indented(hanging("", explanation.manifest.strip("\n")), 4)
        yield f"    $ {command}"
    else:
        yield f"  for example:\n\n    $ {command}"


def summaries_text(explanations: Iterable[Explanation], *, style: Style) -> str:
    """Return every code with its summary."""
    rows = [(explanation.code, explanation.summary) for explanation in explanations]
    return table(("code", "summary"), rows, style=style)
