"""A request that meets a fault."""

import socket
from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.wrappers import Response

from acrsync.emulator.faults import Rule
from acrsync.emulator.state import USUAL, Emulator, How


@dataclass(frozen=True, slots=True)
class Encounter:
    """One request and the rule that it fell to; `act` does what the request asks, as often as it is called."""

    rule: Rule
    number: int
    token: str
    connection: socket.socket
    emulator: Emulator
    act: Callable[[How], Response]

    def acted(self) -> Response:
        """Do what the request asks and return the answer to it."""
        return self.act(USUAL)


Effect = Callable[[Encounter], Response]
