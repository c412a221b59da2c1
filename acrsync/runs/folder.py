"""Runs in a folder of this machine: a file for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from acrsync.clock import Clock
from acrsync.model import JSON
from acrsync.runs import Known, record
from acrsync.version import __version__


@dataclass(frozen=True, slots=True)
class FolderRuns:
    """The records in one folder of runs against one endpoint."""

    folder: Path
    endpoint: str
    clock: Clock
    tell: Callable[[str], object]

    def look(self, *, settle_s: float) -> Known:
        """Return what is left, as soon as the list must show all of it: else a create would be sent again."""
        runs = record.unfinished(self.folder, endpoint=self.endpoint)
        wrote_at = [run.last_write_at for run in runs if run.last_write_at is not None]
        if wrote_at:
            left_s = min(settle_s, settle_s - (self.clock.wall() - max(wrote_at)).total_seconds())
            if left_s > 0:
                self.tell(f"Waiting {left_s:.0f} s: an earlier run wrote something that the list may not show yet.")
                self.clock.wait(left_s)
        return Known(runs)

    def begin(self, plan: Mapping[str, JSON], *, uid: int | None) -> record.Record:
        journal = record.Record(self.folder)
        journal.begin(plan, endpoint=self.endpoint, uid=uid, version=__version__)
        return journal

    def close(self, known: Known, *, by: str) -> None:
        record.close(known.unfinished, by=by)
