"""One reconcile against any Remote, as `acrsync apply` does it, without the command line."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from acrsync import record
from acrsync.applier import Applier, Settings
from acrsync.attempt import Means
from acrsync.guards import guarded, needs_references, objections_to, touched
from acrsync.model import JSON, Manifest
from acrsync.outcome import ExitCode, Outcome
from acrsync.plan import Plan, Update
from acrsync.planner import make_plan
from acrsync.remote import Remote
from acrsync.report import Run, plan_document
from acrsync.verify import Verification, verify, with_new_ids
from doubles import FakeClock, ListJournal


@dataclass(frozen=True)
class Reconciled:
    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    verification: Verification | None = None


def plan_for(manifest: Manifest, remote: Remote) -> Plan:
    plan = make_plan(manifest, remote.observe())
    return guarded(plan, remote.evidence(touched(plan), references=needs_references(plan)))


def reconcile(manifest: Manifest, remote: Remote, **how) -> Reconciled:
    return applied(plan_for(manifest, remote), remote, **how)


def applied(
    plan: Plan, remote: Remote, *, parallelism: int = 1, clock=None, stop=None, journal=None, settle_s: float = 30
) -> Reconciled:
    """Apply a plan that was just made, or one that was saved."""
    if not plan.can_apply:
        return Reconciled(plan)
    manifest, snapshot = plan.manifest, remote.observe()
    approved = {str(approval) for approval in manifest.approvals}
    means = Means(
        remote=remote,
        journal=journal or ListJournal(),
        evidence=remote.evidence(tuple(touched(plan)), references=needs_references(plan)),
        recheck=lambda change, now: [o for o in objections_to(change, manifest, now) if o.approval not in approved],
        uid=plan.uid,
        named={row.name: row for row in snapshot.rows},
        ends={change.live.id: change.desired.attrs for change in plan.work if isinstance(change, Update)},
    )
    clock = clock or FakeClock()
    applier = Applier(
        plan=plan,
        means=means,
        clock=clock,
        stop=stop or threading.Event(),
        known=frozenset(row.id for row in snapshot.rows),
        settings=Settings(parallelism, settle_s),
    )
    outcomes = tuple(applier.outcomes())
    verification = verify(
        outcomes,
        before=snapshot,
        remote=remote,
        clock=clock,
        settle_s=settle_s,
        replan=lambda seen: make_plan(with_new_ids(manifest, outcomes), seen),
    )
    return Reconciled(plan, verification.outcomes, verification)


def recorded(plan: Plan, remote: Remote, directory: Path, **how) -> tuple[Mapping[str, JSON], ...]:
    """Apply a plan and return the lines of its record."""
    journal = record.Record(directory)
    document = plan_document(plan, Run(datetime(2026, 8, 1, tzinfo=UTC), ExitCode.DONE))
    journal.begin(document, endpoint=plan.endpoint, uid=plan.uid, version="0.0.0")
    try:
        done = applied(plan, remote, journal=journal, **how)
    finally:
        journal.end(exit_code=0, verified=False, read_back=False)
    assert done.verification is not None, plan.objections
    return record.read(journal.path)
