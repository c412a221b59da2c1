"""How long an apply reads again before it accepts a negative result: responses and lists may lag."""

from __future__ import annotations

from collections.abc import Iterator

from acrsync.clock import Clock
from acrsync.frozen import frozen

POLL_S = 1.0  # between two reads of what may lag behind writes


@frozen
class Patience:
    """The clock, and how long responses and lists may lag behind writes."""

    clock: Clock
    settle_s: float

    def looks(self) -> Iterator[None]:
        """Yield for each read: see `poll_until_settled`."""
        return poll_until_settled(self.clock, settle_s=self.settle_s)


def poll_until_settled(clock: Clock, *, settle_s: float) -> Iterator[None]:
    """Yield for each read of what lags: now, each second, and once more when the time is over or interrupted."""
    deadline = clock.now() + settle_s
    yield
    more = True
    while more:
        left_s = deadline - clock.now()
        more = clock.wait(max(0.0, min(POLL_S, left_s))) and left_s > POLL_S
        yield
