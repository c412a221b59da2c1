"""What is done about each bucket, and in which order."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from acrsync.diagnostics import Severity, Span
from acrsync.model import JSON, Desired, Live, Manifest, Prune, Removed, Snapshot
from acrsync.plan.changes import Action, Create, Delete, Keep, Kept, Marks, Replace, Update, Work, action_of
from acrsync.plan.document import Plan
from acrsync.plan.earlier import Earlier, Pending
from acrsync.plan.matching import describe
from acrsync.plan.order import Leavers
from acrsync.plan.planner import differing, make_plan
from report_plans import ENDPOINT, desired, live

PLACE: dict[str, JSON] = {"region": "eu-west-1", "type": "File"}


def wanted(name: str, *, bucket: int | None = None, was: str | None = None, **attrs: JSON) -> Desired:
    return replace(desired(name, **{**PLACE, **attrs}), id=bucket, was=was)


def left_open(name: str, attrs, *marks: str) -> Earlier:
    return Earlier((Pending(Action.REPLACE, name, 1, attrs, marks), Pending(Action.CREATE, "two")))


def planned(manifest: Manifest, *rows: Live, endpoint: str = ENDPOINT, earlier: Earlier | None = None) -> Plan:
    return make_plan(manifest, Snapshot(rows, endpoint), earlier=earlier)


def plan_of(*entries: Desired, rows: tuple[Live, ...] = (), **manifest: JSON) -> Plan:
    return planned(Manifest(entries, **manifest), *rows)


def actions_of(plan: Plan) -> list[tuple[str, str]]:
    return [(action_of(change), change.name) for change in plan.work]


def waves(plan: Plan) -> list[list[str]]:
    """Return each wave as "old -> new" for renames, else the name."""
    return [[step(change) for change in wave] for wave in plan.waves]


def step(change: Work) -> str:
    renames = isinstance(change, Update) and "name" in change.fields
    return f"{change.live.name} -> {change.name}" if renames and isinstance(change, Update) else change.name


def kept(plan: Plan) -> list[tuple[str, str]]:
    return [(keep.kept, keep.name) for keep in plan.kept]


def error_of(plan: Plan) -> str:
    (found,) = plan.errors
    return f"{found.code} {found.summary} | {found.detail} | {found.fix}"


# One entry, one bucket -----------------------------------------------------------------------------------------------


def test_a_missing_bucket_is_created() -> None:
    entry = wanted("one", labels=["Music"])
    assert plan_of(entry).work == (Create(entry, "not in the account"),)


def test_a_bucket_in_sync_is_kept_with_its_entry() -> None:
    row, entry = live(1, "one"), wanted("one", labels=[])
    plan = plan_of(entry, rows=(row,))
    assert plan.work == ()
    assert plan.kept == (Keep(row, Kept.IN_SYNC, entry),)


def test_a_mutable_field_that_differs_is_an_update() -> None:
    row, entry = live(1, "one", labels=["TV"]), wanted("one", labels=["Music"], metadata_template={"a": {}})
    (change,) = plan_of(entry, rows=(row,)).work
    assert change == Update(entry, row, ("labels", "metadata_template"), "differs in labels, metadata_template")


def test_another_name_is_a_rename_and_can_include_other_changes() -> None:
    row, entry = live(1, "one"), wanted("new", was="one", labels=["Music"])
    (change,) = plan_of(entry, rows=(row,)).work
    assert change == Update(entry, row, ("name", "labels"), "differs in name, labels")
    assert action_of(change) is Action.RENAME


@pytest.mark.parametrize(
    ("attrs", "fields", "reason"),
    [
        ({"region": "us-west-2"}, ("region",), "region cannot change in place"),
        ({"type": "Live"}, ("type",), "type cannot change in place"),
        ({"net_type": 0}, ("net_type",), "net_type cannot change in place"),
        (
            {"type": "Live", "net_type": 2, "labels": ["TV"]},
            ("type", "net_type", "labels"),
            "type and net_type cannot change in place",
        ),
    ],
)
def test_an_immutable_field_that_differs_is_a_replacement(
    attrs: dict[str, JSON], fields: tuple[str, ...], reason: str
) -> None:
    row = live(1, "one", labels=["Music"], metadata_template={"a": {}}, num=3)
    entry = wanted("one", **attrs)
    (change,) = plan_of(entry, rows=(row,)).work
    whole = replace(entry, attrs={**row.attrs, **entry.attrs})
    assert change == Replace(whole, row, fields, reason)
    assert change.desired.attrs["metadata_template"] == {"a": {}}  # what the manifest leaves out survives


def test_an_immutable_field_that_the_server_does_not_show_replaces_nothing() -> None:
    shown = live(1, "one")
    row = replace(shown, attrs={key: value for key, value in shown.attrs.items() if key != "net_type"})
    assert plan_of(wanted("one", net_type=2), rows=(row,)).work == ()
    assert differing({"name": "one", "labels": ["TV"]}, {"name": "one"}) == ("labels",)  # a mutable one can be set


def test_a_field_that_the_manifest_leaves_out_is_not_compared() -> None:
    row = live(1, "one", labels=["Anything"], metadata_template={"a": {}}, net_type=2)
    assert plan_of(wanted("one"), rows=(row,)).work == ()


def test_fields_are_reported_in_the_order_of_the_table() -> None:
    want = {"metadata_template": None, "labels": ["TV"], "net_type": 0, "type": "Live", "region": "x", "name": "b"}
    row = live(1, "a", metadata_template={"x": {}})
    assert differing(want, row.attrs) == ("name", "region", "type", "net_type", "labels", "metadata_template")


# Order ---------------------------------------------------------------------------------------------------------------


def test_phases_follow_each_other_and_each_is_sorted_by_name() -> None:
    rows = tuple(live(number, name) for number, name in enumerate(["u2", "u1", "r2", "r1", "d2", "d1", "o2", "o1"], 1))
    entries = [wanted("c2"), wanted("c1")]
    entries += [wanted(name, labels=["TV"]) for name in ("u2", "u1")]
    entries += [wanted(name, net_type=2) for name in ("r2", "r1")]
    entries += [wanted("n2", was="o1"), wanted("n1", was="o2")]
    plan = plan_of(*entries, rows=rows, removed=(Removed("d2"), Removed("d1")))
    assert waves(plan) == [["o2 -> n1", "o1 -> n2"], ["c1", "c2"], ["u1", "u2"], ["r1", "r2"], ["d1", "d2"]]


def test_if_the_list_is_empty_the_first_create_has_its_own_wave() -> None:
    entries = [wanted(name) for name in ("c", "a", "b")]
    assert waves(plan_of(*entries)) == [["a"], ["b", "c"]]
    assert waves(plan_of(wanted("a"))) == [["a"]]
    assert waves(plan_of(*entries, rows=(live(1, "other"),))) == [["a", "b", "c"]]


def test_a_chain_of_renames_goes_from_its_end_one_wave_each() -> None:
    rows = tuple(live(number, name) for number, name in enumerate(["a", "b", "c", "x"], 1))
    entries = [wanted("b", was="a"), wanted("c", was="b"), wanted("d", was="c"), wanted("y", was="x")]
    for order in permutations(entries):
        plan = plan_of(*order, rows=rows)
        assert waves(plan) == [["c -> d", "x -> y"], ["b -> c"], ["a -> b"]]
        assert [change.needs for change in plan.work if isinstance(change, Update)] == [(), (), (3,), (2,)]


def test_a_swap_uses_a_free_temporary_name() -> None:
    rows = (live(1, "a", labels=["A"]), live(2, "b", labels=["B"]))
    one, two = wanted("b", bucket=1, labels=["TV"]), wanted("a", bucket=2)
    plan = plan_of(one, two, rows=rows)
    assert waves(plan) == [["b -> b.acrsync-2"], ["a -> b"], ["b.acrsync-2 -> a"]]
    aside, onto, back = plan.work
    assert isinstance(aside, Update)
    assert isinstance(onto, Update)
    assert isinstance(back, Update)
    assert (aside.desired.attrs, aside.fields, aside.marks, aside.needs) == (
        {"name": "b.acrsync-2"},
        ("name",),
        Marks(),
        (),
    )
    assert aside.reason == "frees its name for a swap"
    assert aside.live == rows[1]
    assert (onto.fields, onto.needs, onto.live) == (("name", "labels"), (2,), rows[0])
    assert (back.fields, back.needs, back.desired) == (("name",), (1,), two)
    assert back.live == replace(rows[1], attrs={**rows[1].attrs, "name": "b.acrsync-2"})


def test_a_ring_of_three_takes_one_temporary_name() -> None:
    rows = tuple(live(number, name) for number, name in enumerate(["a", "b", "c"], 1))
    entries = [wanted("b", bucket=1), wanted("c", bucket=2), wanted("a", bucket=3)]
    for order in permutations(entries):
        assert waves(plan_of(*order, rows=rows)) == [
            ["c -> c.acrsync-3"], ["b -> c"], ["a -> b"], ["c.acrsync-3 -> a"]
        ]  # fmt: skip


def test_two_swaps_at_once_share_their_waves() -> None:
    rows = tuple(live(number, name) for number, name in enumerate(["a", "b", "y", "z"], 1))
    entries = [wanted("b", bucket=1), wanted("a", bucket=2), wanted("z", bucket=3), wanted("y", bucket=4)]
    assert waves(plan_of(*entries, rows=rows)) == [
        ["b -> b.acrsync-2", "z -> z.acrsync-4"],
        ["a -> b", "y -> z"],
        ["b.acrsync-2 -> a", "z.acrsync-4 -> y"],
    ]


@pytest.mark.parametrize("taken", ["b.acrsync-2", "B.ACRSYNC-2"])
def test_a_temporary_name_is_not_taken(taken: str) -> None:
    rows = (live(1, "a"), live(2, "b"), live(3, taken), live(4, "b.acrsync-2-"))
    plan = plan_of(wanted("b", bucket=1), wanted("a", bucket=2), rows=rows)
    assert waves(plan)[0] == ["b -> b.acrsync-2--"]


def test_a_temporary_name_is_not_one_that_is_wanted() -> None:
    rows = (live(1, "a"), live(2, "b"), live(3, "c"))
    plan = plan_of(wanted("b", bucket=1), wanted("a", bucket=2), wanted("b.acrsync-2", bucket=3), rows=rows)
    assert waves(plan)[0] == ["c -> b.acrsync-2", "b -> b.acrsync-2-"]


def test_a_temporary_name_is_never_too_long() -> None:
    long, other = "l" * 255, "m" * 255
    plan = plan_of(wanted(other, bucket=1), wanted(long, bucket=2), rows=(live(1, long), live(2, other)))
    assert plan.work[0].name == "m" * 200 + ".acrsync-2"


def test_renames_wait_for_each_other_even_if_names_differ_only_in_case() -> None:
    rows = (live(1, "a"), live(2, "b"))  # most servers take `B` and `b` for one name
    plan = plan_of(wanted("B", was="a"), wanted("c", was="b"), rows=rows)
    assert waves(plan) == [["b -> c"], ["a -> B"]]
    assert [change.needs for change in plan.work if isinstance(change, Update)] == [(), (2,)]


def test_a_rename_that_changes_only_case_needs_no_temporary_name() -> None:
    plan = plan_of(wanted("One", was="one"), rows=(live(1, "one"),))
    assert waves(plan) == [["one -> One"]]


NFD = "Mu\N{COMBINING DIAERESIS}sic"


@pytest.mark.parametrize(
    "leaver", ["music", "Mu sic", "Müsic", NFD, "MÜSIC", "\N{FULLWIDTH LATIN CAPITAL LETTER M}usic"]
)
def test_renames_and_creates_wait_for_equivalent_names(leaver: str) -> None:
    rows = (live(1, leaver), live(2, "x"))
    plan = plan_of(wanted("tunes", bucket=1), wanted("Music", bucket=2), rows=rows)
    assert waves(plan) == [[f"{leaver} -> tunes"], ["x -> Music"]]
    assert [change.needs for change in plan.work if isinstance(change, Update)] == [(), (1,)]
    plan = plan_of(wanted("tunes", bucket=1), wanted("Music"), rows=rows)
    assert waves(plan) == [[f"{leaver} -> tunes"], ["Music"]]
    leavers = Leavers(plan.work)
    assert [leavers.of(change) for change in plan.work] == [None, plan.work[0]]


def test_a_swap_of_equivalent_names_uses_a_temporary_name() -> None:
    rows = (live(1, "Café"), live(2, "tee"))
    plan = plan_of(wanted("Tée", bucket=1), wanted("cafe", bucket=2), rows=rows)
    assert waves(plan) == [["Café -> Café.acrsync-1"], ["tee -> cafe"], ["Café.acrsync-1 -> Tée"]]
    assert [change.needs for change in plan.work if isinstance(change, Update)] == [(), (1,), (2,)]


def test_a_rename_that_waits_for_a_cycle_is_not_part_of_it() -> None:
    rows = (live(1, "Cafe"), live(2, "Tee"), live(3, "x"), live(4, "y"))
    ends = ("Tee", "Café", "CAFE", "X")
    for order in permutations([wanted(name, bucket=number) for number, name in enumerate(ends, 1)]):
        plan = plan_of(*order, rows=rows)
        assert waves(plan) == [
            ["Tee -> Tee.acrsync-2"], ["Cafe -> Tee"], ["x -> CAFE", "Tee.acrsync-2 -> Café"], ["y -> X"]
        ]  # fmt: skip


def test_a_rename_waits_for_the_most_similar_name() -> None:
    rows = (live(1, "Music"), live(2, "müsic"), live(3, "x"), live(4, "y"))  # the server tells accents apart
    entries = [wanted("a", bucket=1), wanted("b", bucket=2), wanted("MUSIC", bucket=3), wanted("MÜSIC", bucket=4)]
    plan = plan_of(*entries, rows=rows)
    assert {change.name: change.needs for change in plan.work if isinstance(change, Update)} == {
        "a": (), "b": (), "MUSIC": (1,), "MÜSIC": (2,)
    }  # fmt: skip


def test_a_change_that_reuses_a_deleted_name_comes_after_the_delete() -> None:
    rows = (live(1, "Müsic"), live(2, "x"), live(3, "other"))
    gone = Removed("Müsic")
    assert waves(plan_of(wanted("Music"), wanted("new"), rows=rows, removed=(gone,))) == [["new"], ["Müsic"], ["Music"]]
    plan = plan_of(wanted("Music", bucket=2), wanted("X"), wanted("else", bucket=3), rows=rows, removed=(gone,))
    assert waves(plan) == [["other -> else"], ["Müsic"], ["x -> Music"], ["X"]]
    assert [change.needs for change in plan.work if isinstance(change, Update)] == [(), (1,)]


def test_chains_whose_names_rise_and_fall_share_their_waves() -> None:
    rows = tuple(live(number, name) for number, name in enumerate(["a", "b", "c", "z3", "z2", "z1"], 1))
    ends = ("b", "c", "d", "z2", "z1", "z0")
    plan = plan_of(*(wanted(name, bucket=number) for number, name in enumerate(ends, 1)), rows=rows)
    assert waves(plan) == [["c -> d", "z1 -> z0"], ["b -> c", "z2 -> z1"], ["a -> b", "z3 -> z2"]]


def test_every_rename_of_a_chain_that_ends_with_a_delete_comes_after_it() -> None:
    rows = (live(1, "a"), live(2, "b"), live(3, "c"), live(4, "göne"))
    entries = [wanted("b", bucket=1), wanted("c", bucket=2), wanted("gone", bucket=3)]
    plan = plan_of(*entries, rows=rows, removed=(Removed(id=4),))
    assert waves(plan) == [["göne"], ["c -> gone"], ["b -> c"], ["a -> b"]]


def test_a_long_chain_of_renames_is_put_in_order() -> None:
    """Longer than Python's stack is deep, and as quick as a chain can be shown."""
    rows = tuple(live(number, f"b{number}") for number in range(1, 1201))
    plan = plan_of(*(wanted(f"B{number + 1}", bucket=number) for number in range(1, 1201)), rows=rows)
    assert [[change.name for change in wave] for wave in plan.waves] == [[f"B{n + 1}"] for n in range(1200, 0, -1)]


