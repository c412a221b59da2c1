"""No bucket that was there throughout is ever missing from a listing that is accepted as complete, and none is doubled.

A simulated server lists rows page by page while others create and delete rows: between requests, between requests that
are under way at the same time, and between the count and the select inside one request. Its counts may be capped,
cached, off by a constant or made before a filter; its pages may be capped, cached, filtered or clamped to the last one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from acrsync.client.listing import SMALLEST_PAGE, Page, complete, flaw_in, is_falling
from acrsync.diagnostics import IncompleteListing
from engine import words
from examples import examples, whole

READERS = 8


@dataclass(frozen=True, slots=True)
class Thing:
    id: int


@dataclass
class Server:
    """A list under change. Someone else can write at every step of every request."""

    chance: random.Random
    order: str = "falling"
    size: int = 3  # rows that a page holds at most, and by which the next one begins
    says_size: bool = True
    counts_first: bool = True
    writes: float = 0.2  # the probability of a write at each step
    cut: int | None = None  # rows that a page shows of those; the rest of it is on no page
    hides: float = 0.0  # how likely a new row is filtered out of each page after it was cut
    counts_hidden: bool = True
    off: int | None = 0  # what is added to the total; None: there is no total
    total_cap: int | None = None
    total_kept: int = 0  # requests during which a total is taken from a cache
    pages_kept: int = 0  # the same of a page
    past_end: str = "empty"
    rows: list[int] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)
    throughout: set[int] = field(default_factory=set)
    newest: int = 0
    asked: int = 0
    per_page: int = 100
    total: tuple[int, int] | None = None  # until which request, and what
    pages: dict[tuple[int, int], tuple[int, Page[Thing]]] = field(default_factory=dict)

    def fill(self, count: int) -> Server:
        for _ in range(count):
            self.create()
        self.throughout = {id_ for id_ in self.rows if self.chance.random() < 0.7 and id_ not in self.hidden}
        return self

    def create(self) -> None:
        self.newest += self.chance.randint(1, 3)
        self.rows.append(self.newest)
        if self.chance.random() < self.hides:
            self.hidden.add(self.newest)

    def concurrent_write(self) -> None:
        while self.chance.random() < self.writes:
            others = [id_ for id_ in self.rows if id_ not in self.throughout]
            if others and self.chance.random() < 0.5:
                self.rows.remove(self.chance.choice(others))
            else:
                self.create()

    def ordered(self) -> list[int]:
        match self.order:
            case "falling":
                return sorted(self.rows, reverse=True)
            case "rising":
                return sorted(self.rows)
            case _:  # by name, say: any order that is the same each time
                return sorted(self.rows, key=lambda id_: (id_ * 7919) % 1009)

    def counted(self) -> int:
        if self.total is None or self.total[0] < self.asked:
            count = len(self.rows) - (0 if self.counts_hidden else len(self.hidden & set(self.rows)))
            count = min(count + (self.off or 0), count + 10**9 if self.total_cap is None else self.total_cap)
            self.total = self.asked + self.total_kept, max(0, count)
        return self.total[1]

    def request(self, number: int, per_page: int) -> Iterator[Page[Thing] | None]:
        """One request in two steps; the second yields the answer."""
        self.asked += 1
        kept = self.pages.get((number, per_page))
        if kept and kept[0] >= self.asked:
            yield None
            yield kept[1]
            return
        total = self.counted()
        if self.counts_first:
            yield None
        size = min(per_page, self.size)
        if self.past_end == "last":
            number = max(1, min(number, math.ceil(total / size)))
        chosen = self.ordered()[(number - 1) * size : number * size][: self.cut]
        shown = tuple(Thing(id_) for id_ in chosen if id_ not in self.hidden)
        if not self.counts_first:
            yield None
            total = self.counted()
        page = Page(shown, None if self.off is None else total, size if self.says_size else None)
        self.pages[number, per_page] = self.asked + self.pages_kept, page
        yield page

    def fetch(self, number: int, per_page: int = 100) -> Page[Thing]:
        self.per_page = per_page
        return self.answers([number])[0]

    def each(self, _: Callable[[int], Page[Thing]] | None, numbers: Iterable[int]) -> list[Page[Thing]]:
        """Answer these requests, with pages of the size that was asked for last."""
        return self.answers(list(numbers))

    def answers(self, numbers: list[int]) -> list[Page[Thing]]:
        """Answer requests, up to eight under way at a time, their steps in any order."""
        waiting = numbers[::-1]
        under_way: dict[int, Iterator[Page[Thing] | None]] = {}
        answers: dict[int, Page[Thing]] = {}
        while waiting or under_way:
            while waiting and len(under_way) < READERS:
                number = waiting.pop()
                under_way[number] = self.request(number, self.per_page)
            self.concurrent_write()
            number = self.chance.choice(sorted(under_way))
            page = next(under_way[number])
            if page is not None:
                answers[number] = page
                del under_way[number]
        self.concurrent_write()
        return [answers[number] for number in sorted(answers)]


def listed(server: Server) -> set[int] | None:
    """Return the ids of an accepted listing, None if it was refused."""
    try:
        found = [row.id for row in complete(server.fetch, server.each, what="things").rows]
    except IncompleteListing:
        return None
    assert len(found) == len(set(found)), "none is doubled"
    return set(found)


servers = st.builds(
    lambda seed, rows, **options: Server(random.Random(seed), **options).fill(rows),
    seed=st.integers(0, 2**32),
    rows=st.integers(0, 60),
    order=st.sampled_from(["falling", "falling", "rising", "by name"]),
    size=st.integers(1, 12),
    counts_first=st.booleans(),
    writes=st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.3]),
    past_end=st.sampled_from(["empty", "last"]),
)


@examples(1500, suppress_health_check=[HealthCheck.too_slow])
@given(server=servers)
def test_a_bucket_that_was_there_throughout_is_never_missed(server: Server) -> None:
    found = listed(server)
    assert found is None or server.throughout <= found


LIES = ("off", "no total", "capped", "cached", "filtered", "pages cached")


@pytest.mark.parametrize("lie", ["none", *LIES, "cut", "two"])
def test_no_bucket_is_missed_if_the_server_counts_or_truncates_unusually(lie: str) -> None:
    accepted, seeds = 0, 1500 if whole() else 300
    for seed in range(seeds):
        server = lying(random.Random(f"{lie} {seed}"), lie)
        found = listed(server)
        accepted += found is not None
        assert found is None or server.throughout <= found, f"seed {seed}: {server}"
    assert accepted > seeds / 3


def lying(chance: random.Random, lie: str) -> Server:
    server = Server(
        chance,
        order=chance.choice(["falling", "falling", "rising", "by name"]),
        size=chance.choice([20, 25, 50, 100]),
        counts_first=chance.random() < 0.5,
        writes=chance.choice([0.0, 0.0, 0.0, 0.01, 0.02, 0.05]),
        past_end=chance.choice(["empty", "empty", "last"]),
    )
    lies = chance.sample(LIES, 2) if lie == "two" else [lie]
    filtered = "filtered" in lies
    if "off" in lies:  # a short page 1 with a count to match is believed to be the whole list
        server.off = chance.choice([1, 2, 100] if filtered else [-100, -20, -1, 1, 2, 100])
    if "no total" in lies:
        server.off = None
    if "capped" in lies:
        server.total_cap = chance.choice([100] if filtered else [20, 50, 90, 100])
    if "cached" in lies:
        server.total_kept = chance.choice([2, 5, 10, 40])
    if "cut" in lies:
        server.cut = chance.choice([1, 10, 20, 40])
        if server.cut < SMALLEST_PAGE:  # then a full page 1 with a count to match is believed to have room
            server.writes = 0.0
    if filtered:
        server.hides, server.counts_hidden = chance.choice([0.1, 0.5, 0.7]), chance.random() < 0.5
        server.past_end = "empty"  # a first page without rows, shown for every page, tells nothing
    if "pages cached" in lies:
        server.pages_kept = chance.choice([2, 5, 10, 40])
    size = server.cut or server.size
    return server.fill(chance.choice([0, 1, size - 1, size, size + 1, 2 * size, chance.randint(0, 6 * server.size)]))


@pytest.mark.parametrize("size", [20, 25, 50])
def test_no_bucket_is_missed_if_pages_are_smaller_than_requested(size: int) -> None:
    accepted = 0
    for seed in range(400):
        chance = random.Random(seed)
        server = Server(chance, size=size, says_size=False, counts_first=bool(seed % 2), writes=0.25)
        server.fill(size + chance.choice([-1, 0, 0, 0, 1, size]))
        found = listed(server)
        accepted += found is not None
        assert found is None or server.throughout <= found, f"seed {seed}"
    assert accepted > 100


def test_an_unchanging_list_is_accepted_in_every_order_and_page_size() -> None:
    for order in ("falling", "rising", "by name"):
        for size in (1, 2, 3, 7, 19, 20, 100):
            for count in (0, 1, 2, 3, 19, 20, 21, 40):
                server = Server(random.Random(1), order=order, size=size, writes=0.0).fill(count)
                assert listed(server) == set(server.rows), (order, size, count)


@pytest.mark.parametrize("order", ["falling", "by name"])
@pytest.mark.parametrize(
    "lie",
    [
        *({"off": off} for off in (-1, 1, 3, None)),
        {"total_cap": 100},
        {"total_kept": 50},
        {"pages_kept": 50},
        {"cut": 50},
        {"hides": 0.2},
        {"hides": 0.2, "counts_hidden": False},
        {"past_end": "last"},
    ],
    ids=str,
)
def test_an_unchanging_list_is_accepted_for_every_count_and_cap(lie: dict[str, Any], order: str) -> None:
    for count in (0, 1, 19, 20, 99, 100, 101, 200, 250, 900):
        server = Server(random.Random(1), order=order, size=100, writes=0.0, **lie).fill(count)
        if order == "falling" or "cut" not in lie or count <= 50:
            assert listed(server) == set(server.rows) - server.hidden, count


@pytest.mark.parametrize(
    ("count", "options", "requests", "reason"),
    [
        (1000, {}, 12, "ten full pages, one past the end, and the first again"),
        (950, {}, 11, "a short page is an end that is seen"),
        (19, {}, 1, "room on page 1"),
        (100, {}, 3, "a full page may have pushed out its last row"),
        (100, {"off": 1}, 3 + 4, "a wrong count: a second walk with other pages"),
        (6, {"off": 1000}, 10 + 18, "eight empty pages end a list whatever its total"),
        (1000, {"total_cap": 100}, 18 + 18, "after the total one page, then two, four, eight"),
    ],
)
def test_finding_the_end_takes_one_more_request_than_counting(
    count: int, options: dict[str, Any], requests: int, reason: str
) -> None:
    server = Server(random.Random(1), size=100, writes=0.0, **options).fill(count)
    assert (listed(server), server.asked) == (set(server.rows), requests), reason


def test_most_walks_of_a_rarely_changing_list_are_accepted() -> None:
    accepted = [listed(Server(random.Random(seed), writes=0.02).fill(40)) for seed in range(200)]
    assert sum(found is not None for found in accepted) > 150


def misses(accept: Callable[[tuple[Page[Thing], ...], Page[Thing]], bool], *, seeds: int) -> int:
    """Return in how many walks a weaker proof accepts a listing that misses a row."""
    missed = 0
    for seed in range(seeds):
        server = Server(random.Random(seed), writes=0.08, counts_first=bool(seed % 2)).fill(14)
        first = server.fetch(1)
        if not first.rows:
            continue
        last = math.ceil((first.total or 0) / len(first.rows))
        pages = (first, *server.each(None, range(2, last + 1)))
        again = server.fetch(1)
        found = {row.id for page in pages for row in page.rows}
        missed += accept(pages, again) and not server.throughout <= found
    return missed


def ids_of(pages: tuple[Page[Thing], ...]) -> list[int]:
    return [id_ for page in pages for id_ in page.ids]


def count_fits(pages: tuple[Page[Thing], ...], _: Page[Thing]) -> bool:
    ids = ids_of(pages)
    return len(set(ids)) == len(ids) and all(page.total == len(ids) for page in pages)


def test_the_simulation_finds_the_gap_of_each_weaker_proof() -> None:
    """The law above could not fail if the simulated server never lost a row."""
    assert misses(count_fits, seeds=2000) > 0, "unique ids and a constant total are not enough"
    assert misses(lambda pages, _: is_falling(ids_of(pages)), seeds=2000) > 0, "falling ids are not enough"
    assert misses(lambda pages, again: is_falling(ids_of(pages)) and not flaw_in(pages, again=again), seeds=2000) == 0


# The message.


def walked(*answers: Page[Thing]) -> tuple[str, list[int]]:
    """Return the message for a list that is always refused, and the requested page numbers."""
    asked: list[int] = []
    script = iter(answers)

    def fetch(number: int, per_page: int) -> Page[Thing]:
        asked.append(number)
        return next(script)

    with pytest.raises(IncompleteListing) as caught:
        complete(fetch, map, what="things")
    return words(caught.value.diagnostic), asked


def page(*ids: int, total: int | None) -> Page[Thing]:
    return Page(tuple(map(Thing, ids)), total)


def test_each_refused_walk_gives_its_reason() -> None:
    first, second, end = page(9, 8, total=4), page(7, 6, total=4), page(total=4)
    said, asked = walked(
        *(first, page(7, 6, total=5), end),
        *(first, page(7, total=4), end, first),
        *(first, page(8, 7, total=4), end),
        *(first, second, end, page(10, 9, total=4)),
        *(page(8, 9, total=4), second, end, page(8, 9, total=4)),
    )
    assert said == (
        "error[E440] The list could not be read completely | The list of things could not be proven to be "
        "complete (walk 1: the total was 4 and 5; walk 2: the total was 4, but there were 3 rows; walk 3: id 8 "
        "appeared twice; walk 4: page 1 changed during the walk; walk 5: the ids are not in falling order). With an "
        "incomplete list, an existing bucket would be created again. | run it again when nothing else changes this "
        "account. If it fails again, report it to ACRCloud."
    )
    assert asked == [*(1, 2, 3), *(1, 2, 3, 1), *(1, 2, 3), *(1, 2, 3, 1), *(1, 2, 3, 1)]


def test_a_list_of_too_many_pages_is_not_walked_to_its_end() -> None:
    with pytest.raises(IncompleteListing) as caught:
        complete(lambda number, _: page(10**6 - number, total=10**6), map, what="things")
    assert "walk 1: the things fill more than 50000 pages, which is too many)" in words(caught.value.diagnostic)


def test_a_single_page_that_shows_a_row_twice_proves_nothing() -> None:
    twice = page(5, 5, total=2)
    said, asked = walked(*[twice] * 5)
    assert ("walk 5: id 5 appeared twice" in said, asked) == (True, [1] * 5)
    assert complete(lambda *_: page(5, 4, total=2), map, what="things").rows == (Thing(5), Thing(4))


def paged(*ids: int, total: int | None, most: int = 100) -> Callable[[int, int], Page[Thing]]:
    """Serve these rows in pages of the requested size, but at most this many."""

    def fetch(number: int, per_page: int) -> Page[Thing]:
        size = min(per_page, most)
        return page(*ids[(number - 1) * size : number * size], total=total)

    return fetch


def test_two_walks_prove_an_order_only_if_they_follow_each_other() -> None:
    asked: list[tuple[int, int]] = []
    whole = paged(*range(1, 51), total=50, most=20)

    def disturbed(number: int, per_page: int) -> Page[Thing]:
        asked.append((number, per_page))
        return page(1, total=51) if len(asked) == 8 else whole(number, per_page)

    assert len(complete(disturbed, map, what="things").rows) == 50
    sizes = [per_page for number, per_page in asked if number == 1]
    assert sizes == [100, 100, 18, 18, 16, 16, 14, 14], "the walk before the flawed one does not count"


def test_a_second_walk_asks_for_pages_that_end_elsewhere() -> None:
    asked: set[int] = set()

    def fetch(number: int, per_page: int) -> Page[Thing]:
        asked.add(per_page)
        return paged(*range(300, 0, -1), total=None)(number, per_page)

    listing = complete(fetch, map, what="things")
    assert (len(listing.rows), listing.total, listing.miscounted, asked) == (300, None, False, {100, 90})


def test_a_list_that_gives_no_total_and_shows_page_1_for_every_page_is_refused() -> None:
    same = page(*range(100, 0, -1), total=None)
    with pytest.raises(IncompleteListing):
        complete(lambda *_: same, map, what="things")


@pytest.mark.parametrize("total", [100, 102, 201, 7])
def test_a_wrong_count_neither_hides_a_bucket_nor_refuses_the_list(total: int) -> None:
    listing = complete(paged(*range(101, 0, -1), total=total), map, what="things")
    assert [row.id for row in listing.rows] == list(range(101, 0, -1))
    assert (listing.total, listing.miscounted) == (total, True)


def test_an_empty_list_with_a_large_total_is_refused() -> None:
    assert complete(paged(total=1), map, what="things").rows == ()
    with pytest.raises(IncompleteListing):
        complete(paged(total=20), map, what="things")


def test_a_bucket_that_an_earlier_walk_showed_is_not_forgotten_by_a_server_that_counts_wrong() -> None:
    """Counts capped at 100, and a page that comes from a cache: the second walk alone would seem to be in order."""
    kept = page(*range(101, 1, -1), total=100)

    def fetch(number: int, per_page: int) -> Page[Thing]:
        if per_page == 100:
            return kept if number == 1 else paged(*range(101, 0, -1), total=100)(number, per_page)
        return paged(*range(101, 1, -1), total=100)(number, per_page)

    with pytest.raises(IncompleteListing) as caught:
        complete(fetch, map, what="things")
    assert "a row of the previous walk was missing" in words(caught.value.diagnostic)
