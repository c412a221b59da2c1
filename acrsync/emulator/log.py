"""The request log: each request, its answer, and whether it was carried out. It never contains a token."""

import threading
from collections import deque
from dataclasses import asdict, dataclass, field

LONGEST = 100_000


@dataclass(slots=True)
class Entry:
    """One request. `status` is None if the client got no answer; `acted`: the request was carried out."""

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
    """The last requests, numbered from 1 since the log was cleared."""

    _entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=LONGEST))
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, *, time: float, method: str, path: str, query: str) -> Entry:
        """Add and return the entry of a new request; the handler fills it."""
        with self._lock:
            self._count += 1
            entry = Entry(self._count, time, method, path, query)
            self._entries.append(entry)
            return entry

    def clear(self) -> None:
        """Remove all entries and count from 1 again."""
        with self._lock:
            self._entries.clear()
            self._count = 0

    def to_document(self) -> list[dict[str, object]]:
        """Return all entries as plain data."""
        with self._lock:
            return [asdict(entry) for entry in self._entries]
