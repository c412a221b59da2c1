"""The two sides of a comparison as frozen data: what a manifest asks for, and what the API last said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from acrsync.diagnostics import Diagnostic, Span

# The YAML and JSON border: mypy cannot express recursive JSON without casts at every key.
JSON = Any
Attrs = Mapping[str, JSON]  # canonical values by field name; an absent key means "not ours" or "not said"

MARK = "acrsync:"  # labels that begin so belong to acrsync, not to the manifest's `labels`
PROTECTED = "acrsync:protected"
IDENTIFYING = ("name", "region", "type", "uid")


class Prune(StrEnum):
    """Which buckets that the manifest does not name may be deleted.

    - `never`: none.
    - `stack`: those that carry this stack's mark.
    - `account`: all, except foreign and shared rows and rows of a type or region that the schema does not know.
    """

    NEVER = "never"
    STACK = "stack"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Desired:
    """One bucket as the manifest asks for it."""

    attrs: Attrs  # always holds `name`
    span: Span | None = None
    id: int | None = None
    was: str | None = None
    protect: bool | None = None  # None: not said, so a mark that is there stays
    marks: tuple[str, ...] | None = None  # exactly these, as an undo asks; None: what ownership asks for

    @property
    def name(self) -> str:
        return str(self.attrs["name"])


@dataclass(frozen=True, slots=True)
class Removed:
    """A name or an id in `removed`: the bucket is deleted, or with `forget` only loses its mark."""

    name: str = ""  # empty if the id says which bucket is meant
    forget: bool = False
    span: Span | None = None
    id: int | None = None

    def __str__(self) -> str:
        return self.name if self.id is None else f"id {self.id}"

    def means(self, live: Live) -> bool:
        """Tell whether this bucket is meant."""
        return live.name == self.name if self.id is None else live.id == self.id


@dataclass(frozen=True, slots=True)
class Approval:
    """One objection that a person has accepted: one guard, one bucket, one reason.

    A takeover can name a stack instead of a bucket, if all buckets of that stack are taken over: it is renamed.
    """

    guard: str
    id: int | None = None
    reason: str = ""
    span: Span | None = None
    stack: str | None = None

    def __str__(self) -> str:
        return f"{self.guard}:{self.id if self.stack is None else MARK + self.stack}"


@dataclass(frozen=True, slots=True)
class Limit:
    """How many deletes and replaces one apply may hold: a number, or a percentage of the buckets that are ours."""

    value: int
    percent: bool = False

    @property
    def written(self) -> int | str:
        """The limit as a manifest writes it."""
        return f"{self.value}%" if self.percent else self.value

    def of(self, ours: int) -> int:
        """Return the number allowed where `ours` buckets are ours; a percentage but 0 % allows at least 1."""
        if not self.percent:
            return self.value
        return max(1, ours * self.value // 100) if self.value else 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that the files said, defaults already applied, in the files' order."""

    desired: tuple[Desired, ...] = ()
    removed: tuple[Removed, ...] = ()
    approvals: tuple[Approval, ...] = ()
    stack: str | None = None
    account_uid: int | None = None
    ownership: bool = False  # `ownership: label`
    prune: Prune = Prune.NEVER
    deletes_limit: Limit = Limit(30, percent=True)
    files: tuple[str, ...] = ()
    spans: Mapping[str, Span] = field(default_factory=dict)  # of top-level keys that were said
    environment: str | None = None  # its name, if the files are for several
    endpoint: str | None = None
    token_env: str | None = None  # the environment variable that holds the token
    runs: str | None = None  # where the records of runs are

    @property
    def mark(self) -> str | None:
        """The label that this stack's buckets carry; None where marks are not written."""
        return f"{MARK}{self.stack}" if self.ownership and self.stack else None

    def removal_span(self, live: Live) -> Span | None:
        """Return where `removed` names a bucket."""
        return next((entry.span for entry in self.removed if entry.means(live)), None)


@dataclass(frozen=True, slots=True)
class Live:
    """One bucket as the API last showed it."""

    id: int
    attrs: Attrs  # every manageable field, canonical, labels without marks
    marks: tuple[str, ...] = ()  # sorted labels that begin with `acrsync:`
    facts: Attrs = field(default_factory=dict)  # read-only server data: uid, num, access_permission, created_at, ...
    # What the server shows in a form that means nothing, by key, for people; such an attribute is not in `attrs`.
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name, empty if that cannot be read."""
        return str(self.attrs.get("name", ""))

    @property
    def is_identified(self) -> bool:
        """Whether it can be read what bucket this is, and whose; no other one is matched, changed or deleted."""
        return not any(key in self.unreadable for key in IDENTIFYING)

    @property
    def uid(self) -> int | None:
        value = self.facts.get("uid")
        return value if isinstance(value, int) else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A listing that is proven complete, in server order (newest first)."""

    rows: tuple[Live, ...] = ()
    endpoint: str = ""  # the API's address without credentials, as it is shown to people
    warnings: tuple[Diagnostic, ...] = ()  # what people must know of how it was read


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A project or container that uses a bucket."""

    kind: str  # base-project, bm-cs-project, bm-bd-project or fs-container
    id: int
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} (id {self.id})"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What guards need in addition to the list, read only for the buckets that a plan renames, replaces or deletes."""

    # Items that the bucket's own content list counts, by bucket id; None: that list answered 403 or 404, `num` decides.
    contents: Mapping[int, int | None] = field(default_factory=dict)
    references: Mapping[int, tuple[Reference, ...]] = field(default_factory=dict)  # by bucket id
    unreadable: tuple[str, ...] = ()  # the reference lists that could not be read
