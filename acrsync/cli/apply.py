"""`acrsync apply`: shows the plan, asks, applies it, and reads the account back to check the result."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.options import Applying, Common, Finite, Planning, applying, common, planning

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync import Account, ExitCode, Outcome, Plan
    from acrsync.apply.attempt import Seen
    from acrsync.cli.environments import Target
    from acrsync.runs.memory import Known

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
@applying
def command(
    where: Common,
    asked: Planning,
    how: Applying,
    *,
    plan_file: Path | None,
    expect: str | None,
    plan_ttl: float,
    yes: bool,
    dry_run: bool,
) -> ExitCode:
    """Make the account match the manifest.

    Shows the plan, asks, applies it, and reads the account back to check the result.

    PATH is a manifest file, acrsync.yaml where none is given; several are one manifest.
    """
    if plan_file is not None and (asked.paths or asked.prune or asked.max_deletes or asked.allow or dry_run):
        raise click.UsageError("--plan applies a saved plan as it is; PATH and planning options do not go with it.")
    if expect is not None and plan_file is None:
        raise click.UsageError("--expect goes with --plan.")
    if dry_run:
        from acrsync.cli import plan

        return plan.show(where, asked)
    if not yes and not sys.stdin.isatty():
        from acrsync.diagnostics import AcrsyncError

        raise AcrsyncError("E007", "There is no terminal to answer at.", fix="add --yes to apply without asking.")
    from acrsync.cli.environments import is_fleet
    from acrsync.cli.planning import targets_of

    if plan_file is None:
        found, saved = targets_of(where, asked), {}
    else:
        if expect is not None and is_fleet(where):
            raise click.UsageError("--expect goes with the plan of one environment.")
        saved = _saved(where, plan_file, expect=expect, ttl=timedelta(hours=plan_ttl))
        found = _targets_of_saved(where, saved)
    if is_fleet(where):
        from acrsync.cli import fleet

        return fleet.apply(found, where, asked, how, saved=saved, ask=None if yes else _ask)
    (target,) = found
    return _apply(target, asked, how, saved.get(target.name), ask=not yes)


def _saved(where: Common, path: Path, *, expect: str | None, ttl: timedelta) -> dict[str, Plan]:
    """Return the saved plan of each environment that is asked for; without one, the plan in the file."""
    from acrsync import manifest as manifests
    from acrsync.cli.environments import ALL, PLACE, file_for, is_fleet
    from acrsync.cli.saved import accepted
    from acrsync.diagnostics import AcrsyncError
    from acrsync.visible import visible

    if is_fleet(where) and PLACE not in str(path):
        raise click.UsageError(f"Each environment has its own saved plan: --plan 'plan-{PLACE}.json'.")
    names = manifests.environments(()) if ALL in where.envs else [*dict.fromkeys(where.envs)]
    if not names:
        plan = accepted(path, expect=expect, ttl=ttl)
        return {plan.manifest.environment or "": plan}
    found = {name: accepted(file_for(path, name), expect=expect, ttl=ttl) for name in names}
    for name, plan in found.items():
        if plan.manifest.environment != name:
            of = f"the environment {visible(plan.manifest.environment)}" if plan.manifest.environment else "none"
            detail = f"The plan in {file_for(path, name)} is for {of}; --env names {visible(name)}."
            raise AcrsyncError("E058", detail, fix="apply the plan of that environment, or name the one it is for.")
    return found


def _targets_of_saved(where: Common, saved: Mapping[str, Plan]) -> tuple[Target, ...]:
    from acrsync.cli.environments import Target, note_what_is_ignored, within

    note_what_is_ignored(where)
    return tuple(Target(name, plan.manifest, (), within(where, plan.manifest)) for name, plan in saved.items())


def _apply(  # noqa: C901 - one apply, from the first look to the report
    target: Target, asked: Planning, how: Applying, saved: Plan | None, *, ask: bool
) -> ExitCode:
    """Plan, show, ask, apply and read back; return the exit code."""
    from acrsync.cli import ci, output, progress
    from acrsync.cli.endpoint import opened
    from acrsync.cli.interrupt import in_two_stages
    from acrsync.cli.planning import facts, loop_for, save_plan, style_for
    from acrsync.report import FORMATS, PLAIN, plan_text, result_text

    stop = threading.Event()
    manifest, hints, where = target.manifest, target.hints, target.where
    uid = saved.uid if saved else manifest.account_uid
    style, as_json = style_for(where.color), asked.format == "json"
    showed, total = "", 0  # the digest of the plan that was agreed to, and how many changes it has
    # Up to the end of the run, and not only of its writes: an interrupt after a write must not pass for one before.
    with ExitStack() as to_the_end, opened(where, read_only=False, cancel=stop) as account, ExitStack() as writing:
        loop = loop_for(account, where, asked, uid=uid, runs=manifest.runs, how=how, stop=stop)

        def look(known: Known) -> Seen:
            return loop.look_for(saved, known=known) if saved else loop.look(manifest, known=known, hints=hints)

        def look_and_show(known: Known) -> Seen:
            with progress.reading(account):
                seen = look(known)
            if seen.plan.digest != showed and not as_json:
                with ci.section("acrsync_plan", "acrsync plan"):
                    output.answer(plan_text(seen.plan, style=style))
            return seen

        def agree(seen: Seen) -> Seen:
            nonlocal showed, total
            plan = seen.plan
            if ask and plan.digest != showed:
                if as_json:
                    output.say(plan_text(plan, style=PLAIN))
                if not _ask(_question(plan)):  # the answer took long
                    seen = look(seen.known)
                    if seen.plan.digest != plan.digest:
                        raise _MovedOn(seen.plan)
            showed, total = plan.digest, len(plan.work)
            save_plan(plan, facts(plan.exit_code(), account), asked)
            writing.enter_context(ci.section("acrsync_apply", "acrsync apply"))
            return seen

        try:
            result = loop.reconcile(
                look_and_show,
                began=lambda: to_the_end.enter_context(in_two_stages(stop)),
                agree=agree,
                shown=lambda outcomes: _shown(outcomes, account, where, total=total, until=writing),
            )
        except _MovedOn as e:
            return _moved_on(e.plan, account, asked)
        plan = result.plan
        run = replace(
            facts(result.exit_code, account, result.diagnostics), outcomes=result.outcomes, verified=result.verified
        )
        writing.close()
        if not plan.can_apply or not plan.work:
            return _nothing_applied(plan, account, asked)
        output.last_answer(FORMATS["json"](plan, run) if as_json else "\n" + result_text(plan, run, style=style))
        ci.report(plan, run)
        return run.exit_code


def _shown(
    outcomes: Iterable[Outcome], account: Account, where: Common, *, total: int, until: ExitStack
) -> Iterable[Outcome]:
    """Return the outcomes, which are shown as they come, and what goes on after them until that stack is closed."""
    from acrsync.cli import progress

    return until.enter_context(progress.applying(account, total=total, color=where.color))(outcomes)


def _nothing_applied(plan: Plan, account: Account, asked: Planning) -> ExitCode:
    from acrsync.cli import ci, output
    from acrsync.cli.planning import facts, save_plan
    from acrsync.report import FORMATS

    run = facts(plan.exit_code(), account)
    save_plan(plan, run, asked)
    if asked.format == "json":
        output.answer(FORMATS["json"](plan, replace(run, outcomes=(), verified=plan.can_apply and not plan.errors)))
    ci.report(plan, run)
    return run.exit_code


class _MovedOn(Exception):
    """The answer took long, and another plan is due by now."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


