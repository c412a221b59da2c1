"""`acrsync validate`: checks manifests, without network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.commands import Command
from acrsync.cli.options import color, env, output_format, paths

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.model import Manifest
    from acrsync.plan.outcome import ExitCode


@click.command("validate", cls=Command)
@paths
@output_format(
    "text",
    "json",
    "github",
    "gitlab",
    help_text="Output format: for people, for programs, as GitHub annotations, or as a GitLab code quality report.",
)
@env
@color
def command(paths: tuple[Path, ...], envs: tuple[str, ...], format_: str, color: str) -> ExitCode:
    """Check manifests, without network.

    Reports all errors in all files, each with its position and a fix.

    Checks all environments of the manifest; with --env only the given ones.

    PATH is a manifest file, a folder of them, or `-`; acrsync.yaml by default. Several files are one manifest.
    """
    from acrsync import manifest as manifests
    from acrsync.cli import ci, output
    from acrsync.cli.environments import loaded_of
    from acrsync.cli.planning import style_for
    from acrsync.cli.saved import refuse_as_manifest
    from acrsync.diagnostics import in_reading_order
    from acrsync.plan.outcome import End, ExitCode, Run, exit_code
    from acrsync.report import FORMATS, diagnostics_text
    from acrsync.report.annotations import code_quality_text, github_text

    refuse_as_manifest(paths)
    read = manifests.source(paths)
    if envs:
        loaded = loaded_of(read, envs)
        diagnostics = in_reading_order(tuple(one for found in loaded.values() for one in found.diagnostics))
    else:
        every = read.all()
        loaded, diagnostics = {**every.environments}, every.diagnostics
    valid = {name: found.manifest for name, found in loaded.items() if found.manifest is not None}
    code = exit_code(End(errors=len(valid) < len(loaded)))
    run = Run(timestamp=output.now(), exit_code=code, diagnostics=diagnostics)
    match format_:
        case "json":
            output.answer(FORMATS["json"](None, run))
        case "github":
            output.answer(github_text(ci.relative_to_checkout(list(diagnostics))))
        case "gitlab":
            output.answer(code_quality_text(ci.relative_to_checkout(list(diagnostics))))
        case _:
            output.answer(diagnostics_text(diagnostics, style=style_for(color)))
            if code == ExitCode.DONE:
                output.answer(_valid(valid))
    if format_ != "github":
        ci.report(None, run)
    return code


def _valid(manifests: Mapping[str, Manifest]) -> str:
    from acrsync.report.style import counted

    files = ", ".join(next(iter(manifests.values())).files)
    buckets = counted(sum(len(manifest.desired) for manifest in manifests.values()), "bucket")
    if [*manifests] == [""]:
        return f"Valid: {buckets} in {files}.\n"
    each = ", ".join(f"{name} {len(manifest.desired)}" for name, manifest in manifests.items())
    return f"Valid: {buckets} in {counted(len(manifests), 'environment')} ({each}) in {files}.\n"
