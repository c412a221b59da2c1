"""What would be done to one bucket, as data: no part of a change is a function, so it can be shown, saved, hashed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from acrsync.diagnostics import Diagnostic
from acrsync.model import Desired, Live


class Action(StrEnum):
    """What happens to one bucket, as it is written in messages and in JSON summaries."""

    RENAME = "rename"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Marks:
    """Ownership labels that a change adds and removes; all others stay as they are read."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def applied_to(self, marks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted((set(marks) - set(self.remove)) | set(self.add)))


@dataclass(frozen=True, slots=True)
class Create:
    """A bucket that does not exist yet."""

    desired: Desired
    reason: str
    marks: Marks = Marks()

    @property
    def name(self) -> str:
        return self.desired.name


@dataclass(frozen=True, slots=True)
class Update:
    """New values for some fields of one bucket; a rename is an update of `name`."""

    desired: Desired
    live: Live
    fields: tuple[str, ...]  # of `desired.attrs`, those that differ; empty where only marks change
    reason: str
    marks: Marks = Marks()
    needs: tuple[int, ...] = ()  # ids of buckets that must have given up a name, or this one is not free

    @property
    def name(self) -> str:
        return self.desired.name


@dataclass(frozen=True, slots=True)
class Replace:
    """Delete an empty bucket, then create it again with an immutable field changed; it gets a new id."""

    desired: Desired  # complete: live attributes overlaid with the manifest's
    live: Live
    fields: tuple[str, ...]  # all that differ, at least one of them immutable
    reason: str
    marks: Marks = Marks()

    @property
    def name(self) -> str:
        return self.desired.name


@dataclass(frozen=True, slots=True)
class Delete:
    """A bucket to delete; only ever an empty one."""

    live: Live
    reason: str

    @property
    def name(self) -> str:
        return self.live.name


class Kept(StrEnum):
    """Why a bucket is left alone."""

    IN_SYNC = "in sync"
    UNMANAGED = "unmanaged"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Keep:
    """A bucket that is left alone."""

    live: Live
    kept: Kept
    desired: Desired | None = None  # for those in sync

    @property
    def name(self) -> str:
        return self.live.name


Work = Create | Update | Replace | Delete
Change = Work | Keep


def live_of(change: Change) -> Live | None:
    """Return the bucket that a change touches; None if it does not exist yet."""
    return None if isinstance(change, Create) else change.live


def action_of(change: Change) -> Action:
    """Return the one word for a change."""
    match change:
        case Create():
            return Action.CREATE
        case Update():
            return Action.RENAME if "name" in change.fields else Action.UPDATE
        case Replace():
            return Action.REPLACE
        case Delete():
            return Action.DELETE
        case Keep():
            return Action.KEEP


@dataclass(frozen=True, slots=True)
class Objection:
    """One guard's no: it refuses the whole apply until it is approved or the plan changes."""

    guard: str
    diagnostic: Diagnostic
    id: int | None = None  # the bucket; None where the plan as a whole is meant
    approval: str = ""  # "replace:8881", or empty if nothing can approve it
    stack: str | None = None  # the stack that is renamed by taking over this bucket and all its others
