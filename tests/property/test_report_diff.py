"""Laws of field changes: they say neither too much nor too little."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from acrsync.model import JSON
from acrsync.report.diff import ABSENT, Path, field_changes

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
keys = st.text(max_size=3) | st.sampled_from(["__a", "a.b", "['x']", "1"])
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner), max_leaves=8)
mappings = st.recursive(scalars, lambda inner: st.dictionaries(keys, inner, max_size=4), max_leaves=8)


def at(value: JSON, path: Path) -> JSON:
    for step in path:
        value = value[step]
    return value


@given(values, values)
def test_changes_are_exactly_the_differences(before: JSON, after: JSON) -> None:
    assert bool(field_changes(before, after)) == (before != after)


@given(values, values)
def test_every_change_quotes_the_values(before: JSON, after: JSON) -> None:
    for change in field_changes(before, after):
        if change.before is not ABSENT:
            assert at(before, change.path) == change.before
        else:
            assert at(after, change.path) == change.after


@given(mappings, mappings)
def test_the_changes_turn_one_mapping_into_the_other(before: JSON, after: JSON) -> None:
    value = copy.deepcopy({"": before})  # one level around, so that the whole value is a place like any other
    for change in field_changes({"": before}, {"": after}):
        parent = at(value, change.path[:-1])
        if change.after is ABSENT:
            del parent[change.path[-1]]
        else:
            parent[change.path[-1]] = change.after
    assert value == {"": after}


@given(values, values)
def test_the_order_of_changes_is_the_same_each_time(before: JSON, after: JSON) -> None:
    assert field_changes(before, after) == field_changes(before, after)
