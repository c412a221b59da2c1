"""Variables in texts: `${name}` is a value by its name, `$${` is the text `${`.

Why no more than that: whatever is applied must stand in the file as a reviewer sees it, so there are no functions, no
process environment and no defaults. What texts and lists grow to is counted before they are made.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.manifest.problems import LONGEST, short
from acrsync.manifest.spots import Spot
from acrsync.manifest.tree import MAX_DEPTH, PlacedList, PlacedMapping
from acrsync.model import JSON

# In all entries of one environment together. A mapping inside an entry counts for ten, because checking it costs more.
MAX_FILLED = 100_000  # values that are made by filling in
MAX_SHARED = 1_000_000  # values that several entries share as they are
MAX_CHARACTERS = 1_000_000  # of all texts that are made
MAX_TEXT = 100_000  # characters of one text
_OF_INNER_MAPPING = 10
MAX_SUGGESTIONS = 20
LONGEST_CIRCLE = 5  # names of it in a message
MAX_NAMES = 200  # that a suggestion is chosen from

_NAME = "[A-Za-z_][A-Za-z0-9_-]*"
_REFERENCE = re.compile(rf"\$\$\{{|\$\{{(?:(?P<name>{_NAME})\}})?")
_WHOLE = re.compile(rf"\$\{{({_NAME})\}}")

Report = Callable[[Diagnostic], None]


class TooLargeError(Exception):
    """What an entry stands for is refused before it grows; carries the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.detail)
        self.diagnostic = diagnostic


@dataclass(frozen=True, slots=True)
class Broken:
    """The value of a variable that is in an error already; what refers to it is left out without another one."""


BROKEN = Broken()


