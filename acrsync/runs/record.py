"""The run record: what an apply intended and did, on disk before it happens.

`.acrsync/runs/<id>.jsonl`, one JSON object a line, mode 0600, no secrets. An intent is on disk before its write is
sent, so that after a crash the next run knows what may have happened. Described by `schemas/run.v1.json`.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from acrsync.diagnostics import AcrsyncError
from acrsync.model import JSON, Attrs, Live
from acrsync.plan.changes import Action, Create, Work, action_of
from acrsync.plan.earlier import Pending
from acrsync.plan.outcome import WELL, Outcome, Verb

FORMAT_VERSION = "1.0"
RETRIES = timedelta(minutes=5)  # that long, with all retries, may a write take to be sent


class RecordError(AcrsyncError):
    """The record cannot be written or read, so nothing may be written to the account."""


class Record:
    """A run being recorded; safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        now = _now()
        self.id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self.path = directory / f"{self.id}.jsonl"
        self._lock = threading.Lock()
        self._broken: OSError | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _ignore(directory)
            self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            _keep_name(directory)
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    @property
    def where(self) -> str:
        """Where the record is, for people."""
        return str(self.path)

    def begin(self, plan: Mapping[str, JSON], *, endpoint: str, uid: int | None, version: str) -> None:
        """Record the plan, as its JSON document, before anything is sent."""
        self._write(
            "run",
            {"format_version": FORMAT_VERSION, "id": self.id, "acrsync_version": version, "endpoint": endpoint}
            | {"uid": uid, "plan": plan},
        )
        self._sync()

    def intent(self, verb: Verb, change: Work, *, attrs: Attrs, marks: tuple[str, ...]) -> None:
        """Record a write that is about to be sent; returns when it is on disk.

        Raises: RecordError, and then nothing may be sent.
        """
        if self._broken is not None:
            raise _cannot_write(self.path, self._broken)
        self._write("intent", {**_named(change), "verb": verb, "attrs": dict(attrs), "marks": list(marks)})
        self._sync()

    def outcome(self, outcome: Outcome) -> None:
        """Record how a change ended, the last time for good; never raises, an outcome that is missing is unknown."""
        change = outcome.change
        entry = {
            **_named(change),
            "status": outcome.status,
            "wrote": outcome.wrote,
            "lost": outcome.lost,
            "before": None if isinstance(change, Create) else _shown(change.live),
            "after": None if outcome.live is None else _shown(outcome.live),
            "code": outcome.diagnostic.code if outcome.diagnostic else None,
        }
        try:
            self._write("outcome", entry)
        except RecordError:
            return

    def end(self, *, exit_code: int, verified: bool, read_back: bool) -> None:
        """Record that the run ended by itself. `read_back`: it looked for all that it wrote."""
        self._write("end", {"exit_code": exit_code, "verified": verified, "read_back": read_back})
        self._sync()
        self.close()

    def close(self) -> None:
        """Close the file; what could not be written to it was reported when it was tried."""
        with suppress(OSError):
            self._file.close()

    def _write(self, event: str, entry: Mapping[str, JSON]) -> None:
        line = {"event": event, "time": _now().isoformat(timespec="milliseconds"), **entry}
        with self._lock:
            try:
                self._file.write(json.dumps(line).encode() + b"\n")
                self._file.flush()
            except OSError as error:
                self._broken = error
                raise _cannot_write(self.path, error) from error

    def _sync(self) -> None:
        """Wait for the disk. Several threads may wait for one another's lines at the same time."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            self._broken = error
            raise _cannot_write(self.path, error) from error


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An earlier run that did not end verified."""

    path: Path
    id: str
    uid: int | None  # the account that it wrote to, None where that was not known
    crashed: bool  # it never said how it ended
    counts: Mapping[str, int]  # outcomes by status; "open" counts writes of which no outcome is recorded
    last_write_at: datetime | None  # by when the last write was sent that no list was seen to show
    lost: tuple[Pending, ...] = ()  # what replacements deleted and did not create again


def unfinished(directory: Path, *, endpoint: str) -> tuple[Unfinished, ...]:
    """Return the runs against this endpoint that did not end verified and were not closed by a later one, by age.

    Raises: RecordError where a record cannot be read, as it may tell of a create that must not be sent again.
    """
    found = []
    for path in sorted(directory.glob("*.jsonl")) if directory.is_dir() else ():
        try:
            text = path.read_bytes().splitlines()
            if any(map(_closes, _lines(text[-1:]))):
                continue
            lines = tuple(_lines(text))
            if lines and lines[0]["event"] == "run" and lines[0]["endpoint"] == endpoint:
                if lines[0]["format_version"].partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
                    raise ValueError(lines[0]["format_version"])
                found.append(_unfinished(path, lines))
        except (OSError, LookupError, TypeError, ValueError) as error:
            raise _cannot_read(path, error) from error
    return tuple(found)


