"""Which bucket has which name now: the last list, updated with what this run has written since."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from acrsync.model import Live, Snapshot
from acrsync.plan.changes import Create, Delete, Replace, Work
from acrsync.plan.outcome import WELL, Outcome
from acrsync.plan.ownership import is_own
from acrsync.visible import lookalike

FRESH_S = 30.0  # an older list does not show whether a name is free


class Names:
    """The buckets of one account by name; safe to use from several threads."""

    def __init__(self, snapshot: Snapshot, *, uid: int | None, read_at: float) -> None:
        self._uid = uid
        self._lock = threading.RLock()
        self._written: dict[int, Live | None] = {}  # the buckets that this run wrote to; None: deleted
        self.saw(snapshot, read_at=read_at)

    def saw(self, snapshot: Snapshot, *, read_at: float) -> None:
        """Use a newer list, which may not yet show what this run wrote. `read_at`: when acrsync began to read it."""
        with self._lock:
            self.read_at = read_at
            self._rows: dict[int, Live] = {}
            self._alike: dict[str, dict[int, Live]] = {}
            for row in snapshot.rows:
                self._put(row.id, row)
            for bucket_id, live in self._written.items():
                self._put(bucket_id, live)

    def note(self, outcome: Outcome) -> None:
        """Add what one change wrote."""
        change, live = outcome.change, outcome.live
        if not outcome.wrote:
            return
        with self._lock:
            if isinstance(change, Delete | Replace) and (outcome.status in WELL or live is not None):
                self._wrote(change.live.id, None)
            if live is not None and not isinstance(change, Delete):
                self._wrote(live.id, live)

    def written(self, bucket_id: int) -> Live | None:
        """Return a bucket as this run wrote it, None if this run did not write to it."""
        return self._written.get(bucket_id)

    def has(self, bucket_id: int) -> bool:
        """Return whether a bucket was listed, or this run wrote to it."""
        return bucket_id in self._rows or bucket_id in self._written

    def made(self) -> frozenset[int]:
        """Return the ids of all buckets that this run wrote to."""
        with self._lock:
            return frozenset(self._written)

    def of(self, name: str) -> Live | None:
        """Return the bucket of this account that has exactly this name."""
        return next((row for row in self._like(name).values() if row.name == name and is_own(row, self._uid)), None)

    def taker(self, name: str, *, but: int | None = None) -> Live | None:
        """Return another bucket with this name, or one of this account whose name differs only in case or form."""
        found = (row for row in self._like(name).values() if row.id != but)
        return next((row for row in found if row.name == name or is_own(row, self._uid)), None)

    def _like(self, name: str) -> Mapping[int, Live]:
        with self._lock:
            return dict(self._alike.get(lookalike(name), {}))

    def _wrote(self, bucket_id: int, live: Live | None) -> None:
        self._written[bucket_id] = live
        self._put(bucket_id, live)

    def _put(self, bucket_id: int, live: Live | None) -> None:
        before = self._rows.pop(bucket_id, None)
        if before is not None:
            self._alike.get(lookalike(before.name), {}).pop(bucket_id, None)
        if live is not None:
            self._rows[bucket_id] = live
            if live.name:
                self._alike.setdefault(lookalike(live.name), {})[bucket_id] = live


def takes_a_name(change: Work) -> bool:
    """Return whether a change needs a free name."""
    return isinstance(change, Create) or (not isinstance(change, Delete) and "name" in change.fields)
