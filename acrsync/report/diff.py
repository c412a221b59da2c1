"""Finds the changes inside one value. Only this module uses deepdiff.

Why deepdiff only compares values that differ, and is only imported then: it takes about 200 µs for each pair and 150 ms
to import, and in most plans no template differs.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from acrsync.frozen import frozen
from acrsync.model import JSON

Path = tuple[str | int, ...]


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT  # the key does not exist, which is not the same as null


@frozen
class FieldChange:
    """One difference between two values."""

    path: Path  # keys and list positions, the outermost first; empty if the whole values differ
    before: JSON  # ABSENT if it is added
    after: JSON  # ABSENT if it is removed


def field_changes(before: JSON, after: JSON) -> tuple[FieldChange, ...]:
    """Return the innermost differences between two values, by path; none only if they are equal.

    List positions are those before the change, except for added items. Compares as Python does, as the caller: `1` and
    `True` are equal, and canonical forms distinguish them.
    """
    if before == after:
        return ()
    from deepdiff import DeepDiff

    # Without the threshold, two mappings that are mostly different become one change of the whole.
    tree = DeepDiff(before, after, view="tree", threshold_to_diff_deeper=0, ignore_private_variables=False)
    changes = []
    for kind, nodes in tree.items():
        for node in nodes:
            path = tuple(node.path(output_format="list"))
            old = ABSENT if kind.endswith("_added") else node.t1
            new = ABSENT if kind.endswith("_removed") else node.t2
            if old != new:
                changes.append(FieldChange(path, old, new))
    return tuple(sorted(changes, key=_place))


def set_changes(before: Iterable[str], after: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the added and the removed texts, each sorted. The order of the arguments does not matter."""
    old, new = set(before), set(after)
    return tuple(sorted(new - old)), tuple(sorted(old - new))


def _place(change: FieldChange) -> tuple[tuple[tuple[bool, int, str], ...], bool]:
    """Return a sort key: by path, list positions as numbers, removed before added."""
    steps = ((isinstance(step, str), 0 if isinstance(step, str) else step, str(step)) for step in change.path)
    return tuple(steps), change.before is ABSENT
