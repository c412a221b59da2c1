"""`acrsync plan`: shows what apply would do. Its transport can only send GET requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from acrsync.cli.commands import Command
from acrsync.cli.options import Common, Planning, common, offered, planning

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync import Account, ExitCode, Plan


@click.command("plan", cls=Command)
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
def command(where: Common, planning: Planning, *, run: str | None, fail_on_unmanaged: bool) -> ExitCode:
    """Show what would change. It can only send GET requests.

    PATH is a manifest file, acrsync.yaml by default. Several files are one manifest.
    """
    refuse_records(planning)
    if run is None:
        return show(where, planning, fail_on_unmanaged=fail_on_unmanaged)
    if planning.paths or planning.prune:
        raise click.UsageError("--undo plans from the record of a run: remove PATH and --prune.")
    from acrsync.cli.endpoint import opened
    from acrsync.cli.environments import access_to_one
    from acrsync.cli.planning import show_plan

    where = access_to_one(where, ())
    with opened(where, read_only=True) as account:
        plan = _plan_to_undo(run, account, where, planning)
        return show_plan(plan, account, where, planning, fail_on_unmanaged=fail_on_unmanaged)


def refuse_records(planning: Planning) -> None:
    """Raise click.UsageError if a file for the record of an apply is requested."""
    if planning.records:
        raise click.UsageError(f"A plan has no record; only `acrsync apply` takes --out record:{planning.records[0]}.")


def show(where: Common, planning: Planning, *, fail_on_unmanaged: bool = False) -> ExitCode:
    """Show the plan of the manifest. `apply --dry-run` calls this, too."""
    from acrsync.cli.endpoint import opened
    from acrsync.cli.environments import is_fleet
    from acrsync.cli.planning import load_meanwhile, loop_for, show_plan, targets_of
    from acrsync.cli.progress import reading

    found = targets_of(where, planning)
    if is_fleet(where.envs):
        from acrsync.cli import fleet

        return fleet.plan(found, where, planning)
    (target,) = found
    with opened(target.where, read_only=True) as account:
        loop = loop_for(account, target, planning)
        with reading(account):
            load_meanwhile()
            plan = loop.observe_and_plan(target.manifest, hints=target.hints).plan
        return show_plan(plan, account, target.where, planning, fail_on_unmanaged=fail_on_unmanaged)


def _plan_to_undo(run: str, account: Account, where: Common, planning: Planning) -> Plan:
    """Return the plan that undoes a recorded run in the current account."""
    from acrsync.cli.environments import Target
    from acrsync.cli.planning import loop_for
    from acrsync.cli.progress import reading
    from acrsync.cli.runs import lines_of, runs_of
    from acrsync.diagnostics import AcrsyncError
    from acrsync.model import Manifest
    from acrsync.plan.undo import undo
    from acrsync.runs.memory import Known
    from acrsync.runs.record import normal
    from acrsync.visible import visible

    lines = lines_of(run, lambda: runs_of(planning.runs, account.endpoint, where.envs))
    if "plan" not in lines[0]:
        detail = f"Only the result of {visible(run)} is kept, not its plan, so it cannot be undone."
        raise AcrsyncError("E063", detail, fix="change the manifest instead, or name the file of its record.")
    loop = loop_for(account, Target("", Manifest(account_uid=lines[0]["uid"]), (), where), planning)
    if normal(lines[0]["endpoint"]) != normal(account.endpoint):
        raise AcrsyncError(
            "E064",
            f"The run was recorded at {visible(lines[0]['endpoint'])}; this is {visible(account.endpoint)}.",
            fix="use the endpoint and the token of that run.",
        )
    with reading(account):
        snapshot = account.observe()
    undone = undo(lines, snapshot, approvals=planning.allow)
    manifest = replace(undone.manifest, deletes_limit=planning.max_deletes or undone.manifest.deletes_limit)
    return loop.observe_and_plan(manifest, known=Known(), hints=undone.hints, snapshot=snapshot).plan
