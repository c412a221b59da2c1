"""Progress on stderr: one line that is redrawn on a terminal, a line at intervals in a log.

Why not a library: rich and its dependencies were three quarters of an installed acrsync, for one bar.
"""

from __future__ import annotations

import io
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from acrsync.cli import output

if TYPE_CHECKING:
    from acrsync import Account, Outcome

PATIENCE_S = 1.0  # no progress for a shorter time
DRAWN_S = 0.2
LOG_S = 15.0  # between lines in a log, and before the first
CLEAR = "\x1b[G\x1b[2K"
BAR = 24  # columns


@contextmanager
def reading(account: Account) -> Iterator[None]:
    """Show the progress of reading the account during the block."""
    with _Line(_requests("Reading the account", account), patience_s=PATIENCE_S).shown():
        yield


@contextmanager
def applying(account: Account, *, total: int, color: str) -> Iterator[Callable[[Iterable[Outcome]], Iterable[Outcome]]]:
    """Yield a function that prints outcomes and passes them on. After the last one, show the reading back."""
    from acrsync.report.result import outcome_line

    style = output.style(color, sys.stderr)
    done = 0

    def bar(elapsed_s: float) -> str:
        full = BAR * done // total if total else BAR
        return f"Applying [{'#' * full}{'.' * (BAR - full)}] {done}/{total}, {_minutes(elapsed_s)}"

    line = _Line(bar, patience_s=DRAWN_S, log=False)

    def stream(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        nonlocal done
        for outcome in outcomes:
            done += 1
            number = "" if line.at_a_terminal else f"[{done}/{total}] "
            output.say(number + outcome_line(outcome, style=style))
            yield outcome
        line.set_text(_requests("Reading the account back", account))

    with line.shown():
        yield stream


def _requests(doing: str, account: Account) -> Callable[[float], str]:
    from acrsync.report.style import counted

    before = account.sent.get("GET", 0)
    return lambda elapsed_s: (
        f"{doing}: {counted(account.sent.get('GET', 0) - before, 'request')}, {_minutes(elapsed_s)}"
    )


def _minutes(elapsed_s: float) -> str:
    return f"{int(elapsed_s) // 60}:{int(elapsed_s) % 60:02}"


class _Line:
    """A line at the end of stderr. `text` returns it for the elapsed seconds."""

    def __init__(self, text: Callable[[float], str], *, patience_s: float, log: bool = True) -> None:
        self.at_a_terminal = output.moves_the_cursor(sys.stderr)
        self._patience_s = patience_s
        self._log = log
        self._stream = sys.stderr
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._drawn = False
        self.set_text(text)

    def set_text(self, text: Callable[[float], str]) -> None:
        """Show another text from now on."""
        self._text, self._began = text, time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the line until the block ends; other output on stderr appears above it."""
        thread = threading.Thread(target=self._draw_again if self.at_a_terminal else self._log_again, daemon=True)
        above = _Above(self) if self.at_a_terminal else None
        thread.start()
        if above is not None:
            sys.stderr = above
        try:
            yield
        finally:
            self._over.set()
            if above is not None:
                sys.stderr = self._stream
                above.flush()
                above.detach()
            thread.join()
            self.clear()

    def clear(self) -> None:
        with self._lock:
            if self._drawn:
                output.draw(self._stream, CLEAR)
            self._drawn = False

    @contextmanager
    def cleared(self) -> Iterator[None]:
        with self._lock:
            self.clear()
            yield

    def _draw_again(self) -> None:
        wait_s = self._patience_s
        while not self._over.wait(wait_s):
            with self._lock:
                width = shutil.get_terminal_size().columns - 1
                output.draw(self._stream, CLEAR + self._text(time.monotonic() - self._began)[:width])
                self._drawn = True
            wait_s = DRAWN_S

    def _log_again(self) -> None:
        while not self._over.wait(LOG_S):
            if self._log:
                output.say(self._text(time.monotonic() - self._began))


class _Above(io.TextIOWrapper):
    """stderr while the line is shown at its end."""

    def __init__(self, line: _Line) -> None:
        stream = sys.stderr
        super().__init__(stream.buffer, encoding=stream.encoding, errors=stream.errors, write_through=True)
        self._line = line

    def write(self, text: str, /) -> int:
        with self._line.cleared():
            written = super().write(text)
            super().flush()
            return written
