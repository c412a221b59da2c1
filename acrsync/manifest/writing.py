"""Writes live buckets as the text of a manifest.

Why `labels: []` and `metadata_template: {}` are written: an absent key is not managed. If a bucket has no labels today,
a later change of its labels must be seen.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from acrsync.bucket import CHINA, FIELDS, REGIONS, TYPES, unwritable
from acrsync.manifest import rules, shape
from acrsync.manifest.problems import quoted
from acrsync.manifest.scalars import flow, literal, written
from acrsync.model import JSON, Attrs, Live, Snapshot
from acrsync.plan.ownership import is_own, is_shared
from acrsync.visible import lookalike, visible

SCHEMA_FILE = "acrsync.schema.json"  # in the first line of a manifest, for editors
LONGEST_KEY = 1000  # YAML parsers only search 1024 characters for the colon
INDENT = "  "


def dump(snapshot: Snapshot, *, uid: int | None, ids: bool = False, portable: bool = False) -> str:
    """Return a manifest of this account, for which `plan` shows no changes. Comments explain what it cannot have.

    `uid` is that of the account, None if it is unknown. If the list then has several accounts, the manifest is for the
    one with the most buckets, with a comment: a plan needs `account:`. `ids`: with the id of each bucket. `portable`:
    for any other account, without uid and ids; buckets that cannot be created there are comments.
    """
    owners = Counter(row.uid for row in snapshot.rows if row.uid is not None and not is_shared(row))
    guessed = uid is None and len(owners) > 1
    if guessed:
        uid = max(owners, key=lambda number: (owners[number], -number))
    describe = _Portable(snapshot, uid=uid) if portable else _Describing(snapshot, uid=uid, ids=ids)
    entries: list[list[str]] = []
    left_out: list[str] = []
    for row in sorted(snapshot.rows, key=lambda row: (row.name, row.id)):
        match describe.entry(row):
            case str(reason):
                number = "" if portable else f" (id {row.id})"
                left_out.append(f"#   {quoted(row.name)}{number}: {reason}")
            case lines:
                entries.append(lines)
    lines = [
        f"# yaml-language-server: $schema=./{SCHEMA_FILE}",
        f"# The line above is for editors; the file that it names is made by: acrsync schema > {SCHEMA_FILE}",
        "version: 1",
        *(_several_accounts(owners) if guessed else ()),
        *([] if uid is None or portable else [_account(uid)]),
        "buckets: []" if all(entry_lines[0].startswith("#") for entry_lines in entries) else "buckets:",
        *(INDENT + line for entry_lines in entries for line in entry_lines),
        *(["# Not managed:"] if left_out else []),
        *left_out,
    ]
    return "\n".join(lines) + "\n"


def _account(uid: int) -> str:
    return f"account: {{uid: {uid}}}" if uid > 0 else f"# No `account:`, because the list shows {uid} as uid."


def dump_entries(rows: Sequence[Live], snapshot: Snapshot, *, uid: int | None, ids: bool = False) -> str:
    """Return entries for these buckets, to paste under `buckets:` of a manifest."""
    describe = _Describing(snapshot, uid=uid, ids=ids)
    lines: list[str] = []
    for row in sorted(rows, key=lambda row: (row.name, row.id)):
        match describe.entry(row):
            case str(reason):
                lines.append(f"# {quoted(row.name)} (id {row.id}) is not managed: {reason}")
            case found:
                lines += found
    return "".join(f"{INDENT}{line}\n" for line in lines)


def _several_accounts(owners: Mapping[int, int]) -> Iterator[str]:
    shown = ", ".join(f"{number} ({count} bucket{'s' * (count != 1)})" for number, count in sorted(owners.items()))
    yield f"# The list has buckets of several accounts: {shown}."
    yield "# If yours is not the one below, correct the number and export again with the token of your account."


def entry(attrs: Attrs) -> str:
    """Return one bucket as an item of `buckets`, for people to paste, without a newline at the end."""
    lines = [line for key in FIELDS if key in attrs for line in pair(key, literal(shown(key, attrs[key])))]
    return "\n".join(item(lines))


class _Describing:
    """Writes buckets as entries. If a rule for new buckets refuses one, the entry has the bucket's `id`."""

    def __init__(self, snapshot: Snapshot, *, uid: int | None, ids: bool = False) -> None:
        self.uid = uid
        self.ids = ids
        own = [row for row in snapshot.rows if is_own(row, uid)]
        self.problems = shape.attrs_checker()
        self.namesakes = Counter(row.name for row in own)
        self.alike = Counter(lookalike(row.name) for row in own)

    def entry(self, row: Live) -> list[str] | str:
        """Return the lines of a bucket's entry, or why it has none."""
        if not is_own(row, self.uid):
            return f"It belongs to another account (uid {row.uid})."
        if reason := unwritable(row):
            return reason
        lines = list(pair("name", literal(row.name)))
        if why := self._why_by_id(row):
            lines += [f"# The id selects the bucket: {why}", *pair("id", row.id)]
        elif self.ids:
            lines += pair("id", row.id)
        if row.marks:
            lines.append(f"# Marks on the server: {', '.join(map(visible, row.marks))}")
        return item([*lines, *self.fields(row, self.problems({**row.attrs, "id": row.id}))])

    def fields(self, row: Live, problems: Mapping[str, str]) -> Iterator[str]:
        """Yield the lines of all fields but the name."""
        problems = {**problems, **_beyond_the_schema(row)}
        for key in FIELDS:
            if key in row.unreadable:
                yield f"# {key} is not managed: `{key}` is {row.unreadable[key]}, which cannot be read."
            elif key in problems and key != "name":
                yield f"# {key} is not managed: {problems[key]}"
            elif key in row.attrs and key != "name":
                yield from pair(key, literal(shown(key, row.attrs[key])))

    def _why_by_id(self, row: Live) -> str | None:
        if self.namesakes[row.name] > 1:
            return "several buckets have this name."
        if self.alike[lookalike(row.name)] > 1:
            return "another name differs from it only in case, space or Unicode form."
        return self.name_problem(row) or _label_problem(row)

    def name_problem(self, row: Live) -> str | None:
        """Return why a new bucket cannot have the name."""
        if "name" in (of_shape := self.problems(row.attrs)):
            return of_shape["name"]
        problem = rules.name_problem(row.name)
        return problem[0] if problem else None


