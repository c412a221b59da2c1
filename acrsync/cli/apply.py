"""`acrsync apply`: shows the plan, asks, applies it, and reads the account back to check the result."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.commands import Command
from acrsync.cli.options import Applying, Common, Finite, Planning, applying, common, planning

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync import Account, ExitCode, Outcome, Plan
    from acrsync.apply.terms import Seen
    from acrsync.cli.environments import Target
    from acrsync.runs import Run
    from acrsync.runs.memory import Known

ANSWER_S = 30.0  # after a longer time for an answer, the account is planned again


@click.command("apply", cls=Command)
@common
@planning
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), metavar="FILE", help="Apply this saved plan.")
@click.option("--expect", metavar="sha256:...", help="With --plan: refuse a plan that does not have this digest.")
@click.option(
    "--plan-ttl",
    type=Finite(0, 8760),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="With --plan: refuse an older plan.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show the plan, like `acrsync plan`.")
@applying
def command(
    where: Common,
    planning: Planning,
    applying: Applying,
    *,
    plan_file: Path | None,
    expect: str | None,
    plan_ttl: float,
    yes: bool,
    dry_run: bool,
) -> ExitCode:
    """Make the account match the manifest.

    Shows the plan, asks, applies it, and reads the account back to check the result.

    PATH is a manifest file, acrsync.yaml by default. Several files are one manifest.
    """
    if plan_file is not None and (
        planning.paths or planning.prune or planning.max_deletes or planning.allow or dry_run
    ):
        raise click.UsageError(
            "--plan applies a saved plan, which has its manifest and options: "
            "remove PATH, --prune, --max-deletes, --allow and --dry-run."
        )
    if expect is not None and plan_file is None:
        raise click.UsageError("--expect requires --plan.")
    if dry_run:
        from acrsync.cli import plan

        plan.refuse_records(planning)

        return plan.show(where, planning)
    if not yes:
        from acrsync.cli.confirming import require_terminal

        require_terminal("apply")
    from acrsync.cli.environments import is_fleet
    from acrsync.cli.planning import targets_of

    if plan_file is None:
        found, saved = targets_of(where, planning), {}
    else:
        if expect is not None and is_fleet(where.envs):
            raise click.UsageError("--expect requires a single environment.")
        saved = _saved(where, plan_file, expect=expect, ttl=timedelta(hours=plan_ttl))
        found = _targets_of_saved(where, saved)
    if is_fleet(where.envs):
        from acrsync.cli import fleet

        return fleet.apply(found, where, planning, applying, saved=saved, ask=None if yes else _ask)
    (target,) = found
    return _apply(target, planning, applying, saved.get(target.name), ask=not yes)


def _saved(where: Common, path: Path, *, expect: str | None, ttl: timedelta) -> dict[str, Plan]:
    """Return the saved plan of each requested environment; if none is requested, the plan in the file."""
    from acrsync import manifest as manifests
    from acrsync.cli.environments import ALL, PLACEHOLDER, file_for, is_fleet
    from acrsync.cli.saved import accepted
    from acrsync.diagnostics import AcrsyncError
    from acrsync.visible import visible

    if is_fleet(where.envs) and PLACEHOLDER not in str(path):
        raise click.UsageError(f"Each environment has its own saved plan: --plan 'plan-{PLACEHOLDER}.json'.")
    all_names = manifests.environment_names(()) if ALL in where.envs else ()
    names = [*dict.fromkeys((*all_names, *(name for name in where.envs if name != ALL)))]
    if not names:
        plan = accepted(path, expect=expect, ttl=ttl)
        return {plan.manifest.environment or "": plan}
    found = {name: accepted(file_for(path, name), expect=expect, ttl=ttl) for name in names}
    for name, plan in found.items():
        if plan.manifest.environment != name:
            of = f"the environment {visible(plan.manifest.environment)}" if plan.manifest.environment else "none"
            detail = f"The plan in {file_for(path, name)} is for {of}; --env names {visible(name)}."
            raise AcrsyncError("E058", detail, fix="apply the plan of that environment, or correct --env.")
    return found


def _targets_of_saved(where: Common, saved: Mapping[str, Plan]) -> tuple[Target, ...]:
    from acrsync.cli.environments import Target, access_to, note_ignored_variables

    note_ignored_variables(where)
    return tuple(Target(name, plan.manifest, (), access_to(where, plan.manifest)) for name, plan in saved.items())


def _apply(  # noqa: C901 - one apply, from the first list to the report
    target: Target, planning: Planning, applying: Applying, saved: Plan | None, *, ask: bool
) -> ExitCode:
    """Plan, show, ask, apply and read back; return the exit code."""
    from acrsync.cli import ci, output, progress
    from acrsync.cli.endpoint import opened
    from acrsync.cli.interrupt import in_two_stages
    from acrsync.cli.planning import (
        PlanChanged,
        facts,
        loop_for,
        observe,
        result_facts,
        save_plan,
        style_for,
    )
    from acrsync.cli.recording import RecordFiles
    from acrsync.report import FORMATS, PLAIN, plan_text
    from acrsync.report.result import result_text

    records = RecordFiles(planning.records, [target.name])
    stop = threading.Event()
    where = target.where
    style, as_json = style_for(where.color), planning.format == "json"
    approved, total = "", 0  # the digest of the approved plan, and the number of its changes
    # Interrupts are handled until the end of the run, not only of its writes: one after a write must not look like one
    # before.
    with ExitStack() as until_end, opened(where, read_only=False, cancel=stop) as account, ExitStack() as writing:
        loop = loop_for(account, target, planning, saved=saved, applying=applying, stop=stop)

        def observe_and_show(known: Known) -> Seen:
            with progress.reading(account):
                seen = observe(loop, target, saved, known=known)
            if seen.plan.digest != approved and not as_json:
                with ci.section("acrsync_plan", "acrsync plan"):
                    output.answer(plan_text(seen.plan, style=style))
            return seen

        def approve(seen: Seen) -> Seen:
            nonlocal approved, total
            plan = seen.plan
            if ask and plan.digest != approved:
                if as_json:
                    output.say(plan_text(plan, style=PLAIN))
                if not _ask(_question(plan)):
                    seen = observe(loop, target, saved, known=seen.known)
                    if seen.plan.digest != plan.digest:
                        raise PlanChanged(seen.plan)
            approved, total = plan.digest, len(plan.work)
            save_plan(plan, facts(plan.exit_code(), account), planning)
            writing.enter_context(ci.section("acrsync_apply", "acrsync apply"))
            return seen

        def stream(outcomes: Iterable[Outcome]) -> Iterable[Outcome]:
            show = writing.enter_context(progress.applying(account, total=total, color=where.color))
            return show(outcomes)

        def begin(run: Run) -> None:
            records.began(target.name, run)
            until_end.enter_context(in_two_stages(stop, last=records.save))

        try:
            result = loop.reconcile(observe_and_show, on_begin=begin, approve=approve, stream=stream)
        except PlanChanged as e:
            return _changed(e.plan, account, planning)
        plan, run = result.plan, result_facts(result, account)
        writing.close()
        if not plan.can_apply or not plan.work:
            return _nothing_applied(plan, account, planning)
        output.last_answer(FORMATS["json"](plan, run) if as_json else "\n" + result_text(plan, run, style=style))
        ci.report(plan, run)
        return run.exit_code


def _changed(plan: Plan, account: Account, planning: Planning) -> ExitCode:
    from acrsync import ExitCode
    from acrsync.cli import ci, output
    from acrsync.cli.planning import facts, plan_changed
    from acrsync.report import FORMATS

    run = facts(ExitCode.STALE, account, (plan_changed(),))
    output.answer(FORMATS[planning.format](plan, run))
    ci.report(plan, run)
    return run.exit_code


def _nothing_applied(plan: Plan, account: Account, planning: Planning) -> ExitCode:
    from acrsync.cli import ci, output
    from acrsync.cli.planning import facts, save_plan
    from acrsync.report import FORMATS

    run = facts(plan.exit_code(), account)
    save_plan(plan, run, planning)
    if planning.format == "json":
        output.answer(FORMATS["json"](plan, replace(run, outcomes=(), verified=plan.can_apply and not plan.errors)))
    ci.report(plan, run)
    return run.exit_code


def _question(plan: Plan) -> str:
    from acrsync.plan.changes import Action
    from acrsync.report.style import counted
    from acrsync.visible import visible

    account = "an account that is not yet known" if plan.uid is None else f"account {plan.uid}"
    counts = plan.counts()
    destroyed = [
        counted(counts[action], noun)
        for action, noun in ((Action.DELETE, "delete"), (Action.REPLACE, "replacement"))
        if counts[action]
    ]
    of_these = f", {' and '.join(destroyed)} among them," if destroyed else ""
    return f"Apply {counted(len(plan.work), 'change')}{of_these} to {account} at {visible(plan.endpoint)}?"


def _ask(question: str) -> bool:
    """Ask, and return whether the answer came in time. Raises: AcrsyncError unless the answer is `yes`."""
    from acrsync.cli.confirming import confirm

    return confirm(f"\n{question}") <= ANSWER_S
