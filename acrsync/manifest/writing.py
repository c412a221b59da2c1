"""Live buckets to the text of a manifest.

Why `labels: []` and `metadata_template: {}` are written: an absent key is not managed. A bucket that happens to have no
label today would be the one whose labels anybody can change unseen tomorrow.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping

from acrsync.bucket import FIELDS
from acrsync.manifest import rules, shape
from acrsync.manifest.problems import quoted
from acrsync.manifest.scalars import flow, written
from acrsync.model import JSON, Attrs, Live, Snapshot
from acrsync.plan.ownership import is_own, telling_uids
from acrsync.visible import lookalike, visible

LONGEST_KEY = 1000  # YAML parsers look no farther than 1024 characters for the colon
_INDENT = "  "
_IDENTIFYING = ("name", "region", "type")


def dump(snapshot: Snapshot, *, uid: int | None) -> str:
    """Return a manifest that plans to nothing for this account; what it cannot hold stands in comments that say why.

    `uid` is the account's number; None where it is not known, and then rows of several accounts are all left out.
    """
    entries: dict[str, list[str]] = {}
    left_out: list[str] = []
    why_not = _Manageable(snapshot, uid=uid)
    for row in sorted(snapshot.rows, key=lambda row: (row.name, row.id)):
        reason = why_not(row)
        if reason is None:
            entries[row.name] = _commented_entry(row, why_not.problems[row.id])
        else:
            left_out.append(f"#   {quoted(row.name)} (id {row.id}): {reason}")
    lines = [
        "# yaml-language-server: $schema=./acrsync.schema.json",
        "# The line above is for editors; the file that it names is made by: acrsync schema > acrsync.schema.json",
        "version: 1",
        *([] if uid is None else [f"account: {{uid: {uid}}}"]),
        "buckets:" if entries else "buckets: []",
        *(_INDENT + line for entry_lines in entries.values() for line in entry_lines),
        *(["# Not managed:"] if left_out else []),
        *left_out,
    ]
    return "\n".join(lines) + "\n"


def entry(attrs: Attrs) -> str:
    """Return one bucket as an item of `buckets`, for people to paste; it ends without a newline."""
    lines = [line for key in FIELDS if key in attrs for line in _pair(key, _shown(key, attrs[key]))]
    return "\n".join(_item(lines))


class _Manageable:
    """Says why a row cannot be managed; `problems` holds, by id, the keys that have to be left out and why."""

    def __init__(self, snapshot: Snapshot, *, uid: int | None) -> None:
        self.uid = uid
        self.uids = telling_uids(snapshot.rows)
        own = [row for row in snapshot.rows if not self._foreign(row)]
        checker = shape.attrs_checker()
        self.problems = {row.id: _problems(row, checker(row.attrs)) for row in own}
        self.namesakes = Counter(row.name for row in own)
        good = [row for row in own if not any(key in self.problems[row.id] for key in _IDENTIFYING)]
        self.alike = Counter(lookalike(row.name) for row in good)

    def __call__(self, row: Live) -> str | None:
        if self.uid is None and len(self.uids) > 1:
            return f"The list has rows of several accounts (uid {', '.join(map(str, self.uids))})."
        if self._foreign(row):
            return f"It belongs to another account (uid {row.uid})."
        for key in _IDENTIFYING:
            if key in self.problems[row.id]:
                return self.problems[row.id][key]
        if self.namesakes[row.name] > 1:
            return "Several buckets bear this name; write one of them with its `id:`, or rename them."
        if self.alike[lookalike(row.name)] > 1:
            return "Another name differs from it only in case, space or Unicode form; rename one of them."
        return None

    def _foreign(self, row: Live) -> bool:
        return not is_own(row, self.uid)


def _problems(row: Live, of_shape: Mapping[str, str]) -> Mapping[str, str]:
    """Return why keys of a row cannot stand in a manifest."""
    problems = dict(of_shape)
    for key in ("region", "type"):
        if key in problems or key not in row.attrs:
            problems[key] = f"`{key}` is {quoted(row.attrs.get(key))}, which this acrsync does not know."
    if problem := rules.name_problem(row.name):
        problems.setdefault("name", problem[0])
    if isinstance(row.attrs.get("metadata_template"), str):
        problems["metadata_template"] = "The text is no JSON object."
    for label in row.attrs.get("labels", ()):
        if isinstance(label, str) and (problem := rules.label_problem(label)):
            problems.setdefault("labels", problem[0])
    for key in ("labels", "metadata_template"):
        try:
            json.dumps(row.attrs.get(key), ensure_ascii=False).encode()
        except UnicodeEncodeError:
            problems[key] = "It holds half of a surrogate pair, which is no character."
    return problems


def _commented_entry(row: Live, problems: Mapping[str, str]) -> list[str]:
    lines = list(_pair("name", row.name))
    if row.marks:
        lines.append(f"# Marks on the server: {', '.join(map(visible, row.marks))}")
    for key in FIELDS:
        if key in problems:
            lines.append(f"# {key} is not managed: {problems[key]}")
        elif key in row.attrs and key != "name":
            lines += _pair(key, _shown(key, row.attrs[key]))
    return _item(lines)


def _item(lines: list[str]) -> list[str]:
    return [("- " if at == 0 else _INDENT) + line for at, line in enumerate(lines)]


def _shown(key: str, value: JSON) -> JSON:
    """Return the value as a person writes it: no template is an empty one."""
    return {} if key == "metadata_template" and value is None else value


def _pair(key: str, value: JSON) -> Iterator[str]:
    """Yield the lines of a key and its value, in block style."""
    name = written(key)
    start = f"{name}:" if len(name) <= LONGEST_KEY else f"? {name}\n:"
    if isinstance(value, Mapping) and value:
        yield from start.split("\n")
        for inner, inner_value in value.items():
            yield from (_INDENT + line for line in _pair(inner, inner_value))
    else:
        yield from f"{start} {flow(value)}".split("\n")
