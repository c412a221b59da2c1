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
@click.option("--portable", is_flag=True, help="Without uid and ids, to create the same buckets in another account.")
def command(where: Common, *, out: Path | None, portable: bool) -> ExitCode:
    """Print the account as a manifest, ready to commit.

    Planning it gives no changes. What cannot be managed stands in it as comments that say why. With --out the schema
    for editors is written beside it, as acrsync.schema.json, if it is not there yet.
    """
    from acrsync.cli.environments import PLACE, file_for, is_fleet, targets
    from acrsync.plan.outcome import ExitCode

    if is_fleet(where) and (out is None or PLACE not in str(out)):
        raise click.UsageError(f"Each environment is exported to its own file: --out '{PLACE}.yaml'.")
    for name, access in {one.name: one.where for one in targets(where, ())}.items() if where.envs else [("", where)]:
        _export(access, None if out is None else file_for(out, name), portable=portable)
    return ExitCode.DONE


def _export(where: Common, out: Path | None, *, portable: bool) -> None:
    from acrsync import manifest as manifests
    from acrsync.cli import output
    from acrsync.cli.endpoint import opened
    from acrsync.cli.progress import reading
    from acrsync.diagnostics import AcrsyncError
    from acrsync.model import Manifest
    from acrsync.plan.ownership import account_uid

    if out is not None and out.exists():
        raise AcrsyncError(
            "E006",
            f"{out} would be overwritten, and what was written into it by hand would be lost.",
            fix="choose another name for --out, or remove the file first.",
        )
    with opened(where, read_only=True) as account, reading(account):
        snapshot = account.observe()
    text = manifests.dump(snapshot, uid=account_uid(Manifest(), snapshot), portable=portable)
    if out is None:
        output.answer(text)
        return
    output.save(out, text)
    shows = "how it compares with an account" if portable else "how it compares with the account"
    output.say(f"Wrote {out}. `acrsync plan {out}` shows {shows}.")
    schema = out.with_name(manifests.SCHEMA_FILE)
    if not schema.exists():
        output.save(schema, manifests.schema_text("manifest"))
        output.say(f"Wrote {schema}. Editors check {out.name} with it.")
