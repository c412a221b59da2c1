"""A store that several machines share: one object for each account, changed only by compare-and-swap.

`tests/contract/test_store_contract.py` tests every implementation. An implementation does not interpret the object.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from acrsync.diagnostics import AcrsyncError
from acrsync.frozen import frozen

NO_RECORDS: Mapping[str, bytes] = MappingProxyType({})


@frozen
class Stored:
    """The object as one response showed it."""

    data: bytes
    version: str  # opaque; each swap changes it, also if the data stays the same


class StoreError(AcrsyncError):
    """The store cannot be used. E070: it cannot be reached. E071: it refuses. E072: its content is damaged."""


class Conflict(StoreError):
    """E073: the object has another version than the swap expected. The swap changed nothing."""


class Unanswered(StoreError):
    """E074: the response to a swap was lost. The swap may have landed, may land later, or never."""


class Store(Protocol):
    """The object of one account, and the records of its finished runs."""

    where: str  # as users write it; never with credentials

    def read(self) -> Stored | None:
        """Return the newest object, None if there is none yet. It is never older than the result of an earlier swap.

        Raises: StoreError.
        """
        ...

    def swap(self, data: bytes, *, expected: str | None, note: str, records: Mapping[str, bytes] = NO_RECORDS) -> str:
        """Replace the object if it still has the version `expected` (None: if there is none); return the new version.

        The request is sent once. Only the caller may repeat it, because only the caller can find out whether it landed.
        `note` is one line for a history. `records`, lines by run id, are stored in the same step or before it: those of
        the run that ended, and of earlier runs that it closes.
        Raises: Conflict, Unanswered, StoreError (nothing was changed).
        """
        ...

    def record_ids(self) -> tuple[str, ...]:
        """Return the sorted ids of the recorded runs. Ids begin with the time, so the oldest run is first."""
        ...

    def record(self, run_id: str) -> bytes | None:
        """Return the encoded lines of one recorded run, None if no run has this id."""
        ...