HELD = "E204 The new name is taken"


@pytest.mark.parametrize("name", ["old", "Old"])
def test_a_rename_onto_a_name_that_a_replacement_gives_up_is_an_error(name: str) -> None:
    """The replacement comes after the renames, so the name would still be taken."""
    rows = (live(1, "old"), live(2, "two"))
    plan = plan_of(wanted("new", bucket=1, net_type=2), wanted(name, was="two"), rows=rows)
    assert error_of(plan) == (
        f"{HELD} | The name {name} is not free: {describe(rows[0])} has it until new replaces it. | "
        "rename that bucket first, in a separate apply."
    )
    assert actions_of(plan) == [("replace", "new")]
    assert (Kept.UNMANAGED, "two") in kept(plan)
    assert plan.errors[0].span == desired("two").span


def test_a_create_with_a_name_that_a_replacement_gives_up_is_an_error() -> None:
    plan = plan_of(wanted("new", bucket=1, net_type=2), wanted("Old"), rows=(live(1, "old"),))
    assert error_of(plan).startswith(f"{HELD} | The name Old is not free: old (id 1")
    assert actions_of(plan) == [("replace", "new")]


def test_a_replacement_may_keep_its_name_or_take_a_free_one_or_change_its_case() -> None:
    rows = (live(1, "old"), live(2, "same"), live(3, "case"))
    entries = (wanted("new", bucket=1, net_type=2), wanted("same", net_type=2), wanted("Case", was="case", net_type=2))
    plan = plan_of(*entries, rows=rows)
    assert actions_of(plan) == [("replace", "Case"), ("replace", "new"), ("replace", "same")]
    assert plan.errors == ()