class _Portable(_Describing):
    """Writes buckets as entries for another account, without ids: all names must be valid for new buckets."""

    def __init__(self, snapshot: Snapshot, *, uid: int | None) -> None:
        super().__init__(snapshot, uid=uid)
        self.regions = (CHINA,) if (urlsplit(snapshot.endpoint).hostname or "").endswith("acrcloud.cn") else REGIONS
        self.written: dict[str, str] = {}  # names by their lookalike form

    def entry(self, row: Live) -> list[str] | str:
        if not is_own(row, self.uid):
            return "It belongs to another account."
        if reason := unwritable(row):
            return reason
        problems = dict(self.problems(row.attrs))
        if label := _label_problem(row):
            problems.setdefault("labels", label)
        lines = item([*pair("name", literal(row.name)), *self.fields(row, problems)])
        why = self._why_not_new(row)
        if why is None:
            self.written[lookalike(row.name)] = row.name
            return lines
        return [f"# Cannot be created elsewhere: {why}", *(f"# {line}" for line in lines)]

    def _why_not_new(self, row: Live) -> str | None:
        """Return why a bucket like this one cannot be created. Source: Console API, "Create Bucket"."""
        for key, creatable in (("region", self.regions), ("type", TYPES)):
            if row.attrs[key] not in creatable:
                return f"only older buckets have {key} {row.attrs[key]}; choose one of {', '.join(creatable)}."
        if (other := self.written.get(lookalike(row.name))) is not None:
            return f"it has the name of the entry {quoted(other)}, or one that looks like it; choose another one."
        return self.name_problem(row)


def _label_problem(row: Live) -> str | None:
    """Return why a new bucket cannot have the labels."""
    labels = (label for label in row.attrs.get("labels", ()) if isinstance(label, str))
    problem = next(filter(None, map(rules.label_problem, labels)), None)
    return problem[0] if problem else None


def _beyond_the_schema(row: Live) -> Mapping[str, str]:
    """Return the keys of a bucket that cannot be in a manifest although the schema allows them, and why."""
    problems = {}
    if isinstance(row.attrs.get("metadata_template"), str):
        problems["metadata_template"] = "The text is not a JSON object."
    for key in ("labels", "metadata_template"):
        try:
            json.dumps(row.attrs.get(key), ensure_ascii=False).encode()
        except UnicodeEncodeError:
            problems[key] = "It has half of a surrogate pair, which is not a character."
    return problems


def item(lines: list[str]) -> list[str]:
    """Return the lines of an item of a list."""
    return [("- " if at == 0 else INDENT) + line for at, line in enumerate(lines)]


def shown(key: str, value: JSON) -> JSON:
    """Return the value as people write it: no template is an empty one."""
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
