"""Output: the result goes to stdout, everything else to stderr."""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import TYPE_CHECKING, Literal, TextIO

if TYPE_CHECKING:  # loaded by every command, `--version` too, so it loads nothing that it may not need
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from acrsync.diagnostics import Diagnostic
    from acrsync.report.style import Style


def prepare() -> None:
    """Make the streams accept every character, escaped if needed, and open those that are closed (`>&-`)."""
    sys.stdin = sys.stdin or _nothing("r")
    sys.stdout = sys.stdout or _nothing("w")
    sys.stderr = sys.stderr or _nothing("w")
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if hasattr(sys.stdout, "reconfigure") and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")  # for a file or program: the same bytes on every machine


def _nothing(mode: Literal["r", "w"]) -> TextIO:
    """Return a stream to the null device. It takes the lowest free descriptor, that of the closed stream."""
    return os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8")


class Unwritten(Exception):
    """The result could not be written, as on a full disk. This is already reported."""


def answer(text: str) -> None:
    """Write to stdout. If the reader has closed the pipe (`| head`), the text is dropped.

    Raises: Unwritten.
    """
    if not _write(sys.stdout, text):
        raise Unwritten


def last_answer(text: str) -> None:
    """Write the result of a run to stdout. A failure is reported, but does not change the exit code."""
    _write(sys.stdout, text)


def say(text: str) -> None:
    """Write a line to stderr."""
    _write(sys.stderr, text + "\n")


def say_all(diagnostics: Iterable[Diagnostic], *, style: Style | None = None) -> None:
    """Write messages to stderr."""
    from acrsync.report import PLAIN, diagnostics_text

    say(diagnostics_text(diagnostics, style=style or PLAIN).rstrip("\n"))


def draw(stream: TextIO, text: str) -> None:
    """Write a part of a line to a terminal."""
    _write(stream, text)


def moves_the_cursor(stream: TextIO) -> bool:
    """Return whether a line on this stream can be overwritten."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def close() -> None:
    """Flush both streams, so that Python does not fail to do so at exit."""
    _write(sys.stdout, "")
    _write(sys.stderr, "")


def _write(stream: TextIO, text: str) -> bool:
    """Return whether the text was written, or dropped because the reader closed the pipe."""
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if isinstance(error, BrokenPipeError):
            return True
        if stream is sys.stdout:
            _report_unwritten(error)
        return False
    return True


def _report_unwritten(failure: OSError) -> None:
    from acrsync.diagnostics import error

    say_all((error("E004", f"{failure.strerror}.", fix="free some space, or write to another file."),))


def coloured(color: str, stream: TextIO) -> bool:
    """Return whether a stream gets color: by `--color`, else NO_COLOR, else FORCE_COLOR, else if it is a terminal."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0", "false"):
        return True
    return moves_the_cursor(stream)


def style(color: str, stream: TextIO) -> Style:
    """Return the style of a stream: its color, and the width of its terminal, if it is one."""
    from acrsync.report.style import Style

    return Style(coloured(color, stream), _width(stream))


def _width(stream: TextIO) -> int | None:
    if not stream.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def now() -> datetime:
    """Return the current time in UTC."""
    from datetime import UTC, datetime

    return datetime.now(UTC)


def clear(path: Path, *, begins: bytes) -> None:
    """Remove a file that `save` will write later, and that begins like one that it wrote before.

    Raises: AcrsyncError if it could not be written now, or if it is another file.
    """
    if _descriptor(path) is not None or (path.exists() and not path.is_file()):
        return
    try:
        is_other = path.exists() and path.read_bytes()[: len(begins)] not in (begins, b"")
    except OSError:
        is_other = False  # `save` reports the error
    if is_other:
        from acrsync.diagnostics import AcrsyncError

        detail = f"{path} exists and does not look like a file that acrsync wrote here before, so it is not replaced."
        raise AcrsyncError("E005", detail, fix="choose another name, or remove that file.")
    save(path, "")
    path.unlink(missing_ok=True)


def _descriptor(path: Path) -> int | None:
    """Return the number of the open file that a path such as /dev/stdout stands for, None if it is another path.

    Why: if stdout is redirected, this path is a link to a regular file. To replace it would replace the link in /dev.
    """
    match = re.fullmatch("/dev/std(out|err)|(?:/dev|/proc/self)/fd/([0-9]+)", str(path))
    return match and (int(match[2]) if match[2] else ("out", "err").index(match[1]) + 1)


def save(path: Path, text: str) -> None:
    """Write a file atomically, or in place if it is not a regular file, such as /dev/stdout."""
    try:
        if (number := _descriptor(path)) is not None:
            sys.stdout.flush()
            with os.fdopen(os.dup(number), "w", encoding="utf-8") as stream:  # at its position, as for all other output
                stream.write(text)
            return
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        from acrsync.diagnostics import AcrsyncError
        from acrsync.extras import as_owner

        fix = f"choose a folder that exists and that you may write to{as_owner(path)}."
        if error.errno == errno.ENOSPC:
            fix = "free some space, or choose another folder."
        detail = f"{path}: {error.strerror or error}. No incomplete file is left."
        raise AcrsyncError("E005", detail, fix=fix) from error
