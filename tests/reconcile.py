"""The one loop against any Remote, with time and records that cost nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from acrsync.apply.reconcile import Reconciler, Result
from acrsync.apply.terms import Settings
from acrsync.model import JSON, Manifest
from acrsync.plan.document import Plan
from acrsync.remote import Remote
from acrsync.runs.folder import Account, FolderRuns
from acrsync.runs.record import UNKNOWN_USER
from acrsync.runs.recordfile import read
from doubles import FakeClock, MemoryRuns


def loop(remote: Remote, *, parallelism: int = 1, clock=None, stop=None, runs=None, settle_s: float = 30) -> Reconciler:
    settings = Settings(parallelism, settle_s)
    return Reconciler(remote, clock or FakeClock(), runs or MemoryRuns(), settings, stop or threading.Event())


def plan_for(manifest: Manifest, remote: Remote) -> Plan:
    return loop(remote).observe_and_plan(manifest).plan


def reconcile(manifest: Manifest, remote: Remote, **how) -> Result:
    return applied(plan_for(manifest, remote), remote, **how)


def changed_but_absent(manifest: Manifest, remote: Remote, **how) -> list[tuple[str, str]]:
    """Reconcile; return name and key of each value that changed although the manifest does not mention it."""
    before = {live.name: live.attrs for live in remote.observe().rows}
    done = reconcile(manifest, remote, **how)
    after = {live.name: live.attrs for live in remote.observe().rows}
    return [
        (entry.name, key)
        for entry in manifest.desired
        for key in ("net_type", "labels", "metadata_template")
        if done.plan.can_apply and key not in entry.attrs and entry.name in before
        if after[entry.name][key] != before[entry.name][key]
    ]


def applied(plan: Plan, remote: Remote, **how) -> Result:
    """Apply a plan that was just made, or one that was saved."""
    if not plan.can_apply:
        return Result(plan)
    again = loop(remote, **how)
    return again.reconcile(lambda known: again.observe_for(plan, known=known))


def recorded(plan: Plan, remote: Remote, directory: Path, **how) -> tuple[Mapping[str, JSON], ...]:
    """Apply a plan and return the lines of its record."""
    before = set(directory.glob("*.jsonl"))
    runs = in_folder(directory, plan.endpoint)
    assert plan.can_apply, plan.objections
    applied(plan, remote, runs=runs, **how)
    (path,) = set(directory.glob("*.jsonl")) - before
    return read(path)


def in_folder(directory: Path, endpoint: str = "memory:") -> FolderRuns:
    """Return the runs of a folder; time costs nothing."""
    return FolderRuns(directory, FakeClock(), Account(endpoint, None), who=UNKNOWN_USER, settle_s=30)
