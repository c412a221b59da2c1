"""Applies a plan, one wave after another. The plan decides what to write and in which order.

Effects go only through the given Remote and Run. An error stops only its change, except if it affects all of them: no
access, a wrong account, or three changes in a row without a response.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from acrsync.apply.attempt import Attempt, LostValues, WrongAccount, is_refusal
from acrsync.apply.gate import Gate
from acrsync.apply.names import FRESH_S, Names, takes_a_name
from acrsync.apply.patience import Patience, poll_until_settled
from acrsync.apply.settling import Ended, settle
from acrsync.apply.terms import Seen, Settings
from acrsync.clock import Clock
from acrsync.diagnostics import AccessDenied, AcrsyncError, Diagnostic, IncompleteListing, RemoteError, error
from acrsync.model import Live
from acrsync.plan.changes import Create, Update, Work
from acrsync.plan.matching import describe
from acrsync.plan.outcome import WELL, Outcome, Status
from acrsync.remote import Remote
from acrsync.runs import LeaseLost, Run
from acrsync.visible import visible

SILENCES = 3  # changes in a row without a response, after which the apply stops
FORBIDDEN = 403  # unlike 401, this may be about one bucket only
DENIALS = 5  # forbidden changes in a row, after which the apply stops
ALLOWED_S = 5.0  # how long a list that could be read proves that the token is valid


@dataclass(slots=True)
class Applier:
    """One apply of one plan."""

    account: Remote
    run: Run
    seen: Seen
    clock: Clock
    stop: threading.Event  # set by the first interrupt: changes in progress finish, no other begins
    settings: Settings = field(default_factory=Settings)
    _names: Names = field(init=False)
    _gate: Gate = field(default_factory=Gate)
    _halted: Diagnostic | None = None  # why the apply stops
    _silences: int = 0
    _denials: int = 0
    _allowed_at: float | None = None  # when the token last read the list, after a 403
    _confirmed: bool = False  # whether a bucket of this account was seen
    _ended_well: dict[int, bool] = field(default_factory=dict)  # by bucket id, its last change
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        read_at = self.clock.now() if self.seen.read_at is None else self.seen.read_at
        self._names = Names(self.seen.snapshot, uid=self.seen.plan.uid, read_at=read_at)

    def outcomes(self) -> Iterator[Outcome]:
        """Apply the plan and yield the end of each change, in plan order, as soon as it is settled.

        If the caller stops iterating, changes that have not begun do not begin.
        """
        self._confirmed = self.seen.named
        pool = ThreadPoolExecutor(self.settings.parallelism)
        try:
            for wave in self.seen.plan.waves:
                yield from self._settled([pool.submit(self._try, change) for change in wave])
                self._halt_in_an_unknown_account()
        finally:
            pool.shutdown(cancel_futures=True)

    def _settled(self, futures: Sequence[Future[Ended]]) -> Iterator[Outcome]:
        """Yield outcomes in order. If one needs the list, yield it and those after it when the whole wave has ended."""
        held: list[Ended] = []
        for future in futures:
            ended = future.result()
            if held or ended.needs_list:
                held.append(ended)
            else:
                yield self._end(ended.outcome)
        for ended in self._resolved(held) if held else ():
            yield self._end(ended.outcome)

    def _end(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome.change, Create):
            self._ended_well[outcome.change.live.id] = outcome.status in WELL
        return outcome

    def _try(self, change: Work) -> Ended:
        if takes_a_name(change):
            self._see_names()
        with self._gate.passed():
            if (reason := self._not_begun(change)) is not None:
                return Ended(self._noted(Outcome(change, Status.SKIPPED, reason)))
            patience = Patience(self.clock, self.settings.settle_s)
            attempt = Attempt(self.account, self.run, self.seen, self._names, patience, self._gate, change)
            outcome = attempt.outcome()
            trouble = attempt.trouble
            if isinstance(trouble, AccessDenied) and self._stays_with_its_bucket(trouble):
                outcome = replace(outcome, diagnostic=_denied(outcome, trouble))
                trouble = None
            self._noted(outcome)
            self._take_into_account(outcome, trouble)
        return Ended(outcome, refused=_refused_with(attempt), expected=attempt.expected)

    def _take_into_account(self, outcome: Outcome, trouble: AcrsyncError | None) -> None:
        """Count failures, and stop the apply if the error concerns more than one bucket."""
        with self._lock:
            self._confirmed = self._confirmed or (outcome.live is not None and outcome.status is not Status.UNKNOWN)
            if isinstance(trouble, AccessDenied | WrongAccount | LeaseLost | LostValues):
                self._halted = trouble.diagnostic
            silent = isinstance(trouble, RemoteError) and trouble.status is None
            self._silences = self._silences + 1 if silent else 0
            if self._silences >= SILENCES and self._halted is None:
                detail = f"{SILENCES} changes in a row got no response, so nothing more is sent."
                self._halted = error("E504", detail, fix="run apply again when the server responds.")

    def _stays_with_its_bucket(self, trouble: AccessDenied) -> bool:
        """Return whether the token can still read the list, so that other buckets may be writable."""
        with self._lock:
            self._denials += 1
            if trouble.status != FORBIDDEN or self._halted is not None or self._denials > DENIALS:
                return False
            if self._allowed_at is None or self.clock.now() - self._allowed_at > ALLOWED_S:
                try:
                    self.account.observe()
                except IncompleteListing:  # the token could read it; it only changed in between
                    pass
                except RemoteError:
                    return False
                self._allowed_at = self.clock.now()
        return True

    def _see_names(self) -> None:
        """Read the list again, with no change in progress, if it is too old to show whether a name is free."""
        while self._is_old() and not self.stop.is_set() and self._halted is None:
            with self._gate.alone():
                if self._is_old():
                    read_at = self.clock.now()
                    try:
                        self._names.saw(self.account.observe(), read_at=read_at)
                    except RemoteError as e:
                        self._halted = e.diagnostic

    def _is_old(self) -> bool:
        return self.clock.now() - self._names.read_at > FRESH_S

    def _noted(self, outcome: Outcome) -> Outcome:
        """Record an outcome as soon as it is known. After a crash, the next run must find out unrecorded ones."""
        self.run.outcome(outcome)
        self._names.note(outcome)
        if outcome.wrote:
            self._denials = 0
        return outcome

    def _halt_in_an_unknown_account(self) -> None:
        """Stop the apply if neither the list nor the first create, a wave of its own, confirmed the account."""
        if self.seen.plan.uid is not None and not self._confirmed and self._halted is None:
            detail = f"No bucket showed that this is account {self.seen.plan.uid}, so nothing more is sent."
            fix = "read the outcome of the first create."
            self._halted = error("E513", detail, fix=fix)

    def _not_begun(self, change: Work) -> Diagnostic | None:
        """Return why a change must not begin, None if it may."""
        if self.stop.is_set():
            return error("E501", "Nothing was sent for this change.", fix="run apply again.")
        if self._halted is not None:
            return self._halted
        held = [needed for needed in self._needs(change) if not self._ended_well.get(needed)]
        if held:
            holders = ", ".join(describe(self.seen.rows[one]) for one in held if one in self.seen.rows) or "its bucket"
            detail = f"The name {visible(change.name)} is still in use by {holders}."
            return error("E502", detail, fix="check that bucket.")
        return None

    def _needs(self, change: Work) -> Sequence[int]:
        """Return the ids of the buckets that must have given up a name before a change can take it."""
        if isinstance(change, Update):
            return change.needs
        leaver = self.seen.leavers.of(change)
        return () if leaver is None else (leaver.live.id,)

    def _resolved(self, held: list[Ended]) -> list[Ended]:
        """Find in the list the outcomes that the responses do not prove. Nothing is sent again."""
        for _ in poll_until_settled(self.clock, settle_s=self.settings.settle_s):
            try:
                rows = self.account.observe().rows
            except AccessDenied as error:
                self._halted = error.diagnostic
                break
            except RemoteError:
                continue
            held = self._shown(held, rows)
            if self.stop.is_set() or not any(ended.needs_list for ended in held):
                break
        return held

    def _shown(self, held: Sequence[Ended], rows: Sequence[Live]) -> list[Ended]:
        """Return what the list shows of each of them. One bucket settles only one change."""
        shown = []
        for ended in held:
            found = settle(ended, rows, self.seen, made=self._names.made())
            if found.outcome is not ended.outcome:
                self._noted(found.outcome)
                self._confirmed = True
            shown.append(found)
        return shown


def _denied(outcome: Outcome, trouble: AccessDenied) -> Diagnostic:
    """Return the message for a change that the token may not make although it can read the list."""
    detail = f"{trouble.diagnostic.detail} The token can read the list of buckets, so the other changes continue."
    fix = f"use a token that may change {visible(outcome.change.name)}, or leave that bucket out of the manifest."
    return error("E518", detail, fix=fix)


def _refused_with(attempt: Attempt) -> int | None:
    """Return the status of a refusal after which the list may show that the write was carried out all the same."""
    trouble, looked_for = attempt.trouble, attempt.sending in ("create", "update")
    return trouble.status if looked_for and isinstance(trouble, RemoteError) and is_refusal(trouble) else None
