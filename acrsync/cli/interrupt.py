"""Interrupts in two stages while an apply writes: the first finishes what is in flight, the second leaves at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from acrsync.cli import SIGNALS
from acrsync.plan.outcome import ExitCode

CLEAR_LINE = "\r\x1b[2K"  # progress has the line


@contextmanager
def in_two_stages(stop: threading.Event) -> Iterator[None]:
    """Handle SIGINT and SIGTERM alike for the time of the block: the first sets `stop`, the second ends the process."""
    interrupted = False

    def handle(_signum: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            # Worker threads may hang in a socket; an ordinary exit would wait for them. All output is flushed already.
            _tell("", CLEAR_LINE)
            os._exit(ExitCode.INTERRUPTED)
        interrupted = True
        _tell("Interrupted: finishing what is in flight. Interrupt again to leave at once.\n", CLEAR_LINE)
        stop.set()

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(text: str, at_a_terminal: str) -> None:
    """Write to stderr past its buffer, which the interrupted code may be writing to."""
    with suppress(OSError):
        os.write(sys.stderr.fileno(), f"{at_a_terminal if sys.stderr.isatty() else ''}{text}".encode())
