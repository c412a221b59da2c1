"""The one loop: observe, plan, guard, apply, read back, plan again.

The command line, the library, the laws in the tests and the rehearsal all go through here. A plan shows what the loop
would do; `carry_out` does it and decides nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from acrsync.apply.attempt import Seen
from acrsync.apply.verify import Verification, verify, with_new_ids
from acrsync.apply.waves import DEFAULTS, Applier, Settings
from acrsync.clock import Clock, WallClock
from acrsync.diagnostics import AcrsyncError, Diagnostic, error, in_reading_order
from acrsync.manifest.writing import entry
from acrsync.model import Manifest, Snapshot
from acrsync.plan.changes import Replace
from acrsync.plan.document import Plan, plan_document
from acrsync.plan.guards import guarded, needs_references, touched
from acrsync.plan.outcome import WELL, End, ExitCode, Outcome, exit_code
from acrsync.plan.outcome import Run as Facts
from acrsync.plan.ownership import account_uid, unshared_uids
from acrsync.plan.planner import make_plan
from acrsync.remote import Remote
from acrsync.runs import Moved, Run, Runs
from acrsync.runs.memory import Known, manifest_key
from acrsync.runs.record import Wanted
from acrsync.runs.store import StoreError
from acrsync.runs.where import Memory
from acrsync.visible import visible

ROUNDS = 5  # so often does an apply begin anew because another run was faster


class CrashedDuringApply(Exception):
    """An exception that nobody expected, its cause, ended an apply that had begun to write."""


@dataclass(frozen=True, slots=True)
class Result:
    """What an apply came to."""

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    verified: bool = False  # the account was observed after the last write and reads as planned
    diagnostics: tuple[Diagnostic, ...] = ()
    exit_code: ExitCode = ExitCode.DONE


def nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(slots=True)
class Reconciler:
    """One account, what is known of its runs, and how to go about an apply."""

    account: Remote
    clock: Clock
    runs: Runs | None = None
    settings: Settings = field(default_factory=Settings)
    stop: threading.Event = field(default_factory=threading.Event)  # set by the first interrupt

    tell: Callable[[str], object] = nothing  # what people wait for
    memory: Memory | None = None  # where `runs` are kept, and on what commit this is

    def take(self) -> Known:
        """Return what is known of earlier runs when nobody else applies and nothing of them can land any more.

        For an apply; `release` must follow. Raises: Held.
        """
        timeout_s = self.settings.lock_timeout_s
        return self.runs.take(lock_timeout_s=timeout_s, tell=self.tell) if self.runs else Known()

    def release(self) -> None:
        """Let others apply."""
        if self.runs:
            self.runs.release()

    def look(
        self,
        manifest: Manifest,
        *,
        known: Known | None = None,
        hints: tuple[Diagnostic, ...] = (),
        snapshot: Snapshot | None = None,
    ) -> Seen:
        """Observe the account, unless that is done, and plan; `hints` are shown with the plan."""
        read_at = None if snapshot else self.clock.now()
        known, snapshot, warnings = self._known_and_observed(manifest, known, snapshot)
        known = known.of(account_uid(manifest, snapshot))
        earlier = known.earlier(
            snapshot.rows, manifest=manifest_key(manifest.stack, manifest.environment, manifest.files)
        )
        plan = make_plan(manifest, snapshot, earlier=earlier)
        evidence = self.account.evidence(tuple(touched(plan)), references=needs_references(plan))
        plan = guarded(plan, evidence, earlier=earlier)
        said = in_reading_order((*known.hints, *warnings, *hints, *plan.diagnostics))
        plan = replace(plan, diagnostics=said, made_at=self.clock.wall(), open=known.unsettled())
        return Seen(plan, snapshot, evidence, known, read_at)

    def look_for(self, plan: Plan, *, known: Known | None = None) -> Seen:
        """Observe the account for a plan that was made before.

        Raises: AcrsyncError if it is for another account, or if earlier runs left something else open by now.
        """
        read_at = self.clock.now()
        known, snapshot, warnings = self._known_and_observed(plan.manifest, known)
        known = known.of(plan.uid)
        _refuse_other_account(plan, snapshot, endpoint=self.account.endpoint)
        _refuse_other_runs(plan, known)
        evidence = self.account.evidence(tuple(touched(plan)), references=needs_references(plan))
        said = in_reading_order((*known.hints, *warnings, *plan.diagnostics))
        return Seen(replace(plan, diagnostics=said), snapshot, evidence, known, read_at)

    def reconcile(
        self,
        look: Callable[[Known], Seen],
        *,
        began: Callable[[], object] = nothing,
        agree: Callable[[Seen], Seen | None] = nothing,
        shown: Callable[[Iterable[Outcome]], Iterable[Outcome]] = iter,
    ) -> Result:
        """Wait for others, look, apply and read back; all anew if another run was faster.

        `agree` is called before anything is written, and raises if it must not be; it returns a later look at the same
        plan if it took one. A plan that cannot be applied, or
        has nothing to do, only settles what is left of earlier runs. Raises: as `take` and `carry_out`; Moved if others
        were faster each time.
        """
        try:
            for _ in range(ROUNDS):
                seen = look(self.take())
                with suppress(Moved):
                    if not seen.plan.can_apply or not seen.plan.work:
                        self._settle(seen)
                        as_wanted = seen.plan.can_apply and not seen.plan.errors
                        return Result(seen.plan, verified=as_wanted, exit_code=seen.plan.exit_code())
                    seen = agree(seen) or seen
                    return self.carry_out(seen, began=began, shown=shown)
                self.tell("Another run was faster. Looking again.")
            raise Moved("E077", f"Others were faster {ROUNDS} times. Nothing was written.", fix="run apply again.")
        finally:
            self.release()

    def _settle(self, seen: Seen) -> None:
        if self.runs:
            self.runs.settle(rows=seen.snapshot.rows)

    def carry_out(
        self,
        seen: Seen,
        *,
        began: Callable[[], object] = nothing,
        shown: Callable[[Iterable[Outcome]], Iterable[Outcome]] = iter,
    ) -> Result:
        """Apply the plan and read back. `began` is called when its record stands, so before the first write.

        `shown` passes the outcomes on as they come. Raises: Moved if another run was faster: then nothing was written,
        and all begins anew; CrashedDuringApply if a bug ended it after that.
        """
        assert self.runs is not None, "An apply without a record. This is a bug in acrsync."
        document = plan_document(seen.plan, Facts(self.clock.wall(), ExitCode.DONE))
        wanted = Wanted(seen.plan, document, seen.listed, seen.plan.manifest.environment or "")
        run = self.runs.begin(wanted, rows=seen.snapshot.rows)
        self.account.guard(run.last_look)
        began()
        try:
            return self._carried_out(seen, run, shown)
        except Exception as e:  # a bug: its handler must know that something may be written
            raise CrashedDuringApply from e

    def _known_and_observed(
        self, manifest: Manifest, known: Known | None, snapshot: Snapshot | None = None
    ) -> tuple[Known, Snapshot, tuple[Diagnostic, ...]]:
        """Return what is known of earlier runs, the account, and what must be said of both.

        If the account is not taken, the runs are read while the list is: a plan does not wait for them.
        """
        hints = self.memory.hints(self.account.endpoint) if self.memory else ()
        if known is not None:
            older = self.memory.older(known, manifest) if self.memory else ()
            return known, snapshot or self._observed(known, taken=True), (*hints, *older)
        known_then = self.clock.beside(self._known)
        snapshot = self.account.observe()
        known, trouble = known_then()
        return known, self._observed(known, taken=False, first=snapshot), (*hints, *trouble)

    def _known(self) -> tuple[Known, tuple[Diagnostic, ...]]:
        """Return what is known of earlier runs, for a plan; if they cannot be read, that is a warning."""
        try:
            return (self.runs.look() if self.runs else Known()), ()
        except StoreError as e:
            detail = f"{e.diagnostic.detail} So this plan does not know what they left open, and apply will refuse."
            return Known(), (error("W088", detail, fix=e.diagnostic.fix),)

    def _observed(self, known: Known, *, taken: bool, first: Snapshot | None = None) -> Snapshot:
        """Return a list that shows what the last runs wrote, `first` if it does, or the one that is read when it must.

        If the account is not taken, nobody waited yet for what a run that was cut off may have created.
        """
        looked_for = not taken and known.holder is None
        snapshot = first or self.account.observe()
        left_s, wait_s = self.settings.settle_s, 1.0
        while left_s > 0:
            missing = looked_for and known.undecided and known.earlier(snapshot.rows).pending
            if not missing and known.shown_by(snapshot.rows, now=self.clock.wall()):
                break
            if left_s == self.settings.settle_s:
                self.tell(
                    f"Waiting up to {left_s:.0f} s: an earlier run wrote something that the list may not show yet."
                )
            self.clock.wait(wait_s := min(wait_s, left_s))
            left_s, wait_s = left_s - wait_s, 2 * wait_s
            snapshot = self.account.observe()
        return snapshot

    def _carried_out(self, seen: Seen, run: Run, shown: Callable[[Iterable[Outcome]], Iterable[Outcome]]) -> Result:
        applier = Applier(self.account, run, seen, self.clock, self.stop, self.settings)
        outcomes = tuple(shown(applier.outcomes()))
        verification, trouble = self._verified(seen, outcomes)
        if verification is not None:
            for before, after in zip(outcomes, verification.outcomes, strict=True):
                if after is not before:
                    run.outcome(after)
            outcomes = verification.outcomes
            trouble += _left_over(verification)
        verified = verification is not None and verification.verified
        wrote = any(outcome.wrote for outcome in outcomes)
        unplannable = verification is not None and bool(verification.again.refusing)  # without a write, by others
        code = exit_code(
            End(
                outcomes=outcomes,
                interrupted=self.stop.is_set(),
                own_leftovers=verification is not None
                and (bool(verification.own_leftovers) or (wrote and unplannable)),
                other_leftovers=verification is not None and (bool(verification.other_leftovers) or unplannable),
                errors=verification is None or bool(seen.plan.errors),
            )
        )
        trouble += _ended(run, code=code, verification=verification)
        trouble += tuple(filter(None, map(_lost_bucket, outcomes)))
        return Result(seen.plan, outcomes, verified, trouble, code)

    def _verified(
        self, seen: Seen, outcomes: tuple[Outcome, ...]
    ) -> tuple[Verification | None, tuple[Diagnostic, ...]]:
        """Read back; after an interrupt, or if that fails, say that it was not done."""
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
            # An interrupt may have ended the wait for a list that lags: what it does not show yet has not failed.
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
    tell: Callable[[str], object] = nothing,
) -> Reconciler:
    """Return the loop in real time, with the runs of the account if they are kept. `uid`: the account's, if known."""
    stop = stop or threading.Event()
    clock, how = WallClock(stop), {"settle_s": settings.settle_s, "landing_s": settings.landing_s}
    runs = memory.opened(clock, endpoint=account.endpoint, uid=uid, **how) if memory else None
    return Reconciler(account, clock, runs, settings, stop, tell, memory)


