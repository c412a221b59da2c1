"""The pauses between attempts."""

import random
import threading
import time

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

BACKOFF_MAX_S = 120.0  # as in urllib3
RETRY_AFTER_MAX_S = 21_600.0  # as in urllib3
RETRIES_OF_TRUE = 3  # urllib3's default
_RANDOM = random.SystemRandom()


def attempts_of(retries: bool | int | None) -> int:
    """Return the number of attempts: one more than `retries`; False and None mean none, True means three."""
    return 1 + (RETRIES_OF_TRUE if retries is True else max(0, int(retries or 0)))


def backoff(failures: int, factor: float) -> float:
    """Return the seconds to wait after consecutive failures: 0 after the first, then 2, 4, 8 ... factors.

    Jitter of up to one factor keeps threads that failed together from trying again together.
    """
    rest = factor * 2 ** min(failures - 1, 32) if failures > 1 else 0.0
    return min(rest, BACKOFF_MAX_S) + _RANDOM.uniform(0, factor)


def retry_after(value: str | None) -> float:
    """Return the seconds of a `Retry-After` header, as urllib3 reads it; 0 if it is invalid."""
    try:
        return min(float(Retry().parse_retry_after(value or "")), RETRY_AFTER_MAX_S)
    except InvalidHeader:
        return 0.0
    except (ValueError, OverflowError):  # a number or a year that is too large
        return RETRY_AFTER_MAX_S


class Pace:
    """The pause of a throttling server, which all threads of one client share. An interrupt ends all waiting."""

    def __init__(self, cancel: threading.Event | None) -> None:
        self._cancel = cancel or threading.Event()
        self._lock = threading.Lock()
        self._paused_until = 0.0

    @property
    def cancelled(self) -> bool:
        return self._cancel.is_set()

    def pause(self, seconds: float) -> None:
        """Pause every thread for this time from now; overlapping pauses do not add up."""
        with self._lock:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def wait(self, seconds: float, *, deadline: float) -> bool:
        """Wait for this time and for the pause; return False, without waiting, if that would exceed the deadline."""
        ready = time.monotonic() + seconds
        while not self.cancelled:
            now = time.monotonic()
            until = max(ready, self._paused_until)
            if max(until, now) >= deadline:
                return False
            if until <= now:
                return True
            self._cancel.wait(until - now)
        return True
