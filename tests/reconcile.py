"""The one loop against any Remote, with time and records that cost nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from acrsync.apply.reconcile import Reconciler, Result
from acrsync.apply.waves import Settings
from acrsync.model import JSON, Manifest
from acrsync.plan.document import Plan
from acrsync.remote import Remote
from acrsync.runs import record
from acrsync.runs.folder import FolderRuns
from doubles import FakeClock, MemoryRuns


def loop(remote: Remote, *, parallelism: int = 1, clock=None, stop=None, runs=None, settle_s: float = 30) -> Reconciler:
    settings = Settings(parallelism, settle_s)
    return Reconciler(remote, clock or FakeClock(), runs or MemoryRuns(), settings, stop or threading.Event())


def plan_for(manifest: Manifest, remote: Remote) -> Plan:
    return loop(remote).look(manifest).plan


def reconcile(manifest: Manifest, remote: Remote, **how) -> Result:
    return applied(plan_for(manifest, remote), remote, **how)


def applied(plan: Plan, remote: Remote, **how) -> Result:
    """Apply a plan that was just made, or one that was saved."""
    if not plan.can_apply:
        return Result(plan)
    again = loop(remote, **how)
    return again.carry_out(again.look_for(plan))


def recorded(plan: Plan, remote: Remote, directory: Path, **how) -> tuple[Mapping[str, JSON], ...]:
    """Apply a plan and return the lines of its record."""
    before = set(directory.glob("*.jsonl"))
    runs = FolderRuns(directory, plan.endpoint, FakeClock(), print)
    assert plan.can_apply, plan.objections
    applied(plan, remote, runs=runs, **how)
    (path,) = set(directory.glob("*.jsonl")) - before
    return record.read(path)
