"""Makes a plan so, one wave after another, and decides nothing: what to write and in which order is the plan's.

Effects go only through the Remote and the Journal it is given. Trouble stays with its bucket, except where going on
would be blind: no access, a wrong account, or three changes in a row without any answer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from acrsync.apply.attempt import Attempt, Seen, WrongAccount
from acrsync.clock import Clock
from acrsync.diagnostics import AccessDenied, Diagnostic, RemoteError, error
from acrsync.model import Live
from acrsync.plan.changes import Create, Replace, Update, Work
from acrsync.plan.outcome import WELL, Outcome, Status
from acrsync.plan.ownership import is_own
from acrsync.remote import Remote
from acrsync.runs import LANDING_S, LeaseLost, Run
from acrsync.visible import visible

SILENCES = 3  # changes in a row without any answer, after which nothing more is tried
POLL_S = 1.0  # between two looks at a list that may lag behind writes


@dataclass(frozen=True, slots=True)
class Settings:
    """How an apply goes about it."""

    parallelism: int = 4
    settle_s: float = 30.0  # how long the list may lag behind writes
    landing_s: float = LANDING_S  # how long a request may take to land after it was sent
    lock_timeout_s: float = 300.0  # how long to wait for another apply


DEFAULTS = Settings()


@dataclass(slots=True)
class Applier:
    """One apply of one plan."""

    account: Remote
    run: Run
    seen: Seen
    clock: Clock
    stop: threading.Event  # set by the first interrupt: what is in flight finishes, nothing else begins
    settings: Settings = field(default_factory=Settings)
    _halted: Diagnostic | None = None  # why nothing more is tried
    _silences: int = 0
    _confirmed: bool = False  # that a bucket of this account was seen
    _ended_well: dict[int, bool] = field(default_factory=dict)  # by bucket id, its last change
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def outcomes(self) -> Iterator[Outcome]:
        """Apply the plan and yield the end of each change, in plan order, as soon as it is settled.

        A caller that stops asking stops the apply: what has not begun is not begun any more.
        """
        self._confirmed = bool(self.seen.named)
        pool = ThreadPoolExecutor(self.settings.parallelism)
        try:
            for wave in self.seen.plan.waves:
                yield from self._settled([pool.submit(self._try, change) for change in wave])
                self._halt_in_an_unknown_account()
        finally:
            pool.shutdown(cancel_futures=True)

    def _settled(self, futures: Sequence[Future[Outcome]]) -> Iterator[Outcome]:
        """Yield outcomes in order; from the first unknown create on, when the whole wave has ended."""
        held: list[Outcome] = []
        for future in futures:
            outcome = future.result()
            if held or outcome.lost == "create":
                held.append(outcome)
            else:
                yield self._end(outcome)
        for outcome in self._resolved(held) if held else ():
            yield self._end(outcome)

    def _end(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome.change, Create):
            self._ended_well[outcome.change.live.id] = outcome.status in WELL
        return outcome

    def _try(self, change: Work) -> Outcome:
        if (reason := self._not_begun(change)) is not None:
            return self._noted(Outcome(change, Status.SKIPPED, reason))
        attempt = Attempt(self.account, self.run, self.seen, change)
        outcome = self._noted(attempt.outcome())
        with self._lock:
            self._confirmed = self._confirmed or outcome.live is not None
            if isinstance(attempt.trouble, AccessDenied | WrongAccount | LeaseLost):
                self._halted = attempt.trouble.diagnostic
            silent = isinstance(attempt.trouble, RemoteError) and attempt.trouble.status is None
            self._silences = self._silences + 1 if silent else 0
            if self._silences >= SILENCES and self._halted is None:
                detail = f"{SILENCES} changes in a row got no answer, so nothing more is sent."
                self._halted = error("E504", detail, fix="run apply again when it does.")
        return outcome

    def _noted(self, outcome: Outcome) -> Outcome:
        """Record an outcome as soon as it is known: what a crash finds unrecorded, the next run must ask about."""
        self.run.outcome(outcome)
        return outcome

    def _halt_in_an_unknown_account(self) -> None:
        """End the run where no bucket of ours was listed and the first create, which goes alone, showed no account."""
        if self.seen.plan.uid is not None and not self._confirmed and self._halted is None:
            detail = f"No bucket showed that this is account {self.seen.plan.uid}, so nothing more is sent."
            fix = "see what became of the first create."
            self._halted = error("E513", detail, fix=fix)

    def _not_begun(self, change: Work) -> Diagnostic | None:
        """Return why a change is not to be begun, None where it may."""
        if self.stop.is_set():
            return error("E501", "Nothing was sent for it.", fix="run apply again.")
        if self._halted is not None:
            return self._halted
        if isinstance(change, Update) and not all(self._ended_well.get(needed) for needed in change.needs):
            detail = f"The name {visible(change.name)} was not given up by the bucket that bears it."
            return error("E502", detail, fix="check that bucket.")
        return None

    def _resolved(self, held: list[Outcome]) -> list[Outcome]:
        """Find what unknown creates became, by listing, when no write is in flight. Nothing is sent again."""
        for _ in poll_until_settled(self.clock, settle_s=self.settings.settle_s):
            try:
                rows = self.account.observe().rows
            except AccessDenied as error:
                self._halted = error.diagnostic
                break
            except RemoteError:
                continue
            held = [self._adopted(outcome, rows) for outcome in held]
            if self.stop.is_set() or not any(outcome.lost == "create" for outcome in held):
                break
        return held

    def _adopted(self, outcome: Outcome, rows: Sequence[Live]) -> Outcome:
        """Adopt the one new bucket that has the name, region, type and account of an unknown create."""
        change = outcome.change
        if outcome.lost != "create" or not isinstance(change, Create | Replace):
            return outcome
        found = [
            row
            for row in rows
            if row.id not in self.seen.listed
            and all(row.attrs.get(key) == change.desired.attrs[key] for key in ("name", "region", "type"))
            and is_own(row, self.seen.plan.uid)
        ]
        if len(found) != 1:
            return outcome
        self._confirmed = True
        status = Status.ADOPTED if isinstance(change, Create) else Status.REPLACED
        return self._noted(Outcome(change, status, live=found[0], wrote=True))


def poll_until_settled(clock: Clock, *, settle_s: float) -> Iterator[None]:
    """Yield for each look at a list that lags: now, each second, and last when the time is over or interrupted."""
    deadline = clock.now() + settle_s
    yield
    more = True
    while more:
        left_s = deadline - clock.now()
        more = clock.wait(max(0.0, min(POLL_S, left_s))) and left_s > POLL_S
        yield