def _moved_on(plan: Plan, account: Account, asked: Planning) -> ExitCode:
    from acrsync.cli import ci, output
    from acrsync.cli.planning import facts
    from acrsync.diagnostics import error
    from acrsync.plan.outcome import End, exit_code
    from acrsync.report import FORMATS

    detail = "The answer took long, and planning again gives another plan. Nothing was written."
    run = facts(exit_code(End(moved_on=True)), account, (error("E009", detail, fix="run apply again."),))
    output.answer(FORMATS[asked.format](plan, run))
    ci.report(plan, run)
    return run.exit_code


def _question(plan: Plan) -> str:
    from acrsync.plan.changes import Action
    from acrsync.report.style import counted
    from acrsync.visible import visible

    account = "an account that is not known yet" if plan.uid is None else f"account {plan.uid}"
    counts = plan.counts()
    destroyed = [
        counted(counts[action], noun)
        for action, noun in ((Action.DELETE, "delete"), (Action.REPLACE, "replacement"))
        if counts[action]
    ]
    of_these = f", {' and '.join(destroyed)} among them," if destroyed else ""
    return f"Apply {counted(len(plan.work), 'change')}{of_these} to {account} at {visible(plan.endpoint)}?"


def _ask(question: str) -> bool:
    """Ask on stderr; only `yes` is yes. Raises: AcrsyncError for any other answer."""
    started = time.monotonic()
    click.echo(f"\n{question}\nType `yes` to apply; anything else cancels: ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not re.fullmatch(r"yes\r?\n?", answer):
        from acrsync.diagnostics import AcrsyncError

        raise AcrsyncError("E008", "Nothing was written.")
    return time.monotonic() - started <= ANSWER_S
