"""The data of the emulated accounts, in SQLite and in memory. The rules are elsewhere.

Why also in memory: a list is filtered and sorted in many ways (see `profile`), which is simple in Python with a few
thousand rows. SQLite keeps the rows when the process ends; each write goes to it.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

FORMAT = 2  # PRAGMA user_version of a state file
FIRST_FREE_ID = 14791  # GUESS: ids count all accounts of the service, so even an empty account starts high


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One stored row. The API calls `seconds` `size`; `num` is the number of files and channels.

    Answers show the values in `show` as they are, and no key in `hide`, until a PUT sets the key. `shown_to` is the uid
    of another account that sees the row. If `content_status` is set, the content lists answer with this status.
    """

    id: int = 0
    uid: int = 19
    name: str
    type: str
    region: str
    labels: tuple[str, ...] | None = ("",)
    metadata_template: str | None = ""
    net_type: int = 1
    files: int = 0
    channels: int = 0
    seconds: int = 0
    state: int = 1
    node: str | None = None
    access_permission: str = "private"
    created_at: str = "2020-01-01 00:00:00"
    updated_at: str = "2020-01-01 00:00:00"
    show: Mapping[str, object] = field(default_factory=dict)
    hide: tuple[str, ...] = ()
    shown_to: int = 0
    content_status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Referrer:
    """A project or container that uses buckets, by id or (containers only) by name; `extra` overrides its answer."""

    kind: str
    id: int = 0
    uid: int = 19
    name: str = "referrer"
    region: str = "eu-west-1"
    type: str = ""
    buckets: Sequence[int | str] = ()
    extra: Mapping[str, object] = field(default_factory=dict)


BUCKET_COLUMNS = tuple(column.name for column in fields(Bucket))
JSON_COLUMNS = ("labels", "show", "hide")
SAVE_BUCKET = f"INSERT OR REPLACE INTO buckets VALUES ({', '.join('?' * len(BUCKET_COLUMNS))})"  # noqa: S608
TABLES = ("buckets", "referrers", "results")
SCHEMA = f"""
CREATE TABLE buckets (id INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(BUCKET_COLUMNS[1:])});
CREATE TABLE referrers (id INTEGER PRIMARY KEY AUTOINCREMENT, document);
CREATE TABLE results (uid, project_id, stream_id, entry);
INSERT INTO sqlite_sequence VALUES ('buckets', {FIRST_FREE_ID});
PRAGMA user_version = {FORMAT};
"""  # noqa: S608 - only constants of this module


