"""`acrsync export`: the account as a manifest that plans to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.options import Common, common, compared, names

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.cli.looking import Sight
    from acrsync.model import Live
    from acrsync.plan.outcome import ExitCode


@click.command("export")
@common
@names
@compared
@click.option("--unmanaged", is_flag=True, help="Only entries for buckets that the manifest does not name, to paste.")
@click.option("--ids", is_flag=True, help="Write the id of each bucket, too.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file, which must not be there yet."
)
def command(
    where: Common,
    *,
    names: tuple[str, ...],
    manifests: tuple[Path, ...],
    unmanaged: bool,
    ids: bool,
    out: Path | None,
) -> ExitCode:
    """Print the account as a manifest, ready to commit.

    Running `plan` on it shows no changes. What cannot be managed stands in it as comments that say why. With --out the
    schema for editors is written beside it, as acrsync.schema.json, if it is not there yet.

    NAME is a name, an id, or a pattern such as 'radio-*'. It prints only entries for these buckets, to paste into a
    manifest.
    """
    from acrsync import manifest
    from acrsync.cli import output
    from acrsync.cli.endpoint import opened
    from acrsync.cli.looking import Sight, chosen, sight
    from acrsync.cli.progress import reading
    from acrsync.diagnostics import AcrsyncError
    from acrsync.plan.outcome import ExitCode

    if out is not None and out.exists():
        raise AcrsyncError(
            "E006",
            f"{out} would be overwritten, and what was written into it by hand would be lost.",
            fix="choose another name for --out, or remove the file first.",
        )
    with opened(where, read_only=True) as account:
        if unmanaged:
            seen = sight(account, manifests)
        else:
            with reading(account):
                seen = Sight(account.observe(), None)
    if names or unmanaged:
        rows = [row for row in chosen(seen.snapshot.rows, names) if not unmanaged or _is_unmanaged(row, seen)]
        text = manifest.dump_entries(rows, seen.snapshot, uid=seen.uid, ids=ids)
        if not rows:
            output.say("No bucket is unmanaged.")
    else:
        text = manifest.dump(seen.snapshot, uid=seen.uid, ids=ids)
    if out is None:
        output.answer(text)
        return ExitCode.DONE
    output.save(out, text)
    if names or unmanaged:
        output.say(f"Wrote {out}: entries to paste under `buckets:`.")
        return ExitCode.DONE
    output.say(f"Wrote {out}. `acrsync plan {out}` shows how it compares with the account.")
    schema = out.with_name(manifest.SCHEMA_FILE)
    if not schema.exists():
        output.save(schema, manifest.schema_text("manifest"))
        output.say(f"Wrote {schema}. Editors check {out.name} with it.")
    return ExitCode.DONE


def _is_unmanaged(row: Live, seen: Sight) -> bool:
    """Tell whether no entry of the manifest means a bucket; without a manifest none does."""
    from acrsync.plan.changes import Kept

    return seen.plan is None or any(k.live.id == row.id and k.kept is Kept.UNMANAGED for k in seen.plan.kept)
