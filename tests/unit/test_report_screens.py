"""How texts fit a screen: colours that can be read, lines that break between words, many changes of one shape."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml

from acrsync.model import Prune
from acrsync.plan.changes import Create, Delete, Update
from acrsync.plan.outcome import ExitCode
from acrsync.report import PLAIN, Style, plan_text
from acrsync.report.parts import parts
from acrsync.report.style import Tone
from acrsync.report.table import table
from acrsync.report.wrapping import columns, wrapped
from report_plans import EVERYTHING, RUN, desired, live, plan_of

NARROW = Style(width=60)


# Colours -------------------------------------------------------------------------------------------------------------

BACKGROUNDS = {
    "white": (255, 255, 255),
    "light Solarized": (0xFD, 0xF6, 0xE3),
    "black": (0, 0, 0),
    "dark grey": (0x1E, 0x1E, 0x1E),
    "dark Solarized": (0, 0x2B, 0x36),
    "One Dark": (0x28, 0x2C, 0x34),
    "aubergine": (0x30, 0x0A, 0x24),
}
LEVELS = (0, 95, 135, 175, 215, 255)


def luminance(colour: tuple[int, int, int]) -> float:
    parts = [value / 255 for value in colour]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def of_terminal(number: int) -> tuple[int, int, int]:
    """Return one of the 240 colours that all terminals show alike."""
    if number >= 232:
        return (8 + (number - 232) * 10,) * 3
    return LEVELS[(number - 16) // 36], LEVELS[(number - 16) // 6 % 6], LEVELS[(number - 16) % 6]


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_color_is_readable_on_light_and_dark_screens(background):
    for tone in Tone:
        if tone is not Tone.STRONG:
            one, other = luminance(of_terminal(int(tone.rpartition(";")[2]))), luminance(BACKGROUNDS[background])
            assert (max(one, other) + 0.05) / (min(one, other) + 0.05) >= 3, tone


# Lines ---------------------------------------------------------------------------------------------------------------

LINES = [
    ("  fix: one two three four five six seven", "  fix: one two three four five\n       six seven", "under the text"),
    ("  one two three four five six seven eight", "  one two three four five six\n  seven eight", "a paragraph"),
    ("error[E1]: one two three four five six seven", "error[E1]: one two three four\n  five six seven", "a first line"),
    (
        "  labels  + one, two, three, four, five, six",
        "  labels  + one, two, three,\n            four, five, six",
        "a column",
    ),
    (
        "  - {guard: replace, id: 1, reason: OPS}",
        "  - {guard: replace, id: 1,\n      reason: OPS}",
        "YAML goes on deeper",
    ),
    ("x " + "y" * 60, "x\n" + "y" * 60, "nothing breaks within a word"),
    (
        "run the command `acrsync plan --out plan.json`",
        "run the command\n`acrsync plan --out plan.json`",
        "a command",
    ),
    ("short", "short", "what fits stays"),
]


@pytest.mark.parametrize(("line", "expected", "reason"), LINES, ids=[case[-1] for case in LINES])
def test_a_line_breaks_between_words_and_is_indented(monkeypatch, line, expected, reason):
    monkeypatch.setattr("acrsync.report.wrapping.NARROWEST", 30)
    assert wrapped(line, 30) == expected, reason
    assert wrapped(line, None) == line


def test_wide_letters_take_two_columns_and_marks_none():
    assert [columns(text) for text in ("abc", "音楽", "e\u0301", "\u200b")] == [3, 4, 1, 0]


def test_at_sixty_columns_a_plan_has_the_same_words_and_no_line_is_wider():
    text, narrow = plan_text(EVERYTHING, style=PLAIN), plan_text(EVERYTHING, style=NARROW)
    assert narrow.split() == text.split()
    too_wide = [line for line in narrow.splitlines() if columns(line) > 60]
    assert all(len(line.split()) == 1 for line in too_wide), too_wide


def test_text_to_paste_means_the_same_after_wrapping():
    text = 'allow:\n  - {guard: replace, id: 8881, reason: "a reason of many words, and of more than fit a line"}'
    assert wrapped(text, 40) != text
    assert yaml.safe_load(wrapped(text, 40)) == yaml.safe_load(text)


def test_a_table_is_in_line_or_a_block_for_each_row():
    rows = [("1", "音楽", "File", ""), ("22", "b", "Live", "")]
    assert table(("id", "name", "type", "empty"), rows, style=PLAIN) == (
        "id  name  type\n1   音楽  File\n22  b     Live\n"
    )
    wide = [("1", "a" * 30, "eu-west-1", "x" * 30), ("22", "b", "us-west-2", "y")]
    assert table(("id", "name", "region", "more"), wide, style=NARROW) == (
        f"1   {'a' * 30}\n    eu-west-1, {'x' * 30}\n22  b\n    us-west-2, y\n"
    )


# Order ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "trouble"), [(0, False), (2, False), (1, True), (3, True), (6, True)])
def test_changes_come_before_notes_unless_something_went_wrong(code, trouble):
    found = parts(plan_of(creates(1), notes=("a fact",)), replace(RUN, exit_code=ExitCode(code)), style=PLAIN)
    assert found.trouble is trouble


# Many changes of one shape -------------------------------------------------------------------------------------------


def creates(count: int, **attrs) -> tuple[Create, ...]:
    wanted = {"region": "eu-west-1", "type": "File", **attrs}
    return tuple(Create(desired(f"radio-{number:02}", **wanted), "not in the account") for number in range(count))


def test_forty_like_creates_are_one_block_with_all_names():
    text = plan_text(plan_of(creates(40)), style=PLAIN)
    assert (
        "  + 40 buckets  # not in the account\n      region  eu-west-1\n      type    File\n      names   radio-00, "
        in text
    )
    assert re.findall(r"radio-\d\d", text) == [f"radio-{number:02}" for number in range(40)]
    assert "Plan: 40 to create." in text


def test_ten_changes_and_differing_ones_are_not_grouped():
    assert plan_text(plan_of(creates(10)), style=PLAIN).count("+ radio-") == 10
    mixed = (*creates(11), Create(desired("other", region="us-west-2", type="File"), "not in the account"))
    text = plan_text(plan_of(mixed), style=PLAIN)
    assert "+ 11 buckets" in text
    assert "+ other  # not in the account\n" in text


def test_grouped_deletes_are_named_with_their_ids():
    deletes = tuple(Delete(live(number, f"old-{number}"), "listed in `removed`") for number in range(1, 13))
    text = plan_text(plan_of(deletes), style=PLAIN)
    assert "  - 12 buckets, each eu-west-1, File, 0 items  # listed in `removed`\n" in text
    assert all(f"old-{number} (id {number})" in text for number in range(1, 13))
    full = (*deletes, Delete(live(99, "full", num=7), "listed in `removed`"))
    assert "  - full (id 99, eu-west-1, File, 7 items)" in plan_text(plan_of(full), style=PLAIN)


def test_equal_updates_are_grouped_and_renames_never():
    rows = [live(number, f"b{number}", labels=["Old"]) for number in range(1, 13)]
    updates = tuple(Update(desired(row.name, labels=["New"]), row, ("labels",), "differs in labels") for row in rows)
    text = plan_text(plan_of(updates), style=PLAIN)
    assert (
        "  ~ 12 buckets  # differs in labels\n      labels  + New  - Old\n      names   b1 (id 1), b2 (id 2), " in text
    )
    renames = tuple(
        Update(desired(f"new-{row.name}", labels=["Old"]), row, ("name",), "differs in name") for row in rows
    )
    assert plan_text(plan_of(renames), style=PLAIN).count("-> new-b") == 12


def test_a_delete_by_prune_says_how_to_keep_the_bucket():
    delete = Delete(live(5, "moving", marks=("acrsync:radio",)), "not in the manifest (`prune: stack`)")
    plan = plan_of((delete,))
    plan = replace(plan, manifest=replace(plan.manifest, prune=Prune.STACK, stack="radio", ownership=True))
    line = 'to keep it, without this stack\'s mark: `removed: [{name: "moving", forget: true}]`'
    assert line in plan_text(plan, style=PLAIN)
    many = tuple(Delete(live(n, f"b{n}", marks=("acrsync:radio",)), delete.reason) for n in range(12))
    text = plan_text(replace(plan, waves=(many,)), style=PLAIN)
    assert text.count("- 12 buckets") == 1
