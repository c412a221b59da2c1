"""A request that a fault applies to."""

import socket
from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.wrappers import Response

from acrsync.emulator.faults import Rule
from acrsync.emulator.state import USUAL, Emulator, Overrides


@dataclass(frozen=True, slots=True)
class FaultedRequest:
    """One request and its rule; `act` carries the request out each time it is called."""

    rule: Rule
    number: int
    token: str
    connection: socket.socket
    emulator: Emulator
    act: Callable[[Overrides], Response]

    def forward(self) -> Response:
        """Carry the request out and return its answer."""
        return self.act(USUAL)


Effect = Callable[[FaultedRequest], Response]
