"""What runs did, and what may still be in progress: one object, opened once, for plan and apply.

An apply first calls `wait_until_free`, which waits until no other run holds the account and no request of an earlier
run can arrive any longer. Then it lists and plans. Then it calls `begin`, which locks the account or raises `LostRace`.
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

LANDING_S = 30.0  # assumed upper limit for a request to arrive after it was sent; no client can enforce one


class Held(AcrsyncError):
    """E075: another run holds the account. Nothing was written."""


class LeaseLost(RemoteError):
    """E076: this run must stop writing, because another run may write now. This write was not sent."""


class LostRace(AcrsyncError):
    """E077: another run was faster. The list and the plan of this run are out of date."""


class Run(Protocol):
    """The journal of one apply."""

    id: str
    where: str  # the place of its record, for people

    @property
    def lines(self) -> Lines:
        """Everything that is recorded of it so far, also what could not be stored. Raises: AcrsyncError."""
        ...

    def intent(self, verb: Verb, change: Work, *, attrs: Attrs, marks: tuple[str, ...]) -> None:
        """Record a write that is about to be sent; return when the record is durable."""
        ...

    def outcome(self, outcome: Outcome) -> None:
        """Record the outcome of a change; the last one counts. Raises nothing: a missing outcome counts as unknown."""
        ...

    def before_write(self) -> None:
        """Check that this run may still write. Called right before the first byte of a write's body is sent.

        Raises: LeaseLost; then the write must not be sent.
        """
        ...

    def end(self, *, exit_code: int, verified: bool, rows: Sequence[Live] | None, managed: Mapping[int, str]) -> None:
        """Record the end and what the final list, if there is one, settles of earlier runs; free the account.

        Raises: AcrsyncError if the end cannot be recorded; the run then counts as crashed.
        """
        ...


class Runs(Protocol):
    """The runs of one account."""

    where: str

    def peek(self) -> Known:
        """Return what is known now. Does not write or wait."""
        ...

    def wait_until_free(
        self, *, lock_timeout_s: float, notify: Callable[[str], object], in_flight: bool = True
    ) -> Known:
        """Wait until no other run holds the account, then return what is known.

        With `in_flight`, also wait until no request of an earlier run can arrive any longer. The wait for a holder that
        crashed does not count against `lock_timeout_s`. Raises: Held.
        """
        ...

    def begin(self, wanted: Wanted, *, rows: Sequence[Live]) -> Run:
        """Lock the account. `rows` were listed after `wait_until_free`. Raises: LostRace, AcrsyncError."""
        ...

    def settle(self, *, rows: Sequence[Live]) -> None:
        """Record what a list shows of earlier runs, if there is nothing to apply. Raises: LostRace, AcrsyncError."""
        ...

    def history(self) -> Iterator[tuple[str, Lines]]:
        """Yield the id and lines of each known run, oldest first. Raises: AcrsyncError."""
        ...

    def close(self, run_id: str, *, reason: str) -> None:
        """Close a run that left something open, after `wait_until_free`. Raises: AcrsyncError if there is none."""
        ...

    def release(self) -> None:
        """Free the account, also after an error."""
        ...


def held(holder: Holder) -> Held:
    """Return the error for an account that another run holds."""
    return Held(
        "E075",
        f"It is {holder}. Nothing was written.",
        fix="wait for it to end, or wait longer with `--lock-timeout SECONDS`.",
    )


def lost_race(where: str) -> LostRace:
    """Return the error for runs that changed since they were read."""
    return LostRace("E077", f"Another run changed {where} in the meantime.")
