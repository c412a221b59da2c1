"""Lists that run behind writes (row 20 of the unknowns): what a list answers although something newer is stored.

Kept in memory only: a lag is over long before anybody opens the state file again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from acrsync.emulator.store import Bucket


@dataclass(frozen=True, slots=True)
class Delay:
    """How long lists hide a write: until so many seconds have passed and it was read so many times."""

    seconds: float = 0.0
    reads: int = 0


@dataclass(slots=True)
class _Hidden:
    bucket_id: int
    before: Bucket | None
    until: float
    reads_left: int


@dataclass(slots=True)
class Lag:
    """The writes that lists do not show yet, oldest first."""

    _hidden: list[_Hidden] = field(default_factory=list)
    _counts: dict[int, tuple[float, int]] = field(default_factory=dict)

    def hide(self, bucket_id: int, before: Bucket | None, delay: Delay, now: float) -> None:
        """Note a write of one row, which was `before` until now."""
        if delay.seconds or delay.reads:
            self._hidden.append(_Hidden(bucket_id, before, now + delay.seconds, delay.reads))

    def listed(self, rows: Mapping[int, Bucket], now: float) -> Mapping[int, Bucket]:
        """Return the rows as a list shows them now, which counts as one reading."""
        self._hidden = [write for write in self._hidden if now < write.until or write.reads_left > 0]
        if not self._hidden:
            return rows
        seen = dict(rows)
        for write in reversed(self._hidden):
            write.reads_left -= 1
            if write.before is None:
                seen.pop(write.bucket_id, None)
            else:
                seen[write.bucket_id] = write.before
        return dict(sorted(seen.items()))

    def hide_count(self, bucket_id: int, shown: int, until: float) -> None:
        """Note that `num` of a bucket still shows this until then."""
        self._counts[bucket_id] = (until, shown)

    def count(self, bucket_id: int, true: int, now: float) -> int:
        """Return what `num` shows of a bucket that holds `true` items."""
        until, shown = self._counts.get(bucket_id, (0.0, true))
        return shown if now < until else true
