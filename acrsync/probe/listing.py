"""Readings of the bucket list after writes: how long the list takes to show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from acrsync.clock import Clock
from acrsync.model import JSON
from acrsync.probe.evidence import Evidence, Reading, Series, id_of
from acrsync.probe.wire import Answer, Wire

CACHED_S = 10.0  # how long a cached page is requested again
STEP_S = 0.25  # between two readings of a list that lags by whole seconds


@dataclass(slots=True)
class Listing:
    """Reads the list, each time with a new page size, so that no cache of pages answers."""

    wire: Wire
    clock: Clock
    evidence: Evidence
    timeout_s: float

    def page(self) -> Answer:
        return self.wire.get("/buckets", page=1, per_page=self.wire.fresh_size())

    def is_prompt(self) -> bool:
        """Return whether no reading of the list was late so far."""
        return all(reading.shows for series in self.evidence.lists for reading in series.readings)

    def shows_creates(self) -> bool:
        return any(series.write == "create" and series.late >= 0 for series in self.evidence.lists)

    def watch(self, write: str, written: Answer, bucket_id: int, *, name: str = "", skip_ahead: bool = False) -> None:
        """Read the list until it shows a write, and twice more.

        `skip_ahead`: start when the first write of this kind was still late, and read in small steps from there.
        """
        readings: list[Reading] = []
        earlier = [series for series in self.evidence.lists if series.write == write and series.late > 0]
        if skip_ahead and earlier:
            late = earlier[0].readings[earlier[0].late - 1].answer
            late_s = late.begun - earlier[0].written.ended
            self.wire.wait(max(0.0, late_s - (self.clock.wall().timestamp() - written.ended)))
        step_s, waited_s, more = STEP_S, 0.0, 2
        while more >= 0 and waited_s <= self.timeout_s:
            answer = self.page()
            row = next((row for row in answer.rows or () if id_of(row) == bucket_id), None)
            shows = (row is None) if write == "delete" else row is not None and name in ("", row.get("name"))
            readings.append(Reading(answer, shows))
            if any(reading.shows for reading in readings):
                more -= 1
                continue
            waited_s += step_s
            if not self.wire.wait(step_s):
                break
            step_s = step_s if skip_ahead else min(step_s * 2, 4.0)
        self.evidence.lists.append(Series(write, written, tuple(readings)))

    def settled(self, bucket_id: int | None, name: str) -> bool:
        """Wait until two readings in a row show this name, so that no earlier write is pending."""
        if self.is_prompt():
            return True
        shown, waited_s = 0, 0.0
        while shown < 2 and waited_s < self.timeout_s:  # noqa: PLR2004
            rows = self.page().rows or ()
            shows = any(id_of(row) == bucket_id and row.get("name") == name for row in rows)
            shown = shown + 1 if shows else 0
            if not shows:
                waited_s += 2 * STEP_S
                self.wire.wait(2 * STEP_S)
        return shown > 1

    def repeat(self, query: Mapping[str, JSON], bucket_id: int) -> list[Answer]:
        """Repeat a query until it shows a bucket, and another total than the first time, or for `CACHED_S`."""
        answers = [self.wire.get("/buckets", **query)]
        total = _total(answers[0])
        for _ in range(int(CACHED_S / (2 * STEP_S))):
            shows = any(id_of(row) == bucket_id for row in answers[-1].rows or ())
            if shows and (len(answers) == 1 or _total(answers[-1]) != total):
                break
            self.wire.wait(2 * STEP_S)
            answers.append(self.wire.get("/buckets", **query))
        return answers


def _total(answer: Answer) -> JSON:
    return (answer.meta or {}).get("total")
