"""Buckets that an entry may mean although it names them otherwise, and those that an earlier run may have made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acrsync.diagnostics import Span
from acrsync.model import JSON, Desired, Evidence, Live, Manifest, Prune, Removed, Snapshot
from acrsync.plan.changes import Action, action_of
from acrsync.plan.document import Plan
from acrsync.plan.earlier import Earlier, Pending
from acrsync.plan.guards import guarded
from acrsync.plan.likeness import is_stored, resembles
from acrsync.plan.matching import describe
from acrsync.plan.planner import make_plan
from report_plans import ENDPOINT, desired, live

ATTRS: dict[str, JSON] = {"region": "eu-west-1", "type": "File"}


def entry(name: str, **attrs: JSON) -> Desired:
    return desired(name, **{**ATTRS, **attrs})


def planned(manifest: Manifest, *rows: Live, earlier: Earlier | None = None) -> Plan:
    plan = make_plan(manifest, Snapshot(rows, ENDPOINT), earlier=earlier)
    return guarded(plan, Evidence({row.id: 0 for row in rows}), earlier=earlier)


def actions_of(plan: Plan) -> list[tuple[str, str]]:
    return [(action_of(change), change.name) for change in plan.work]


def raised(plan: Plan) -> list[tuple[str, int | None]]:
    """Return what stands against a plan or warns of it, and the bucket that is meant."""
    warnings = [("warning", None) for warning in plan.diagnostics if warning.code == "W311"]
    return [(objection.guard, objection.id) for objection in plan.objections] + warnings


# Spelling.


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("music", "Music"),
        ("music box", "music-box"),
        ("music", "music-2"),
        ("a long name of a bucket", "a long name"),
        ("R&B", "R&amp;B"),
        ("R&B", "R&amp;amp;B"),
        ("<b>news</b>", "news"),
        ("news <now>", "news"),
        ("O'Hara", "O\\'Hara"),
        ("Müsic", "Music"),
        ("Ｗide", "Wide"),
        ("music 🎵", "music ?"),
        ("news", "new"),
        ("e\u0301cole", "\u00e9cole"),
    ],
)
def test_likely_forms_of_one_name_resemble_each_other(name: str, other: str) -> None:
    assert resembles(name, other)
    assert resembles(other, name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("music", "news"),
        ("radio", "my radio"),
        ("tv", "tv-news"),
        ("r2d", "r2"),
        ("🎵", "🎶"),
        ("a", "b"),
        ("", "music"),
    ],
)
def test_unrelated_names_do_not_resemble_each_other(name: str, other: str) -> None:
    assert not resembles(name, other)
    assert not resembles(other, name)


def test_a_short_prefix_counts_if_a_bucket_is_expected() -> None:
    assert resembles("tv-news", "tv", shortest=1)


@pytest.mark.parametrize(
    ("sent", "stored", "plain"),
    [
        ("R&B", "R&amp;B", True),
        ('"x"', "&quot;x&quot;", True),
        ("it's", "it&#039;s", True),
        ("it's", "it&#x27;s", True),
        ('<a> & "b"', '&lt;a&gt; &amp; "b"', True),
        (20 * "x", 16 * "x", True),
        (20 * "x", 15 * "x", False),
        ("a name of sixteen and more", "a name of sixteen", True),
        ("music-2", "music", False),
        ("music", "music", False),
        ("a name of sixteen", "a name of sixteen and more", False),
    ],
)
def test_some_names_are_clearly_a_stored_form_of_another(sent: str, stored: str, plain: bool) -> None:
    assert is_stored(sent, stored) is plain


# Renamed in the file or in the console.

TEST = live(14791, "test", type="Live", labels=["TV"])
RENAMED = entry("renamed", type="Live", labels=["TV"])


def test_the_only_bucket_of_one_kind_is_a_warning_with_the_line_to_paste() -> None:
    plan = planned(Manifest((RENAMED,)), TEST)
    assert (actions_of(plan), raised(plan)) == ([("create", "renamed")], [("warning", None)])
    (warning,) = plan.diagnostics
    assert warning.span == RENAMED.span
    assert warning.detail == (
        "renamed would be created, empty. Bucket test (id 14791, eu-west-1, Live, 0 items, created unknown) has the "
        "same region, type and labels or template: this looks like a rename, which keeps the id and the content."
    )
    assert warning.fix == "if it is the same bucket, add `was: test` to the entry renamed."


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (live(5, "other", labels=["Radio"]), "other labels"),
        (live(5, "other", labels=["TV"], type="File"), "another type"),
        (live(5, "other", labels=["TV"], type="Live", region="us-west-2"), "another region"),
        (live(5, "other", type="Live"), "no labels"),
    ],
)
def test_a_bucket_of_another_kind_causes_no_warning(row: Live, reason: str) -> None:
    assert raised(planned(Manifest((RENAMED,)), row)) == [], reason


def test_two_buckets_of_one_kind_cause_no_warning() -> None:
    assert raised(planned(Manifest((RENAMED,)), TEST, replace(TEST, id=5, attrs={**TEST.attrs, "name": "two"}))) == []


@pytest.mark.parametrize(
    ("row", "manifest", "reason"),
    [
        (TEST, {"removed": (Removed("test", forget=True),)}, "`removed` names it"),
        (replace(TEST, marks=("acrsync:other",)), {}, "another stack claims it"),
        (replace(TEST, facts={**TEST.facts, "access_permission": "shared"}), {}, "it is shared"),
        (replace(TEST, facts={**TEST.facts, "uid": 20}), {"account_uid": 19}, "it is another account's"),
    ],
)
def test_an_explained_bucket_is_not_a_candidate(row: Live, manifest: dict[str, JSON], reason: str) -> None:
    managed = Earlier(managed={row.id: "test"})
    plan = planned(Manifest((RENAMED,), **manifest), row, live(1, "mine", uid=19), earlier=managed)
    assert ("rename-like", row.id) not in raised(plan), reason
    assert ("warning", None) not in raised(plan), reason


@pytest.mark.parametrize(
    ("row", "create", "reason"),
    [
        (live(5, "radio", num=0), entry("wireless"), "renamed in the file, of the same region and type"),
        (live(5, "radio", num=0), entry("radio-1"), "renamed in the file, spelled alike"),
        (live(5, "renamed by hand"), entry("radio"), "renamed in the console"),
    ],
)
def test_a_bucket_that_the_last_run_managed_and_no_entry_names_now_is_an_objection(
    row: Live, create: Desired, reason: str
) -> None:
    plan = planned(Manifest((create,)), row, earlier=Earlier(managed={5: "radio", 9: "gone"}))
    assert raised(plan) == [("rename-like", 5)], reason
    (objection,) = plan.objections
    assert objection.approval == "rename-like:5"
    assert f"add `was: {row.name}` to the entry {create.name}, or approve it" in objection.diagnostic.fix


def test_a_likely_rename_is_shown_at_the_entry_that_would_be_created() -> None:
    plan = planned(Manifest((entry("radio"),)), live(5, "moved"), earlier=Earlier(managed={5: "radio"}))
    (objection,) = plan.objections
    assert (objection.diagnostic.code, objection.diagnostic.span) == ("E305", desired("radio").span)


def test_a_rename_in_the_console_takes_precedence_over_a_similar_name() -> None:
    rows = (live(5, "moved"), live(6, "radio-old", num=3))
    plan = planned(Manifest((entry("radio"),)), *rows, earlier=Earlier(managed={5: "radio"}))
    assert raised(plan) == [("rename-like", 5)]


def test_each_create_has_at_most_one_candidate_and_each_bucket_one_create() -> None:
    plan = planned(Manifest((entry("radio-1"), entry("radio-2"))), live(5, "radio", num=3), live(6, "radio-x", num=3))
    assert raised(plan) == [("rename-like", 5)]


@pytest.mark.parametrize(
    ("row", "expected", "reason"),
    [
        (live(5, "radio-eins", num=3), "rename-like", "it holds something"),
        (live(5, "radio-eins", num=None), "rename-like", "it may hold something"),
        (live(5, "radio-eins"), "warning", "it is empty"),
        (live(5, "radio-eins", num=3, region="us-west-2"), None, "it is elsewhere, so it cannot be renamed into this"),
        (live(5, "my radio", num=3), None, "it is spelled otherwise"),
    ],
)
def test_a_bucket_with_a_similar_name(row: Live, expected: str | None, reason: str) -> None:
    said = raised(planned(Manifest((entry("Radio"),)), row))
    assert [what for what, _ in said] == ([expected] if expected else []), reason


def test_a_size_counts_as_content() -> None:
    row = live(5, "radio-eins")
    row = replace(row, facts={**row.facts, "size": "1487"})
    assert raised(planned(Manifest((entry("Radio"),)), row)) == [("rename-like", 5)]


def test_a_clear_stored_form_of_a_name_is_not_created_again_even_if_empty() -> None:
    assert raised(planned(Manifest((entry("R&B"),)), live(5, "R&amp;B"))) == [("rename-like", 5)]
    assert raised(planned(Manifest((entry("R&B", labels=["A"]),)), live(5, "R&amp;B"))) == [("warning", None)]


def test_one_of_several_namesakes_is_reported_by_its_id() -> None:
    plan = planned(Manifest((entry("Radio"),)), live(5, "radio-eins", num=3), live(6, "radio-eins", num=3))
    assert "add `id: 5` to the entry Radio" in plan.objections[0].diagnostic.fix


def test_an_approval_lets_the_create_through() -> None:
    from acrsync.model import Approval

    manifest = Manifest((entry("Radio"),), approvals=(Approval("rename-like", 5),))
    assert planned(manifest, live(5, "radio-eins", num=3)).can_apply


def test_the_line_to_paste_resolves_the_objection() -> None:
    wanted = Manifest((replace(RENAMED, was="test"),))
    plan = planned(wanted, TEST, earlier=Earlier(managed={TEST.id: "test"}))
    assert (actions_of(plan), raised(plan)) == ([("rename", "renamed")], [])


def test_a_bucket_that_an_undo_restores_is_not_a_likely_rename() -> None:
    back = replace(entry("radio"), marks=())
    assert raised(planned(Manifest((back,)), live(5, "radio-eins", num=3))) == []


# What an earlier run may have made.

PENDING = Pending(Action.CREATE, "radio", None, {"name": "radio", **ATTRS}, (), frozenset({1, 2}), "r1")


@pytest.mark.parametrize(
    ("row", "pending", "reason"),
    [
        (live(5, "ra"), PENDING, "cut"),
        (live(5, "RADIO!"), PENDING, "changed"),
        (live(5, "x", labels=["A"]), replace(PENDING, attrs={**PENDING.attrs, "labels": ["A"]}), "with its labels"),
        (live(5, "x", marks=("acrsync:s",)), replace(PENDING, marks=("acrsync:s",)), "with its mark"),
    ],
)
def test_a_new_bucket_that_an_open_create_may_have_made_is_an_error_with_its_id(
    row: Live, pending: Pending, reason: str
) -> None:
    plan = planned(Manifest((entry("radio"), entry("other")), stack="s", ownership=True), row,
                   earlier=Earlier((pending,)))  # fmt: skip
    assert actions_of(plan) == [("create", "other")], reason
    (error,) = plan.errors
    assert (error.code, error.span) == ("E210", desired("radio").span)
    assert error.detail == (
        f"An earlier run sent a create for radio, and its outcome is unknown. Bucket {describe(row)} is new since "
        "then, so it may be the result. A second create would make a second bucket."
    )
    assert error.fix == (
        "write `id: 5` in the entry; or, if it is another bucket, close that run: `acrsync runs close r1 "
        "--reason TEXT`."
    )
    assert not plan.can_apply


def test_every_open_create_is_looked_for_among_the_new_buckets() -> None:
    others = (replace(PENDING, name="news", run="r0"), replace(PENDING, action=Action.UPDATE, run="r2"))
    plan = planned(Manifest((entry("radio"),)), live(5, "ra"), earlier=Earlier((*others, PENDING)))
    assert ([error.code for error in plan.errors], actions_of(plan)) == (["E210"], [])
    assert "runs close r1 " in plan.errors[0].fix
    assert planned(Manifest((entry("radio"),)), live(5, "ra"), earlier=Earlier(others)).errors == ()


def test_a_lost_create_without_labels_is_recognized_by_its_mark() -> None:
    marked = replace(PENDING, marks=("acrsync:s",))
    plan = planned(Manifest((entry("radio"),), stack="s", ownership=True), live(5, "x", marks=("acrsync:s",)),
                   earlier=Earlier((marked,)))  # fmt: skip
    assert [error.code for error in plan.errors] == ["E210"]
    unlabelled = planned(Manifest((entry("radio"),)), live(5, "x"), earlier=Earlier((PENDING,)))
    assert (unlabelled.errors, actions_of(unlabelled)) == ((), [("create", "radio")])


def test_a_new_bucket_needs_only_one_letter_of_the_name_that_was_sent() -> None:
    plan = planned(Manifest((entry("radio"),)), live(5, "r"), earlier=Earlier((PENDING,)))
    assert [error.code for error in plan.errors] == ["E210"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (live(2, "radio-x"), "it was listed before that run"),
        (live(5, "radio-x", type="Live"), "it is of another type"),
        (live(5, "news"), "it is spelled otherwise"),
        (live(5, "radio-x", marks=("acrsync:tv",)), "another stack's mark explains it"),
    ],
)
def test_any_other_bucket_does_not_block_the_create(row: Live, reason: str) -> None:
    plan = planned(Manifest((entry("radio"),)), row, earlier=Earlier((PENDING,)))
    assert (actions_of(plan), plan.errors) == ([("create", "radio")], ()), reason


def test_a_bucket_with_an_entry_or_removal_does_not_come_from_an_open_create() -> None:
    for manifest in (Manifest((entry("radio"), entry("ra"))), Manifest((entry("radio"),), (Removed("ra"),))):
        plan = make_plan(manifest, Snapshot((live(5, "ra"),), ENDPOINT), earlier=Earlier((PENDING,)))
        assert plan.errors == ()


def test_if_the_server_stored_another_name_the_message_has_the_id() -> None:
    plan = planned(Manifest((entry("R&B"),)), live(5, "R&amp;B"), earlier=Earlier(aliases={"R&B": (5, "R&amp;B")}))
    (error,) = plan.errors
    assert (error.code, error.span, actions_of(plan)) == ("E210", desired("R&B").span, [])
    assert error.detail == (
        "An earlier run sent the name R&B, and the server stored R&amp;B (id 5). A second create would make a second "
        "bucket."
    )
    assert error.fix == (
        "write `id: 5` in the entry, with a name that the server keeps, such as `name: R&amp;B`; or delete that bucket "
        "if it is not wanted."
    )


def test_a_bucket_whose_name_cannot_be_read_is_named_in_the_console() -> None:
    odd = replace(live(5, "x"), attrs={**ATTRS}, unreadable={"name": "null"})
    plan = planned(Manifest((entry("radio"),)), odd, earlier=Earlier(aliases={"radio": (5, "")}))
    (error,) = plan.errors
    assert (error.code, actions_of(plan)) == ("E210", [])
    assert "bucket 5, whose name is empty or unreadable" in error.detail
    assert error.fix == (
        "give bucket 5 the name radio in the ACRCloud console; or delete that bucket if it is not wanted."
    )


@pytest.mark.parametrize(("shown", "made"), [("101", []), ("102", [("create", "101")])])
def test_a_name_that_the_server_shows_as_a_number_is_not_created_again(shown: str, made: list[tuple[str, str]]) -> None:
    odd = replace(live(5, "x"), attrs={**ATTRS}, unreadable={"name": shown})
    plan = planned(Manifest((entry("101"),)), odd)
    assert actions_of(plan) == made
    assert [error.code for error in plan.errors] == ([] if made else ["E211"])


# Slips of the pen, and what only follows from another mistake.


def test_a_removal_of_an_unknown_name_suggests_a_similar_one() -> None:
    plan = planned(Manifest((entry("one"),), (Removed("musik"),)), live(5, "music"), live(1, "one"))
    (warning,) = plan.diagnostics
    assert (warning.code, actions_of(plan)) == ("W212", [])
    assert warning.detail.startswith("`removed` has musik, but there is only music (id 5,")
    assert warning.fix == "if you mean that bucket, write `music`; else delete musik from `removed`."


def test_each_removal_of_an_unknown_name_is_a_warning_with_its_position() -> None:
    removed = tuple(Removed(name, span=Span("radio.yaml", line, 3)) for line, name in ((8, "musik"), (9, "newss")))
    plan = planned(Manifest((replace(entry("one"), was="zero"),), removed), live(5, "music"), live(6, "news"))
    assert [(found.code, found.span and found.span.line) for found in plan.diagnostics] == [
        ("W211", 7), ("W212", 8), ("W212", 9)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "suggested"),
    [
        (("zebra", "MUSIKBOX"), "MUSIKBOX"),
        (("musicbox-1", "musikboxx"), "musikboxx"),
        (("zebra", "musicbox"), "musicbox"),
        (("zebra", "boxmusik"), None),
        (("musikb", "zebra"), "musikb"),
        (("mubox", "zebra"), None),
    ],
)
def test_only_the_most_similar_name_is_suggested(names: tuple[str, ...], suggested: str | None) -> None:
    rows = tuple(live(number, name) for number, name in enumerate(names, 1))
    plan = planned(Manifest((), (Removed("musikbox"),)), *rows)
    expected = [f"if you mean that bucket, write `{suggested}`; else delete musikbox from `removed`."]
    assert [warning.fix for warning in plan.diagnostics] == (expected if suggested else [])


@pytest.mark.parametrize("name", ["music", "news"])
def test_a_completed_removal_causes_no_message(name: str) -> None:
    """Nothing is like it, or what is like it has an entry."""
    rows = (live(5, "musik"),)
    plan = planned(Manifest((entry("musik"),), (Removed(name),), prune=Prune.NEVER), *rows)
    assert plan.diagnostics == ()


def test_another_account_is_reported_once_and_not_for_every_name() -> None:
    rows = tuple(live(number, f"b{number}", uid=20) for number in range(1, 30))
    plan = planned(Manifest(tuple(entry(row.name) for row in rows), account_uid=19), *rows)
    assert [objection.guard for objection in plan.objections] == ["account"]
    assert plan.diagnostics == ()
