"""The one loop: observe, plan, guard, apply, read back, plan again.

The command line, the library, the laws in the tests and the rehearsal all use it. A plan shows what the loop would do;
`carry_out` does it and decides nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from acrsync.apply.terms import DEFAULTS, Seen, Settings
from acrsync.clock import Clock, WallClock
from acrsync.diagnostics import AcrsyncError, Diagnostic, RemoteError, error, in_reading_order
from acrsync.frozen import frozen
from acrsync.model import Evidence, Live, Manifest, Snapshot
from acrsync.plan.changes import Replace
from acrsync.plan.document import Plan, plan_document
from acrsync.plan.outcome import WELL, End, ExitCode, Outcome, exit_code
from acrsync.plan.outcome import Run as Facts
from acrsync.plan.ownership import account_uid, unshared_uids
from acrsync.remote import Remote
from acrsync.runs import LostRace, Run, Runs
from acrsync.runs.memory import Known, key_of_manifest
from acrsync.runs.record import Wanted
from acrsync.runs.store import StoreError
from acrsync.runs.where import Memory
from acrsync.visible import visible

if TYPE_CHECKING:  # only an apply loads what applies
    from acrsync.apply.verify import Verification

UNLISTED_READ = 20  # how many buckets that are missing in a list are read by id
ROUNDS = 5  # how often an apply starts again because another run was faster


class CrashedDuringApply(Exception):
    """An unexpected exception, its cause, ended an apply that may have written something."""


@frozen
class Result:
    """The result of an apply."""

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    verified: bool = False  # a list that was read after the last write shows the planned state
    diagnostics: tuple[Diagnostic, ...] = ()
    exit_code: ExitCode = ExitCode.DONE


def nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(slots=True)
class Reconciler:
    """One account, its runs, and the settings of an apply."""

    account: Remote
    clock: Clock
    runs: Runs | None = None
    settings: Settings = field(default_factory=Settings)
    stop: threading.Event = field(default_factory=threading.Event)  # set by the first interrupt
    notify: Callable[[str], object] = nothing  # shows people what acrsync waits for
    memory: Memory | None = None  # where `runs` are kept, and the commit of this run

    def wait_until_free(self) -> Known:
        """Wait as `Runs.wait_until_free`, then return what is known. An apply calls it; `release` must follow.

        Raises: Held.
        """
        timeout_s = self.settings.lock_timeout_s
        return self.runs.wait_until_free(lock_timeout_s=timeout_s, notify=self.notify) if self.runs else Known()

    def release(self) -> None:
        """Free the account for other runs."""
        if self.runs:
            self.runs.release()

    def observe_and_plan(
        self,
        manifest: Manifest,
        *,
        known: Known | None = None,
        hints: tuple[Diagnostic, ...] = (),
        snapshot: Snapshot | None = None,
    ) -> Seen:
        """Observe the account, unless a snapshot is given, and plan. The plan shows `hints`, too."""
        read_at = None if snapshot else self.clock.now()
        known, snapshot, warnings = self._known_and_observed(manifest, known, snapshot)
        known = known.of_account(account_uid(manifest, snapshot))
        earlier = known.earlier(snapshot.rows, manifest=key_of_manifest(manifest))
        from acrsync.plan.guards import guarded
        from acrsync.plan.planner import make_plan

        plan = make_plan(manifest, snapshot, earlier=earlier)
        evidence = self._evidence(plan)
        plan = guarded(plan, evidence, earlier=earlier)
        diagnostics = in_reading_order((*known.hints, *warnings, *hints, *plan.diagnostics))
        plan = replace(plan, diagnostics=diagnostics, made_at=self.clock.wall(), open=known.unsettled())
        return Seen(plan, snapshot, evidence, known, read_at)

    def observe_for(self, plan: Plan, *, known: Known | None = None) -> Seen:
        """Observe the account for an existing plan.

        Raises: AcrsyncError if the plan is for another account, or if the open changes of earlier runs differ.
        """
        read_at = self.clock.now()
        known, snapshot, warnings = self._known_and_observed(plan.manifest, known)
        known = known.of_account(plan.uid)
        _refuse_other_account(plan, snapshot, endpoint=self.account.endpoint)
        _refuse_other_runs(plan, known)
        evidence = self._evidence(plan)
        diagnostics = in_reading_order((*known.hints, *warnings, *plan.diagnostics))
        return Seen(replace(plan, diagnostics=diagnostics), snapshot, evidence, known, read_at)

    def _evidence(self, plan: Plan) -> Evidence:
        from acrsync.plan.guards import needs_references, touched

        return self.account.evidence(tuple(touched(plan)), references=needs_references(plan))

    def reconcile(
        self,
        observe: Callable[[Known], Seen],
        *,
        on_begin: Callable[[Run], object] = nothing,
        approve: Callable[[Seen], Seen | None] = nothing,
        stream: Callable[[Iterable[Outcome]], Iterable[Outcome]] = iter,
    ) -> Result:
        """Wait for other runs, observe and plan, apply, and read back. Start again if another run was faster.

        `approve` is called before anything is written. It raises to stop the apply, and returns a newer observation of
        the same plan if it made one. If the plan cannot be applied or has no changes, only open changes of earlier runs
        are settled. Raises: as `wait_until_free` and `carry_out`; LostRace if other runs were faster each time.
        """
        try:
            for _ in range(ROUNDS):
                seen = observe(self.wait_until_free())
                with suppress(LostRace):
                    if not seen.plan.can_apply or not seen.plan.work:
                        if self.runs:
                            self.runs.settle(rows=seen.snapshot.rows)
                        as_wanted = seen.plan.can_apply and not seen.plan.errors
                        return Result(seen.plan, verified=as_wanted, exit_code=seen.plan.exit_code())
                    seen = approve(seen) or seen
                    return self.carry_out(seen, on_begin=on_begin, stream=stream)
                self.notify("Another run was faster. Planning again.")
            raise LostRace(
                "E077", f"Other runs were faster {ROUNDS} times. Nothing was written.", fix="run apply again."
            )
        finally:
            self.release()

    def carry_out(
        self,
        seen: Seen,
        *,
        on_begin: Callable[[Run], object] = nothing,
        stream: Callable[[Iterable[Outcome]], Iterable[Outcome]] = iter,
    ) -> Result:
        """Apply the plan and read back. `on_begin` is called after the record exists and before the first write.

        `stream` receives the outcomes one by one and passes them on. Raises: LostRace if another run was faster and
        nothing was written; CrashedDuringApply if a bug ended the apply later.
        """
        assert self.runs is not None, "An apply without a record. This is a bug in acrsync."
        document = plan_document(seen.plan, Facts(self.clock.wall(), ExitCode.DONE))
        wanted = Wanted(seen.plan, document, seen.listed, seen.plan.manifest.environment or "")
        run = self.runs.begin(wanted, rows=seen.snapshot.rows)
        self.account.guard(run.before_write)
        on_begin(run)
        try:
            return self._carried_out(seen, run, stream)
        except Exception as e:  # a bug: the handler must know that something may be written
            raise CrashedDuringApply from e

    def _known_and_observed(
        self, manifest: Manifest, known: Known | None, snapshot: Snapshot | None = None
    ) -> tuple[Known, Snapshot, tuple[Diagnostic, ...]]:
        """Return what is known of earlier runs, a snapshot, and the warnings about both.

        Without `known`, as in a plan, the runs and the list are read at the same time.
        """
        hints = self.memory.hints(self.account.endpoint) if self.memory else ()
        if known is not None:
            older = self.memory.older(known, manifest) if self.memory else ()
            return known, snapshot or self._observed(known, taken=True), (*hints, *older)
        known_later = self.clock.beside(self._known)
        snapshot = self.account.observe()
        known, trouble = known_later()
        return known, self._observed(known, taken=False, first=snapshot), (*hints, *trouble)

    def _known(self) -> tuple[Known, tuple[Diagnostic, ...]]:
        """Return what is known of earlier runs, for a plan. If they cannot be read, return a warning."""
        try:
            return (self.runs.peek() if self.runs else Known()), ()
        except StoreError as e:
            detail = f"{e.diagnostic.detail} So this plan does not know what they left open, and apply refuses."
            return Known(), (error("W088", detail, fix=e.diagnostic.fix),)

    def _observed(self, known: Known, *, taken: bool, first: Snapshot | None = None) -> Snapshot:
        """Return the first list that shows what the last runs wrote, or the last one that is read within `settle_s`.

        If not `taken`, `wait_until_free` did not wait for a create of a run that was cut off, so wait for it here.
        """
        awaits_pending = not taken and known.holder is None
        snapshot = first or self.account.observe()
        left_s, wait_s = self.settings.settle_s, 1.0
        while left_s > 0:
            missing = awaits_pending and known.undecided and known.earlier(snapshot.rows).pending
            if not missing and known.shown_by(snapshot.rows, now=self.clock.wall()):
                break
            if left_s == self.settings.settle_s:
                self.notify(f"Waiting up to {left_s:.0f} s: the list may not yet show what an earlier run wrote.")
            self.clock.wait(wait_s := min(wait_s, left_s))
            left_s, wait_s = left_s - wait_s, 2 * wait_s
            snapshot = self.account.observe()
        self._refuse_unlisted(known, snapshot)
        return snapshot

    def _refuse_unlisted(self, known: Known, snapshot: Snapshot) -> None:
        """Refuse a list that does not show a bucket which the last runs wrote to, and which still exists."""
        for bucket_id in known.unlisted(snapshot.rows, now=self.clock.wall())[:UNLISTED_READ]:
            with suppress(RemoteError):  # if it cannot be read, nothing is proven
                if (hidden := self.account.read(bucket_id)) is not None:
                    raise _incomplete(hidden, settle_s=self.settings.settle_s)

    def _carried_out(self, seen: Seen, run: Run, stream: Callable[[Iterable[Outcome]], Iterable[Outcome]]) -> Result:
        from acrsync.apply.waves import Applier

        applier = Applier(self.account, run, seen, self.clock, self.stop, self.settings)
        outcomes = tuple(stream(applier.outcomes()))
        verification, trouble = self._verified(seen, outcomes)
        if verification is not None:
            for before, after in zip(outcomes, verification.outcomes, strict=True):
                if after is not before:
                    run.outcome(after)
            outcomes = verification.outcomes
            trouble += _left_over(verification)
        code = exit_code(_end(seen, outcomes, verification, interrupted=self.stop.is_set()))
        trouble += _ended(run, code=code, verification=verification)
        trouble += tuple(filter(None, map(_lost_bucket, outcomes)))
        return Result(seen.plan, outcomes, verification is not None and verification.verified, trouble, code)

    def _verified(
        self, seen: Seen, outcomes: tuple[Outcome, ...]
    ) -> tuple[Verification | None, tuple[Diagnostic, ...]]:
        """Read back. After an interrupt, or if that fails, return a message instead."""
        from acrsync.apply.verify import verify, with_new_ids
        from acrsync.plan.planner import make_plan

        if not self.stop.is_set():
            try:
                verification = verify(
                    outcomes,
                    before=seen.snapshot,
                    remote=self.account,
                    clock=self.clock,
                    settle_s=self.settings.settle_s,
                    replan=lambda snapshot: make_plan(with_new_ids(seen.plan.manifest, outcomes), snapshot),
                )
            except AcrsyncError as e:
                return None, (e.diagnostic,)
            # An interrupt may have ended the wait for a list that lags. What such a list does not show has not failed.
            if not self.stop.is_set():
                return verification, ()
        return None, (error("W510", "The account was not read back after the interrupt.", fix="run apply again."),)


def reconciler(
    account: Remote,
    *,
    memory: Memory | None = None,
    uid: int | None = None,
    settings: Settings = DEFAULTS,
    stop: threading.Event | None = None,
    notify: Callable[[str], object] = nothing,
) -> Reconciler:
    """Return the loop with a real clock, and with runs if `memory` is set. `uid`: of the account, if known."""
    stop = stop or threading.Event()
    clock, how = WallClock(stop), {"settle_s": settings.settle_s, "landing_s": settings.landing_s}
    runs = memory.opened(clock, endpoint=account.endpoint, uid=uid, **how) if memory else None
    return Reconciler(account, clock, runs, settings, stop, notify, memory)


def _end(seen: Seen, outcomes: tuple[Outcome, ...], verification: Verification | None, *, interrupted: bool) -> End:
    """Return what decides the exit code of an apply."""
    if verification is None:
        return End(outcomes=outcomes, interrupted=interrupted, errors=True)
    wrote = any(outcome.wrote for outcome in outcomes)
    unplannable = bool(verification.again.refusing)  # if this run wrote nothing, others caused it
    return End(
        outcomes=outcomes,
        interrupted=interrupted,
        own_leftovers=bool(verification.own_leftovers) or (wrote and unplannable),
        other_leftovers=bool(verification.other_leftovers) or unplannable,
        errors=bool(seen.plan.errors),
    )


def _ended(run: Run, *, code: ExitCode, verification: Verification | None) -> tuple[Diagnostic, ...]:
    """Record the end. An error does not change the result, so return it as a message."""
    verified = verification is not None and verification.verified
    kept = verification.again.kept if verification and verified else ()
    managed = {keep.live.id: keep.name for keep in kept if keep.desired is not None}
    rows = verification.snapshot.rows if verification else None
    try:
        run.end(exit_code=code, verified=verified, rows=rows, managed=managed)
    except AcrsyncError as e:
        detail = f"The end of this run could not be added to {run.where}, so the next run treats it as unfinished."
        return (error("W512", f"{detail} {e.diagnostic.detail}", fix="run plan, and then apply again."),)
    return ()


def _refuse_other_account(plan: Plan, snapshot: Snapshot, *, endpoint: str) -> None:
    listed = unshared_uids(snapshot.rows)
    if plan.endpoint == endpoint and (plan.uid is None or not listed or plan.uid in listed):
        return
    here = ", ".join(map(str, listed)) or "unknown"
    raise AcrsyncError(
        "E058",
        f"The plan is for account {plan.uid} at {visible(plan.endpoint)}; this is {here} at {visible(endpoint)}.",
        fix="use the endpoint and the token of the plan, or plan again.",
    )


def _refuse_other_runs(plan: Plan, known: Known) -> None:
    """Refuse a plan if the open changes of earlier runs differ from those at the time of the plan.

    Runs of the same plan do not count: if they were cut off, applying the plan again continues them.
    """
    left = known.unsettled(except_digest=plan.digest)
    if {*left} != {*plan.open}:
        names = ", ".join(visible(one.name) for one in {**dict.fromkeys(plan.open), **dict.fromkeys(left)})
        detail = f"Open changes of other runs differ from those at the time of the plan: {names}."
        raise AcrsyncError("E089", detail, fix="plan again.")


def _incomplete(hidden: Live, *, settle_s: float) -> AcrsyncError:
    """Return the error for a list without a bucket that exists."""
    detail = (
        f"The list does not show bucket {visible(hidden.name)} (id {hidden.id}), although an earlier run wrote to it "
        f"more than {settle_s:.0f} s ago and it can be read by its id. On an incomplete list an existing bucket would "
        "be created again."
    )
    return AcrsyncError("E440", detail, fix="run it again when the list shows the bucket, or use a longer --settle.")


def _lost_bucket(outcome: Outcome) -> Diagnostic | None:
    """Return the message, with all attributes, for a replacement that deleted its bucket and created no new one."""
    change = outcome.change
    if not isinstance(change, Replace) or not outcome.wrote or outcome.status in WELL:
        return None
    if outcome.live is not None and outcome.live.id == change.live.id:
        return None  # the delete was reported as done, but the bucket still exists
    from acrsync.manifest.writing import entry

    detail = f"Bucket {visible(change.name)} was deleted for its replacement. This is the bucket to create:\n"
    fix = "run apply again: it creates the bucket with these values, also those that the manifest does not set."
    return error("E507", detail + entry(change.desired.attrs), fix=fix, span=change.desired.span)


def _left_over(verification: Verification) -> tuple[Diagnostic, ...]:
    found = list(verification.again.refusing)
    if verification.own_leftovers:
        names = ", ".join(visible(change.name) for change in verification.own_leftovers)
        detail = f"A new plan would still change what this run wrote: {names}."
        found.append(error("E508", detail, fix="run plan to see what differs."))
    if verification.other_leftovers:
        names = ", ".join(visible(change.name) for change in verification.other_leftovers)
        detail = f"These needed no change when this run began: {names}."
        found.append(error("W509", detail, fix="run plan to see what changed."))
    return tuple(found)