# `removed` -----------------------------------------------------------------------------------------------------------


def test_removed_deletes_by_name_for_every_prune_setting() -> None:
    row = live(1, "one")
    for prune in Prune:
        plan = plan_of(wanted("two"), rows=(row, live(2, "two")), removed=(Removed("one"),), prune=prune)
        assert plan.work == (Delete(row, "listed in `removed`"),)


def test_removed_of_a_missing_bucket_changes_nothing() -> None:
    plan = plan_of(removed=(Removed("one"), Removed("two", forget=True)))
    assert (plan.work, plan.diagnostics) == ((), ())
    plan = plan_of(removed=(Removed("one"), Removed("three")), rows=(live(3, "three"),))
    assert actions_of(plan) == [("delete", "three")]


def test_removed_of_a_bucket_with_an_entry_is_an_error() -> None:
    entry, row = wanted("new", was="one"), live(1, "one")
    span = Span("radio.yaml", 9, 3)
    plan = plan_of(entry, rows=(row,), removed=(Removed("one", span=span),))
    assert error_of(plan) == (
        "E203 Two entries select the same bucket | one is in `removed`, but an entry in `buckets` selects it: "
        f"{describe(row)}. | remove one from `removed`, or the entry from `buckets`."
    )
    assert plan.errors[0].span == span
    assert actions_of(plan) == [("rename", "new")]  # the rest of the plan is still shown


