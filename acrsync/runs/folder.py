"""The memory of runs in a folder of this machine: one file for each run, and locks that die with their process.

An intent is on disk before its write is sent. As with a lease, nothing is held while a run lists and plans: it locks
the account when it begins, and looks whether any record changed since. The operating system frees the lock when the
process ends, however it ends: so a record without an end, whose lock is free, is of a run that is dead. Since when is
told by the last line that it wrote, if that was on this machine since it was started: then its clock still counts.
Otherwise the time counts from now on.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from acrsync.clock import Clock
from acrsync.diagnostics import AcrsyncError
from acrsync.extras import make_private
from acrsync.model import Attrs, Live
from acrsync.plan.changes import Work
from acrsync.plan.outcome import Outcome, Verb
from acrsync.runs import LANDING_S, Moved, held
from acrsync.runs.memory import NONSENSE, Holder, Known, Past, changes, past
from acrsync.runs.record import (
    Line,
    Lines,
    Wanted,
    Who,
    closed_line,
    decoded,
    encoded,
    end_line,
    intent_line,
    key_of,
    new_id,
    normal,
    outcome_line,
    run_line,
)

if TYPE_CHECKING:
    from filelock import FileLock

POLL_S = 0.5
TAIL = 1_000_000  # bytes: the end of a run names all buckets of its manifest
NEWEST = 20  # records that are read although they are closed: what the next list must show is in them
UNKNOWN = Holder("", "another process", "a moment ago", 0.0)
BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Account:
    """Whose runs are meant."""

    endpoint: str | None  # None: those of all accounts, to be listed
    uid: int | None  # None: not known, so those of all accounts at the endpoint

    def ran(self, run: Past) -> bool:
        """Tell whether a run was, or may have been, in this account."""
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
        self.locks = Locks(folder, account)
        self._seen: tuple[tuple[Past, Lines], ...] = ()  # as `take` saw it last
        self._run: FolderRun | None = None

    def look(self) -> Known:
        return Known(tuple(run for run, _ in self._mine()), self.locks.holder())

    def take(self, *, lock_timeout_s: float, tell: Callable[[str], object], landed: bool = True) -> Known:
        began, told = self.clock.now(), ""
        while holder := self.locks.holder():
            if self.clock.now() - began >= lock_timeout_s:
                raise held(holder)
            if (message := f"Waiting: {holder} holds the account.") != told:
                tell(told := message)
            self._wait(POLL_S)
        began = self.clock.now()
        self._seen = tuple(self._mine())
        left_s = self._landing_in(waited_s=0.0) if landed else 0.0
        if left_s > 0:
            tell(f"Waiting {left_s:.0f} s: what an earlier run sent may still land, or not be listed yet.")
        while left_s > 0:
            self._wait(left_s)
            self._seen = tuple(self._mine())
            left_s = self._landing_in(waited_s=self.clock.now() - began)
        return Known(tuple(run for run, _ in self._seen))

    def begin(self, wanted: Wanted, *, rows: Sequence[Live]) -> FolderRun:
        now = self.clock.wall()
        run_id = new_id(now)
        known = self._locked(run_id)
        self._run = run = FolderRun(self, run_id)
        run.write({**run_line(run_id, wanted, self.who, now=now), "boot": boot()}, sync=True)
        self.add(known.settled(rows, by=run_id, now=now))
        return run

    def settle(self, *, rows: Sequence[Live]) -> None:
        now = self.clock.wall()
        if settled := Known(tuple(run for run, _ in self._seen)).settled(rows, by="", now=now):
            self._locked("")
            self.add(settled)
            self.locks.release()

    def close(self, run_id: str, *, reason: str) -> None:
        run = self._locked("").one(run_id)
        self.add({run.id: (closed_line(by=str(self.who), reason=reason, now=self.clock.wall()),)})
        self.locks.release()

    def release(self) -> None:
        if self._run is not None:
            self._run.stop()
        self.locks.release()

    def _locked(self, run_id: str) -> Known:
        """Lock the account and return what is known, which is what `take` returned. Raises: Moved."""
        holder = Holder(run_id, str(self.who), self.clock.wall().isoformat(timespec="seconds"), 0.0)
        if not self.locks.take(holder) or tuple(self._mine()) != self._seen:
            self.locks.release()
            raise Moved("E077", f"{self.where} was changed meanwhile.")
        return Known(tuple(run for run, _ in self._seen))

    def history(self) -> Iterator[tuple[str, Lines]]:
        return ((run.id, lines) for run, lines in self._mine(newest=None))

    def add(self, added: Mapping[str, Lines]) -> None:
        """Add lines to the records of earlier runs. Raises: AcrsyncError."""
        for run_id, lines in added.items():
            path = self.folder / f"{run_id}.jsonl"
            try:
                with path.open("r+b") as file:
                    file.truncate(file.read().rfind(b"\n") + 1)  # a line that a crash cut short
                    file.seek(0, os.SEEK_END)
                    file.write(encoded(lines))
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as e:
                raise cannot_write(path, e) from e

    def up(self) -> float:
        """Return for how long this machine has been up, as far as its clock tells."""
        return round(self.clock.readings()[1], 3)

    def _wait(self, seconds: float) -> None:
        if not self.clock.wait(seconds):
            raise KeyboardInterrupt

    def _mine(self, *, newest: int | None = NEWEST) -> Iterator[tuple[Past, Lines]]:
        """Yield each run, and its lines, of this account, oldest first; of closed ones, only the newest.

        Raises: AcrsyncError if any cannot be read.
        """
        paths = sorted(self.folder.glob("*.jsonl")) if self.folder.is_dir() else []
        for number, path in enumerate(paths, -len(paths)):
            if newest is not None and number < -newest and _is_closed(path):
                continue
            lines = read(path)
            if lines and (run := past(lines)) and self.account.ran(run):
                yield run, lines

    def _landing_in(self, *, waited_s: float) -> float:
        """Return for how long something that the runs seen last sent may still land, or be missing from a list."""
        left_s = 0.0
        for run, lines in self._seen:
            if any(left.undecided for left in run.open):
                sent = self.locks.sent(run.id) if lines[0].get("boot") == boot() != "" else None
                age_s = waited_s if sent is None else max(waited_s, self.up() - sent)
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
                _sync_folder(runs.folder)
            except OSError:
                self._file.close()
                raise
        except OSError as e:
            raise cannot_write(self.path, e) from e

    def intent(self, verb: Verb, change: Work, *, attrs: Attrs, marks: tuple[str, ...]) -> None:
        if self._broken is not None:
            raise cannot_write(self.path, self._broken)
        claim = self._runs.strict and verb == "create"
        now = self._runs.clock.wall()
        self.write(intent_line(verb, change, attrs=attrs, marks=marks, now=now, claim=claim), sync=True)

    def outcome(self, outcome: Outcome) -> None:
        with suppress(AcrsyncError):
            self.write(outcome_line(outcome, now=self._runs.clock.wall()))

    def last_look(self) -> None:
        """Note when a write is sent, for later runs that need its age. The lock cannot be lost."""
        with self._lock:
            self._runs.locks.note(up=self._runs.up())

    def end(self, *, exit_code: int, verified: bool, rows: Sequence[Live] | None, managed: Mapping[int, str]) -> None:
        now, lines = self._runs.clock.wall(), read(self.path)
        done = tuple(line for line in lines if line["event"] == "outcome")
        changed = changes({key_of(line): line for line in done}.values())
        left = len(past(lines).open)
        self.write(
            end_line(exit_code=exit_code, verified=verified, left=left, changed=changed, managed=managed, now=now),
            sync=True,
        )
        if rows is not None:
            self._runs.add(self._runs.look().settled(rows, by=self.id, now=now, done=done))

    def write(self, line: Line, *, sync: bool = False) -> None:
        """Add a line; with `sync` return when it is on disk. Threads may wait for each other's lines at once."""
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
        with suppress(OSError):  # it was reported when it was written
            self._file.close()


