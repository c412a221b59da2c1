"""What a Store says when requests and answers are lost, late or doubled on the way to a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from acrsync.runs.store import Conflict, Store, StoreError, Unanswered
from store_places import FAR, Far, Open
from store_proxy import Between, between


@dataclass(frozen=True)
class Place:
    """A store behind a way that can be disturbed, with an object in it."""

    way: Between
    open: Open
    store: Store
    version: str

    def data(self) -> bytes:
        now = self.open().read()
        assert now is not None
        return now.data


@pytest.fixture(params=FAR)
def far_away(request: pytest.FixtureRequest) -> Iterator[tuple[Between, Open]]:
    far: Far = request.param
    with between(far.server(request), far.is_swap) as way:
        yield way, far.opened(way.url, request)


@pytest.fixture
def place(far_away: tuple[Between, Open]) -> Place:
    way, opened = far_away
    store = opened()
    return Place(way, opened, store, store.swap(b"old", expected=None, note="before"))


def test_a_swap_whose_answer_is_lost_may_have_landed(place: Place):
    place.way.trouble.append("after")

    with pytest.raises(Unanswered):
        place.store.swap(b"new", expected=place.version, note="lost")
    assert place.data() == b"new"


def test_a_swap_that_never_arrived_also_may_have_landed(place: Place):
    place.way.trouble.append("before")

    with pytest.raises(Unanswered):
        place.store.swap(b"new", expected=place.version, note="lost")
    assert place.data() == b"old"


@pytest.mark.parametrize("trouble", ["before", "after", "late", "busy"])
def test_a_swap_is_never_sent_again(place: Place, trouble: str):
    before = place.way.swaps
    place.way.trouble.append(trouble)

    with pytest.raises(Unanswered):
        place.store.swap(b"new", expected=place.version, note="lost")
    assert place.way.swaps == before + 1


def test_a_first_swap_whose_answer_is_lost_may_have_landed(far_away: tuple[Between, Open]):
    """The client's own retries would report that someone else made the object."""
    way, opened = far_away
    way.trouble.append("after")

    with pytest.raises(Unanswered):
        opened().swap(b"new", expected=None, note="lost")
    now = opened().read()
    assert now is not None
    assert now.data == b"new"


def test_a_swap_that_lands_late_does_not_undo_another(place: Place):
    place.way.trouble.append("late")
    with pytest.raises(Unanswered):
        place.store.swap(b"late", expected=place.version, note="late")
    other = place.open()
    assert other.read() is not None
    version = other.swap(b"other", expected=place.version, note="other")

    place.way.deliver()
    assert place.data() == b"other"
    assert other.swap(b"next", expected=version, note="next")


def test_a_swap_that_lands_late_is_seen_then(place: Place):
    place.way.trouble.append("late")
    with pytest.raises(Unanswered):
        place.store.swap(b"late", expected=place.version, note="late")
    assert place.data() == b"old"

    place.way.deliver()
    with pytest.raises(Conflict):
        place.store.swap(b"another", expected=place.version, note="another")
    assert place.data() == b"late"


def test_a_swap_that_is_delivered_twice_lands_once(place: Place):
    """The second delivery finds the version gone, so the answer is a conflict: the caller reads, and finds its own."""
    place.way.trouble.append("twice")

    with pytest.raises((Conflict, Unanswered)):
        place.store.swap(b"new", expected=place.version, note="twice")
    assert place.data() == b"new"


def test_an_unreachable_store_is_reported(place: Place):
    place.way.broken = True

    with pytest.raises(StoreError) as caught:
        place.store.read()
    assert caught.value.diagnostic.code == "E070"
    with pytest.raises(StoreError) as caught:
        place.open().record_ids()
    assert caught.value.diagnostic.code == "E070"
    with pytest.raises(StoreError):  # git asks before it pushes, and says that nothing was sent
        place.store.swap(b"new", expected=place.version, note="no")


def test_after_a_lost_answer_the_same_handle_goes_on(place: Place):
    place.way.trouble += ["after", "before"]
    version = place.version
    for data in (b"one", b"two"):
        with pytest.raises(Unanswered):
            place.store.swap(data, expected=version, note="lost")
        now = place.store.read()
        assert now is not None
        assert now.data == b"one"
        version = now.version

    place.store.swap(b"three", expected=version, note="well")
    assert place.data() == b"three"
