"""The proof that a paged list was read completely, although it shifts while it is read.

The end of a list is seen, never computed: it is an empty page, or a page shorter than the first if the rows so far are
as many as the server counts. A count alone may be capped, cached or made by another query than the rows. It only says
how many pages may be asked for at the same time.

A row created during the walk pushes the others back, so that one is seen twice; a row deleted pulls them forward, so
that one is missed. Page 1, read once more at the end, shows most of that. A repeated id, another page 1 or another
total voids the walk. A walk with falling ids and a correct total proves the list: a row that was missed makes the total
differ, and what could make up for it stands on page 1 or twice in the list. If the server sorts otherwise or counts
wrong, a second walk with pages of another size must show the same ids in the same order: its page ends, where rows get
lost, are elsewhere. The size is a tenth less than what the server gives at most, because a page may be capped below
what was asked for, with the rest of it on no page.

One page alone proves something only if it cannot be full: a full one may have pushed out its last row after the count.
A simulation of all this is part of the tests.
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
AHEAD = 8  # pages that are asked for at the same time at first; empty ones in a row that end a list whatever its total
PAGES_MAX = 50_000  # more than that is a fault, not a list


class Identified(Protocol):
    """Anything with the id by which lists are sorted."""

    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=Identified)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page as the server gave it."""

    rows: tuple[Row, ...]
    total: int | None = None  # None if the answer has no usable one
    per_page: int | None = None  # as the server says; None if it does not
    paged: bool = True  # False if the server is known not to page this list

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(row.id for row in self.rows)

    def is_all(self, asked: int) -> bool:
        """Tell whether this page alone is the whole list: it has as many rows as there are, and room for another."""
        room = min(self.per_page or SMALLEST_PAGE, SMALLEST_PAGE, asked)
        full = bool(self.rows) and len(self.rows) >= room
        return not self.paged or (len(self.rows) == self.total and not full)


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """A list that is proven complete."""

    rows: tuple[Row, ...]
    total: int | None  # as the server counts, which may be wrong

    @property
    def miscounted(self) -> bool:
        """Whether the server counts other than what it shows."""
        return self.total is not None and self.total != len(self.rows)


Fetch = Callable[[int, int], Page[Row]]  # by number and rows per page
# `map`, or a map that asks in parallel.
Each = Callable[[Callable[[int], Page[Row]], Iterable[int]], Iterable[Page[Row]]]


