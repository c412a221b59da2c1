"""The two sides of a comparison as frozen data: what a manifest wants, and what the API last showed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from acrsync.diagnostics import Diagnostic, Span
from acrsync.frozen import frozen

# The YAML and JSON border: mypy cannot express recursive JSON without casts at every key.
JSON = Any
Attrs = Mapping[str, JSON]  # canonical values by field name; an absent key is not managed, or not shown by the API

MARK = "acrsync:"  # labels with this prefix belong to acrsync, not to `labels` in the manifest
PROTECTED = "acrsync:protected"
IDENTIFYING = ("name", "region", "type", "uid")


class Prune(StrEnum):
    """Which buckets may be deleted if the manifest does not name them.

    - `never`: none.
    - `stack`: those with this stack's mark.
    - `account`: all, except foreign and shared buckets and those of an unknown type or region.
    """

    NEVER = "never"
    STACK = "stack"
    ACCOUNT = "account"


@frozen
class Desired:
    """One bucket as the manifest wants it."""

    attrs: Attrs  # always holds `name`
    span: Span | None = None
    id: int | None = None
    was: str | None = None
    protect: bool | None = None  # None: not set, so an existing mark stays
    marks: tuple[str, ...] | None = None  # exactly these marks, for an undo; None: those that ownership needs

    @property
    def name(self) -> str:
        return str(self.attrs["name"])


@frozen
class Removed:
    """A name or an id in `removed`: the bucket is deleted, or with `forget` only loses its mark."""

    name: str = ""  # empty if the entry has an id
    forget: bool = False
    span: Span | None = None
    id: int | None = None

    def __str__(self) -> str:
        return self.name if self.id is None else f"id {self.id}"

    def selects(self, live: Live) -> bool:
        """Return whether the entry selects this bucket."""
        return live.name == self.name if self.id is None else live.id == self.id


@frozen
class Approval:
    """The approval of one objection by a person: one guard, one bucket, one reason.

    A takeover can name a stack instead of a bucket, to rename that stack by taking over all its buckets.
    """

    guard: str
    id: int | None = None
    reason: str = ""
    span: Span | None = None
    stack: str | None = None

    def __str__(self) -> str:
        return f"{self.guard}:{self.id if self.stack is None else MARK + self.stack}"

    def covers(self, live: Live) -> bool:
        """Return whether this is for a bucket, or for its stack."""
        return live.id == self.id if self.stack is None else MARK + self.stack in live.marks


@frozen
class Limit:
    """The most deletes and replacements in one apply: a number, or a percentage of our own buckets."""

    value: int
    percent: bool = False

    @property
    def written(self) -> int | str:
        """The limit as it is written in a manifest."""
        return f"{self.value}%" if self.percent else self.value

    def of(self, ours: int) -> int:
        """Return the limit for this number of own buckets. Any percentage but 0 % allows at least 1."""
        if not self.percent:
            return self.value
        return max(1, ours * self.value // 100) if self.value else 0


@frozen
class Manifest:
    """The content of the files, with defaults applied, in the order of the files."""

    desired: tuple[Desired, ...] = ()
    removed: tuple[Removed, ...] = ()
    approvals: tuple[Approval, ...] = ()
    stack: str | None = None
    account_uid: int | None = None
    ownership: bool = False  # `ownership: label`
    prune: Prune = Prune.NEVER
    deletes_limit: Limit = Limit(30, percent=True)
    files: tuple[str, ...] = ()
    spans: Mapping[str, Span] = field(default_factory=dict)  # of the top-level keys in the files
    environment: str | None = None  # its name, if the files have environments
    endpoint: str | None = None
    token_env: str | None = None  # the environment variable that holds the token
    runs: str | None = None  # the run store

    @property
    def mark(self) -> str | None:
        """The label of this stack's buckets; None if acrsync does not write marks."""
        return f"{MARK}{self.stack}" if self.ownership and self.stack else None

    def removal_span(self, live: Live) -> Span | None:
        """Return the position of the entry of `removed` that selects a bucket."""
        return next((entry.span for entry in self.removed if entry.selects(live)), None)

    def removes(self, live: Live) -> bool:
        """Return whether `removed` selects a bucket."""
        return any(entry.selects(live) for entry in self.removed)

    def other_marks(self, live: Live) -> tuple[str, ...]:
        """Return the marks of other stacks on a bucket."""
        return tuple(mark for mark in live.marks if mark not in (self.mark, PROTECTED))


@frozen
class Live:
    """One bucket as the API last showed it."""

    id: int
    attrs: Attrs  # every manageable field, canonical, labels without marks
    marks: tuple[str, ...] = ()  # sorted labels that begin with `acrsync:`
    facts: Attrs = field(default_factory=dict)  # read-only server data: uid, num, access_permission, created_at, ...
    # By key, for people: values that cannot be read. Such an attribute is not in `attrs`.
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name, empty if it cannot be read."""
        return str(self.attrs.get("name", ""))

    @property
    def is_identified(self) -> bool:
        """Whether name, region, type and account can be read. Other buckets are never matched, changed or deleted."""
        return not any(key in self.unreadable for key in IDENTIFYING)

    @property
    def uid(self) -> int | None:
        value = self.facts.get("uid")
        return value if isinstance(value, int) else None


@frozen
class Snapshot:
    """A list of buckets that is proven complete, in the order of the server (newest first)."""

    rows: tuple[Live, ...] = ()
    endpoint: str = ""  # the address of the API for people, without credentials
    warnings: tuple[Diagnostic, ...] = ()  # about how the list was read


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A project or container that uses a bucket."""

    kind: str  # base-project, bm-cs-project, bm-bd-project or fs-container
    id: int
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} (id {self.id})"


@frozen
class Evidence:
    """Facts that guards need in addition to the list, about the buckets that a plan renames, replaces or deletes."""

    # Number of items in the content list, by bucket id; None: the API answered 403 or 404, so `num` decides.
    contents: Mapping[int, int | None] = field(default_factory=dict)
    references: Mapping[int, tuple[Reference, ...]] = field(default_factory=dict)  # by bucket id
    unreadable: tuple[str, ...] = ()  # reference lists that cannot be read
