"""One running emulator: its store, setup, clock, and state between requests."""

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
    """The account and the scopes of a token."""

    token: str = field(repr=False)
    uid: int = OWNER
    scopes: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What can be changed while the emulator runs."""

    accounts: tuple[Account, ...]
    profile: Profile
    plan: Plan = field(default_factory=Plan)
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Another profile, or other delays, for one request."""

    profile: Profile | None = None
    delays: tuple[Delay, ...] | None = None


USUAL = Overrides()


class Clock:
    """The emulator's time: that of its source, unless it was advanced or stopped."""

    def __init__(self, source: Callable[[], float]) -> None:
        self._source = source
        self.run()

    def __call__(self) -> float:
        return (self._source() if self._stopped_at is None else self._stopped_at) + self._ahead

    def run(self) -> None:
        """Follow the source again."""
        self._ahead = 0.0
        self._stopped_at: float | None = None

    def stop(self) -> None:
        """Stop; only `advance` changes the time from now on."""
        self._stopped_at, self._ahead = self(), 0.0

    def advance(self, seconds: float) -> None:
        """Move the time forward."""
        self._ahead += seconds


class Emulator:
    """Everything that a request can read or change."""

    def __init__(self, store: Store, setup: Setup, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.first_setup = setup
        self.clock = Clock(clock)
        self.log = RequestLog()
        self._scheduled: list[tuple[float, Callable[[], object]]] = []
        self._closed = False
        self.configure(setup)

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Make the block atomic for other requests.

        Raises: ConnectionAbortedError if the emulator is closed.
        """
        with self.store.lock:
            if self._closed:
                raise ConnectionAbortedError("the emulator is closed")
            self._deliver()
            yield

    def schedule(self, request: Callable[[], object], *, seconds: float) -> None:
        """Carry out a request later: before the first request after that time."""
        with self.store.lock:
            self._scheduled.append((self.clock() + seconds, request))

    def _deliver(self) -> None:
        now = self.clock()
        due = sorted((one for one in self._scheduled if one[0] <= now), key=lambda one: one[0])
        self._scheduled = [one for one in self._scheduled if one[0] > now]
        for _, request in due:
            request()

    def restart(self, setup: Setup) -> None:
        """Drop all scheduled and logged requests, follow the source's time again, and apply a setup."""
        self._scheduled.clear()
        self.clock.run()
        self.log.clear()
        self.configure(setup)

    def close(self) -> None:
        """Wait for the current request; refuse all later ones."""
        with self.store.lock:
            self._closed = True
            self.store.close()

    def configure(self, setup: Setup) -> None:
        """Apply a setup. Resets fault counters, throttle, caches and lags; no token is expired."""
        self.setup = setup
        ready = READY_PLANS[setup.profile.trouble]
        self.faults = Faults(replace(setup.plan, rules=(*setup.plan.rules, *ready)))
        self.lag = Lag()
        self.expired: set[str] = set()
        self._windows: dict[str, tuple[float, int]] = {}

    def rules(self, uid: int, overrides: Overrides = USUAL) -> Rules:
        """Return the API for an account at this time."""
        profile = overrides.profile or self.setup.profile
        usual = (
            Delay(profile.list_lag_seconds, profile.list_lag_reads, writes=profile.list_lag_writes),
            Delay(profile.get_lag_seconds, profile.get_lag_reads, "get"),
        )
        delays = usual if overrides.delays is None else overrides.delays
        return Rules(profile, self.store, self.lag, uid, self.clock(), delays)

    def answers_as_described(self) -> bool:
        """Return whether the OpenAPI description covers all answers: no faults, no unusual rows or switches."""
        odd = self.faults.plan.rules or any(
            row.show or row.hide or row.content_status for row in self.store.buckets().values()
        )
        return not odd and self.setup.profile.is_describable()

    def account(self, token: str) -> Account | None:
        """Return the account of a token; None if the token is unknown or expired."""
        if token in self.expired:
            return None
        return next((account for account in self.setup.accounts if account.token == token), None)

    def throttled(self, token: str) -> int:
        """Return the seconds that this token must wait; 0 if none. GUESS: windows of a minute, as in Laravel."""
        limit, now = self.setup.profile.throttle_per_minute, self.clock()
        if not limit:
            return 0
        start, count = self._windows.get(token, (now, 0))
        if now - start >= MINUTE_S:
            start, count = now, 0
        self._windows[token] = (start, count + 1)
        return 0 if count < limit else max(1, round(start + MINUTE_S - now))
