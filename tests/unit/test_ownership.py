"""Whose bucket it is: uid, marks, and what prune may take."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from acrsync.model import JSON, Approval, Attrs, Desired, Limit, Live, Manifest, Prune, Removed, Snapshot
from acrsync.plan.changes import Create, Kept, Marks, Replace, Update
from acrsync.plan.outcome import Status
from acrsync.plan.ownership import account_uid, is_explained, prunable, wanted_marks
from acrsync.plan.planner import make_plan
from doubles import MemoryAccount
from reconcile import plan_for, reconcile
from report_plans import desired, live

OURS = Manifest(stack="radio", ownership=True)
PLAIN = Manifest()
PLACE: dict[str, JSON] = {"region": "eu-west-1", "type": "File"}


def entry(name: str, *, protect: bool | None = None, **attrs: JSON) -> Desired:
    return replace(desired(name, **{**PLACE, **attrs}), protect=protect)


# Marks ---------------------------------------------------------------------------------------------------------------

MARKS = [
    # manifest, protect, marks on the bucket (None: it does not exist), added, removed, reason
    (PLAIN, None, (), (), (), "marks are written only with `ownership: label`"),
    (PLAIN, True, ("acrsync:tv",), (), (), "and left alone without"),
    (PLAIN, False, ("acrsync:protected",), (), (), "protection too"),
    (Manifest(stack="radio"), None, (), (), (), "a stack alone writes none"),
    (OURS, None, None, ("radio",), (), "a new bucket is marked"),
    (OURS, True, None, ("protected", "radio"), (), "and protected"),
    (OURS, None, (), ("radio",), (), "an adopted bucket is marked"),
    (OURS, None, ("radio",), (), (), "what is there is not written again"),
    (OURS, True, ("radio",), ("protected",), (), "protection is added"),
    (OURS, True, ("protected", "radio"), (), (), "and then is there"),
    (OURS, None, ("protected", "radio"), (), (), "protection outlives an entry that does not speak of it"),
    (OURS, False, ("protected", "radio"), (), ("protected",), "`protect: false` takes it away"),
    (OURS, False, ("radio",), (), (), "and is nothing where there is none"),
    (OURS, None, ("tv",), ("radio",), ("tv",), "taken over, a bucket has one stack"),
    (OURS, False, ("protected", "tv", "x"), ("radio",), ("protected", "tv", "x"), "all at once"),
]


@pytest.mark.parametrize(
    ("marks", "removed", "explained"),
    [((), (), False), (("radio",), (), False), (("tv",), (), True), ((), ("x",), True), (("radio",), ("x",), True)],
)
def test_a_bucket_without_an_entry_is_explained_by_removed_or_by_the_mark_of_another_stack(
    marks: tuple[str, ...], removed: tuple[str, ...], explained: bool
) -> None:
    manifest = replace(OURS, removed=tuple(map(Removed, removed)))
    own = tuple(f"acrsync:{mark}" for mark in marks)
    assert is_explained(live(1, "x", marks=own), manifest) is explained


@pytest.mark.parametrize(("manifest", "protect", "there", "add", "remove", "reason"), MARKS)
def test_marks_are_added_if_missing_and_removed_if_present(
    manifest: Manifest,
    protect: bool | None,
    there: tuple[str, ...] | None,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    reason: str,
) -> None:
    def marks(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name if name.startswith("acrsync:") else f"acrsync:{name}" for name in names)

    row = None if there is None else live(1, "one", marks=marks(there))
    wanted = wanted_marks(manifest, entry("one", protect=protect), row)
    assert wanted == Marks(marks(add), marks(remove)), reason


def after(manifest: Manifest, account: MemoryAccount) -> dict[str, tuple[list[str], tuple[str, ...]]]:
    """Reconcile and return labels and marks by name."""
    done = reconcile(manifest, account)
    assert done.verified, done.outcomes
    return {row.name: (row.attrs["labels"], row.marks) for row in account.observe().rows}


def test_if_labels_are_not_managed_marks_are_added_to_the_live_labels() -> None:
    account = MemoryAccount.with_buckets({"name": "one", "labels": ["TV", "Music"]})
    assert after(replace(OURS, desired=(entry("one"),)), account) == {"one": (["Music", "TV"], ("acrsync:radio",))}


def test_marks_are_not_part_of_managed_labels() -> None:
    account = MemoryAccount.with_buckets({"name": "one", "labels": ["TV", "acrsync:radio"]})
    manifest = replace(OURS, desired=(entry("one", labels=["TV"]),))
    assert plan_for(manifest, account).work == ()
    assert after(replace(OURS, desired=(entry("one", labels=[]),)), account) == {"one": ([], ("acrsync:radio",))}


def test_a_manifest_without_ownership_keeps_the_marks_it_finds() -> None:
    account = MemoryAccount.with_buckets({"name": "one", "labels": ["acrsync:protected"]})
    assert after(Manifest((entry("one", labels=["TV"]),)), account) == {"one": (["TV"], ("acrsync:protected",))}


def test_a_new_bucket_is_marked_from_the_start() -> None:
    account = MemoryAccount()
    assert after(replace(OURS, desired=(entry("one", protect=True),)), account) == {
        "one": ([], ("acrsync:protected", "acrsync:radio"))
    }
    assert account.writes == ["POST one"]


def test_a_replacement_keeps_the_marks_and_shows_only_what_changes() -> None:
    row = live(1, "one", marks=("acrsync:radio",))
    manifest = replace(OURS, desired=(entry("one", net_type=2),))
    (change,) = make_plan(manifest, Snapshot((row,))).work
    assert isinstance(change, Replace)
    assert change.marks == Marks()
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "labels": ["acrsync:radio", "TV"]})
    approved = replace(manifest, approvals=(Approval("replace", 1),))
    assert after(approved, account) == {"one": (["TV"], ("acrsync:radio",))}


def test_a_replacement_that_takes_over_leaves_the_other_mark_behind() -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "labels": ["acrsync:tv", "TV"]})
    approvals = (Approval("replace", 1), Approval("takeover", 1))
    manifest = replace(OURS, desired=(entry("one", net_type=2),), approvals=approvals)
    assert after(manifest, account) == {"one": (["TV"], ("acrsync:radio",))}


def test_forget_leaves_labels_and_protection() -> None:
    account = MemoryAccount.with_buckets({"name": "one", "labels": ["TV", "acrsync:radio", "acrsync:protected"]})
    manifest = replace(OURS, removed=(Removed("one", forget=True),))
    assert after(manifest, account) == {"one": (["TV"], ("acrsync:protected",))}
    assert plan_for(replace(manifest, prune=Prune.ACCOUNT), account).work == ()


# Whose account it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "listed", "uid"),
    [
        (None, (), None),
        (None, (19, 19), 19),
        (None, (19, 20), None),
        (None, (19, None), 19),
        (None, (None,), None),
        (20, (19,), 20),
        (20, (), 20),
    ],
)
def test_our_uid_is_the_one_that_is_set_or_the_only_one_listed(
    said: int | None, listed: tuple[int | None, ...], uid: int | None
) -> None:
    rows = tuple(replace(live(number, "one"), facts={"uid": shown}) for number, shown in enumerate(listed))
    assert account_uid(Manifest(account_uid=said), Snapshot(rows)) == uid


MUSIC = replace(live(23, "ACRCloud Music"), facts={"uid": 1, "access_permission": "public"})


@pytest.mark.parametrize(
    ("rows", "uid"),
    [((MUSIC,), None), ((MUSIC, live(1, "mine")), 19), ((MUSIC, live(1, "mine"), live(2, "one", uid=20)), None)],
)
def test_a_bucket_that_others_share_does_not_tell_whose_account_it_is(rows: tuple[Live, ...], uid: int | None) -> None:
    assert account_uid(Manifest(), Snapshot(rows)) == uid


def test_an_account_that_lists_only_shared_buckets_counts_as_empty() -> None:
    manifest = Manifest(tuple(entry(name) for name in ("c", "b", "a")), account_uid=19)
    plan = make_plan(manifest, Snapshot((MUSIC,)))
    assert [[change.name for change in wave] for wave in plan.waves] == [["a"], ["b", "c"]]
    assert [(keep.kept, keep.name) for keep in plan.kept] == [(Kept.FOREIGN, "ACRCloud Music")]
    account = WrongAccount()
    account.seed(id=23, name="ACRCloud Music", uid=1, access_permission="public")
    done = reconcile(manifest, account, parallelism=8, stop=threading.Event())
    assert account.writes == ["POST a"]
    assert [outcome.status for outcome in done.outcomes] == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]


def test_a_foreign_row_is_shown_and_never_matched() -> None:
    rows = (live(1, "mine"), live(23, "shared", uid=1, labels=["Old"]))
    manifest = Manifest((entry("mine"),), account_uid=19, prune=Prune.ACCOUNT, removed=(Removed("shared"),))
    plan = make_plan(manifest, Snapshot(rows))
    assert plan.work == ()
    assert [(keep.kept, keep.name) for keep in plan.kept] == [(Kept.FOREIGN, "shared"), (Kept.IN_SYNC, "mine")]


def test_a_row_that_shows_no_uid_is_ours_beside_rows_that_do() -> None:
    rows = (live(1, "mine"), replace(live(2, "silent"), facts={}))
    plan = make_plan(Manifest((entry("silent"),), account_uid=19), Snapshot(rows))
    assert [(keep.kept, keep.name) for keep in plan.kept] == [("in sync", "silent"), ("unmanaged", "mine")]


class WrongAccount(MemoryAccount):
    """Lists nothing and creates in the account of another token."""

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        created = super().create(attrs, marks=marks)
        return replace(created, facts={**created.facts, "uid": 20})


def test_in_an_empty_account_changes_stop_if_the_first_create_lands_in_another_account() -> None:
    account = WrongAccount()
    entries = tuple(entry(name) for name in ("c", "b", "a"))
    done = reconcile(Manifest(entries, account_uid=19), account, parallelism=8, stop=threading.Event())
    assert account.writes == ["POST a"]
    assert [outcome.status for outcome in done.outcomes] == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]


# Prune ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prune", "row", "taken", "reason"),
    [
        (Prune.NEVER, live(1, "one", marks=("acrsync:radio",)), False, "never is never"),
        (Prune.STACK, live(1, "one", marks=("acrsync:radio",)), True, "our mark"),
        (Prune.STACK, live(1, "one", marks=("acrsync:protected",)), False, "protected is not a stack"),
        (Prune.STACK, live(1, "one", marks=("acrsync:radio-2",)), False, "another stack"),
        (Prune.STACK, live(1, "one"), False, "no mark"),
        (
            Prune.STACK,
            live(1, "one", marks=("acrsync:radio",), type="Newer"),
            False,
            "our mark, and a type that no manifest can name",
        ),
        (Prune.ACCOUNT, live(1, "one"), True, "not named"),
        (Prune.ACCOUNT, live(1, "one", region="global"), True, "old, but known"),
        (Prune.ACCOUNT, live(1, "one", type="DedupFile"), True, "old, but known"),
        (Prune.ACCOUNT, live(1, "one", region="cn-north-1"), True, "known"),
        (Prune.ACCOUNT, live(1, "one", region="mars-1"), False, "a region that the schema does not know"),
        (Prune.ACCOUNT, live(1, "one", type="Newer"), False, "a type that the schema does not know"),
        (Prune.ACCOUNT, Live(1, {"name": "one"}), False, "neither region nor type is shown"),
    ],
)
def test_prune_deletes_only_allowed_buckets(prune: Prune, row: Live, taken: bool, reason: str) -> None:
    assert prunable(replace(OURS, prune=prune), row) is taken, reason


@pytest.mark.parametrize("permission", ["public", "shared", "", None])
@pytest.mark.parametrize("prune", list(Prune))
def test_prune_never_deletes_a_shared_bucket(permission: str | None, prune: Prune) -> None:
    row = live(1, "one", marks=("acrsync:radio",))
    shared = replace(row, facts={**row.facts, "access_permission": permission})
    assert not prunable(replace(OURS, prune=prune), shared)
    private = replace(row, facts={**row.facts, "access_permission": "private"})
    assert prunable(replace(OURS, prune=prune), private) is (prune is not Prune.NEVER)


def test_a_shared_bucket_is_managed_when_it_is_named() -> None:
    row = live(1, "one")
    shared = replace(row, facts={**row.facts, "access_permission": "public"})
    (change,) = make_plan(Manifest((entry("one", labels=["TV"]),)), Snapshot((shared,))).work
    assert isinstance(change, Update)


def test_without_a_mark_prune_by_stack_deletes_nothing() -> None:
    assert not prunable(Manifest(prune=Prune.STACK), live(1, "one"))


# What a protected bucket goes through --------------------------------------------------------------------------------


def test_protection_outlives_its_entry_until_an_apply_has_removed_the_mark() -> None:
    account = MemoryAccount()
    loose = replace(OURS, prune=Prune.STACK, deletes_limit=Limit(9))
    after(replace(loose, desired=(entry("one", protect=True), entry("two"))), account)

    without = replace(loose, desired=(entry("two"),))
    refused = reconcile(without, account).plan
    assert [objection.guard for objection in refused.objections] == ["protected"]

    unlocked = replace(loose, desired=(entry("one", protect=False), entry("two")))
    assert after(unlocked, account)["one"] == ([], ("acrsync:radio",))
    assert set(after(without, account)) == {"two"}


def test_protection_cannot_be_lifted_by_the_apply_that_replaces() -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "labels": ["acrsync:radio", "acrsync:protected"]})
    manifest = replace(OURS, desired=(entry("one", protect=False, net_type=2),), approvals=(Approval("replace", 1),))
    assert [objection.guard for objection in reconcile(manifest, account).plan.objections] == ["protected"]
    assert account.writes == []


def test_a_create_with_a_mark_shows_it_in_the_plan() -> None:
    (change,) = make_plan(replace(OURS, desired=(entry("one"),)), Snapshot()).work
    assert isinstance(change, Create)
    assert change.marks == Marks(add=("acrsync:radio",))


def test_marks_alone_are_a_reason_to_write() -> None:
    row = live(1, "one", labels=["TV"])
    (change,) = make_plan(replace(OURS, desired=(entry("one"),)), Snapshot((row,))).work
    assert change == Update(entry("one"), row, (), "ownership", Marks(add=("acrsync:radio",)))