@dataclass(slots=True)
class Budget:
    """How much the entries of one environment may still grow, and what is known of the values that they share."""

    filled: int = MAX_FILLED
    shared: int = MAX_SHARED
    characters: int = MAX_CHARACTERS
    sizes: dict[int, tuple[JSON, int]] = field(default_factory=dict)  # with the value, so that no other gets its id
    names: dict[int, tuple[JSON, frozenset[str] | None]] = field(default_factory=dict)
    depths: dict[int, tuple[JSON, int]] = field(default_factory=dict)
    copies: dict[tuple[int, int, int], tuple[JSON, JSON]] = field(default_factory=dict)
    suggestions: int = MAX_SUGGESTIONS

    def size(self, value: JSON) -> int:
        """Return of how many values a value consists; what several aliases stand for counts at each of them."""
        if not isinstance(value, PlacedMapping | PlacedList):
            return 1
        if id(value) not in self.sizes:
            inner = value.values() if isinstance(value, PlacedMapping) else value
            self.sizes[id(value)] = value, 1 + sum(map(self.size, inner))
        return self.sizes[id(value)][1]

    def depth(self, value: JSON) -> int:
        """Return how deep lists and mappings lie in one another."""
        if not isinstance(value, PlacedMapping | PlacedList):
            return 0
        if id(value) not in self.depths:
            inner = value.values() if isinstance(value, PlacedMapping) else value
            self.depths[id(value)] = value, 1 + max(map(self.depth, inner), default=0)
        return self.depths[id(value)][1]

    def close_to(self, name: str, names: Sequence[str]) -> str | None:
        """Return the name that was probably meant; looking for it takes long, so it is done for the first few only."""
        self.suggestions -= 1
        if self.suggestions < 0 or len(name) > LONGEST:
            return None
        return next(iter(difflib.get_close_matches(name, names[:MAX_NAMES], n=1)), None)

    def refers(self, value: JSON) -> frozenset[str] | None:
        """Return the names that stand in the texts of a value; None if no text has to be filled in at all."""
        match value:
            case str():
                return frozenset(filter(None, _REFERENCE.findall(value))) if "${" in value else None
            case PlacedMapping() | PlacedList():
                if id(value) not in self.names:
                    inner = (*value, *value.values()) if isinstance(value, PlacedMapping) else value
                    found = [names for one in inner if (names := self.refers(one)) is not None]
                    self.names[id(value)] = value, frozenset().union(*found) if found else None
                return self.names[id(value)][1]
            case _:
                return None

    def spend(self, span: Span, *, filled: int = 0, shared: int = 0, characters: int = 0) -> None:
        """Count what is about to be made. Raises: TooLargeError."""
        self.filled -= filled
        self.shared -= shared
        self.characters -= characters
        if min(self.filled, self.shared, self.characters, MAX_TEXT - characters) < 0:
            limit = f"{MAX_CHARACTERS:,} characters"
            if characters > MAX_TEXT:
                limit = f"{MAX_TEXT:,} characters in one text"
            elif self.filled < 0 or self.shared < 0:
                limit = f"{MAX_FILLED if self.filled < 0 else MAX_SHARED:,} values"
            detail = f"The variables and matrices up to here stand for more than {limit.replace(',', ' ')}."
            raise TooLargeError(
                error("E166", detail, fix="write fewer or shorter values, or split the manifest.", span=span)
            )


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills in the variables of one bucket, or of what all buckets of an environment share."""

    file: str
    values: Mapping[str, JSON]
    report: Report
    budget: Budget
    bucket: str = ""  # which one of an entry for several, for messages
    combination: Mapping[str, JSON] = field(default_factory=dict)  # its values, which go before variables
    failed: list[Diagnostic | Broken] = field(default_factory=list)

    def fill(self, value: JSON, line: int, column: int, *, keys: bool = True) -> JSON:
        """Return a value with all texts filled in; whatever has none is shared and not copied."""
        if isinstance(value, PlacedMapping | PlacedList) and self.budget.refers(value) is None:
            self.budget.spend(self._span(line, column), shared=self.budget.size(value))
            return value
        match value:
            case str() if "${" in value:
                return self._text(value, line, column)
            case PlacedMapping():
                return self._mapping(value, line, column, keys=keys)
            case PlacedList():
                self.budget.spend(self._span(line, column), filled=1)
                filled = PlacedList()
                filled.places = value.places
                filled.extend(self.fill(one, *value.places[2 * at : 2 * at + 2]) for at, one in enumerate(value))
                return filled
            case _:
                return value

    def _mapping(self, value: PlacedMapping, line: int, column: int, *, keys: bool) -> PlacedMapping:
        self.budget.spend(self._span(line, column), filled=_OF_INNER_MAPPING if keys else 1)
        filled = PlacedMapping()
        for at, (key, inner) in enumerate(value.items()):
            places = value.places[4 * at : 4 * at + 4]
            name = self._text(key, places[0], places[1]) if keys and "${" in key else key
            if not isinstance(name, str) or name in filled:
                why = "is there already" if isinstance(name, str) else "is not a text"
                detail = f"The key {short(key)} becomes {short(str(name))}, which {why}."
                self._fail("E164", detail, "write another key.", places[0], places[1])
                continue
            filled[name] = self.fill(inner, places[2], places[3])
            filled.places.extend(places)
        return filled

    def _text(self, text: str, line: int, column: int) -> JSON:
        if whole := _WHOLE.fullmatch(text):
            return self._value(whole[1], line, column)
        parts, length, end = [], 0, 0
        for found in _REFERENCE.finditer(text):
            parts += [text[end : found.start()], self._inside(found, line, column)]
            length += len(parts[-1])
            if length > MAX_TEXT:
                break
            end = found.end()
        parts.append(text[end:])
        self.budget.spend(self._span(line, column), filled=1, characters=sum(map(len, parts)))
        return "".join(parts)

    def _inside(self, found: re.Match[str], line: int, column: int) -> str:
        """Return what stands for a reference inside a longer text."""
        if found[0] == "$${":
            return "${"
        if found["name"] is None:
            detail = "A text holds `${` without a name and a `}` behind it."
            fix = "write ${name} with the name of a variable, or $${ if the text itself is meant."
            self._fail("E164", detail, fix, line, column)
            return ""
        match self._value(found["name"], line, column):
            case bool() as truth:
                return "true" if truth else "false"
            case str() | int() as value:
                return str(value)
            case Broken():
                return ""
            case value:
                what = "null" if value is None else "a list" if isinstance(value, PlacedList) else "a mapping"
                detail = f"`{found[0]}` is {what}, which cannot stand inside a longer text."
                self._fail("E164", detail, "write the variable alone, or use it in a `matrix`.", line, column)
                return ""

    def _value(self, name: str, line: int, column: int) -> JSON:
        if name not in self.combination and name not in self.values:
            detail = (
                f"`${{{short(name)}}}` has no value: neither a variable nor a key of a `matrix` here has that name."
            )
            close = self.budget.close_to(name, (*self.combination, *self.values))
            fix = f"write ${{{close}}} instead." if close else f"add it: variables: {{{name}: ...}}"
            self._fail("E162", detail, fix, line, column)
            return BROKEN
        value = self.combination[name] if name in self.combination else self.values[name]
        if value is BROKEN:
            self.failed.append(BROKEN)
            return BROKEN
        if not isinstance(value, PlacedMapping | PlacedList):
            return value
        key = (id(value), line, column)
        self.budget.spend(self._span(line, column), shared=self.budget.size(value))
        if key not in self.budget.copies:
            self.budget.spend(self._span(line, column), filled=self.budget.size(value))
            self.budget.copies[key] = value, _placed_at(value, line, column)
        return self.budget.copies[key][1]

    def _fail(self, code: str, detail: str, fix: str, line: int, column: int) -> None:
        problem = error(code, detail, fix=fix, span=self._span(line, column))
        self.failed.append(problem)
        self.report(problem)

    def _span(self, line: int, column: int) -> Span:
        place = (self.file, line + 1, column + 1)
        return Spot(*place, self.bucket) if self.bucket else Span(*place)


def _placed_at(value: JSON, line: int, column: int) -> JSON:
    """Return a variable's value with the place of what refers to it: the variable may stand in another file."""
    match value:
        case PlacedMapping():
            copy = PlacedMapping()
            copy.update((key, _placed_at(inner, line, column)) for key, inner in value.items())
            copy.places.extend((line, column) * 2 * len(value))
            return copy
        case PlacedList():
            items = PlacedList()
            items.extend(_placed_at(inner, line, column) for inner in value)
            items.places.extend((line, column) * len(value))
            return items
        case _:
            return value


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable as it is written."""

    file: str
    value: JSON
    line: int  # of the value, from 0
    column: int

    @property
    def span(self) -> Span:
        return Span(self.file, self.line + 1, self.column + 1)


def written_variables(file: str, mapping: JSON) -> Iterator[tuple[str, Variable]]:
    """Yield the variables of one mapping."""
    if isinstance(mapping, PlacedMapping):
        for at, (name, value) in enumerate(mapping.items()):
            yield name, Variable(file, value, *mapping.places[4 * at + 2 : 4 * at + 4])


def resolved(variables: Mapping[str, Variable], report: Report, budget: Budget) -> Mapping[str, JSON]:
    """Return the values of variables that may refer to one another, whatever their order."""
    waits = {name: (budget.refers(one.value) or frozenset()) & variables.keys() for name, one in variables.items()}
    needed_by: dict[str, list[str]] = {name: [] for name in variables}
    for name, others in waits.items():
        for other in others:
            needed_by[other].append(name)
    missing = {name: len(others) for name, others in waits.items()}
    ready = [name for name, count in missing.items() if count == 0]
    values: dict[str, JSON] = {}
    for name in ready:  # grows while it is walked
        one = variables[name]
        filler = Filler(one.file, values, report, budget)
        value = filler.fill(one.value, one.line, one.column)
        values[name] = BROKEN if filler.failed else value
        if budget.depth(values[name]) > MAX_DEPTH:
            values[name] = BROKEN
            detail = (
                f"The lists and mappings of the variable {short(name)} lie in one another more than {MAX_DEPTH} deep."
            )
            report(error("E120", detail, fix="write a value that is less deep.", span=one.span))
        for other in needed_by[name]:
            missing[other] -= 1
            if missing[other] == 0:
                ready.append(other)
    for circle in _circles({name: waits[name] for name in variables if name not in values}):
        shown = " -> ".join(
            map(short, (*circle[:LONGEST_CIRCLE], *["..."] * (len(circle) > LONGEST_CIRCLE), circle[0]))
        )
        detail = f"The variable {short(circle[0])} is part of itself: {shown}."
        report(error("E163", detail, fix="write a value instead of one of these.", span=variables[circle[0]].span))
    return values | {name: BROKEN for name in variables if name not in values}


def _circles(waits: Mapping[str, frozenset[str]]) -> Iterator[Sequence[str]]:
    """Yield each circle once, beginning with the variable that is written first."""
    settled: set[str] = set()
    order = {name: at for at, name in enumerate(waits)}
    for start in waits:
        walk: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in settled and name not in walk:
            walk[name] = None
            name = min((other for other in waits[name] if other in waits), default=None)
        if name in walk:
            names = list(walk)
            circle = names[names.index(str(name)) :]
            first = min(circle, key=order.__getitem__)
            yield [*circle[circle.index(first) :], *circle[: circle.index(first)]]
        settled.update(walk)