def _ended(run: Run, *, code: ExitCode, verification: Verification | None) -> tuple[Diagnostic, ...]:
    """End the record; trouble with that does not change what was done."""
    verified = verification is not None and verification.verified
    kept = verification.again.kept if verification and verified else ()
    managed = {keep.live.id: keep.name for keep in kept if keep.desired is not None}
    rows = verification.snapshot.rows if verification else None
    try:
        run.end(exit_code=code, verified=verified, rows=rows, managed=managed)
    except AcrsyncError as e:
        detail = f"The end of this run could not be added to {run.where}, so the next run will call it unfinished."
        return (error("W512", f"{detail} {e.diagnostic.detail}", fix="run plan, and then apply again."),)
    return ()


def _refuse_other_account(plan: Plan, snapshot: Snapshot, *, endpoint: str) -> None:
    listed = unshared_uids(snapshot.rows)
    if plan.endpoint == endpoint and (plan.uid is None or not listed or plan.uid in listed):
        return
    here = ", ".join(map(str, listed)) or "unknown"
    raise AcrsyncError(
        "E058",
        f"It was made for account {plan.uid} at {visible(plan.endpoint)}; this is {here} at {visible(endpoint)}.",
        fix="use the endpoint and the token that it was made with, or plan again.",
    )


def _refuse_other_runs(plan: Plan, known: Known) -> None:
    """Refuse a plan if earlier runs left something else open than when it was made; but for runs of this very plan.

    Those were cut off, and applying it again carries on.
    """
    left = known.unsettled(but=plan.digest)
    if {*left} != {*plan.open}:
        names = ", ".join(visible(one.name) for one in {**dict.fromkeys(plan.open), **dict.fromkeys(left)})
        detail = f"Changes of other runs were open then, or are now, and not both: {names}."
        raise AcrsyncError("E089", detail, fix="plan again.")


