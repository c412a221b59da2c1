"""No bucket that was there throughout is ever missing from a listing that is accepted as complete.

A simulated server lists rows page by page while others create and delete rows: between requests, between requests that
are under way at the same time, and between the count and the select inside one request.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acrsync.acrcloud.listing import Page, complete, falls, flaw_in
from acrsync.diagnostics import IncompleteListing
from engine import words

READERS = 8


@dataclass(frozen=True, slots=True)
class Thing:
    id: int


@dataclass
class Server:
    """A list under change. Every step of every request is a moment at which somebody else may write."""

    chance: random.Random
    order: str = "falling"
    size: int = 3
    says_size: bool = True
    counts_first: bool = True
    writes: float = 0.2  # how likely somebody writes at a moment
    rows: list[int] = field(default_factory=list)
    throughout: set[int] = field(default_factory=set)
    newest: int = 0

    def fill(self, count: int) -> Server:
        for _ in range(count):
            self.create()
        self.throughout = {id_ for id_ in self.rows if self.chance.random() < 0.7}
        return self

    def create(self) -> None:
        self.newest += self.chance.randint(1, 3)
        self.rows.append(self.newest)

    def somebody_writes(self) -> None:
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

    def request(self, number: int) -> Iterator[Page[Thing] | None]:
        """One request in two steps; the second yields the answer."""
        total = len(self.rows)
        if self.counts_first:
            yield None
        chosen = self.ordered()[(number - 1) * self.size : number * self.size]
        if not self.counts_first:
            yield None
            total = len(self.rows)
        yield Page(tuple(map(Thing, chosen)), total, self.size if self.says_size else None)

    def fetch(self, number: int) -> Page[Thing]:
        return next(iter(self.each(None, [number])))

    def each(self, _: Callable[[int], Page[Thing]] | None, numbers: Iterable[int]) -> list[Page[Thing]]:
        """Answer these requests, up to eight under way at a time, their steps in any order."""
        waiting = list(numbers)[::-1]
        under_way: dict[int, Iterator[Page[Thing] | None]] = {}
        answers: dict[int, Page[Thing]] = {}
        while waiting or under_way:
            while waiting and len(under_way) < READERS:
                number = waiting.pop()
                under_way[number] = self.request(number)
            self.somebody_writes()
            number = self.chance.choice(sorted(under_way))
            page = next(under_way[number])
            if page is not None:
                answers[number] = page
                del under_way[number]
        self.somebody_writes()
        return [answers[number] for number in sorted(answers)]


def listed(server: Server) -> set[int] | None:
    """Return the ids of an accepted listing, None where it was refused."""
    try:
        return {row.id for row in complete(server.fetch, server.each, what="things")}
    except IncompleteListing:
        return None


servers = st.builds(
    lambda seed, rows, **options: Server(random.Random(seed), **options).fill(rows),
    seed=st.integers(0, 2**32),
    rows=st.integers(0, 60),
    order=st.sampled_from(["falling", "falling", "rising", "by name"]),
    size=st.integers(1, 12),
    counts_first=st.booleans(),
    writes=st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.3]),
)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(server=servers)
def test_a_bucket_that_was_there_throughout_is_never_missed(server: Server) -> None:
    found = listed(server)
    assert found is None or server.throughout <= found


@pytest.mark.parametrize("size", [20, 25, 50])
def test_nor_where_the_server_gives_smaller_pages_than_asked_for_and_does_not_say_so(size: int) -> None:
    accepted = 0
    for seed in range(400):
        chance = random.Random(seed)
        server = Server(chance, size=size, says_size=False, counts_first=bool(seed % 2), writes=0.25)
        server.fill(size + chance.choice([-1, 0, 0, 0, 1, size]))
        found = listed(server)
        accepted += found is not None
        assert found is None or server.throughout <= found, f"seed {seed}"
    assert accepted > 100


def test_a_list_that_rests_is_accepted_in_every_order_and_page_size() -> None:
    for order in ("falling", "rising", "by name"):
        for size in (1, 2, 3, 7, 19, 20, 100):
            for count in (0, 1, 2, 3, 19, 20, 21, 40):
                server = Server(random.Random(1), order=order, size=size, writes=0.0).fill(count)
                assert listed(server) == set(server.rows), (order, size, count)


def test_most_walks_through_a_list_that_changes_now_and_then_are_accepted() -> None:
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
        pages = (first, *server.each(None, range(2, first.last + 1)))
        again = server.fetch(1)
        found = {row.id for page in pages for row in page.rows}
        missed += accept(pages, again) and not server.throughout <= found
    return missed


def ids_of(pages: tuple[Page[Thing], ...]) -> list[int]:
    return [id_ for page in pages for id_ in page.ids]


def count_fits(pages: tuple[Page[Thing], ...], _: Page[Thing]) -> bool:
    ids = ids_of(pages)
    return len(set(ids)) == len(ids) and all(page.total == len(ids) for page in pages)


def test_the_simulation_finds_what_each_weaker_proof_misses() -> None:
    """The law above could not fail if the simulated server never lost a row."""
    assert misses(count_fits, seeds=2000) > 0, "unique ids and a constant total are not enough"
    assert misses(lambda pages, _: falls(ids_of(pages)), seeds=2000) > 0, "falling ids are not enough"
    assert misses(lambda pages, again: falls(ids_of(pages)) and not flaw_in(pages, again=again), seeds=2000) == 0


# What is told.


def walked(*answers: Page[Thing]) -> tuple[str, list[int]]:
    """Return what is told of a list that is always refused, and the numbers of the pages that were asked for."""
    asked: list[int] = []
    script = iter(answers)

    def fetch(number: int) -> Page[Thing]:
        asked.append(number)
        return next(script)

    with pytest.raises(IncompleteListing) as caught:
        complete(fetch, map, what="things")
    return words(caught.value.diagnostic), asked


def page(*ids: int, total: int) -> Page[Thing]:
    return Page(tuple(map(Thing, ids)), total)


def test_each_walk_tells_what_was_wrong_with_it() -> None:
    first, second = page(9, 8, total=4), page(7, 6, total=4)
    said, asked = walked(
        *(first, second, page(9, 8, total=5)),
        *(first, page(7, total=4), first),
        *(first, page(8, 7, total=4), first),
        *(first, second, page(10, 9, total=4)),
        *(page(8, 9, total=4), second, page(8, 9, total=4)),
    )
    assert said == (
        "error[E440] The list could not be read completely | The list of things changed under each walk through it, so "
        "one may be missing (walk 1: the total was 4 and 5; walk 2: the total was 4, the rows were 3; walk 3: id 8 "
        "came twice; walk 4: page 1 had changed at the end; walk 5: the ids are not in falling order). On an "
        "incomplete list a bucket that exists would be created again. | run it again when nothing else writes to this "
        "account."
    )
    assert asked == [1, 2, 1] * 5


def test_a_list_of_too_many_pages_is_not_walked() -> None:
    said, asked = walked(page(1, total=50_001))
    assert ("(walk 1: 50001 things on pages of 1 are too many)" in said, asked) == (True, [1])
    assert len(complete(lambda number: page(50_001 - number, total=50_000), map, what="things")) == 50_000


def test_a_single_page_that_shows_a_row_twice_proves_nothing() -> None:
    twice = page(5, 5, total=2)
    said, asked = walked(*[twice] * 10)
    assert ("walk 5: id 5 came twice" in said, asked) == (True, [1] * 10)
    assert complete(lambda _: page(5, 4, total=2), map, what="things") == (Thing(5), Thing(4))


def test_two_walks_prove_an_order_only_where_they_follow_each_other() -> None:
    rising, flawed = (page(8, 9, total=4), page(6, 7, total=4)), page(8, 9, total=5)
    script = iter((*rising, rising[0], *rising, flawed, *rising, rising[0], *rising, rising[0]))
    assert len(complete(lambda _: next(script), map, what="things")) == 4
    assert next(script, None) is None, "the walk before the flawed one does not count"
