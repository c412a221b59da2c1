"""A command at a real terminal: what it shows there, and an answer to its question."""

from __future__ import annotations

import os
import pty
import re
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from e2e.commandline import DEADLINE_S, Done, Place

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """The far side of the terminal that the command has as its stdin and stderr."""

    place: Place
    process: Any
    side: int
    seen: str = ""

    def wait_for(self, text: str) -> None:
        begun = time.monotonic()
        while text not in self.seen:
            assert time.monotonic() - begun < DEADLINE_S, self.seen
            self._read()

    def type(self, text: str) -> None:
        os.write(self.side, text.encode("utf-8", "surrogateescape"))

    def ended(self) -> Done:
        done = self.place.ended(self.process)
        while self._read():
            pass
        return Done(done.code, done.out, CONTROL.sub("", self.seen).replace("\r\n", "\n"))

    def _read(self) -> bool:
        try:
            piece = os.read(self.side, 65536)
        except OSError:  # how Linux says that the other side is closed
            return False
        self.seen += piece.decode("utf-8", "replace")
        return bool(piece)


@contextmanager
def at_a_terminal(
    place: Place, *arguments: str, command: list[Any] | None = None, columns: int | None = None
) -> Iterator[Terminal]:
    """Start the command with a terminal as stdin and stderr; stdout stays a pipe, unless `columns` are given."""
    side, other = pty.openpty()
    options: dict[str, Any] = {"stdin": other, "stderr": other, "environment": {"TERM": "xterm"}}
    if columns is not None:
        termios.tcsetwinsize(other, (24, columns))
        options["stdout"] = other
    process = place.start(*arguments, **options) if command is None else place.begin([*command, *arguments], **options)
    os.close(other)
    try:
        yield Terminal(place, process, side)
    finally:
        process.kill()
        process.wait()
        os.close(side)
