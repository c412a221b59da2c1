"""What the nouns say of themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acrsync.model import Approval, Limit, Live, Manifest, Reference


@pytest.mark.parametrize(
    ("limit", "ours", "allowed"),
    [
        (Limit(3), 100, 3),
        (Limit(0), 100, 0),
        (Limit(30, percent=True), 0, 1),
        (Limit(30, percent=True), 3, 1),
        (Limit(30, percent=True), 6, 1),
        (Limit(30, percent=True), 7, 2),
        (Limit(30, percent=True), 10, 3),
        (Limit(29, percent=True), 10, 2),
        (Limit(100, percent=True), 10, 10),
        (Limit(0, percent=True), 10, 0),
    ],
)
def test_a_percentage_is_rounded_down_and_at_least_one(limit: Limit, ours: int, allowed: int) -> None:
    assert limit.of(ours) == allowed


@pytest.mark.parametrize(
    ("stack", "ownership", "mark"),
    [("radio", True, "acrsync:radio"), ("radio", False, None), (None, True, None), (None, False, None)],
)
def test_a_mark_is_written_only_with_a_stack_and_ownership(
    stack: str | None, ownership: bool, mark: str | None
) -> None:
    assert Manifest(stack=stack, ownership=ownership).mark == mark


def test_by_default_nothing_is_pruned_and_thirty_percent_can_be_deleted() -> None:
    assert Manifest().prune == "never"
    assert Manifest().deletes_limit == Limit(30, percent=True)


@pytest.mark.parametrize(("shown", "uid"), [(19, 19), ("19", None), (None, None)])
def test_a_uid_is_a_number_or_unknown(shown: object, uid: int | None) -> None:
    live = Live(1, {"name": "a"}, facts={"uid": shown})
    assert live.uid == uid
    assert replace(live, facts={}).uid is None


def test_approvals_and_references_are_shown_as_they_are_written() -> None:
    assert str(Approval("replace", 8881, "OPS-311")) == "replace:8881"
    assert str(Reference("base-project", 7, "radio")) == "base-project radio (id 7)"
