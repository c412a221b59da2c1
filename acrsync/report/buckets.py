"""The buckets of an account: a table, one bucket with all its facts, JSON, and ids for scripts."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from acrsync.diagnostics import AcrsyncError, Span
from acrsync.frozen import frozen
from acrsync.model import JSON, MARK, PROTECTED, Live, Reference
from acrsync.plan.changes import Change, Delete, Keep, Kept, live_of
from acrsync.plan.document import Plan
from acrsync.report.messages import indented, joined
from acrsync.report.style import Style, Tone, as_json, shown, shown_all
from acrsync.report.table import table
from acrsync.report.text import entries
from acrsync.visible import harmless_json, visible

VARIABLE = "ACRSYNC_ID_"


@frozen
class Known:
    """One bucket, its state compared with a manifest, and its users."""

    live: Live
    state: str | None = None  # None: there is no manifest
    span: Span | None = None  # of its entry
    users: tuple[Reference, ...] | None = None  # None: they were not read

    @property
    def stacks(self) -> tuple[str, ...]:
        return tuple(mark.removeprefix(MARK) for mark in self.live.marks if mark != PROTECTED)


def known(
    rows: Sequence[Live], plan: Plan | None, users: Mapping[int, tuple[Reference, ...]] | None = None
) -> tuple[Known, ...]:
    """Return these buckets by name, with their states and users."""
    changes = {live.id: change for change in plan.changes if (live := live_of(change))} if plan else {}
    return tuple(
        Known(
            row,
            _state(changes.get(row.id)) if plan else None,
            _span(changes.get(row.id)),
            None if users is None else users.get(row.id, ()),
        )
        for row in sorted(rows, key=lambda row: (row.name, row.id))
    )


def _state(change: Change | None) -> str:
    match change:
        case Keep(kept=kept):
            return str(kept)
        case Delete():
            return "to delete"
        case None:
            return str(Kept.UNMANAGED)
        case _:
            return "drifted"


def _span(change: Change | None) -> Span | None:
    match change:
        case None | Delete() | Keep(desired=None):
            return None
        case _:
            return change.desired.span if change.desired else None


def list_text(buckets: Sequence[Known], *, style: Style) -> str:
    """Return the buckets as a table."""
    titles = ("id", "name", "region", "type", "items", "stack", "state", "used by")
    return table(titles, [tuple(_cells(bucket)) for bucket in buckets], style=style) if buckets else ""


def _cells(bucket: Known) -> Iterator[str]:
    live = bucket.live
    yield str(live.id)
    yield shown(live.name)
    yield visible(str(live.attrs.get("region", "")))
    yield visible(str(live.attrs.get("type", "")))
    yield _items(live)
    yield visible(", ".join(bucket.stacks))
    yield bucket.state or ""
    yield _users(bucket)


def _users(bucket: Known) -> str:
    if bucket.users is None:
        return ""
    return "; ".join(visible(str(user)) for user in bucket.users) or "nobody"


def _items(live: Live) -> str:
    num = live.facts.get("num")
    return "?" if num is None else visible(str(num))


def bucket_text(bucket: Known, plan: Plan | None, *, style: Style) -> str:
    """Return one bucket with all its facts and users, and the change that an apply would make."""
    live = bucket.live
    rows = [(name, text) for name, text in _facts(bucket) if text]
    width = max(len(name) for name, _ in rows)
    lines = [f"{style.paint(f'{name:{width}}', Tone.FAINT)}  {text}" for name, text in rows]
    head = f"{style.paint(shown(live.name), Tone.STRONG)} (id {live.id})"
    planned = (entry for entry in entries(plan, style=style) if live_of(entry.change) == live) if plan else ()
    blocks = [head + "\n" + indented("\n".join(lines), 2)]
    blocks += [f"`acrsync apply` would change it:\n{indented(entry.text(), 2)}" for entry in planned]
    return joined(blocks, style=style)


def _facts(bucket: Known) -> Iterator[tuple[str, str]]:
    live = bucket.live
    if bucket.state is not None:
        yield "compared", bucket.state + (f" with {visible(str(bucket.span))}" if bucket.span else "")
    for name, value in live.attrs.items():
        match name, value:
            case "name", _:
                pass
            case "labels", list():
                yield name, shown_all(value)
            case _, None:
                yield name, "none"
            case _:
                yield name, shown(value)
    yield "stack", visible(", ".join(bucket.stacks)) or "none"
    yield "protected", "yes" if PROTECTED in live.marks else ""
    yield "items", _items(live)
    for name, value in live.facts.items():
        if name != "num":
            yield name, visible(value) if isinstance(value, str) else shown(value)
    yield "used by", _users(bucket)


def list_json(buckets: Sequence[Known], *, uid: int | None, endpoint: str) -> str:
    """Return the buckets as one JSON document."""
    document = {
        "format_version": "1.0",
        "account": {"uid": uid, "endpoint": endpoint},
        "buckets": [_as_document(bucket) for bucket in buckets],
    }
    return harmless_json(json.dumps(document, indent=2)) + "\n"


def _as_document(bucket: Known) -> Mapping[str, JSON]:
    live = bucket.live
    users = bucket.users
    return {
        "id": live.id,
        **live.attrs,
        "stacks": list(bucket.stacks),
        "protected": PROTECTED in live.marks,
        "state": bucket.state,
        "source": None if bucket.span is None else str(bucket.span),
        "facts": dict(live.facts),
        "used_by": None if users is None else [{"kind": u.kind, "id": u.id, "name": u.name} for u in users],
    }


def env_text(buckets: Sequence[Known]) -> str:
    """Return one assignment for each bucket, for shells and env files: ACRSYNC_ID_MUSIC_CATALOGUE=8881.

    Raises: AcrsyncError if two names give the same variable, or a name gives none.
    """
    found: dict[str, Live] = {}
    for bucket in buckets:
        live = bucket.live
        name = variable(live.name)
        if name == VARIABLE:
            detail = f"The name {as_json(live.name)} (id {live.id}) has no letter from A to Z and no digit."
            raise AcrsyncError("E021", detail, fix="use --format json, or list only the other buckets.")
        other = found.setdefault(name, live)
        if other is not live:
            detail = f"{as_json(other.name)} (id {other.id}) and {as_json(live.name)} (id {live.id}) both give {name}."
            raise AcrsyncError("E021", detail, fix="use --format json, or list only one of them.")
    return "".join(f"{name}={live.id}\n" for name, live in found.items())


def variable(name: str) -> str:
    """Return the variable for a bucket's id: letters without accents and digits in upper case, `_` for the rest."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return VARIABLE + re.sub(r"[^A-Z0-9]+", "_", plain.upper()).strip("_")
