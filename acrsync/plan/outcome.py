"""What became of each change, and the exit code that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Literal

from acrsync.diagnostics import Diagnostic
from acrsync.model import Live
from acrsync.plan.changes import Work
from acrsync.version import __version__


class Status(StrEnum):
    """Completes the sentence "bucket music has been ..."."""

    CREATED = "created"
    ADOPTED = "adopted"  # created by a request whose answer was lost, found again by listing
    UPDATED = "updated"
    REPLACED = "replaced"
    DELETED = "deleted"
    ALREADY = "already"  # as wanted before we wrote, so nothing was sent; or after a write that was refused
    KEPT = "kept"
    STALE = "stale"  # changed by someone else since it was planned; nothing was sent
    REFUSED = "refused"  # a guard objected right before the write; nothing was sent
    FAILED = "failed"
    UNKNOWN = "unknown"  # a create without an answer that no listing could settle
    SKIPPED = "skipped"  # the run ended before its turn


# Statuses after which a bucket is as wanted, as far as the answers tell.
WELL = frozenset({Status.CREATED, Status.ADOPTED, Status.UPDATED, Status.REPLACED, Status.DELETED, Status.ALREADY})

Verb = Literal["create", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one change."""

    change: Work
    status: Status
    diagnostic: Diagnostic | None = None
    live: Live | None = None  # the bucket afterwards, as far as it was seen
    wrote: bool = False  # a write was sent, so the server may have acted
    lost: Verb | None = None  # the write whose answer was lost


class ExitCode(IntEnum):
    """What a pipeline sees."""

    DONE = 0
    FAILED = 1
    CHANGES = 2
    REFUSED = 3
    STALE = 4
    HELD = 5
    INCOMPLETE = 6
    INTERRUPTED = 130


# The order in which `exit_code` decides, for summaries of several runs: the most urgent code comes first.
# Interrupted, half written, refused by a guard, another run holds the account, failed, outdated, changes, done.
WORST_FIRST = (
    ExitCode.INTERRUPTED,
    ExitCode.INCOMPLETE,
    ExitCode.REFUSED,
    ExitCode.HELD,
    ExitCode.FAILED,
    ExitCode.STALE,
    ExitCode.CHANGES,
    ExitCode.DONE,
)


@dataclass(frozen=True, slots=True)
class End:
    """How a command ended, as far as its exit code depends on it."""

    outcomes: tuple[Outcome, ...] = ()
    interrupted: bool = False
    own_leftovers: bool = False  # buckets that this run wrote do not read back as wanted
    other_leftovers: bool = False  # somebody else changed other buckets meanwhile
    objections: bool = False
    errors: bool = False
    changes: bool = False  # there is something to do, and the exit code must show it


def exit_code(end: End) -> ExitCode:
    """Return the one exit code: the first of these that holds."""
    statuses = {outcome.status for outcome in end.outcomes}
    wrote = any(outcome.wrote for outcome in end.outcomes)
    trouble = end.own_leftovers or bool(statuses & {Status.FAILED, Status.UNKNOWN, Status.SKIPPED})
    refused = end.objections or Status.REFUSED in statuses
    if end.interrupted:
        return ExitCode.INTERRUPTED
    if wrote and (trouble or end.errors):
        return ExitCode.INCOMPLETE
    if refused:
        return ExitCode.REFUSED
    if trouble or end.errors:
        return ExitCode.FAILED
    if end.other_leftovers or Status.STALE in statuses:
        return ExitCode.STALE
    return ExitCode.CHANGES if end.changes else ExitCode.DONE


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the program, as far as it has come: what a report must know in addition to the plan."""

    timestamp: datetime  # with a time zone
    exit_code: ExitCode
    requests: Mapping[str, int] = field(default_factory=dict)  # how many were sent, by method
    diagnostics: tuple[Diagnostic, ...] = ()  # of the run itself: those of a plan stand in the plan
    outcomes: tuple[Outcome, ...] | None = None  # None if the run did not set out to apply
    verified: bool = False  # the account was observed after the last write and reads as planned
    version: str = __version__
