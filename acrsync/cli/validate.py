"""`acrsync validate`: checks manifests, without network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.options import color, default_paths, paths

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.plan.outcome import ExitCode


@click.command("validate")
@paths
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "github", "gitlab"]),
    default="text",
    show_default=True,
    help="Output format: for people, for programs, as GitHub annotations, or as a GitLab code quality report.",
)
@color
def command(paths: tuple[Path, ...], format_: str, color: str) -> ExitCode:
    """Check manifests, without network.

    Reports all errors in all files, each with its position and what to write instead.

    PATH is a manifest file, acrsync.yaml where none is given; several are one manifest.
    """
    from acrsync import manifest as manifests
    from acrsync.cli import ci, output
    from acrsync.cli.planning import style_for
    from acrsync.cli.saved import refuse_as_manifest
    from acrsync.plan.outcome import End, Run, exit_code
    from acrsync.report import FORMATS, code_quality_text, diagnostics_text, github_text

    refuse_as_manifest(paths)
    loaded = manifests.load(paths or default_paths())
    code = exit_code(End(errors=loaded.manifest is None))
    run = Run(timestamp=output.now(), exit_code=code, diagnostics=loaded.diagnostics)
    match format_:
        case "json":
            output.answer(FORMATS["json"](None, run))
        case "github":
            output.answer(github_text(ci.from_the_top(list(loaded.diagnostics))))
        case "gitlab":
            output.answer(code_quality_text(ci.from_the_top(list(loaded.diagnostics))))
        case _:
            output.answer(diagnostics_text(loaded.diagnostics, style=style_for(color)))
            if loaded.manifest is not None:
                count = len(loaded.manifest.desired)
                output.answer(
                    f"Valid: {count} bucket{'s' if count != 1 else ''} in {', '.join(loaded.manifest.files)}.\n"
                )
    if format_ != "github":
        ci.report(None, run)
    return code
