"""Interrupts while an apply writes: after the first, changes in progress finish; the second ends the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from acrsync.cli import SIGNALS
from acrsync.plan.outcome import ExitCode

CLEAR_LINE = "\r\x1b[2K"  # clears the progress line


@contextmanager
def in_two_stages(stop: threading.Event, *, last: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Handle signals during the block: the first sets `stop`, the second ends the process.

    `last` is called at the end of the block, and before the second signal ends the process.
    """
    interrupted = False

    def handle(_signum: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            # Worker threads may hang in a socket, and a normal exit would wait for them. All output is already flushed.
            _write("", CLEAR_LINE)
            with suppress(Exception):  # it may need what the interrupted code is using
                last()
            os._exit(ExitCode.INTERRUPTED)
        interrupted = True
        _write("Interrupted: changes in progress will finish. Interrupt again to exit immediately.\n", CLEAR_LINE)
        stop.set()

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        try:
            yield
        finally:
            last()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write(text: str, prefix: str) -> None:
    """Write to stderr without its buffer, which the interrupted code may be using."""
    with suppress(OSError):
        os.write(sys.stderr.fileno(), f"{prefix if sys.stderr.isatty() else ''}{text}".encode())
