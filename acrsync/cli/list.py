"""`acrsync list`: the buckets of the account, for people and for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.commands import Command
from acrsync.cli.options import Common, common, compared, names, output_format

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.plan.outcome import ExitCode


@click.command("list", cls=Command)
@common
@names
@compared
@click.option("--used-by", is_flag=True, help="Also show the projects and containers that use each bucket.")
@output_format("text", "json", "env", help_text="Output format; env: a line ACRSYNC_ID_NAME=ID for each bucket.")
def command(
    where: Common, *, names: tuple[str, ...], manifests: tuple[Path, ...], used_by: bool, format_: str
) -> ExitCode:
    """List the buckets of the account.

    If there is a manifest, each bucket has a state: in sync, drifted, to delete, unmanaged or foreign.

    NAME is a name, an id, or a pattern such as 'radio-*'.
    """
    from acrsync.cli import output
    from acrsync.cli.environments import access_to_one, is_fleet, single
    from acrsync.plan.outcome import ExitCode

    if is_fleet(where.envs):
        return _of_all(where, names, manifests, used_by=used_by, format_=format_)
    env = single(where.envs)
    text = _listed(access_to_one(where, manifests), env, names, manifests, used_by=used_by, format_=format_)
    output.answer(text)
    if not text:
        output.say("The account has no buckets.")
    return ExitCode.DONE


def _listed(
    where: Common,
    env: str | None,
    names: tuple[str, ...],
    manifests: tuple[Path, ...],
    *,
    used_by: bool,
    format_: str,
) -> str:
    """Return the list of one account as text."""
    from acrsync.cli.endpoint import opened
    from acrsync.cli.planning import style_for
    from acrsync.cli.viewing import selected, users_of, view
    from acrsync.report.buckets import env_text, known, list_json, list_text

    with opened(where, read_only=True) as account:
        seen = view(account, manifests, env)
        rows = selected(seen.snapshot.rows, names)
        buckets = known(rows, seen.plan, users_of(account, rows) if used_by else None)
        endpoint = account.endpoint
    match format_:
        case "json":
            return list_json(buckets, uid=seen.uid, endpoint=endpoint)
        case "env":
            return env_text(buckets)
        case _:
            return list_text(buckets, style=style_for(where.color))


def _of_all(
    where: Common, names: tuple[str, ...], manifests: tuple[Path, ...], *, used_by: bool, format_: str
) -> ExitCode:
    """List several environments. A failure of one is printed on stderr and does not stop the others."""
    import json
    from collections.abc import Callable

    from acrsync.apply.fleet import PLANS, each
    from acrsync.cli import output
    from acrsync.cli.environments import Target, targets
    from acrsync.cli.trouble import ended_by
    from acrsync.plan.outcome import WORST_FIRST, ExitCode
    from acrsync.report import PLAIN, diagnostics_text

    if format_ == "env":
        raise click.UsageError(
            "Variables of several environments could have the same name: use --format env with one environment."
        )

    def task(target: Target) -> Callable[[], str | BaseException]:
        def listed() -> str | BaseException:
            try:
                return _listed(target.where, target.name, names, manifests, used_by=used_by, format_=format_)
            except BaseException as e:  # noqa: BLE001 - it affects this environment only
                return e

        return listed

    found = each({target.name: task(target) for target in targets(where, manifests)}, at_once=PLANS)
    worst = ExitCode.DONE
    for name, listed in found.items():
        if isinstance(listed, BaseException):
            diagnostics, code = ended_by(listed)
            output.say(f"Environment {name}\n\n{diagnostics_text(diagnostics, style=PLAIN)}")
            worst = min(worst, code, key=WORST_FIRST.index)
        elif format_ == "text":
            output.answer(f"Environment {name}\n\n{listed or 'The account has no buckets.'}\n")
    if format_ == "json":
        documents = {name: json.loads(listed) for name, listed in found.items() if isinstance(listed, str)}
        output.answer(json.dumps({"environments": documents}, indent=2) + "\n")
    return worst
