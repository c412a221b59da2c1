"""Loads a manifest, or one for each environment, from texts, with all errors in the order of reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from shlex import quote
from typing import TYPE_CHECKING

from acrsync.diagnostics import Diagnostic, Severity, Span, error, in_reading_order
from acrsync.frozen import frozen
from acrsync.manifest import build, rules, shape
from acrsync.manifest.outline import Plain, environments, is_plain
from acrsync.manifest.problems import short
from acrsync.manifest.spots import merged, plain
from acrsync.manifest.text import LINE_END, decoded, unreadable
from acrsync.manifest.tree import PlacedMapping, Tree, read
from acrsync.model import Manifest
from acrsync.visible import visible

if TYPE_CHECKING:
    from acrsync.manifest.overlap import Both

MAX_IN_ALL = 20_000  # buckets in all environments that are loaded together
MAX_ERRORS = 2000  # in entries for several buckets, before they are merged


@frozen
class Loaded:
    """A manifest, and all errors and warnings in the order of reading."""

    manifest: Manifest | None  # None exactly when there is an error
    diagnostics: tuple[Diagnostic, ...]


@frozen
class LoadedAll:
    """The manifests of all environments by name. A manifest without environments has the name ""."""

    environments: Mapping[str, Loaded]
    diagnostics: tuple[Diagnostic, ...]  # of all environments, each once


class Source:
    """The files of one manifest, with or without environments."""

    def __init__(self, texts: Mapping[str, bytes], unread: Sequence[Diagnostic] = ()) -> None:
        self.general: list[Diagnostic] = list(unread)
        self.texts: dict[str, str] = {}
        whole: list[Tree] = []
        for file, data in texts.items():
            text = decoded(data, file)
            if isinstance(text, Diagnostic):
                self.general.append(text)
                continue
            self.texts[file] = text
            tree, found = _tree(file, text)
            self.general += found
            whole += [tree] if tree is not None and tree.root else []
        self.complete = len(whole) == len(texts) and not unread
        self.is_plain = is_plain(whole, self.texts.values())
        if not self.is_plain:
            from acrsync.manifest.environments import problems

            self.general += shape.check(whole, variables=True)
            self.complete &= all(isinstance(tree.data, PlacedMapping) for tree in whole)
            whole = [tree for tree in whole if isinstance(tree.data, PlacedMapping)]
            self.general += (*rules.set_once(whole), *problems(whole))
        self.trees = whole
        self.names = tuple(environments(whole))
        self.split: dict[str, Sequence[str]] = {}
        self.filled: dict[str | None, tuple[Sequence[Tree], Sequence[Diagnostic]]] = {}
        self.found: dict[str | None, Plain] = {}

    def loaded(self, environment: str | None) -> Loaded:
        """Return the manifest of one environment; None is for a manifest without environments."""
        if environment not in self.names and (self.names or environment is not None):
            return Loaded(None, in_reading_order((*self.general, *self._not_chosen(environment))))
        if environment is None:
            return self._checked(None, self.plain(None), ())
        from acrsync.manifest.overlap import overlaps, related

        together = {environment, *related(self.trees, environment)}
        manifests = {name: self.plain(name) for name in self.names if name in together}
        return self._checked(environment, manifests[environment], tuple(overlaps(manifests)))

    def all(self) -> LoadedAll:
        """Return the manifest of every environment."""
        if not self.names:
            loaded = self.loaded(None)
            return LoadedAll({"": loaded}, loaded.diagnostics)
        from acrsync.manifest.overlap import overlaps

        count = 0
        for name in self.names:
            count += sum(len(tree.buckets) for tree in self._trees(name)[0])
            if count > MAX_IN_ALL:
                detail = f"The environments up to {short(name)} have more than {MAX_IN_ALL} buckets together."
                fix = "load them one after the other, or split the manifest."
                problem = error("E166", detail, fix=fix, span=self._span(name))
                refused = Loaded(None, in_reading_order((*self.general, problem)))
                return LoadedAll(dict.fromkeys(self.names, refused), refused.diagnostics)
        manifests = {name: self.plain(name) for name in self.names}
        shared = tuple(overlaps(manifests))
        every = (one for found in manifests.values() for one in found.diagnostics)
        return LoadedAll(
            {name: self._checked(name, manifests[name], shared) for name in self.names},
            in_reading_order((*self.general, *merged(every), *(problem for _, problem in shared))),
        )

    def lines(self, file: str) -> Sequence[str]:
        """Return the lines of a file."""
        if file not in self.split:
            self.split[file] = LINE_END.split(self.texts[file])
        return self.split[file]

    def _checked(self, environment: str | None, found: Plain, overlaps: Sequence[tuple[Both, Diagnostic]]) -> Loaded:
        others = [problem for both, problem in overlaps if environment in both]
        diagnostics = in_reading_order((*self.general, *merged(found.diagnostics), *others))
        wrong = any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
        return Loaded(None if wrong else found.manifest, diagnostics)

    def plain(self, environment: str | None) -> Plain:
        """Return the plain manifest of one environment."""
        if environment not in self.found:
            self.found[environment] = self._expanded(environment)
        return self.found[environment]

    def _expanded(self, environment: str | None) -> Plain:
        trees, problems = self._trees(environment)
        complete = self.complete and not problems
        found = chain(shape.check(trees), rules.check(trees, complete=complete))
        diagnostics = [*problems, *(found if self.is_plain else islice(found, MAX_ERRORS))]
        known = {(problem.code, problem.span) for problem in self.general}
        known |= {("E165", problem.span) for problem in self.general}  # errors from before the variables were filled in
        diagnostics = [one for one in diagnostics if (one.code, plain(one.span)) not in known]
        wrong = any(one.severity is Severity.ERROR for one in (*self.general, *diagnostics))
        return Plain(trees, diagnostics, None if wrong else build.manifest(trees, environment))

    def _trees(self, environment: str | None) -> tuple[Sequence[Tree], Sequence[Diagnostic]]:
        if self.is_plain:
            return self.trees, ()
        if environment not in self.filled:
            from acrsync.manifest.environments import expanded

            self.filled[environment] = expanded(self.trees, environment)
        return self.filled[environment]

    def _not_chosen(self, environment: str | None) -> Iterator[Diagnostic]:
        span = self._span()
        if environment is not None:
            from acrsync.manifest.environments import unknown

            yield unknown(environment, self.names, span)
            return
        names = ", ".join(short(name) for name in self.names[:10])
        detail = f"This manifest has environments ({names}), and none is chosen."
        yield error("E160", detail, fix=f"add --env {short(self.names[0])}, or --env all.", span=span)

    def _span(self, name: str | None = None) -> Span | None:
        home = next((tree for tree in self.trees if "environments" in tree.data), None)
        if home is None:
            return None
        return home.span(("environments",), name) if name is not None else home.span((), "environments")


def _tree(file: str, text: str) -> tuple[Tree | None, Sequence[Diagnostic]]:
    if problems := tuple(unreadable(text, file)):
        return None, problems
    tree = read(text, file)
    if tree.data is None and not tree.problems:
        detail = f"{visible(file)} is empty; a pipeline that lost its files must not look like an empty manifest."
        fix = f"restore the file, or write the account's buckets into it: acrsync export > {quote(visible(file))}"
        if file == "-" or file.startswith("/dev/"):
            fix = "check the program that writes the manifest."
        return None, (error("E103", detail, fix=fix, span=Span(file, 1, 1)),)
    return tree, tree.problems
