"""`acrsync list`: the buckets of the account, for people and for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.options import Common, common, compared, names

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.plan.outcome import ExitCode


@click.command("list")
@common
@names
@compared
@click.option("--used-by", is_flag=True, help="Also show the projects and containers that use each bucket.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "env"]),
    default="text",
    show_default=True,
    help="Output format; env: a line ACRSYNC_ID_NAME=ID for each bucket.",
)
def command(
    where: Common, *, names: tuple[str, ...], manifests: tuple[Path, ...], used_by: bool, format_: str
) -> ExitCode:
    """List the buckets of the account.

    If there is a manifest, each bucket has a state: in sync, drifted, to delete, unmanaged or foreign.

    NAME is a name, an id, or a pattern such as 'radio-*'.
    """
    from acrsync.cli import output
    from acrsync.cli.endpoint import opened
    from acrsync.cli.environments import env_of, one
    from acrsync.cli.looking import chosen, sight, users_of
    from acrsync.cli.planning import style_for
    from acrsync.plan.outcome import ExitCode
    from acrsync.report.buckets import env_text, known, list_json, list_text

    where = one(where, manifests)
    with opened(where, read_only=True) as account:
        seen = sight(account, manifests, env_of(where))
        rows = chosen(seen.snapshot.rows, names)
        buckets = known(rows, seen.plan, users_of(account, rows) if used_by else None)
        endpoint = account.endpoint
    match format_:
        case "json":
            output.answer(list_json(buckets, uid=seen.uid, endpoint=endpoint))
        case "env":
            output.answer(env_text(buckets))
        case _:
            output.answer(list_text(buckets, style=style_for(where.color)))
            if not buckets:
                output.say("The account has no buckets.")
    return ExitCode.DONE
