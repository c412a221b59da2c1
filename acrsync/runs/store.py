"""Where runs on other machines look: one object for an account, changed only by compare-and-swap.

An implementation is judged by `tests/contract/test_store_contract.py`. It knows nothing of what the object says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from acrsync.diagnostics import AcrsyncError

NO_RECORDS: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Stored:
    """The object as one answer showed it."""

    data: bytes
    version: str  # opaque; another one after each swap, also if the data is the same


class StoreError(AcrsyncError):
    """The store cannot be used: E070 it cannot be reached, E071 it refuses, E072 what it holds is damaged."""


class Conflict(StoreError):
    """E073: the version that a swap expected is not there any more, and the swap changed nothing."""


class Unanswered(StoreError):
    """E074: the answer to a swap was lost. It may have landed, may land later, or never."""


class Store(Protocol):
    """One object for an account, and the record of each run that ended."""

    where: str  # as people write it; never with credentials

    def read(self) -> Stored | None:
        """Return the newest object, None if there is none yet. It is never older than what a swap has returned.

        Raises: StoreError.
        """
        ...

    def swap(self, data: bytes, *, expected: str | None, note: str, records: Mapping[str, bytes] = NO_RECORDS) -> str:
        """Replace the object if it still has the version `expected` (None: if there is none); return the new version.

        It is sent once: a repetition belongs to the caller, who alone can tell whether the first one landed.
        `note` is one line for a history. `records`, lines by run id, are kept in the same step or before it: of the run
        that ended, and of earlier ones that it closes.
        Raises: Conflict, Unanswered, StoreError (then nothing was changed).
        """
        ...

    def kept(self) -> tuple[str, ...]:
        """Return the ids of the recorded runs, in their order. Ids begin with the time, so that is by age."""
        ...

    def record(self, run_id: str) -> bytes | None:
        """Return the lines of one recorded run, None if no run has that id."""
        ...
