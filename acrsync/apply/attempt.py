"""Carries out one change: reads the bucket again, writes once, looks at the answer.

Each write to a bucket that exists is preceded by a read of it: as planned, it is written; already as wanted, nothing
is; otherwise it is stale and left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import assert_never

from acrsync.diagnostics import AcrsyncError, Diagnostic, RemoteError, error
from acrsync.model import Attrs, Evidence, Live, Snapshot
from acrsync.plan.changes import Create, Delete, Replace, Update, Work
from acrsync.plan.document import Plan
from acrsync.plan.guards import standing
from acrsync.plan.outcome import Outcome, Status, Verb
from acrsync.plan.ownership import is_own
from acrsync.remote import Remote
from acrsync.runs import Run
from acrsync.runs.memory import Known
from acrsync.visible import visible


@dataclass(frozen=True)
class Seen:
    """What an apply begins with: a plan, and the account as it was listed for it."""

    plan: Plan
    snapshot: Snapshot
    evidence: Evidence = field(default_factory=Evidence)
    known: Known = field(default_factory=Known)  # what is left of earlier runs

    @cached_property
    def listed(self) -> frozenset[int]:
        """Ids that were listed before the first write, so none of them is what this run creates."""
        return frozenset(row.id for row in self.snapshot.rows)

    @cached_property
    def named(self) -> Mapping[str, Live]:
        """Our own buckets by name."""
        return {row.name: row for row in self.snapshot.rows if is_own(row, self.plan.uid)}

    @cached_property
    def last_wanted(self) -> Mapping[int, Attrs]:
        """What the last update of a bucket wants, by its id: a swap takes two."""
        return {change.live.id: change.desired.attrs for change in self.plan.work if isinstance(change, Update)}


@dataclass(slots=True)
class Attempt:
    """One change on its way; `outcome` tells the truth also where it ended in trouble."""

    account: Remote
    run: Run
    seen: Seen
    change: Work
    sending: Verb | None = None  # the write that is under way, so may have reached the server
    wrote: bool = False
    answered: Live | None = None  # what the server said that it made of a write
    trouble: AcrsyncError | None = None

    def outcome(self) -> Outcome:
        """Carry the change out and return its end."""
        try:
            return self._carry_out()
        except AcrsyncError as error:
            self.trouble = error
            lost = self.sending if isinstance(error, RemoteError) and error.may_have_acted else None
            status = Status.UNKNOWN if lost else Status.FAILED
            wrote = self.wrote or lost is not None
            return Outcome(self.change, status, error.diagnostic, self.answered, wrote=wrote, lost=lost)

    def _carry_out(self) -> Outcome:
        change = self.change
        match change:
            case Create():
                return self._create(change)
            case Update():
                return self._update(change)
            case Replace():
                return self._replace(change)
            case Delete():
                return self._delete(change)
            case _:
                assert_never(change)

    def _create(self, change: Create) -> Outcome:
        there = self.seen.named.get(change.name)
        if there is None:
            return self._post(change, change.marks.add, Status.CREATED)
        if is_as_wanted(there, change.desired.attrs, change.marks.add):
            return Outcome(change, Status.ALREADY, live=there)
        return Outcome(change, Status.STALE, _stale(there), there)

    def _post(self, change: Create | Replace, marks: tuple[str, ...], status: Status) -> Outcome:
        attrs = change.desired.attrs
        self._intend("create", attrs, marks)
        live = self.account.create(attrs, marks=marks)
        self._sent()
        if self.seen.plan.uid is not None and live.uid not in (self.seen.plan.uid, None):
            detail = f"The server created it in account {live.uid}; this plan is for account {self.seen.plan.uid}."
            raise WrongAccount("E503", detail, fix="delete it there, and use the other token.")
        return self._as_answered(live, attrs, marks, status)

    def _update(self, change: Update) -> Outcome:
        desired = change.desired.attrs
        fresh = self.account.read(change.live.id)
        if fresh is None:
            return Outcome(change, Status.STALE, _stale(None))
        marks = change.marks.applied_to(fresh.marks)
        for wanted in (desired, self.seen.last_wanted[fresh.id]):
            if is_as_wanted(fresh, wanted, marks) and fresh.marks == marks:
                return Outcome(change, Status.ALREADY, live=fresh)
        if not _is_as_planned(change.live, fresh, tuple(desired)):
            return Outcome(change, Status.STALE, _stale(fresh), fresh)
        if objection := self._objection(replace(change, live=fresh)):
            return Outcome(change, Status.REFUSED, objection, fresh)
        attrs = {key: desired[key] for key in change.fields}
        if marks != fresh.marks:
            attrs.setdefault("labels", fresh.attrs["labels"])
        self._intend("update", attrs, marks)
        after = self.account.update(fresh.id, attrs, marks=marks if "labels" in attrs else ())
        self._sent()
        return self._as_answered(after, {**fresh.attrs, **attrs}, marks, Status.UPDATED)

    def _as_answered(self, live: Live, wanted: Attrs, marks: tuple[str, ...], status: Status) -> Outcome:
        """Return the outcome of a write that was answered: an ignored field is a failure at once."""
        self.answered = live
        if differences(live, wanted, marks):
            live = self.account.read(live.id) or live  # an answer may be older than what was written
        if found := differences(live, wanted, marks):
            return Outcome(self.change, Status.FAILED, read_back_mismatch(found), live, wrote=True)
        return Outcome(self.change, status, live=live, wrote=True)

    def _delete(self, change: Delete) -> Outcome:
        fresh = self.account.read(change.live.id)
        if fresh is None:
            return Outcome(change, Status.ALREADY)
        if refused := self._not_to_be_deleted(change, fresh):
            return refused
        self._intend("delete", {}, ())
        self.account.delete(fresh.id)
        self._sent()
        return Outcome(change, Status.DELETED, wrote=True)

    def _replace(self, change: Replace) -> Outcome:
        fresh = self.account.read(change.live.id)
        if fresh is None:
            there = self.seen.named.get(change.name)
            done = there is not None and is_as_wanted(there, change.desired.attrs, change.marks.add)
            return Outcome(change, Status.ALREADY if done else Status.STALE, None if done else _stale(None), there)
        if refused := self._not_to_be_deleted(change, fresh):
            return refused
        marks = change.marks.applied_to(fresh.marks)
        # Recorded with all properties of the new bucket: if the run ends here, the next one can still create it.
        self._intend("delete", change.desired.attrs, marks)
        self.account.delete(fresh.id)
        self._sent()
        return self._post(change, marks, Status.REPLACED)

    def _intend(self, verb: Verb, attrs: Attrs, marks: tuple[str, ...]) -> None:
        self.run.intent(verb, self.change, attrs=attrs, marks=marks)
        self.sending = verb

    def _sent(self) -> None:
        self.sending, self.wrote = None, True

    def _not_to_be_deleted(self, change: Delete | Replace, fresh: Live) -> Outcome | None:
        """Return the outcome if a bucket is not as planned, or a guard objects now; None if it can go on."""
        same_items = fresh.facts.get("num") == change.live.facts.get("num")
        if not same_items or not _is_as_planned(change.live, fresh, tuple(change.live.attrs)):
            return Outcome(change, Status.STALE, _stale(fresh), fresh)
        objection = self._objection(replace(change, live=fresh))
        return Outcome(change, Status.REFUSED, objection, fresh) if objection else None

    def _objection(self, change: Update | Replace | Delete) -> Diagnostic | None:
        """Return what objects to a change right before it; what a bucket holds is counted anew."""
        evidence = self.seen.evidence
        if not isinstance(change, Update):
            evidence = replace(evidence, contents={change.live.id: self.account.contents(change.live)})
        return next((o.diagnostic for o in standing(change, self.seen.plan.manifest, evidence)), None)


class WrongAccount(AcrsyncError):
    """A write landed in another account than the plan is for: nothing more may be sent."""


def is_as_wanted(live: Live, attrs: Attrs, marks: tuple[str, ...]) -> bool:
    """Tell whether a bucket has these values and at least these marks."""
    return all(live.attrs.get(key) == value for key, value in attrs.items()) and set(marks) <= set(live.marks)


def differences(live: Live, wanted: Attrs, marks: tuple[str, ...]) -> tuple[str, ...]:
    """Return, for people, each value that is not as wanted: "labels is [...], not [...]"."""
    shown = {**live.attrs, "marks": list(live.marks)}
    return tuple(
        f"{key} is {visible(repr(shown.get(key)))}, not {visible(repr(value))}"
        for key, value in {**wanted, "marks": list(marks)}.items()
        if shown.get(key) != value
    )


def read_back_mismatch(found: Sequence[str]) -> Diagnostic:
    """Return the message for a bucket that does not read back as it was written."""
    detail = f"The server accepted the write, but the bucket reads back otherwise: {'; '.join(found)}."
    fix = "look at the bucket in the console; run plan to see what still differs."
    return error("E505", detail, fix=fix)


def _is_as_planned(planned: Live, fresh: Live, mentioned: Sequence[str]) -> bool:
    same = all(fresh.attrs.get(key) == planned.attrs.get(key) for key in mentioned)
    return same and fresh.marks == planned.marks


def _stale(fresh: Live | None) -> Diagnostic:
    detail = "It is gone." if fresh is None else "It is not as it was when this was planned."
    fix = "run plan again and look at what it says now."
    return error("E506", detail, fix=fix)
