"""What `plan` and `apply` share: the manifest with the flags applied to it, the loop, and how a plan is shown."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from acrsync.cli import ci, output
from acrsync.cli.options import Applying, Common, Planning
from acrsync.diagnostics import AcrsyncError, Diagnostic, error
from acrsync.model import Manifest, Prune

if TYPE_CHECKING:
    from acrsync import Account, ExitCode, Plan, Reconciler, Result
    from acrsync.apply.terms import Seen
    from acrsync.cli.environments import Target
    from acrsync.plan.outcome import Run
    from acrsync.report import Style
    from acrsync.runs.memory import Known
    from acrsync.runs.where import Memory


def targets_of(where: Common, planning: Planning) -> tuple[Target, ...]:
    """Return the manifest of each requested environment, with the flags applied to it.

    Raises: Invalid with all errors.
    """
    from acrsync.cli.environments import targets
    from acrsync.cli.saved import refuse_as_manifest

    refuse_as_manifest(planning.paths)
    return targets(where, planning.paths, overlay=lambda manifest: _with_flags(manifest, planning))


def _with_flags(manifest: Manifest, planning: Planning) -> Manifest:
    if planning.prune:
        manifest = _with_prune(manifest)
    if planning.max_deletes is not None:
        manifest = replace(manifest, deletes_limit=planning.max_deletes)
    return replace(manifest, approvals=(*manifest.approvals, *planning.allow))


def _with_prune(manifest: Manifest) -> Manifest:
    """Return the manifest with the `prune` that `--prune` means."""
    prune = Prune.STACK if manifest.ownership else Prune.ACCOUNT
    if "prune" in manifest.spans and manifest.prune is not prune:
        raise AcrsyncError(
            "E003",
            f"{manifest.spans['prune']} sets `prune: {manifest.prune}`, but --prune means `prune: {prune}` here.",
            fix="change the manifest, or remove the flag.",
        )
    return replace(manifest, prune=prune)


def loop_for(
    account: Account,
    target: Target,
    planning: Planning,
    *,
    saved: Plan | None = None,
    applying: Applying | None = None,
    stop: threading.Event | None = None,
    notify: Callable[[str], object] = output.say,
) -> Reconciler:
    """Return the loop for the account of one environment, with the settings of the flags."""
    from acrsync.apply.reconcile import reconciler
    from acrsync.apply.terms import Settings
    from acrsync.cli.endpoint import source_of_token

    applying = applying or Applying()
    token = None if account.read_only else source_of_token(target.where)
    memory = memory_of(planning.runs, token, in_manifest=target.manifest.runs)
    return reconciler(
        account,
        memory=replace(memory, strict=applying.strict_runs, allow_older=applying.allow_older),
        uid=saved.uid if saved else target.manifest.account_uid,
        settings=Settings(planning.parallelism, planning.settle_s, planning.landing_s, applying.lock_timeout_s),
        stop=stop,
        notify=notify,
    )


def load_meanwhile() -> None:
    """Load what a plan and its text need while acrsync waits for the first response."""
    modules = ("acrsync.plan.planner", "acrsync.plan.guards", "acrsync.report")
    threading.Thread(target=lambda: [import_module(module) for module in modules], daemon=True).start()


def observe(loop: Reconciler, target: Target, saved: Plan | None, *, known: Known | None = None) -> Seen:
    """Observe the account for the saved plan, or plan again if there is none."""
    if saved is not None:
        return loop.observe_for(saved, known=known)
    return loop.observe_and_plan(target.manifest, known=known, hints=target.hints)


class PlanChanged(Exception):
    """The new plan differs from the one that was shown. Nothing was written."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


def plan_changed() -> Diagnostic:
    """Return the message for a plan that differs from the one that was shown."""
    detail = "The new plan differs from the one that was shown. Nothing was written."
    return error("E009", detail, fix="run apply again.")


def memory_of(runs: str | None, token: str | None, *, in_manifest: str | None = None) -> Memory:
    """Return where runs are kept and, if the command writes, who runs it. `token`: its source; None: only reads.

    `runs` is the flag. It overrides `in_manifest`, which may name fewer places.
    """
    from acrsync.runs.record import UNKNOWN_USER
    from acrsync.runs.where import DEFAULT, Memory, parse_where

    named = runs or in_manifest or DEFAULT
    place, project, environment = parse_where(named, in_manifest=not runs), Path(), dict(os.environ)
    if token is None:
        return Memory(place, UNKNOWN_USER, project, environment)
    from acrsync.runs.origin import who

    return Memory(place, who(project, environment, token=token), project, environment)


def show_plan(
    plan: Plan, account: Account, where: Common, planning: Planning, *, fail_on_unmanaged: bool = False
) -> ExitCode:
    """Write the plan to the files of `--out`, to stdout and to the pipeline; return the exit code."""
    from acrsync.report import FORMATS, plan_text

    code = plan.exit_code(detailed=planning.detailed_exitcode, unmanaged=fail_on_unmanaged)
    run = facts(code, account)
    with ci.section("acrsync_plan", "acrsync plan"):
        save_plan(plan, run, planning)
        style = style_for(where.color)
        if planning.format == "text":
            output.answer(plan_text(plan, style=style, every_name=fail_on_unmanaged))
        else:
            output.answer(FORMATS[planning.format](plan, run))
    ci.report(plan, run)
    return code


def facts(code: ExitCode, account: Account, diagnostics: tuple[Diagnostic, ...] = ()) -> Run:
    """Return the facts about this run that reports need."""
    from acrsync.plan.outcome import Run

    return Run(output.now(), code, account.sent, diagnostics)


def result_facts(result: Result, account: Account) -> Run:
    """Return the facts about an apply that reports need."""
    run = facts(result.exit_code, account, result.diagnostics)
    return replace(run, outcomes=result.outcomes, verified=result.verified)


def save_plan(plan: Plan, run: Run, planning: Planning) -> None:
    """Write the files of `--out`; `{env}` in a name is replaced with the environment."""
    from acrsync.cli.environments import file_for
    from acrsync.report import FORMATS

    for name, path in planning.reports:
        output.save(file_for(path, plan.manifest.environment or ""), FORMATS[name](plan, run))


def style_for(color: str) -> Style:
    """Return the style for stdout."""
    return output.style(color, sys.stdout)
