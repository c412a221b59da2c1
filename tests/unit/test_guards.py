"""What objects to a plan, what approves it, and that the line to paste does what it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest

from acrsync.diagnostics import Severity, Span
from acrsync.manifest import load_texts
from acrsync.model import (
    JSON,
    Approval,
    Desired,
    Evidence,
    Limit,
    Live,
    Manifest,
    Prune,
    Reference,
    Removed,
    Snapshot,
)  # fmt: skip
from acrsync.plan.changes import Delete, Objection, Replace, Update
from acrsync.plan.document import Plan
from acrsync.plan.guards import APPROVABLE, Guard, guarded, needs_references, objections_to, touched
from acrsync.plan.matching import describe
from acrsync.plan.planner import make_plan
from doubles import MemoryAccount
from reconcile import plan_for, reconcile
from report_plans import ENDPOINT, desired, live

PLACE: dict[str, JSON] = {"region": "eu-west-1", "type": "File"}
OURS: dict[str, JSON] = {"stack": "radio", "ownership": True}
HUNDRED = Limit(100, percent=True)


def entry(name: str, **attrs: JSON) -> Desired:
    return desired(name, **{**PLACE, **attrs})


def planned(manifest: Manifest, *rows: Live, evidence: Evidence | None = None) -> Plan:
    """Plan as the command line does; without evidence, every bucket that is touched is seen to be empty."""
    plan = make_plan(manifest, Snapshot(rows, ENDPOINT))
    return guarded(plan, evidence or Evidence({row.id: 0 for row in touched(plan)}))


def removing(*names: str, **manifest: JSON) -> Manifest:
    return Manifest(removed=tuple(map(Removed, names)), **{"deletes_limit": HUNDRED, **manifest})


def objections_of(plan: Plan) -> list[tuple[str, int | None, str]]:
    return [(objection.guard, objection.id, objection.approval) for objection in plan.objections]


def the(plan: Plan, guard: Guard) -> Objection:
    (found,) = (objection for objection in plan.objections if objection.guard == guard)
    assert found.diagnostic.severity is Severity.ERROR
    return found


def words(objection: Objection) -> str:
    diagnostic = objection.diagnostic
    assert diagnostic.severity is Severity.ERROR
    return f"{diagnostic.code} {diagnostic.summary} | {diagnostic.detail} | {diagnostic.fix}"


ONE = live(1, "one", region="us-west-2")
ROWS = (ONE, live(2, "two"), live(3, "three"), live(4, "four"))


# content -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("num", "contents", "holds"),
    [
        (3, {1: 0}, "3 items"),
        (0, {1: 2}, "2 items"),
        (3, {1: 5}, "5 items"),
        (1, {1: 0}, "1 item"),
        (3, {1: None}, "3 items"),
        (None, {1: 0}, "an unknown number of items"),
        ("many", {1: 0}, "an unknown number of items"),
        (-1, {1: 0}, "an unknown number of items"),
        (None, {1: None}, "an unknown number of items"),
        (None, {1: 4}, "4 items"),
        (0, {}, "an unknown number of items"),
    ],
)
@pytest.mark.parametrize("replacing", [False, True])
def test_a_bucket_that_is_not_known_to_be_empty_is_never_deleted_or_replaced(
    num: JSON, contents: dict[int, int | None], holds: str, replacing: bool
) -> None:
    row = replace(ONE, facts={"uid": 19, "num": num})
    manifest = Manifest((entry("one"),), deletes_limit=HUNDRED) if replacing else removing("one")
    approvals = (Approval("replace", 1), Approval("content", 1))
    objection = the(planned(replace(manifest, approvals=approvals), row, evidence=Evidence(contents)), Guard.CONTENT)
    done = "replaced" if replacing else "deleted"
    assert words(objection) == (
        f"E301 Bucket is not empty | Bucket {describe(row)} holds {holds}. "
        f"Deleted content cannot be restored, so the bucket is never {done}. | "
        f"empty it in the ACRCloud console first, or keep the bucket as it is."
    )
    assert (objection.id, objection.approval) == (1, "")
    assert objection.diagnostic.span == (desired("one").span if replacing else None)


def test_an_objection_to_a_removal_points_to_its_removed_line() -> None:
    span = Span("radio.yaml", 7, 3)
    manifest = Manifest(removed=(Removed("two"), Removed("one", span=span)), deletes_limit=HUNDRED)
    full = {1: 4, 2: 4}
    places = {o.id: o.diagnostic.span for o in planned(manifest, *ROWS, evidence=Evidence(full)).objections}
    assert places == {1: span, 2: None}
    pruned = planned(Manifest((entry("two"),), prune=Prune.ACCOUNT), *ROWS[:2], evidence=Evidence(full))
    assert the(pruned, Guard.CONTENT).diagnostic.span is None


def test_if_the_content_list_is_forbidden_num_decides_and_the_plan_reports_it() -> None:
    plan = planned(removing("one", "two"), *ROWS, evidence=Evidence({1: None, 2: 0}))
    assert plan.can_apply
    assert plan.notes == ("one: its content list cannot be read, so only the other signs show that it is empty.",)


def test_a_content_list_that_was_not_read_is_not_a_forbidden_one() -> None:
    plan = planned(removing("one"), *ROWS, evidence=Evidence())
    assert [objection.guard for objection in plan.objections] == ["content"]
    assert plan.notes == ()


def test_content_does_not_matter_if_a_change_keeps_the_bucket() -> None:
    row = live(1, "one", num=7)
    for wanted in (entry("one", labels=["TV"]), replace(entry("new"), was="one")):
        plan = planned(Manifest((wanted,)), row, evidence=Evidence({1: 7}))
        assert plan.can_apply
        assert plan.notes == ()


def test_unread_signs_are_noted_for_every_delete_of_a_plan() -> None:
    manifest = Manifest((entry("four", labels=["TV"]),), (Removed("one"), Removed("two")), deletes_limit=HUNDRED)
    plan = planned(manifest, *ROWS, evidence=Evidence({1: None, 2: None}))
    assert [note.partition(":")[0] for note in plan.notes] == ["one", "two"]


def test_a_name_cannot_hide_the_note_that_its_content_list_is_forbidden() -> None:
    row = live(1, "a\u202eb")
    change = Delete(row, "")
    plan = guarded(Plan(((change,),), manifest=Manifest(deletes_limit=HUNDRED)), Evidence({1: None}))
    assert plan.notes[0].startswith("a\\u{202e}b: ")


# replace -------------------------------------------------------------------------------------------------------------


def test_every_replacement_needs_its_approval() -> None:
    plan = planned(Manifest((entry("one"),)), *ROWS)
    assert objections_of(plan) == [("replace", 1, "replace:1")]
    assert words(the(plan, Guard.REPLACE)) == (
        "E302 Replacement needs approval | Bucket one (id 1): region cannot change in place; a replacement gets a new "
        "id, so references to 1 break. | undo the edit, or approve it by adding to the manifest:\n"
        'allow: [{guard: replace, id: 1, reason: "..."}]'
    )
    assert plan.objections[0].diagnostic.span == desired("one").span
    assert plan.work  # the plan is shown in full all the same


# deletes -------------------------------------------------------------------------------------------------------------


def many(count: int, *, marks: tuple[str, ...] = ()) -> tuple[Live, ...]:
    return tuple(live(number, f"b{number:02}", marks=marks) for number in range(1, count + 1))


@pytest.mark.parametrize(
    ("ours", "limit", "allowed"),
    [
        (10, Limit(30, percent=True), 3),
        (9, Limit(30, percent=True), 2),
        (2, Limit(30, percent=True), 1),
        (3, Limit(100, percent=True), 3),
        (3, Limit(0, percent=True), 0),
        (9, Limit(2), 2),
        (9, Limit(0), 0),
    ],
)
def test_no_more_is_deleted_than_the_limit_allows(ours: int, limit: Limit, allowed: int) -> None:
    rows = many(ours)
    for count in range(ours + 1):
        names = tuple(row.name for row in rows[:count])
        plan = planned(removing(*names, deletes_limit=limit), *rows)
        assert [objection.guard for objection in plan.objections] == (["deletes"] if count > allowed else [])


def test_the_default_limit_is_thirty_percent() -> None:
    rows = many(10)
    names = [row.name for row in rows[:4]]
    plan = planned(Manifest(removed=tuple(map(Removed, names))), *rows)
    assert objections_of(plan) == [("deletes", None, "")]
    assert words(plan.objections[0]) == (
        "E303 Too many deletes | 4 buckets would be deleted or replaced; the limit is 3 (30 % of our 10 "
        "buckets). | check the list above; if it is right, add `limits: {deletes: 4}` or `--max-deletes 4`."
    )


def test_a_limit_that_was_set_is_shown_with_its_position() -> None:
    span = Span("radio.yaml", 3, 1)
    plan = planned(removing("one", "two", deletes_limit=Limit(1), spans={"limits": span}), *ROWS)
    assert "the limit is 1." in plan.objections[0].diagnostic.detail
    assert plan.objections[0].diagnostic.span == span


def test_deletes_and_replacements_count_together() -> None:
    manifest = Manifest((entry("one"),), removed=(Removed("two"),), deletes_limit=Limit(1))
    assert ("deletes", None, "") in objections_of(planned(manifest, *ROWS))


def test_with_ownership_only_buckets_with_our_mark_count_as_ours() -> None:
    marked, others = many(4, marks=("acrsync:radio",)), tuple(live(90 + n, f"x{n}") for n in range(20))
    plan = planned(removing("b01", "b02", **OURS, deletes_limit=Limit(30, percent=True)), *marked, *others)
    assert "the limit is 1 (30 % of our 4 buckets)." in the(plan, Guard.DELETES).diagnostic.detail


def test_foreign_rows_do_not_count_as_ours_but_ambiguous_ones_do() -> None:
    foreign = tuple(live(90 + number, f"x{number}", uid=1) for number in range(20))
    twins = (live(50, "twin"), live(51, "twin"))
    manifest = removing("one", "two", "twin", account_uid=19, deletes_limit=Limit(30, percent=True))
    plan = planned(manifest, *ROWS, *foreign, *twins)
    assert "(30 % of our 6 buckets)" in the(plan, Guard.DELETES).diagnostic.detail


def test_a_bucket_that_is_changed_in_two_steps_counts_once() -> None:
    rows = (*many(2), *(live(10 + number, f"c{number}") for number in range(5)))
    swap = (replace(entry("b02"), id=1), replace(entry("b01"), id=2))
    manifest = Manifest(swap, removed=(Removed("c0"), Removed("c1"), Removed("c2")))
    assert "of our 7 buckets" in the(planned(manifest, *rows), Guard.DELETES).diagnostic.detail


# empty ---------------------------------------------------------------------------------------------------------------


def test_an_empty_manifest_never_prunes_and_reports_it() -> None:
    span = Span("radio.yaml", 2, 1)
    plan = planned(Manifest(prune=Prune.ACCOUNT, spans={"prune": span}), *ROWS)
    assert plan.work == ()
    assert objections_of(plan) == [("empty", None, "")]
    assert words(plan.objections[0]) == (
        "E304 An empty manifest never prunes | `prune: account` with no bucket in the manifest would delete 4 buckets. "
        "| check that this is the right file; to delete buckets, name them in `removed`."
    )
    assert plan.objections[0].diagnostic.span == span


def test_an_empty_manifest_may_make_other_changes() -> None:
    assert planned(Manifest(), *ROWS).can_apply
    assert planned(Manifest(prune=Prune.ACCOUNT)).can_apply
    assert planned(Manifest(prune=Prune.STACK, **OURS), *ROWS).can_apply  # none of them carries our mark
    assert planned(Manifest((entry("two"),), prune=Prune.ACCOUNT, deletes_limit=HUNDRED), *ROWS).can_apply


def test_an_ambiguous_bucket_is_not_pruned_by_an_empty_manifest() -> None:
    twins = (live(1, "twin"), live(2, "twin"))
    plan = planned(Manifest((entry("twin"),), prune=Prune.ACCOUNT), *twins)
    assert ([error.code for error in plan.errors], objections_of(plan)) == (["E202"], [])


def test_buckets_that_prune_would_keep_cause_no_objection() -> None:
    shared = replace(ONE, facts={"uid": 19, "num": 0, "access_permission": "public"})
    foreign = live(9, "foreign", uid=1)
    assert planned(Manifest(prune=Prune.ACCOUNT, account_uid=19), shared, foreign).can_apply


# rename-like ---------------------------------------------------------------------------------------------------------

LABELLED = live(1, "old", labels=["Music"], metadata_template={"a": {}})


@pytest.mark.parametrize(
    ("attrs", "alike", "reason"),
    [
        ({"labels": ["Music"]}, True, "the same labels"),
        ({"metadata_template": {"a": {}}}, True, "the same template"),
        ({"labels": ["TV"], "metadata_template": {"a": {}}}, True, "one of both is enough"),
        ({"labels": ["TV"]}, False, "other labels"),
        ({}, False, "nothing in common but place and type"),
        ({"labels": ["Music"], "region": "us-west-2"}, False, "another region"),
        ({"labels": ["Music"], "type": "Live"}, False, "another type"),
    ],
)
def test_a_delete_beside_a_create_may_look_like_a_rename(attrs: dict[str, JSON], alike: bool, reason: str) -> None:
    manifest = replace(removing("old"), desired=(entry("new", **attrs),))
    plan = planned(manifest, LABELLED)
    assert objections_of(plan) == ([("rename-like", 1, "rename-like:1")] if alike else []), reason


@pytest.mark.parametrize("attrs", [{"labels": []}, {"metadata_template": None}])
def test_buckets_without_labels_and_template_do_not_look_alike(attrs: dict[str, JSON]) -> None:
    manifest = replace(removing("old"), desired=(entry("new", **attrs),))
    assert planned(manifest, live(1, "old")).can_apply


def test_a_likely_rename_shows_the_was_line() -> None:
    new = desired("new", line=11, **PLACE, labels=["Music"])
    plan = planned(replace(removing("old"), desired=(entry("else"), new)), LABELLED)
    assert words(the(plan, Guard.RENAME_LIKE)) == (
        f"E305 This looks like a rename | Bucket {describe(LABELLED)} would be deleted and new created with the same "
        "region, type and labels or template: this looks like a rename, which keeps the id and the content. | add "
        "`was: old` to the entry new and remove old from `removed`, or approve it by adding to the manifest:\n"
        'allow: [{guard: rename-like, id: 1, reason: "..."}]'
    )
    assert plan.objections[0].diagnostic.span == new.span


def test_for_a_bucket_that_prune_would_delete_the_was_line_is_enough() -> None:
    manifest = Manifest((entry("new", labels=["Music"]),), prune=Prune.ACCOUNT, deletes_limit=HUNDRED)
    fix = the(planned(manifest, LABELLED), Guard.RENAME_LIKE).diagnostic.fix
    assert fix.startswith("add `was: old` to the entry new, or approve")


def test_each_likely_rename_has_one_objection() -> None:
    rows = (LABELLED, live(2, "older", labels=["Music"]))
    new = (entry("new", labels=["Music"]), entry("newer", labels=["Music"]))
    plan = planned(replace(removing("old", "older"), desired=new), *rows)
    assert objections_of(plan) == [("rename-like", 1, "rename-like:1"), ("rename-like", 2, "rename-like:2")]


# takeover ------------------------------------------------------------------------------------------------------------

THEIRS = live(1, "one", marks=("acrsync:tv",))
TAKEOVER = ("takeover", 1, "takeover:1")


@pytest.mark.parametrize("manifest", [OURS, {}, {"stack": "tv"}], ids=["ours", "no ownership", "only the name"])
def test_every_change_to_another_stacks_bucket_is_refused(manifest: dict[str, JSON]) -> None:
    limits = {**manifest, "deletes_limit": HUNDRED}
    for wanted in (
        Manifest((entry("one", labels=["TV"]),), **limits),
        Manifest((replace(entry("new"), was="one"),), **limits),
        Manifest((entry("one", net_type=2),), approvals=(Approval("replace", 1),), **limits),
        Manifest(removed=(Removed("one"),), **limits),
        Manifest((entry("two"),), prune=Prune.ACCOUNT, **limits),
    ):
        assert objections_of(planned(wanted, THEIRS)) == [TAKEOVER]


def test_a_bucket_that_is_taken_over_in_the_plan_is_named_with_its_stack() -> None:
    plan = planned(Manifest((entry("one"),), **OURS), THEIRS)
    assert words(the(plan, Guard.TAKEOVER)) == (
        f"E306 Another stack's bucket | Bucket {describe(THEIRS)} is marked as managed by stack tv. | leave it to that "
        'stack, or first apply that stack\'s manifest with `removed: [{name: "one", forget: true}]`, or approve '
        "it by adding to the manifest:\n"
        'allow: [{guard: takeover, id: 1, reason: "..."}]'
    )
    assert plan.objections[0].diagnostic.span == desired("one").span


def test_several_other_stacks_are_all_named() -> None:
    row = live(1, "one", marks=("acrsync:a\u202e", "acrsync:protected", "acrsync:radio", "acrsync:tv"))
    plan = planned(Manifest((entry("one"),), **OURS), row)
    assert "is marked as managed by stack a\\u{202e}, tv." in plan.objections[0].diagnostic.detail


@pytest.mark.parametrize(("stacks", "named"), [(("tv",), "tv"), (("film", "tv"), None), (("a", "film", "tv"), None)])
def test_an_objection_names_a_stack_only_if_the_bucket_has_one(stacks: tuple[str, ...], named: str | None) -> None:
    row = live(1, "one", marks=tuple(f"acrsync:{stack}" for stack in stacks))
    assert [objection.stack for objection in planned(Manifest((entry("one"),), **OURS), row).objections] == [named]


def test_the_line_that_gives_up_a_bucket_shows_its_name_without_escapes() -> None:
    plan = planned(Manifest((entry("Café"),), **OURS), live(1, "Café", marks=("acrsync:tv",)))
    assert '`removed: [{name: "Café", forget: true}]`' in the(plan, Guard.TAKEOVER).diagnostic.fix


@pytest.mark.parametrize("marks", [(), ("acrsync:radio",), ("acrsync:protected", "acrsync:radio")])
def test_our_own_bucket_and_an_unowned_one_are_not_takeovers(marks: tuple[str, ...]) -> None:
    row = live(1, "one", marks=marks)
    assert planned(Manifest((entry("one", labels=["TV"]),), **OURS), row).can_apply


def test_another_stacks_bucket_that_is_in_sync_is_left_alone() -> None:
    assert planned(Manifest((entry("one"),)), THEIRS).can_apply


# protected -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("manifest", [OURS, {}], ids=["ours", "no ownership"])
@pytest.mark.parametrize("replacing", [False, True])
def test_a_protected_bucket_is_not_deleted_or_replaced_and_nothing_approves_it(
    manifest: dict[str, JSON], replacing: bool
) -> None:
    row = live(1, "one", marks=("acrsync:protected",))
    approvals = (Approval("replace", 1), Approval("protected", 1))
    asked = Manifest((entry("one", net_type=2),)) if replacing else Manifest(removed=(Removed("one"),))
    plan = planned(replace(asked, approvals=approvals, **manifest), row)
    assert objections_of(plan) == [("protected", 1, "")]
    done = "replaced" if replacing else "deleted"
    assert words(plan.objections[0]) == (
        f"E307 Bucket is protected | Bucket {describe(row)} has the mark acrsync:protected, so it is not {done}. | "
        "with `ownership: label`, set `protect: false` on its entry and apply that first; then make this change."
    )
    assert plan.objections[0].diagnostic.span == (desired("one").span if replacing else None)


def test_a_protected_bucket_may_be_changed_and_renamed() -> None:
    row = live(1, "one", marks=("acrsync:protected", "acrsync:radio"))
    wanted = replace(entry("new", labels=["TV"]), was="one")
    assert planned(Manifest((wanted,), **OURS), row).can_apply


# in-use --------------------------------------------------------------------------------------------------------------

PROJECT = Reference("base-project", 7, "radio\u202e")
CONTAINER = Reference("fs-container", 8, "scans")
RENAMING = Manifest((replace(desired("new"), was="one"),))
REPLACING = Manifest((entry("one"),), approvals=(Approval("replace", 1),), deletes_limit=HUNDRED)
IN_USE = [("in-use", 1, "in-use:1")]
EMPTY = {1: 0}


@pytest.mark.parametrize(
    ("manifest", "evidence", "why"),
    [
        (removing("one"), Evidence(EMPTY, {1: (PROJECT,)}), "is used by base-project radio\\u{202e} (id 7)."),
        (REPLACING, Evidence(EMPTY, {1: (CONTAINER,)}), "is used by fs-container scans (id 8)."),
        (
            removing("one"),
            Evidence(EMPTY, {1: (PROJECT, CONTAINER)}),
            "is used by base-project radio\\u{202e} (id 7); fs-container scans (id 8).",
        ),
        (RENAMING, Evidence({}, {1: (PROJECT, CONTAINER)}), "is used by fs-container scans (id 8)."),
        (
            removing("one"),
            Evidence(EMPTY, unreadable=("base-projects", "fs-containers")),
            "may be in use: base-projects, fs-containers cannot be read.",
        ),
        (
            RENAMING,
            Evidence({}, unreadable=("base-projects", "fs-containers")),
            "may be in use: fs-containers cannot be read.",
        ),
        (removing("one"), Evidence(EMPTY, {1: (PROJECT,)}, ("fs-containers",)), "is used by base-project radio\\u"),
    ],
)
def test_a_bucket_that_is_or_may_be_in_use_is_not_deleted(manifest: Manifest, evidence: Evidence, why: str) -> None:
    plan = planned(manifest, *ROWS, evidence=evidence)
    assert objections_of(plan) == IN_USE
    assert f", and {why}" in plan.objections[0].diagnostic.detail
    assert plan.objections[0].diagnostic.summary == "Bucket is in use"


def test_the_message_states_the_effect_and_the_fix() -> None:
    plan = planned(removing("one"), *ROWS, evidence=Evidence(EMPTY, {1: (CONTAINER,)}))
    approval = ', or approve it by adding to the manifest:\nallow: [{guard: in-use, id: 1, reason: "..."}]'
    assert words(plan.objections[0]) == (
        f"E308 Bucket is in use | Bucket {describe(ONE)} would be deleted, and is used by fs-container scans (id 8). | "
        f"change what uses it first{approval}"
    )
    plan = planned(REPLACING, *ROWS, evidence=Evidence(EMPTY, unreadable=("base-projects",)))
    assert words(plan.objections[0]) == (
        f"E308 Bucket is in use | Bucket {describe(ONE)} would be replaced, and may be in use: base-projects cannot be "
        f"read. | use a token that can read them{approval}"
    )
    assert plan.objections[0].diagnostic.span == desired("one").span
    plan = planned(RENAMING, *ROWS, evidence=Evidence({}, {1: (CONTAINER,)}))
    assert f"Bucket {describe(ONE)} would be renamed, and is used by" in plan.objections[0].diagnostic.detail


@pytest.mark.parametrize(
    ("manifest", "evidence"),
    [
        (RENAMING, Evidence({}, {1: (PROJECT,)}, ("base-projects", "bm-cs-projects", "bm-bd-projects"))),
        (Manifest((entry("two", labels=["TV"]),)), Evidence({}, {2: (PROJECT, CONTAINER)}, ("fs-containers",))),
        (removing("one"), Evidence(EMPTY, {2: (PROJECT,)})),
    ],
    ids=["a project refers by id, which a rename keeps", "labels do not affect users", "another bucket is used"],
)
def test_changes_that_do_not_affect_users_are_allowed(manifest: Manifest, evidence: Evidence) -> None:
    assert planned(manifest, *ROWS, evidence=evidence).can_apply


def test_users_of_a_bucket_are_read_only_if_they_matter() -> None:
    def plan(manifest: Manifest) -> Plan:
        return make_plan(manifest, Snapshot(ROWS, ENDPOINT))

    quiet = plan(Manifest((entry("two", labels=["TV"]), entry("new"))))
    assert quiet.work
    assert not needs_references(quiet)
    loud = plan(Manifest((replace(entry("new"), was="two"), entry("one")), removed=(Removed("three"),)))
    assert needs_references(loud)
    assert [row.id for row in touched(loud)] == [2, 1, 3]


# account -------------------------------------------------------------------------------------------------------------


def test_a_manifest_for_another_account_is_refused() -> None:
    span = Span("radio.yaml", 2, 1)
    manifest = Manifest((entry("one", labels=["TV"]),), account_uid=20, spans={"account": span})
    plan = planned(manifest, live(1, "one"))
    objection = the(plan, Guard.ACCOUNT)
    others = planned(manifest, live(1, "one"), live(2, "two", uid=21))
    assert "lists buckets of account 19, 21." in the(others, Guard.ACCOUNT).diagnostic.detail
    assert words(objection) == (
        f"E309 Not this account | The manifest is for account 20; {ENDPOINT} lists buckets of account 19. | use the "
        "token of that account, or correct `account: {uid: ...}`."
    )
    assert (objection.id, objection.approval, objection.diagnostic.span) == (None, "", span)


def test_a_bucket_that_others_share_refuses_no_account() -> None:
    shared = replace(live(23, "ACRCloud Music"), facts={"uid": 1, "access_permission": "public"})
    manifest = Manifest((entry("one"),), account_uid=19)
    assert planned(manifest, shared).can_apply
    assert planned(manifest, shared, live(1, "one")).can_apply
    the(planned(manifest, shared, live(1, "one", uid=20)), Guard.ACCOUNT)
    the(planned(manifest, replace(shared, facts={"uid": 1})), Guard.ACCOUNT)


def test_rows_of_several_accounts_need_the_uid_in_the_manifest() -> None:
    rows = (live(1, "one", uid=20), live(2, "two"), live(3, "three", uid=20))
    plan = planned(Manifest((entry("two", labels=["TV"]),)), *rows)
    assert words(the(plan, Guard.ACCOUNT)) == (
        f"E309 Not this account | {ENDPOINT} lists buckets of accounts 19, 20. | add your account to the "
        "manifest: `account: {uid: N}`."
    )
    assert planned(Manifest((entry("two", labels=["TV"]),), account_uid=19), *rows).can_apply


def test_rows_without_a_uid_do_not_match_the_uid_in_the_manifest() -> None:
    silent = replace(live(1, "one"), facts={"num": 0})
    plan = planned(Manifest((entry("one", labels=["TV"]),), account_uid=20), silent)
    assert "lists buckets of an unknown account." in the(plan, Guard.ACCOUNT).diagnostic.detail
    assert planned(Manifest((entry("one", labels=["TV"]),)), silent).can_apply


def test_an_empty_account_matches_every_uid() -> None:
    assert planned(Manifest((entry("one"),), account_uid=20)).can_apply


# Approvals -----------------------------------------------------------------------------------------------------------


def test_an_approval_is_for_one_guard_and_one_bucket() -> None:
    manifest = Manifest((entry("one"), entry("two", net_type=2)), deletes_limit=HUNDRED)
    wrong = (Approval("replace", 3), Approval("in-use", 1), Approval("replace", 2, "OPS-311"))
    plan = planned(replace(manifest, approvals=wrong), *ROWS)
    assert objections_of(plan) == [("replace", 1, "replace:1")]
    assert plan.approved == (wrong[2],)
    assert not plan.can_apply


def test_beside_an_existing_approval_an_objection_prints_an_entry() -> None:
    approvals = (Approval("replace", 2, "OPS-311", Span("radio.yaml", 9, 9)),)
    manifest = Manifest((entry("one"), entry("two", net_type=2)), approvals=approvals, deletes_limit=HUNDRED)
    fix = the(planned(manifest, *ROWS), Guard.REPLACE).diagnostic.fix
    assert fix == (
        'undo the edit, or approve it by adding to `allow:` in the manifest:\n- {guard: replace, id: 1, reason: "..."}'
    )


def test_an_approval_on_the_command_line_does_not_count_as_an_existing_key() -> None:
    manifest = Manifest((entry("one"), entry("two", net_type=2)), approvals=(Approval("replace", 2),))
    fix = the(planned(replace(manifest, deletes_limit=HUNDRED), *ROWS), Guard.REPLACE).diagnostic.fix
    assert fix.endswith('allow: [{guard: replace, id: 1, reason: "..."}]')


def test_an_approval_whose_bucket_is_gone_is_a_warning_never_an_error() -> None:
    span = Span("radio.yaml", 9, 9)
    manifest = Manifest((entry("two"),), approvals=(Approval("replace", 99, "OPS-1", span), Approval("in-use", 2)))
    plan = planned(manifest, *ROWS)
    assert plan.can_apply
    (warning,) = plan.diagnostics
    assert (warning.severity, warning.code, warning.summary) == (
        Severity.WARNING,
        "W310",
        "This approval has no effect",
    )
    assert warning.detail == "The account has no bucket for replace:99."
    assert (warning.fix, warning.span) == ("remove the line.", span)


def test_an_approval_for_a_foreign_or_ambiguous_bucket_is_kept() -> None:
    rows = (live(1, "twin"), live(2, "twin"), live(3, "foreign", uid=1), live(4, "one", region="global"))
    entries = (entry("twin"), entry("one", region="global", net_type=2))
    approvals = tuple(Approval("replace", number) for number in (1, 2, 3, 4))
    plan = planned(Manifest(entries, account_uid=19, approvals=approvals), *rows)
    assert [diagnostic.code for diagnostic in plan.diagnostics] == ["E202", "E209"]


def test_a_bucket_that_is_changed_in_two_steps_has_one_objection_under_its_name() -> None:
    rows = (live(1, "a", marks=("acrsync:tv",)), live(2, "b", marks=("acrsync:tv",)))
    swap = (replace(entry("b"), id=1), replace(entry("a"), id=2))
    used = {1: (CONTAINER,), 2: (CONTAINER,)}
    plan = planned(Manifest(swap), *rows, evidence=Evidence({}, used))
    assert [approval for _, _, approval in objections_of(plan)] == ["takeover:2", "in-use:2", "takeover:1", "in-use:1"]
    assert not any(".acrsync-" in objection.diagnostic.detail for objection in plan.objections)
    approvals = tuple(Approval(guard, number) for guard in ("takeover", "in-use") for number in (1, 2))
    plan = planned(Manifest(swap, approvals=approvals), *rows, evidence=Evidence({}, used))
    assert plan.can_apply
    assert sorted(map(str, plan.approved)) == ["in-use:1", "in-use:2", "takeover:1", "takeover:2"]


def test_earlier_diagnostics_are_kept() -> None:
    plan = replace(make_plan(Manifest((replace(entry("one"), id=9),)), Snapshot(ROWS)), notes=("known before",))
    plan = guarded(plan, Evidence())
    assert [diagnostic.code for diagnostic in plan.diagnostics] == ["E201"]
    assert plan.notes == ("known before",)


def test_a_wrong_account_hides_only_the_names_that_it_has() -> None:
    wanted = Manifest((entry("shared"), replace(entry("lost"), id=9)), account_uid=19)
    right = planned(wanted, live(1, "mine"), live(23, "shared", uid=20))
    assert ([found.code for found in right.diagnostics], objections_of(right)) == (["E201", "E208"], [])
    wrong = planned(wanted, live(23, "shared", uid=20))
    assert ([found.code for found in wrong.diagnostics], objections_of(wrong)) == (["E201"], [("account", None, "")])


def test_one_change_can_meet_several_objections_each_with_its_own_approval() -> None:
    row = live(1, "one", marks=("acrsync:protected", "acrsync:tv"), num=2)
    change = Replace(desired("one"), row, ("region",), "region cannot change in place")
    evidence = Evidence({1: 2}, {1: (PROJECT,)})
    found = list(objections_to(change, Manifest(), evidence))
    assert [(objection.guard, objection.approval) for objection in found] == [
        ("content", ""), ("replace", "replace:1"), ("takeover", "takeover:1"), ("protected", ""), ("in-use", "in-use:1")
    ]  # fmt: skip
    assert all(isinstance(objection.guard, Guard) for objection in found)


# The printed line, pasted --------------------------------------------------------------------------------------------


@dataclass
class UsedAccount(MemoryAccount):
    """An account in which every bucket is used by a container."""

    used: bool = field(default=False)

    def evidence(self, touched: Iterable[Live], *, references: bool) -> Evidence:
        rows = tuple(touched)
        known = super().evidence(rows, references=references)
        return replace(known, references={row.id: (CONTAINER,) for row in rows} if self.used else {})


HEAD = "version: 1\nstack: radio\nownership: label\ndefaults: {region: eu-west-1, type: File}\n"
PASTED = {
    Guard.REPLACE: "buckets: [{name: one, net_type: 2}]\n",
    Guard.RENAME_LIKE: "buckets: [{name: new, labels: [Music]}]\nremoved: [{name: one}]\n",
    Guard.TAKEOVER: "buckets: [{name: theirs}]\n",
    Guard.IN_USE: "buckets: [{name: new, was: one}]\n",
}


@pytest.mark.parametrize("guard", sorted(APPROVABLE))
def test_the_printed_line_pasted_into_the_manifest_makes_the_plan_applicable(guard: Guard) -> None:
    def plan_of(text: str) -> Plan:
        loaded = load_texts({"acrsync.yaml": text.encode()})
        assert loaded.manifest is not None, loaded.diagnostics
        return plan_for(loaded.manifest, account)

    account = UsedAccount(used=guard is Guard.IN_USE)
    account.seed(id=1, name="one", labels=["Music", "acrsync:radio"])
    account.seed(id=2, name="theirs", labels=["acrsync:tv"])
    text = HEAD + PASTED[guard]
    refused = plan_of(text)
    assert [objection.guard for objection in refused.objections] == [guard]
    assert not refused.can_apply
    line = refused.objections[0].diagnostic.fix.splitlines()[-1]
    assert line.startswith("allow: ")
    allowed = plan_of(f"{text}{line}\n")
    assert allowed.can_apply
    assert [str(approval) for approval in allowed.approved] == [refused.objections[0].approval]
    assert [approval.reason for approval in allowed.approved] == ["..."]
    assert allowed.diagnostics == ()


def test_the_printed_limit_pasted_into_the_manifest_makes_the_plan_applicable() -> None:
    account = MemoryAccount.with_buckets({"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"})
    text = "version: 1\nremoved: [{name: a}, {name: b}, {name: c}]\n"
    loaded = load_texts({"acrsync.yaml": text.encode()})
    assert loaded.manifest is not None
    (objection,) = plan_for(loaded.manifest, account).objections
    line = objection.diagnostic.fix.split("`")[1]
    loaded = load_texts({"acrsync.yaml": f"{text}{line}\n".encode()})
    assert loaded.manifest is not None
    assert plan_for(loaded.manifest, account).can_apply


def test_every_guard_states_whether_it_can_be_approved() -> None:
    assert sorted(PASTED) == sorted(APPROVABLE)
    assert sorted(APPROVABLE) == ["in-use", "rename-like", "replace", "takeover"]


def test_a_refused_plan_writes_nothing_at_all() -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "one", "num": 3}, {"id": 2, "name": "two"})
    manifest = Manifest((entry("new"), entry("two", labels=["TV"])), removed=(Removed("one"),))
    done = reconcile(manifest, account)
    assert [objection.guard for objection in done.plan.objections] == ["content"]
    assert len(done.plan.work) == 3
    assert account.writes == []


def test_marks_alone_are_an_update_without_an_objection() -> None:
    row = live(1, "one", num=7)
    plan = planned(Manifest((entry("one"),), **OURS), row)
    (change,) = plan.work
    assert isinstance(change, Update)
    assert change.fields == ()
    assert plan.can_apply
