"""The outline of a manifest: most are plain, and then acrsync does not load what expands them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from acrsync.diagnostics import Diagnostic
from acrsync.frozen import frozen
from acrsync.manifest.rules import entries
from acrsync.manifest.tree import PlacedMapping, Tree
from acrsync.model import JSON, Manifest

OWN_KEYS = ("environments", "variables")  # keys that a plain manifest does not have
ENTRY_KEYS = ("matrix", "environments")
# A text without these has no `${`, not even with escapes.
_DOLLAR = re.compile(r"\$|\\(?:x|u00|U000000)24")


@frozen
class Plain:
    """The plain manifest of one environment."""

    trees: Sequence[Tree]
    diagnostics: Sequence[Diagnostic]  # their positions name the bucket
    manifest: Manifest | None  # None if there is an error


def is_plain(trees: Iterable[Tree], texts: Iterable[str]) -> bool:
    """Return whether there is nothing to expand, as in most files: then they are the plain manifest."""
    if any(map(_DOLLAR.search, texts)) or any(tree.top.keys() & OWN_KEYS for tree in trees):
        return False
    return not any(entry.data.keys() & ENTRY_KEYS for entry in entries(trees, "buckets"))


def environments(trees: Iterable[Tree]) -> Mapping[str, tuple[Tree, JSON]]:
    """Return the settings of each environment, and their file, in the order of the file."""
    for tree in trees:
        found = tree.top.get("environments")
        if isinstance(found, PlacedMapping):
            return {name: (tree, value) for name, value in found.items()}
    return {}
