"""What runs did and what may still be going on: one object, opened once, that plan, apply and undo share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from acrsync.diagnostics import Diagnostic, error
from acrsync.model import JSON, Attrs
from acrsync.plan.changes import Work
from acrsync.plan.earlier import Earlier
from acrsync.plan.outcome import Outcome, Verb
from acrsync.runs.record import Unfinished


class Run(Protocol):
    """The record of one apply while it is written."""

    @property
    def id(self) -> str: ...

    @property
    def where(self) -> str:
        """Where the record is, for people."""
        ...

    def intent(self, verb: Verb, change: Work, *, attrs: Attrs, marks: tuple[str, ...]) -> None:
        """Record a write that is about to be sent; returns only when it cannot be lost any more."""
        ...

    def outcome(self, outcome: Outcome) -> None:
        """Record how a change ended; once more if a lost answer was settled later."""
        ...

    def end(self, *, exit_code: int, verified: bool, read_back: bool) -> None:
        """Record that the run ended by itself. `read_back`: it looked for everything that it wrote."""
        ...

    def close(self) -> None:
        """Let go of what holds the record open; called at the end, however the run ended."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """What is left of earlier runs."""

    unfinished: tuple[Unfinished, ...] = ()

    def of(self, uid: int | None) -> Known:
        """Return what is left of one account's runs, and of those whose account is not known."""
        return Known(tuple(run for run in self.unfinished if uid is None or run.uid in (uid, None)))

    @property
    def hints(self) -> tuple[Diagnostic, ...]:
        """What people must know of them."""
        return tuple(map(_hint, self.unfinished))

    @property
    def earlier(self) -> Earlier:
        """What shapes the next plan."""
        return Earlier(tuple(lost for run in self.unfinished for lost in run.lost))


class Runs(Protocol):
    """The memory of runs against one endpoint."""

    def look(self, *, settle_s: float) -> Known:
        """Return what is left, as soon as the list must show all that those runs wrote."""
        ...

    def begin(self, plan: Mapping[str, JSON], *, uid: int | None) -> Run:
        """Begin the record of an apply, with its plan as a document."""
        ...

    def close(self, known: Known, *, by: str) -> None:
        """Note that nothing is left of these runs."""
        ...


def _hint(run: Unfinished) -> Diagnostic:
    words = {"open": "without a known end"}
    found = ", ".join(f"{count} {words.get(status, status)}" for status, count in sorted(run.counts.items()))
    how = "was cut off" if run.crashed else "did not end verified"
    detail = (
        f"Run {run.id} {how}; changes: {found or 'none begun'}. This plan takes it into account, and an apply that "
        f"ends verified closes its record, {run.path}."
    )
    return error("H511", detail)
