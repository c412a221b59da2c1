"""How long an apply looks again before it believes that something is not so: answers and lists may lag."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from acrsync.clock import Clock

POLL_S = 1.0  # between two looks at what may lag behind writes


@dataclass(frozen=True, slots=True)
class Patience:
    """The clock, and how long answers and lists may lag behind writes."""

    clock: Clock
    settle_s: float

    def looks(self) -> Iterator[None]:
        """Yield for each look: see `poll_until_settled`."""
        return poll_until_settled(self.clock, settle_s=self.settle_s)


def poll_until_settled(clock: Clock, *, settle_s: float) -> Iterator[None]:
    """Yield for each look at what lags: now, each second, and last when the time is over or interrupted."""
    deadline = clock.now() + settle_s
    yield
    more = True
    while more:
        left_s = deadline - clock.now()
        more = clock.wait(max(0.0, min(POLL_S, left_s))) and left_s > POLL_S
        yield