class Locks:
    """The file locks of the accounts at one endpoint, in the folder of their records.

    A run that knows its account locks that one. One that does not know it yet locks all of the endpoint. What is locked
    is decided under a gate, which nobody holds for longer than that.
    """

    def __init__(self, folder: Path, account: Account) -> None:
        self._folder, self._uid = folder, account.uid
        endpoint = None if account.endpoint is None else normal(account.endpoint).encode()
        self._stem = "*" if endpoint is None else hashlib.sha256(endpoint).hexdigest()[:12]
        self._own = self._path("any" if account.uid is None else str(account.uid))
        self._held: list[FileLock] = []
        self._holder = UNKNOWN

    def take(self, holder: Holder) -> bool:
        """Lock, or return False if another run has the lock. Raises: AcrsyncError if the folder cannot be written."""
        if self._held:
            return True
        try:
            make_private(self._folder)
            with _lock(self._path("gate")):
                numbered = self._folder.glob(f"{self._stem}-[0-9]*.lock")
                for path in (self._own, *(numbered if self._uid is None else [self._path("any")])):
                    lock = _lock(path)
                    lock.acquire(blocking=False)
                    self._held.append(lock)
                if self._uid is not None:
                    self._held.pop().release()  # it only had to be free
                self._holder = holder
                self.note()
        except TimeoutError:
            self.release()
            return False
        except OSError as e:
            self.release()
            raise cannot_write(self._folder, e) from e
        return True

    def note(self, *, up: float | None = None) -> None:
        """Say who holds the lock, and when it sent a write last, as the machine's clock shows it."""
        path = self._own.with_suffix(".holder")
        new = path.with_suffix(".new")
        try:
            new.write_text(json.dumps({"holder": asdict(self._holder), "up": up}), encoding="utf-8")
            new.replace(path)
        except OSError as e:
            raise cannot_write(path, e) from e

    def sent(self, run_id: str) -> float | None:
        """Return when a run sent a write last, None if that is not known."""
        holder, up = _noted(self._own.with_suffix(".holder"))
        return up if holder.run == run_id else None

    def holder(self) -> Holder | None:
        """Return who holds the account, None if nobody does."""
        for path in sorted(self._folder.glob(f"{self._stem}-*.holder")):
            concerns = self._uid is None or path.stem.endswith(("-any", f"-{self._uid}"))
            gate = path.with_name(f"{path.stem.partition('-')[0]}-gate.lock")
            if concerns and _is_locked(path.with_suffix(".lock"), gate=gate):
                return _noted(path)[0]
        return None

    def release(self) -> None:
        while self._held:
            self._held.pop().release()

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._stem}-{name}.lock"


