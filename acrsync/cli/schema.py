"""`acrsync schema`: prints a JSON Schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from acrsync.cli.commands import Command

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.plan.outcome import ExitCode


@click.command("schema", cls=Command)
@click.argument("name", type=click.Choice(["manifest", "plan", "run"]), default="manifest")
def command(name: str) -> ExitCode:
    """Print a JSON Schema.

    Of the manifest (for editors), of the JSON of a plan, or of a run record.
    """
    from acrsync.cli import output
    from acrsync.manifest import schema_text
    from acrsync.plan.outcome import ExitCode

    output.answer(schema_text(name))
    return ExitCode.DONE
