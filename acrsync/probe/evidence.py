"""All answers that a probe received, by purpose. Deciders read nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from acrsync.frozen import frozen
from acrsync.model import JSON
from acrsync.probe.wire import Answer

Row = Mapping[str, JSON]


@frozen
class Search:
    """A search, and the ids that each rule would find."""

    term: str
    answer: Answer
    predicted: Mapping[str, frozenset[int]]  # by rule


@frozen
class Narrowed:
    """A filtered list, and how many rows of the whole list pass the filters."""

    answer: Answer
    count: int


@frozen
class Content:
    """A bucket's row, and the first pages of its files and channels."""

    row: Row
    files: Answer
    channels: Answer


@frozen
class Trial:
    """One write to a throw-away bucket, and the bucket before and after it.

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


@frozen
class Reading:
    """One reading after a write, and whether it shows that write."""

    answer: Answer
    shows: bool


@frozen
class Series:
    """Readings after one write, in order."""

    write: str  # create, update or delete
    written: Answer
    readings: tuple[Reading, ...]

    @property
    def late(self) -> int:
        """The number of readings before the first that showed the write; -1: none did."""
        shown = [place for place, reading in enumerate(self.readings) if reading.shows]
        return shown[0] if shown else -1


class Pages(dict[str, Answer]):
    """Pages of the list by purpose; a page that was not requested is an empty answer."""

    def __missing__(self, _: str) -> Answer:
        return Answer(0, "GET", "")


@dataclass(slots=True)
class Evidence:
    """All answers, by purpose."""

    uid: int | None = None
    pages: Pages = field(default_factory=Pages)  # first, plain, single, many, beyond, second, after
    again: list[Answer] = field(default_factory=list)  # more readings of the first page
    rows: list[Row] = field(default_factory=list)  # the whole list, as far as it was read
    whole: bool = False  # the list was read to its end
    unknown: Answer | None = None  # for an id that does not exist
    bad_token: list[Answer] = field(default_factory=list)  # accepting JSON only, then anything
    searches: list[Search] = field(default_factory=list)
    narrowed: list[Narrowed] = field(default_factory=list)
    contents: list[Content] = field(default_factory=list)
    users: list[Answer] = field(default_factory=list)  # lists of projects and containers
    # With throw-away buckets.
    trials: dict[str, Trial] = field(default_factory=dict)
    lists: list[Series] = field(default_factory=list)  # readings of the list after writes
    gets: list[Series] = field(default_factory=list)  # readings of the bucket after writes
    # A new query, a create, and the same query until it shows the create.
    cached: list[tuple[Answer, Answer, list[Answer]]] = field(default_factory=list)
    orders: list[Answer] = field(default_factory=list)  # lists in which an older bucket was changed last
    refused: list[Answer] = field(default_factory=list)  # writes that the server refused
    deleted: list[Answer] = field(default_factory=list)
    deleted_again: Answer | None = None
    named: dict[str, str | None] = field(default_factory=dict)  # the stored name by the name that was sent
    own: set[int] = field(default_factory=set)  # ids of throw-away buckets

    def shown(self) -> Iterator[tuple[Row, Answer]]:
        """Yield every row of a list or a read, with its answer."""
        for answer in (*self.pages.values(), *self.again, *self.orders):
            for row in answer.rows or ():
                yield row, answer
        yield from self.fresh()

    def fresh(self) -> Iterator[tuple[Row, Answer]]:
        """Yield the rows of throw-away buckets, which only the probe has changed."""
        for trial in self.trials.values():
            if trial.read is not None and trial.after is not None:
                yield trial.after, trial.read

    def trial(self, role: str) -> Trial | None:
        """Return a trial whose bucket was read before and after it; None if there was none."""
        found = self.trials.get(role)
        return found if found is not None and found.after is not None else None


def id_of(row: Row) -> int | None:
    """Return the id of a row, as a number, text or float."""
    value = row.get("id")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    return number if number > 0 else None


def whole_number(value: JSON) -> int | None:
    """Return the whole number that a value holds, as a number or as text."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
