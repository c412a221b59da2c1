"""The list of buckets before it is divided into pages: search and order."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, assert_never

from acrsync.emulator.profile import Profile
from acrsync.emulator.store import Bucket

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """The rows of all pages, which of them a page shows, and the total."""

    rows: Sequence[Row]
    total: int
    keeps: Callable[[Row], bool] = lambda _: True


def ordered(rows: list[Bucket], profile: Profile, reading: int) -> list[Bucket]:
    """Return rows, given by rising id, in the order of the profile. Documented: newest first (reference 1.6)."""
    match profile.list_order:
        case "id_ascending":
            return rows
        case "id_descending":
            return rows[::-1]
        case "name":
            return sorted(rows, key=lambda row: row.name.casefold())
        case "updated_at":
            return sorted(rows, key=lambda row: (row.updated_at, row.id), reverse=True)
        case "unstable":
            return sorted(rows, key=lambda row: hashlib.blake2b(f"{reading} {row.id}".encode()).digest())
    assert_never(profile.list_order)


def matches(search: str, name: str, profile: Profile) -> bool:
    """Return whether a search finds a name. Undocumented; one public client sends `search` (reference 1.6)."""
    match profile.search_rule:
        case "substring":
            return search.casefold() in name.casefold()
        case "prefix":
            return name.casefold().startswith(search.casefold())
        case "ignored":
            return True
    assert_never(profile.search_rule)
