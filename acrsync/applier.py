"""Makes a plan so, one wave after another, and decides nothing: what to write and in which order is the plan's.

Effects go only through the Remote and the Journal it is given. Trouble stays with its bucket, except where going on
would be blind: no access, a wrong account, or three changes in a row without any answer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from acrsync.attempt import Attempt, Means, WrongAccount
from acrsync.diagnostics import Diagnostic, Severity
from acrsync.errors import AccessDenied, RemoteError
from acrsync.model import Live
from acrsync.outcome import WELL, Outcome, Status
from acrsync.plan import Create, Plan, Replace, Update, Work
from acrsync.visible import visible

SILENCES = 3  # changes in a row without any answer, after which nothing more is tried
POLL_S = 1.0  # between two looks at a list that may lag behind writes


class Clock(Protocol):
    """Time as an apply sees it, so that tests need not wait."""

    def now(self) -> float:
        """Return seconds that only grow."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait, at most that long: a first interrupt ends it."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """How an apply goes about it."""

    parallelism: int = 4
    settle_s: float = 30.0  # how long the list may lag behind writes


@dataclass(slots=True)
class Applier:
    """One apply of one plan."""

    plan: Plan
    means: Means
    clock: Clock
    stop: threading.Event  # set by the first interrupt: what is in flight finishes, nothing else begins
    known: set[int]  # ids that cannot be what an unknown create became: all that were listed before
    settings: Settings = field(default_factory=Settings)
    _halted: Diagnostic | None = None  # why nothing more is tried
    _silences: int = 0
    _ended_well: dict[int, bool] = field(default_factory=dict)  # by bucket id, its last change
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def outcomes(self) -> Iterator[Outcome]:
        """Apply the plan and yield the end of each change, in plan order, as soon as it is settled."""
        with ThreadPoolExecutor(self.settings.parallelism, thread_name_prefix="apply") as pool:
            for wave in self.plan.waves:
                yield from self._settled([pool.submit(self._try, change) for change in wave])

    def _settled(self, futures: Sequence[Future[Outcome]]) -> Iterator[Outcome]:
        """Yield outcomes in order; from the first unknown create on, when the whole wave has ended."""
        held: list[Outcome] = []
        for future in futures:
            outcome = future.result()
            if held or outcome.lost == "create":
                held.append(outcome)
            else:
                yield self._end(outcome)
        for outcome in self._resolved(held):
            yield self._end(outcome)

    def _end(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome.change, Create):
            self._ended_well[outcome.change.live.id] = outcome.status in WELL
        self.means.journal.outcome(outcome)
        return outcome

    def _try(self, change: Work) -> Outcome:
        if (reason := self._not_begun(change)) is not None:
            return Outcome(change, Status.SKIPPED, reason)
        attempt = Attempt(self.means, change)
        outcome = attempt.outcome()
        with self._lock:
            if outcome.live is not None:
                self.known.add(outcome.live.id)
            if isinstance(attempt.trouble, AccessDenied | WrongAccount):
                self._halted = attempt.trouble.diagnostic
            silent = isinstance(attempt.trouble, RemoteError) and attempt.trouble.status is None
            self._silences = self._silences + 1 if silent else 0
            if self._silences >= SILENCES and self._halted is None:
                detail = f"{SILENCES} changes in a row got no answer, so nothing more is sent."
                self._halted = _trouble("E504", "The API does not answer", detail, "run apply again when it does.")
        return outcome

    def _not_begun(self, change: Work) -> Diagnostic | None:
        """Return why a change is not to be begun, None where it may."""
        if self.stop.is_set():
            return _trouble("E501", "Interrupted before its turn", "Nothing was sent for it.", "run apply again.")
        if self._halted is not None:
            return self._halted
        if isinstance(change, Update) and not all(self._ended_well.get(needed, False) for needed in change.needs):
            detail = f"The name {visible(change.name)} was not given up by the bucket that bears it."
            return _trouble("E502", "The name is not free", detail, "see what became of that bucket.")
        return None

    def _resolved(self, held: list[Outcome]) -> list[Outcome]:
        """Find what unknown creates became, by listing, when no write is in flight. Nothing is sent again."""
        deadline = self.clock.now() + self.settings.settle_s
        while any(outcome.lost == "create" for outcome in held):
            try:
                rows = self.means.remote.observe().rows
            except RemoteError:
                rows = ()
            held = [self._adopted(outcome, rows) for outcome in held]
            if self.clock.now() >= deadline or self.stop.is_set():
                break
            if any(outcome.lost == "create" for outcome in held):
                self.clock.wait(POLL_S)
        return held

    def _adopted(self, outcome: Outcome, rows: Sequence[Live]) -> Outcome:
        """Adopt the one new bucket that has the name, region, type and account of an unknown create."""
        change = outcome.change
        if outcome.lost != "create" or not isinstance(change, Create | Replace):
            return outcome
        found = [
            row
            for row in rows
            if row.id not in self.known
            and all(row.attrs.get(key) == change.desired.attrs[key] for key in ("name", "region", "type"))
            and (self.plan.uid is None or row.uid in (self.plan.uid, None))
        ]
        if len(found) != 1:
            return outcome
        self.known.add(found[0].id)
        status = Status.ADOPTED if isinstance(change, Create) else Status.REPLACED
        return Outcome(change, status, live=found[0], wrote=True)


def _trouble(code: str, summary: str, detail: str, fix: str) -> Diagnostic:
    return Diagnostic(Severity.ERROR, code, summary, detail, fix)
