"""What a probe created, or was about to: on disk before it happens, so that the next probe can clean up.

`RUNS/probes/NONCE.jsonl`, one JSON object a line, without secrets. A line that a crash cut short is none.
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

FOLDER = "probes"
PREFIX = "acrsync-probe-"
NAME = re.compile(PREFIX + "([0-9a-f]{8})-([0-9]{1,4})")


@dataclass(slots=True)
class Thrown:
    """One throw-away bucket: the name it was created with, and each name that it may have by now."""

    name: str
    base: str = ""  # the probe's own name of it, which is `name` unless it was created with the name of another
    region: str = ""
    id: int | None = None  # None: the create was sent, and nobody knows what became of it
    names: list[str] = field(default_factory=list)
    deleting: bool = False  # a DELETE was sent
    gone: bool = False  # deleted, or refused by the server
    lost: bool = False  # looked for in the list, and not found


@dataclass(slots=True)
class Record:
    """The record of one probe."""

    path: Path
    nonce: str
    endpoint: str
    uid: int
    thrown: list[Thrown] = field(default_factory=list)
    ended: bool = False
    begun_at: datetime | None = None

    @property
    def left(self) -> tuple[Thrown, ...]:
        """The buckets that may still exist."""
        return tuple(one for one in self.thrown if not one.gone)

    def creating(self, thrown: Thrown) -> None:
        """Record a create that is about to be sent."""
        self.thrown.append(thrown)
        thrown.names.append(thrown.name)
        self._write("creating", name=thrown.name, base=thrown.base, region=thrown.region)

    def created(self, thrown: Thrown, bucket_id: int) -> None:
        """Record the id of a bucket that was created."""
        thrown.id, thrown.lost = bucket_id, False
        self._write("created", place=self.thrown.index(thrown), id=bucket_id)

    def disowned(self, thrown: Thrown) -> None:
        """Record that the id that was answered is another bucket's."""
        self._write("disowned", place=self.thrown.index(thrown))

    def naming(self, thrown: Thrown, name: str) -> None:
        """Record a name that a bucket is about to get, or was seen to have."""
        if name not in thrown.names:
            thrown.names.append(name)
            self._write("naming", place=self.thrown.index(thrown), name=name)

    def deleting(self, thrown: Thrown) -> None:
        """Record a DELETE that is about to be sent."""
        thrown.deleting = True
        self._write("deleting", place=self.thrown.index(thrown))

    def gone(self, thrown: Thrown) -> None:
        """Record that a bucket was deleted, or was never created."""
        thrown.gone = True
        self._write("gone", place=self.thrown.index(thrown))

    def lost(self, thrown: Thrown) -> None:
        """Record that a create was not found in the list."""
        thrown.lost = True
        self._write("lost", place=self.thrown.index(thrown))

    def end(self) -> None:
        """Record that nothing is left, or that nothing more can be done about it."""
        self.ended = True
        self._write("end")

    def begin(self) -> None:
        """Write the first line of a new record. Raises: AcrsyncError."""
        try:
            make_private(self.path.parent)
        except OSError as e:
            raise _unwritable(self.path, e) from e
        self._write("probe", nonce=self.nonce, endpoint=self.endpoint, uid=self.uid)

    def _write(self, event: str, **entry: JSON) -> None:
        """Append a line and wait for the disk. Raises: AcrsyncError, and then nothing may be sent."""
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
                f"{path}: {e}. It may tell of buckets that an earlier probe left.",
                fix=f"look for buckets whose names begin with {PREFIX}, delete them, and move the file away.",
            ) from e
        if record is not None and not record.ended and (record.endpoint, record.uid) == (endpoint, uid):
            found.append(record)
    return tuple(found)


def _read(path: Path) -> Record | None:
    """Return the record in a file; None if a crash left nothing in it. Raises: LookupError, TypeError, ValueError."""
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
    """Do to a record what one of its lines says. Raises: LookupError, TypeError, ValueError."""
    if line["event"] == "end":
        record.ended = True
    elif line["event"] == "creating":
        if not NAME.fullmatch(line["base"]) or record.nonce not in line["base"]:
            raise ValueError("it names a bucket that no probe creates")
        record.thrown.append(Thrown(line["name"], line["base"], line["region"], names=[line["name"]]))
    else:
        _replay_one(record.thrown[line["place"]], line)


def _replay_one(thrown: Thrown, line: Mapping[str, JSON]) -> None:
    match line["event"]:
        case "created":
            thrown.id = int(line["id"])
        case "disowned":
            thrown.id = None
        case "naming":
            thrown.names.append(str(line["name"]))
        case "deleting":
            thrown.deleting = True
        case "gone":
            thrown.gone = True
        case "lost":
            thrown.lost = True
        case other:
            raise ValueError(f"it has a line of an unknown kind, {other!r}")


def _lines(data: bytes) -> Iterator[Mapping[str, JSON]]:
    """Yield the lines; one that is not JSON was cut short by a crash, and what it announced was not sent."""
    for text in data.splitlines():
        try:
            value = json.loads(text)
        except ValueError:
            continue
        if not isinstance(value, dict) or "event" not in value:
            raise ValueError("it has a line that is not an event")
        yield value


def _unwritable(path: Path, trouble: OSError) -> AcrsyncError:
    return AcrsyncError(
        "E602",
        f"{path}: {trouble.strerror or trouble}. Without a record of it, a bucket that a crash left could not be "
        "deleted, so none is created.",
        fix="free some space, or work in a folder that you may write to.",
    )
