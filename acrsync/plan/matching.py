"""Matches each entry of the manifest with a live bucket: by `id`, else by `was`, else by `name`.

Why errors and not guesses: a wrong match renames or deletes someone's bucket. If an entry is ambiguous, an error names
all buckets in question and the line to paste, and these buckets are left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from acrsync.bucket import items_of
from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.frozen import frozen
from acrsync.model import Desired, Live
from acrsync.visible import lookalike, pasteable, visible


@frozen
class Matching:
    """The result. Each entry is in it once: in a pair, in `unmatched`, or in a diagnostic."""

    pairs: tuple[tuple[Desired, Live], ...]
    unmatched: tuple[Desired, ...]
    in_question: frozenset[int]  # ids of buckets in an error, which are left alone
    diagnostics: tuple[Diagnostic, ...]


def match(
    desired: Iterable[Desired], own: Sequence[Live], *, foreign: Sequence[Live] = (), unreadable: Sequence[Live] = ()
) -> Matching:
    """Match entries with the account's own buckets.

    `foreign` are buckets of other accounts, `unreadable` those without a readable name, region, type or account. They
    are not matched; they only explain why a name or an id is taken.
    """
    entries = sorted(desired, key=lambda entry: entry.name)
    matcher = _Matcher(entries, own, {row.name: row for row in foreign}, unreadable)
    matcher.leave_unreadable()
    matcher.by_id()
    matcher.by_was()
    matcher.by_name()
    matcher.refuse_taken_names()
    return matcher.matching()


def describe(live: Live) -> str:
    """Return one bucket in words, with enough facts to distinguish it from others of the same name."""
    name = "without a name" if "name" in live.unreadable else visible(live.name)
    return (
        f"{name} (id {live.id}, {visible(str(live.attrs.get('region', 'region unknown')))}, "
        f"{visible(str(live.attrs.get('type', 'type unknown')))}, {items_of(live)}, "
        f"created {visible(str(live.facts.get('created_at') or 'unknown'))})"
    )


def cannot_be_read(row: Live, keys: Iterable[str], *, span: Span | None) -> Diagnostic:
    """Return the error for a bucket with a needed value that cannot be read. It does not stop other buckets."""
    values = " and ".join(f"`{key}` is {row.unreadable[key]}" for key in keys)
    detail = (
        f"Bucket {describe(row)}: {values}, which acrsync cannot read. A write could destroy it, so the bucket is left "
        "alone."
    )
    return error("E211", detail, fix="correct it in the ACRCloud console.", span=span)


def several_named(name: str, rows: Sequence[Live]) -> str:
    """Return in words that several buckets have one name."""
    return f"{len(rows)} buckets are named {visible(name)}: {'; '.join(map(describe, rows))}."


def _finds_nothing(entry: Desired, was: str) -> Diagnostic:
    """Return the warning for a `was` if neither the old nor the new name exists. It may be a typing error."""
    detail = (
        f"No bucket is named {visible(was)} or {visible(entry.name)}, so {visible(entry.name)} would be created, empty."
    )
    fix = f"correct `was: {pasteable(was)}` to rename a bucket, or remove it to create one."
    return error("W211", detail, fix=fix, span=entry.span)


@dataclass(slots=True)
class _Matcher:
    """The state of one call of `match`."""

    entries: Sequence[Desired]
    own: Sequence[Live]
    foreign: Mapping[str, Live]  # buckets of other accounts, by name
    unreadable: Sequence[Live] = ()
    claims: dict[int, Desired] = field(default_factory=dict)  # bucket id -> the entry that selects it
    settled: set[str] = field(default_factory=set)  # names of entries that are matched or have an error
    unmatched: list[Desired] = field(default_factory=list)
    in_question: set[int] = field(default_factory=set)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    rows: Mapping[int, Live] = field(init=False)
    named: Mapping[str, list[Live]] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = {row.id: row for row in self.own}
        self.named = defaultdict(list)
        for row in self.own:
            self.named[row.name].append(row)

    def refuse(self, entry: Desired, diagnostic: Diagnostic, rows: Iterable[Live] = ()) -> None:
        self.settled.add(entry.name)
        self.in_question.update(row.id for row in rows)
        self.diagnostics.append(diagnostic)

    def claim(self, entry: Desired, row: Live) -> None:
        other = self.claims.get(row.id)
        if other is None:
            self.claims[row.id] = entry
            self.settled.add(entry.name)
            return
        detail = f"{visible(other.name)} and {visible(entry.name)} both select bucket {describe(row)}."
        fix = "remove `id` or `was` from one of them; to rename a bucket and create one of its old name, apply twice."
        self.refuse(entry, error("E203", detail, fix=fix, span=entry.span), [row])

    def free(self, name: str) -> bool:
        """Return whether no bucket has this name, or all that have it get another one."""
        return all(row.id in self.claims and self.claims[row.id].name != name for row in self.named.get(name, ()))

    def leave_unreadable(self) -> None:
        """Refuse each entry that selects an unreadable bucket, or would create one with its name."""
        rows = {row.id: row for row in self.unreadable}
        # A server may show the name 101 as a number.
        names = ((row.name or row.unreadable.get("name", ""), row) for row in self.unreadable)
        alike = {lookalike(name): row for name, row in names if name}
        left = []
        for entry in self.entries:
            if entry.id is not None:
                row = rows.get(entry.id)
            elif entry.was in self.named:
                row = None
            else:
                row = alike.get(lookalike(entry.was or entry.name)) or alike.get(lookalike(entry.name))
            if row is None:
                left.append(entry)
            else:
                self.refuse(entry, cannot_be_read(row, row.unreadable, span=entry.span))
        self.entries = left

    def by_id(self) -> None:
        for entry in self.entries:
            if entry.id is None:
                continue
            row = self.rows.get(entry.id)
            if row is not None:
                self.claim(entry, row)
                continue
            namesakes = self.named.get(entry.name, [])
            now = f" The name belongs to {describe(namesakes[0])}." if namesakes else " No bucket has the name."
            fix = f"write `id: {namesakes[0].id}`, or remove `id`." if namesakes else "remove `id`, or correct it."
            detail = f"Bucket {visible(entry.name)} has `id: {entry.id}`, which the account does not list.{now}"
            self.refuse(entry, error("E201", detail, fix=fix, span=entry.span), namesakes)

    def by_was(self) -> None:
        """Follow each `was` whose new name is free. Each one can free the name for another one."""
        pending = []
        for entry in self.entries:
            if entry.was is None or entry.id is not None:
                continue
            old = self.named.get(entry.was, [])
            if len(old) == 1:
                pending.append((entry, old[0]))
            elif old:
                self.refuse(entry, self.ambiguous(entry, entry.was, old), old)
            elif entry.name in self.named:
                self.hint(entry, f"No bucket is named {visible(entry.was)} now.")
            else:
                self.diagnostics.append(_finds_nothing(entry, entry.was))
        progress = True
        while progress:
            progress = False
            for entry, row in tuple(pending):
                if self.free(entry.name):
                    pending.remove((entry, row))
                    self.claim(entry, row)
                    progress = True
        for entry, row in pending:
            self.not_followed(entry, row)

    def not_followed(self, entry: Desired, old: Live) -> None:
        """Explain a `was` whose new name is taken: a hint if the old bucket has an entry of its own, else an error."""
        if old.id in self.claims or any(other.name == old.name for other in self.entries):
            self.hint(entry, f"Bucket {visible(entry.name)} exists, and {visible(old.name)} has its own entry.")
            return
        new = self.named[entry.name]
        detail = (
            f"`was` says that {visible(entry.name)} was named {visible(old.name)}, but both exist: {describe(old)} and "
            f"{', '.join(map(describe, new))}. acrsync cannot know which one you mean."
        )
        fix = f"remove `was: {pasteable(old.name)}`; or write `id: {old.id}`, and rename or delete the other one."
        self.refuse(entry, error("E206", detail, fix=fix, span=entry.span), [old, *new])

    def hint(self, entry: Desired, why: str) -> None:
        fix = f"remove `was: {pasteable(str(entry.was))}`."
        self.diagnostics.append(error("H201", why, fix=fix, span=entry.span))

    def ambiguous(self, entry: Desired, name: str, rows: Sequence[Live]) -> Diagnostic:
        fix = f"select one of them: add {' or '.join(f'`id: {row.id}`' for row in rows)}."
        return error("E202", several_named(name, rows), fix=fix, span=entry.span)

    def by_name(self) -> None:
        alike: dict[str, list[Live]] = defaultdict(list)
        for row in self.own:
            if row.id not in self.claims:
                alike[lookalike(row.name)].append(row)
        for entry in self.entries:
            if entry.name in self.settled:
                continue
            rows = self.named.get(entry.name, [])
            if len(rows) > 1:
                self.refuse(entry, self.ambiguous(entry, entry.name, rows), rows)
            elif rows:
                self.claim(entry, rows[0])
            elif similar := alike.get(lookalike(entry.name)):
                self.refuse(entry, self.similar(entry, similar[0]), similar)
            elif entry.name in self.foreign:
                self.refuse(entry, self.of_another_account(entry))
            else:
                self.unmatched.append(entry)

    def similar(self, entry: Desired, row: Live) -> Diagnostic:
        detail = (
            f"No bucket is named {visible(entry.name)}, but {describe(row)} exists. The names differ only in case, "
            "space or Unicode form."
        )
        fix = f"write the existing name, or add `was: {pasteable(row.name)}` to rename that bucket."
        return error("E207", detail, fix=fix, span=entry.span)

    def of_another_account(self, entry: Desired) -> Diagnostic:
        row = self.foreign[entry.name]
        detail = f"{visible(entry.name)} is a bucket of account {row.uid}: {describe(row)}."
        fix = "choose another name, or correct `account: {uid: ...}`."
        return error("E208", detail, fix=fix, span=entry.span)

    def refuse_taken_names(self) -> None:
        """Refuse each rename to a name that another bucket keeps. A refused rename keeps its old name, too."""
        leaving = {row_id for row_id, entry in self.claims.items() if entry.name != self.rows[row_id].name}
        alike: dict[str, list[Live]] = defaultdict(list)
        for row in (*self.own, *self.unreadable):
            if row.id not in leaving and row.name:
                alike[lookalike(row.name)].append(row)
        while blocked := [row_id for row_id in leaving if alike.get(lookalike(self.claims[row_id].name))]:
            for row_id in blocked:
                entry, row = self.claims[row_id], self.rows[row_id]
                staying = alike[lookalike(entry.name)]
                self.refuse(entry, self.taken(entry, row, staying[0]), [row, *staying])
            leaving -= set(blocked)
            for row_id in blocked:
                alike[lookalike(self.rows[row_id].name)].append(self.rows[row_id])
        for row_id in leaving:
            entry = self.claims[row_id]
            if entry.name in self.foreign and entry.name not in self.named:
                self.refuse(entry, self.of_another_account(entry), [self.rows[row_id]])
        for entry in tuple(self.unmatched):
            if kept := alike.get(lookalike(entry.name)):
                self.unmatched.remove(entry)
                self.refuse(entry, self.similar(entry, kept[0]), kept)

    def taken(self, entry: Desired, row: Live, keeper: Live) -> Diagnostic:
        detail = f"{describe(row)} must be renamed to {visible(entry.name)}, but {describe(keeper)} keeps that name."
        fix = "rename or delete that bucket first, in a separate apply."
        return error("E204", detail, fix=fix, span=entry.span)

    def matching(self) -> Matching:
        pairs = ((entry, self.rows[row_id]) for row_id, entry in self.claims.items() if row_id not in self.in_question)
        return Matching(
            pairs=tuple(sorted(pairs, key=lambda pair: pair[0].name)),
            unmatched=tuple(self.unmatched),
            in_question=frozenset(self.in_question),
            diagnostics=tuple(self.diagnostics),
        )
