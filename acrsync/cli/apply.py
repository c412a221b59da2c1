"""`acrsync apply`: shows the plan, asks, makes it so, and reads back that it is so."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.options import RECORDS, Common, Finite, Planning, common, planning

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.outcome import ExitCode

ANSWER_S = 30.0  # a question answered later than that was asked about an account that may have moved on


@click.command("apply")
@common
@planning
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), metavar="FILE", help="Apply this saved plan.")
@click.option("--expect", metavar="sha256:...", help="With --plan: refuse any plan but the one with this digest.")
@click.option(
    "--plan-ttl",
    type=Finite(0, 8760),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="With --plan: refuse a plan older than that.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show the plan: the same as `acrsync plan`.")
@click.option(
    "--record",
    "records",
    type=click.Path(path_type=Path),
    default=RECORDS,
    show_default=True,
    metavar="DIR",
    help="Where the run record is written.",
)
def command(
    where: Common,
    asked: Planning,
    *,
    plan_file: Path | None,
    expect: str | None,
    plan_ttl: float,
    yes: bool,
    dry_run: bool,
    records: Path,
) -> ExitCode:
    """Make the account match the manifest.

    Shows the plan, asks, applies it, and reads the account back to see that it is so.

    PATH is a manifest file, acrsync.yaml where none is given; several are one manifest.
    """
    from acrsync.cli import plan
    from acrsync.cli.session import Session

    if plan_file is not None and (asked.paths or asked.prune or asked.max_deletes or asked.allow or dry_run):
        raise click.UsageError("--plan applies a saved plan as it is; PATH and planning options do not go with it.")
    if expect is not None and plan_file is None:
        raise click.UsageError("--expect goes with --plan.")
    if dry_run:
        return plan.show(where, asked, records=records)
    if not yes and not sys.stdin.isatty():
        from acrsync.errors import AcrsyncError

        raise AcrsyncError(
            "E007",
            "Nobody can be asked",
            "There is no terminal to answer at.",
            fix="add --yes to apply without asking.",
        )
    session = Session(where, asked, records)
    if plan_file is not None:
        session.load(plan_file, expect=expect, ttl_h=plan_ttl)
    return session.run(ask=None if yes else _ask)


def _ask(question: str) -> bool:
    """Ask on stderr; only `yes` is yes. Raises: AcrsyncError where the answer is another."""
    started = time.monotonic()
    click.echo(f"\n{question}\nOnly `yes` is accepted: ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not re.fullmatch(r"yes\r?\n?", answer):
        from acrsync.errors import AcrsyncError

        raise AcrsyncError("E008", "Declined", "Nothing was written.")
    return time.monotonic() - started <= ANSWER_S
