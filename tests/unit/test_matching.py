"""Which bucket an entry matches, and every ambiguity that is reported instead of guessed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acrsync.diagnostics import Severity
from acrsync.model import Desired, Live
from acrsync.plan.matching import Matching, describe, match
from report_plans import desired, live


def wanted(name: str, *, bucket: int | None = None, was: str | None = None) -> Desired:
    return replace(desired(name), id=bucket, was=was)


def pairs(matching: Matching) -> dict[str, int]:
    return {entry.name: row.id for entry, row in matching.pairs}


def codes(matching: Matching) -> list[str]:
    return [diagnostic.code for diagnostic in matching.diagnostics]


def the_error(entries: list[Desired], rows: list[Live], *, foreign: tuple[Live, ...] = ()) -> tuple[Matching, str]:
    """Return the matching and the text of its only diagnostic, which is an error at an entry."""
    matching = match(entries, rows, foreign=foreign)
    (diagnostic,) = matching.diagnostics
    assert diagnostic.severity is Severity.ERROR
    assert diagnostic.span is not None
    return matching, f"{diagnostic.code} {diagnostic.summary} | {diagnostic.detail} | {diagnostic.fix}"


ONE = live(1, "one")
TWO = live(2, "two")
THREE = live(3, "three")

MATCHES = [
    pytest.param([wanted("one")], {"one": 1}, id="by name"),
    pytest.param([wanted("two"), wanted("one")], {"one": 1, "two": 2}, id="each by its name, whatever the order"),
    pytest.param([wanted("one", bucket=1)], {"one": 1}, id="by id, named as it is"),
    pytest.param([wanted("new", bucket=1)], {"new": 1}, id="by id, renamed"),
    pytest.param([wanted("new", was="one")], {"new": 1}, id="by was"),
    pytest.param([wanted("new", bucket=2, was="one")], {"new": 2}, id="id goes before was"),
    pytest.param([wanted("two", bucket=1), wanted("one", bucket=2)], {"one": 2, "two": 1}, id="a swap by ids"),
    pytest.param(
        [wanted("two", was="one"), wanted("new", was="two")],
        {"two": 1, "new": 2},
        id="a chain is followed from its end",
    ),
    pytest.param(
        [wanted("two", was="one"), wanted("three", was="two"), wanted("four", was="three")],
        {"two": 1, "three": 2, "four": 3},
        id="a chain of three",
    ),
    pytest.param(
        [wanted("two", was="one"), wanted("new", bucket=2)], {"two": 1, "new": 2}, id="a name that an id frees"
    ),
]


@pytest.mark.parametrize(("entries", "means"), MATCHES)
def test_an_entry_matches_by_id_then_by_was_then_by_name(entries: list[Desired], means: dict[str, int]) -> None:
    for order in (entries, entries[::-1]):
        matching = match(order, [ONE, TWO, THREE])
        assert pairs(matching) == means
        assert not matching.diagnostics
        assert not matching.unmatched
        assert not matching.in_question


def test_pairs_come_in_the_order_of_names() -> None:
    matching = match([wanted("two", bucket=1), wanted("one", bucket=2)], [ONE, TWO])
    assert [entry.name for entry, _ in matching.pairs] == ["one", "two"]


def test_an_entry_without_a_match_is_created() -> None:
    matching = match([wanted("new"), wanted("one")], [ONE])
    assert [entry.name for entry in matching.unmatched] == ["new"]
    assert pairs(matching) == {"one": 1}


def test_a_bucket_without_an_entry_is_not_ambiguous() -> None:
    matching = match([], [ONE, ONE, TWO])
    assert matching == Matching((), (), frozenset(), ())


# `was` that has done its work, or never had any ----------------------------------------------------------------------


def test_if_the_old_name_is_gone_a_hint_suggests_to_remove_was() -> None:
    matching = match([wanted("one", was="zero")], [ONE])
    assert pairs(matching) == {"one": 1}
    (hint,) = matching.diagnostics
    assert (hint.severity, hint.code, hint.summary) == (Severity.HINT, "H201", "This `was` has no effect")
    assert hint.detail == "No bucket is named zero now."
    assert hint.fix == "remove `was: zero`."
    assert hint.span == wanted("one").span


def test_a_was_that_matches_no_bucket_does_not_hide_a_create() -> None:
    matching = match([wanted("new", was="onne")], [ONE])
    assert [entry.name for entry in matching.unmatched] == ["new"]
    (warning,) = matching.diagnostics
    assert (warning.severity, warning.code) == (Severity.WARNING, "W211")
    assert (warning.summary, warning.span) == ("This `was` renames nothing", wanted("new").span)
    assert warning.detail == "No bucket is named onne or new, so new would be created, empty."
    assert warning.fix == "correct `was: onne` to rename a bucket, or remove it to create one."


def test_an_applied_was_beside_an_entry_for_the_old_name_is_a_hint() -> None:
    matching = match([wanted("one", was="two"), wanted("two")], [ONE, TWO])
    assert pairs(matching) == {"one": 1, "two": 2}
    (hint,) = matching.diagnostics
    assert (hint.severity, hint.code) == (Severity.HINT, "H201")
    assert hint.detail == "Bucket one exists, and two has its own entry."
    assert hint.fix == "remove `was: two`."


def test_an_applied_was_is_a_hint_even_if_an_id_matches_the_old_bucket() -> None:
    matching = match([wanted("one", was="two"), wanted("new", bucket=2)], [ONE, TWO])
    assert pairs(matching) == {"one": 1, "new": 2}
    assert codes(matching) == ["H201"]


def test_an_applied_chain_is_not_followed() -> None:
    matching = match([wanted("two", was="one"), wanted("three", was="two")], [TWO, THREE])
    assert pairs(matching) == {"two": 2, "three": 3}
    assert codes(matching) == ["H201", "H201"]


@pytest.mark.parametrize("done", range(4), ids=lambda done: f"{done} links done")
def test_an_interrupted_chain_continues(done: int) -> None:
    names = ["one", "two", "three"]
    after = ["two", "three", "four"]
    rows = [live(i, after[i - 1] if i > 3 - done else names[i - 1]) for i in (1, 2, 3)]
    entries = [wanted("two", was="one"), wanted("three", was="two"), wanted("four", was="three")]
    matching = match(entries, rows)
    assert pairs(matching) == {"two": 1, "three": 2, "four": 3}
    assert all(diagnostic.severity is Severity.HINT for diagnostic in matching.diagnostics)
    assert len(matching.diagnostics) == done


# Errors: each names both sides and says what to paste ----------------------------------------------------------------


def test_an_id_that_is_not_listed_is_an_error() -> None:
    matching, text = the_error([wanted("new", bucket=9)], [ONE])
    assert text == (
        "E201 Bucket id is not listed | Bucket new has `id: 9`, which the account does not list. "
        "No bucket has the name. | remove `id`, or correct it."
    )
    assert not matching.unmatched  # an error is never a create
    assert not matching.in_question


def test_for_an_unknown_id_the_error_names_the_bucket_with_that_name() -> None:
    matching, text = the_error([wanted("one", bucket=9)], [ONE])
    assert text == (
        "E201 Bucket id is not listed | Bucket one has `id: 9`, which the account does not list. "
        f"The name belongs to {describe(ONE)}. | write `id: 1`, or remove `id`."
    )
    assert not matching.pairs
    assert matching.in_question == {1}


def test_two_live_buckets_with_one_managed_name_are_an_error_that_shows_both() -> None:
    rows = [live(5, "one", region="us-west-2", type="Live", num=7), live(4, "one", num=None)]
    matching, text = the_error([wanted("one")], rows)
    assert text == (
        "E202 Two buckets in the account have this name | 2 buckets are named one: "
        "one (id 5, us-west-2, Live, 7 items, created unknown); "
        "one (id 4, eu-west-1, File, unknown number of items, created unknown)."
        " | select one of them: add `id: 5` or `id: 4`."
    )
    assert matching.in_question == {4, 5}


def test_a_was_that_matches_several_buckets_is_an_error_that_shows_all() -> None:
    matching, text = the_error([wanted("new", was="one")], [live(5, "one"), live(4, "one"), live(3, "one")])
    assert text.startswith("E202 Two buckets in the account have this name | 3 buckets are named one: ")
    assert text.endswith("select one of them: add `id: 5` or `id: 4` or `id: 3`.")
    assert matching.in_question == {3, 4, 5}
    assert not matching.unmatched


def test_an_id_selects_one_of_two_namesakes() -> None:
    matching = match([wanted("one", bucket=4)], [live(5, "one"), live(4, "one")])
    assert codes(matching) == []
    assert pairs(matching) == {"one": 4}


def test_namesakes_can_both_be_managed_after_one_is_renamed_by_id() -> None:
    matching = match([wanted("one"), wanted("new", bucket=4)], [live(5, "one"), live(4, "one")])
    assert codes(matching) == ["E202"]  # by its name alone, `one` means either
    matching = match([wanted("one", bucket=5), wanted("new", bucket=4)], [live(5, "one"), live(4, "one")])
    assert pairs(matching) == {"one": 5, "new": 4}


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([wanted("a", bucket=1), wanted("b", was="one")], id="by id and by was"),
        pytest.param([wanted("a", bucket=1), wanted("one")], id="by id and by name"),
        pytest.param([wanted("a", was="one"), wanted("b", was="one")], id="by was twice"),
        pytest.param([wanted("a", was="one"), wanted("one")], id="by was and by name"),
    ],
)
def test_a_bucket_matched_by_two_entries_is_an_error_that_shows_both(entries: list[Desired]) -> None:
    for order in (entries, entries[::-1]):
        matching, text = the_error(order, [ONE, TWO])
        first, second = sorted(entry.name for entry in entries)
        assert text == (
            f"E203 Two entries select the same bucket | {first} and {second} both select bucket {describe(ONE)}. | "
            "remove `id` or `was` from one of them; to rename a bucket and create one of its old name, apply twice."
        )
        assert matching.in_question == {1}
        assert not matching.pairs
        assert not matching.unmatched


def test_old_and_new_name_both_live_are_an_error_that_shows_both() -> None:
    matching, text = the_error([wanted("two", was="one")], [ONE, TWO])
    assert text == (
        "E206 Both the old and the new name exist | `was` says that two was named one, but both exist: "
        f"{describe(ONE)} and {describe(TWO)}. acrsync cannot know which one you mean. | remove `was: one`; or write "
        "`id: 1`, and rename or delete the other one."
    )
    assert matching.in_question == {1, 2}  # so that prune takes neither
    matching, text = the_error([wanted("two", was="one")], [ONE, TWO, live(3, "two")])
    assert f"both exist: {describe(ONE)} and {describe(TWO)}, {describe(live(3, 'two'))}. acrsync cannot know" in text
    assert matching.in_question == {1, 2, 3}


@pytest.mark.parametrize(
    "live_name", ["ONE", "o ne", "one\N{ZERO WIDTH SPACE}", "\N{FULLWIDTH LATIN SMALL LETTER O}ne"]
)
def test_a_live_name_that_only_looks_the_same_is_an_error_never_a_create(live_name: str) -> None:
    row = live(7, live_name)
    matching, text = the_error([wanted("one")], [row])
    assert text.startswith(
        f"E207 An existing name looks like this one | No bucket is named one, but {describe(row)} exists. "
    )
    assert "write the existing name, or add `was: " in text
    assert matching.in_question == {7}
    assert not matching.unmatched


def test_an_exact_name_takes_precedence_over_a_look_alike() -> None:
    matching = match([wanted("one")], [live(7, "ONE"), ONE])
    assert pairs(matching) == {"one": 1}
    assert not matching.diagnostics


def test_a_look_alike_name_that_is_freed_is_not_an_error() -> None:
    matching = match([wanted("one"), wanted("new", was="ONE")], [live(7, "ONE")])
    assert pairs(matching) == {"new": 7}
    assert [entry.name for entry in matching.unmatched] == ["one"]
    assert not matching.diagnostics


def test_a_rename_may_change_nothing_but_case() -> None:
    matching = match([wanted("One", was="one")], [ONE])
    assert pairs(matching) == {"One": 1}
    assert not matching.diagnostics


@pytest.mark.parametrize(
    ("entries", "rows"),
    [
        pytest.param([wanted("two", bucket=1)], [ONE, TWO], id="unmanaged"),
        pytest.param([wanted("Two", was="one")], [ONE, TWO], id="in another case"),
    ],
)
def test_a_rename_onto_a_bucket_that_stays_is_an_error(entries: list[Desired], rows: list[Live]) -> None:
    matching, text = the_error(entries, rows)
    assert text.startswith(f"E204 The new name is taken | {describe(ONE)} must be renamed to {entries[0].name}")
    assert f"but {describe(TWO)} keeps that name." in text
    assert text.endswith("rename or delete that bucket first, in a separate apply.")
    assert matching.in_question == {1, 2}
    assert not matching.pairs


def test_every_rename_is_checked_independently() -> None:
    entries = [wanted("free", bucket=1), wanted("three", bucket=2), wanted("free too", bucket=4)]
    for ids in ((1, 2, 4), (4, 2, 1)):
        rows = [live(ids[0], "one"), live(ids[1], "two"), THREE, live(ids[2], "four")]
        assert codes(match(entries, rows)) == ["E204"]


FOREIGN = live(23, "shared", uid=1)


@pytest.mark.parametrize(
    ("entry", "rows"),
    [
        pytest.param(wanted("shared"), [ONE], id="to be created"),
        pytest.param(wanted("shared", bucket=1), [ONE], id="to be renamed by id"),
        pytest.param(wanted("shared", was="one"), [ONE], id="to be renamed by was"),
    ],
)
def test_a_name_that_only_a_foreign_row_has_is_an_error(entry: Desired, rows: list[Live]) -> None:
    matching, text = the_error([entry], rows, foreign=(FOREIGN,))
    assert text == (
        "E208 Name belongs to another account | shared is a bucket of account 1: "
        f"{describe(FOREIGN)}. | choose another name, or correct `account: {{uid: ...}}`."
    )
    assert not matching.unmatched
    assert not matching.pairs


def test_a_name_in_our_and_a_foreign_account_is_ours() -> None:
    matching = match([wanted("shared")], [live(3, "shared")], foreign=(FOREIGN,))
    assert pairs(matching) == {"shared": 3}
    assert not matching.diagnostics


def test_a_foreign_bucket_is_never_matched_by_was_or_id() -> None:
    matching = match([wanted("new", was="shared")], [ONE], foreign=(FOREIGN,))
    assert [entry.name for entry in matching.unmatched] == ["new"]
    assert codes(matching) == ["W211"]
    _, text = the_error([wanted("new", bucket=23)], [ONE], foreign=(FOREIGN,))
    assert text.startswith("E201")


def test_other_entries_are_matched_beside_an_ambiguous_one() -> None:
    matching = match([wanted("one"), wanted("two"), wanted("new")], [ONE, live(5, "two"), TWO])
    assert codes(matching) == ["E202"]
    assert pairs(matching) == {"one": 1}
    assert [entry.name for entry in matching.unmatched] == ["new"]


def test_hidden_characters_of_a_live_name_are_shown_as_escapes() -> None:
    row = live(7, "one\u202e\n", region="eu\x1b[31m", type="Fi\rle")
    assert describe(row) == "one\\u{202e}\\x0a (id 7, eu\\x1b[31m, Fi\\x0dle, 0 items, created unknown)"


def test_the_message_describes_namesakes_by_server_data() -> None:
    row = replace(ONE, facts={"num": 1, "created_at": "2016-05-01 07:10:16"})
    assert describe(row) == "one (id 1, eu-west-1, File, 1 item, created 2016-05-01 07:10:16)"
    assert describe(replace(ONE, facts={})) == "one (id 1, eu-west-1, File, unknown number of items, created unknown)"


def test_a_bucket_is_described_by_what_can_be_read_of_it() -> None:
    bare = Live(7, {}, facts={"num": 3}, unreadable={"name": "null", "region": "null", "type": "null"})
    assert describe(bare) == "without a name (id 7, region unknown, type unknown, 3 items, created unknown)"


def test_a_refused_rename_keeps_its_name_for_all_other_entries() -> None:
    entries = [wanted("Two", was="one"), wanted("ONE"), wanted("One2", was="three"), wanted("THREE")]
    matching = match(entries, [ONE, TWO, THREE, live(4, "one2")])
    assert codes(matching) == ["E204", "E204", "E207", "E207"]
    assert matching.unmatched == ()


def test_a_rename_to_the_name_that_a_refused_rename_keeps_is_refused_too() -> None:
    matching = match([wanted("Two", bucket=1), wanted("One", bucket=3)], [ONE, TWO, THREE])
    assert codes(matching) == ["E204", "E204"]
    assert f"{describe(THREE)} must be renamed to One, but {describe(ONE)} keeps that name." in [
        diagnostic.detail for diagnostic in matching.diagnostics
    ]


def test_a_create_that_looks_like_a_bucket_selected_by_its_id_leaves_that_bucket_alone() -> None:
    matching = match([wanted("ONE", bucket=7), wanted("one")], [live(7, "ONE")])
    assert codes(matching) == ["E207"]
    assert matching.in_question == {7}
    assert not matching.pairs
    assert not matching.unmatched


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Two words", "Two words"), ("new ", '"new "'), ("#1", '"#1"'), ("YES", '"YES"'), ("a: b", '"a: b"')],
)
def test_a_name_in_a_fix_line_is_in_quotes_if_yaml_needs_them(name: str, shown: str) -> None:
    _, text = the_error([wanted(name.swapcase() + " ")], [live(1, name)])
    assert f"or add `was: {shown}` to rename that bucket." in text
