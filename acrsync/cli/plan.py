"""`acrsync plan`: shows what apply would do; its transport can send nothing but GET."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from acrsync.cli.options import Common, Planning, common, offered, planning

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync import Account, ExitCode, Plan


@click.command("plan")
@common
@planning
@click.option(
    "--undo",
    "run",
    metavar="RUN",
    shell_complete=offered("runs"),
    help="Plan to undo this run: its id, `last`, or the file of its record.",
)
@click.option(
    "--fail-on-unmanaged",
    is_flag=True,
    help="Exit with 2 if there are buckets that the manifest does not name, and show all of them.",
)
def command(where: Common, asked: Planning, *, run: str | None, fail_on_unmanaged: bool) -> ExitCode:
    """Show what would change. It can only send GET requests.

    PATH is a manifest file, acrsync.yaml where none is given; several are one manifest.
    """
    if run is None:
        return show(where, asked, fail_on_unmanaged=fail_on_unmanaged)
    if asked.paths or asked.prune:
        raise click.UsageError("--undo plans what a run's record says; PATH and --prune do not go with it.")
    from acrsync.cli.endpoint import opened
    from acrsync.cli.environments import one
    from acrsync.cli.planning import show_plan

    where = one(where, ())
    with opened(where, read_only=True) as account:
        plan = _plan_to_undo(run, account, where, asked)
        return show_plan(plan, account, where, asked, fail_on_unmanaged=fail_on_unmanaged)


def show(where: Common, asked: Planning, *, fail_on_unmanaged: bool = False) -> ExitCode:
    """Plan and show it; `apply --dry-run` is this."""
    from acrsync.cli.endpoint import opened
    from acrsync.cli.environments import is_fleet
    from acrsync.cli.planning import loop_for, show_plan, targets_of
    from acrsync.cli.progress import reading

    found = targets_of(where, asked)
    if is_fleet(where):
        from acrsync.cli import fleet

        return fleet.plan(found, where, asked)
    (target,) = found
    manifest, where = target.manifest, target.where
    with opened(where, read_only=True) as account:
        loop = loop_for(account, where, asked, uid=manifest.account_uid, runs=manifest.runs)
        with reading(account):
            plan = loop.look(manifest, hints=target.hints).plan
        return show_plan(plan, account, where, asked, fail_on_unmanaged=fail_on_unmanaged)


def _plan_to_undo(run: str, account: Account, where: Common, asked: Planning) -> Plan:
    """Return the plan that takes back a recorded run, for the account as it is now."""
    from acrsync.cli.planning import loop_for
    from acrsync.cli.progress import reading
    from acrsync.cli.runs import lines_of, place_of
    from acrsync.diagnostics import AcrsyncError
    from acrsync.plan.undo import undo
    from acrsync.runs.memory import Known
    from acrsync.runs.record import normal
    from acrsync.visible import visible

    lines = lines_of(run, place_of(asked.runs, account.endpoint, where.envs))
    loop = loop_for(account, where, asked, uid=lines[0]["uid"])
    if normal(lines[0]["endpoint"]) != normal(account.endpoint):
        raise AcrsyncError(
            "E064",
            f"It was recorded at {visible(lines[0]['endpoint'])}; this is {visible(account.endpoint)}.",
            fix="use the endpoint and the token that it was made with.",
        )
    with reading(account):
        snapshot = account.observe()
    undone = undo(lines, snapshot, approvals=asked.allow)
    manifest = replace(undone.manifest, deletes_limit=asked.max_deletes or undone.manifest.deletes_limit)
    return loop.look(manifest, known=Known(), hints=undone.hints, snapshot=snapshot).plan
