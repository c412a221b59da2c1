"""What a report must know beyond the plan: the facts of the run that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from acrsync import __version__
from acrsync.diagnostics import Diagnostic
from acrsync.outcome import ExitCode, Outcome


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the program, as far as it has come."""

    timestamp: datetime  # with a time zone
    exit_code: ExitCode
    requests: Mapping[str, int] = field(default_factory=dict)  # how many were sent, by method
    diagnostics: tuple[Diagnostic, ...] = ()  # of the run itself: those of a plan stand in the plan
    outcomes: tuple[Outcome, ...] | None = None  # None where the run did not set out to apply
    verified: bool = False  # the account was observed after the last write and reads as planned
    version: str = __version__
