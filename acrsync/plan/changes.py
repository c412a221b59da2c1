"""The change to one bucket, as data: no part of it is a function, so it can be shown, saved and hashed."""

from __future__ import annotations

from enum import StrEnum

from acrsync.diagnostics import Diagnostic
from acrsync.frozen import frozen
from acrsync.model import Desired, Live


class Action(StrEnum):
    """The action on one bucket, as in messages and in JSON summaries."""

    RENAME = "rename"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    KEEP = "keep"


@frozen
class Marks:
    """Ownership labels that a change adds and removes. All others stay."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def applied_to(self, marks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted((set(marks) - set(self.remove)) | set(self.add)))


@frozen
class Create:
    """A bucket that does not exist yet."""

    desired: Desired
    reason: str
    marks: Marks = Marks()

    @property
    def name(self) -> str:
        return self.desired.name


@frozen
class Update:
    """New values for some fields of one bucket; a rename is an update of `name`."""

    desired: Desired
    live: Live
    fields: tuple[str, ...]  # keys of `desired.attrs` whose values differ; empty if only marks change
    reason: str
    marks: Marks = Marks()
    needs: tuple[int, ...] = ()  # ids of buckets that must be renamed or deleted first, to free the name

    @property
    def name(self) -> str:
        return self.desired.name


@frozen
class Replace:
    """Delete an empty bucket, then create it again to change an immutable field. It gets a new id."""

    desired: Desired  # complete: the live attributes, overridden by those of the manifest
    live: Live
    fields: tuple[str, ...]  # those that differ; at least one is immutable
    reason: str
    marks: Marks = Marks()

    @property
    def name(self) -> str:
        return self.desired.name


@frozen
class Delete:
    """A bucket to delete. It must be empty."""

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


@frozen
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
    """Return the action of a change."""
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


def key_of(change: Change) -> tuple[Action, str, int | None]:
    """Return what identifies a change in its plan: action, name, and the id of an existing bucket."""
    live = live_of(change)
    return action_of(change), change.name, live.id if live else None


@frozen
class Objection:
    """The objection of one guard. It refuses the whole apply until it is approved or the plan changes."""

    guard: str
    diagnostic: Diagnostic
    id: int | None = None  # the bucket; None for an objection to the whole plan
    approval: str = ""  # "replace:8881", or empty if nothing can approve it
    stack: str | None = None  # the stack that is renamed if all its buckets are taken over
