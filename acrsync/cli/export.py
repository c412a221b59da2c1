"""`acrsync export`: the account as a manifest that plans to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.options import Common, common, compared, names

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.cli.looking import Sight
    from acrsync.model import Live
    from acrsync.plan.outcome import ExitCode


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is exported of an account, and how."""

    names: Sequence[str]
    manifests: Sequence[Path]
    unmanaged: bool
    ids: bool
    portable: bool

    @property
    def entries_only(self) -> bool:
        return bool(self.names) or self.unmanaged


@click.command("export")
@common
@names
@compared
@click.option("--unmanaged", is_flag=True, help="Only entries for buckets that the manifest does not name, to paste.")
@click.option("--ids", is_flag=True, help="Write the id of each bucket, too.")
@click.option("--portable", is_flag=True, help="Without uid and ids, to create the same buckets in another account.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file, which must not exist yet."
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

    Running `plan` on it shows no changes. What cannot be managed stands in it as comments that say why. With --out the
    schema for editors is written beside it, as acrsync.schema.json, if it is not there yet.

    NAME is a name, an id, or a pattern such as 'radio-*'. It prints only entries for these buckets, to paste into a
    manifest.
    """
    from acrsync.cli.environments import PLACE, file_for, is_fleet, targets
    from acrsync.plan.outcome import ExitCode

    if is_fleet(where) and (out is None or PLACE not in str(out)):
        raise click.UsageError(f"Each environment is exported to its own file: --out '{PLACE}.yaml'.")
    asked = _Asked(names, manifests, unmanaged, ids, portable)
    if portable and (asked.entries_only or ids):
        raise click.UsageError("--portable exports a whole account without ids; NAME, --unmanaged and --ids do not.")
    for name, access in {one.name: one.where for one in targets(where, ())}.items() if where.envs else [("", where)]:
        _export(access, asked, None if out is None else file_for(out, name), env=name or None)
    return ExitCode.DONE


def _export(where: Common, asked: _Asked, out: Path | None, *, env: str | None) -> None:
    from acrsync import manifest
    from acrsync.cli import output
    from acrsync.cli.endpoint import opened
    from acrsync.cli.looking import Sight, chosen, sight
    from acrsync.cli.progress import reading
    from acrsync.diagnostics import AcrsyncError

    if out is not None and out.exists():
        raise AcrsyncError(
            "E006",
            f"{out} would be overwritten, and what was written into it by hand would be lost.",
            fix="choose another name for --out, or remove the file first.",
        )
    with opened(where, read_only=True) as account:
        if asked.unmanaged:
            seen = sight(account, asked.manifests, env)
        else:
            with reading(account):
                seen = Sight(account.observe(), None)
    if asked.entries_only:
        named = chosen(seen.snapshot.rows, asked.names)
        rows = [row for row in named if not asked.unmanaged or _is_unmanaged(row, seen)]
        text = manifest.dump_entries(rows, seen.snapshot, uid=seen.uid, ids=asked.ids)
        if not rows:
            output.say("No bucket is unmanaged.")
    else:
        text = manifest.dump(seen.snapshot, uid=seen.uid, ids=asked.ids, portable=asked.portable)
    if out is None:
        output.answer(text)
        return
    output.save(out, text)
    if asked.entries_only:
        output.say(f"Wrote {out}: entries to paste under `buckets:`.")
        return
    shows = "how it compares with an account" if asked.portable else "how it compares with the account"
    output.say(f"Wrote {out}. `acrsync plan {out}` shows {shows}.")
    schema = out.with_name(manifest.SCHEMA_FILE)
    if not schema.exists():
        output.save(schema, manifest.schema_text("manifest"))
        output.say(f"Wrote {schema}. Editors check {out.name} with it.")


def _is_unmanaged(row: Live, seen: Sight) -> bool:
    """Tell whether no entry of the manifest means a bucket; without a manifest none does."""
    from acrsync.plan.changes import Kept

    return seen.plan is None or any(k.live.id == row.id and k.kept is Kept.UNMANAGED for k in seen.plan.kept)
