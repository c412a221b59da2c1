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


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How one request is obeyed, if not as usual: under another profile, or hidden from reads for a while."""

    profile: Profile | None = None
    delays: tuple[Delay, ...] | None = None


USUAL = How()


class Clock:
    """The time that the emulator goes by: that of its source, unless it was moved on or stopped."""

    def __init__(self, source: Callable[[], float]) -> None:
        self._source = source
        self.run()

    def __call__(self) -> float:
        return (self._source() if self._stopped_at is None else self._stopped_at) + self._ahead

    def run(self) -> None:
        """Go with the source again."""
        self._ahead = 0.0
        self._stopped_at: float | None = None

    def stop(self) -> None:
        """Stand still; only `advance` moves it from now on."""
        self._stopped_at, self._ahead = self(), 0.0

    def advance(self, seconds: float) -> None:
        """Be so much later."""
        self._ahead += seconds


class Emulator:
    """Everything a request can see or change."""

    def __init__(self, store: Store, setup: Setup, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.first_setup = setup
        self.clock = Clock(clock)
        self.log = RequestLog()
        self._underway: list[tuple[float, Callable[[], object]]] = []
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
            self._deliver()
            yield

    def post(self, request: Callable[[], object], *, seconds: float) -> None:
        """Have a request done so much later: before the first one that comes after that time."""
        with self.store.lock:
            self._underway.append((self.clock() + seconds, request))

    def _deliver(self) -> None:
        now = self.clock()
        due = sorted((one for one in self._underway if one[0] <= now), key=lambda one: one[0])
        self._underway = [one for one in self._underway if one[0] > now]
        for _, request in due:
            request()

    def start_anew(self, setup: Setup) -> None:
        """Forget all requests, those underway too, and go by the source's time again."""
        self._underway.clear()
        self.clock.run()
        self.log.clear()
        self.set_up(setup)

    def close(self) -> None:
        """Let what acts finish; nothing acts after it."""
        with self.store.lock:
            self._closed = True
            self.store.close()

    def set_up(self, setup: Setup) -> None:
        """Work like this from now on. Fault counters, throttle, caches and lags begin anew; no token is expired."""
        self.setup = setup
        ready = READY_PLANS[setup.profile.trouble]
        self.faults = Faults(replace(setup.plan, rules=(*setup.plan.rules, *ready)))
        self.lag = Lag()
        self.expired: set[str] = set()
        self._windows: dict[str, tuple[float, int]] = {}

    def rules(self, uid: int, how: How = USUAL) -> Rules:
        """Return the API as an account meets it now."""
        profile = how.profile or self.setup.profile
        usual = (
            Delay(profile.list_lag_seconds, profile.list_lag_reads, writes=profile.list_lag_writes),
            Delay(profile.get_lag_seconds, profile.get_lag_reads, "get"),
        )
        delays = usual if how.delays is None else how.delays
        return Rules(profile, self.store, self.lag, uid, self.clock(), delays)

    def answers_as_described(self) -> bool:
        """Tell whether answers are of the forms that the API's description has: no fault, nothing odd on purpose."""
        odd = self.faults.plan.rules or any(
            row.show or row.hide or row.content_status for row in self.store.buckets().values()
        )
        return not odd and self.setup.profile.is_describable()

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
