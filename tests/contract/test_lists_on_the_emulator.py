"""Every bucket of the emulator is listed, however it counts and pages; else the list is refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from acrsync.acrcloud import Account
from acrsync.client import Client
from acrsync.diagnostics import IncompleteListing
from acrsync.emulator import Running, serve
from emulator.api import Api
from examples import sampled

COUNTS = [0, 1, 20, 100, 101, 205]


@pytest.fixture(autouse=True)
def requests_and_answers_fit_the_description() -> None:
    """Hold nothing to the description: these are servers that do not keep to it."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Running]:
    with serve() as running:
        yield running


def listed(emulator: Running, count: int, profile: dict[str, Any]) -> list[int] | None:
    """Return the listed ids of an account with this many buckets; None if the list is refused."""
    rows = [
        {"id": number, "name": f"b{number}", "region": "eu-west-1", "type": "File"} for number in range(1, count + 1)
    ]
    Api(emulator).control("POST", "reset", {"rows": rows, "profile": {"base": "documented", **profile}})
    with Client(emulator.token, emulator.url, Client.Config(retries=0), timeout_s=5) as client:
        try:
            return [live.id for live in Account(client).observe().rows if live.uid == 19]
        except IncompleteListing:
            return None


@pytest.mark.parametrize(
    "profile",
    sampled(
        [
            {},
            {"total_off": -1},
            {"total_off": 1},
            {"total_off": -100},
            {"total_cap": 100},
            {"total_cached_seconds": 60},
            {"page_cache_seconds": 60},
            {"meta_shown": "text"},
            {"meta_shown": "no_total"},
            {"meta_shown": "absent"},
            {"page_past_end": "refuse_404"},
            {"page_past_end": "last"},
            {"page_past_end": "first"},
            {"page_rows_cap": 60},
            {"page_rows_cap": 7},
            {"per_page_cap": 50},
            {"per_page_cap": 7, "total_off": -1},
            {"per_page_shown": "as_asked", "per_page_cap": 30},
            {"list_order": "id_ascending"},
            {"list_order": "name", "total_off": 1},
            {"foreign_rows": "filtered"},
            {"foreign_rows": "filtered", "total_counts": "with_filtered"},
            {"foreign_rows": "filtered", "total_counts": "before_filters", "per_page_cap": 20},
            {"id_shown": "text"},
            {"id_shown": "float"},
        ],
        every=3,
    ),
    ids=str,
)
def test_every_bucket_is_listed_for_every_way_of_counting_and_paging(
    emulator: Running, profile: dict[str, Any]
) -> None:
    for count in COUNTS:
        assert sorted(listed(emulator, count, profile) or ()) == list(range(1, count + 1)), count


@pytest.mark.parametrize("profile", [{"list_order": "unstable"}, {"page_past_end": "last", "total_cap": 100}], ids=str)
def test_a_list_that_cannot_be_proven_complete_is_refused(emulator: Running, profile: dict[str, Any]) -> None:
    for count in COUNTS:
        found = listed(emulator, count, profile)
        assert found is None or sorted(found) == list(range(1, count + 1)), count
    assert listed(emulator, 205, profile) is None
