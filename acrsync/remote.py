"""What an account can be asked and told: the only view of it that planning and applying have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from acrsync.model import Attrs, Evidence, Live, Snapshot


class Reader(Protocol):
    """Everything that cannot change anything."""

    @property
    def endpoint(self) -> str:
        """The API's address without credentials, as it is shown to people."""
        ...

    def observe(self) -> Snapshot:
        """Return every bucket of the account.

        Raises: IncompleteListing where five walks could not prove that nothing is missing.
        """
        ...

    def read(self, bucket_id: int) -> Live | None:
        """Return one bucket as it is now, None where it is gone."""
        ...

    def contents(self, live: Live) -> int | None:
        """Return how many items the bucket's own content list counts; None where that list answers 403 or 404."""
        ...

    def evidence(self, touched: Iterable[Live], *, references: bool) -> Evidence:
        """Return the contents of these buckets and, where asked for, who refers to which bucket."""
        ...


@dataclass
class Guard:
    """What a client calls right before each write is sent. What that does is decided when an apply begins."""

    last_look: Callable[[], None] = lambda: None

    def __call__(self) -> None:
        self.last_look()


class Remote(Reader, Protocol):
    """A reader that also writes. Each write is sent at most as often as it is safe to repeat."""

    def guard(self, last_look: Callable[[], None]) -> None:
        """From now on call `last_look` right before each write is sent; if it raises, the write is not sent."""
        ...

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        """Create a bucket and return it as the server answered.

        Raises: UnknownOutcome where the server may have acted and did not say so; such a create is never sent again.
        """
        ...

    def update(self, bucket_id: int, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        """Set the given attributes and return the bucket as the server answered; every other key stays.

        Where `labels` is given, `marks` are the ownership labels that go with them.
        """
        ...

    def delete(self, bucket_id: int) -> None:
        """Delete a bucket that is empty; deleting what is gone already succeeds."""
        ...
