"""Carries out one change: reads the bucket again, writes once, looks at the answer.

Each write to a bucket that exists is preceded by a read of it: as planned, it is written; already as wanted, nothing
is; otherwise it is stale and left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

from acrsync.diagnostics import Diagnostic, Severity
from acrsync.errors import AcrsyncError, RemoteError
from acrsync.model import Attrs, Evidence, Live
from acrsync.outcome import Outcome, Status, Verb
from acrsync.plan import Create, Delete, Objection, Replace, Update, Work
from acrsync.remote import Remote
from acrsync.visible import visible


class Journal(Protocol):
    """Where an apply writes down what it is about to do, before it does it."""

    def intent(self, verb: Verb, change: Work, *, attrs: Attrs, marks: tuple[str, ...]) -> None:
        """Record a write that is about to be sent; returns only when it cannot be lost any more."""
        ...

    def outcome(self, outcome: Outcome) -> None:
        """Record how a change ended; once more where a lost answer was settled later."""
        ...


# What objects to one change, asked again right before it: the change as it is live now, and what is known of its use.
Recheck = Callable[[Work, Evidence], Sequence[Objection]]


@dataclass(frozen=True, slots=True)
class Means:
    """What every attempt of one apply works with."""

    remote: Remote
    journal: Journal
    evidence: Evidence
    recheck: Recheck
    uid: int | None  # the account that the plan is for
    named: Mapping[str, Live]  # own buckets by name, as they were listed when the apply began
    ends: Mapping[int, Attrs]  # what the last update of a bucket wants, by its id: a swap takes two


@dataclass(slots=True)
class Attempt:
    """One change on its way; `outcome` tells the truth also where it ended in trouble."""

    means: Means
    change: Work
    sending: Verb | None = None  # the write that is under way, so may have reached the server
    wrote: bool = False
    trouble: AcrsyncError | None = None

    def outcome(self) -> Outcome:
        """Carry the change out and return its end."""
        try:
            return self._carry_out()
        except AcrsyncError as error:
            self.trouble = error
            lost = self.sending if isinstance(error, RemoteError) and error.may_have_acted else None
            status = Status.UNKNOWN if lost else Status.FAILED
            return Outcome(self.change, status, error.diagnostic, wrote=self.wrote or lost is not None, lost=lost)

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
        there = self.means.named.get(change.name)
        if there is None:
            return self._post(change, change.marks.add, Status.CREATED)
        if is_as_wanted(there, change.desired.attrs, change.marks.add):
            return Outcome(change, Status.ALREADY, live=there)
        return Outcome(change, Status.STALE, _stale(there), there)

    def _post(self, change: Create | Replace, marks: tuple[str, ...], status: Status) -> Outcome:
        attrs = change.desired.attrs
        self._intend("create", attrs, marks)
        live = self.means.remote.create(attrs, marks=marks)
        self._sent()
        if self.means.uid is not None and live.uid not in (self.means.uid, None):
            detail = f"The server created it in account {live.uid}; this plan is for account {self.means.uid}."
            raise WrongAccount("E503", "Not this account", detail, fix="delete it there, and use the other token.")
        return self._as_answered(live, attrs, marks, status)

    def _update(self, change: Update) -> Outcome:
        remote, desired = self.means.remote, change.desired.attrs
        fresh = remote.read(change.live.id)
        if fresh is None:
            return Outcome(change, Status.STALE, _stale(None))
        marks = change.marks.applied_to(fresh.marks)
        for wanted in (desired, self.means.ends[fresh.id]):
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
        after = remote.update(fresh.id, attrs, marks=marks if "labels" in attrs else ())
        self._sent()
        return self._as_answered(after, {**fresh.attrs, **attrs}, marks, Status.UPDATED)

    def _as_answered(self, live: Live, wanted: Attrs, marks: tuple[str, ...], status: Status) -> Outcome:
        """Return the outcome of a write that was answered: an ignored field is a failure at once."""
        if differences(live, wanted, marks):
            live = self.means.remote.read(live.id) or live  # an answer may be older than what was written
        if found := differences(live, wanted, marks):
            return Outcome(self.change, Status.FAILED, does_not_show(found), live, wrote=True)
        return Outcome(self.change, status, live=live, wrote=True)

    def _delete(self, change: Delete) -> Outcome:
        fresh = self.means.remote.read(change.live.id)
        if fresh is None:
            return Outcome(change, Status.ALREADY)
        if refused := self._not_to_be_deleted(change, fresh):
            return refused
        self._intend("delete", {}, ())
        self.means.remote.delete(fresh.id)
        self._sent()
        return Outcome(change, Status.DELETED, wrote=True)

    def _replace(self, change: Replace) -> Outcome:
        fresh = self.means.remote.read(change.live.id)
        if fresh is None:
            there = self.means.named.get(change.name)
            done = there is not None and is_as_wanted(there, change.desired.attrs, change.marks.add)
            return Outcome(change, Status.ALREADY if done else Status.STALE, None if done else _stale(None), there)
        if refused := self._not_to_be_deleted(change, fresh):
            return refused
        marks = change.marks.applied_to(fresh.marks)
        # Recorded with all that the new bucket shall have: should the run end here, the next one can still create it.
        self._intend("delete", change.desired.attrs, marks)
        self.means.remote.delete(fresh.id)
        self._sent()
        return self._post(change, marks, Status.REPLACED)

    def _intend(self, verb: Verb, attrs: Attrs, marks: tuple[str, ...]) -> None:
        self.means.journal.intent(verb, self.change, attrs=attrs, marks=marks)
        self.sending = verb

    def _sent(self) -> None:
        self.sending, self.wrote = None, True

    def _not_to_be_deleted(self, change: Delete | Replace, fresh: Live) -> Outcome | None:
        """Return the outcome where a bucket is not as planned, or a guard objects now; None where it may go."""
        same_items = fresh.facts.get("num") == change.live.facts.get("num")
        if not same_items or not _is_as_planned(change.live, fresh, tuple(change.live.attrs)):
            return Outcome(change, Status.STALE, _stale(fresh), fresh)
        objection = self._objection(replace(change, live=fresh))
        return Outcome(change, Status.REFUSED, objection, fresh) if objection else None

    def _objection(self, change: Update | Replace | Delete) -> Diagnostic | None:
        """Return what objects to a change right before it; what a bucket holds is counted anew."""
        evidence = self.means.evidence
        if not isinstance(change, Update):
            evidence = replace(evidence, contents={change.live.id: self.means.remote.contents(change.live)})
        return next((objection.diagnostic for objection in self.means.recheck(change, evidence)), None)


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


def does_not_show(found: Sequence[str]) -> Diagnostic:
    """Return the message for a bucket that does not read back as it was written."""
    detail = f"The server accepted the write, but the bucket reads back otherwise: {'; '.join(found)}."
    fix = "look at the bucket in the console; run plan to see what still differs."
    return Diagnostic(Severity.ERROR, "E505", "The change does not read back as wanted", detail, fix)


def _is_as_planned(planned: Live, fresh: Live, mentioned: Sequence[str]) -> bool:
    same = all(fresh.attrs.get(key) == planned.attrs.get(key) for key in mentioned)
    return same and fresh.marks == planned.marks


def _stale(fresh: Live | None) -> Diagnostic:
    detail = "It is gone." if fresh is None else "It is not as it was when this was planned."
    fix = "run plan again and look at what it says now."
    return Diagnostic(Severity.ERROR, "E506", "Changed by someone else since the plan", detail, fix)
