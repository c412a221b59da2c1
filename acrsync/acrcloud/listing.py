"""The proof that a paged list was read completely, although it shifts while it is read.

The list is newest first. A row created during the walk pushes the others back, so that one is seen twice; a row
deleted pulls them forward, so that one is missed. Two facts expose it: ids that do not fall strictly over the whole
walk, and a total that changes. A delete whose loss a create makes up for in the total leaves the create on page 1,
which is therefore read once more at the end. The server may count and select in two queries, with a change between
them, which is why even a single page proves something only where it cannot be full: a full one may have pushed out
its last row after the count. A simulation of all this is part of the tests.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, Protocol, TypeVar

from acrsync.diagnostics import IncompleteListing

WALKS = 5
PER_PAGE = 100  # asked for; GUESS: accepted, or the server takes less and says so or not
SMALLEST_PAGE = 20  # the documented default: nobody who is asked for 100 gives fewer, unless `meta.per_page` says so
PAGES_MAX = 50_000  # more than that is no list but a fault


class Identified(Protocol):
    """Anything with the id by which lists are sorted."""

    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=Identified)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page as the server gave it."""

    rows: tuple[Row, ...]
    total: int
    per_page: int | None = None  # as the server says; None where it does not

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(row.id for row in self.rows)

    @property
    def is_all(self) -> bool:
        """Whether this page alone is the whole list: it has as many rows as there are, and room for another."""
        room = min(self.per_page or SMALLEST_PAGE, SMALLEST_PAGE)
        return len(self.rows) == self.total and (not self.rows or len(self.rows) < room)

    @property
    def last(self) -> int:
        """The number of the last page, by the size that this one, the first, really has."""
        return math.ceil(self.total / len(self.rows)) if self.rows else 1


Fetch = Callable[[int], Page[Row]]
Each = Callable[[Fetch[Row], Iterable[int]], Iterable[Page[Row]]]  # `map`, or one that asks in parallel


def complete(fetch: Fetch[Row], each: Each[Row], *, what: str) -> tuple[Row, ...]:
    """Return every row of a list in the server's order; none that was there throughout is missing.

    Asks for page 1, then through `each` for the others, then for page 1 again.
    Where a server does not sort by falling ids, two walks in a row must show the same ids in the same order.
    Raises: IncompleteListing after five walks.
    """
    flaws: list[str] = []
    before: tuple[int, ...] | None = None
    for _ in range(WALKS):
        first = fetch(1)
        if first.is_all and not _repeated(first.ids):
            return first.rows
        if first.last > PAGES_MAX:
            flaws.append(f"{first.total} {what} on pages of {len(first.rows)} are too many")
            break
        pages = (first, *each(fetch, range(2, first.last + 1)))
        ids = tuple(id_ for page in pages for id_ in page.ids)
        flaw = flaw_in(pages, again=fetch(1))
        if not flaw and (falls(ids) or ids == before):
            return tuple(row for page in pages for row in page.rows)
        before = None if flaw else ids
        flaws.append(flaw or "the ids are not in falling order")
    raise _unproven(what, flaws)


def flaw_in(pages: Sequence[Page[Row]], *, again: Page[Row]) -> str:
    """Return what shows that the list changed during this walk, for people; nothing where nothing does.

    `again` is page 1, read once more after all others.
    """
    first = pages[0]
    totals = sorted({page.total for page in (*pages, again)})
    count = sum(len(page.rows) for page in pages)
    repeated = _repeated(id_ for page in pages for id_ in page.ids)
    if len(totals) > 1:
        return f"the total was {' and '.join(map(str, totals))}"
    if count != first.total:
        return f"the total was {first.total}, the rows were {count}"
    if repeated:
        return f"id {repeated[0]} came twice"
    if again.ids != first.ids:
        return "page 1 had changed at the end"
    return ""


def falls(ids: Sequence[int]) -> bool:
    """Tell whether each id is smaller than the one before."""
    return all(left > right for left, right in pairwise(ids))


def _repeated(ids: Iterable[int]) -> list[int]:
    return sorted(id_ for id_, times in Counter(ids).items() if times > 1)


def _unproven(what: str, flaws: Sequence[str]) -> IncompleteListing:
    walks = "; ".join(f"walk {number}: {flaw}" for number, flaw in enumerate(flaws, 1))
    return IncompleteListing(
        "E440",
        f"The list of {what} changed under each walk through it, so one may be missing ({walks}). "
        "On an incomplete list a bucket that exists would be created again.",
        fix="run it again when nothing else writes to this account.",
    )
