"""Reads a paged list and proves that no row is missing, although rows may shift while it is read.

The end of a list is observed, never computed: it is an empty page, or a page shorter than the first if the number of
rows so far equals the total. The total alone may be capped, cached or from another query than the rows. It only decides
how many pages are requested at the same time.

A row that is created during a walk pushes the others back, so one is seen twice. A deleted row pulls them forward, so
one is missed. Reading page 1 again at the end shows most of that. A repeated id, another page 1 or another total makes
the walk invalid. A walk with falling ids and a correct total proves the list: a missed row makes the total differ, and
a row that compensates for it is on page 1 or twice in the list. If the server sorts differently or counts wrong, a
second walk with another page size must show the same ids in the same order: rows get lost at the ends of pages, and
these differ. The second size is a tenth less than the largest page, because a server may cap a page below the requested
size and show its other rows nowhere.

A single page proves the list only if it cannot be full: a full page may have lost its last row after the count. The
tests contain a simulation of all this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Generic, Protocol, TypeVar

from acrsync.diagnostics import IncompleteListing
from acrsync.frozen import frozen

WALKS = 5
PER_PAGE = 100  # GUESS: accepted, or lowered by the server, which may or may not report it
SMALLEST_PAGE = 20  # the documented default; a request for 100 gets at least this, unless `meta.per_page` is lower
AHEAD = 8  # pages requested at the same time at first; consecutive empty pages that end a list whatever its total
PAGES_MAX = 50_000  # more than that is a fault, not a list


class Identified(Protocol):
    """A row with the id by which lists are sorted."""

    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=Identified)


@frozen
class Page(Generic[Row]):
    """One page of a list."""

    rows: tuple[Row, ...]
    total: int | None = None  # None if the answer has no usable one
    per_page: int | None = None  # of the answer; None if it has none
    paged: bool = True  # False if the server does not page this list

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(row.id for row in self.rows)

    def is_all(self, asked: int) -> bool:
        """Return whether this page is the whole list: it has `total` rows, and room for another."""
        room = min(self.per_page or SMALLEST_PAGE, SMALLEST_PAGE, asked)
        full = bool(self.rows) and len(self.rows) >= room
        return not self.paged or (len(self.rows) == self.total and not full)


@frozen
class Listing(Generic[Row]):
    """A list that is proven to be complete."""

    rows: tuple[Row, ...]
    total: int | None  # of the server; may be wrong

    @property
    def miscounted(self) -> bool:
        """Whether the server's total differs from the number of rows."""
        return self.total is not None and self.total != len(self.rows)


Fetch = Callable[[int, int], Page[Row]]  # by number and rows per page
# `map`, or a parallel one.
Each = Callable[[Callable[[int], Page[Row]], Iterable[int]], Iterable[Page[Row]]]


def complete(fetch: Fetch[Row], each: Each[Row], *, what: str) -> Listing[Row]:
    """Return every row of a list in the server's order. No row that existed the whole time is missing.

    Reads page 1, then through `each` the others until the end, then page 1 again.
    Raises: IncompleteListing after five walks that prove nothing.
    """
    flaws: list[str] = []
    before: _Walk[Row] | None = None
    seen: set[int] = set()  # ids in the last walk, or in all if the server counts wrong
    counts_well = True  # until a walk without a flaw shows otherwise
    largest = 0  # rows on any page so far
    for number in range(WALKS):
        # Each walk has other page ends.
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
        flaws.append(flaw or walk.doubt or "a row of the previous walk was missing")
        if len(walk.pages) > PAGES_MAX:
            break
        before = None if flaw else walk
        seen = ids if counts_well else seen | ids
        largest = max(largest, *(len(page.rows) for page in walk.pages))
    raise _unproven(what, flaws)


def flaw_in(pages: Sequence[Page[Row]], *, again: Page[Row] | None = None) -> str:
    """Return how the list changed during this walk, as text; empty if no change is visible.

    `again` is page 1, read again after all others.
    """
    every = (*pages, again) if again else pages
    totals = sorted({page.total for page in every if page.total is not None})
    repeated = _repeated(id_ for page in pages for id_ in page.ids)
    if len(totals) > 1:
        return f"the total was {' and '.join(map(str, totals))}"
    if repeated:
        return f"id {repeated[0]} appeared twice"
    if again is not None and again.ids != pages[0].ids:
        return "page 1 changed during the walk"
    return ""


def is_falling(ids: Sequence[int]) -> bool:
    """Return whether each id is smaller than the one before."""
    return all(left > right for left, right in pairwise(ids))


@frozen
class _Walk(Generic[Row]):
    """All pages of a list, from the first to the end, or to the first visible change."""

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
        """The number of pages up to one that is not full, by the total and the rows on page 1; several if none."""
        size = len(self.pages[0].rows)
        return (self.total or 0) // size + 1 if size else AHEAD

    @property
    def ended(self) -> bool:
        """Whether the end was observed. An empty page before the last one is not the end: its rows may be filtered."""
        last, others = self.pages[-1], self.pages[-AHEAD:]
        if last.rows:
            return len(last.rows) < len(self.pages[0].rows) and len(self.rows) == self.total
        return len(self.pages) >= self.counted or (len(others) == AHEAD and not any(page.rows for page in others))

    @property
    def doubt(self) -> str:
        """Why this walk alone does not prove the list, as text."""
        if self.total is None:
            return "the list has no total"
        if self.total != len(self.rows):
            return f"the total was {self.total}, but there were {len(self.rows)} rows"
        return "" if is_falling(self.ids) else "the ids are not in falling order"

    def confirms(self, before: _Walk[Row] | None) -> bool:
        """Return whether the previous walk, with another page size, shows the same."""
        if before is None or before.asked == self.asked or (not self.ids and (self.total or 0) >= SMALLEST_PAGE):
            return False
        return (before.ids, before.total) == (self.ids, self.total)

    def endless(self, what: str) -> str:
        return f"the {what} fill more than {PAGES_MAX} pages, which is too many"


def _walked(fetch: Fetch[Row], each: Each[Row], first: Page[Row], *, asked: int) -> _Walk[Row]:
    """Read until the end, or until the walk is invalid.

    Up to the total in steps that double, so that a wrong total costs few requests; then one page, then more.
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
        f"The list of {what} could not be proven to be complete ({walks}). "
        "With an incomplete list, an existing bucket would be created again.",
        fix="run it again when nothing else changes this account. If it fails again, report it to ACRCloud.",
    )