def _lost_bucket(outcome: Outcome) -> Diagnostic | None:
    """Return the message for a replacement that deleted and did not create again, with all that is needed to."""
    change = outcome.change
    if not isinstance(change, Replace) or not outcome.wrote or outcome.status in WELL:
        return None
    if outcome.live is not None and outcome.live.id == change.live.id:
        return None  # the delete was answered as done, and the bucket is still there
    detail = f"Bucket {visible(change.name)} was deleted for its replacement. This is the bucket to create:\n"
    fix = "run apply again: it creates the bucket with these values, also those that the manifest leaves out."
    return error("E507", detail + entry(change.desired.attrs), fix=fix, span=change.desired.span)


def _left_over(verification: Verification) -> tuple[Diagnostic, ...]:
    found = list(verification.again.refusing)
    if verification.own_leftovers:
        names = ", ".join(visible(change.name) for change in verification.own_leftovers)
        detail = f"Planning again would still change what this run wrote: {names}."
        found.append(error("E508", detail, fix="run plan to see what differs."))
    if verification.other_leftovers:
        names = ", ".join(visible(change.name) for change in verification.other_leftovers)
        detail = f"These were as wanted, or not there to be changed, when this run began: {names}."
        found.append(error("W509", detail, fix="run plan to see what changed."))
    return tuple(found)
