"""The runs in a folder of this machine: one file for each run, and locks that end with their process.

The intent of a write is on disk before the write is sent. As with a lease, a run does not hold the account while it
lists and plans: it takes the lock when it begins, and then checks that no record has changed since. A record without
an end, whose lock is free, belongs to a run that crashed. If that run wrote on this machine since the last boot, the
uptime of the machine gives the age of its last request. Otherwise the age counts from when acrsync finds the record.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from acrsync.clock import Clock
from acrsync.diagnostics import AcrsyncError
from acrsync.frozen import frozen
from acrsync.model import Attrs, Live
from acrsync.plan.changes import Work
from acrsync.plan.outcome import Outcome, Verb
from acrsync.runs import LANDING_S, held, lost_race
from acrsync.runs.locks import Locks
from acrsync.runs.memory import Holder, Known, PastRun, end_of, past_run
from acrsync.runs.record import (
    Line,
    Lines,
    Wanted,
    Who,
    closed_line,
    encoded,
    intent_line,
    new_id,
    normal,
    outcome_line,
    run_line,
)
from acrsync.runs.recordfile import add_lines, cannot_write, is_closed, read, sync_folder

POLL_S = 0.5
NEWEST = 20  # closed records that are read, too: they contain what the next list must show
BOOT = Path("/proc/sys/kernel/random/boot_id")


@frozen
class Account:
    """The account whose runs are read."""

    endpoint: str | None  # None: all accounts
    uid: int | None  # None: unknown, so all accounts at the endpoint

    def may_include(self, run: PastRun) -> bool:
        """Return whether a run was, or may have been, in this account."""
        here = self.endpoint is None or normal(run.header["endpoint"]) == normal(self.endpoint)
        return here and (self.uid is None or run.header["uid"] in (self.uid, None))


class FolderRuns:
    """The runs of one account whose records are in one folder."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        account: Account,
        *,
        who: Who,
        settle_s: float,
        landing_s: float = LANDING_S,
        strict: bool = False,
    ) -> None:
        self.where = str(folder)
        self.folder, self.clock, self.who = folder, clock, who
        self.account = account
        self.settle_s, self.landing_s, self.strict = settle_s, landing_s, strict
        self.locks = Locks(folder, endpoint=account.endpoint, uid=account.uid)
        self._last_read: tuple[tuple[PastRun, Lines], ...] = ()  # what `wait_until_free` read last
        self._run: FolderRun | None = None

    def peek(self) -> Known:
        return Known(tuple(run for run, _ in self._mine()), self.locks.holder())

    def wait_until_free(
        self, *, lock_timeout_s: float, notify: Callable[[str], object], in_flight: bool = True
    ) -> Known:
        began, last_message = self.clock.now(), ""
        while holder := self.locks.holder():
            if self.clock.now() - began >= lock_timeout_s:
                raise held(holder)
            if (message := f"Waiting: {holder} holds the account.") != last_message:
                notify(last_message := message)
            self._wait(POLL_S)
        began = self.clock.now()
        self._last_read = tuple(self._mine())
        left_s = self._remaining_wait_s(waited_s=0.0) if in_flight else 0.0
        if left_s > 0:
            notify(f"Waiting {left_s:.0f} s: a request of an earlier run may still arrive, or the list may lag.")
        while left_s > 0:
            self._wait(left_s)
            self._last_read = tuple(self._mine())
            left_s = self._remaining_wait_s(waited_s=self.clock.now() - began)
        return self._known

    def begin(self, wanted: Wanted, *, rows: Sequence[Live]) -> FolderRun:
        now = self.clock.wall()
        run_id = new_id(now)
        known = self._locked(run_id)
        self._run = run = FolderRun(self, run_id)
        run.write({**run_line(run_id, wanted, self.who, now=now), "boot": boot_id()}, sync=True)
        self.add(known.settled(rows, by=run_id, now=now))
        return run

    def settle(self, *, rows: Sequence[Live]) -> None:
        now = self.clock.wall()
        if settled := self._known.settled(rows, by="", now=now):
            self._locked("")
            self.add(settled)
            self.locks.release()

    def close(self, run_id: str, *, reason: str) -> None:
        run = self._locked("").unfinished_run(run_id)
        self.add({run.id: (closed_line(by=str(self.who), reason=reason, now=self.clock.wall()),)})
        self.locks.release()

    @property
    def _known(self) -> Known:
        return Known(tuple(run for run, _ in self._last_read))

    def release(self) -> None:
        if self._run is not None:
            self._run.stop()
        self.locks.release()

    def _locked(self, run_id: str) -> Known:
        """Lock the account and return what `wait_until_free` returned. Raises: LostRace."""
        holder = Holder(run_id, str(self.who), self.clock.wall().isoformat(timespec="seconds"), 0.0)
        if not self.locks.take(holder) or tuple(self._mine()) != self._last_read:
            self.locks.release()
            raise lost_race(self.where)
        return self._known

    def history(self) -> Iterator[tuple[str, Lines]]:
        return ((run.id, lines) for run, lines in self._mine(newest=None))

    def add(self, added: Mapping[str, Lines]) -> None:
        """Add lines to the records of earlier runs. Raises: AcrsyncError."""
        for run_id, lines in added.items():
            add_lines(self.folder / f"{run_id}.jsonl", lines)

    def uptime_s(self) -> float:
        """Return how long this machine has been up, including sleep."""
        return round(self.clock.readings()[1], 3)

    def _wait(self, seconds: float) -> None:
        if not self.clock.wait(seconds):
            raise KeyboardInterrupt

    def _mine(self, *, newest: int | None = NEWEST) -> Iterator[tuple[PastRun, Lines]]:
        """Yield each run of this account and its lines, oldest first; of closed runs, only the `newest`.

        Raises: AcrsyncError if a record cannot be read.
        """
        paths = sorted(self.folder.glob("*.jsonl")) if self.folder.is_dir() else []
        for number, path in enumerate(paths, -len(paths)):
            if newest is not None and number < -newest and is_closed(path):
                continue
            lines = read(path)
            if lines and (run := past_run(lines)) and self.account.may_include(run):
                yield run, lines

    def _remaining_wait_s(self, *, waited_s: float) -> float:
        """Return how long a request of the runs read last may still arrive, or be missing from a list."""
        left_s = 0.0
        for run, lines in self._last_read:
            if any(left.undecided for left in run.open):
                sent = self.locks.last_write(run.id) if lines[0].get("boot") == boot_id() != "" else None
                age_s = waited_s if sent is None else max(waited_s, self.uptime_s() - sent)
                left_s = max(left_s, self.landing_s + self.settle_s - age_s)
        return left_s


