"""Reads YAML text to data with the position of each part.

Why events: PyYAML's own constructors do not keep positions, use the last of two equal keys and turn `no` into false.
Building the data from the parser's events is faster, and finds all such errors with their positions. The limits on
depth and aliases work here, before the data grows.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING

import yaml

from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.frozen import frozen
from acrsync.manifest.problems import quoted, short
from acrsync.manifest.scalars import Trap, plain, written
from acrsync.manifest.spots import Spot
from acrsync.manifest.surrogates import Masked
from acrsync.manifest.syntax import one_parser_only, syntax_error
from acrsync.manifest.text import odd_after_colon, odd_indentation, span_after, without_leading_end
from acrsync.model import JSON
from acrsync.visible import visible

if TYPE_CHECKING:
    Loader = type[yaml.CBaseLoader] | type[yaml.BaseLoader]

FASTEST: Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # some systems have no libyaml

Mark = yaml.Mark  # a position in the parser: line and column from 0

MAX_DEPTH = 32
MAX_ALIASED = 1_000_000  # values of all aliases of a file


class PlacedList(list[JSON]):
    """A YAML sequence. `places` has line and column of each item in turn, from 0."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        self.places = array("I")


class PlacedMapping(dict[str, JSON]):
    """A YAML mapping. `places` has line and column of each key and of its value in turn, from 0."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        self.places = array("I")


@frozen
class Tree:
    """The data of one file, and the errors in its YAML."""

    file: str
    root: PlacedList  # the document as its only item; empty if the text could not be read to its end
    problems: tuple[Diagnostic, ...]
    # Only if the file was expanded: for each item of `buckets`, the bucket in words, and its combination of a matrix.
    buckets: tuple[str, ...] = ()
    combinations: tuple[str, ...] = ()
    inherited: PlacedMapping | None = None  # `defaults` of the environment in another file

    @property
    def data(self) -> JSON:
        return self.root[0] if self.root else None

    @property
    def top(self) -> PlacedMapping:
        """The top-level keys with their values; none if the data is not a mapping."""
        return self.data if isinstance(self.data, PlacedMapping) else PlacedMapping()

    @property
    def defaults(self) -> PlacedMapping:
        """The values for buckets of this file that do not set their own."""
        own = self.top.get("defaults")
        return own if isinstance(own, PlacedMapping) else self.inherited or PlacedMapping()

    def span(self, path: Iterable[str | int], key: str | None = None) -> Span:
        """Return the position of the value at a path, or of one of its keys.

        If the path continues inside a text, such as a template in JSON, it is the position of the text.
        """
        path = tuple(path)
        value: JSON = self.root
        places, at = self.root.places, 0
        for step in (0, *path):
            match value:
                case PlacedList():
                    places, at = value.places, 2 * int(step)
                    value = value[int(step)]
                case PlacedMapping():
                    places, at = value.places, 4 * list(value).index(str(step)) + 2
                    value = value[str(step)]
        if isinstance(value, PlacedMapping) and key is not None:
            places, at = value.places, 4 * list(value).index(key)
        place = (self.file, places[at] + 1, places[at + 1] + 1)
        bucket = self.buckets[int(path[1])] if self.buckets and path[:1] == ("buckets",) and path[1:] else ""
        return Spot(*place, bucket) if bucket else Span(*place)


def read(text: str, file: str, *, loader: Loader = FASTEST) -> Tree:
    """Return the data of a text. If it cannot be read to its end, there are only the problems up to there."""
    masked = Masked.of(without_leading_end(text))
    events = iter((loader if masked.by_any_parser else yaml.BaseLoader)(masked.text).get_event, None)
    builder = _Builder(masked, file, events, suspects=tuple(odd_indentation(text)))
    try:
        takes = builder.takes()
        for event in events:
            takes[type(event)](event, event.start_mark)
    except _StopReading:
        builder.root = PlacedList()
    except yaml.MarkedYAMLError as problem:
        odd = builder.odd_spaces() or tuple(odd_after_colon(text))
        builder.problems.append(_odd_space(text, odd, file) if odd else syntax_error(problem, file))
        builder.root = PlacedList()
    else:
        if odd := builder.odd_spaces():
            builder.problems.append(_odd_space(text, odd, file))
            builder.root = PlacedList()
    return Tree(file, builder.root, tuple(builder.problems))


def _odd_space(text: str, odd: Sequence[int], file: str) -> Diagnostic:
    """Return the error for a space that YAML does not read as a space."""
    at = odd[0]
    more = f" This file has {len(odd)} of them." if len(odd) > 1 else ""
    detail = f"{visible(text[at])} looks like a space, but YAML does not read it as one.{more}"
    return error("E108", detail, fix="write ordinary spaces instead.", span=span_after(text[:at], file))


class _StopReading(Exception):
    """Stops reading after a problem that is already reported."""


class _Wants(Enum):
    """What the next value is, if it is not the value of a key."""

    ITEM = "an item of a list"
    KEY = "a key"
    NOTHING = "the value of a key that was refused"


_ITEM, _KEY, _NOTHING = _Wants


@frozen
class _Anchored:
    """The value of an anchor, and the number of values in it; None if the value is not yet complete."""

    value: JSON
    size: int | None


class _Builder:
    """Takes events one by one. `container` is the current list or mapping, `key` the position of the next value."""

    def __init__(self, masked: Masked, file: str, events: Iterator[yaml.Event], *, suspects: Sequence[int]) -> None:
        self.masked = masked
        self.events = events
        self.text = masked.text
        self.file = file
        self.suspects = suspects  # positions of spaces that are an error outside of texts in quotes and blocks
        self.held: list[tuple[int, int]] = []  # starts and ends of texts in quotes and blocks, if there are suspects
        self.problems: list[Diagnostic] = []
        self.root = PlacedList()
        self.container: PlacedList | PlacedMapping = self.root
        self.key: str | _Wants = _ITEM
        self.outer: list[tuple[PlacedList | PlacedMapping, str | _Wants, bool, str | None, int]] = []
        self.anchors: dict[str, _Anchored] = {}
        self.values = 0
        self.aliased = 0
        self.flow = False  # inside brackets or braces

    def takes(self) -> Mapping[type[yaml.Event], Callable[[JSON, Mark], None]]:
        """Return the method for each kind of event. A table is fast: each bucket has about thirty events."""
        return {
            yaml.StreamStartEvent: self.nothing,
            yaml.DocumentStartEvent: self.document,
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.mapping,
            yaml.SequenceStartEvent: self.sequence,
            yaml.AliasEvent: self.alias,
            yaml.MappingEndEvent: self.end,
            yaml.SequenceEndEvent: self.end,
            yaml.DocumentEndEvent: self.nothing,
            yaml.StreamEndEvent: self.nothing,
        }

    def nothing(self, event: yaml.Event, mark: Mark) -> None:
        """Take an event without content."""

    def document(self, _: yaml.DocumentStartEvent, mark: Mark) -> None:
        """Begin a document. Empty documents beside one with content come from joining files, and are ignored."""
        self.anchors = {}
        if self.root == [None]:
            self.container = self.root = PlacedList()
        if not self.root:
            return
        first = next(self.events)
        if not (isinstance(first, yaml.ScalarEvent) and not first.style and plain(first.value) is None):
            fix = "put the second document into a separate file, and name both files."
            self.refuse("E111", "A manifest is one YAML document; a second one begins here.", fix, mark)
            raise _StopReading

    def odd_spaces(self) -> Sequence[int]:
        """Return the suspects outside of texts in quotes and blocks."""
        held = iter([*self.held, (sys.maxsize, sys.maxsize)])
        start, end = next(held)
        odd = []
        for at in self.suspects:
            while end <= at:
                start, end = next(held)
            if at < start:
                odd.append(at)
        return odd

    def refuse(self, code: str, detail: str, fix: str, mark: Mark) -> None:
        span = Span(self.file, mark.line + 1, mark.column + 1)
        self.problems.append(error(code, detail, fix=fix, span=span))

    def scalar(self, event: yaml.ScalarEvent, mark: Mark) -> None:
        text, style = event.value, event.style
        if self.masked.escaped:
            text = self.masked.value(text)
        if self.suspects and style:
            assert event.end_mark is not None
            self.held.append((mark.index, event.end_mark.index))
        value = text if style else plain(text)
        if isinstance(value, Trap):
            if text == "<<" and self.key is _KEY:
                detail = "`<<` merges mappings for YAML 1.1 readers only; in a manifest a key replaces a default whole."
                self.refuse("E114", detail, "put what the buckets share under `defaults:`.", mark)
                self.key = _NOTHING
                return
            self.refuse("E117", f"{quoted(text)} without quotes is not safe: {value.why}.", value.fix(text), mark)
            value = text
        if (style or self.flow) and (mistake := one_parser_only(event, text, self.text, key=self.key is _KEY)):
            self.refuse(*mistake, mark)
        self.values += 1
        if event.tag is not None or event.anchor is not None:
            self.describe(event, mark, _Anchored(value, 1))
        self.put(value, mark)

    def mapping(self, event: yaml.MappingStartEvent, mark: Mark) -> None:
        self.start(event, PlacedMapping(), mark)
        self.key = _KEY

    def sequence(self, event: yaml.SequenceStartEvent, mark: Mark) -> None:
        self.start(event, PlacedList(), mark)
        self.key = _ITEM

    def start(self, event: yaml.CollectionStartEvent, container: PlacedList | PlacedMapping, mark: Mark) -> None:
        if len(self.outer) == MAX_DEPTH:
            detail = f"Lists and mappings are nested more than {MAX_DEPTH} deep; a manifest needs 7."
            self.refuse("E120", detail, "remove brackets or indentation here.", mark)
            raise _StopReading
        self.values += 1
        if event.tag is not None or event.anchor is not None:
            self.describe(event, mark, _Anchored(container, None))
        self.put(container, mark)
        self.outer.append((self.container, self.key, self.flow, event.anchor, self.values))
        self.container, self.flow = container, bool(event.flow_style)

    def end(self, _: yaml.CollectionEndEvent, mark: Mark) -> None:  # noqa: ARG002 - as all that take an event
        complete = self.container
        self.container, self.key, self.flow, anchor, values = self.outer.pop()
        if anchor is not None and self.anchors[anchor].value is complete:
            self.anchors[anchor] = _Anchored(complete, self.values - values + 1)

    def alias(self, event: yaml.AliasEvent, mark: Mark) -> None:
        anchor = str(event.anchor)
        anchored = self.anchors.get(anchor, _Anchored(None, None))
        if anchored.size is None:
            why = "is inside the value of its anchor" if anchor in self.anchors else "has no anchor before it"
            self.refuse("E118", f"The alias *{anchor} {why}.", f"write the value instead of *{anchor}.", mark)
            self.put(None, mark)
            return
        self.values += anchored.size
        self.aliased += anchored.size
        if self.aliased > MAX_ALIASED:
            detail = f"The aliases up to here expand to more than {MAX_ALIASED} values, as in an alias bomb."
            self.refuse("E119", detail, "write values instead of aliases, or split the manifest.", mark)
            raise _StopReading
        self.put(anchored.value, mark)

    def describe(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, mark: Mark, anchored: _Anchored) -> None:
        """Remember the anchor of a value and refuse its tag."""
        if event.tag is not None:
            tag = short(event.tag.replace("tag:yaml.org,2002:", "!!"))
            detail = f"The tag {tag} would change what the value is; a manifest has plain values only."
            self.refuse("E113", detail, "remove the tag; write text that looks like a number in quotes.", mark)
        if event.anchor is None:
            return
        if event.anchor in self.anchors:
            detail = f"The anchor &{event.anchor} exists already, so its aliases are ambiguous."
            self.refuse("E118", detail, f"give one of the two another name, such as &{event.anchor}-2.", mark)
        self.anchors[event.anchor] = anchored

    def put(self, value: JSON, mark: Mark) -> None:
        """Add a value, or a key, at the next position."""
        container: JSON = self.container
        key = self.key
        if key is _KEY:
            if type(value) is not str or value in container:
                self.refuse_key(value, container, mark)
                self.key = _NOTHING
                return
            self.key = value
        elif key is _ITEM:
            container.append(value)
        elif key is _NOTHING:
            self.key = _KEY
            return
        else:
            container[key] = value
            self.key = _KEY
        container.places.append(mark.line)
        container.places.append(mark.column)

    def refuse_key(self, key: JSON, mapping: PlacedMapping, mark: Mark) -> None:
        if isinstance(key, str):
            at = 4 * list(mapping).index(key)
            first = Span(self.file, mapping.places[at] + 1, mapping.places[at + 1] + 1)
            detail = f"`{short(key)}` is already set at {first}; YAML readers ignore one of the two."
            self.refuse("E115", detail, "remove one of them.", mark)
            return
        composed = isinstance(key, PlacedList | PlacedMapping)
        detail = "A list or a mapping cannot be a key." if composed else f"The key {quoted(key)} is not text."
        fix = "use text as the key." if composed else f"write the key in quotes: {written(quoted(key))}"
        self.refuse("E116", f"{detail} Every key of a manifest must be text.", fix, mark)
