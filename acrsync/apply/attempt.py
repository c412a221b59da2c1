"""Carries out one change: reads the bucket again, writes once, looks at the answer.

Each write to a bucket that exists is preceded by a read of it: as planned, it is written; already as wanted, nothing
is; otherwise it is stale and left alone. What is read may lag behind what is: nothing is called stale before the list
said the same, or the time is over in which it may lag.

What an answer proves: of a create, that its bucket was not there before and has the name that was sent; of a rename,
that the bucket has that name. Else the list is asked (`settling.py`). What else was sent may show later.

A refusal proves nothing by itself. A write that was delivered twice on its way may be carried out the first time and
refused the second time, with the answer of that second time: 409, 422 or 400 because a name is taken or a state has
changed, 404 or 410 because a bucket is gone, 403 because a server tells nobody what is gone, 412 or 413 from a proxy in
between. So after every refusal the bucket is read once more before its write is called not made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, assert_never

from acrsync.apply.gate import Gate
from acrsync.apply.names import Names
from acrsync.apply.patience import Patience
from acrsync.bucket import FIELDS
from acrsync.diagnostics import AccessDenied, AcrsyncError, Diagnostic, RemoteError, error
from acrsync.model import Attrs, Evidence, Live, Snapshot
from acrsync.plan.changes import Create, Delete, Replace, Update, Work
from acrsync.plan.document import Plan
from acrsync.plan.guards import standing
from acrsync.plan.matching import cannot_be_read, describe
from acrsync.plan.order import Leavers
from acrsync.plan.outcome import Outcome, Status, Verb
from acrsync.plan.ownership import is_own
from acrsync.plan.planner import stored_elsewhere
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
    read_at: float | None = None  # when the reading of the list began, by the clock; None: just now

    @cached_property
    def rows(self) -> Mapping[int, Live]:
        """What was listed before the first write, by id."""
        return {row.id: row for row in self.snapshot.rows}

    @property
    def listed(self) -> frozenset[int]:
        """Ids that were listed before the first write, so none of them is what this run creates."""
        return frozenset(self.rows)

    @cached_property
    def named(self) -> bool:
        """Whether a bucket of ours was listed."""
        return any(is_own(row, self.plan.uid) for row in self.snapshot.rows)

    @cached_property
    def last_wanted(self) -> Mapping[int, Attrs]:
        """What the last update of a bucket wants, by its id: a swap takes two."""
        return {change.live.id: change.desired.attrs for change in self.plan.work if isinstance(change, Update)}

    @cached_property
    def leavers(self) -> Leavers:
        """What gives up which name."""
        return Leavers(self.plan.work)

    @cached_property
    def aliases(self) -> Mapping[str, tuple[int, str]]:
        """Entries that the server stored under another name, with its id and name."""
        return self.known.earlier(self.snapshot.rows).aliases


@dataclass(slots=True)
class Attempt:
    """One change on its way; `outcome` tells the truth also where it ended in trouble."""

    account: Remote
    run: Run
    seen: Seen
    names: Names
    patience: Patience
    gate: Gate
    change: Work
    sending: Verb | None = None  # the write that is under way, so may have reached the server
    wrote: bool = False
    answered: Live | None = None  # what the server said that it made of a write
    expected: Live | None = None  # the bucket as an update must leave it, with all that was not sent
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
        """Return the outcome of a change whose name another bucket has by now, None if it is free."""
        taker = self.names.taker(change.name, but=but)
        if taker is None:
            return None
        detail = f"{visible(change.name)} is taken: {describe(taker)} is there by now."
        fix = "run plan again and look at what it says now."
        return Outcome(change, Status.STALE, error("E502", detail, fix=fix), taker)

    def _post(self, change: Create | Replace, marks: tuple[str, ...], status: Status) -> Outcome:
        attrs = change.desired.attrs
        self._intend("create", attrs, marks)
        live = self.account.create(attrs, marks=marks)
        self._sent()
        known = self.names.has(live.id)
        if known or live.name != change.name:
            # Nothing that an undo could take for what this run made.
            self.answered = None if known else live
            return Outcome(change, Status.UNKNOWN, _unproven(live), self.answered, wrote=True, lost="create")
        self.answered = live
        if self.seen.plan.uid is not None and live.uid not in (self.seen.plan.uid, None):
            detail = f"The server created it in account {live.uid}; this plan is for account {self.seen.plan.uid}."
            raise WrongAccount("E503", detail, fix="delete it there, and use the other token.")
        return Outcome(change, status, live=self._as_written(live, attrs, marks), wrote=True)

    def _as_written(self, answer: Live, wanted: Attrs, marks: tuple[str, ...]) -> Live:
        """Return a bucket that was just written: as it is shown, or as it must be shown when nothing lags any more."""
        if not differences(answer, wanted, marks):
            return answer
        fresh = self._read_once(answer.id) or answer  # an answer may be older than what was written
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
            return _is_as_planned(change.live, live, tuple(desired))

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
                told = cannot_be_read(fresh, ["labels"], span=change.desired.span)
                return Outcome(change, Status.FAILED, told, fresh)
            attrs.setdefault("labels", fresh.attrs["labels"])
        return self._put(fresh, attrs, marks)

    def _put(self, fresh: Live, attrs: Attrs, marks: tuple[str, ...]) -> Outcome:
        """Send an update; if no usable answer comes, or a refusal, read the bucket to see the result."""
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
        """Return a bucket that shows an update without a usable answer. Raises: `lost` if it does not show it."""
        if lost.status is None:  # without any answer, a read would get none either
            raise lost
        try:
            shown = self.account.read(bucket_id)
        except RemoteError:
            raise lost from None
        if shown is None or not _shows(shown, attrs, marks):
            raise lost
        return shown

    def _made_all_the_same(self, refusal: RemoteError, fresh: Live, attrs: Attrs, marks: tuple[str, ...]) -> Live:
        """Return a bucket that is as an update, which was refused, wants it.

        Raises: the refusal; it may have acted, unless what was sent is shown as before.
        """
        shown = self._after(refusal, fresh.id)
        if shown is not None:
            marks_of = (marks, fresh.marks) if "labels" in attrs else (shown.marks, shown.marks)
            if not differences(shown, attrs, marks_of[0]):
                return shown
            if not differences(shown, {key: fresh.attrs.get(key) for key in attrs}, marks_of[1]):
                raise refusal
        refusal.may_have_acted = True
        raise refusal

    def _after(self, refusal: RemoteError, bucket_id: int) -> Live | None:
        """Return what a bucket is after a refusal of a write to it, None if it is gone. Raises: the refusal."""
        if not is_refusal(refusal):
            raise refusal
        try:
            return self.account.read(bucket_id)
        except RemoteError:
            refusal.may_have_acted = True
            raise refusal from None

    def _updated(self, fresh: Live, answer: Live, attrs: Attrs, marks: tuple[str, ...]) -> Outcome:
        """Return the outcome of an update that was answered. What was sent may lag; what was not sent must stay."""
        self.answered = answer
        wanted = {**fresh.attrs, **attrs}
        live = answer
        if differences(live, wanted, marks):
            live = self._read_again(fresh.id, answer, attrs, marks)
        if _lost(fresh, live, attrs):
            with self.gate.closed():  # what one update lost, the next would lose, too
                for _ in self.patience.looks():
                    live = self._read_again(fresh.id, live, attrs, marks)
                    if not _lost(fresh, live, attrs):
                        break
            if lost := _lost(fresh, live, attrs):
                self.trouble = LostValues("E516", _told_of(fresh, live, attrs, lost), fix=_LOST_FIX)
                return Outcome(self.change, Status.FAILED, self.trouble.diagnostic, live, wrote=True)
        if "name" in attrs and live.name != attrs["name"]:
            told = read_back_mismatch(differences(live, {"name": attrs["name"]}, live.marks))
            told = told if live.id == fresh.id else _unproven(live)
            return Outcome(self.change, Status.UNKNOWN, told, wrote=True, lost="update")
        return Outcome(self.change, Status.UPDATED, live=self._as_written(live, wanted, marks), wrote=True)

    def _read_again(self, bucket_id: int, known: Live, sent: Attrs, marks: tuple[str, ...]) -> Live:
        """Return a bucket as it is shown now; as it is known, if what is shown is older than what was sent."""
        shown = self._read_once(bucket_id)
        if shown is None or (_shows(known, sent, marks) and not _shows(shown, sent, marks)):
            return known
        return shown

    def _read_once(self, bucket_id: int) -> Live | None:
        """Return a bucket as it is shown now; None if it is not, or if that could not be asked."""
        try:
            return self.account.read(bucket_id)
        except AccessDenied:
            raise
        except RemoteError:
            return None

    def _read(self, bucket_id: int, fits: Callable[[Live], bool]) -> Live | None:
        """Read a bucket until it is as expected, or certainly is not, or nothing can lag any more."""
        for _ in self.patience.looks():
            fresh = self.account.read(bucket_id)
            if (fresh is not None and fits(fresh)) or self._is_certain(fresh, bucket_id):
                break
        return fresh

    def _is_certain(self, fresh: Live | None, bucket_id: int) -> bool:
        """Tell whether a bucket is shown as it is: the list showed the same, or it changed after the list was read."""
        if self.names.written(bucket_id) is not None:
            return False
        listed = self.seen.rows.get(bucket_id)
        if listed is None or fresh is None:
            return listed is None
        shown, told = ((row.attrs, row.marks, row.facts.get("num")) for row in (fresh, listed))
        stamp, before = (str(row.facts.get("updated_at") or "") for row in (fresh, listed))
        # GUESS: a later stamp is not shown by an older copy of the bucket.
        return shown == told or (before != "" and stamp > before)

    def _delete(self, change: Delete) -> Outcome:
        fresh = self._read(change.live.id, lambda live: _is_unchanged(change.live, live))
        if fresh is None:
            return Outcome(change, Status.ALREADY)
        if refused := self._not_to_be_deleted(change, fresh):
            return refused
        self._intend("delete", {}, ())
        status = self._delete_sent(fresh.id)
        return Outcome(change, status, wrote=True)

    def _delete_sent(self, bucket_id: int) -> Literal[Status.DELETED, Status.ALREADY]:
        """Send a delete, and return whether it was answered as done, or refused and the bucket is gone all the same."""
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
        fresh = self._read(change.live.id, lambda live: _is_unchanged(change.live, live))
        if fresh is None:
            there = self.names.of(change.name)
            done = there is not None and is_as_wanted(there, change.desired.attrs, change.marks.add)
            return Outcome(change, Status.ALREADY if done else Status.STALE, None if done else stale(None), there)
        if taken := self._taken(change, but=fresh.id) if "name" in change.fields else None:
            return taken
        if refused := self._not_to_be_deleted(change, fresh):
            return refused
        marks = change.marks.applied_to(fresh.marks)
        # Recorded with all properties of the new bucket: if the run ends here, the next one can still create it.
        self._intend("delete", change.desired.attrs, marks)
        self._delete_sent(fresh.id)
        if (left := self._left(fresh.id)) is not None:
            return Outcome(change, Status.UNKNOWN, _still_there(left), left, wrote=True, lost="delete")
        return self._post(change, marks, Status.REPLACED)

    def _left(self, bucket_id: int) -> Live | None:
        """Return a deleted bucket that is still shown when nothing can lag any more: its answer was not true."""
        left = None
        for _ in self.patience.looks():
            try:
                left = self.account.read(bucket_id)
            except RemoteError:  # even a refusal: a server may answer 403 for a bucket that is gone
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
        """Return the outcome if a bucket is not as planned, or a guard objects now; None if it can go on."""
        if not _is_unchanged(change.live, fresh):
            return Outcome(change, Status.STALE, stale(fresh), fresh)
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


class LostValues(AcrsyncError):
    """The server changed what an update did not send: nothing more may be sent."""


_LOST_FIX = "write the old values into the entry, or restore them in the console, before you apply anything else."


REFUSED = range(400, 500)
# Answered before anything is looked at: a bad token, of every delivery; too many requests (GUESS), of none that counts.
NOT_LOOKED_AT = (401, 429)


def is_refusal(error: RemoteError) -> bool:
    """Tell whether a server said no to a write, which may have been carried out when it was delivered before."""
    return not error.may_have_acted and error.status in REFUSED and error.status not in NOT_LOOKED_AT


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


def _shows(live: Live, sent: Attrs, marks: tuple[str, ...]) -> bool:
    """Tell whether a bucket has all that an update sent; marks go with the labels."""
    return not differences(live, sent, marks if "labels" in sent else live.marks)


def _lost(before: Live, after: Live, sent: Attrs) -> tuple[str, ...]:
    """Return the keys that were not sent and have another value now; marks go with the labels."""
    keys = [key for key in FIELDS if key not in sent and before.attrs.get(key) != after.attrs.get(key)]
    if "labels" not in sent and "labels" not in keys and before.marks != after.marks:
        keys.append("labels")
    return tuple(key for key in keys if key not in before.unreadable)


def _told_of(before: Live, after: Live, sent: Attrs, lost: Sequence[str]) -> str:
    was = {key: [*before.attrs["labels"], *before.marks] if key == "labels" else before.attrs.get(key) for key in lost}
    now = {key: [*after.attrs.get(key, ()), *after.marks] if key == "labels" else after.attrs.get(key) for key in lost}
    told = "; ".join(f"{key} was {visible(repr(was[key]))} and is {visible(repr(now[key]))}" for key in lost)
    return (
        f"The update of {describe(after)} sent {', '.join(sent)}, and changed more: {told}. Nothing further is started."
    )


def _unproven(live: Live) -> Diagnostic:
    """Return the message for an answer that does not show what was written."""
    detail = f"The answer shows {describe(live)}, so it does not say what became of this change."
    return error("E430", detail, fix="run plan, which looks at the account itself.")


def _still_there(live: Live) -> Diagnostic:
    """Return the message for a bucket that is there although its delete was answered as done."""
    detail = f"The delete was answered as done, and {describe(live)} is still there, so no new one was created."
    return error("E430", detail, fix="run plan, which looks at the account itself.")


def _is_unchanged(planned: Live, fresh: Live) -> bool:
    same_items = fresh.facts.get("num") == planned.facts.get("num")
    return same_items and _is_as_planned(planned, fresh, tuple(planned.attrs))


def _is_as_planned(planned: Live, fresh: Live, mentioned: Sequence[str]) -> bool:
    same = all(fresh.attrs.get(key) == planned.attrs.get(key) for key in mentioned)
    return same and fresh.marks == planned.marks


def stale(fresh: Live | None) -> Diagnostic:
    """Return the message for a bucket that someone else changed or deleted."""
    detail = "It is gone." if fresh is None else "It is not as it was when this was planned."
    fix = "run plan again and look at what it says now."
    return error("E506", detail, fix=fix)
