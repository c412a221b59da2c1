"""How far an apply has come, on stderr: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from acrsync.cli import output
from acrsync.plan.outcome import Outcome
from acrsync.report import COLOURED, PLAIN, outcome_line


def shown(outcomes: Iterable[Outcome], *, total: int, color: str) -> Iterator[Outcome]:
    """Yield the outcomes and show each as it comes."""
    style = COLOURED if output.coloured(color, sys.stderr) else PLAIN
    if not sys.stderr.isatty():
        for number, outcome in enumerate(outcomes, start=1):
            output.say(f"[{number}/{total}] {outcome_line(outcome, style=style)}")
            yield outcome
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.text import Text

    console = Console(stderr=True, markup=False, emoji=False, highlight=False, no_color=style is PLAIN)
    columns = (TextColumn("Applying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("apply", total=total)
        for outcome in outcomes:
            bar.console.print(Text.from_ansi(outcome_line(outcome, style=style)))
            bar.advance(task)
            yield outcome