class FolderRun:
    """One apply that writes its record."""

    def __init__(self, runs: FolderRuns, run_id: str) -> None:
        self.id, self._runs = run_id, runs
        self.path = runs.folder / f"{run_id}.jsonl"
        self.where = str(self.path)
        self._lock = threading.Lock()
        self._broken: OSError | None = None
        try:
            self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            try:
                sync_folder(runs.folder)
            except OSError:
                self._file.close()
                raise
        except OSError as e:
            raise cannot_write(self.path, e) from e

    @property
    def lines(self) -> Lines:
        return read(self.path)

    def intent(self, verb: Verb, change: Work, *, attrs: Attrs, marks: tuple[str, ...]) -> None:
        if self._broken is not None:
            raise cannot_write(self.path, self._broken)
        claim = self._runs.strict and verb == "create"
        now = self._runs.clock.wall()
        self.write(intent_line(verb, change, attrs=attrs, marks=marks, now=now, claim=claim), sync=True)

    def outcome(self, outcome: Outcome) -> None:
        with suppress(AcrsyncError):
            self.write(outcome_line(outcome, now=self._runs.clock.wall()))

    def before_write(self) -> None:
        """Record when a write is sent: later runs need its age. A file lock cannot be lost, so this never refuses."""
        with self._lock:
            self._runs.locks.write_holder(up=self._runs.uptime_s())

    def end(self, *, exit_code: int, verified: bool, rows: Sequence[Live] | None, managed: Mapping[int, str]) -> None:
        now, lines = self._runs.clock.wall(), read(self.path)
        self.write(end_of(lines, exit_code=exit_code, verified=verified, managed=managed, now=now), sync=True)
        if rows is not None:
            self._runs.add(self._runs.peek().settled(rows, by=self.id, now=now, lines=lines))

    def write(self, line: Line, *, sync: bool = False) -> None:
        """Add a line; with `sync`, return when it is on disk. Several threads may wait for the disk at once."""
        try:
            with self._lock:
                self._file.write(encoded([line]))
                self._file.flush()
            if sync:
                os.fsync(self._file.fileno())
        except OSError as e:
            self._broken = e
            raise cannot_write(self.path, e) from e

    def stop(self) -> None:
        with suppress(OSError):  # a failed write was reported already
            self._file.close()


def boot_id() -> str:
    """Return the id of this boot of the machine, an empty text if the system does not provide one."""
    try:
        return BOOT.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