def cannot_write(path: Path, error: OSError) -> AcrsyncError:
    """Return the error of a record that cannot be written."""
    return AcrsyncError(
        "E061",
        f"{path}: {error.strerror or error}. Without a record a crash could not be recovered from, so nothing is sent.",
        fix="free some space, or choose another folder with `--runs DIR`.",
    )


def boot() -> str:
    """Return what tells this start of this machine from all others; nothing if the system does not say."""
    try:
        return BOOT.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def read(path: Path) -> Lines:
    """Return the lines of one record. Raises: AcrsyncError."""
    try:
        lines = _understood(path)
        if lines and past(lines).id != path.stem:
            raise ValueError("its name is not the id of its run")
    except (OSError, *NONSENSE) as e:
        detail = "It may tell of a create whose end nobody knows, and that must not be sent again."
        fix = "look at what it says, see to it by hand, and move the file away."
        raise _cannot_read("E062", path, e, detail=detail, fix=fix) from e
    return lines


def read_named(path: Path) -> Lines:
    """Return the lines of a record that a person named. Raises: AcrsyncError, also if there is no run in it."""
    try:
        lines = _understood(path)
        if not lines or "plan" not in lines[0]:
            raise ValueError("it holds no run")
    except (OSError, *NONSENSE) as e:
        raise _cannot_read("E063", path, e, detail="", fix="name a run: `acrsync runs` lists them.") from e
    return lines


def _understood(path: Path) -> Lines:
    """Return the lines of a file; a FIFO or folder is not waited for."""
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a file")
        return decoded(file.read())


def _cannot_read(code: str, path: Path, error: Exception, *, detail: str, fix: str) -> AcrsyncError:
    why = (isinstance(error, OSError) and error.strerror) or str(error)
    return AcrsyncError(code, f"{path}: {why}. {detail}".rstrip(), fix=fix)


def _is_closed(path: Path) -> bool:
    """Tell, by its end alone, whether a record is of a run of which nothing is open."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            last = json.loads(file.read().splitlines()[-1])
            return last["event"] == "closed" or (last["event"] == "end" and not last["open"])
    except (OSError, ValueError, LookupError):
        return False


def _lock(path: Path) -> FileLock:
    from filelock import FileLock

    return FileLock(path, mode=0o600, thread_local=False)


def _is_locked(path: Path, *, gate: Path) -> bool:
    try:
        with _lock(gate), _lock(path).acquire(blocking=False):
            return False
    except TimeoutError:
        return True
    except OSError:
        return False


def _noted(path: Path) -> tuple[Holder, float | None]:
    """Return who held a lock, and when it sent a write last."""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        return Holder(**noted["holder"]), noted["up"]
    except (OSError, *NONSENSE):
        return UNKNOWN, None


# Windows opens no folder, and some file systems, as those of shared folders, cannot sync one.
_CANNOT_SYNC = (errno.EACCES, errno.EPERM, errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP, errno.EISDIR)


def _sync_folder(folder: Path) -> None:
    """Wait until the disk has a new file's name, too: syncing the file alone need not do that.

    Does nothing where that is not possible.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as e:
        if e.errno not in _CANNOT_SYNC:
            raise