def test_removed_of_two_namesakes_is_an_error_that_shows_both_and_both_stay() -> None:
    rows = (live(2, "one"), live(1, "one"))
    span = Span("radio.yaml", 9, 3)
    plan = plan_of(wanted("two"), rows=rows, removed=(Removed("one", span=span),), prune=Prune.ACCOUNT)
    assert error_of(plan) == (
        f"E202 Two buckets in the account have this name | 2 buckets are named one: {describe(rows[0])}; "
        f"{describe(rows[1])}. | select one of them, by its id instead of the name: {{id: 2}} or {{id: 1}}"
    )
    assert actions_of(plan) == [("create", "two")]
    assert kept(plan) == [("unmanaged", "one"), ("unmanaged", "one")]
    assert plan.errors[0].span == span


def test_namesakes_that_are_removed_by_their_ids_are_deleted_in_the_order_of_the_ids() -> None:
    rows = tuple(live(number, "one") for number in (3, 2, 1))
    for ids in permutations((1, 2, 3)):
        plan = plan_of(rows=rows, removed=tuple(Removed(id=number) for number in ids))
        assert [change.live.id for change in plan.work if isinstance(change, Delete)] == [1, 2, 3]


def test_removed_of_an_ambiguous_bucket_adds_no_message() -> None:
    rows = (live(2, "new"), live(1, "one"))
    plan = plan_of(wanted("new", was="one"), rows=rows, removed=(Removed("one"),))
    assert [error.code for error in plan.errors] == ["E206"]
    assert plan.work == ()


