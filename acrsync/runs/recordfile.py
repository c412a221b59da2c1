"""The file of one record in a folder: reading it, adding to it, and its errors."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

from acrsync.diagnostics import AcrsyncError
from acrsync.runs.memory import MALFORMED, past_run
from acrsync.runs.record import NEWER, Lines, NewerFormat, decoded, encoded

# Windows cannot open a folder, and some file systems, such as network shares, cannot sync one.
_CANNOT_SYNC = (errno.EACCES, errno.EPERM, errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP, errno.EISDIR)
TAIL = 1_000_000  # bytes: the end line of a run names all buckets of its manifest


def cannot_write(path: Path, error: OSError) -> AcrsyncError:
    """Return the error of a record that cannot be written."""
    return AcrsyncError(
        "E061",
        f"{path}: {error.strerror or error}. Without a record, no run could recover from a crash, so nothing is sent.",
        fix="free some space, or choose another folder with `--runs DIR`.",
    )


def read(path: Path) -> Lines:
    """Return the lines of one record. Raises: AcrsyncError."""
    try:
        lines = _lines_of(path)
        if lines and past_run(lines).id != path.stem:
            raise ValueError("its name is not the id of its run")
    except (OSError, *MALFORMED) as e:
        detail = "It may record a create whose outcome is unknown and that must not be sent again."
        fix = "read the file, check the buckets that it names in the console, and move the file away."
        raise _cannot_read("E062", path, e, detail=detail, fix=fix) from e
    return lines


def read_named(path: Path) -> Lines:
    """Return the lines of a record that the user named. Raises: AcrsyncError, also if it is not the record of a run."""
    try:
        lines = _lines_of(path)
        if not lines or "plan" not in lines[0]:
            raise ValueError("it is not the record of a run")
    except (OSError, *MALFORMED) as e:
        raise _cannot_read("E063", path, e, detail="", fix="name a run: `acrsync runs` lists them.") from e
    return lines


def add_lines(path: Path, lines: Lines) -> None:
    """Add lines to the record of an earlier run. Raises: AcrsyncError."""
    try:
        with path.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)  # removes a line that a crash cut short
            file.seek(0, os.SEEK_END)
            file.write(encoded(lines))
            file.flush()
            os.fsync(file.fileno())
    except OSError as e:
        raise cannot_write(path, e) from e


def sync_folder(folder: Path) -> None:
    """Fsync the directory entry of a new file, if possible: fsync of the file alone may not do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as e:
        if e.errno not in _CANNOT_SYNC:
            raise


def is_closed(path: Path) -> bool:
    """Return, from the last line alone, whether the run of a record left nothing open."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            last = json.loads(file.read().splitlines()[-1])
            return last["event"] == "closed" or (last["event"] == "end" and not last["open"])
    except (OSError, ValueError, LookupError):
        return False


def _lines_of(path: Path) -> Lines:
    """Return the lines of a regular file. Does not block on a FIFO."""
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a file")
        return decoded(file.read())


def _cannot_read(code: str, path: Path, error: Exception, *, detail: str, fix: str) -> AcrsyncError:
    fix = NEWER if isinstance(error, NewerFormat) else fix
    why = (isinstance(error, OSError) and error.strerror) or str(error)
    return AcrsyncError(code, f"{path}: {why}. {detail}".rstrip(), fix=fix)
