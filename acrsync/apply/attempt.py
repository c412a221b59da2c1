"""Carries out one change: reads the bucket again, writes once, checks the response.

Before each write to an existing bucket it is read. If it is as planned, it is written. If it is already as desired,
nothing is sent. Otherwise it is stale and left alone. A read may lag: a bucket counts as stale only if the list showed
the same, or if the time is over in which a read may lag.

The response to a create must show a new id and the name that was sent, the response to a rename that name. Otherwise
the list decides (`settling.py`). Other fields that were sent may show later.

A refusal alone proves nothing. If a proxy delivers a write twice, the first delivery may be carried out and the second
one refused, and the client gets the second response: 409, 422 or 400 because a name is taken or a state has changed,
404 or 410 because a bucket is gone, 401 or 403 because a token has ended or a server hides what is gone, 412 or 413
from the proxy. So after each refusal the bucket is read again before the write counts as not carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from acrsync.apply.comparing import (
    differences,
    is_as_planned,
    is_as_wanted,
    is_unchanged,
    lost_keys,
    lost_values,
    read_back_mismatch,
    shows,
    shows_before,
    stale,
)
from acrsync.apply.gate import Gate
from acrsync.apply.names import Names
from acrsync.apply.patience import Patience
from acrsync.apply.terms import Seen
from acrsync.diagnostics import AccessDenied, AcrsyncError, Diagnostic, RemoteError, error
from acrsync.model import Attrs, Live
from acrsync.plan.changes import Create, Delete, Replace, Update, Work
from acrsync.plan.guards import standing
from acrsync.plan.matching import cannot_be_read, describe
from acrsync.plan.outcome import Outcome, Status, Verb
from acrsync.plan.planner import stored_elsewhere
from acrsync.remote import Remote
from acrsync.runs import Run
from acrsync.visible import visible


@dataclass(slots=True)
class Attempt:
    """One change in progress. `outcome` returns its true end, also after an error."""

    account: Remote
    run: Run
    seen: Seen
    names: Names
    patience: Patience
    gate: Gate
    change: Work
    sending: Verb | None = None  # the write in progress, which may have reached the server
    wrote: bool = False
    answered: Live | None = None  # the bucket that the response to a write showed
    expected: Live | None = None  # the bucket as an update must leave it, with all fields that were not sent
    trouble: AcrsyncError | None = None

    def outcome(self) -> Outcome:
        """Carry out the change and return its outcome."""
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
        if change.name in self.seen.aliases:
            return Outcome(change, Status.FAILED, stored_elsewhere(change.desired, *self.seen.aliases[change.name]))
        there = self.names.of(change.name)
        if there is not None and is_as_wanted(there, change.desired.attrs, change.marks.add):
            return Outcome(change, Status.ALREADY, live=there)
        if there is not None:
            return Outcome(change, Status.STALE, stale(there), there)
        if taken := self._taken(change):
            return taken
        return self._post(change, change.marks.add, Status.CREATED)

    def _taken(self, change: Work, *, but: int | None = None) -> Outcome | None:
        """Return the outcome of a change whose name another bucket has now, None if the name is free."""
        taker = self.names.taker(change.name, but=but)
        if taker is None:
            return None
        detail = f"{visible(change.name)} is taken: {describe(taker)} has it now."
        fix = "run plan again and check its changes."
        return Outcome(change, Status.STALE, error("E502", detail, fix=fix), taker)

    def _post(self, change: Create | Replace, marks: tuple[str, ...], status: Status) -> Outcome:
        attrs = change.desired.attrs
        self._intend("create", attrs, marks)
        live = self.account.create(attrs, marks=marks)
        self._sent()
        known = self.names.has(live.id)
        if known or live.name != change.name:
            # Not a bucket that an undo could delete as created by this run.
            self.answered = None if known else live
            return Outcome(change, Status.UNKNOWN, _unproven(live), self.answered, wrote=True, lost="create")
        self.answered = live
        if self.seen.plan.uid is not None and live.uid not in (self.seen.plan.uid, None):
            detail = f"The server created it in account {live.uid}; this plan is for account {self.seen.plan.uid}."
            raise WrongAccount("E503", detail, fix="delete the bucket there, and use the token of the other account.")
        return Outcome(change, status, live=self._as_written(live, attrs, marks), wrote=True)

    def _as_written(self, answer: Live, wanted: Attrs, marks: tuple[str, ...]) -> Live:
        """Return a bucket that was just written: as it reads, or as it must read when nothing lags."""
        if not differences(answer, wanted, marks):
            return answer
        fresh = self._read_once(answer.id) or answer  # a response may be older than the write
        if not differences(fresh, wanted, marks):
            return fresh
        return replace(fresh, attrs={**fresh.attrs, **wanted}, marks=marks, unreadable={})

    def _update(self, change: Update) -> Outcome:
        desired = change.desired.attrs
        ends = (desired, self.seen.last_wanted[change.live.id])

        def already(live: Live) -> bool:
            marks = change.marks.applied_to(live.marks)
            return live.marks == marks and any(is_as_wanted(live, wanted, marks) for wanted in ends)

        def planned(live: Live) -> bool:
            return is_as_planned(change.live, live, tuple(desired))

        fresh = self._read(change.live.id, lambda live: already(live) or planned(live))
        if fresh is None:
            return Outcome(change, Status.STALE, stale(None))
        if already(fresh):
            return Outcome(change, Status.ALREADY, live=fresh)
        if not planned(fresh):
            return Outcome(change, Status.STALE, stale(fresh), fresh)
        if taken := self._taken(change, but=fresh.id) if "name" in change.fields else None:
            return taken
        if objection := self._objection(replace(change, live=fresh)):
            return Outcome(change, Status.REFUSED, objection, fresh)
        marks = change.marks.applied_to(fresh.marks)
        attrs = {key: desired[key] for key in change.fields}
        if marks != fresh.marks:
            if "labels" in fresh.unreadable:
                unreadable = cannot_be_read(fresh, ["labels"], span=change.desired.span)
                return Outcome(change, Status.FAILED, unreadable, fresh)
            attrs.setdefault("labels", fresh.attrs["labels"])
        return self._put(fresh, attrs, marks)

    def _put(self, fresh: Live, attrs: Attrs, marks: tuple[str, ...]) -> Outcome:
        """Send an update. If the response is unusable or a refusal, read the bucket to see the result."""
        self.expected = replace(fresh, attrs={**fresh.attrs, **attrs}, marks=marks)
        self._intend("update", attrs, marks)
        made = Status.UPDATED
        try:
            answer = self.account.update(fresh.id, attrs, marks=marks if "labels" in attrs else ())
        except RemoteError as trouble:
            if trouble.may_have_acted:
                answer = self._shown_after(trouble, fresh.id, attrs, marks)
            else:
                answer, made = self._made_all_the_same(trouble, fresh, attrs, marks), Status.ALREADY
        self._sent()
        outcome = self._updated(fresh, answer, attrs, marks)
        return replace(outcome, status=made) if outcome.status is Status.UPDATED else outcome

    def _shown_after(self, lost: RemoteError, bucket_id: int, attrs: Attrs, marks: tuple[str, ...]) -> Live:
        """Return the bucket if it shows an update without a usable response. Raises: `lost` if it does not."""
        if lost.status is None:  # without any response, a read would get none either
            raise lost
        try:
            shown = self._awaited(bucket_id, attrs, marks)
        except RemoteError:
            raise lost from None
        if shown is None:
            raise lost
        return shown

    def _awaited(self, bucket_id: int, attrs: Attrs, marks: tuple[str, ...]) -> Live | None:
        """Return the bucket as soon as it shows an update, None if it does not.

        Until then no other change begins: the server may change other fields in each of them, too. If one update of
        this run was never shown, the next ones are not waited for.
        """
        with self.gate.closed():
            for _ in self.patience.looks():
                shown = self.account.read(bucket_id)
                if shown is not None and shows(shown, attrs, marks):
                    return shown
                if self.gate.in_vain:
                    return None
            self.gate.in_vain = True
        return None

    def _made_all_the_same(self, refusal: RemoteError, fresh: Live, attrs: Attrs, marks: tuple[str, ...]) -> Live:
        """Return the bucket if it shows an update that was refused.

        Raises: the refusal, which may have acted unless the sent fields have their old values.
        """
        shown = self._after(refusal, fresh.id)
        if shown is not None:
            if shows(shown, attrs, marks):
                return shown
            if shows_before(shown, fresh, attrs):
                raise refusal
        refusal.may_have_acted = True
        raise refusal

    def _after(self, refusal: RemoteError, bucket_id: int) -> Live | None:
        """Return a bucket after a refused write, None if it is gone. Raises: the refusal."""
        if not is_refusal(refusal):
            raise refusal
        try:
            return self.account.read(bucket_id)
        except RemoteError as unread:
            # The token of the write is still not accepted, so the write was not either.
            refusal.may_have_acted = not refusal.status == unread.status == UNAUTHORIZED
            raise refusal from None

    def _updated(self, fresh: Live, answer: Live, attrs: Attrs, marks: tuple[str, ...]) -> Outcome:
        """Return the outcome of an update that got a response. Sent fields may lag; other fields must not change."""
        self.answered = answer
        wanted = {**fresh.attrs, **attrs}
        live = answer
        if differences(live, wanted, marks):
            live = self._read_again(fresh.id, answer, attrs, marks)
        if shows_before(live, fresh, attrs):  # both are older than the update
            with suppress(RemoteError):
                live = self._awaited(fresh.id, attrs, marks) or live
        if lost_keys(fresh, live, attrs):
            with self.gate.closed():  # the next update would lose the same values
                for _ in self.patience.looks():
                    live = self._read_again(fresh.id, live, attrs, marks)
                    if not lost_keys(fresh, live, attrs):
                        break
            if lost := lost_keys(fresh, live, attrs):
                self.trouble = LostValues("E516", lost_values(fresh, live, attrs, lost), fix=_LOST_FIX)
                return Outcome(self.change, Status.FAILED, self.trouble.diagnostic, live, wrote=True)
        if "name" in attrs and live.name != attrs["name"]:
            message = read_back_mismatch(differences(live, {"name": attrs["name"]}, live.marks))
            message = message if live.id == fresh.id else _unproven(live)
            return Outcome(self.change, Status.UNKNOWN, message, wrote=True, lost="update")
        return Outcome(self.change, Status.UPDATED, live=self._as_written(live, wanted, marks), wrote=True)

    def _read_again(self, bucket_id: int, known: Live, sent: Attrs, marks: tuple[str, ...]) -> Live:
        """Return a bucket as it reads now, or `known` if the read is older than the update."""
        shown = self._read_once(bucket_id)
        if shown is None or (shows(known, sent, marks) and not shows(shown, sent, marks)):
            return known
        return shown

    def _read_once(self, bucket_id: int) -> Live | None:
        """Return a bucket as it reads now; None if it is not shown or cannot be read."""
        try:
            return self.account.read(bucket_id)
        except AccessDenied:
            raise
        except RemoteError:
            return None

    def _read(self, bucket_id: int, fits: Callable[[Live], bool]) -> Live | None:
        """Read a bucket until it is as expected, or certainly not, or until nothing can lag."""
        for _ in self.patience.looks():
            fresh = self.account.read(bucket_id)
            if (fresh is not None and fits(fresh)) or self._is_certain(fresh, bucket_id):
                break
        return fresh

    def _is_certain(self, fresh: Live | None, bucket_id: int) -> bool:
        """Return whether a read is up to date: the list showed the same, or the bucket changed after the list."""
        if self.names.written(bucket_id) is not None:
            return False
        listed = self.seen.rows.get(bucket_id)
        if listed is None or fresh is None:
            return listed is None
        read, known = ((row.attrs, row.marks, row.facts.get("num")) for row in (fresh, listed))
        stamp, before = (str(row.facts.get("updated_at") or "") for row in (fresh, listed))
        # GUESS: an older copy of the bucket does not have a later timestamp.
        return read == known or (before != "" and stamp > before)

    def _delete(self, change: Delete) -> Outcome:
        fresh = self._read(change.live.id, lambda live: is_unchanged(change.live, live))
        if fresh is None:
            return Outcome(change, Status.ALREADY)
        if refused := self._not_to_be_deleted(change, fresh):
            return refused
        self._intend("delete", {}, ())
        status = self._delete_sent(fresh.id)
        return Outcome(change, status, wrote=True)

    def _delete_sent(self, bucket_id: int) -> Literal[Status.DELETED, Status.ALREADY]:
        """Send a delete, and return whether it is reported as done, or refused although the bucket is gone."""
        try:
            self.account.delete(bucket_id)
        except RemoteError as refusal:
            if self._after(refusal, bucket_id) is not None:
                raise
            self._sent()
            return Status.ALREADY
        self._sent()
        return Status.DELETED

    def _replace(self, change: Replace) -> Outcome:
        fresh = self._read(change.live.id, lambda live: is_unchanged(change.live, live))
        if fresh is None:
            there = self.names.of(change.name)
            done = there is not None and is_as_wanted(there, change.desired.attrs, change.marks.add)
            return Outcome(change, Status.ALREADY if done else Status.STALE, None if done else stale(None), there)
        if taken := self._taken(change, but=fresh.id) if "name" in change.fields else None:
            return taken
        if refused := self._not_to_be_deleted(change, fresh):
            return refused
        marks = change.marks.applied_to(fresh.marks)
        # The record has all attributes of the new bucket: if the run ends here, the next run can create it.
        self._intend("delete", change.desired.attrs, marks)
        self._delete_sent(fresh.id)
        if (left := self._left(fresh.id)) is not None:
            return Outcome(change, Status.UNKNOWN, _still_there(left), left, wrote=True, lost="delete")
        return self._post(change, marks, Status.REPLACED)

    def _left(self, bucket_id: int) -> Live | None:
        """Return a deleted bucket that is still shown when nothing can lag: the response was wrong."""
        left = None
        for _ in self.patience.looks():
            try:
                left = self.account.read(bucket_id)
            except RemoteError:  # also a refusal: a server may respond with 403 for a deleted bucket
                return None
            if left is None:
                break
        return left

    def _intend(self, verb: Verb, attrs: Attrs, marks: tuple[str, ...]) -> None:
        self.run.intent(verb, self.change, attrs=attrs, marks=marks)
        self.sending = verb

    def _sent(self) -> None:
        self.sending, self.wrote = None, True

    def _not_to_be_deleted(self, change: Delete | Replace, fresh: Live) -> Outcome | None:
        """Return the outcome if a bucket is not as planned, or a guard objects now; None if it may be deleted."""
        if not is_unchanged(change.live, fresh):
            return Outcome(change, Status.STALE, stale(fresh), fresh)
        objection = self._objection(replace(change, live=fresh))
        return Outcome(change, Status.REFUSED, objection, fresh) if objection else None

    def _objection(self, change: Update | Replace | Delete) -> Diagnostic | None:
        """Return the objection of a guard right before the change. The content of a bucket is counted again."""
        evidence = self.seen.evidence
        if not isinstance(change, Update):
            evidence = replace(evidence, contents={change.live.id: self.account.contents(change.live)})
        return next((o.diagnostic for o in standing(change, self.seen.plan.manifest, evidence)), None)


class WrongAccount(AcrsyncError):
    """A write reached another account than that of the plan: nothing more may be sent."""


class LostValues(AcrsyncError):
    """The server changed what an update did not send: nothing more may be sent."""


_LOST_FIX = "write the old values into the entry, or restore them in the console, before you apply anything else."


REFUSED = range(400, 500)
UNAUTHORIZED = 401
THROTTLED = 429  # sent before a server handles a write (GUESS)


def is_refusal(error: RemoteError) -> bool:
    """Return whether a server refused a write. An earlier delivery of the same write may have been carried out."""
    return not error.may_have_acted and error.status in REFUSED and error.status != THROTTLED


def _unproven(live: Live) -> Diagnostic:
    """Return the message for a response that does not show what was written."""
    detail = f"The response shows {describe(live)}, so the outcome of this change is unknown."
    return error("E430", detail, fix="run plan, which reads the account.")


def _still_there(live: Live) -> Diagnostic:
    """Return the message for a bucket that exists although the server reported its delete as done."""
    detail = f"The server reported the delete as done, but {describe(live)} still exists, so no new one was created."
    return error("E430", detail, fix="run plan, which reads the account.")
