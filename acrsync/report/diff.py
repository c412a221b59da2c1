"""What changed inside one value: the one door for deepdiff.

Why deepdiff is asked only about pairs that differ, and imported only then: it takes some 200 µs a pair and some
150 ms to import, and in most plans no template differs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from acrsync.model import JSON

Path = tuple[str | int, ...]


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT  # there is no such key, which is not the same as null


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One place at which two values differ."""

    path: Path  # keys and list positions from the outside in; empty where the whole values differ
    before: JSON  # ABSENT where it is added
    after: JSON  # ABSENT where it is removed


def field_changes(before: JSON, after: JSON) -> tuple[FieldChange, ...]:
    """Return the innermost places at which two values differ, by path; none exactly where they compare equal.

    A position in a list is the one before the change, but for what is added. Compares as Python does, so that it
    agrees with the caller, for which the values differ: `1` and `True` are equal, and canonical forms tell them apart.
    """
    if before == after:
        return ()
    from deepdiff import DeepDiff

    # The threshold: two mostly different mappings would otherwise come back as one change of the whole.
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
    """Return what is added and what is removed, each sorted; the order on either side plays no part."""
    old, new = set(before), set(after)
    return tuple(sorted(new - old)), tuple(sorted(old - new))


def _place(change: FieldChange) -> tuple[tuple[tuple[bool, int, str], ...], bool]:
    """Return a key that sorts by path, list positions as numbers, what is removed before what is added."""
    steps = ((isinstance(step, str), 0 if isinstance(step, str) else step, str(step)) for step in change.path)
    return tuple(steps), change.before is ABSENT
