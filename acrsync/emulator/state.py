"""One running emulator: the store, how it is set up, and what it remembers of requests."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from acrsync.emulator.faults import READY_PLANS, Faults, Plan
from acrsync.emulator.lag import Delay, Lag
from acrsync.emulator.log import RequestLog
from acrsync.emulator.profile import Profile
from acrsync.emulator.rules import Rules
from acrsync.emulator.store import Store

MINUTE_S = 60
OWNER = 19  # the uid of the vendor's six rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whom a token speaks for, and with which scopes."""

    token: str = field(repr=False)
    uid: int = OWNER
    scopes: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """All that can be changed from outside while the emulator runs."""

    accounts: tuple[Account, ...]
    profile: Profile
    plan: Plan = field(default_factory=Plan)
    latency_ms: float = 0.0


class Emulator:
    """Everything a request can see or change."""

    def __init__(self, store: Store, setup: Setup, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.first_setup = setup
        self.clock = clock
        self.log = RequestLog()
        self._closed = False
        self.set_up(setup)

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Make what happens inside one step that no other request can see halfway.

        Raises: ConnectionAbortedError when the emulator has been closed.
        """
        with self.store.lock:
            if self._closed:
                raise ConnectionAbortedError("the emulator is closed")
            yield

    def close(self) -> None:
        """Let what acts finish; nothing acts after it."""
        with self.store.lock:
            self._closed = True
            self.store.close()

    def set_up(self, setup: Setup) -> None:
        """Work like this from now on. Fault counters, the throttle and lags begin anew, and no token is expired."""
        self.setup = setup
        ready = READY_PLANS[setup.profile.trouble]
        self.faults = Faults(replace(setup.plan, rules=(*setup.plan.rules, *ready)))
        self.lag = Lag()
        self.expired: set[str] = set()
        self._windows: dict[str, tuple[float, int]] = {}

    def rules(self, uid: int, delay: Delay | None = None) -> Rules:
        """Return the API as an account meets it now; `delay` stands in for the profile's lag of writes."""
        profile = self.setup.profile
        usual = Delay(profile.list_lag_seconds, profile.list_lag_reads)
        return Rules(profile, self.store, self.lag, uid, self.clock(), usual if delay is None else delay)

    def account(self, token: str) -> Account | None:
        """Return whom a token speaks for, None where it is unknown or has expired."""
        if token in self.expired:
            return None
        return next((account for account in self.setup.accounts if account.token == token), None)

    def throttled(self, token: str) -> int:
        """Return the seconds that this token has to wait, 0 if none. GUESS: windows of a minute, as in Laravel."""
        limit, now = self.setup.profile.throttle_per_minute, self.clock()
        if not limit:
            return 0
        start, count = self._windows.get(token, (now, 0))
        if now - start >= MINUTE_S:
            start, count = now, 0
        self._windows[token] = (start, count + 1)
        return 0 if count < limit else max(1, round(start + MINUTE_S - now))
