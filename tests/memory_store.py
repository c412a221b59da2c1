"""A store in memory that keeps its promises and no more: it loses answers, and swaps land late or twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from acrsync.runs.store import NO_RECORDS, Conflict, Stored, Unanswered


@dataclass
class MemoryStore:
    """Any number of runners may hold the same one.

    `trouble` says what happens to the next swap: "" nothing, "before" (never arrives), "after" (the answer is lost),
    "late" (it lands with the next call, if its version still holds) or "twice" (delivered twice, the second answers).
    """

    where: str = "memory:"
    trouble: Callable[[], str] = lambda: ""
    stored: Stored | None = None
    records: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    late: list[Callable[[], str]] = field(default_factory=list)
    swaps: int = 0

    def read(self) -> Stored | None:
        self.land()
        return self.stored

    def swap(self, data: bytes, *, expected: str | None, note: str, records: Mapping[str, bytes] = NO_RECORDS) -> str:
        self.land()

        def deliver() -> str:
            return self._deliver(data, expected, note, records)

        match self.trouble():
            case "before":
                raise _unanswered()
            case "after":
                deliver()
                raise _unanswered()
            case "late":
                self.late.append(deliver)
                raise _unanswered()
            case "twice":
                deliver()
        return deliver()

    def record_ids(self) -> tuple[str, ...]:
        return tuple(sorted(self.records))

    def record(self, run_id: str) -> bytes | None:
        return self.records.get(run_id)

    def land(self) -> None:
        """Deliver what was on its way."""
        late, self.late = self.late, []
        for deliver in late:
            with suppress(Conflict):
                deliver()

    def _deliver(self, data: bytes, expected: str | None, note: str, records: Mapping[str, bytes]) -> str:
        if expected != (self.stored.version if self.stored else None):
            raise Conflict("E073", "Another run was faster.")
        self.swaps += 1
        self.stored = Stored(data, f"v{self.swaps}")
        self.notes.append(note)
        self.records |= records
        return self.stored.version


def _unanswered() -> Unanswered:
    return Unanswered("E074", "It is not known whether the object was changed.")
