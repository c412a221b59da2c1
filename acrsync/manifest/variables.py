"""Variables in texts: `${name}` is the value of a variable, `$${` is the text `${`.

Why not more: a reviewer must see in the file what is applied, so there are no functions, no process environment and no
defaults. The size of texts and lists is checked before they are made.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from acrsync.diagnostics import Diagnostic, Invalid, Span, error
from acrsync.frozen import frozen
from acrsync.manifest.problems import LONGEST, short
from acrsync.manifest.rules import cycles
from acrsync.manifest.spots import Spot
from acrsync.manifest.tree import MAX_DEPTH, PlacedList, PlacedMapping
from acrsync.model import JSON

# For all entries of one environment. A mapping inside an entry counts as ten, because checking it takes longer.
MAX_FILLED = 100_000  # values with variables filled in
MAX_SHARED = 1_000_000  # values without variables, which entries share
MAX_CHARACTERS = 1_000_000  # of all texts with variables filled in
MAX_TEXT = 100_000  # characters of one text
_OF_INNER_MAPPING = 10
MAX_SUGGESTIONS = 20
LONGEST_CYCLE = 5  # names in a message
MAX_NAMES = 200  # for suggestions

_NAME = "[A-Za-z_][A-Za-z0-9_-]*"
_REFERENCE = re.compile(rf"\$\$\{{|\$\{{(?:(?P<name>{_NAME})\}})?")
_WHOLE = re.compile(rf"\$\{{({_NAME})\}}")

Report = Callable[[Diagnostic], None]


@frozen
class Broken:
    """The value of a variable with an error. Values that refer to it are left out without a second error."""


BROKEN = Broken()


@dataclass(slots=True)
class Budget:
    """How much the entries of one environment can still grow, and facts about values that they share."""

    filled: int = MAX_FILLED
    shared: int = MAX_SHARED
    characters: int = MAX_CHARACTERS
    sizes: dict[int, tuple[JSON, int]] = field(default_factory=dict)  # with the value, so that its id stays in use
    names: dict[int, tuple[JSON, frozenset[str] | None]] = field(default_factory=dict)
    depths: dict[int, tuple[JSON, int]] = field(default_factory=dict)
    copies: dict[tuple[int, int, int], tuple[JSON, JSON]] = field(default_factory=dict)
    suggestions: int = MAX_SUGGESTIONS

    def size(self, value: JSON) -> int:
        """Return the number of values in a value. The value of several aliases counts for each alias."""
        if not isinstance(value, PlacedMapping | PlacedList):
            return 1
        if id(value) not in self.sizes:
            inner = value.values() if isinstance(value, PlacedMapping) else value
            self.sizes[id(value)] = value, 1 + sum(map(self.size, inner))
        return self.sizes[id(value)][1]

    def depth(self, value: JSON) -> int:
        """Return the depth of nested lists and mappings."""
        if not isinstance(value, PlacedMapping | PlacedList):
            return 0
        if id(value) not in self.depths:
            inner = value.values() if isinstance(value, PlacedMapping) else value
            self.depths[id(value)] = value, 1 + max(map(self.depth, inner), default=0)
        return self.depths[id(value)][1]

    def close_to(self, name: str, names: Sequence[str]) -> str | None:
        """Return the most similar name. The search is slow, so there are only a few suggestions."""
        self.suggestions -= 1
        if self.suggestions < 0 or len(name) > LONGEST:
            return None
        return next(iter(difflib.get_close_matches(name, names[:MAX_NAMES], n=1)), None)

    def refers(self, value: JSON) -> frozenset[str] | None:
        """Return the names of variables in a value; None if it has no `${` at all."""
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
        """Count values before they are made. Raises: Invalid if there are too many."""
        self.filled -= filled
        self.shared -= shared
        self.characters -= characters
        if min(self.filled, self.shared, self.characters, MAX_TEXT - characters) < 0:
            limit = f"{MAX_CHARACTERS:,} characters"
            if characters > MAX_TEXT:
                limit = f"{MAX_TEXT:,} characters in one text"
            elif self.filled < 0 or self.shared < 0:
                limit = f"{MAX_FILLED if self.filled < 0 else MAX_SHARED:,} values"
            detail = f"The variables and matrices up to here expand to more than {limit.replace(',', ' ')}."
            fix = "write fewer or shorter values, or split the manifest."
            raise Invalid((error("E166", detail, fix=fix, span=span),))


@frozen
class Filler:
    """Fills in the variables of one bucket, or of values that all buckets of an environment share."""

    file: str
    values: Mapping[str, JSON]
    report: Report
    budget: Budget
    bucket: str = ""  # in words, if the entry is for several buckets
    combination: Mapping[str, JSON] = field(default_factory=dict)  # its values, which override variables
    failed: list[Diagnostic | Broken] = field(default_factory=list)

    def fill(self, value: JSON, line: int, column: int, *, keys: bool = True) -> JSON:
        """Return a value with all variables filled in. Parts without variables are shared and not copied."""
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
                why = "exists already" if isinstance(name, str) else "is not text"
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
        """Return the text for a variable inside a longer text."""
        if found[0] == "$${":
            return "${"
        if found["name"] is None:
            detail = "A text has `${`, but no name and `}` after it."
            fix = "write ${name} with the name of a variable, or $${ for the text itself."
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
                detail = f"`{found[0]}` is {what}, which cannot be part of a longer text."
                self._fail("E164", detail, "write the variable alone, or use it in a `matrix`.", line, column)
                return ""

    def _value(self, name: str, line: int, column: int) -> JSON:
        if name not in self.combination and name not in self.values:
            detail = f"`${{{short(name)}}}` has no value: no variable and no key of the `matrix` has this name."
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
    """Return the value of a variable with the position of its use: the variable may be in another file."""
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


@frozen
class Variable:
    """One variable in a file."""

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
    """Return the values of variables, which can refer to each other in any order."""
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
            detail = f"The lists and mappings of the variable {short(name)} are nested more than {MAX_DEPTH} deep."
            report(error("E120", detail, fix="write a value that is less deep.", span=one.span))
        for other in needed_by[name]:
            missing[other] -= 1
            if missing[other] == 0:
                ready.append(other)
    for cycle in cycles({name: waits[name] for name in variables if name not in values}):
        shown = " -> ".join(map(short, (*cycle[:LONGEST_CYCLE], *["..."] * (len(cycle) > LONGEST_CYCLE), cycle[0])))
        detail = f"The variable {short(cycle[0])} refers to itself: {shown}."
        report(error("E163", detail, fix="write a value instead of one of these.", span=variables[cycle[0]].span))
    return values | {name: BROKEN for name in variables if name not in values}
