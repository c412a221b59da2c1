"""What counts as a difference between a bucket and what was planned, sent, or there before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acrsync.apply.comparing import (
    differences,
    is_as_planned,
    is_as_wanted,
    is_unchanged,
    lost_keys,
    lost_values,
    read_back_mismatch,
    shows,
    stale,
)
from acrsync.diagnostics import Severity
from acrsync.model import JSON, Live
from acrsync.plan.matching import describe
from report_plans import live

ROW = live(7, "music", labels=["TV"], marks=("acrsync:radio",), metadata_template={"a": {}})
BOTH = ("acrsync:protected", "acrsync:radio")
SILENT = replace(ROW, attrs={key: value for key, value in ROW.attrs.items() if key != "net_type"})


@pytest.mark.parametrize(
    ("attrs", "marks", "as_wanted"),
    [
        ({}, (), True),
        ({"name": "music", "labels": ["TV"]}, (), True),
        ({}, ("acrsync:radio",), True),
        ({"labels": ["News"]}, (), False),
        ({"name": "music", "labels": ["News"]}, (), False),
        ({"later": "a field that is not shown"}, (), False),
        ({"name": "music"}, BOTH, False),
        ({"name": "other"}, ("acrsync:radio",), False),
    ],
)
def test_a_bucket_is_as_wanted_with_all_values_and_at_least_these_marks(
    attrs: dict[str, JSON], marks: tuple[str, ...], as_wanted: bool
) -> None:
    assert is_as_wanted(ROW, attrs, marks) is as_wanted


def test_each_difference_is_shown_with_both_values() -> None:
    assert differences(ROW, {"name": "music", "labels": ["TV"]}, ("acrsync:radio",)) == ()
    assert differences(ROW, {"name": "mu\u202e", "type": "File", "labels": []}, ()) == (
        "name is 'music', not 'mu\\u202e'",
        "labels is ['TV'], not []",
        "marks is ['acrsync:radio'], not []",
    )
    assert differences(SILENT, {"net_type": 1}, ("acrsync:radio",)) == ("net_type is None, not 1",)
    odd = replace(ROW, attrs={**ROW.attrs, "name": "mu\u202e"})
    assert differences(odd, {"name": "music"}, BOTH) == (
        "name is 'mu\\u202e', not 'music'",
        "marks is ['acrsync:radio'], not ['acrsync:protected', 'acrsync:radio']",
    )


def test_the_message_for_other_values_lists_them_all() -> None:
    found = read_back_mismatch(["name is 'a', not 'b'", "labels is [], not ['TV']"])
    assert (found.code, found.severity) == ("E505", Severity.ERROR)
    assert found.detail == (
        "The server accepted the write, but reading back shows: name is 'a', not 'b'; labels is [], not ['TV']."
    )
    assert found.fix == "check the bucket in the console; run plan to see what still differs."


@pytest.mark.parametrize(
    ("sent", "marks", "shown"),
    [
        ({"labels": ["TV"]}, ("acrsync:radio",), True),
        ({"labels": ["TV"]}, BOTH, False),
        ({"labels": ["TV"]}, (), False),
        ({"labels": ["News"]}, ("acrsync:radio",), False),
        ({"name": "music"}, BOTH, True),
        ({"name": "other"}, ("acrsync:radio",), False),
    ],
)
def test_marks_are_compared_only_if_labels_were_sent(
    sent: dict[str, JSON], marks: tuple[str, ...], shown: bool
) -> None:
    assert shows(ROW, sent, marks) is shown


def changed(*, marks: tuple[str, ...] = ROW.marks, **attrs: JSON) -> Live:
    return replace(ROW, attrs={**ROW.attrs, **attrs}, marks=marks)


@pytest.mark.parametrize(
    ("after", "sent", "lost"),
    [
        (ROW, {}, ()),
        (changed(name="other", labels=[]), {"name": "other", "labels": []}, ()),
        (changed(labels=[]), {"name": "music"}, ("labels",)),
        (changed(name="x", metadata_template=None), {"labels": []}, ("name", "metadata_template")),
        (changed(marks=()), {"name": "music"}, ("labels",)),
        (changed(marks=(), labels=[]), {"name": "music"}, ("labels",)),
        (changed(marks=(), metadata_template=None), {"name": "music"}, ("metadata_template", "labels")),
        (changed(marks=()), {"labels": ["TV"]}, ()),
        (SILENT, {"name": "music"}, ("net_type",)),
    ],
)
def test_a_value_that_was_not_sent_and_changed_is_lost(
    after: Live, sent: dict[str, JSON], lost: tuple[str, ...]
) -> None:
    assert lost_keys(ROW, after, sent) == lost


def test_a_value_that_could_not_be_read_before_is_not_lost() -> None:
    odd = replace(SILENT, marks=(), unreadable={"net_type": '"online"', "labels": "{}"})
    assert lost_keys(odd, ROW, {"name": "music"}) == ()
    assert lost_keys(odd, changed(metadata_template=None), {"name": "music"}) == ("metadata_template",)


def test_the_message_for_lost_values_shows_them_before_and_after() -> None:
    after = changed(labels=["Ne\u202e"], marks=(), metadata_template=None)
    text = lost_values(ROW, after, {"name": "music", "type": "File"}, ("labels", "metadata_template"))
    assert text == (
        f"The update of {describe(after)} sent name, type, but more changed: labels was ['TV', 'acrsync:radio'] and is "
        "['Ne\\u202e']; metadata_template was {'a': {}} and is None. No other change begins."
    )
    unread = replace(after, attrs={key: value for key, value in after.attrs.items() if key in ("name", "region")})
    assert "labels was ['TV', 'acrsync:radio'] and is []; net_type was 1 and is None." in lost_values(
        ROW, unread, {"name": "music"}, ("labels", "net_type")
    )
    back = lost_values(SILENT, changed(marks=BOTH, name="mu\u202e"), {"name": "x"}, ("net_type", "labels"))
    assert "net_type was None and is 1; labels was ['TV', 'acrsync:radio'] and is ['TV', 'acrsync:protected'," in back
    odd = lost_values(changed(name="mu\u202e"), ROW, {"labels": []}, ("name",))
    assert "name was 'mu\\u202e' and is 'music'." in odd


@pytest.mark.parametrize(
    ("fresh", "unchanged"),
    [
        (ROW, True),
        (changed(name="other"), False),
        (changed(metadata_template=None), False),
        (changed(marks=()), False),
        (replace(ROW, facts={**ROW.facts, "num": 1}), False),
        (replace(ROW, facts={}), False),
        (replace(ROW, facts={**ROW.facts, "updated_at": "2026-01-01 00:00:00"}), True),
        (SILENT, False),
        (changed(later=1), True),
    ],
)
def test_a_bucket_is_unchanged_with_the_same_values_marks_and_items(fresh: Live, unchanged: bool) -> None:
    assert is_unchanged(ROW, fresh) is unchanged


@pytest.mark.parametrize(
    ("fresh", "mentioned", "as_planned"),
    [
        (changed(labels=[]), ("name", "region"), True),
        (changed(labels=[]), ("name", "labels"), False),
        (changed(name="x", labels=["TV"]), ("name", "labels"), False),
        (changed(marks=BOTH), ("name",), False),
        (changed(marks=BOTH, name="x"), (), False),
        (SILENT, ("net_type",), False),
        (ROW, ("later",), True),
    ],
)
def test_only_mentioned_values_and_marks_must_be_as_planned(
    fresh: Live, mentioned: tuple[str, ...], as_planned: bool
) -> None:
    assert is_as_planned(ROW, fresh, mentioned) is as_planned


@pytest.mark.parametrize(
    ("fresh", "detail"),
    [(None, "The bucket no longer exists."), (ROW, "The bucket changed after the plan was made.")],
)
def test_the_message_for_a_bucket_that_someone_else_changed(fresh: Live | None, detail: str) -> None:
    found = stale(fresh)
    assert (found.code, found.severity, found.detail) == ("E506", Severity.ERROR, detail)
    assert found.fix == "run plan again and check its changes."
