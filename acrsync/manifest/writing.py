"""Live buckets to the text of a manifest.

Why `labels: []` and `metadata_template: {}` are written: an absent key is not managed. A bucket that happens to have no
label today would be the one whose labels anybody can change unseen tomorrow.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from acrsync.bucket import FIELDS, unwritable
from acrsync.manifest import rules, shape
from acrsync.manifest.problems import quoted
from acrsync.manifest.scalars import flow, literal, written
from acrsync.model import JSON, Attrs, Live, Snapshot
from acrsync.plan.ownership import is_own, is_shared
from acrsync.visible import lookalike, visible

SCHEMA_FILE = "acrsync.schema.json"  # where the first line of a manifest tells editors to look
LONGEST_KEY = 1000  # YAML parsers look no farther than 1024 characters for the colon
INDENT = "  "


def dump(snapshot: Snapshot, *, uid: int | None, ids: bool = False) -> str:
    """Return a manifest that plans to nothing for this account; what it cannot hold stands in comments that say why.

    `uid` is the account's number, None if it is not known. If the list then shows several accounts, the manifest is for
    the one with the most buckets, and says so: without `account:` nobody could plan it. `ids`: with every bucket's id.
    """
    told = Counter(row.uid for row in snapshot.rows if row.uid is not None and not is_shared(row))
    guessed = uid is None and len(told) > 1
    if guessed:
        uid = max(told, key=lambda number: (told[number], -number))
    entries: list[list[str]] = []
    left_out: list[str] = []
    describe = _Describing(snapshot, uid=uid, ids=ids)
    for row in sorted(snapshot.rows, key=lambda row: (row.name, row.id)):
        reason = unwritable(row) if is_own(row, uid) else f"It belongs to another account (uid {row.uid})."
        if reason is None:
            entries.append(describe(row))
        else:
            left_out.append(f"#   {quoted(row.name)} (id {row.id}): {reason}")
    lines = [
        f"# yaml-language-server: $schema=./{SCHEMA_FILE}",
        f"# The line above is for editors; the file that it names is made by: acrsync schema > {SCHEMA_FILE}",
        "version: 1",
        *(_several_accounts(told) if guessed else ()),
        *([] if uid is None else [f"account: {{uid: {uid}}}"]),
        "buckets:" if entries else "buckets: []",
        *(INDENT + line for entry_lines in entries for line in entry_lines),
        *(["# Not managed:"] if left_out else []),
        *left_out,
    ]
    return "\n".join(lines) + "\n"


def dump_entries(rows: Sequence[Live], snapshot: Snapshot, *, uid: int | None, ids: bool = False) -> str:
    """Return entries for these buckets of an account, as they stand under `buckets:`, to paste into a manifest."""
    describe = _Describing(snapshot, uid=uid, ids=ids)
    lines: list[str] = []
    for row in sorted(rows, key=lambda row: (row.name, row.id)):
        reason = unwritable(row) if is_own(row, uid) else f"It belongs to another account (uid {row.uid})."
        lines += describe(row) if reason is None else [f"# {quoted(row.name)} (id {row.id}) is not managed: {reason}"]
    return "".join(f"{INDENT}{line}\n" for line in lines)


def _several_accounts(told: Mapping[int, int]) -> Iterator[str]:
    shown = ", ".join(f"{number} ({count} bucket{'s' * (count != 1)})" for number, count in sorted(told.items()))
    yield f"# The list has buckets of several accounts: {shown}."
    yield "# If yours is not the one below, correct the number and export again with the token of your account."


def entry(attrs: Attrs) -> str:
    """Return one bucket as an item of `buckets`, for people to paste; it ends without a newline."""
    lines = [line for key in FIELDS if key in attrs for line in pair(key, literal(shown(key, attrs[key])))]
    return "\n".join(item(lines))


class _Describing:
    """Writes rows as entries; what a rule for new buckets refuses is written with the `id` of the one that exists."""

    def __init__(self, snapshot: Snapshot, *, uid: int | None, ids: bool) -> None:
        self.ids = ids
        own = [row for row in snapshot.rows if is_own(row, uid)]
        self.problems = shape.attrs_checker()
        self.namesakes = Counter(row.name for row in own)
        self.alike = Counter(lookalike(row.name) for row in own)

    def __call__(self, row: Live) -> list[str]:
        lines = list(pair("name", literal(row.name)))
        problems = {**self.problems({**row.attrs, "id": row.id}), **_beyond_the_schema(row)}
        if why := self._why_by_id(row):
            lines += [f"# The id says which bucket is meant: {why}", *pair("id", row.id)]
        elif self.ids:
            lines += pair("id", row.id)
        if row.marks:
            lines.append(f"# Marks on the server: {', '.join(map(visible, row.marks))}")
        for key in FIELDS:
            if key in problems:
                lines.append(f"# {key} is not managed: {problems[key]}")
            elif key in row.attrs and key != "name":
                lines += pair(key, literal(shown(key, row.attrs[key])))
        return item(lines)

    def _why_by_id(self, row: Live) -> str | None:
        if self.namesakes[row.name] > 1:
            return "several buckets have this name."
        if self.alike[lookalike(row.name)] > 1:
            return "another name differs from it only in case, space or Unicode form."
        if "name" in (of_shape := self.problems({**row.attrs})):
            return of_shape["name"]
        problems = map(rules.label_problem, (label for label in row.attrs.get("labels", ()) if isinstance(label, str)))
        problem = rules.name_problem(row.name) or next(filter(None, problems), None)
        return problem[0] if problem else None


def _beyond_the_schema(row: Live) -> Mapping[str, str]:
    """Return why keys of a row cannot stand in a manifest, although the schema allows them."""
    problems = {}
    if isinstance(row.attrs.get("metadata_template"), str):
        problems["metadata_template"] = "The text is no JSON object."
    for key in ("labels", "metadata_template"):
        try:
            json.dumps(row.attrs.get(key), ensure_ascii=False).encode()
        except UnicodeEncodeError:
            problems[key] = "It holds half of a surrogate pair, which is no character."
    return problems


def item(lines: list[str]) -> list[str]:
    """Return the lines of an item of a list."""
    return [("- " if at == 0 else INDENT) + line for at, line in enumerate(lines)]


def shown(key: str, value: JSON) -> JSON:
    """Return the value as a person writes it: no template is an empty one."""
    return {} if key == "metadata_template" and value is None else value


def pair(key: str, value: JSON) -> Iterator[str]:
    """Yield the lines of a key and its value, in block style."""
    name = written(key)
    start = f"{name}:" if len(name) <= LONGEST_KEY else f"? {name}\n:"
    if isinstance(value, Mapping) and value:
        yield from start.split("\n")
        for inner, inner_value in value.items():
            yield from (INDENT + line for line in pair(inner, inner_value))
    else:
        yield from f"{start} {flow(value)}".split("\n")
