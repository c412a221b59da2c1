"""Reads that lag behind writes (row 20 of the unknowns), and cached answers.

This state is in memory only: a lag ends long before the state file is opened again.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from acrsync.emulator.store import Bucket
from acrsync.emulator.unknowns import WRITES, Write

Value = TypeVar("Value")
View = Literal["list", "get"]  # the list of buckets; a bucket and its content


@dataclass(frozen=True, slots=True)
class Delay:
    """How long a view hides writes: until `seconds` have passed and it was read `reads` times."""

    seconds: float = 0.0
    reads: int = 0
    view: View = "list"
    writes: tuple[Write, ...] = WRITES


@dataclass(slots=True)
class _Hidden:
    view: View
    bucket_id: int
    before: Bucket | None
    until: float
    reads_left: int


@dataclass(slots=True)
class Cache:
    """A cache of values with a time to live."""

    _values: dict[Hashable, tuple[float, Any]] = field(default_factory=dict)

    def get(self, key: Hashable, make: Callable[[], Value], *, seconds: float, now: float) -> Value:
        """Return the cached value, or a new one, which is cached for `seconds`."""
        if not seconds:
            return make()
        until, value = self._values.get(key, (now, None))
        if now >= until:
            value = make()
            self._values[key] = now + seconds, value
        kept: Value = value
        return kept


@dataclass(slots=True)
class Lag:
    """The writes that reads do not show yet, the oldest first."""

    cache: Cache = field(default_factory=Cache)
    readings: int = 0  # of the bucket list
    _hidden: list[_Hidden] = field(default_factory=list)
    _counts: dict[int, tuple[float, int]] = field(default_factory=dict)

    def hide(self, write: Write, bucket_id: int, before: Bucket | None, *, delays: Iterable[Delay], now: float) -> None:
        """Hide a write of one row, which was `before` until now."""
        for delay in delays:
            if write in delay.writes and (delay.seconds or delay.reads):
                self._hidden.append(_Hidden(delay.view, bucket_id, before, now + delay.seconds, delay.reads))

    def listed(self, rows: Mapping[int, Bucket], now: float, *, replicas: int = 1) -> Mapping[int, Bucket]:
        """Return the rows as a list shows them now, and count one reading. Only the first replica lags."""
        self.readings += 1
        late = self._late("list", now)
        if not late or (replicas > 1 and self.readings % replicas == 0):
            return rows
        seen = dict(rows)
        for write in reversed(late):
            write.reads_left -= 1
            if write.before is None:
                seen.pop(write.bucket_id, None)
            else:
                seen[write.bucket_id] = write.before
        return dict(sorted(seen.items()))

    def got(self, bucket_id: int, row: Bucket | None, now: float) -> Bucket | None:
        """Return the row as a GET shows it now, and count one reading."""
        for write in reversed(self._late("get", now)):
            if write.bucket_id == bucket_id:
                write.reads_left -= 1
                row = write.before
        return row

    def _late(self, view: View, now: float) -> list[_Hidden]:
        self._hidden = [write for write in self._hidden if now < write.until or write.reads_left > 0]
        return [write for write in self._hidden if write.view == view]

    def hide_count(self, bucket_id: int, shown: int, until: float) -> None:
        """Show this as the `num` of a bucket until then."""
        self._counts[bucket_id] = (until, shown)

    def count(self, bucket_id: int, true: int, now: float) -> int:
        """Return the `num` to show for a bucket with `true` items."""
        until, shown = self._counts.get(bucket_id, (0.0, true))
        return shown if now < until else true
