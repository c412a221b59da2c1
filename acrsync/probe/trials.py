"""One write at a time to a throw-away bucket, and a read that shows what was stored.

The read waits as long as reads were seen to lag. So a trial shows the new value and not the previous one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from acrsync.diagnostics import AcrsyncError
from acrsync.probe.evidence import Evidence, Reading, Row, Series, Trial, id_of
from acrsync.probe.listing import STEP_S, Listing
from acrsync.probe.record import PREFIX, Record, Throwaway
from acrsync.probe.throwaways import TYPE, Throwaways
from acrsync.probe.wire import Answer, Request, Wire

REGIONS = ("eu-west-1", "us-west-2", "ap-southeast-1")


@dataclass(slots=True)
class Trials:
    """Creates, changes and removes throw-away buckets, and keeps each write with its read as evidence."""

    wire: Wire
    evidence: Evidence
    record: Record
    throwaways: Throwaways
    listing: Listing
    timeout_s: float
    region: str
    _rows: dict[int, Row] = field(default_factory=dict)  # each bucket as it was last read
    _lag_s: float = 0.0  # the longest lag of reads of one bucket so far
    _lag_reads: int = 0

    def create(
        self, role: str, fields: Row, *, name: str = "", region: str = "", skip_ahead: bool = False
    ) -> Throwaway | None:
        """Create a bucket and read it; None if the server refused."""
        base = f"{PREFIX}{self.record.nonce}-{len(self.record.buckets) + 1}"
        bucket = Throwaway(name or base, base, region or self.region)
        self.record.creating(bucket)
        body = {"name": bucket.name, "region": bucket.region, "type": TYPE, **fields}
        answer = self.wire.send(Request("POST", "/buckets", body=body))
        self.evidence.trials[role] = Trial(role, answer)
        if answer.status is not None and 300 <= answer.status < 500 and answer.status != 408:  # noqa: PLR2004
            self.evidence.refused.append(answer)
            self.record.gone(bucket)
            return None
        self._identify(bucket, answer)
        if bucket.id is None:
            return bucket
        self.evidence.own.add(bucket.id)
        read, row = self._read_after_create(bucket, answer, skip_ahead=skip_ahead)
        if row is None and read.row is not None:
            self._check_account(read.row)
            self._disown(bucket)
        if row is not None:
            self.record.naming(bucket, str(row.get("name")))
        self.evidence.trials[role] = Trial(role, answer, None, row, read)
        return bucket

    def _identify(self, bucket: Throwaway, answer: Answer) -> None:
        """Find the id: in the answer if it shows a bucket that was not listed before, else in the list."""
        known = {*self.throwaways.listed, *self.evidence.own}
        bucket_id = None if answer.row is None else id_of(answer.row)
        if bucket_id is not None and bucket_id not in known:
            self.record.created(bucket, bucket_id)
        else:
            timeout_s = min(self._left_s(), max(self._lag_s, self.timeout_s))
            self.throwaways.find(bucket, self.wire.wait, timeout_s=timeout_s)

    def _read_after_create(self, bucket: Throwaway, written: Answer, *, skip_ahead: bool) -> tuple[Answer, Row | None]:
        """Read a bucket until it is shown.

        `skip_ahead`: start when the first create was still late, and read in small steps from there.
        """
        readings: list[Reading] = []
        pause_s = self._before_second() if skip_ahead else 0.0
        if pause_s:
            self.wire.wait(pause_s)
        step_s = STEP_S
        while True:
            answer = self.wire.get(f"/buckets/{bucket.id}")
            shows = answer.row is not None and self.throwaways.is_own(bucket, answer.row)
            if answer.row is not None and not shows:  # the create was answered with another bucket's id
                return answer, None
            readings.append(Reading(answer, shows))
            if shows or sum(step_s for _ in readings) > self.timeout_s or not self.wire.wait(step_s):
                break
            step_s = step_s if skip_ahead else min(step_s * 2, 4.0)
        series = Series("create", written, tuple(readings))
        self.evidence.gets.append(series)
        since_s = readings[-1].answer.ended - written.begun
        if series.late > 0 or since_s >= 1:  # a read more than a second after the write may hide a lag
            self._lag_s = max(self._lag_s, since_s + STEP_S)
            self._lag_reads = max(self._lag_reads, series.late)
        if not readings[-1].shows or bucket.id is None:
            return answer, None
        self._rows[bucket.id] = answer.row or {}
        return answer, answer.row

    def _disown(self, bucket: Throwaway) -> None:
        """Drop an id that is another bucket's, and look for the bucket that was created."""
        self.evidence.own -= {bucket.id or 0}
        self.throwaways.listed = {*self.throwaways.listed, bucket.id or 0}
        bucket.id = None
        self.record.disowned(bucket)
        if self.throwaways.find(bucket, self.wire.wait, timeout_s=min(self._left_s(), self.timeout_s)):
            self.evidence.own.add(bucket.id or 0)

    def _before_second(self) -> float:
        """Return how long the first create was seen to be late: the second one need not be read earlier."""
        series = self.evidence.gets[0] if self.evidence.gets else None
        if series is None or series.late <= 0:
            return 0.0
        return max(0.0, series.readings[series.late - 1].answer.begun - series.written.ended)

    def _check_account(self, row: Row) -> None:
        """Raises: AcrsyncError if a bucket with a name of this probe belongs to another account."""
        is_named = str(row.get("name")).startswith(f"{PREFIX}{self.record.nonce}")
        if is_named and row.get("uid") not in (self.evidence.uid, None):
            raise AcrsyncError(
                "E606",
                f"The created bucket belongs to account {row.get('uid')}, not to {self.evidence.uid}.",
                fix=f"use a token of account {self.evidence.uid}, or probe the other account: "
                f"--account {row.get('uid')}",
            )

    def remove(self, bucket: Throwaway) -> None:
        removal = self.throwaways.remove(bucket)
        if removal.answer is not None and removal.answer.ok:
            self.evidence.deleted.append(removal.answer)

    def put(self, role: str, bucket: Throwaway, body: Row, *, accept: str = "application/json") -> Trial:
        """Change a bucket and read it again."""
        assert bucket.id is not None, "A trial on a bucket without id. This is a bug in acrsync."
        before = self._rows.get(bucket.id)
        answer = self.wire.send(Request("PUT", f"/buckets/{bucket.id}", body=body, accept=accept))
        if not answer.ok:
            self.evidence.refused.append(answer)
        read = self._read_after_put(bucket.id)
        trial = Trial(role, answer, before, None if read is None else read.row, read)
        if trial.after is not None:
            self._rows[bucket.id] = trial.after
        self.evidence.trials[role] = trial
        return trial

    def _read_after_put(self, bucket_id: int) -> Answer | None:
        """Return a read that shows all writes; None if there is not enough time left for that."""
        if self._lag_s > self._left_s():
            return None
        if self._lag_s and not self.wire.wait(self._lag_s):
            return None
        for _ in range(self._lag_reads):
            self.wire.get(f"/buckets/{bucket_id}")
        read = self.wire.get(f"/buckets/{bucket_id}")
        return read if read.row is not None else None

    def rename(self, role: str, bucket: Throwaway, name: str) -> Trial:
        """Rename a bucket and keep the name that the server stored."""
        self.record.naming(bucket, name)
        trial = self.put(role, bucket, {"name": name})
        if trial.after is not None:
            self.record.naming(bucket, str(trial.after.get("name")))
            if trial.answer.ok:
                kept = trial.after.get("name")
                self.evidence.named[name] = kept if isinstance(kept, str) else None
        return trial

    def create_with_taken_name(self, role: str, first: Throwaway, *, region: str = "") -> None:
        """Create a bucket with the name of the first one, and remove it."""
        bucket = self.create(role, {}, name=first.name, region=region)
        if bucket is None:
            return
        if bucket.id is not None:
            self.remove(bucket)
            return
        trial = self.evidence.trials[role]
        answered = None if trial.answer.row is None else id_of(trial.answer.row)
        others = [one.id for one in self.record.buckets if one.id is not None]
        # The answer shows the first bucket. The list, which shows creates, has no new one: nothing was created.
        if (
            answered == first.id
            and self.listing.shows_creates()
            and not self.throwaways.new_rows(bucket.name, except_ids=others)
        ):
            self.evidence.trials[f"{role}_existing"] = trial
            self.record.gone(bucket)

    def _left_s(self) -> float:
        return math.inf if self.wire.budget_s is None else self.wire.budget_s - self.wire.waited_s


def usual_region(rows: list[Row]) -> str:
    """Return the region of most buckets of the account in which a bucket can be created."""
    regions: Mapping[str, int] = Counter(str(row.get("region")) for row in rows)
    usual = sorted(regions, key=lambda region: -regions[region])
    return next((region for region in usual if region not in ("global", "None")), REGIONS[0])
