"""Who may begin a change: nobody while one of them is in doubt, and one alone who must see the account at rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """What every change passes before it begins. What has begun ends, also while it is closed."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._under_way = 0
        self._closed = 0

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Wait until it is open, and be under way for the time of the block."""
        with self._moved:
            self._moved.wait_for(lambda: not self._closed)
            self._under_way += 1
        try:
            yield
        finally:
            with self._moved:
                self._under_way -= 1
                self._moved.notify_all()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let nobody begin for the time of the block; for one who is under way."""
        with self._moved:
            self._closed += 1
        try:
            yield
        finally:
            self._open()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let nobody begin, and wait until nobody is under way; for one who is not."""
        with self._moved:
            self._moved.wait_for(lambda: not self._closed)
            self._closed += 1
            self._moved.wait_for(lambda: not self._under_way)
        try:
            yield
        finally:
            self._open()

    def _open(self) -> None:
        with self._moved:
            self._closed -= 1
            self._moved.notify_all()