def read(path: Path) -> tuple[Mapping[str, JSON], ...]:
    """Return the lines of one record, its run first. Raises: RecordError where it is none, or of a newer format."""
    try:
        lines = tuple(_lines(path.read_bytes().splitlines()))
    except OSError as error:
        why = error.strerror or str(error)
    else:
        run = lines[0] if lines else {}
        known = str(run.get("format_version")).partition(".")[0] == FORMAT_VERSION.partition(".")[0]
        if run.get("event") == "run" and known and {"endpoint", "plan"} <= run.keys():
            return lines
        why = f"it is no run record of format {FORMAT_VERSION}"
    raise RecordError("E063", f"{path}: {why}.", fix="name a run: `ls .acrsync/runs` lists them.")


def close(runs: Iterable[Unfinished], *, by: str) -> None:
    """Note in each record that a later run found everything as wanted. Raises: RecordError."""
    line = {"event": "closed", "time": _now().isoformat(timespec="milliseconds"), "by": by}
    for run in runs:
        try:
            with run.path.open("r+b") as file:
                cut_short = file.read()[-1:] not in (b"", b"\n")  # a crash in the middle of a line
                file.write(b"\n" * cut_short + json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise _cannot_write(run.path, error) from error


def _closes(line: Mapping[str, JSON]) -> bool:
    """Tell whether a line says that nothing is left of its run."""
    return line["event"] == "closed" or (line["event"] == "end" and bool(line["verified"]))


def _unfinished(path: Path, lines: tuple[Mapping[str, JSON], ...]) -> Unfinished:
    intents = {_key(line): line for line in lines if line["event"] == "intent"}  # the last one of each change
    outcomes = {_key(line): line for line in lines if line["event"] == "outcome"}
    first_known = {_key(line): line["time"] for line in reversed(lines) if line["event"] == "outcome"}
    read_back = any(line["event"] == "end" and line["read_back"] for line in lines)
    counts: dict[str, int] = {}
    unseen: list[datetime] = []
    lost: list[Pending] = []
    for key, intent in intents.items():
        outcome = outcomes.get(key)
        status = outcome["status"] if outcome else "open"
        counts[status] = counts.get(status, 0) + 1
        if intent["action"] == "replace" and status not in WELL:
            # Also where the delete was refused: a proxy may have delivered it twice, and told the second answer.
            lost.append(Pending(Action.REPLACE, intent["name"], intent["id"], intent["attrs"], tuple(intent["marks"])))
        if not outcome or (outcome["wrote"] and not (read_back and status in WELL)):
            # One that was killed while it waited for its turn may have sent as long after its intent as retries go on.
            latest = datetime.fromisoformat(intent["time"]) + RETRIES
            known = datetime.fromisoformat(first_known[key]) if key in first_known else latest
            unseen.append(min(known, latest, _now()))
    run, crashed = lines[0], not any(line["event"] == "end" for line in lines)
    return Unfinished(path, run["id"], run["uid"], crashed, counts, max(unseen, default=None), tuple(lost))


def _lines(text: Iterable[bytes]) -> Iterator[Mapping[str, JSON]]:
    """Yield the lines of a record, without one that a crash cut short: no write is sent before its intent is whole."""
    for line in text:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and "event" in value:
            yield value


def _key(line: Mapping[str, JSON]) -> JSON:
    return line["action"], line["name"], line["id"]


def _named(change: Work) -> dict[str, JSON]:
    """Return what tells a change from all others of its run."""
    bucket_id = None if isinstance(change, Create) else change.live.id
    return {"name": change.name, "action": action_of(change), "id": bucket_id}


def _now() -> datetime:
    return datetime.now(UTC)


def _shown(live: Live) -> dict[str, JSON]:
    return {"id": live.id, "attrs": dict(live.attrs), "marks": list(live.marks), "facts": dict(live.facts)}


def _ignore(directory: Path) -> None:
    """Keep git out of `.acrsync/`, where records and the emulator's state lie."""
    ignore = directory.parent / ".gitignore"
    if directory.parent.name == ".acrsync" and not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def _keep_name(directory: Path) -> None:
    """Have the disk keep a new file's name, too, which the file's own flush need not do."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_read(path: Path, error: Exception) -> RecordError:
    why = error.strerror if isinstance(error, OSError) else f"it is no run record of format {FORMAT_VERSION}"
    return RecordError(
        "E062",
        f"{path}: {why}. It may tell of a create whose end nobody knows, and that must not be sent again.",
        fix="look at what it says, see to it by hand, and move the file away.",
    )


def _cannot_write(path: Path, error: OSError) -> RecordError:
    return RecordError(
        "E061",
        f"{path}: {error.strerror or error}. Without a record a crash could not be recovered from, so nothing is sent.",
        fix="free some space or choose another folder with `--record DIR`.",
    )
