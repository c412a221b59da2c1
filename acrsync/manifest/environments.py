"""Expands a manifest with environments, variables and matrices to the plain manifest of one environment.

All parts keep their positions. The result is a normal manifest, so the same rules apply to it. It has an entry for
several buckets once for each of them, at the same position; `Tree.buckets` tells them apart.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from acrsync.diagnostics import Diagnostic, Invalid, Span, error
from acrsync.frozen import frozen
from acrsync.manifest.matrix import MAX_BUCKETS, Combination, Matrix, label
from acrsync.manifest.outline import ENTRY_KEYS, OWN_KEYS, environments
from acrsync.manifest.problems import quoted, short
from acrsync.manifest.rules import entries
from acrsync.manifest.tree import PlacedList, PlacedMapping, Tree
from acrsync.manifest.variables import Budget, Filler, Report, Variable, resolved, written_variables
from acrsync.model import JSON

_FILLED = ("defaults", "removed")


def problems(trees: Sequence[Tree]) -> Iterator[Diagnostic]:
    """Yield errors that are the same in all environments, and variables that are never used."""
    known = environments(trees)
    for entry in entries(trees, "buckets"):
        wanted = entry.data.get("environments")
        for number, name in enumerate(wanted if isinstance(wanted, PlacedList) else ()):
            if isinstance(name, str) and name not in known:
                yield unknown(name, list(known), entry.tree.span((*entry.path, "environments", number)))
    yield from _unused(trees)


def unknown(name: str, known: Sequence[str], span: Span | None) -> Diagnostic:
    """Return the error for an unknown environment."""
    if not known:
        detail = f"The manifest has no `environments`, so it does not have {quoted(name)}."
        fix = f"remove --env and ACRSYNC_ENV, or add: environments: {{{short(name)}: {{}}}}"
        return error("E161", detail, fix=fix, span=span)
    close = difflib.get_close_matches(name[:100], known[:100], n=1)
    guess = f"; did you mean {short(close[0])}?" if close else "."
    shown = ", ".join(map(short, known[:10])) + (", ..." if len(known) > 10 else "")  # noqa: PLR2004 - for people
    detail = f"{quoted(name)} is not an environment of this manifest; it has {shown}{guess}"
    return error("E161", detail, fix=f"write {short(close[0]) if close else 'one of these'}.", span=span)


@dataclass(slots=True)
class _Expansion:
    """The state of one call of `expanded`."""

    environment: str | None
    report: Report
    values: Mapping[str, JSON]
    budget: Budget = field(default_factory=Budget)
    count: int = 0
    failed: bool = False  # in values that several buckets share

    def filled(self, tree: Tree, value: JSON, line: int, column: int) -> JSON:
        """Return a value that all buckets of a file share."""
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
        own = _without(item, ENTRY_KEYS)
        many = "matrix" in item
        refers = self.budget.refers(own) is not None
        for combination in self._combinations(tree, item["matrix"]) if many else ({},):
            self.count += many
            if self.count > MAX_BUCKETS:
                detail = f"The entries up to here expand to more than {MAX_BUCKETS} buckets."
                span = Span(tree.file, line + 1, column + 1)
                raise Invalid((error("E166", detail, fix="split the manifest.", span=span),))
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


@frozen
class _Entry:
    """One entry of the plain manifest."""

    data: JSON
    line: int  # from 0
    column: int
    bucket: str = ""  # in words, if the entry is for several buckets or has variables
    combination: str = ""
    from_matrix: bool = False

    @property
    def name(self) -> str | None:
        name = self.data.get("name") if isinstance(self.data, PlacedMapping) else None
        return name if isinstance(name, str) else None


def expanded(trees: Sequence[Tree], environment: str | None) -> tuple[Sequence[Tree], Sequence[Diagnostic]]:
    """Return the plain manifest of one environment, or of a manifest without any, and the errors.

    The keys of the environment replace the same keys in all files. They are added to the environment's own file.
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
        found_entries = [list(expansion.entries(tree)) for tree in trees]
        names = {entry.name for of_tree in found_entries for entry in of_tree if not entry.from_matrix} - {None}
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
            for tree, of_tree in zip(trees, found_entries, strict=True)
        ]
    except Invalid as problem:
        return (), (*found, *problem.diagnostics)
    return () if expansion.failed else plain, found


def _plain_tree(
    tree: Tree,
    found: Sequence[_Entry],
    own: PlacedMapping,
    expansion: _Expansion,
    *,
    dropped: Sequence[str],
    inherited: PlacedMapping | None,
) -> Tree:
    """Return one file of the plain manifest. `own`: the environment's keys for this file; `dropped`: for all files."""
    data = _without(tree.data, (*OWN_KEYS, *dropped))
    for at, (key, value) in enumerate(own.items()):
        if key not in OWN_KEYS:
            data[key] = value
            data.places.extend(own.places[4 * at : 4 * at + 4])
    filled = PlacedMapping()
    filled.places = data.places
    for at, (key, value) in enumerate(data.items()):
        place = data.places[4 * at + 2 : 4 * at + 4]
        filled[key] = expansion.filled(tree, value, *place) if key in _FILLED else value
    if isinstance(data.get("buckets"), PlacedList):
        items = PlacedList()
        for entry in found:
            items.append(entry.data)
            items.places.extend((entry.line, entry.column))
        filled["buckets"] = items
    root = PlacedList()
    root.append(filled)
    root.places.extend(tree.root.places)
    return replace(
        tree,
        root=root,
        buckets=tuple(entry.bucket for entry in found),
        combinations=tuple(entry.combination for entry in found),
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


def _unused(trees: Sequence[Tree]) -> Iterator[Diagnostic]:
    """Yield a warning for each variable, and each key of a matrix, that no environment uses."""
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
    for entry in entries(trees, "buckets"):
        names = budget.refers(_without(entry.data, ("matrix",))) or frozenset()
        used |= budget.refers(entry.data.get("matrix")) or frozenset()
        own = _own_keys(entry.data)
        for key in own:
            if key not in names:
                detail = f"No text of this entry uses the key `{short(key)}` of its matrix, as `${{{short(key)}}}`."
                span = entry.tree.span((*entry.path, "matrix"), key)
                yield error("W160", detail, fix="use it in `name`, or remove it.", span=span)
        used |= names.difference(own)
    for path, tree, holder in holders:
        for name, _ in written_variables(tree.file, holder.get("variables")):
            if name not in used:
                detail = f"No text uses the variable {short(name)}, as `${{{short(name)}}}`."
                span = tree.span((*path, "variables"), name)
                yield error("W160", detail, fix="correct its name, or remove it.", span=span)


def _own_keys(item: PlacedMapping) -> Sequence[str]:
    """Return the keys of an entry's matrix, without `include` and `exclude`."""
    matrix = item.get("matrix")
    return [key for key in matrix if key not in ("include", "exclude")] if isinstance(matrix, PlacedMapping) else []
