"""A manifest for several environments to the plain manifest of one, in which every part keeps its place.

The result has the shape of any other manifest, so that all rules hold for it as they are. An entry that stands for
several buckets is there once for each of them, at the same place; `Tree.buckets` says which one is meant.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.manifest.matrix import MAX_BUCKETS, Combination, Matrix, label
from acrsync.manifest.problems import quoted, short
from acrsync.manifest.tree import PlacedList, PlacedMapping, Tree
from acrsync.manifest.variables import (
    Budget,
    Filler,
    Report,
    TooLargeError,
    Variable,
    resolved,
    written_variables,
)
from acrsync.model import JSON

_OWN_KEYS = ("environments", "variables")  # of a manifest for several environments; a plain one has none of them
_FILLED = ("defaults", "removed")
_ENTRY_KEYS = ("matrix", "environments")
# A text without any of these has no `${`, also not one of escapes.
_DOLLAR = re.compile(r"\$|\\(?:x|u00|U000000)24")


def is_plain(trees: Iterable[Tree], texts: Iterable[str]) -> bool:
    """Tell whether files have nothing to expand, as most have: then they are the plain manifest themselves."""
    if any(map(_DOLLAR.search, texts)):
        return False
    for tree in trees:
        if any(key in tree.data for key in _OWN_KEYS) if isinstance(tree.data, PlacedMapping) else False:
            return False
        if any(any(key in item for key in _ENTRY_KEYS) for _, item in _mappings(tree, "buckets")):
            return False
    return True


def environments(trees: Iterable[Tree]) -> Mapping[str, tuple[Tree, JSON]]:
    """Return what each environment sets, and the file that says it, in the order of the file."""
    for tree in trees:
        found = tree.data.get("environments") if isinstance(tree.data, PlacedMapping) else None
        if isinstance(found, PlacedMapping):
            return {name: (tree, value) for name, value in found.items()}
    return {}


def problems(trees: Sequence[Tree]) -> Iterator[Diagnostic]:
    """Yield what is wrong in all environments alike, and what is set and never used."""
    known = environments(trees)
    for tree in trees:
        for at, item in _mappings(tree, "buckets"):
            wanted = item.get("environments")
            for number, name in enumerate(wanted if isinstance(wanted, PlacedList) else ()):
                if isinstance(name, str) and name not in known:
                    span = tree.span(("buckets", at, "environments", number))
                    yield unknown(name, list(known), span)
    yield from _unused(trees)


def unknown(name: str, known: Sequence[str], span: Span | None) -> Diagnostic:
    """Return the error for the name of an environment that the manifest does not have."""
    if not known:
        detail = f"{quoted(name)} is asked for, but the manifest has no `environments`."
        return error("E161", detail, fix=f"add them: environments: {{{short(name)}: {{}}}}", span=span)
    close = difflib.get_close_matches(name[:100], known[:100], n=1)
    guess = f"; did you mean {short(close[0])}?" if close else "."
    shown = ", ".join(map(short, known[:10])) + (", ..." if len(known) > 10 else "")  # noqa: PLR2004 - for people
    detail = f"{quoted(name)} is not an environment of this manifest; it has {shown}{guess}"
    return error("E161", detail, fix=f"write {short(close[0]) if close else 'one of these'}.", span=span)


@dataclass(slots=True)
class _Expansion:
    """The plain entries of one environment as they are found; lives for one call of `expanded`."""

    environment: str | None
    report: Report
    values: Mapping[str, JSON]
    budget: Budget = field(default_factory=Budget)
    count: int = 0
    failed: bool = False  # in what several buckets share, so that little can be told of them

    def filled(self, tree: Tree, value: JSON, line: int, column: int) -> JSON:
        """Return what all buckets of a file share."""
        filler = Filler(tree.file, self.values, self.report, self.budget)
        result = filler.fill(value, line, column, keys=False)
        self.failed |= bool(filler.failed)
        return result

    def entries(self, tree: Tree) -> Iterator[_Entry]:
        items = tree.data.get("buckets")
        for at, item in enumerate(items if isinstance(items, PlacedList) else ()):
            line, column = items.places[2 * at : 2 * at + 2]
            if not isinstance(item, PlacedMapping):
                yield _Entry(item, line, column)
            elif self._is_here(item):
                yield from self._of_item(tree, item, line, column)

    def _is_here(self, item: PlacedMapping) -> bool:
        wanted = item.get("environments")
        return not isinstance(wanted, PlacedList) or self.environment is None or self.environment in wanted

    def _of_item(self, tree: Tree, item: PlacedMapping, line: int, column: int) -> Iterator[_Entry]:
        own = _without(item, _ENTRY_KEYS)
        many = "matrix" in item
        refers = self.budget.refers(own) is not None
        for combination in self._combinations(tree, item["matrix"]) if many else ({},):
            self.count += many
            if self.count > MAX_BUCKETS:
                detail = f"The entries up to here stand for more than {MAX_BUCKETS} buckets."
                span = Span(tree.file, line + 1, column + 1)
                raise TooLargeError(error("E166", detail, fix="split the manifest.", span=span))
            where = ", ".join(filter(None, (self.environment, label(combination)))) if many or refers else ""
            filler = Filler(tree.file, self.values, self.report, self.budget, where, combination)
            filled = filler.fill(own, line, column, keys=False)
            if not filler.failed:
                yield _Entry(filled, line, column, where, label(combination), from_matrix=many)

    def _combinations(self, tree: Tree, written: JSON) -> Sequence[Combination]:
        if not isinstance(written, PlacedMapping):
            return ()
        filler = Filler(tree.file, self.values, self.report, self.budget)
        matrix = Matrix(filler.fill(written, 0, 0, keys=False), tree.file)
        found = () if filler.failed else tuple(matrix.problems())
        for problem in found:
            self.report(problem)
        return () if found or filler.failed else matrix.combinations()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of the plain manifest."""

    data: JSON
    line: int  # from 0
    column: int
    bucket: str = ""  # which one is meant, if the entry stands for several or is filled in
    combination: str = ""
    from_matrix: bool = False

    @property
    def name(self) -> str | None:
        name = self.data.get("name") if isinstance(self.data, PlacedMapping) else None
        return name if isinstance(name, str) else None


