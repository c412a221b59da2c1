"""`acrsync export`: the account as a manifest that plans to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.options import Common, common

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.plan.outcome import ExitCode


@click.command("export")
@common
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file, which must not be there yet."
)
def command(where: Common, out: Path | None) -> ExitCode:
    """Print the account as a manifest, ready to commit.

    Running `plan` on it shows no changes. What cannot be managed becomes a comment that says why. With --out the schema
    for editors is written beside it, as acrsync.schema.json, if it is not there yet.
    """
    from acrsync import manifest as manifests
    from acrsync.cli import output
    from acrsync.cli.endpoint import opened
    from acrsync.cli.progress import reading
    from acrsync.diagnostics import AcrsyncError
    from acrsync.model import Manifest
    from acrsync.plan.outcome import ExitCode
    from acrsync.plan.ownership import account_uid

    if out is not None and out.exists():
        raise AcrsyncError(
            "E006",
            f"{out} would be overwritten, and what was written into it by hand would be lost.",
            fix="choose another name for --out, or remove the file first.",
        )
    with opened(where, read_only=True) as account, reading(account):
        snapshot = account.observe()
    text = manifests.dump(snapshot, uid=account_uid(Manifest(), snapshot))
    if out is None:
        output.answer(text)
        return ExitCode.DONE
    output.save(out, text)
    output.say(f"Wrote {out}. `acrsync plan {out}` shows how it compares with the account.")
    schema = out.with_name(manifests.SCHEMA_FILE)
    if not schema.exists():
        output.save(schema, manifests.schema_text("manifest"))
        output.say(f"Wrote {schema}. Editors check {out.name} with it.")
    return ExitCode.DONE
