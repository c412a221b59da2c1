"""The request log: what came in, what went out, and whether the server acted. It never holds a token."""

import threading
from collections import deque
from dataclasses import asdict, dataclass, field

LONGEST = 100_000


@dataclass(slots=True)
class Entry:
    """One request. `status` is what the client was sent, None if it got no answer; `acted` whether it was obeyed."""

    number: int
    time: float
    method: str
    path: str
    query: str
    body: object = None
    status: int | None = None
    fault: str | None = None
    rule: int | None = None
    acted: bool = False


@dataclass(slots=True)
class RequestLog:
    """The last requests, numbered from 1 since the last clearing."""

    _entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=LONGEST))
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, *, time: float, method: str, path: str, query: str) -> Entry:
        """Return the entry of a new request, to be filled while it is handled."""
        with self._lock:
            self._count += 1
            entry = Entry(self._count, time, method, path, query)
            self._entries.append(entry)
            return entry

    def clear(self) -> None:
        """Forget all entries and count from 1 again."""
        with self._lock:
            self._entries.clear()
            self._count = 0

    def to_document(self) -> list[dict[str, object]]:
        """Return all entries as plain data."""
        with self._lock:
            return [asdict(entry) for entry in self._entries]
