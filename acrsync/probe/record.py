"""The record of what a probe creates. It is on disk before each request, so that the next probe can clean up.

`RUNS/probes/NONCE.jsonl`, one JSON object per line, without secrets. An incomplete last line is ignored.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from acrsync.diagnostics import AcrsyncError
from acrsync.extras import make_private
from acrsync.model import JSON
from acrsync.runs.recordfile import sync_folder

FOLDER = "probes"
PREFIX = "acrsync-probe-"
NAME = re.compile(PREFIX + "([0-9a-f]{8})-([0-9]{1,4})")


@dataclass(slots=True)
class Throwaway:
    """One throw-away bucket: the name it was created with, and every name that it may have now."""

    name: str
    base: str = ""  # the probe's own name for it; differs from `name` if it was created with the name of another
    region: str = ""
    id: int | None = None  # None: the create was sent, and its effect is unknown
    names: list[str] = field(default_factory=list)
    deleting: bool = False  # a DELETE was sent
    gone: bool = False  # deleted, or refused by the server
    lost: bool = False  # not found in the list


@dataclass(slots=True)
class Record:
    """The record of one probe."""

    path: Path
    nonce: str
    endpoint: str
    uid: int
    buckets: list[Throwaway] = field(default_factory=list)
    ended: bool = False
    begun_at: datetime | None = None

    @property
    def left(self) -> tuple[Throwaway, ...]:
        """The buckets that may still exist."""
        return tuple(one for one in self.buckets if not one.gone)

    def creating(self, bucket: Throwaway) -> None:
        """Record a create that is about to be sent."""
        self.buckets.append(bucket)
        bucket.names.append(bucket.name)
        self._write("creating", name=bucket.name, base=bucket.base, region=bucket.region)

    def created(self, bucket: Throwaway, bucket_id: int) -> None:
        """Record the id of a bucket that was created."""
        bucket.id, bucket.lost = bucket_id, False
        self._write("created", place=self.buckets.index(bucket), id=bucket_id)

    def disowned(self, bucket: Throwaway) -> None:
        """Record that the answered id belongs to another bucket."""
        self._write("disowned", place=self.buckets.index(bucket))

    def naming(self, bucket: Throwaway, name: str) -> None:
        """Record a name that a bucket is about to get, or has."""
        if name not in bucket.names:
            bucket.names.append(name)
            self._write("naming", place=self.buckets.index(bucket), name=name)

    def deleting(self, bucket: Throwaway) -> None:
        """Record a DELETE that is about to be sent."""
        bucket.deleting = True
        self._write("deleting", place=self.buckets.index(bucket))

    def gone(self, bucket: Throwaway) -> None:
        """Record that a bucket was deleted, or was never created."""
        bucket.gone = True
        self._write("gone", place=self.buckets.index(bucket))

    def lost(self, bucket: Throwaway) -> None:
        """Record that a create was not found in the list."""
        bucket.lost = True
        self._write("lost", place=self.buckets.index(bucket))

    def end(self) -> None:
        """Record that nothing is left."""
        self.ended = True
        self._write("end")

    def begin(self) -> None:
        """Write the first line of a new record. Raises: AcrsyncError."""
        try:
            make_private(self.path.parent)
            self._write("probe", nonce=self.nonce, endpoint=self.endpoint, uid=self.uid)
            sync_folder(self.path.parent)
        except OSError as e:
            raise _unwritable(self.path, e) from e

    def _write(self, event: str, **entry: JSON) -> None:
        """Append a line and flush it to disk. Raises: AcrsyncError; then nothing may be sent."""
        line = {"event": event, "time": datetime.now(UTC).isoformat(timespec="seconds"), **entry}
        try:
            with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
                cut_short = self.path.stat().st_size and self.path.read_bytes()[-1:] != b"\n"
                file.write(b"\n" * bool(cut_short) + json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as e:
            raise _unwritable(self.path, e) from e


def unfinished(runs: Path, *, endpoint: str, uid: int) -> tuple[Record, ...]:
    """Return the records of earlier probes of this account that left something. Raises: AcrsyncError."""
    folder = runs / FOLDER
    found = []
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
        try:
            record = _read(path)
        except (OSError, LookupError, TypeError, ValueError) as e:
            raise AcrsyncError(
                "E603",
                f"{path}: {e}. An earlier probe may have left buckets that are recorded there.",
                fix=f"delete the buckets whose names begin with {PREFIX}, then move the file away.",
            ) from e
        if record is not None and not record.ended and (record.endpoint, record.uid) == (endpoint, uid):
            found.append(record)
    return tuple(found)


def _read(path: Path) -> Record | None:
    """Return the record in a file; None if it holds no line. Raises: LookupError, TypeError, ValueError."""
    lines = list(_lines(path.read_bytes()))
    if not lines:
        return None
    first = lines[0]
    began = datetime.fromisoformat(first["time"])
    record = Record(path, str(first["nonce"]), str(first["endpoint"]), int(first["uid"]), begun_at=began)
    for line in lines[1:]:
        _replay(record, line)
    return record


def _replay(record: Record, line: Mapping[str, JSON]) -> None:
    """Apply one line to a record. Raises: LookupError, TypeError, ValueError."""
    if line["event"] == "end":
        record.ended = True
    elif line["event"] == "creating":
        if not NAME.fullmatch(line["base"]) or record.nonce not in line["base"]:
            raise ValueError("it names a bucket that no probe creates")
        record.buckets.append(Throwaway(line["name"], line["base"], line["region"], names=[line["name"]]))
    else:
        _replay_one(record.buckets[line["place"]], line)


def _replay_one(bucket: Throwaway, line: Mapping[str, JSON]) -> None:
    match line["event"]:
        case "created":
            bucket.id = int(line["id"])
        case "disowned":
            bucket.id = None
        case "naming":
            bucket.names.append(str(line["name"]))
        case "deleting":
            bucket.deleting = True
        case "gone":
            bucket.gone = True
        case "lost":
            bucket.lost = True
        case other:
            raise ValueError(f"it has an unknown event, {other!r}")


def _lines(data: bytes) -> Iterator[Mapping[str, JSON]]:
    """Yield the lines. One that is not JSON was cut short by a crash before its request was sent."""
    for text in data.splitlines():
        try:
            value = json.loads(text)
        except ValueError:
            continue
        if not isinstance(value, dict) or "event" not in value:
            raise ValueError("it has a line that is not an event")
        yield value


def _unwritable(path: Path, reason: OSError) -> AcrsyncError:
    return AcrsyncError(
        "E602",
        f"{path}: {reason.strerror or reason}. No bucket is created without a record, because it could not be deleted "
        "after a crash.",
        fix="free some space, or work in a folder that you may write to.",
    )