def test_removed_never_means_a_foreign_bucket() -> None:
    plan = plan_of(rows=(live(2, "one", uid=20), live(1, "mine")), removed=(Removed("one"),), account_uid=19)
    assert plan.work == ()
    assert kept(plan) == [("foreign", "one"), ("unmanaged", "mine")]


OURS = {"stack": "radio", "ownership": True}


def test_forget_removes_our_mark_and_keeps_the_bucket() -> None:
    row = live(1, "one", marks=("acrsync:protected", "acrsync:radio"), labels=["TV"])
    span = Span("radio.yaml", 9, 3)
    plan = plan_of(wanted("two"), rows=(row, live(2, "two")), removed=(Removed("one", forget=True, span=span),), **OURS)
    forget = next(change for change in plan.work if change.name == "one")
    reason = "forget: removes the mark, keeps the bucket"
    assert forget == Update(Desired({"name": "one"}, span), row, (), reason, Marks(remove=("acrsync:radio",)))


@pytest.mark.parametrize("manifest", [OURS, {}], ids=["ours", "no ownership"])
@pytest.mark.parametrize("marks", [(), ("acrsync:tv",)])
def test_a_forgotten_bucket_is_kept_for_every_prune_setting(manifest: dict[str, JSON], marks: tuple[str, ...]) -> None:
    plan = plan_of(
        wanted("two"),
        rows=(live(1, "one", marks=marks), live(2, "two", marks=("acrsync:radio",) if manifest else ())),
        removed=(Removed("one", forget=True),),
        prune=Prune.ACCOUNT,
        **manifest,
    )
    assert plan.work == ()
    assert kept(plan) == [("in sync", "two"), ("unmanaged", "one")]


