"""A plan as data: its order, its counts, and the only place that decides whether it may be applied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acrsync.diagnostics import Diagnostic, Severity
from acrsync.model import Desired
from acrsync.plan.changes import Action, Keep, Kept, Marks, Objection, Update, action_of
from acrsync.plan.document import Plan
from report_plans import CREATE, DELETE, EVERYTHING, IN_SYNC, RENAME, REPLACE, UPDATE, live, plan_of


@pytest.mark.parametrize(
    ("change", "action"),
    [(CREATE, "create"), (UPDATE, "update"), (RENAME, "rename"), (REPLACE, "replace"), (DELETE, "delete")],
)
def test_each_change_has_one_word(change, action: str) -> None:
    assert action_of(change) == action
    assert action_of(IN_SYNC) == "keep"


def test_a_change_has_the_new_name_of_the_bucket() -> None:
    names = [change.name for change in (CREATE, RENAME, UPDATE, REPLACE, DELETE, IN_SYNC)]
    assert names == ["radio-live", "archive", "music", "us-bucket", "ads-2019", "test"]


@pytest.mark.parametrize(
    ("marks", "there", "after"),
    [
        (Marks(), ("b", "a"), ("a", "b")),
        (Marks(add=("c",)), ("a",), ("a", "c")),
        (Marks(remove=("a",)), ("a", "b"), ("b",)),
        (Marks(add=("a",), remove=("b",)), ("b",), ("a",)),
        (Marks(add=("a",), remove=("x",)), ("a",), ("a",)),
    ],
)
def test_marks_that_a_change_does_not_mention_stay(
    marks: Marks, there: tuple[str, ...], after: tuple[str, ...]
) -> None:
    assert marks.applied_to(there) == after


def test_changes_are_in_wave_order_before_kept_buckets() -> None:
    plan = plan_of((RENAME, CREATE), (DELETE,), kept=(IN_SYNC,))
    assert plan.work == (RENAME, CREATE, DELETE)
    assert tuple(plan.changes) == (RENAME, CREATE, DELETE, IN_SYNC)
    assert Plan().work == ()


def test_counts_name_every_action() -> None:
    other = replace(CREATE, desired=Desired({"name": "b"}))
    counts = plan_of((RENAME, CREATE), (other,), kept=(Keep(live(1, "a"), Kept.FOREIGN),)).counts()
    assert counts == {
        Action.RENAME: 1, Action.CREATE: 2, Action.UPDATE: 0, Action.REPLACE: 0, Action.DELETE: 0, Action.KEEP: 1
    }  # fmt: skip


@pytest.mark.parametrize("severity", list(Severity))
def test_only_errors_and_objections_refuse_a_plan(severity: Severity) -> None:
    said = Diagnostic(severity, "X1", "", "")
    assert replace(plan_of((CREATE,)), diagnostics=(said,)).can_apply is (severity is not Severity.ERROR)
    assert not replace(plan_of((CREATE,)), objections=(Objection("content", said),)).can_apply
    assert EVERYTHING.can_apply is False


def test_marks_alone_make_an_update_not_a_rename() -> None:
    assert action_of(Update(Desired({"name": "b"}), live(1, "b"), (), "ownership")) is Action.UPDATE