def expanded(trees: Sequence[Tree], environment: str | None) -> tuple[Sequence[Tree], Sequence[Diagnostic]]:
    """Return the plain manifest of one environment, or of a manifest without any, and what stands in its way.

    What an environment sets lands in the file that says it, in place of the same key of whichever file.
    """
    found: list[Diagnostic] = []
    home, own = environments(trees).get(environment or "", (None, None))
    own = own if isinstance(own, PlacedMapping) else PlacedMapping()
    values: dict[str, Variable] = {}
    for tree in trees:
        values |= written_variables(tree.file, tree.data.get("variables"))
    if home is not None:
        values |= written_variables(home.file, own.get("variables"))
    try:
        budget = Budget()
        expansion = _Expansion(environment, found.append, resolved(values, found.append, budget), budget)
        entries = [list(expansion.entries(tree)) for tree in trees]
        names = {entry.name for of_tree in entries for entry in of_tree if not entry.from_matrix} - {None}
        inherited = None
        if home is not None and isinstance(own.get("defaults"), PlacedMapping):
            inherited = expansion.filled(home, own["defaults"], 0, 0)
        plain = [
            _plain_tree(
                tree,
                [entry for entry in of_tree if not (entry.from_matrix and entry.name in names)],
                own if tree is home else _without(own, own),
                expansion,
                dropped=tuple(own),
                inherited=inherited if tree is not home else None,
            )
            for tree, of_tree in zip(trees, entries, strict=True)
        ]
    except TooLargeError as problem:
        return (), (*found, problem.diagnostic)
    return () if expansion.failed else plain, found


