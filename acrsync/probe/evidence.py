"""All that a probe has seen, by what it was asked for. Deciders read it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from acrsync.model import JSON
from acrsync.probe.wire import Answer

Row = Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Search:
    """A search, and which ids each rule would find."""

    term: str
    answer: Answer
    predicted: Mapping[str, frozenset[int]]  # by rule


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A list that was asked for with filters, and how many rows of the whole list pass them."""

    answer: Answer
    count: int


@dataclass(frozen=True, slots=True)
class Content:
    """What a bucket says it holds, and the first pages of its lists of it."""

    row: Row
    files: Answer
    channels: Answer


@dataclass(frozen=True, slots=True)
class Trial:
    """One write to a throw-away bucket, and how that bucket read before it and after it.

    `before` and `after` are None if the bucket could not be read, or if reads may still lag behind the write.
    """

    role: str
    answer: Answer
    before: Row | None = None
    after: Row | None = None
    read: Answer | None = None

    @property
    def sent(self) -> Row:
        return self.answer.sent or {}

    @property
    def answers(self) -> tuple[Answer, ...]:
        return (self.answer,) if self.read is None else (self.answer, self.read)


@dataclass(frozen=True, slots=True)
class Seen:
    """Whether one reading, after a write, showed that write."""

    answer: Answer
    shows: bool


@dataclass(frozen=True, slots=True)
class Series:
    """Readings after one write, in order."""

    write: str  # create, update or delete
    written: Answer
    readings: tuple[Seen, ...]

    @property
    def late(self) -> int:
        """How many readings did not show the write before the first that did; -1: none ever did."""
        shown = [place for place, seen in enumerate(self.readings) if seen.shows]
        return shown[0] if shown else -1


class Pages(dict[str, Answer]):
    """Pages of the list by what they were asked for; one that was not asked shows nothing."""

    def __missing__(self, _: str) -> Answer:
        return Answer(0, "GET", "")


@dataclass(slots=True)
class Evidence:
    """All that was seen, by what it was asked for."""

    uid: int | None = None
    pages: Pages = field(default_factory=Pages)  # first, plain, single, many, beyond, second, after
    again: list[Answer] = field(default_factory=list)  # the first page, read more than once
    rows: list[Row] = field(default_factory=list)  # the whole list, as far as it was read
    whole: bool = False  # it was read to its end
    unknown: Answer | None = None
    strangers: list[Answer] = field(default_factory=list)  # asking for JSON, and not
    searches: list[Search] = field(default_factory=list)
    narrowed: list[Narrowed] = field(default_factory=list)
    contents: list[Content] = field(default_factory=list)
    users: list[Answer] = field(default_factory=list)  # lists of projects and containers
    # With throw-away buckets.
    trials: dict[str, Trial] = field(default_factory=dict)
    lists: list[Series] = field(default_factory=list)  # readings of the list after writes
    gets: list[Series] = field(default_factory=list)  # readings of the bucket after writes
    # A query that was new, a create, and the query again until it shows that.
    cached: list[tuple[Answer, Answer, list[Answer]]] = field(default_factory=list)
    orders: list[Answer] = field(default_factory=list)  # lists in which an older bucket was changed last
    refused: list[Answer] = field(default_factory=list)  # writes that the server did not take
    deleted: list[Answer] = field(default_factory=list)
    deleted_again: Answer | None = None
    named: dict[str, str | None] = field(default_factory=dict)  # a name that was sent, and what it is stored as
    own: set[int] = field(default_factory=set)  # ids of throw-away buckets

    def shown(self) -> Iterator[tuple[Row, Answer]]:
        """Yield every row that a list or a read showed, with the answer that it stood in."""
        for answer in (*self.pages.values(), *self.again, *self.orders):
            for row in answer.rows or ():
                yield row, answer
        for trial in self.trials.values():
            if trial.read is not None and trial.after is not None:
                yield trial.after, trial.read

    def fresh(self) -> Iterator[tuple[Row, Answer]]:
        """Yield the rows of throw-away buckets: nobody else has set anything of them."""
        for trial in self.trials.values():
            if trial.read is not None and trial.after is not None:
                yield trial.after, trial.read

    def trial(self, role: str) -> Trial | None:
        """Return a trial whose bucket was read before and after it; None if there was none."""
        found = self.trials.get(role)
        return found if found is not None and found.after is not None else None


def id_of(row: Row) -> int | None:
    """Return the id of a row in whatever form the server shows it."""
    value = row.get("id")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    return number if number > 0 else None


def whole_number(value: JSON) -> int | None:
    """Return the whole number that a value is or says."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
