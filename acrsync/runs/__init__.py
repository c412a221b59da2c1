"""What runs did and may still be going on, known to every later run: one object, opened once, for plan and apply.

`take` waits until nobody else holds the account and nothing of earlier runs can land any more, then the caller lists
and plans, and `begin` makes the account its own, or says that somebody was faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from acrsync.diagnostics import AcrsyncError, RemoteError
from acrsync.model import Attrs, Live
from acrsync.plan.changes import Work
from acrsync.plan.outcome import Outcome, Verb
from acrsync.runs.memory import Holder, Known
from acrsync.runs.record import Lines, Wanted

LANDING_S = 30.0  # so long may a request take to land after it was sent; no client can bound it


class Held(AcrsyncError):
    """E075: another run holds the account, and nothing was written to it."""


class LeaseLost(RemoteError):
    """E076: this run may not write any more, as another one may by now. This write was not sent."""


class Moved(AcrsyncError):
    """E077: another run was faster; what was listed and planned does not count any more."""


class Run(Protocol):
    """The journal of one apply."""

    id: str
    where: str  # its record, for people

    def intent(self, verb: Verb, change: Work, *, attrs: Attrs, marks: tuple[str, ...]) -> None:
        """Record a write that is about to be sent; returns when that cannot be lost any more."""
        ...

    def outcome(self, outcome: Outcome) -> None:
        """Record how a change ended, the last time for good. Raises nothing: an outcome that is missing is unknown."""
        ...

    def last_look(self) -> None:
        """Return if this run may still write, right before the first byte of a write's body is sent.

        Raises: LeaseLost, and then nothing may be sent.
        """
        ...

    def end(self, *, exit_code: int, verified: bool, rows: Sequence[Live] | None, managed: Mapping[int, str]) -> None:
        """Record the end, with what the final list (None: there is none) settles of earlier runs, and give way.

        Raises: AcrsyncError if that cannot be kept; the run then counts as one that crashed.
        """
        ...


class Runs(Protocol):
    """The memory of runs in one account."""

    where: str

    def look(self) -> Known:
        """Return what is known now. Never writes, never waits."""
        ...

    def take(self, *, lock_timeout_s: float, tell: Callable[[str], object], landed: bool = True) -> Known:
        """Return what is known when nobody else holds the account and no request of an earlier run can land any more.

        Without `landed` only the first is waited for. Raises: Held. Waiting for a holder that crashed does not count
        against `lock_timeout_s`.
        """
        ...

    def begin(self, wanted: Wanted, *, rows: Sequence[Live]) -> Run:
        """Make the account this run's. `rows` were listed after `take`. Raises: Moved, AcrsyncError."""
        ...

    def settle(self, *, rows: Sequence[Live]) -> None:
        """Record what a list shows of earlier runs, where there is nothing to apply. Raises: Moved, AcrsyncError."""
        ...

    def history(self) -> Iterator[tuple[str, Lines]]:
        """Yield the id and lines of each run that is known of, oldest first. Raises: AcrsyncError."""
        ...

    def close(self, run_id: str, *, reason: str) -> None:
        """Give up by hand what a run left open, after `take`. Raises: AcrsyncError if there is no such open run."""
        ...

    def release(self) -> None:
        """Give way, whatever happened."""
        ...


def held(holder: Holder) -> Held:
    """Return the error for an account that another run holds."""
    return Held(
        "E075",
        f"It is {holder}. Nothing was written.",
        fix="wait for it to end, or wait longer with `--lock-timeout SECONDS`.",
    )
