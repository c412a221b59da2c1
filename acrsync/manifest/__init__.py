"""A manifest: YAML files to data with every mistake told at its place, and an account back to such a file.

The one door for yaml and jsonschema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acrsync.diagnostics import Diagnostic, Severity, Span, error, in_reading_order
from acrsync.manifest import build, rules, shape
from acrsync.manifest.schemas import schema, schema_text
from acrsync.manifest.text import decoded, unreadable
from acrsync.manifest.tree import Tree, read
from acrsync.manifest.writing import SCHEMA_FILE, dump, entry
from acrsync.model import Manifest
from acrsync.visible import visible

__all__ = ["SCHEMA_FILE", "Loaded", "dump", "entry", "load", "load_texts", "schema", "schema_text"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What files say, and everything that is wrong with them, in the order of reading."""

    manifest: Manifest | None  # None exactly when there is an error
    diagnostics: tuple[Diagnostic, ...]


def load(paths: Sequence[Path]) -> Loaded:
    """Read files that are one manifest; a file that is named twice is read once."""
    unread: list[Diagnostic] = []
    texts: dict[str, bytes] = {}
    distinct: dict[Path, Path] = {}
    for path in paths:
        distinct.setdefault(path.absolute(), path)
    for path in distinct.values():
        match _bytes(path):
            case bytes(data):
                texts[str(path)] = data
            case problem:
                unread.append(problem)
    return _loaded(texts, unread)


def load_texts(texts: Mapping[str, bytes]) -> Loaded:
    """Return what these files, by name, say together."""
    return _loaded(texts, ())


def _bytes(path: Path) -> bytes | Diagnostic:
    shown = visible(str(path))
    try:
        return path.read_bytes()
    except FileNotFoundError:
        fix = "correct the path, or write the account's buckets into it: acrsync export --out " + shown
        return error("E100", f"There is no file {shown}.", fix=fix, span=None)
    except IsADirectoryError:
        fix = f"name the files in it: {shown}/*.yaml"
        return error("E101", f"{shown} is a directory; every file of a manifest is named.", fix=fix, span=None)
    except OSError as problem:
        detail = f"{shown} cannot be read: {problem.strerror}."
        return error("E102", detail, fix="make the file readable.", span=None)


def _loaded(texts: Mapping[str, bytes], unread: Sequence[Diagnostic]) -> Loaded:
    diagnostics = list(unread)
    trees: list[Tree] = []
    for file, data in texts.items():
        match _tree(file, data):
            case Tree() as tree:
                diagnostics += tree.problems
                trees.append(tree)
            case problems:
                diagnostics += problems
    whole = [tree for tree in trees if tree.root]
    diagnostics += shape.check(whole)
    diagnostics += rules.check(whole, complete=len(whole) == len(texts) and not unread)
    wrong = any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    return Loaded(None if wrong else build.manifest(whole), in_reading_order(tuple(diagnostics)))


def _tree(file: str, data: bytes) -> Tree | tuple[Diagnostic, ...]:
    text = decoded(data, file)
    if isinstance(text, Diagnostic):
        return (text,)
    if problems := tuple(unreadable(text, file)):
        return problems
    tree = read(text, file)
    if tree.data is None and not tree.problems:
        detail = f"{visible(file)} says nothing; a pipeline that lost its files must not pass for an empty manifest."
        fix = f"restore the file, or write the account's buckets into it: acrsync export --out {visible(file)}"
        return (error("E103", detail, fix=fix, span=Span(file, 1, 1)),)
    return tree
