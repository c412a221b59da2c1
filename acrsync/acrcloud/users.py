"""The projects and containers that use buckets, from the rows of their four lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from acrsync.bucket import identifier
from acrsync.frozen import frozen
from acrsync.model import JSON, Live, Reference

# The kind of a row, by the list's name. Source: Console API; bm-bd-projects only from the official command line.
LISTS = {
    "base-projects": "base-project",
    "bm-cs-projects": "bm-cs-project",
    "bm-bd-projects": "bm-bd-project",
    "fs-containers": "fs-container",
}


@frozen
class User:
    """A project or container, and the buckets that it uses. The rest of its row, also secrets, is dropped."""

    id: int
    name: str
    bucket_ids: frozenset[int]
    bucket_names: frozenset[str]  # casefolded; GUESS: the server compares names as its database does, ignoring case


def user_of(row: JSON) -> User:
    """Return one row.

    A row contains its buckets, or their ids or, in a container, their names; `bucket_group` contains ids as text.
    Raises: KeyError, TypeError or ValueError if the row does not list its buckets, which does not mean "none".
    """
    entries = row["buckets"] if "bucket_group" not in row else row.get("buckets")
    if not isinstance(entries, list | None):
        raise TypeError("`buckets` is not a list")
    bucket_ids = {int(text) for text in re.findall(r"[0-9]+", str(row.get("bucket_group") or ""))}
    bucket_names = set()
    for entry in entries or ():
        match entry:
            case {"id": bucket_id}:
                bucket_ids.add(identifier(bucket_id))
            case int() | float():
                bucket_ids.add(identifier(entry))
            case str():
                bucket_names.add(entry.casefold())
                bucket_ids.update({int(entry)} if re.fullmatch(r"[0-9]+", entry) else ())
            case _:
                raise TypeError("an entry of `buckets` is neither a bucket nor an id nor a name")
    return User(identifier(row["id"]), str(row.get("name", "")), frozenset(bucket_ids), frozenset(bucket_names))


def references_to(touched: Iterable[Live], users: Mapping[str, Iterable[User]]) -> Mapping[int, tuple[Reference, ...]]:
    """Return the projects and containers that use these buckets, by bucket id; `users` are by list name."""
    found = {
        live.id: tuple(
            Reference(LISTS[name], user.id, user.name)
            for name, rows in users.items()
            for user in rows
            if live.id in user.bucket_ids or live.name.casefold() in user.bucket_names
        )
        for live in touched
    }
    return {bucket_id: references for bucket_id, references in found.items() if references}
