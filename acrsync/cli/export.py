"""`acrsync export`: the account as a manifest whose plan is empty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.commands import Command
from acrsync.cli.options import Common, common, compared, names
from acrsync.frozen import frozen

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.cli.viewing import View
    from acrsync.model import Live
    from acrsync.plan.outcome import ExitCode


@frozen
class _Options:
    """What to export, and how."""

    names: Sequence[str]
    manifests: Sequence[Path]
    unmanaged: bool
    ids: bool
    portable: bool

    @property
    def entries_only(self) -> bool:
        return bool(self.names) or self.unmanaged


@click.command("export", cls=Command)
@common
@names
@compared
@click.option("--unmanaged", is_flag=True, help="Print entries only for buckets that the manifest does not name.")
@click.option("--ids", is_flag=True, help="Write the id of each bucket, too.")
@click.option("--portable", is_flag=True, help="Leave out uid and ids, to create the same buckets in another account.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file, which must not exist."
)
def command(
    where: Common,
    *,
    names: tuple[str, ...],
    manifests: tuple[Path, ...],
    unmanaged: bool,
    ids: bool,
    portable: bool,
    out: Path | None,
) -> ExitCode:
    """Print the account as a manifest, ready to commit.

    Running `plan` on it shows no changes. Comments list what cannot be managed, and why. With --out, the schema for
    editors is written to the same folder as acrsync.schema.json, if it does not exist.

    NAME is a name, an id, or a pattern such as 'radio-*': prints only entries for these buckets, to paste into a
    manifest.
    """
    from acrsync.cli.environments import PLACEHOLDER, file_for, is_fleet, targets
    from acrsync.plan.outcome import ExitCode

    if is_fleet(where.envs) and (out is None or PLACEHOLDER not in str(out)):
        raise click.UsageError(f"Each environment is exported to its own file: --out '{PLACEHOLDER}.yaml'.")
    options = _Options(names, manifests, unmanaged, ids, portable)
    if portable and (options.entries_only or ids):
        raise click.UsageError("--portable cannot be combined with NAME, --unmanaged or --ids.")
    for name, access in {one.name: one.where for one in targets(where, ())}.items() if where.envs else [("", where)]:
        _export(access, options, None if out is None else file_for(out, name), env=name or None)
    return ExitCode.DONE


def _export(where: Common, options: _Options, out: Path | None, *, env: str | None) -> None:
    from acrsync import manifest
    from acrsync.cli import output
    from acrsync.cli.endpoint import opened
    from acrsync.cli.progress import reading
    from acrsync.cli.viewing import View, selected, view
    from acrsync.diagnostics import AcrsyncError
    from acrsync.manifest import writing

    if out is not None and out.exists():
        raise AcrsyncError(
            "E006",
            f"{out} exists, and manual changes in it would be lost.",
            fix="use another name for --out, or remove the file first.",
        )
    with opened(where, read_only=True) as account:
        if options.unmanaged:
            seen = view(account, options.manifests, env)
        else:
            with reading(account):
                seen = View(account.observe(), None)
    if options.entries_only:
        named = selected(seen.snapshot.rows, options.names)
        rows = [row for row in named if not options.unmanaged or _is_unmanaged(row, seen)]
        text = writing.dump_entries(rows, seen.snapshot, uid=seen.uid, ids=options.ids)
        if not rows:
            output.say("No bucket is unmanaged.")
    else:
        text = writing.dump(seen.snapshot, uid=seen.uid, ids=options.ids, portable=options.portable)
    if out is None:
        output.answer(text)
        return
    output.save(out, text)
    if options.entries_only:
        output.say(f"Wrote {out}: entries to paste under `buckets:`.")
        return
    shows = "how it compares with an account" if options.portable else "how it compares with the account"
    output.say(f"Wrote {out}. `acrsync plan {out}` shows {shows}.")
    schema = out.with_name(writing.SCHEMA_FILE)
    if not schema.exists():
        output.save(schema, manifest.schema_text("manifest"))
        output.say(f"Wrote {schema}. Editors check {out.name} with it.")


def _is_unmanaged(row: Live, seen: View) -> bool:
    """Return whether no entry of the manifest selects a bucket."""
    from acrsync.plan.changes import Kept

    return seen.plan is None or any(k.live.id == row.id and k.kept is Kept.UNMANAGED for k in seen.plan.kept)
