"""Renders the plain manifest of one environment as text, without variables and matrices."""

from __future__ import annotations

import re
from collections.abc import Iterator

from acrsync.bucket import FIELDS
from acrsync.manifest.loading import Loaded, Source
from acrsync.manifest.rules import Entry, entries
from acrsync.manifest.scalars import flow, literal
from acrsync.manifest.writing import INDENT, item, pair, shown
from acrsync.model import Approval, Desired, Manifest, Prune, Removed
from acrsync.visible import visible

_HEAD = re.compile(r"# The plain manifest [^\r\n]*")
_FROM = re.compile(r" *(# from [^\r\n]*)")


def rendered(source: Source, environment: str | None = None) -> str | Loaded:
    """Return the plain manifest, or the errors. A rendered text stays as it is."""
    loaded = source.loaded(environment)
    if loaded.manifest is None:
        return loaded
    return "\n".join(_lines(source, loaded.manifest)) + "\n"


def _lines(source: Source, manifest: Manifest) -> Iterator[str]:
    yield _head(source, manifest)
    yield "version: 1"
    limit = manifest.deletes_limit
    top = {
        "stack": manifest.stack,
        "account": None if manifest.account_uid is None else {"uid": manifest.account_uid},
        "endpoint": manifest.endpoint,
        "token_env": manifest.token_env,
        "runs": manifest.runs,
        "ownership": "label" if manifest.ownership else None,
        "prune": str(manifest.prune) if manifest.prune is not Prune.NEVER else None,
        "limits": {"deletes": limit.written} if limit != Manifest().deletes_limit else None,
    }
    yield from (f"{key}: {flow(value)}" for key, value in top.items() if value is not None)
    yield "buckets:" if manifest.desired else "buckets: []"
    found = entries(source.plain(manifest.environment).trees, "buckets")
    for entry, desired in zip(found, manifest.desired, strict=True):
        yield INDENT + _origin(source, entry)
        yield from (INDENT + line for line in item(_bucket(desired)))
    if manifest.removed:
        yield "removed:"
        yield from (INDENT + "- " + flow(literal(_removed(one))) for one in manifest.removed)
    if manifest.approvals:
        yield "allow:"
        yield from (INDENT + "- " + flow(_approval(one)) for one in manifest.approvals)


def _head(source: Source, manifest: Manifest) -> str:
    """Return the first line. If the text was already rendered, keep its first line."""
    files = ", ".join(map(visible, manifest.files))
    if len(source.texts) == 1 and (kept := _HEAD.match(next(iter(source.texts.values())))):
        return kept[0]
    where = f" of {visible(manifest.environment)}" if manifest.environment is not None else ""
    return f"# The plain manifest{where} from {files}: change that, and render again."


def _origin(source: Source, entry: Entry) -> str:
    """Return the comment with the origin of a bucket. If the text was already rendered, keep its comment."""
    place = entry.tree.span(entry.path)
    lines = source.lines(place.file)
    if kept := _FROM.fullmatch(lines[place.line - 2] if place.line > 1 else ""):
        return kept[1]
    combination = entry.tree.combinations[entry.path[1]] if entry.tree.combinations else ""
    return f"# from {visible(place.file)}:{place.line}:{place.column}" + (f" ({combination})" if combination else "")


def _bucket(desired: Desired) -> list[str]:
    others = {"id": desired.id, "was": desired.was, "protect": desired.protect}
    attrs = {key: shown(key, desired.attrs[key]) for key in FIELDS if key in desired.attrs}
    whole = {**attrs, **{key: value for key, value in others.items() if value is not None}}
    return [line for key, value in whole.items() for line in pair(key, literal(value))]


def _removed(removed: Removed) -> dict[str, str | int | bool]:
    what: dict[str, str | int] = {"name": removed.name} if removed.id is None else {"id": removed.id}
    return {**what, "forget": True} if removed.forget else {**what}


def _approval(approval: Approval) -> dict[str, str | int | None]:
    what = {"id": approval.id} if approval.stack is None else {"stack": approval.stack}
    return {"guard": approval.guard, **what, "reason": approval.reason}