# `prune` -------------------------------------------------------------------------------------------------------------


def test_prune_deletes_unnamed_buckets() -> None:
    row = live(1, "one")
    plan = plan_of(wanted("two"), rows=(row, live(2, "two")), prune=Prune.ACCOUNT)
    assert plan.work == (Delete(row, "not in the manifest (`prune: account`)"),)
    assert kept(plan) == [("in sync", "two")]


def test_prune_deletes_nothing_if_no_bucket_is_named() -> None:
    plan = plan_of(rows=(live(1, "one"), live(2, "two")), prune=Prune.ACCOUNT, removed=(Removed("two"),))
    assert actions_of(plan) == [("delete", "two")]
    assert kept(plan) == [("unmanaged", "one")]


def test_prune_does_not_delete_an_ambiguous_bucket() -> None:
    rows = (live(1, "old"), live(2, "new"), live(3, "twin"), live(4, "twin"), live(5, "Like"), live(6, "seven"))
    entries = [wanted("new", was="old"), wanted("twin"), wanted("like"), wanted("seven", bucket=7), wanted("ok")]
    plan = plan_of(*entries, rows=rows, prune=Prune.ACCOUNT)
    assert [error.code for error in plan.errors] == ["E201", "E202", "E206", "E207"]
    assert actions_of(plan) == [("create", "ok")]
    assert {keep.live.id for keep in plan.kept} == {1, 2, 3, 4, 5, 6}
    assert {keep.kept for keep in plan.kept} == {Kept.UNMANAGED}