def _plain_tree(
    tree: Tree,
    entries: Sequence[_Entry],
    own: PlacedMapping,
    expansion: _Expansion,
    *,
    dropped: Sequence[str],
    inherited: PlacedMapping | None,
) -> Tree:
    """Return one file of the plain manifest; `own` is what the environment sets in it, `dropped` in whichever file."""
    data = _without(tree.data, (*_OWN_KEYS, *dropped))
    for at, (key, value) in enumerate(own.items()):
        if key not in _OWN_KEYS:
            data[key] = value
            data.places.extend(own.places[4 * at : 4 * at + 4])
    filled = PlacedMapping()
    filled.places = data.places
    for at, (key, value) in enumerate(data.items()):
        place = data.places[4 * at + 2 : 4 * at + 4]
        filled[key] = expansion.filled(tree, value, *place) if key in _FILLED else value
    if isinstance(data.get("buckets"), PlacedList):
        items = PlacedList()
        for entry in entries:
            items.append(entry.data)
            items.places.extend((entry.line, entry.column))
        filled["buckets"] = items
    root = PlacedList()
    root.append(filled)
    root.places.extend(tree.root.places)
    return replace(
        tree,
        root=root,
        buckets=tuple(entry.bucket for entry in entries),
        combinations=tuple(entry.combination for entry in entries),
        inherited=inherited,
    )


def _without(data: PlacedMapping, keys: Iterable[str]) -> PlacedMapping:
    dropped = {*keys}
    kept = PlacedMapping()
    for at, (key, value) in enumerate(data.items()):
        if key not in dropped:
            kept[key] = value
            kept.places.extend(data.places[4 * at : 4 * at + 4])
    return kept


def _mappings(tree: Tree, section: str) -> Iterator[tuple[int, PlacedMapping]]:
    items = tree.data.get(section) if isinstance(tree.data, PlacedMapping) else None
    for at, item in enumerate(items if isinstance(items, PlacedList) else ()):
        if isinstance(item, PlacedMapping):
            yield at, item


def _unused(trees: Sequence[Tree]) -> Iterator[Diagnostic]:
    """Yield a warning for each variable, and each key of a matrix, that no text refers to in any environment."""
    budget = Budget()
    used: set[str] = set()
    holders: list[tuple[tuple[str, ...], Tree, PlacedMapping]] = [((), tree, tree.data) for tree in trees]
    holders += [
        (("environments", name), tree, value)
        for name, (tree, value) in environments(trees).items()
        if isinstance(value, PlacedMapping)
    ]
    for _, _, holder in holders:
        for key in (*_FILLED, "variables"):
            used |= budget.refers(holder.get(key)) or frozenset()
    for tree in trees:
        for at, item in _mappings(tree, "buckets"):
            names = budget.refers(_without(item, ("matrix",))) or frozenset()
            used |= budget.refers(item.get("matrix")) or frozenset()
            for key in _own_keys(item):
                if key not in names:
                    detail = f"`{short(key)}` of this matrix stands in no text of the entry, as `${{{short(key)}}}`."
                    span = tree.span(("buckets", at, "matrix"), key)
                    yield error("W160", detail, fix="use it in `name`, or remove it.", span=span)
            used |= names.difference(_own_keys(item))
    for path, tree, holder in holders:
        for name, _ in written_variables(tree.file, holder.get("variables")):
            if name not in used:
                detail = f"No text refers to the variable {short(name)}, as `${{{short(name)}}}`."
                span = tree.span((*path, "variables"), name)
                yield error("W160", detail, fix="correct its name, or remove it.", span=span)


def _own_keys(item: PlacedMapping) -> Sequence[str]:
    """Return the keys of an entry's matrix, without those that only its other parts speak of."""
    matrix = item.get("matrix")
    return [key for key in matrix if key not in ("include", "exclude")] if isinstance(matrix, PlacedMapping) else []
