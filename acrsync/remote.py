"""The operations on an account. Planning and applying see it only through these."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from acrsync.model import Attrs, Evidence, Live, Snapshot


class Reader(Protocol):
    """The operations that change nothing."""

    @property
    def endpoint(self) -> str:
        """The address of the API for people, without credentials."""
        ...

    def observe(self) -> Snapshot:
        """Return all buckets of the account.

        Raises: IncompleteListing if five reads of the list cannot prove that it is complete.
        """
        ...

    def read(self, bucket_id: int) -> Live | None:
        """Return one bucket as it is now, None if it does not exist."""
        ...

    def contents(self, live: Live) -> int | None:
        """Return the number of items in the bucket's content list; None if the API answers 403 or 404."""
        ...

    def evidence(self, touched: Iterable[Live], *, references: bool) -> Evidence:
        """Return the contents of these buckets and, with `references`, which projects and containers use them."""
        ...


@dataclass
class Guard:
    """A check that the client runs right before it sends a write. Each apply sets its own check."""

    last_look: Callable[[], None] = lambda: None

    def __call__(self) -> None:
        self.last_look()


class Remote(Reader, Protocol):
    """A reader that also writes. A write is only sent again if that is safe."""

    def guard(self, last_look: Callable[[], None]) -> None:
        """From now on, call `last_look` right before each write. If it raises, the write is not sent."""
        ...

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        """Create a bucket and return it as the server answered.

        Raises: UnknownOutcome if the response is lost. The server may have acted, so the create is never sent again.
        """
        ...

    def update(self, bucket_id: int, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        """Set these attributes and return the bucket as the server answered. Other attributes stay.

        If `attrs` has labels, `marks` are sent with them.
        """
        ...

    def delete(self, bucket_id: int) -> None:
        """Delete an empty bucket. Succeeds if the bucket does not exist."""
        ...
