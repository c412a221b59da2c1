"""One apply from the first look to the last: what `acrsync apply` does once it knows what was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from acrsync import __version__, record
from acrsync.applier import Applier, Settings
from acrsync.attempt import Means
from acrsync.cli import ci, look, output, progress
from acrsync.cli.earlier import Earlier, earlier
from acrsync.cli.endpoint import Access, opened
from acrsync.cli.interrupt import WallClock, in_two_stages
from acrsync.cli.look import Look
from acrsync.cli.options import Common, Planning
from acrsync.cli.saved import accepted
from acrsync.cli.trouble import FellWhileWriting
from acrsync.diagnostics import Diagnostic, Severity, in_reading_order
from acrsync.errors import AcrsyncError
from acrsync.guards import needs_references, objections_to, touched
from acrsync.manifest import entry
from acrsync.model import Snapshot
from acrsync.outcome import WELL, End, ExitCode, Outcome, exit_code
from acrsync.ownership import is_own, telling_uids
from acrsync.plan import Plan, Replace, Update
from acrsync.planner import make_plan
from acrsync.report import FORMATS, PLAIN, Run, digest, plan_document, plan_text, result_text
from acrsync.verify import Verification, verify, with_new_ids
from acrsync.visible import visible

Ask = Callable[[str], bool]  # returns whether the answer came in time; raises where it was no


@dataclass(slots=True)
class Session:
    """The state of one apply on its way."""

    where: Common
    asked: Planning
    records: Path
    saved: Plan | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def load(self, path: Path, *, expect: str | None, ttl_h: float) -> None:
        """Take a saved plan instead of a manifest."""
        self.saved = accepted(path, expect=expect, ttl=timedelta(hours=ttl_h))

    def run(self, *, ask: Ask | None) -> ExitCode:
        """Look, show, ask, apply, verify; return the exit code."""
        with ExitStack() as to_the_end, opened(self.where, read_only=False, cancel=self.stop) as access:
            before = earlier(self.records, endpoint=access.endpoint, settle_s=self.asked.settle_s)
            seen = self._look(access, before)
            plan = seen.plan
            if self.asked.format == "text":
                with ci.section("acrsync_plan", "acrsync plan"):
                    output.answer(plan_text(plan, style=look.style_for(self.where.color)))
            if not plan.can_apply or not plan.work:
                if plan.can_apply:
                    record.close(seen.earlier.runs, by="")
                return self._end_without_writing(plan, access)
            if ask is not None:
                if self.asked.format == "json":
                    output.say(plan_text(plan, style=PLAIN))
                if not ask(_question(plan)):
                    again = self._look(access, before).plan
                    if digest(again) != digest(plan):
                        return self._moved_on(again, access)
            return self._apply(seen, access, to_the_end)

    def _look(self, access: Access, before: Earlier) -> Look:
        if self.saved is None:
            manifest, warnings = look.manifest_of(self.asked)
            return look.look(manifest, access.remote, earlier=before, told=warnings)
        snapshot = access.remote.observe()
        _refuse_other_account(self.saved, snapshot, endpoint=access.endpoint)
        before = before.of(self.saved.uid)
        plan = replace(self.saved, diagnostics=in_reading_order((*before.told, *self.saved.diagnostics)))
        evidence = access.remote.evidence(tuple(touched(plan)), references=needs_references(plan))
        return Look(snapshot, evidence, plan, before)

    def _end_without_writing(self, plan: Plan, access: Access) -> ExitCode:
        code = exit_code(End(objections=bool(plan.objections), errors=bool(plan.errors)))
        run = Run(output.now(), code, access.sent)
        look.save_plan(plan, run, self.asked)
        if self.asked.format == "json":
            output.answer(FORMATS["json"](plan, replace(run, outcomes=(), verified=plan.can_apply)))
        ci.report(plan, run)
        return code

    def _moved_on(self, plan: Plan, access: Access) -> ExitCode:
        code = exit_code(End(moved_on=True))
        detail = "The answer took long, and planning again gives another plan. Nothing was written."
        diagnostic = Diagnostic(Severity.ERROR, "E009", "The account has changed", detail, "run apply again.")
        run = Run(output.now(), code, access.sent, (diagnostic,))
        output.answer(FORMATS[self.asked.format](plan, run))
        ci.report(plan, run)
        return code

    def _apply(self, seen: Look, access: Access, to_the_end: ExitStack) -> ExitCode:
        plan = seen.plan
        started = Run(timestamp=output.now(), exit_code=ExitCode.DONE)
        look.save_plan(plan, started, self.asked)
        journal = record.Record(self.records)
        document = plan_document(plan, started)
        journal.begin(document, endpoint=access.endpoint, uid=plan.uid, version=__version__)
        # Up to the end of the run: from here on an interrupt must not be taken for one before anything was written.
        to_the_end.enter_context(in_two_stages(self.stop))
        try:
            return self._carry_out(seen, access, journal)
        except Exception as error:  # a bug: the one handler says which, and must know that something may be written
            raise FellWhileWriting from error

    def _carry_out(self, seen: Look, access: Access, journal: record.Record) -> ExitCode:
        plan = seen.plan
        with ci.section("acrsync_apply", "acrsync apply"):
            outcomes = self._write(seen, access, journal)
            verification, trouble = self._verify(seen, access, outcomes)
        if verification is not None:
            for told, found in zip(outcomes, verification.outcomes, strict=True):
                if found is not told:
                    journal.outcome(found)
            outcomes = verification.outcomes
            trouble += _left_over(verification)
        verified = verification is not None and verification.verified
        end = End(
            outcomes=outcomes,
            interrupted=self.stop.is_set(),
            own_leftovers=verification is not None and bool(verification.own_leftovers or verification.again.errors),
            other_leftovers=verification is not None and bool(verification.other_leftovers),
            errors=verification is None,
        )
        code = exit_code(end)
        trouble += _closed(journal, seen.earlier, code=code, verification=verification)
        trouble += tuple(filter(None, map(_lost_bucket, outcomes)))
        run = Run(output.now(), code, access.sent, trouble, outcomes, verified)
        if self.asked.format == "json":
            output.last_answer(FORMATS["json"](plan, run))
        else:
            output.last_answer("\n" + result_text(plan, run, style=look.style_for(self.where.color)))
        ci.report(plan, run)
        return code

    def _write(self, seen: Look, access: Access, journal: record.Record) -> tuple[Outcome, ...]:
        plan, manifest = seen.plan, seen.plan.manifest
        approved = {str(approval) for approval in manifest.approvals}
        means = Means(
            remote=access.remote,
            journal=journal,
            evidence=seen.evidence,
            recheck=lambda change, now: [o for o in objections_to(change, manifest, now) if o.approval not in approved],
            uid=plan.uid,
            named={row.name: row for row in seen.snapshot.rows if is_own(row, plan.uid)},
            ends={change.live.id: change.desired.attrs for change in plan.work if isinstance(change, Update)},
        )
        applier = Applier(
            plan=plan,
            means=means,
            clock=WallClock(self.stop),
            stop=self.stop,
            known=frozenset(row.id for row in seen.snapshot.rows),
            settings=Settings(self.asked.parallelism, self.asked.settle_s),
        )
        return tuple(progress.shown(applier.outcomes(), total=len(plan.work), color=self.where.color))

    def _verify(
        self, seen: Look, access: Access, outcomes: tuple[Outcome, ...]
    ) -> tuple[Verification | None, tuple[Diagnostic, ...]]:
        """Read back; after an interrupt, or where that fails, say that it was not done."""
        if not self.stop.is_set():
            try:
                verification = verify(
                    outcomes,
                    before=seen.snapshot,
                    remote=access.remote,
                    clock=WallClock(self.stop),
                    settle_s=self.asked.settle_s,
                    replan=lambda snapshot: make_plan(with_new_ids(seen.plan.manifest, outcomes), snapshot),
                )
            except AcrsyncError as error:
                return None, (error.diagnostic,)
            # An interrupt may have ended the wait for a list that lags: what it does not show yet has not failed.
            if not self.stop.is_set():
                return verification, ()
        detail = "The account was not read back after the interrupt."
        return None, (Diagnostic(Severity.WARNING, "W510", "Interrupted", detail, "run apply again."),)


def _question(plan: Plan) -> str:
    count = len(plan.work)
    account = "an account yet unknown" if plan.uid is None else f"account {plan.uid}"
    return f"Apply {count} change{'s' if count != 1 else ''} to {account} at {visible(plan.endpoint)}?"


def _refuse_other_account(plan: Plan, snapshot: Snapshot, *, endpoint: str) -> None:
    listed = telling_uids(snapshot.rows)
    if plan.endpoint == endpoint and (plan.uid is None or not listed or plan.uid in listed):
        return
    here = ", ".join(map(str, listed)) or "unknown"
    raise AcrsyncError(
        "E058",
        "The plan is for another account",
        f"It was made for account {plan.uid} at {visible(plan.endpoint)}; this is {here} at {visible(endpoint)}.",
        fix="use the endpoint and the token that it was made with, or plan again.",
    )


def _closed(
    journal: record.Record, before: Earlier, *, code: ExitCode, verification: Verification | None
) -> tuple[Diagnostic, ...]:
    """Close the records; trouble with that does not change what was done."""
    verified = verification is not None and verification.verified
    try:
        journal.end(exit_code=code, verified=verified, read_back=verification is not None)
        if verified:
            record.close(before.runs, by=journal.id)
    except record.RecordError:
        detail = f"The end of this run could not be added to {journal.path}, so the next run will call it unfinished."
        return (Diagnostic(Severity.WARNING, "W512", "The run record has no end", detail, "free some space."),)
    return ()


def _lost_bucket(outcome: Outcome) -> Diagnostic | None:
    """Return the message for a replacement that deleted and did not create again, with all that is needed to."""
    change = outcome.change
    if not isinstance(change, Replace) or not outcome.wrote or outcome.status in WELL:
        return None
    detail = f"Bucket {visible(change.name)} was deleted for its replacement. This is what it shall be:\n"
    fix = "run apply again: it creates the bucket with these values, also those that the manifest leaves out."
    detail += entry(change.desired.attrs)
    return Diagnostic(Severity.ERROR, "E507", "A replacement is half done", detail, fix, change.desired.span)


def _left_over(verification: Verification) -> tuple[Diagnostic, ...]:
    found = list(verification.again.errors)
    if verification.own_leftovers:
        names = ", ".join(visible(change.name) for change in verification.own_leftovers)
        detail = f"Planning again would still change what this run wrote: {names}."
        fix = "run plan to see what differs."
        found.append(Diagnostic(Severity.ERROR, "E508", "Something is left over", detail, fix))
    if verification.other_leftovers:
        names = ", ".join(visible(change.name) for change in verification.other_leftovers)
        detail = f"These were as wanted, or not there to be changed, when this run began: {names}."
        fix = "run plan to see what changed."
        found.append(Diagnostic(Severity.WARNING, "W509", "Changed by someone else meanwhile", detail, fix))
    return tuple(found)