def test_a_name_that_only_another_account_has_is_an_error() -> None:
    plan = plan_of(wanted("shared"), rows=(live(23, "shared", uid=1), live(2, "mine")), account_uid=19)
    assert error_of(plan).startswith("E208 Name belongs to another account")
    assert plan.work == ()


# What exists and cannot be created -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "value"), [("region", "global"), ("type", "DedupFile"), ("region", "mars-1")])
def test_an_entry_that_cannot_be_created_is_an_error(key: str, value: str) -> None:
    plan = plan_of(wanted("one", **dict[str, JSON]({key: value})), wanted("two"))
    allowed = "eu-west-1, us-west-2, ap-southeast-1" if key == "region" else "File, Live, LiveRec, LiveTimeshift"
    assert error_of(plan) == (
        f"E209 This value cannot be created | Bucket one would be created with {key} {value}, which the API does not "
        f"allow. | choose one of {allowed}, or the name of an existing bucket."
    )
    assert plan.errors[0].span == desired("one").span
    assert actions_of(plan) == [("create", "two")]


def test_a_bucket_that_could_not_be_created_can_exist() -> None:
    rows = (live(1, "one", region="global"), live(2, "two", type="DedupFile"))
    plan = plan_of(wanted("one", region="global", labels=["TV"]), wanted("two", type="DedupFile"), rows=rows)
    assert actions_of(plan) == [("update", "one")]
    assert plan.errors == ()


def test_a_replacement_that_could_not_be_created_is_an_error_and_the_bucket_is_still_shown() -> None:
    row = live(1, "one", region="global")
    plan = plan_of(replace(desired("one", net_type=2, type="File"), id=1), rows=(row,))
    assert error_of(plan).startswith("E209 This value cannot be created | Bucket one would be created with reg")
    assert plan.work == ()
    assert plan.kept == (Keep(row, Kept.UNMANAGED),)


@pytest.mark.parametrize(
    ("endpoint", "region", "possible"),
    [
        ("https://api-v2.acrcloud.com", "eu-west-1", True),
        ("https://api-v2.acrcloud.com/api", "cn-north-1", False),
        ("https://cn-api-v2.acrcloud.cn/api", "cn-north-1", True),
        ("https://cn-api-v2.acrcloud.cn/api", "eu-west-1", False),
        ("http://127.0.0.1:8899", "cn-north-1", True),
        ("emulator:", "eu-west-1", True),
        ("", "cn-north-1", True),
    ],
)
def test_regions_belong_to_their_deployment(endpoint: str, region: str, possible: bool) -> None:
    plan = planned(Manifest((wanted("one", region=region),)), endpoint=endpoint)
    assert [error.code for error in plan.errors] == ([] if possible else ["E209"])
    assert bool(plan.work) is possible


