"""From manifest files and an account to a guarded plan: what `plan` and `apply` do alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from acrsync import manifest as manifests
from acrsync.cli import output
from acrsync.cli.earlier import Earlier
from acrsync.cli.options import DEFAULT_PATH, Planning
from acrsync.diagnostics import Diagnostic, in_reading_order
from acrsync.errors import AcrsyncError, Invalid
from acrsync.guards import guarded, needs_references, touched
from acrsync.model import Evidence, Manifest, Prune, Snapshot
from acrsync.outcome import End, ExitCode, exit_code
from acrsync.ownership import account_uid
from acrsync.plan import Plan
from acrsync.planner import make_plan
from acrsync.remote import Reader
from acrsync.report import COLOURED, FORMATS, PLAIN, Run, Style, plan_text


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen and what follows from it."""

    snapshot: Snapshot
    evidence: Evidence
    plan: Plan
    earlier: Earlier  # runs against this account


def manifest_of(planning: Planning) -> tuple[Manifest, tuple[Diagnostic, ...]]:
    """Return the manifest with the flags laid over it, and what there is to say of it.

    Raises: Invalid with all of its mistakes.
    """
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
            "--prune contradicts the manifest",
            f"{manifest.spans['prune']} says `prune: {manifest.prune}`, and --prune here means `prune: {prune}`.",
            fix="change the manifest, or leave the flag out.",
        )
    return replace(manifest, prune=prune)


def look(
    manifest: Manifest,
    remote: Reader,
    *,
    earlier: Earlier,
    told: tuple[Diagnostic, ...] = (),
    snapshot: Snapshot | None = None,
) -> Look:
    """Observe the account, unless that is done, and plan; `told` is what is already to be said with the plan."""
    snapshot = snapshot or remote.observe()
    earlier = earlier.of(account_uid(manifest, snapshot))
    plan = make_plan(manifest, snapshot, lost=earlier.lost)
    evidence = remote.evidence(tuple(touched(plan)), references=needs_references(plan))
    plan = guarded(plan, evidence)
    told = in_reading_order((*earlier.told, *told, *plan.diagnostics))
    return Look(snapshot, evidence, replace(plan, diagnostics=told), earlier)


def end_of_plan(plan: Plan, *, detailed: bool) -> ExitCode:
    """Return the exit code of a plan that nobody sets out to apply."""
    changes = detailed and bool(plan.work)
    return exit_code(End(objections=bool(plan.objections), errors=bool(plan.errors), changes=changes))


def show_plan(plan: Plan, run: Run, planning: Planning, *, style: Style) -> None:
    """Write the plan to the files that were asked for, and then, as all of that went well, to stdout."""
    save_plan(plan, run, planning)
    text = plan_text(plan, style=style) if planning.format == "text" else FORMATS[planning.format](plan, run)
    output.answer(text)


def save_plan(plan: Plan, run: Run, planning: Planning) -> None:
    """Write the files that `--out` names."""
    for name, path in planning.out:
        output.save(path, FORMATS[name](plan, run))


def style_for(color: str) -> Style:
    """Return the style for stdout."""
    import sys

    return COLOURED if output.coloured(color, sys.stdout) else PLAIN
