"""What a Store promises, one suite on every implementation.

To add one: a row in PLACES (`tests/store_places.py`), which makes a fresh place and returns what opens it, any number
of times.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from acrsync.runs.store import Conflict, Store, Stored
from store_places import PLACES, Open


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Open:
    opened: Open = request.param(request)
    return opened


def swapped(store: Store, data: bytes, **kwargs: object) -> str:
    """Swap on whatever is there."""
    now = store.read()
    return store.swap(data, expected=now.version if now else None, note="a test", **kwargs)  # type: ignore[arg-type]


def test_before_the_first_swap_the_store_is_empty(place: Open):
    store = place()

    assert store.read() is None
    assert store.record_ids() == ()
    assert store.record("20260101T000000Z-aaaaaa") is None


def test_swapped_data_is_read_with_its_version(place: Open):
    version = place().swap(b'{"a": 1}', expected=None, note="first")

    assert place().read() == Stored(b'{"a": 1}', version)


def test_reading_twice_shows_one_version(place: Open):
    store = place()
    swapped(store, b"one")

    assert store.read() == store.read() == place().read()


def test_only_one_can_make_the_first_object(place: Open):
    first, second = place(), place()
    first.swap(b"first", expected=None, note="first")

    with pytest.raises(Conflict):
        second.swap(b"second", expected=None, note="second")
    now = second.read()
    assert now is not None
    assert now.data == b"first"


def test_a_swap_on_an_old_version_changes_nothing(place: Open):
    store, other = place(), place()
    old = swapped(store, b"one")
    new = other.swap(b"two", expected=old, note="two")

    with pytest.raises(Conflict):
        store.swap(b"three", expected=old, note="three")
    assert store.read() == Stored(b"two", new)


def test_a_swap_on_an_object_that_never_was_is_a_conflict(place: Open):
    old = swapped(place(), b"one")
    store = place()
    new = store.swap(b"two", expected=old, note="two")

    with pytest.raises(Conflict):
        place().swap(b"three", expected=None, note="three")
    assert store.read() == Stored(b"two", new)


def test_the_same_data_gets_another_version(place: Open):
    store = place()
    first = swapped(store, b"same")
    second = store.swap(b"same", expected=first, note="again")

    assert first != second
    with pytest.raises(Conflict):
        store.swap(b"same", expected=first, note="again")


def test_a_handle_sees_what_another_one_swapped(place: Open):
    reader, writer = place(), place()
    assert reader.read() is None
    version = swapped(writer, b"one")
    assert reader.read() == Stored(b"one", version)
    version = writer.swap(b"two", expected=version, note="two")
    assert reader.read() == Stored(b"two", version)
    # And it can go on from there.
    assert reader.swap(b"three", expected=version, note="three") != version


def one_wins_from(place: Open, version: str | None) -> None:
    def race(number: int) -> str:
        try:
            return place().swap(b"by %d" % number, expected=version, note=f"by {number}")
        except Conflict:
            return ""

    with ThreadPoolExecutor(4) as pool:
        won = [found for found in pool.map(race, range(4)) if found]

    now = place().read()
    assert now is not None
    assert won == [now.version]


def test_only_one_of_many_swaps_on_one_version_succeeds(place: Open):
    one_wins_from(place, swapped(place(), b"start"))


def test_only_one_of_many_first_swaps_succeeds(place: Open):
    one_wins_from(place, None)


def test_all_bytes_survive_a_round_trip(place: Open):
    data = bytes(range(256)) * 40 + b"\r\n\n" + "Rundfunk \u2028 \U0001f3b5".encode()
    record = b'{"event": "run"}\r\n\n' + bytes(range(256))
    version = swapped(place(), data, records={"20260101T000000Z-aaaaaa": record})

    assert place().read() == Stored(data, version)
    assert place().record("20260101T000000Z-aaaaaa") == record


def test_a_large_object_survives_a_round_trip(place: Open):
    data = b"0123456789abcdef" * 131_072  # 2 MiB: the plan of a large account
    version = swapped(place(), data)

    assert place().read() == Stored(data, version)


def test_records_are_kept_with_their_swap(place: Open):
    store = place()
    version = swapped(store, b"one", records={"20260101T000000Z-aaaaaa": b"first\n"})
    later = {"20260102T000000Z-bbbbbb": b"second\n", "20260102T000001Z-cccccc": b"third\n"}
    store.swap(b"two", expected=version, note="two", records=later)

    other = place()
    assert other.record_ids() == ("20260101T000000Z-aaaaaa", *later)
    assert other.record("20260101T000000Z-aaaaaa") == b"first\n"
    assert {run_id: other.record(run_id) for run_id in later} == later
    assert other.record("20260103T000000Z-cccccc") is None


def test_records_are_in_the_order_of_their_ids(place: Open):
    store = place()
    swapped(store, b"one", records={"20260102T000000Z-bbbbbb": b"later\n"})
    swapped(store, b"two", records={"20260101T000000Z-aaaaaa": b"earlier\n"})

    assert place().record_ids() == ("20260101T000000Z-aaaaaa", "20260102T000000Z-bbbbbb")


def test_a_record_that_is_kept_again_is_the_newer_one(place: Open):
    """A run is recorded when it ends, and again when a later one closes it."""
    store = place()
    swapped(store, b"one", records={"20260101T000000Z-aaaaaa": b"ended\n"})
    swapped(store, b"two", records={"20260101T000000Z-aaaaaa": b"ended\nclosed\n"})

    assert place().record_ids() == ("20260101T000000Z-aaaaaa",)
    assert place().record("20260101T000000Z-aaaaaa") == b"ended\nclosed\n"


def test_a_record_does_not_change_the_object_alone(place: Open):
    store = place()
    version = swapped(store, b"one", records={"20260101T000000Z-aaaaaa": b"first\n"})

    assert store.read() == Stored(b"one", version)


@pytest.mark.parametrize(
    "note", ["run 1: 3 created", "two\nlines\n\nand more", "--amend", "#comment", "", "\x00 \x1b[2J \u202e"]
)
def test_a_note_changes_nothing(place: Open, note: str):
    store = place()
    version = store.swap(b"one", expected=None, note=note)

    assert place().read() == Stored(b"one", version)


def test_the_description_of_a_store_is_one_line(place: Open):
    assert place().where
    assert place().where.isprintable()
