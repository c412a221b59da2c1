"""The combinations of a `matrix`, as in GitHub workflows.

Source: GitHub, "Running variations of jobs in a workflow". All values of each key are combined. An item of `exclude`
removes the combinations that it matches in part. Then each item of `include`, in order, is added to all combinations
whose original values it does not change; if there is none, it becomes a new combination.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

from acrsync.diagnostics import Diagnostic, Invalid, Span, error
from acrsync.manifest.problems import quoted, short
from acrsync.manifest.scalars import flow
from acrsync.manifest.tree import PlacedList, PlacedMapping
from acrsync.model import JSON

MAX_BUCKETS = 10_000
MAX_COMPARED = 500_000  # combinations with items of `exclude` and `include`
MAX_CELLS = 200_000  # keys of all combinations
MAX_SHOWN = 8  # keys of a combination in a message

Combination = Mapping[str, JSON]
_OTHERS = ("include", "exclude")


class Matrix:
    """The matrix of one entry, with its variables filled in."""

    def __init__(self, data: PlacedMapping, file: str) -> None:
        self.data = data
        self.file = file
        self.keys = [key for key in data if key not in _OTHERS]

    def problems(self) -> Iterator[Diagnostic]:
        """Yield the errors that the schema cannot find, because the values come from variables."""
        for at, (key, value) in enumerate(self.data.items()):
            if not isinstance(value, PlacedList):
                detail = f"`{short(key)}` is {quoted(value)}, but must be a list."
                fix = f"write {key}: [{flow(value)}]" if _is_plain(value) else "write a list."
                yield self._error(detail, fix, *self.data.places[4 * at + 2 : 4 * at + 4])
            elif key in _OTHERS:
                yield from self._of_items(key, value)

    def _of_items(self, section: str, items: PlacedList) -> Iterator[Diagnostic]:
        known = {*self.keys}
        for at, item in enumerate(items):
            place = items.places[2 * at : 2 * at + 2]
            if not isinstance(item, PlacedMapping) or not item:
                detail = f"An item of `{section}` is {quoted(item)}, but must be a mapping of keys and values."
                yield self._error(detail, f"write it as in {section}: [{{station: two}}]", *place)
                continue
            for number, key in enumerate(item):
                if section == "exclude" and key not in known:
                    detail = f"`exclude` names `{short(key)}`, which is not a key of this matrix."
                    fix = f"write one of {', '.join(map(short, self.keys[:MAX_SHOWN]))}."
                    yield self._error(detail, fix, *item.places[4 * number : 4 * number + 2])

    def combinations(self) -> Sequence[Combination]:
        """Return all combinations, in the order of the file. Call it only if there are no problems. Raises: Invalid."""
        excluded: Sequence[Combination] = self.data.get("exclude", ())
        included: Sequence[Combination] = self.data.get("include", ())
        count = self._count()
        if count + len(included) > MAX_BUCKETS:
            detail = f"This matrix has more than {MAX_BUCKETS} combinations, the maximum of a manifest."
            raise Invalid((self._error(detail, "write fewer values.", *self.data.places[:2], code="E166"),))
        cells = count * len(self.keys) + sum(map(len, included)) * max(1, count)
        if count * (len(excluded) + len(included)) > MAX_COMPARED or cells > MAX_CELLS:
            detail = f"This matrix has {count} combinations of {len(self.keys)} keys, with {len(excluded)} items of "
            detail += f"`exclude` and {len(included)} of `include`, which is too much to compare."
            fix = "write fewer of them, or several entries."
            raise Invalid((self._error(detail, fix, *self.data.places[:2], code="E166"),))
        numbers = _Numbers()
        columns = [[numbers.of(value) for value in self.data[key]] for key in self.keys]
        without = [numbers.of_all(item) for item in excluded]
        every = (dict(zip(self.keys, row, strict=True)) for row in product(*columns)) if self.keys else ()
        original = [one for one in every if not any(_agrees(one, item) for item in without)]
        found = _with_included(original, [numbers.of_all(item) for item in included])
        return [{key: numbers.values[number] for key, number in one.items()} for one in found]

    def _count(self) -> int:
        """Return the number of combinations before `exclude` and `include`, at most MAX_BUCKETS + 1."""
        count = 1 if self.keys else 0
        for key in self.keys:
            count = min(count * len(self.data[key]), MAX_BUCKETS + 1)
        return count

    def _error(self, detail: str, fix: str, line: int, column: int, *, code: str = "E165") -> Diagnostic:
        return error(code, detail, fix=fix, span=Span(self.file, line + 1, column + 1))


class _Numbers:
    """Numbers for values, so that long values are compared only once. `1`, `"1"` and `true` have three numbers."""

    def __init__(self) -> None:
        self.values: list[JSON] = []
        self.known: dict[str, int] = {}

    def of(self, value: JSON) -> int:
        number = self.known.setdefault(repr(value), len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number

    def of_all(self, item: Combination) -> Mapping[str, int]:
        return {key: self.of(value) for key, value in item.items()}


def _with_included(
    original: Sequence[Mapping[str, int]], included: Sequence[Mapping[str, int]]
) -> Sequence[Mapping[str, int]]:
    whole = [dict(one) for one in original]
    new = []
    for item in included:
        added = False
        for one, extended in zip(original, whole, strict=True):
            if _agrees(one, {key: number for key, number in item.items() if key in one}):
                extended.update(item)
                added = True
        if not added:
            new.append(item)
    return [*whole, *new]


def _agrees(combination: Mapping[str, int], item: Mapping[str, int]) -> bool:
    return all(combination[key] == number for key, number in item.items())


def _is_plain(value: JSON) -> bool:
    return isinstance(value, str | int) or value is None


def label(combination: Combination) -> str:
    """Return a combination in words, for messages and comments."""
    shown = [
        f"{short(key)}: {short(flow(value)) if _is_plain(value) else '...'}"
        for key, value in islice(combination.items(), MAX_SHOWN)
    ]
    return ", ".join([*shown, *["..."] * (len(combination) > MAX_SHOWN)])
