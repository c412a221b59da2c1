"""A gate for changes: closed while one change is in doubt, or while a list must be read without changes in progress."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """A lock that every change passes before it begins. Changes in progress finish, also while the gate is closed."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._in_progress = 0
        self._closed = 0
        self.in_vain = False  # whether the gate was closed for an update that was never shown

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Wait until the gate is open; the block counts as a change in progress."""
        with self._condition:
            self._condition.wait_for(lambda: not self._closed)
            self._in_progress += 1
        try:
            yield
        finally:
            with self._condition:
                self._in_progress -= 1
                self._condition.notify_all()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Keep other changes from beginning during the block. The caller is itself a change in progress."""
        with self._condition:
            self._closed += 1
        try:
            yield
        finally:
            self._open()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep changes from beginning, and wait until none is in progress. The caller is not a change in progress."""
        with self._condition:
            self._condition.wait_for(lambda: not self._closed)
            self._closed += 1
            self._condition.wait_for(lambda: not self._in_progress)
        try:
            yield
        finally:
            self._open()

    def _open(self) -> None:
        with self._condition:
            self._closed -= 1
            self._condition.notify_all()
