"""The outcome of each change, and the exit code that follows from the outcomes."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Literal

from acrsync.diagnostics import Diagnostic
from acrsync.frozen import frozen
from acrsync.model import Live
from acrsync.plan.changes import Work
from acrsync.version import __version__


class Status(StrEnum):
    """Completes the sentence "bucket music has been ..."."""

    CREATED = "created"
    ADOPTED = "adopted"  # created by a request whose response was lost, then found in the list
    UPDATED = "updated"
    REPLACED = "replaced"
    DELETED = "deleted"
    ALREADY = "already"  # as wanted before the write, so nothing was sent; or after a refused write
    KEPT = "kept"
    STALE = "stale"  # changed by someone else since it was planned; nothing was sent
    REFUSED = "refused"  # a guard objected right before the write; nothing was sent
    FAILED = "failed"
    UNKNOWN = "unknown"  # a create without a response, and the list does not show if it succeeded
    SKIPPED = "skipped"  # the run ended before its turn


# Statuses after which a bucket is as wanted, according to the responses.
WELL = frozenset({Status.CREATED, Status.ADOPTED, Status.UPDATED, Status.REPLACED, Status.DELETED, Status.ALREADY})

Verb = Literal["create", "update", "delete"]


@frozen
class Outcome:
    """The outcome of one change."""

    change: Work
    status: Status
    diagnostic: Diagnostic | None = None
    live: Live | None = None  # the bucket afterwards, if it is known
    wrote: bool = False  # a write was sent, so the server may have acted
    lost: Verb | None = None  # the write whose response was lost


class ExitCode(IntEnum):
    """The exit codes of the command line."""

    DONE = 0
    FAILED = 1
    CHANGES = 2
    REFUSED = 3
    STALE = 4
    HELD = 5
    INCOMPLETE = 6
    INTERRUPTED = 130


# For summaries of several runs: the order in which `exit_code` decides.
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


@frozen
class End:
    """The facts about a command that its exit code depends on."""

    outcomes: tuple[Outcome, ...] = ()
    interrupted: bool = False
    own_leftovers: bool = False  # buckets that this run wrote do not read back as wanted
    other_leftovers: bool = False  # someone else changed other buckets meanwhile
    objections: bool = False
    errors: bool = False
    changes: bool = False  # there are changes, and the exit code must show it


def exit_code(end: End) -> ExitCode:
    """Return the exit code of the first condition that is true."""
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


@frozen
class Run:
    """One run of the program: the facts that a report needs in addition to the plan."""

    timestamp: datetime  # with a time zone
    exit_code: ExitCode
    requests: Mapping[str, int] = field(default_factory=dict)  # how many were sent, by method
    diagnostics: tuple[Diagnostic, ...] = ()  # of the run, without those of the plan
    outcomes: tuple[Outcome, ...] | None = None  # None if the run was not an apply
    verified: bool = False  # the account was read after the last write, and is as planned
    version: str = __version__
