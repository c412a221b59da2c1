"""What planning must know of earlier runs: what they left open, and what they managed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from acrsync.model import Attrs
from acrsync.plan.changes import Action


@dataclass(frozen=True, slots=True)
class Pending:
    """A change of an earlier run whose end is not settled: its write may have been carried out or not."""

    action: Action
    name: str
    id: int | None = None  # the bucket before the change; None for a create
    attrs: Attrs = field(default_factory=dict)  # everything that the bucket must have, also what a replacement keeps
    marks: tuple[str, ...] = ()
    listed: frozenset[int] = frozenset()  # ids that were listed before that run, so none is what it created
    run: str = ""  # its id
    claimed: bool = False  # it may have been sent, and only a person decides that it is sent again


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A change that an earlier run left open, as a saved plan names it."""

    run: str
    action: Action
    name: str
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is left of earlier runs against one account, as far as it shapes the next plan."""

    pending: tuple[Pending, ...] = ()
    aliases: Mapping[str, tuple[int, str]] = field(default_factory=dict)  # entry -> id and name that the server stored
    managed: Mapping[int, str] = field(default_factory=dict)  # by id: what the last verified run of this stack managed

    def lost(self, name: str) -> Pending | None:
        """Return the replacement that deleted the bucket of this name and may not have created it again."""
        found = (left for left in reversed(self.pending) if left.action is Action.REPLACE and left.name == name)
        return next(found, None)

    def claimed(self, name: str) -> Pending | None:
        """Return the create of this name that only a person may send again."""
        return next((left for left in self.pending if left.claimed and left.name == name), None)
