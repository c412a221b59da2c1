"""The one loop: observe, plan, guard, apply, read back, plan again.

The command line, the library, the laws in the tests and the rehearsal all go through here. A plan shows what the loop
would do; `carry_out` does it and decides nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from acrsync.apply.attempt import Seen
from acrsync.apply.verify import Verification, verify, with_new_ids
from acrsync.apply.waves import Applier, Settings
from acrsync.clock import Clock, WallClock
from acrsync.diagnostics import AcrsyncError, Diagnostic, error, in_reading_order
from acrsync.manifest.writing import entry
from acrsync.model import Manifest, Snapshot
from acrsync.plan.changes import Replace
from acrsync.plan.document import Plan, plan_document
from acrsync.plan.guards import guarded, needs_references, touched
from acrsync.plan.outcome import WELL, End, ExitCode, Outcome, exit_code
from acrsync.plan.outcome import Run as Facts
from acrsync.plan.ownership import account_uid, telling_uids
from acrsync.plan.planner import make_plan
from acrsync.remote import Remote
from acrsync.runs import Known, Run, Runs
from acrsync.runs.folder import FolderRuns
from acrsync.visible import visible


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

    def known(self) -> Known:
        """Return what is left of earlier runs."""
        return self.runs.look(settle_s=self.settings.settle_s) if self.runs else Known()

    def look(
        self,
        manifest: Manifest,
        *,
        known: Known | None = None,
        hints: tuple[Diagnostic, ...] = (),
        snapshot: Snapshot | None = None,
    ) -> Seen:
        """Observe the account, unless that is done, and plan; `hints` are shown with the plan."""
        known = self.known() if known is None else known
        snapshot = snapshot or self.account.observe()
        known = known.of(account_uid(manifest, snapshot))
        plan = make_plan(manifest, snapshot, earlier=known.earlier)
        evidence = self.account.evidence(tuple(touched(plan)), references=needs_references(plan))
        plan = guarded(plan, evidence)
        said = in_reading_order((*known.hints, *hints, *plan.diagnostics))
        return Seen(replace(plan, diagnostics=said, made_at=self.clock.wall()), snapshot, evidence, known)

    def look_for(self, plan: Plan) -> Seen:
        """Observe the account for a plan that was made before. Raises: AcrsyncError if it is for another account."""
        known = self.known().of(plan.uid)
        snapshot = self.account.observe()
        _refuse_other_account(plan, snapshot, endpoint=self.account.endpoint)
        evidence = self.account.evidence(tuple(touched(plan)), references=needs_references(plan))
        said = in_reading_order((*known.hints, *plan.diagnostics))
        return Seen(replace(plan, diagnostics=said), snapshot, evidence, known)

    def settle(self, seen: Seen) -> None:
        """Close what is left of earlier runs: the plan that takes them into account has nothing to do."""
        if self.runs and seen.plan.can_apply and not seen.plan.work:
            self.runs.close(seen.known, by="")

    def carry_out(
        self,
        seen: Seen,
        *,
        began: Callable[[], object] = nothing,
        shown: Callable[[Iterable[Outcome]], Iterable[Outcome]] = iter,
    ) -> Result:
        """Apply the plan and read back. `began` is called when its record stands, so before the first write.

        `shown` passes the outcomes on as they come. Raises: CrashedDuringApply if a bug ended it after that.
        """
        assert self.runs is not None, "An apply without a record. This is a bug in acrsync."
        document = plan_document(seen.plan, Facts(self.clock.wall(), ExitCode.DONE))
        run = self.runs.begin(document, uid=seen.plan.uid)
        began()
        try:
            return self._carried_out(seen, run, shown)
        except Exception as e:  # a bug: whoever handles it must know that something may be written
            raise CrashedDuringApply from e
        finally:
            run.close()

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
        code = exit_code(
            End(
                outcomes=outcomes,
                interrupted=self.stop.is_set(),
                own_leftovers=verification is not None
                and bool(verification.own_leftovers or verification.again.errors),
                other_leftovers=verification is not None and bool(verification.other_leftovers),
                errors=verification is None,
            )
        )
        trouble += self._closed(run, seen.known, code=code, verification=verification)
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

    def _closed(
        self, run: Run, known: Known, *, code: ExitCode, verification: Verification | None
    ) -> tuple[Diagnostic, ...]:
        """Close the records; trouble with that does not change what was done."""
        assert self.runs is not None
        verified = verification is not None and verification.verified
        try:
            run.end(exit_code=code, verified=verified, read_back=verification is not None)
            if verified:
                self.runs.close(known, by=run.id)
        except AcrsyncError:
            detail = f"The end of this run could not be added to {run.where}, so the next run will call it unfinished."
            return (error("W512", detail, fix="free some space."),)
        return ()


def reconciler(
    account: Remote,
    *,
    runs: str | Path | None = None,
    settle_s: float = 30.0,
    parallelism: int = 4,
    stop: threading.Event | None = None,
    tell: Callable[[str], object] = nothing,
) -> Reconciler:
    """Return the loop in real time, with the records of a folder if there is one; `tell` gets what people wait for."""
    stop = stop or threading.Event()
    clock = WallClock(stop)
    memory = None if runs is None else FolderRuns(Path(runs), account.endpoint, clock, tell)
    return Reconciler(account, clock, memory, Settings(parallelism, settle_s), stop)


def _refuse_other_account(plan: Plan, snapshot: Snapshot, *, endpoint: str) -> None:
    listed = telling_uids(snapshot.rows)
    if plan.endpoint == endpoint and (plan.uid is None or not listed or plan.uid in listed):
        return
    here = ", ".join(map(str, listed)) or "unknown"
    raise AcrsyncError(
        "E058",
        f"It was made for account {plan.uid} at {visible(plan.endpoint)}; this is {here} at {visible(endpoint)}.",
        fix="use the endpoint and the token that it was made with, or plan again.",
    )


def _lost_bucket(outcome: Outcome) -> Diagnostic | None:
    """Return the message for a replacement that deleted and did not create again, with all that is needed to."""
    change = outcome.change
    if not isinstance(change, Replace) or not outcome.wrote or outcome.status in WELL:
        return None
    detail = f"Bucket {visible(change.name)} was deleted for its replacement. This is what it shall be:\n"
    fix = "run apply again: it creates the bucket with these values, also those that the manifest leaves out."
    return error("E507", detail + entry(change.desired.attrs), fix=fix, span=change.desired.span)


def _left_over(verification: Verification) -> tuple[Diagnostic, ...]:
    found = list(verification.again.errors)
    if verification.own_leftovers:
        names = ", ".join(visible(change.name) for change in verification.own_leftovers)
        detail = f"Planning again would still change what this run wrote: {names}."
        found.append(error("E508", detail, fix="run plan to see what differs."))
    if verification.other_leftovers:
        names = ", ".join(visible(change.name) for change in verification.other_leftovers)
        detail = f"These were as wanted, or not there to be changed, when this run began: {names}."
        found.append(error("W509", detail, fix="run plan to see what changed."))
    return tuple(found)
