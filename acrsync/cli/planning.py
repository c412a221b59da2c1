"""What `plan` and `apply` do alike: the manifest with the flags laid over it, the loop, and the plan as it is shown."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from acrsync.cli import ci, output
from acrsync.cli.options import DEFAULT_PATH, Common, Planning
from acrsync.diagnostics import AcrsyncError, Diagnostic, Invalid
from acrsync.model import Manifest, Prune
from acrsync.report import COLOURED, FORMATS, PLAIN, Style, plan_text

if TYPE_CHECKING:
    from acrsync import Account, ExitCode, Plan, Reconciler
    from acrsync.plan.outcome import Run


def manifest_of(planning: Planning) -> tuple[Manifest, tuple[Diagnostic, ...]]:
    """Return the manifest with the flags laid over it, and what is to be said about it.

    Raises: Invalid with all of its mistakes.
    """
    from acrsync import manifest as manifests

    loaded = manifests.load(planning.paths or (Path(DEFAULT_PATH),))
    if loaded.manifest is None:
        raise Invalid(loaded.diagnostics)
    manifest = loaded.manifest
    if planning.prune:
        manifest = _pruning(manifest)
    if planning.max_deletes is not None:
        manifest = replace(manifest, deletes_limit=planning.max_deletes)
    return replace(manifest, approvals=(*manifest.approvals, *planning.allow)), loaded.diagnostics


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


def loop_for(account: Account, asked: Planning, *, records: Path, stop: threading.Event | None = None) -> Reconciler:
    """Return the loop for one account, as the flags ask for it."""
    from acrsync.apply.reconcile import reconciler

    return reconciler(
        account,
        runs=records,
        settle_s=asked.settle_s,
        parallelism=asked.parallelism,
        stop=stop,
        tell=output.say,
    )


def show_plan(plan: Plan, account: Account, where: Common, asked: Planning) -> ExitCode:
    """Write the plan to the files that were asked for, then to stdout and to the pipeline; return the exit code."""
    code = plan.exit_code(detailed=asked.detailed_exitcode)
    run = facts(code, account)
    with ci.section("acrsync_plan", "acrsync plan"):
        save_plan(plan, run, asked)
        style = style_for(where.color)
        output.answer(plan_text(plan, style=style) if asked.format == "text" else FORMATS[asked.format](plan, run))
    ci.report(plan, run)
    return code


def facts(code: ExitCode, account: Account, diagnostics: tuple[Diagnostic, ...] = ()) -> Run:
    """Return what reports must know of this run, as far as it has come."""
    from acrsync.plan.outcome import Run

    return Run(output.now(), code, account.sent, diagnostics)


def save_plan(plan: Plan, run: Run, planning: Planning) -> None:
    """Write the files that `--out` names."""
    for name, path in planning.out:
        output.save(path, FORMATS[name](plan, run))


def style_for(color: str) -> Style:
    """Return the style for stdout."""
    return COLOURED if output.coloured(color, sys.stdout) else PLAIN
