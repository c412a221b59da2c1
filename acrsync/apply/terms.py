"""The input of an apply and its settings: what the loop needs of an apply before there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from acrsync.frozen import frozen
from acrsync.model import Attrs, Evidence, Live, Snapshot
from acrsync.plan.changes import Update
from acrsync.plan.document import Plan
from acrsync.plan.order import Leavers
from acrsync.plan.ownership import is_own
from acrsync.runs import LANDING_S
from acrsync.runs.memory import Known


@dataclass(frozen=True)
class Seen:
    """The input of an apply: a plan, and the list of the account that it was made from."""

    plan: Plan
    snapshot: Snapshot
    evidence: Evidence = field(default_factory=Evidence)
    known: Known = field(default_factory=Known)  # what earlier runs left open
    read_at: float | None = None  # when acrsync began to read the list; None: just now

    @cached_property
    def rows(self) -> Mapping[int, Live]:
        """The buckets that were listed before the first write, by id."""
        return {row.id: row for row in self.snapshot.rows}

    @property
    def listed(self) -> frozenset[int]:
        """Ids that were listed before the first write: no bucket that this run creates has one of them."""
        return frozenset(self.rows)

    @cached_property
    def named(self) -> bool:
        """Whether a bucket of this account was listed."""
        return any(is_own(row, self.plan.uid) for row in self.snapshot.rows)

    @cached_property
    def last_wanted(self) -> Mapping[int, Attrs]:
        """The desired attributes of the last update of each bucket, by id: a swap of names needs two updates."""
        return {change.live.id: change.desired.attrs for change in self.plan.work if isinstance(change, Update)}

    @cached_property
    def leavers(self) -> Leavers:
        """Which change frees which name."""
        return Leavers(self.plan.work)

    @cached_property
    def aliases(self) -> Mapping[str, tuple[int, str]]:
        """Entries that the server stored under another name, with its id and name."""
        return self.known.earlier(self.snapshot.rows).aliases


@frozen
class Settings:
    """The settings of an apply."""

    parallelism: int = 4
    settle_s: float = 30.0  # how long the list may lag behind writes
    landing_s: float = LANDING_S  # how long a request may take to arrive after it was sent
    lock_timeout_s: float = 300.0  # how long to wait for another apply


DEFAULTS = Settings()