class Store:
    """The rows of all accounts. Every method is thread-safe; hold `lock` to make several calls atomic."""

    def __init__(self, path: str, first_rows: Iterable[Bucket]) -> None:
        self.lock = threading.RLock()
        self._file = None if path == ":memory:" else Path(path)
        self._buckets: dict[int, Bucket] = {}
        self._version = -1
        self._in_file = self._file is not None and self._file.exists() and self._file.stat().st_size > 0
        self._db = _open(str(self._file) if self._in_file else ":memory:")
        if not self._in_file:
            self._db.executescript(SCHEMA)
            self._save(first_rows)

    def close(self) -> None:
        with self.lock:
            self._db.close()

    def buckets(self) -> Mapping[int, Bucket]:
        """Return every row of every account by id, in increasing order."""
        with self.lock:
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:  # first use, or another process wrote to the file
                rows = self._db.execute("SELECT * FROM buckets ORDER BY id")
                self._buckets = {row[0]: _bucket(row) for row in rows}
                self._version = version
            return self._buckets

    def save(self, bucket: Bucket) -> Bucket:
        """Store a row and return it. A row without an id gets one greater than all ids so far."""
        with self._writing():
            return self._save([bucket])[0]

    def delete(self, bucket_id: int) -> None:
        with self._writing():
            self._db.execute("DELETE FROM buckets WHERE id = ?", [bucket_id])
            self._buckets.pop(bucket_id, None)

    def reset(self, rows: Iterable[Bucket]) -> None:
        """Delete everything, reset the id counters, and store these rows."""
        with self._writing():
            for table in TABLES:
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - three constants
            self._db.execute(
                "UPDATE sqlite_sequence SET seq = CASE name WHEN 'buckets' THEN ? ELSE 0 END", [FIRST_FREE_ID]
            )
            self._save(rows)
            self._version = -1

    def referrers(self) -> tuple[Referrer, ...]:
        """Return the projects and containers of all accounts, newest first."""
        with self.lock:
            rows = self._db.execute("SELECT id, document FROM referrers ORDER BY id DESC").fetchall()
        return tuple(Referrer(**{**json.loads(document), "id": id_}) for id_, document in rows)

    def add_referrer(self, referrer: Referrer) -> Referrer:
        """Store a referrer, instead of one with the same id, and return it."""
        values = (referrer.id or None, json.dumps(asdict(referrer)))
        with self._writing():
            cursor = self._db.execute("INSERT OR REPLACE INTO referrers VALUES (?, ?)", values)
            return replace(referrer, id=cursor.lastrowid or 0)

    def results(self, uid: int, project_id: int, stream_id: str) -> list[dict[str, object]]:
        """Return the results of a stream, in the order in which they were added."""
        with self.lock:
            rows = self._db.execute(
                "SELECT entry FROM results WHERE uid = ? AND project_id = ? AND stream_id = ? ORDER BY rowid",
                [uid, project_id, stream_id],
            ).fetchall()
        return [json.loads(entry) for (entry,) in rows]

    def add_results(self, uid: int, project_id: int, stream_id: str, entries: Iterable[Mapping[str, object]]) -> None:
        """Add monitoring results of a custom stream, each in the form of the API."""
        rows = [(uid, project_id, stream_id, json.dumps(entry)) for entry in entries]
        with self._writing():
            self._db.executemany("INSERT INTO results VALUES (?, ?, ?, ?)", rows)

    def _save(self, buckets: Iterable[Bucket]) -> list[Bucket]:
        stored = []
        for bucket in buckets:
            values = [getattr(bucket, column) for column in BUCKET_COLUMNS]
            values[0] = bucket.id or None
            for column in JSON_COLUMNS:
                values[BUCKET_COLUMNS.index(column)] = json.dumps(getattr(bucket, column))
            cursor = self._db.execute(SAVE_BUCKET, values)
            stored.append(bucket if bucket.id else replace(bucket, id=cursor.lastrowid or 0))
        self._buckets.update((bucket.id, bucket) for bucket in stored)
        return stored

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Run the block as one transaction. The first one creates a missing state file.

        So a client that only reads does not create the file.
        """
        with self.lock:
            if self._file is not None and not self._in_file:
                self._db = _moved_to(self._file, self._db)
                self._in_file, self._version = True, -1
            self.buckets()
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:  # also an interrupt must not leave half a transaction
                self._db.execute("ROLLBACK")
                self._version = -1
                raise
            self._db.execute("COMMIT")


def _open(path: str) -> sqlite3.Connection:
    """Return a connection to memory or to a state file.

    Why WAL and synchronous=NORMAL: a commit is one write to the operating system, without a wait for the disk. A killed
    process loses no answered write; only a power failure can.
    Raises: ValueError if the file is not a state file.
    """
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    except sqlite3.OperationalError as error:
        raise ValueError(f"{path} is not an emulator state file: {error}") from error
    if path == ":memory:":
        return db
    try:
        (found,) = db.execute("PRAGMA user_version").fetchone()
        db.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.DatabaseError as error:
        db.close()
        raise ValueError(f"{path} is not an emulator state file: {error}") from error
    if found != FORMAT:
        db.close()
        raise ValueError(f"{path} is not an emulator state file of format {FORMAT}")
    return db


def _moved_to(path: Path, memory: sqlite3.Connection) -> sqlite3.Connection:
    """Return a connection to a new file with the content of `memory`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(path)) as file, closing(memory):
        memory.backup(file)
        file.execute("PRAGMA journal_mode = WAL")
    return _open(str(path))


def _bucket(row: tuple[Any, ...]) -> Bucket:
    values = dict(zip(BUCKET_COLUMNS, row, strict=True))
    values |= {column: json.loads(values[column]) for column in JSON_COLUMNS}
    labels = values.pop("labels")
    return Bucket(**{**values, "hide": tuple(values["hide"])}, labels=None if labels is None else tuple(labels))
