"""The locks of runs whose records are in one folder. The operating system frees a lock when its process ends."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from acrsync.extras import make_private
from acrsync.runs.memory import MALFORMED, Holder
from acrsync.runs.record import normal
from acrsync.runs.recordfile import cannot_write

if TYPE_CHECKING:
    from filelock import FileLock

UNKNOWN = Holder("", "another process", "a moment ago", 0.0)


class Locks:
    """The file locks of the accounts at one endpoint, in the folder of their records.

    A run that knows its account locks that account. A run that does not know it yet locks all accounts of the endpoint.
    A gate lock, which is held only for a moment, protects the decision.
    """

    def __init__(self, folder: Path, *, endpoint: str | None, uid: int | None) -> None:
        self._folder, self._uid = folder, uid
        self._stem = "*" if endpoint is None else hashlib.sha256(normal(endpoint).encode()).hexdigest()[:12]
        self._own = self._path("any" if uid is None else str(uid))
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
                    self._held.pop().release()  # it only needed to be free
                self._holder = holder
                self.write_holder()
        except TimeoutError:
            self.release()
            return False
        except OSError as e:
            self.release()
            raise cannot_write(self._folder, e) from e
        return True

    def write_holder(self, *, up: float | None = None) -> None:
        """Record who holds the lock, and the uptime of the machine at its last write to the account."""
        path = self._own.with_suffix(".holder")
        new = path.with_suffix(".new")
        try:
            new.write_text(json.dumps({"holder": asdict(self._holder), "up": up}), encoding="utf-8")
            new.replace(path)
        except OSError as e:
            raise cannot_write(path, e) from e

    def last_write(self, run_id: str) -> float | None:
        """Return the uptime of the machine at a run's last write, None if unknown."""
        holder, up = _read_holder(self._own.with_suffix(".holder"))
        return up if holder.run == run_id else None

    def holder(self) -> Holder | None:
        """Return who holds the account, None if it is free."""
        for path in sorted(self._folder.glob(f"{self._stem}-*.holder")):
            relevant = self._uid is None or path.stem.endswith(("-any", f"-{self._uid}"))
            gate = path.with_name(f"{path.stem.partition('-')[0]}-gate.lock")
            if relevant and _is_locked(path.with_suffix(".lock"), gate=gate):
                return _read_holder(path)[0]
        return None

    def release(self) -> None:
        while self._held:
            self._held.pop().release()

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._stem}-{name}.lock"


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


def _read_holder(path: Path) -> tuple[Holder, float | None]:
    """Return who held a lock, and the uptime of the machine at its last write."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Holder.of(content["holder"]), content["up"]
    except (OSError, *MALFORMED):
        return UNKNOWN, None
