"""Facts about earlier runs that a plan depends on: unfinished changes, and managed buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from acrsync.frozen import frozen
from acrsync.model import Attrs
from acrsync.plan.changes import Action


@frozen
class Pending:
    """An unfinished change of an earlier run: the server may have carried out its write or not."""

    action: Action
    name: str
    id: int | None = None  # the bucket before the change; None for a create
    attrs: Attrs = field(default_factory=dict)  # all attributes of the bucket, also those that a replacement keeps
    marks: tuple[str, ...] = ()
    listed: frozenset[int] = frozenset()  # ids in the list before that run: it did not create these buckets
    run: str = ""  # its id
    claimed: bool = False  # it may have been sent, and only a person decides that it is sent again


@frozen
class Unsettled:
    """A change that an earlier run left open, as a saved plan names it."""

    run: str
    action: Action
    name: str
    id: int | None = None


@frozen
class Earlier:
    """What the next plan must know about earlier runs on the account."""

    pending: tuple[Pending, ...] = ()
    aliases: Mapping[str, tuple[int, str]] = field(default_factory=dict)  # by name sent: the id and the name stored
    managed: Mapping[int, str] = field(default_factory=dict)  # by id: names in the last verified run of this stack

    def lost(self, name: str) -> Pending | None:
        """Return the replacement that deleted the bucket of this name, but may not have created it again."""
        found = (left for left in reversed(self.pending) if left.action is Action.REPLACE and left.name == name)
        return next(found, None)

    def claimed(self, name: str) -> Pending | None:
        """Return the create of this name that only a person may send again."""
        return next((left for left in self.pending if left.claimed and left.name == name), None)
