"""What `plan` and `apply` do alike: the manifest with the flags laid over it, the loop, and the plan as it is shown."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from acrsync.cli import ci, output
from acrsync.cli.options import Applying, Common, Planning
from acrsync.diagnostics import AcrsyncError, Diagnostic
from acrsync.model import Manifest, Prune
from acrsync.report import FORMATS, Style, plan_text

if TYPE_CHECKING:
    from acrsync import Account, ExitCode, Plan, Reconciler
    from acrsync.cli.environments import Target
    from acrsync.plan.outcome import Run
    from acrsync.runs.where import Memory


def targets_of(where: Common, planning: Planning) -> tuple[Target, ...]:
    """Return what the manifest says for each environment that is asked for, with the flags laid over it.

    Raises: Invalid with all of its mistakes.
    """
    from acrsync.cli.environments import targets
    from acrsync.cli.saved import refuse_as_manifest

    refuse_as_manifest(planning.paths)
    return targets(where, planning.paths, overlay=lambda manifest: _overlaid(manifest, planning))


def _overlaid(manifest: Manifest, planning: Planning) -> Manifest:
    if planning.prune:
        manifest = _pruning(manifest)
    if planning.max_deletes is not None:
        manifest = replace(manifest, deletes_limit=planning.max_deletes)
    return replace(manifest, approvals=(*manifest.approvals, *planning.allow))


def _pruning(manifest: Manifest) -> Manifest:
    """Return the manifest as `--prune` asks for it."""
    prune = Prune.STACK if manifest.ownership else Prune.ACCOUNT
    if "prune" in manifest.spans and manifest.prune is not prune:
        raise AcrsyncError(
            "E003",
            f"{manifest.spans['prune']} says `prune: {manifest.prune}`, and --prune here means `prune: {prune}`.",
            fix="change the manifest, or leave the flag out.",
        )
    return replace(manifest, prune=prune)


def loop_for(
    account: Account,
    where: Common,
    asked: Planning,
    *,
    uid: int | None,
    runs: str | None = None,
    how: Applying | None = None,
    stop: threading.Event | None = None,
) -> Reconciler:
    """Return the loop for one account, as the flags ask for it; `runs`: what the manifest says of where they are."""
    from acrsync.apply.reconcile import reconciler
    from acrsync.apply.waves import Settings
    from acrsync.cli.endpoint import source_of_token

    how = how or Applying()
    memory = memory_of(asked.runs, None if account.read_only else source_of_token(where), in_manifest=runs)
    return reconciler(
        account,
        memory=replace(memory, strict=how.strict_runs, allow_older=how.allow_older),
        uid=uid,
        settings=Settings(asked.parallelism, asked.settle_s, asked.landing_s, how.lock_timeout_s),
        stop=stop,
        tell=output.say,
    )


def memory_of(runs: str | None, token: str | None, *, in_manifest: str | None = None) -> Memory:
    """Return where runs are kept and, unless this one only reads, who it is; `token` says where its token came from.

    `runs` is what was asked for; else what the manifest says counts, which may name fewer places.
    """
    from acrsync.runs.record import NOBODY
    from acrsync.runs.where import DEFAULT, Memory, parse_where

    named = runs or in_manifest or DEFAULT
    place, project, environment = parse_where(named, in_manifest=not runs), Path(), dict(os.environ)
    if token is None:
        return Memory(place, NOBODY, project, environment)
    from acrsync.runs.origin import who

    return Memory(place, who(project, environment, token=token), project, environment)


def show_plan(
    plan: Plan, account: Account, where: Common, asked: Planning, *, fail_on_unmanaged: bool = False
) -> ExitCode:
    """Write the plan to the files that were asked for, then to stdout and to the pipeline; return the exit code."""
    code = plan.exit_code(detailed=asked.detailed_exitcode, unmanaged=fail_on_unmanaged)
    run = facts(code, account)
    with ci.section("acrsync_plan", "acrsync plan"):
        save_plan(plan, run, asked)
        style = style_for(where.color)
        if asked.format == "text":
            output.answer(plan_text(plan, style=style, every_name=fail_on_unmanaged))
        else:
            output.answer(FORMATS[asked.format](plan, run))
    ci.report(plan, run)
    return code


def facts(code: ExitCode, account: Account, diagnostics: tuple[Diagnostic, ...] = ()) -> Run:
    """Return what reports must know of this run, as far as it has come."""
    from acrsync.plan.outcome import Run

    return Run(output.now(), code, account.sent, diagnostics)


def save_plan(plan: Plan, run: Run, planning: Planning) -> None:
    """Write the files that `--out` names; `{env}` in a name stands for the environment."""
    from acrsync.cli.environments import file_for

    for name, path in planning.out:
        output.save(file_for(path, plan.manifest.environment or ""), FORMATS[name](plan, run))


def style_for(color: str) -> Style:
    """Return the style for stdout."""
    return output.style(color, sys.stdout)