def complete(fetch: Fetch[Row], each: Each[Row], *, what: str) -> Listing[Row]:
    """Return every row of a list in the server's order; none that was there throughout is missing.

    Asks for page 1, then through `each` for the others until the end is seen, then for page 1 again.
    Raises: IncompleteListing after five walks that prove nothing.
    """
    flaws: list[str] = []
    before: _Walk[Row] | None = None
    seen: set[int] = set()  # ids in the last walk, or in all if the server counts wrong
    counts_well = True  # until a walk without a flaw shows otherwise
    largest = 0  # rows on any page so far
    for number in range(WALKS):
        # Other page ends in each walk.
        asked = max(1, min(largest or PER_PAGE, PER_PAGE) * (10 - number) // 10)
        first = fetch(1, asked)
        if first.is_all(asked) and not _repeated(first.ids):
            return Listing(first.rows, first.total)
        walk = _walked(fetch, each, first, asked=asked)
        flaw = flaw_in(walk.pages) or (flaw_in(walk.pages, again=fetch(1, asked)) if walk.ended else walk.endless(what))
        ids = set(walk.ids)
        counts_well = counts_well and (bool(flaw) or walk.total == len(walk.rows))
        if not flaw and (not walk.doubt or walk.confirms(before)) and seen <= ids:
            return Listing(walk.rows, first.total)
        flaws.append(flaw or walk.doubt or "a row was gone that the walk before had shown")
        if len(walk.pages) > PAGES_MAX:
            break
        before = None if flaw else walk
        seen = ids if counts_well else seen | ids
        largest = max(largest, *(len(page.rows) for page in walk.pages))
    raise _unproven(what, flaws)


def flaw_in(pages: Sequence[Page[Row]], *, again: Page[Row] | None = None) -> str:
    """Return what shows that the list changed during this walk, for people; nothing if nothing does.

    `again` is page 1, read once more after all others.
    """
    told = (*pages, again) if again else pages
    totals = sorted({page.total for page in told if page.total is not None})
    repeated = _repeated(id_ for page in pages for id_ in page.ids)
    if len(totals) > 1:
        return f"the total was {' and '.join(map(str, totals))}"
    if repeated:
        return f"id {repeated[0]} came twice"
    if again is not None and again.ids != pages[0].ids:
        return "page 1 had changed at the end"
    return ""


def falls(ids: Sequence[int]) -> bool:
    """Tell whether each id is smaller than the one before."""
    return all(left > right for left, right in pairwise(ids))


@dataclass(frozen=True, slots=True)
class _Walk(Generic[Row]):
    """All pages of a list, from the first until the end was seen or something was wrong."""

    pages: tuple[Page[Row], ...]
    asked: int  # rows per page

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for page in self.pages for row in page.rows)

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(row.id for row in self.rows)

    @property
    def total(self) -> int | None:
        return self.pages[0].total

    @property
    def counted(self) -> int:
        """How many pages the total speaks of, by the size that the first one really has; several if that is empty."""
        size = len(self.pages[0].rows)
        return math.ceil((self.total or 0) / size) if size else AHEAD

    @property
    def ended(self) -> bool:
        """Whether the end was seen. An empty page with others to come is none: all of its rows may be filtered out."""
        last, others = self.pages[-1], self.pages[-AHEAD:]
        if last.rows:
            return len(last.rows) < len(self.pages[0].rows) and len(self.rows) == self.total
        return len(self.pages) >= self.counted or (len(others) == AHEAD and not any(page.rows for page in others))

    @property
    def doubt(self) -> str:
        """What keeps this walk alone from proving the list, for people."""
        if self.total is None:
            return "the list gives no total"
        if self.total != len(self.rows):
            return f"the total was {self.total}, the rows were {len(self.rows)}"
        return "" if falls(self.ids) else "the ids are not in falling order"

    def confirms(self, before: _Walk[Row] | None) -> bool:
        """Tell whether the walk before, with pages of another size, shows the same."""
        if before is None or before.asked == self.asked or (not self.ids and (self.total or 0) >= SMALLEST_PAGE):
            return False
        return (before.ids, before.total) == (self.ids, self.total)

    def endless(self, what: str) -> str:
        return f"{what} on more than {PAGES_MAX} pages are too many"


def _walked(fetch: Fetch[Row], each: Each[Row], first: Page[Row], *, asked: int) -> _Walk[Row]:
    """Read on until the end is seen; stops early at what voids the walk.

    Up to the total in steps that double, so that a total far too high costs few requests; then one page, then more.
    """

    def fetch_one(number: int) -> Page[Row]:
        return fetch(number, asked)

    walk = _Walk((first,), asked)
    steps = {True: AHEAD, False: 1}
    while not walk.ended and len(walk.pages) <= PAGES_MAX and not flaw_in(walk.pages):
        there = len(walk.pages)
        counted = walk.counted > there
        step = min(steps[counted], walk.counted - there) if counted else steps[counted]
        walk = _Walk((*walk.pages, *each(fetch_one, range(there + 1, there + step + 1))), asked)
        steps[counted] = 2 * step if walk.pages[-1].rows else AHEAD
    return walk


def _repeated(ids: Iterable[int]) -> list[int]:
    return sorted(id_ for id_, times in Counter(ids).items() if times > 1)


def _unproven(what: str, flaws: Sequence[str]) -> IncompleteListing:
    walks = "; ".join(f"walk {number}: {flaw}" for number, flaw in enumerate(flaws, 1))
    return IncompleteListing(
        "E440",
        f"No walk through the list of {what} proves that it is complete ({walks}). "
        "On an incomplete list a bucket that exists would be created again.",
        fix="run it again when nothing else writes to this account; if it says the same then, show it to ACRCloud.",
    )
