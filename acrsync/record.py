"""The run record: what an apply intended and did, on disk before it happens.

`.acrsync/runs/<id>.jsonl`, one JSON object a line, mode 0600, no secrets. An intent is on disk before its write is
sent, so that after a crash the next run knows what may have happened. Described by `schemas/run.v1.json`.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from acrsync.errors import AcrsyncError
from acrsync.model import JSON, Attrs, Live
from acrsync.outcome import WELL, Outcome, Verb
from acrsync.plan import Create, Work, action_of
from acrsync.planner import Lost

FORMAT_VERSION = "1.0"


class RecordError(AcrsyncError):
    """The record cannot be written or read, so nothing may be written to the account."""


class Record:
    """A run being recorded; safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        now = datetime.now(UTC)
        self.id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self.path = directory / f"{self.id}.jsonl"
        self._lock = threading.Lock()
        self._broken: OSError | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _ignore(directory)
            self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    def begin(self, plan: Mapping[str, JSON], *, endpoint: str, uid: int | None, version: str) -> None:
        """Record the plan, as its JSON document, before anything is sent."""
        self._write(
            "run",
            {"format_version": FORMAT_VERSION, "id": self.id, "acrsync_version": version, "endpoint": endpoint}
            | {"uid": uid, "plan": plan},
        )
        self._sync()

    def intent(
        self, verb: Verb, change: Work, *, bucket_id: int | None, attrs: Attrs, marks: tuple[str, ...] | None
    ) -> None:
        """Record a write that is about to be sent; returns when it is on disk.

        Raises: RecordError, and then nothing may be sent.
        """
        if self._broken is not None:
            raise _cannot_write(self.path, self._broken)
        entry = {"verb": verb, "name": change.name, "action": action_of(change), "id": bucket_id}
        self._write("intent", entry | {"attrs": dict(attrs), "marks": list(marks or ())})
        self._sync()

    def outcome(self, outcome: Outcome) -> None:
        """Record how a change ended; never raises, an outcome that is missing counts as unknown."""
        change = outcome.change
        entry = {
            "name": change.name,
            "action": action_of(change),
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

    def end(self, *, exit_code: int, verified: bool) -> None:
        """Record that the run ended by itself, and close the file."""
        self._write("end", {"exit_code": exit_code, "verified": verified})
        self._sync()
        self._file.close()

    def _write(self, event: str, entry: Mapping[str, JSON]) -> None:
        line = {"event": event, "time": datetime.now(UTC).isoformat(timespec="milliseconds"), **entry}
        with self._lock:
            try:
                self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
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
    crashed: bool  # it never said how it ended
    counts: Mapping[str, int]  # outcomes by status; "open" counts writes of which no outcome is recorded
    open_creates_at: datetime | None  # when the last create was sent of which nobody knows what became
    lost: Mapping[str, Lost] = field(default_factory=dict)  # by name


def unfinished(directory: Path, *, endpoint: str) -> tuple[Unfinished, ...]:
    """Return the runs against this endpoint that did not end verified and were not closed by a later one, by age."""
    found = []
    for path in sorted(directory.glob("*.jsonl")) if directory.is_dir() else ():
        lines = tuple(_lines(path))
        if not lines or lines[0].get("event") != "run" or lines[0].get("endpoint") != endpoint:
            continue
        ends = [line for line in lines if line["event"] in ("end", "closed")]
        if not any(line["event"] == "closed" or line.get("verified") for line in ends):
            found.append(_unfinished(path, lines, crashed=not ends))
    return tuple(found)


def close(runs: tuple[Unfinished, ...], *, by: str) -> None:
    """Note in each record that a later run found everything as wanted."""
    line = {"event": "closed", "time": datetime.now(UTC).isoformat(timespec="milliseconds"), "by": by}
    for run in runs:
        try:
            with run.path.open("ab") as file:
                file.write(json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise _cannot_write(run.path, error) from error


def _unfinished(path: Path, lines: tuple[Mapping[str, JSON], ...], *, crashed: bool) -> Unfinished:
    intents = {line["name"]: line for line in lines if line["event"] == "intent"}
    outcomes = {line["name"]: line for line in lines if line["event"] == "outcome"}
    counts: dict[str, int] = {}
    open_creates, lost = [], {}
    for name, intent in intents.items():
        outcome = outcomes.get(name)
        status = outcome["status"] if outcome else "open"
        if intent["verb"] == "create" and (outcome is None or outcome.get("lost") == "create"):
            open_creates.append(datetime.fromisoformat(intent["time"]))
        if intent["action"] == "replace" and status not in WELL:
            lost[name] = Lost(intent["attrs"], tuple(intent["marks"]))
        counts[status] = counts.get(status, 0) + 1
    return Unfinished(path, str(lines[0]["id"]), crashed, counts, max(open_creates, default=None), lost)


def _lines(path: Path) -> Iterator[Mapping[str, JSON]]:
    """Yield the lines of a record; a last line that a crash cut short is left out."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise RecordError("E062", "The run record cannot be read", f"{path}: {error.strerror}", fix="") from error
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            return
        if isinstance(value, dict) and "event" in value:
            yield value


def _shown(live: Live) -> dict[str, JSON]:
    return {"id": live.id, "attrs": dict(live.attrs), "marks": list(live.marks), "facts": dict(live.facts)}


def _ignore(directory: Path) -> None:
    """Keep git out of `.acrsync/`, where records and the emulator's state lie."""
    ignore = directory.parent / ".gitignore"
    if directory.parent.name == ".acrsync" and not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def _cannot_write(path: Path, error: OSError) -> RecordError:
    return RecordError(
        "E061",
        "The run record cannot be written",
        f"{path}: {error.strerror or error}. Without a record a crash could not be recovered from, so nothing is sent.",
        fix="free some space or choose another folder with `--record DIR`.",
    )
