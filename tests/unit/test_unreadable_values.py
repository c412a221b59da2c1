"""What the API shows in a form that means nothing: it is named, never guessed, and nothing is written over it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acrsync.bucket import decode
from acrsync.diagnostics import Severity, Span
from acrsync.model import JSON, Desired, Evidence, Live, Manifest, Prune, Removed, Snapshot
from acrsync.plan.changes import Action, Create, Delete, Keep, Kept, Update, action_of
from acrsync.plan.codec import At
from acrsync.plan.document import Plan
from acrsync.plan.file import load_plan
from acrsync.plan.guards import guarded
from acrsync.plan.outcome import ExitCode
from acrsync.plan.parts import LIVE
from acrsync.plan.planner import make_plan
from acrsync.report import PLAIN, plan_text
from hostile import row
from report_plans import ENDPOINT, RUN, desired


def read(bucket_id: int, **values: JSON) -> Live:
    """Return a bucket whose row has these values."""
    return decode(row(bucket_id, **values))


def entry(name: str, **attrs: JSON) -> Desired:
    return desired(name, region="eu-west-1", type="File", **attrs)


def planned(manifest: Manifest, *rows: Live) -> Plan:
    return make_plan(manifest, Snapshot(rows, ENDPOINT))


def actions_of(plan: Plan) -> list[tuple[str, str]]:
    return [(action_of(change), change.name) for change in plan.work]


def kept(plan: Plan) -> dict[int, Kept]:
    return {keep.live.id: keep.kept for keep in plan.kept}


# What can be read.


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("labels", {"0": "TV", "2": "News"}, '{"0": "TV", "2": "News"}'),
        ("labels", {}, "{}"),
        ("labels", '["TV", "News"]', '"[\\"TV\\", \\"News\\"]"'),
        ("labels", '{"0": "TV"}', '"{\\"0\\": \\"TV\\"}"'),
        ("labels", '["TV", "Ne', '"[\\"TV\\", \\"Ne"'),
        ("labels", '"TV"', '"\\"TV\\""'),
        ("labels", "null", '"null"'),
        ("labels", 5, "5"),
        ("labels", True, "true"),
        ("labels", [5], "[5]"),
        ("labels", ["TV", ["News"]], '["TV", ["News"]]'),
        ("labels", [{"name": "TV"}], '[{"name": "TV"}]'),
        ("metadata_template", ["artist"], '["artist"]'),
        ("metadata_template", 5, "5"),
        ("metadata_template", False, "false"),
        ("net_type", None, "null"),
        ("net_type", "online", '"online"'),
        ("net_type", True, "true"),
        ("net_type", 1.5, "1.5"),
        ("net_type", {"id": 1}, '{"id": 1}'),
        ("name", None, "null"),
        ("name", 5, "5"),
        ("name", ["a"], '["a"]'),
        ("region", None, "null"),
        ("region", {"id": "eu-west-1"}, '{"id": "eu-west-1"}'),
        ("type", 3, "3"),
        ("uid", "me", '"me"'),
        ("uid", {"id": 19}, '{"id": 19}'),
    ],
)
def test_a_value_of_an_unexpected_type_is_left_out_and_named(key: str, value: JSON, shown: str) -> None:
    live = read(5, **{key: value})
    assert key not in live.attrs
    assert live.unreadable == {key: shown}
    assert live.is_identified == (key in {"labels", "metadata_template", "net_type"})
    assert live.marks == ()


@pytest.mark.parametrize("key", ["name", "region", "type"])
def test_a_row_without_identifying_fields_is_unreadable(key: str) -> None:
    live = decode({name: value for name, value in row(5).items() if name != key})
    assert (live.unreadable, live.is_identified) == ({key: "missing"}, False)


@pytest.mark.parametrize(
    ("key", "value", "form"),
    [
        ("labels", "News,TV", ["News", "TV"]),
        ("labels", "", []),
        ("labels", None, []),
        ("labels", [None, ""], []),
        ("metadata_template", {"a": {}}, {"a": {}}),
        ("metadata_template", [], None),
        ("metadata_template", "[1]", "[1]"),
        ("net_type", "2", 2),
        ("net_type", 2.0, 2),
    ],
)
def test_a_value_with_a_lossless_canonical_form_is_read(key: str, value: JSON, form: JSON) -> None:
    live = read(5, **{key: value})
    assert (live.attrs[key], live.unreadable) == (form, {})


def test_long_values_are_shortened_and_hidden_characters_are_escaped() -> None:
    assert len(read(5, labels=5 * ["x" * 50] + [1]).unreadable["labels"]) == 80
    assert read(5, labels={"a\u202e": 1}).unreadable == {"labels": '{"a\\u{202e}": 1}'}


# One of which it cannot be read what it is.

LINE = Span("radio.yaml", 9, 3)
NAMELESS, PLACELESS, ONE = read(3, name=None), read(2, name="two", region=None), read(1, name="one")


def test_an_unreadable_bucket_is_shown_and_skipped_and_the_others_continue() -> None:
    wanted = Manifest((entry("one", labels=["TV"]),), prune=Prune.ACCOUNT)
    plan = planned(wanted, NAMELESS, PLACELESS, ONE)
    assert actions_of(plan) == [("update", "one")]
    assert kept(plan) == {3: Kept.UNREADABLE, 2: Kept.UNREADABLE}
    assert plan.can_apply
    assert plan.diagnostics == ()
    text = plan_text(plan, style=PLAIN)
    assert "Unreadable: 2 buckets, left alone: id 3, two." in text
    assert "Plan: 1 to update. 2 unreadable." in text


@pytest.mark.parametrize(
    ("entry_of_it", "reason"),
    [
        (entry("two"), "its name"),
        (entry("TWO"), "a name like its name"),
        (replace(entry("new"), was="two"), "its old name"),
        (replace(entry("two"), was="gone"), "its name, where the old one is gone"),
        (replace(entry("new"), id=2), "its id"),
    ],
)
def test_an_entry_for_an_unreadable_bucket_is_an_error_only_for_that_entry(entry_of_it: Desired, reason: str) -> None:
    plan = planned(Manifest((entry_of_it, entry("one", labels=["TV"]), entry("three"))), NAMELESS, PLACELESS, ONE)
    assert actions_of(plan) == [("create", "three"), ("update", "one")], reason
    (error,) = plan.errors
    assert error.code == "E211"
    assert error.span == entry_of_it.span
    assert error.detail == (
        "Bucket two (id 2, region unknown, File, 0 items, created 2020-07-16 11:09:20): `region` is null, which "
        "acrsync cannot read. A write could destroy it, so the bucket is left alone."
    )
    assert error.fix == "correct it in the ACRCloud console."
    assert plan.can_apply
    assert plan.exit_code(detailed=True) is ExitCode.FAILED
    assert "1 error. Nothing is done to a bucket that cannot be read." in plan_text(plan, style=PLAIN)


def test_a_removal_of_an_unreadable_bucket_is_an_error_only_for_that_removal() -> None:
    plan = planned(Manifest((), (Removed("two", span=LINE), Removed("one"))), NAMELESS, PLACELESS, ONE)
    assert actions_of(plan) == [("delete", "one")]
    assert [(error.code, error.span) for error in plan.errors] == [("E211", LINE)]


def test_with_errors_and_no_changes_the_report_does_not_say_in_sync() -> None:
    text = plan_text(planned(Manifest((entry("two"),)), PLACELESS), style=PLAIN)
    assert "matches" not in text
    assert "Plan: nothing. 1 unreadable." in text


def test_no_bucket_is_renamed_onto_the_name_of_one_that_cannot_be_read() -> None:
    plan = planned(Manifest((replace(entry("two"), was="one"),)), PLACELESS, ONE)
    assert (actions_of(plan), [error.code for error in plan.errors], plan.can_apply) == ([], ["E204"], False)


def test_a_bucket_of_unknown_owner_is_not_ours() -> None:
    plan = planned(Manifest((entry("one"),), prune=Prune.ACCOUNT, account_uid=19), read(4, uid="x"), ONE)
    assert (actions_of(plan), kept(plan)[4]) == ([], Kept.UNREADABLE)


# One with a value that cannot be read.

ODD = read(12, name="odd", labels={"0": "TV", "2": "News"})


@pytest.mark.parametrize(
    ("wanted", "manifest", "reason"),
    [
        (entry("odd", labels=["TV"]), {}, "the entry mentions it"),
        (entry("odd"), {"stack": "s", "ownership": True}, "a mark would be written beside it"),
        (replace(entry("odd"), protect=True), {"stack": "s", "ownership": True}, "so would another mark"),
        (desired("odd", region="us-west-2", type="File"), {}, "a replacement would have to keep it"),
        (desired("odd", type="Live"), {}, "a replacement for another reason, too"),
    ],
)
def test_an_unreadable_value_that_is_needed_is_an_error_only_for_its_bucket(
    wanted: Desired, manifest: dict[str, JSON], reason: str
) -> None:
    plan = planned(Manifest((wanted, entry("one", labels=["TV"])), **manifest), ODD, ONE)
    assert actions_of(plan) == [("update", "one")], reason
    (error,) = plan.errors
    assert (error.code, error.severity, error.span) == ("E211", Severity.ERROR, wanted.span)
    assert '`labels` is {"0": "TV", "2": "News"}, which acrsync cannot read' in error.detail
    assert kept(plan) == {12: Kept.UNREADABLE}
    assert plan.can_apply


def test_changes_that_do_not_need_the_unreadable_value_continue() -> None:
    plan = planned(Manifest((entry("odd", metadata_template={"a": {}}),)), ODD)
    assert plan.work == (Update(entry("odd", metadata_template={"a": {}}), ODD, ("metadata_template",),
                                "differs in metadata_template"),)  # fmt: skip
    assert kept(planned(Manifest((entry("odd"),)), ODD)) == {12: Kept.IN_SYNC}
    assert kept(planned(Manifest(), ODD)) == {12: Kept.UNMANAGED}


def test_a_mark_is_written_beside_another_value_that_cannot_be_read() -> None:
    odd = read(12, name="odd", metadata_template=["a"])
    plan = planned(Manifest((entry("odd"),), stack="s", ownership=True), odd)
    assert (actions_of(plan), plan.diagnostics) == ([("update", "odd")], ())


def test_an_unreadable_bucket_of_another_account_is_only_foreign() -> None:
    theirs = read(4, name=None, uid=20)
    plan = planned(Manifest((replace(entry("new"), id=4),), account_uid=19), theirs, ONE)
    assert [(keep.live.id, keep.kept) for keep in plan.kept] == [(4, Kept.FOREIGN), (1, Kept.UNMANAGED)]
    assert [error.code for error in plan.errors] == ["E201"]


@pytest.mark.parametrize("value", [{"labels": {"0": "acrsync:s"}}, {"metadata_template": ["a"]}, {"net_type": None}])
@pytest.mark.parametrize("prune", [Prune.ACCOUNT, Prune.STACK])
def test_a_bucket_with_a_value_that_cannot_be_read_is_never_pruned(value: dict[str, JSON], prune: Prune) -> None:
    odd = replace(read(12, name="odd", **value), marks=("acrsync:s",))
    plan = planned(Manifest((entry("one"),), prune=prune, stack="s", ownership=True), odd, ONE)
    assert kept(plan)[12] is Kept.UNMANAGED


def test_a_bucket_whose_marks_cannot_be_read_is_not_removed() -> None:
    plan = planned(Manifest((), (Removed("odd", span=LINE), Removed("one"))), ODD, ONE)
    assert actions_of(plan) == [("delete", "one")]
    assert [(error.code, error.span) for error in plan.errors] == [("E211", LINE)]
    forgotten = planned(Manifest((), (Removed("odd", forget=True),), stack="s", ownership=True), ODD)
    assert (actions_of(forgotten), [error.code for error in forgotten.errors]) == ([], ["E211"])


def test_a_bucket_that_is_left_alone_keeps_its_name_from_others() -> None:
    """It would be renamed, or its name taken, in the same apply."""
    aside = replace(entry("aside", labels=["TV"]), was="odd")
    for taker in (replace(entry("ODD"), was="one"), replace(entry("odd"), id=1)):
        plan = planned(Manifest((aside, taker)), ODD, ONE)
        assert actions_of(plan) == []
        assert {error.code for error in plan.errors} == {"E204", "E211"}
        assert not plan.can_apply


# What a bucket holds.


@pytest.mark.parametrize(
    ("values", "contents", "says"),
    [
        ({"size": "1487"}, 0, "has a size of 1487, so it is not empty"),
        ({"size": 1487}, None, "has a size of 1487, so it is not empty"),
        ({"size": "1487.5"}, None, "has a size of 1487.5, so it is not empty"),
        ({"size": 0.5}, None, "has a size of 0.5, so it is not empty"),
        ({"num": 3}, 0, "holds 3 items"),
        ({"num": "3"}, None, "holds 3 items"),
        ({}, 2, "holds 2 items"),
        ({"size": "1487"}, 2, "holds 2 items"),
        ({"num": None}, 0, "holds an unknown number of items"),
        ({"num": "many"}, 0, "holds an unknown number of items"),
        ({"num": -1}, 0, "holds an unknown number of items"),
        ({"num": True}, 0, "holds an unknown number of items"),
        ({"num": 0.5}, 0, "holds an unknown number of items"),
    ],
)
def test_any_sign_of_content_objects_to_a_deletion(values: dict[str, JSON], contents: int | None, says: str) -> None:
    plan = planned(Manifest((), (Removed("full"),)), read(5, name="full", **values))
    plan = guarded(plan, Evidence({5: contents}))
    (objection,) = [objection for objection in plan.objections if objection.guard == "content"]
    assert f" {says}. Deleted content cannot be restored" in objection.diagnostic.detail
    assert objection.approval == ""


@pytest.mark.parametrize(
    ("values", "contents", "note"),
    [
        ({"size": "0"}, 0, None),
        ({"size": 0}, 0, None),
        ({"num": "0"}, 0, None),
        ({}, None, "its content list"),
        ({"size": None}, 0, "its size (null)"),
        ({"size": "1 GB"}, 0, 'its size ("1 GB")'),
        ({"size": -1}, 0, "its size (-1)"),
        ({"size": False}, None, "its content list and its size (false)"),
    ],
)
def test_signs_that_could_not_be_read_are_named(
    values: dict[str, JSON], contents: int | None, note: str | None
) -> None:
    plan = planned(Manifest((), (Removed("full"),)), read(5, name="full", **values))
    plan = guarded(plan, Evidence({5: contents}))
    assert (actions_of(plan), plan.can_apply) == ([("delete", "full")], True)
    told_so = f"full: {note} cannot be read, so only the other signs show that it is empty."
    assert plan.notes == ((told_so,) if note else ())


# A saved plan.


def test_a_saved_plan_keeps_what_could_not_be_read() -> None:
    plan = planned(Manifest((entry("odd"), entry("one", labels=["TV"]))), ODD, NAMELESS, PLACELESS, ONE)
    plan = replace(plan, made_at=RUN.timestamp)
    loaded = load_plan(plan.to_json()).plan
    assert loaded == plan
    assert {keep.live.id: dict(keep.live.unreadable) for keep in loaded.kept} == {
        12: {"labels": '{"0": "TV", "2": "News"}'},
        3: {"name": "null"},
        2: {"region": "null"},
    }


def test_a_readable_bucket_is_saved_as_before() -> None:
    assert set(LIVE.write(ONE)) == {"id", "attributes", "marks", "facts"}
    assert LIVE.read(At(LIVE.write(ONE))) == ONE


def test_the_kinds_of_work_are_as_expected() -> None:
    plan = planned(Manifest((entry("new"),), (Removed("one"),)), ONE, PLACELESS)
    assert [type(change) for change in plan.work] == [Create, Delete]
    assert [type(keep) for keep in plan.kept] == [Keep]
    assert action_of(plan.kept[0]) is Action.KEEP
