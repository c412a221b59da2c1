"""What an undo asks for, and what it leaves and tells, for every sort of change and every way it can end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from acrsync.diagnostics import Severity, UnknownOutcome
from acrsync.model import JSON, Approval, Attrs, Desired, Limit, Live, Manifest, Prune, Removed, Snapshot
from acrsync.plan.changes import Create, Marks, Replace, Update, action_of
from acrsync.plan.document import Plan
from acrsync.plan.file import load_plan
from acrsync.plan.matching import describe
from acrsync.plan.outcome import ExitCode, Run
from acrsync.plan.undo import Undone, undo
from acrsync.report import FORMATS
from doubles import MemoryAccount
from reconcile import plan_for, recorded
from report_plans import RUN

Lines = tuple[Mapping[str, JSON], ...]
PLACE: dict[str, JSON] = {"region": "eu-west-1", "type": "File"}
OURS: dict[str, JSON] = {"stack": "radio", "ownership": True}


def entry(name: str, *, bucket: int | None = None, **attrs: JSON) -> Desired:
    return Desired({"name": name, **PLACE, **attrs}, id=bucket)


def run(manifest: Manifest, account: MemoryAccount, directory: Path) -> Lines:
    """Apply a manifest with everything approved and return the record."""
    approvals = tuple(Approval(guard, number) for guard in ("replace", "takeover", "rename-like") for number in (1, 2))
    return recorded(
        plan_for(replace(manifest, approvals=approvals, deletes_limit=Limit(9)), account), account, directory
    )


def taken_back(lines: Lines, account: MemoryAccount, *approvals: Approval) -> tuple[Undone, Plan]:
    undone = undo(lines, account.observe(), approvals=approvals)
    return undone, plan_for(undone.manifest, account)


def left(undone: Undone) -> str:
    """Return the only thing that an undo leaves, in words."""
    (diagnostic,) = undone.hints
    assert (diagnostic.severity, diagnostic.code, diagnostic.summary) == (
        Severity.WARNING, "W221", "This is not undone"
    )  # fmt: skip
    return f"{diagnostic.detail} | {diagnostic.fix}".removesuffix(" | ")


def asks_for_nothing(undone: Undone, account: MemoryAccount) -> bool:
    plan = plan_for(undone.manifest, account)
    return plan.can_apply and plan.work == ()


# The manifest --------------------------------------------------------------------------------------------------------


def test_an_undo_keeps_stack_and_account_and_prunes_nothing(tmp_path: Path) -> None:
    account = MemoryAccount()
    manifest = Manifest((entry("one"),), **OURS, prune=Prune.STACK, deletes_limit=Limit(7))
    lines = run(manifest, account, tmp_path)
    approval = Approval("in-use", 5, "--allow")
    undone, _ = taken_back(lines, account, approval)
    assert undone.manifest == Manifest(
        removed=(Removed("one"),), approvals=(approval,), stack="radio", ownership=True, deletes_limit=Limit(9)
    )
    account.seed(id=1, name="two")
    lines = run(Manifest((entry("two", labels=["TV"]),)), account, tmp_path)
    assert taken_back(lines, account)[0].manifest.account_uid == 19


def test_a_run_without_a_write_leaves_nothing_to_undo(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one"})
    plan = plan_for(Manifest((entry("one", labels=["TV"]),)), account)
    account.rows[1]["labels"] = "TV"  # already as wanted: nothing is sent
    undone, _ = taken_back(recorded(plan, account, tmp_path), account)
    assert (undone.manifest.desired, undone.manifest.removed, undone.hints) == ((), (), ())


def test_the_plan_of_an_undo_can_be_saved_like_any_other(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "labels": ["acrsync:tv"]})
    lines = run(Manifest((entry("one", labels=["TV"]),), **OURS), account, tmp_path)
    _, plan = taken_back(lines, account)
    saved = load_plan(FORMATS["json"](plan, Run(RUN.timestamp, ExitCode.DONE))).plan
    assert saved == plan
    assert saved.manifest.desired[0].marks == ("acrsync:tv",)
    other = replace(plan.manifest, desired=(replace(plan.manifest.desired[0], marks=()),))
    assert replace(plan, manifest=other).digest != plan.digest


# Updates -------------------------------------------------------------------------------------------------------------


def test_only_the_fields_that_the_run_changed_get_their_old_values(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "labels": ["Music"]})
    lines = run(Manifest((entry("one", labels=["TV"], metadata_template=None),)), account, tmp_path)
    account.rows[1]["metadata_template"] = '{"somebody": {}}'
    undone, plan = taken_back(lines, account)
    assert undone.manifest.desired == (Desired({"name": "one", "labels": ["Music"]}, id=1, marks=()),)
    assert undone.hints == ()
    assert [(action_of(change), change.name) for change in plan.work] == [("update", "one")]


def test_a_field_that_changed_after_the_run_stays_and_the_others_are_reverted(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "labels": ["Music"], "metadata_template": '{"a":{}}'})
    lines = run(
        Manifest((Desired({**entry("new").attrs, "labels": ["TV"], "metadata_template": None}, id=1),)),
        account,
        tmp_path,
    )
    account.rows[1] |= {"labels": "Somebody", "metadata_template": '{"somebody":{}}'}
    undone, plan = taken_back(lines, account)
    assert (
        left(undone) == f"Bucket {describe(account.show(1))}: its labels and metadata_template changed after the run."
    )
    assert undone.manifest.desired == (Desired({"name": "one"}, id=1, marks=()),)
    assert [action_of(change) for change in plan.work] == ["rename"]


def test_a_field_with_its_old_value_is_skipped_silently(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "labels": ["Music"]})
    lines = run(Manifest((entry("one", labels=["TV"]),)), account, tmp_path)
    account.rows[1]["labels"] = "Music"
    undone, _ = taken_back(lines, account)
    assert undone.hints == ()
    assert asks_for_nothing(undone, account)


def test_a_missing_bucket_cannot_be_reverted(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "labels": ["Music"]})
    lines = run(Manifest((entry("one", labels=["TV"]),)), account, tmp_path)
    before = replace(account.show(1), attrs={**account.show(1).attrs, "labels": ["Music"]})
    del account.rows[1]
    undone, _ = taken_back(lines, account)
    assert left(undone) == f"Bucket {describe(before)}: it does not exist now."
    assert undone.manifest.desired == ()


@pytest.mark.parametrize("writes", [1, 2, 3])
def test_an_interrupted_swap_is_reverted_from_its_last_step(writes: int, tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "a"}, {"id": 2, "name": "b"})
    lines = run(Manifest((entry("b", bucket=1), entry("a", bucket=2))), account, tmp_path)
    steps = [line for line in lines if line["event"] in ("run", "intent", "outcome")][: 1 + 2 * writes]
    names = {1: {1: "a", 2: "b.acrsync-2"}, 2: {1: "b", 2: "b.acrsync-2"}, 3: {1: "b", 2: "a"}}[writes]
    for bucket_id, name in names.items():
        account.rows[bucket_id]["name"] = name
    for cut in (steps, steps[:-1]):  # also where the outcome of the last step is no longer on disk
        undone, plan = taken_back(tuple(cut), account)
        assert plan.can_apply
        ends = {change.live.id: change.name for change in plan.work if isinstance(change, Update)}
        assert {**names, **ends} == {1: "a", 2: "b"}
        assert undone.hints == ()


def test_an_old_name_that_is_now_taken_is_not_restored(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "labels": ["Music"]})
    lines = run(Manifest((entry("new", bucket=1, labels=["TV"]),)), account, tmp_path)
    account.seed(id=5, name="ONE")
    undone, plan = taken_back(lines, account)
    assert left(undone) == (
        f"Bucket {describe(account.show(1))}: its old name one belongs to {describe(account.show(5))} now."
    )
    assert plan.can_apply
    assert [(action_of(change), change.name) for change in plan.work] == [("update", "new")]


def test_a_name_that_another_rename_of_the_undo_frees_is_free(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "a"}, {"id": 2, "name": "b"})
    lines = run(Manifest((entry("b", bucket=1), entry("c", bucket=2))), account, tmp_path)
    undone, plan = taken_back(lines, account)
    assert undone.hints == ()
    assert [change.name for change in plan.work] == ["a", "b"]


# Creates -------------------------------------------------------------------------------------------------------------


def test_a_created_bucket_is_removed(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "other"})
    lines = run(Manifest((entry("one"),)), account, tmp_path)
    undone, plan = taken_back(lines, account)
    assert undone.manifest.removed == (Removed("one"),)
    assert undone.hints == ()
    assert plan.can_apply
    assert [(action_of(change), change.name) for change in plan.work] == [("delete", "one")]


def test_a_created_bucket_that_is_gone_is_skipped_silently(tmp_path: Path) -> None:
    account = MemoryAccount()
    lines = run(Manifest((entry("one"),)), account, tmp_path)
    account.rows.clear()
    undone, _ = taken_back(lines, account)
    assert (undone.manifest.removed, undone.hints) == ((), ())


@pytest.mark.parametrize(
    ("since", "why"),
    [
        ({"labels": "Somebody"}, "it has changed since the run"),
        ({"name": "by-somebody"}, "it has changed since the run"),
        ({"labels": "acrsync:tv"}, "it has changed since the run"),
        ({"num": 1}, "it may have content now"),
        ({"num": None}, "it may have content now"),
    ],
)
def test_a_created_bucket_that_is_in_use_stays(since: dict[str, object], why: str, tmp_path: Path) -> None:
    account = MemoryAccount()
    lines = run(Manifest((entry("one"),)), account, tmp_path)
    (bucket_id,) = account.rows
    account.rows[bucket_id] |= since
    undone, _ = taken_back(lines, account)
    assert left(undone) == f"Bucket {describe(account.show(bucket_id))}: {why}."
    assert asks_for_nothing(undone, account)


def test_a_created_bucket_that_is_protected_stays(tmp_path: Path) -> None:
    account = MemoryAccount()
    lines = run(Manifest((replace(entry("one"), protect=True),), **OURS), account, tmp_path)
    undone, _ = taken_back(lines, account)
    assert left(undone).endswith(": it has the mark acrsync:protected.")
    assert asks_for_nothing(undone, account)


def test_a_created_bucket_with_a_duplicate_name_stays(tmp_path: Path) -> None:
    account = MemoryAccount()
    lines = run(Manifest((entry("one"),)), account, tmp_path)
    account.seed(id=5, name="one")
    undone, _ = taken_back(lines, account)
    assert left(undone).endswith(": another bucket has the same name.")
    assert asks_for_nothing(undone, account)


UNANSWERED = "the run's create got no response, so someone else may have created this bucket"


@pytest.mark.parametrize("end", [{"status": "already"}, {"status": "adopted"}, {"status": "failed", "lost": "create"}])
def test_a_bucket_that_only_the_list_showed_is_left_with_a_message(end: dict[str, JSON], tmp_path: Path) -> None:
    account = MemoryAccount()
    lines = run(Manifest((entry("one"),)), account, tmp_path)
    lines = tuple({**line, **end} if line["event"] == "outcome" else line for line in lines)
    undone, _ = taken_back(lines, account)
    assert undone.manifest.removed == ()
    assert UNANSWERED in left(undone)


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_create_without_an_answer_is_left_with_a_message(lost: str, tmp_path: Path) -> None:
    account = MemoryAccount(lose=lambda _: lost)
    lines = run(Manifest((entry("one"),)), account, tmp_path)
    assert [line["status"] for line in lines if line["event"] == "outcome"][-1] == (
        "adopted" if lost == "after" else "unknown"
    )
    undone, _ = taken_back(lines, account)
    if lost == "before":  # and nothing came of it
        assert undone.hints == ()
        account.seed(id=5, name="one")
        undone, _ = taken_back(lines, account)
    (row,) = account.observe().rows
    assert left(undone) == (
        f"Bucket {describe(row)}: {UNANSWERED}. | to delete it, name it in `removed` of a manifest."
    )
    assert asks_for_nothing(undone, account)


def test_a_create_interrupted_by_a_crash_is_left_with_a_message(tmp_path: Path) -> None:
    account = MemoryAccount()
    lines = run(Manifest((entry("one"),)), account, tmp_path)
    cut = tuple(line for line in lines if line["event"] != "outcome")
    undone, _ = taken_back(cut, account)
    assert UNANSWERED in left(undone)


# Deletes -------------------------------------------------------------------------------------------------------------


def test_a_deleted_bucket_is_restored_completely_with_another_id(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets(
        {"id": 1, "name": "one", "labels": ["TV", "acrsync:radio"], "net_type": 2, "metadata_template": '{"a":{}}'}
    )
    gone = account.show(1)
    lines = run(Manifest(removed=(Removed("one"),), **OURS), account, tmp_path)
    undone, plan = taken_back(lines, account)
    assert undone.manifest.desired == (Desired(gone.attrs, marks=("acrsync:radio",)),)
    (change,) = plan.work
    assert change == Create(undone.manifest.desired[0], "not in the account", Marks(add=("acrsync:radio",)))
    (hint,) = undone.hints
    assert (hint.severity, hint.code, hint.summary) == (
        Severity.WARNING, "W222", "This bucket gets another id"
    )  # fmt: skip
    assert hint.detail == f"Bucket {describe(gone)} gets a new id, so references to 1 do not find it."
    assert hint.fix == "set the new id in the projects and containers that used it."


def test_a_delete_that_did_not_happen_is_skipped_silently(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one"})
    plan = plan_for(Manifest(removed=(Removed("one"),)), account)
    rows = dict(account.rows)
    lines = recorded(plan, account, tmp_path)
    account.rows = rows
    cut = tuple(line for line in lines if line["event"] != "outcome")
    undone, _ = taken_back(cut, account)
    assert (undone.manifest.desired, undone.hints) == ((), ())


@pytest.mark.parametrize("name", ["one", "One"])
def test_a_deleted_bucket_whose_name_is_taken_is_not_restored(name: str, tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one"})
    gone = account.show(1)
    lines = run(Manifest(removed=(Removed("one"),)), account, tmp_path)
    account.seed(id=5, name=name, uid=20)
    undone = undo(lines, account.observe())
    assert left(undone) == f"Bucket {describe(gone)}: its name belongs to {describe(account.show(5))} now."
    assert undone.manifest.desired == ()


def test_a_deleted_bucket_that_cannot_be_created_is_not_restored(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "region": "global"})
    gone = account.show(1)
    lines = run(Manifest(removed=(Removed("one"),)), account, tmp_path)
    undone, _ = taken_back(lines, account)
    assert left(undone) == (
        f"Bucket {describe(gone)}: it cannot be created again. Bucket one would be created with region global, which "
        "the API does not allow."
    )
    assert asks_for_nothing(undone, account)


# Replacements --------------------------------------------------------------------------------------------------------


def replaced(account: MemoryAccount, directory: Path) -> Lines:
    account.seed(id=1, name="one", labels=["Music", "acrsync:radio", "acrsync:tv"])
    return run(Manifest((entry("new", bucket=1, net_type=2, labels=["TV"]),), **OURS), account, directory)


def test_a_replacement_is_undone_by_an_approved_replacement(tmp_path: Path) -> None:
    account = MemoryAccount()
    lines = replaced(account, tmp_path)
    (row,) = account.observe().rows
    undone, _ = taken_back(lines, account)
    assert left(undone) == (
        f"Bucket {describe(row)}: it replaced 1, and the undo is another replacement, with another new id. | to "
        f"replace it again, add `--allow replace:{row.id}`."
    )
    assert asks_for_nothing(undone, account)

    undone, plan = taken_back(lines, account, Approval("replace", row.id, "--allow"))
    assert undone.hints == ()
    (change,) = plan.work
    assert isinstance(change, Replace)
    assert plan.can_apply
    assert change.desired.attrs == {**row.attrs, "name": "one", "net_type": 1, "labels": ["Music"]}
    assert change.marks == Marks(add=("acrsync:tv",))


@pytest.mark.parametrize("since", [{"labels": "Somebody"}, {"labels": "TV,acrsync:radio,acrsync:x"}])
def test_a_replacement_that_changed_after_the_run_stays(since: dict[str, object], tmp_path: Path) -> None:
    account = MemoryAccount()
    lines = replaced(account, tmp_path)
    (bucket_id,) = account.rows
    account.rows[bucket_id] |= since
    undone, _ = taken_back(lines, account, Approval("replace", bucket_id))
    assert left(undone) == f"Bucket {describe(account.show(bucket_id))}: it has changed since the run."


def test_a_replacement_of_a_bucket_that_cannot_be_created_stays(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "region": "global"})
    lines = run(Manifest((entry("one"),)), account, tmp_path)
    (row,) = account.observe().rows
    undone, _ = taken_back(lines, account, Approval("replace", row.id))
    assert left(undone) == (
        f"Bucket {describe(row)}: the old bucket cannot be created again. Bucket one would be created with "
        "region global, which the API does not allow."
    )
    assert asks_for_nothing(undone, account)


def test_a_replacement_that_did_not_begin_is_skipped_silently(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one"})
    rows = dict(account.rows)
    lines = run(Manifest((entry("one", net_type=2),)), account, tmp_path)
    account.rows = rows
    cut = tuple(line for line in lines if line["event"] != "outcome")
    undone, _ = taken_back(cut, account)
    assert (undone.manifest.desired, undone.hints) == ((), ())


class NoCreates(MemoryAccount):
    """Deletes and then loses every create."""

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        raise UnknownOutcome("E406", "reset")


def test_a_half_done_replacement_restores_the_old_bucket(tmp_path: Path) -> None:
    account = NoCreates.with_buckets({"id": 1, "name": "one", "labels": ["Music"]})
    gone = account.show(1)
    lines = run(Manifest((entry("one", net_type=2, labels=["TV"]),)), account, tmp_path)
    assert account.rows == {}
    for cut in (lines, tuple(line for line in lines if line["event"] != "outcome")):
        undone, plan = taken_back(cut, account)
        assert undone.manifest.desired == (Desired(gone.attrs, marks=()),)
        assert [diagnostic.code for diagnostic in undone.hints] == ["W222"]
        assert [action_of(change) for change in plan.work] == ["create"]


def test_a_replacement_with_an_unanswered_create_is_left_with_a_message(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one"})
    gone = account.show(1)
    lines = run(Manifest((entry("one", net_type=2),)), account, tmp_path)
    (row,) = account.observe().rows
    cut = tuple(line for line in lines if line["event"] != "outcome")
    undone, _ = taken_back(cut, account)
    assert left(undone) == f"Bucket {describe(gone)}: its name belongs to {describe(row)} now."


# Marks ---------------------------------------------------------------------------------------------------------------

MARKS = [
    pytest.param(Manifest((entry("one"),), **OURS), [], id="adopted"),
    pytest.param(Manifest((entry("one"),), **OURS), ["acrsync:tv", "TV"], id="taken over"),
    pytest.param(Manifest((replace(entry("one"), protect=True),), **OURS), ["acrsync:radio"], id="protected"),
    pytest.param(
        Manifest((replace(entry("one"), protect=False),), **OURS), ["acrsync:radio", "acrsync:protected"], id="unlocked"
    ),
    pytest.param(Manifest(removed=(Removed("one", forget=True),), **OURS), ["acrsync:radio"], id="forgotten"),
    pytest.param(Manifest((entry("new", bucket=1, labels=[]),), **OURS), ["acrsync:tv", "TV"], id="both"),
]


@pytest.mark.parametrize(("manifest", "labels"), MARKS)
def test_added_marks_are_removed_and_removed_marks_are_restored(
    manifest: Manifest, labels: list[str], tmp_path: Path
) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "labels": labels})
    before = account.show(1)
    lines = run(manifest, account, tmp_path)
    assert account.show(1).marks != before.marks
    undone, plan = taken_back(lines, account)
    assert undone.hints == ()
    assert plan.can_apply, plan.objections
    recorded(plan, account, tmp_path)
    assert account.show(1) == before


def test_a_mark_that_another_stack_set_after_the_run_stays(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one"})
    lines = run(Manifest((entry("one"),), **OURS), account, tmp_path)
    account.rows[1]["labels"] = "acrsync:radio,acrsync:tv"
    undone, plan = taken_back(lines, account)
    assert undone.manifest.desired[0].marks == ("acrsync:tv",)
    assert [objection.guard for objection in plan.objections] == ["takeover"]  # asked like every other plan


def test_buckets_of_other_accounts_are_not_part_of_an_undo(tmp_path: Path) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one"})
    lines = run(Manifest((entry("one", labels=["TV"]),)), account, tmp_path)
    row = account.show(1)
    undone = undo(lines, Snapshot((replace(row, facts={**row.facts, "uid": 20}),)))
    assert left(undone).endswith(": it does not exist now.")


# What the server did by itself ----------------------------------------------------------------------------------------


class Surprising(MemoryAccount):
    """Answers a create with a bucket that is there, and changes with an update what was not sent."""

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        self.writes.append(f"POST {attrs['name']}")
        return self.show(1)

    def update(self, bucket_id: int, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        super().update(bucket_id, attrs, marks=marks)
        self.rows[bucket_id]["metadata_template"] = None
        return self.show(bucket_id)


def test_a_bucket_listed_before_the_run_is_never_deleted_by_an_undo(tmp_path: Path) -> None:
    account = Surprising.with_buckets({"id": 1, "name": "one"})
    lines = run(Manifest((entry("two"),)), account, tmp_path)
    assert lines[-2]["status"] in ("failed", "unknown"), "an answer that shows another bucket proves no create"
    _, plan = taken_back(lines, account)
    assert plan.work == ()


def test_values_that_the_server_changed_on_its_own_are_restored(tmp_path: Path) -> None:
    account = Surprising.with_buckets({"id": 1, "name": "one", "metadata_template": '{"a": {"default": "b"}}'})
    lines = run(Manifest((entry("one", labels=["TV"]),)), account, tmp_path)
    undone, _ = taken_back(lines, account)
    (asked,) = undone.manifest.desired
    assert asked.attrs == {"name": "one", "labels": [], "metadata_template": {"a": {"default": "b"}}}
    assert undone.hints == ()


def test_values_that_someone_changed_after_the_server_did_stay(tmp_path: Path) -> None:
    account = Surprising.with_buckets({"id": 1, "name": "one", "metadata_template": '{"a": {"default": "b"}}'})
    lines = run(Manifest((entry("one", labels=["TV"]),)), account, tmp_path)
    account.rows[1]["metadata_template"] = '{"c": {"default": "d"}}'
    (asked,) = taken_back(lines, account)[0].manifest.desired
    assert asked.attrs == {"name": "one", "labels": []}
