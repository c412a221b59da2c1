"""A value that passed is not validated again; this must never let a mistake through, nor tell it only once."""

from __future__ import annotations

import pytest

from acrsync.manifest import load_texts
from acrsync.manifest.shape import LONG, REMEMBERED


def problems_of(*entries: str) -> list[tuple[str, int]]:
    text = "version: 1\ndefaults: {region: eu-west-1, type: File}\nbuckets:\n" + "".join(f"  - {e}\n" for e in entries)
    diagnostics = load_texts({"f": text.encode()}).diagnostics
    return [(d.code, d.span.line) for d in diagnostics if d.span]


@pytest.mark.parametrize(
    ("values", "expected", "reason"),
    [
        (["labels: [a]", "labels: [a]"], [], "the same right value"),
        (["labels: ['']", "labels: ['']"], [4, 5], "the same mistake is reported at each position"),
        (["net_type: 1", "net_type: true"], [5], "true is not 1"),
        (["net_type: 1", "net_type: '1'"], [5], "a text is not a number"),
        (["labels: [a]", "labels: a"], [5], "a text is not a list"),
        (["labels: ['a', 'b']", "labels: [\"a', 'b\"]"], [5], "a text that looks like the list, with its comma"),
        (["metadata_template: {a: {}}", "metadata_template: {a: []}"], [5], "an empty list is not a descriptor"),
        (["metadata_template: {a: {default: b}}", "metadata_template: {a: {default: 1}}"], [5], "deep inside"),
        (["was: File", "type: File", "was: eu-west-1", "region: File"], [7], "right under one key only"),
        (["metadata_template: {type: {}}", "type: {}"], [5], "right under a template's key only"),
    ],
)
def test_only_wrong_values_are_reported_each_at_its_position(
    values: list[str], expected: list[int], reason: str
) -> None:
    entries = [f"{{name: b{number}, {value}}}" for number, value in enumerate(values)]
    assert [line for _, line in problems_of(*entries)] == expected, reason


def test_more_values_than_the_cache_holds_are_all_validated() -> None:
    right = [f"{{name: b{number}, labels: [l{number}]}}" for number in range(REMEMBERED + 5)]
    assert problems_of(*right, "{name: last, labels: ['']}") == [("E134", len(right) + 4)]


def test_a_list_too_long_for_the_cache_is_validated_each_time() -> None:
    labels = ", ".join(f"l{number}" for number in range(LONG))
    wrong = f"labels: [{labels}, '']"
    assert [line for _, line in problems_of(f"{{name: a, {wrong}}}", f"{{name: b, {wrong}}}")] == [4, 5]
