"""One reconcile against any Remote, as `acrsync apply` does it, without the command line."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from acrsync.applier import Applier, Settings
from acrsync.attempt import Means
from acrsync.guards import guarded, needs_references, objections_to, touched
from acrsync.model import Manifest
from acrsync.outcome import Outcome
from acrsync.plan import Plan, Update
from acrsync.planner import make_plan
from acrsync.remote import Remote
from acrsync.verify import Verification, verify
from doubles import FakeClock, ListJournal


@dataclass(frozen=True)
class Reconciled:
    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    verification: Verification | None = None


def plan_for(manifest: Manifest, remote: Remote) -> Plan:
    plan = make_plan(manifest, remote.observe())
    return guarded(plan, remote.evidence(touched(plan), references=needs_references(plan)))


def reconcile(manifest: Manifest, remote: Remote, *, parallelism: int = 1, clock=None, stop=None) -> Reconciled:
    snapshot = remote.observe()
    plan = make_plan(manifest, snapshot)
    evidence = remote.evidence(touched(plan), references=needs_references(plan))
    plan = guarded(plan, evidence)
    if not plan.can_apply:
        return Reconciled(plan)
    approved = {str(approval) for approval in manifest.approvals}
    means = Means(
        remote=remote,
        journal=ListJournal(),
        evidence=evidence,
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
        known={row.id for row in snapshot.rows},
        settings=Settings(parallelism=parallelism),
    )
    outcomes = tuple(applier.outcomes())
    verification = verify(
        outcomes,
        before=snapshot,
        remote=remote,
        clock=clock,
        settle_s=30,
        replan=lambda seen: make_plan(manifest, seen),
    )
    return Reconciled(plan, verification.outcomes, verification)
