"""Runs that did not end verified: named, waited for, and taken into account by the next plan."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from acrsync.cli import output
from acrsync.diagnostics import Diagnostic, Severity
from acrsync.planner import Lost

if TYPE_CHECKING:
    from acrsync import record


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is left of earlier runs against one endpoint."""

    runs: tuple[record.Unfinished, ...] = ()

    def of(self, uid: int | None) -> Earlier:
        """Return those of one account, and those of which the account is not known."""
        return Earlier(tuple(run for run in self.runs if uid is None or run.uid in (uid, None)))

    @property
    def told(self) -> tuple[Diagnostic, ...]:
        """What people must know of them."""
        return tuple(map(_told, self.runs))

    @property
    def lost(self) -> Mapping[str, Lost]:
        """What replacements deleted and did not create again, by name."""
        return {name: lost for run in self.runs for name, lost in run.lost.items()}


def earlier(records: Path, *, endpoint: str, settle_s: float) -> Earlier:
    """Return what is left, when the list must show all that those runs wrote: else a create would be sent again."""
    if not records.is_dir():  # a first run, or a fresh runner: nothing to load
        return Earlier()
    from acrsync import record

    runs = record.unfinished(records, endpoint=endpoint)
    wrote_at = [run.last_write_at for run in runs if run.last_write_at is not None]
    if wrote_at:
        left_s = min(settle_s, settle_s - (datetime.now(UTC) - max(wrote_at)).total_seconds())
        if left_s > 0:
            output.say(f"Waiting {left_s:.0f} s: an earlier run wrote something that the list may not show yet.")
            time.sleep(left_s)
    return Earlier(runs)


def _told(run: record.Unfinished) -> Diagnostic:
    words = {"open": "without a known end"}
    found = ", ".join(f"{count} {words.get(status, status)}" for status, count in sorted(run.counts.items()))
    how = "was cut off" if run.crashed else "did not end verified"
    detail = (
        f"Run {run.id} {how}; changes: {found or 'none begun'}. This plan takes it into account, and an apply that "
        f"ends verified closes its record, {run.path}."
    )
    return Diagnostic(Severity.HINT, "H511", "An earlier run is unfinished", detail)
