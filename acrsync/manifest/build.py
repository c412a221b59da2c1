"""Builds the manifest from files without errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acrsync.bucket import canonical
from acrsync.diagnostics import Span
from acrsync.manifest.rules import Entry, entries
from acrsync.manifest.spots import plain
from acrsync.manifest.tree import PlacedList, PlacedMapping, Tree
from acrsync.model import JSON, Approval, Desired, Limit, Manifest, Prune, Removed


def manifest(trees: Sequence[Tree], environment: str | None = None) -> Manifest:
    """Return the manifest of one environment. The files are plain and have no errors."""
    data: Mapping[str, JSON] = {key: value for tree in trees for key, value in tree.data.items()}
    spans: dict[str, Span] = {}
    for tree in trees:
        for key in tree.data:
            spans.setdefault(key, tree.span((), key=key))
    kept: dict[str, JSON] = {}
    return Manifest(
        desired=tuple(_desired(entry, kept) for entry in entries(trees, "buckets")),
        removed=tuple(
            Removed(
                entry.data.get("name", ""), entry.data.get("forget", False), plain(entry.span), entry.data.get("id")
            )
            for entry in entries(trees, "removed")
        ),
        approvals=tuple(
            Approval(
                entry.data["guard"], entry.data.get("id"), entry.data["reason"], entry.span, entry.data.get("stack")
            )
            for entry in entries(trees, "allow")
        ),
        stack=data.get("stack"),
        account_uid=data.get("account", {}).get("uid"),
        ownership="ownership" in data,
        prune=Prune(data.get("prune", Prune.NEVER)),
        deletes_limit=_limit(data.get("limits", {}).get("deletes", "30%")),
        files=tuple(tree.file for tree in trees),
        spans=spans,
        environment=environment,
        endpoint=data.get("endpoint"),
        token_env=data.get("token_env"),
        runs=data.get("runs"),
    )


def _desired(entry: Entry, kept: dict[str, JSON]) -> Desired:
    attrs = canonical({**entry.tree.defaults, **entry.data})
    return Desired(
        attrs={key: _shared(value, kept) for key, value in attrs.items()},
        span=plain(entry.span),
        id=entry.data.get("id"),
        was=entry.data.get("was"),
        protect=entry.data.get("protect"),
    )


def _shared(value: JSON, kept: dict[str, JSON]) -> JSON:
    """Return a value without positions. Thousands of buckets share a few templates and labels: each is kept once."""
    if not isinstance(value, list | dict):
        return value
    text = repr(value)
    if text not in kept:
        kept[text] = _plain(value)
    return kept[text]


def _plain(value: JSON) -> JSON:
    """Return a value without positions, for the other packages."""
    match value:
        case PlacedMapping():
            return {key: _plain(inner) for key, inner in value.items()}
        case PlacedList():
            return [_plain(inner) for inner in value]
        case _:
            return value


def _limit(deletes: int | str) -> Limit:
    return Limit(deletes) if isinstance(deletes, int) else Limit(int(deletes.removesuffix("%")), percent=True)
