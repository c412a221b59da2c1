"""`acrsync plan`: shows what apply would do; its transport can send nothing but GET."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.options import RECORDS, Common, Planning, common, planning

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.cli.endpoint import Access
    from acrsync.outcome import ExitCode
    from acrsync.plan import Plan


@click.command("plan")
@common
@planning
@click.option("--undo", "run", metavar="RUN", help="Plan to take back this run: its id, or the file of its record.")
def command(where: Common, asked: Planning, *, run: str | None) -> ExitCode:
    """Show what would change. Never writes: nothing but GET can be sent.

    PATH is a manifest file, acrsync.yaml where none is given; several are one manifest.
    """
    if run is None:
        return show(where, asked)
    if asked.paths or asked.prune:
        raise click.UsageError("--undo plans what a run's record says; PATH and --prune do not go with it.")
    from acrsync.cli.endpoint import opened

    record = Path(run) if run.endswith(".jsonl") else RECORDS / f"{run}.jsonl"
    with opened(where, read_only=True) as access:
        return _shown(_plan_to_undo(record, access, asked), access, where, asked)


def show(where: Common, asked: Planning, *, records: Path = RECORDS) -> ExitCode:
    """Plan and show it; `apply --dry-run` is this."""
    from acrsync.cli import look
    from acrsync.cli.earlier import earlier
    from acrsync.cli.endpoint import opened

    manifest, told = look.manifest_of(asked)
    with opened(where, read_only=True) as access:
        before = earlier(records, endpoint=access.endpoint, settle_s=asked.settle_s)
        plan = look.look(manifest, access.remote, earlier=before, told=told).plan
        return _shown(plan, access, where, asked)


def _plan_to_undo(path: Path, access: Access, asked: Planning) -> Plan:
    """Return the plan that takes back a recorded run, for the account as it is now."""
    from acrsync import record
    from acrsync.cli import look
    from acrsync.cli.earlier import Earlier
    from acrsync.errors import AcrsyncError
    from acrsync.undo import undo
    from acrsync.visible import visible

    lines = record.read(path)
    if lines[0]["endpoint"] != access.endpoint:
        raise AcrsyncError(
            "E064",
            "The run was against another account",
            f"It was recorded at {visible(lines[0]['endpoint'])}; this is {visible(access.endpoint)}.",
            fix="use the endpoint and the token that it was made with.",
        )
    snapshot = access.remote.observe()
    undone = undo(lines, snapshot, approvals=asked.allow)
    manifest = replace(undone.manifest, deletes_limit=asked.max_deletes or undone.manifest.deletes_limit)
    return look.look(manifest, access.remote, earlier=Earlier(), told=undone.told, snapshot=snapshot).plan


def _shown(plan: Plan, access: Access, where: Common, asked: Planning) -> ExitCode:
    from acrsync.cli import ci, look, output
    from acrsync.report import Run

    code = look.end_of_plan(plan, detailed=asked.detailed_exitcode)
    run = Run(timestamp=output.now(), exit_code=code, requests=access.sent)
    with ci.section("acrsync_plan", "acrsync plan"):
        look.show_plan(plan, run, asked, style=look.style_for(where.color))
    ci.report(plan, run)
    return code
