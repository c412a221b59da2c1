"""Changes inside one value."""

import subprocess
import sys

import pytest

from acrsync.model import JSON
from acrsync.report.diff import ABSENT, FieldChange, Path, field_changes, set_changes

CASES = [
    ("equal", {"a": 1}, {"a": 1}, ()),
    ("key order is not a difference", {"a": 1, "b": 2}, {"b": 2, "a": 1}, ()),
    ("innermost place", {"a": {"default": "x"}}, {"a": {"default": "y"}}, ((("a", "default"), "x", "y"),)),
    ("added", {}, {"a": None}, ((("a",), ABSENT, None),)),
    ("null is not absent", {"a": None}, {}, ((("a",), None, ABSENT),)),
    (
        "mostly different mappings are still shown key by key",
        {"a": 1, "b": 2, "c": 3},
        {"a": 9, "d": 4, "e": 5},
        ((("a",), 1, 9), (("b",), 2, ABSENT), (("c",), 3, ABSENT), (("d",), ABSENT, 4), (("e",), ABSENT, 5)),
    ),
    ("private-looking keys count", {"__a": 1}, {"__a": 2}, ((("__a",), 1, 2),)),
    ("keys with quotes and brackets", {"a'b\"]": 1}, {"a'b\"]": 2}, ((("a'b\"]",), 1, 2),)),
    ("positions sort as numbers", list(range(12)), [*range(2), 0, *range(3, 11), 0], (((2,), 2, 0), ((11,), 11, 0))),
    ("an item put in", {"o": ["1", "3"]}, {"o": ["1", "2", "3"]}, ((("o", 1), ABSENT, "2"),)),
    ("another type is one change of the whole", None, {"a": 1}, (((), None, {"a": 1}),)),
    ("equal numbers beside a difference are not shown", {"a": 1, "b": 1}, {"a": 1.0, "b": 2}, ((("b",), 1, 2),)),
]


@pytest.mark.parametrize(("reason", "before", "after", "expected"), CASES, ids=[case[0] for case in CASES])
def test_each_difference_is_reported_once(
    reason: str, before: JSON, after: JSON, expected: tuple[tuple[Path, JSON, JSON], ...]
) -> None:
    assert field_changes(before, after) == tuple(FieldChange(*change) for change in expected), reason


def test_labels_are_compared_as_sets() -> None:
    assert set_changes(["b", "a"], ["c", "a", "d"]) == (("c", "d"), ("b",))


def test_deepdiff_is_not_imported_for_values_that_are_equal() -> None:
    code = (
        "import sys, acrsync.report.diff as d; d.field_changes({'a': 1}, {'a': 1}); sys.exit('deepdiff' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
