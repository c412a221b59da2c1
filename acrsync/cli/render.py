"""`acrsync render`: the plain manifest of one environment, without variables and matrices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.commands import Command
from acrsync.cli.options import env, paths

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.plan.outcome import ExitCode


@click.command("render", cls=Command)
@paths
@env
def command(paths: tuple[Path, ...], envs: tuple[str, ...]) -> ExitCode:
    """Print the manifest of one environment with all values filled in.

    A comment above each bucket gives its position in the source. Rendering the output again changes nothing.

    PATH is a manifest file, a folder of them, or `-`; acrsync.yaml by default. Several files are one manifest.
    """
    from acrsync import manifest as manifests
    from acrsync.cli import output
    from acrsync.cli.environments import single
    from acrsync.diagnostics import Invalid
    from acrsync.plan.outcome import ExitCode

    rendered = manifests.render(paths, single(envs))
    if not isinstance(rendered, str):
        raise Invalid(rendered.diagnostics)
    output.answer(rendered)
    return ExitCode.DONE
