"""`acrsync explain`: what a message means, an example that causes it, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from acrsync.cli.commands import Command
from acrsync.cli.options import color, offered, output_format

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.plan.outcome import ExitCode


@click.command("explain", cls=Command)
@click.argument("codes", nargs=-1, metavar="[CODE]...", shell_complete=offered("codes"))
@output_format("text", "json")
@color
def command(codes: tuple[str, ...], format_: str, color: str) -> ExitCode:
    """Explain a message by its code.

    Prints the meaning, an example that causes the message, and what to do. Without a code, lists all codes.
    """
    import json
    from dataclasses import asdict

    from acrsync.cli import output
    from acrsync.cli.planning import style_for
    from acrsync.explanations import explanations
    from acrsync.plan.outcome import ExitCode
    from acrsync.report.explanation import explanation_text, summaries_text

    known = explanations()
    requested = [_code(code) for code in codes]
    style = style_for(color)
    if format_ == "json":
        shown = [known[code] for code in requested] or list(known.values())
        output.answer(json.dumps([asdict(explanation) for explanation in shown], indent=2) + "\n")
    elif requested:
        output.answer("\n".join(explanation_text(known[code], style=style) for code in requested))
    else:
        output.answer(summaries_text(known.values(), style=style))
    return ExitCode.DONE


def _code(typed: str) -> str:
    from difflib import get_close_matches

    from acrsync.diagnostics import SUMMARIES, AcrsyncError
    from acrsync.visible import visible

    code = typed.strip("[]").upper()
    if code not in SUMMARIES:
        near = get_close_matches(code, SUMMARIES, n=1)
        fix = f"run `acrsync explain {near[0]}`, or `acrsync explain`" if near else "run `acrsync explain`"
        raise AcrsyncError("E022", f"No message has the code {visible(typed)}.", fix=f"{fix} for a list of all codes.")
    return code