# What an unfinished replacement left ---------------------------------------------------------------------------------


def test_a_lost_bucket_is_created_with_all_its_attributes() -> None:
    before = {**live(1, "one", labels=["TV"], net_type=2).attrs, "type": "Live"}
    earlier = left_open("one", before, "acrsync:radio")
    entry = wanted("one", net_type=0)
    (change,) = planned(Manifest((entry,)), earlier=earlier).work
    whole = replace(entry, attrs={**before, **entry.attrs})
    reason = "finishes an interrupted replacement"
    assert change == Create(whole, reason, Marks(add=("acrsync:radio",)))
    assert change.desired.attrs["labels"] == ["TV"]
    assert change.desired.attrs["net_type"] == 0


def test_a_lost_bucket_that_exists_again_is_left_alone() -> None:
    earlier = left_open("one", live(1, "one", labels=["TV"]).attrs)
    assert planned(Manifest((wanted("one"),)), live(2, "one"), earlier=earlier).work == ()


# The plan as a whole -------------------------------------------------------------------------------------------------


def test_a_plan_names_the_account_and_the_endpoint() -> None:
    manifest = Manifest((wanted("one"),))
    plan = planned(manifest, live(1, "one"))
    assert (plan.uid, plan.endpoint, plan.manifest) == (19, ENDPOINT, manifest)
    assert planned(Manifest()).uid is None


def test_kept_buckets_are_sorted_by_kind_and_name() -> None:
    rows = (live(9, "b"), live(8, "a"), live(7, "z", uid=20), live(6, "c"), live(5, "c"))
    plan = planned(Manifest((wanted("b"),), account_uid=19), *rows)
    assert [(keep.kept, keep.live.id) for keep in plan.kept] == [
        ("foreign", 7), ("in sync", 9), ("unmanaged", 8), ("unmanaged", 5), ("unmanaged", 6)
    ]  # fmt: skip


def test_diagnostics_are_in_reading_order_without_duplicates() -> None:
    first, second = replace(wanted("b", bucket=8), span=Span("a.yaml", 1, 1)), replace(wanted("a", bucket=9), span=None)
    plan = plan_of(second, first)
    assert [diagnostic.span for diagnostic in plan.diagnostics] == [Span("a.yaml", 1, 1), None]
    assert all(diagnostic.severity is Severity.ERROR for diagnostic in plan.diagnostics)


def test_a_bucket_that_the_server_stored_under_another_name_is_not_created_again():
    earlier = Earlier(aliases={"talk": (20, "talk-1")})
    entry = desired("talk", region="eu-west-1", type="File")
    plan = make_plan(Manifest((entry,)), Snapshot((live(20, "talk-1"),), ENDPOINT), earlier=earlier)
    assert plan.work == ()
    (problem,) = plan.errors
    assert (problem.code, "`id: 20`" in problem.fix) == ("E210", True)
    named = make_plan(Manifest((replace(entry, id=20),)), Snapshot((live(20, "talk-1"),), ENDPOINT), earlier=earlier)
    assert named.can_apply


def test_a_claimed_create_that_no_list_shows_needs_a_person_and_blocks_nothing_else():
    earlier = Earlier((Pending(Action.CREATE, "talk", attrs=PLACE, run="r1", claimed=True),))
    plan = planned(Manifest((wanted("talk"), wanted("news"))), earlier=earlier)
    assert [change.name for change in plan.work] == ["news"]
    (problem,) = plan.errors
    assert (problem.code, problem.span, plan.can_apply) == ("E212", desired("talk").span, True)
    assert "acrsync runs close r1 --reason 'talk was not created'" in problem.fix
    assert planned(Manifest((wanted("talk"),)), live(20, "talk", **PLACE), earlier=earlier).errors == ()
