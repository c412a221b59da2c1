"""The one form in which each field compares, and how each travels."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrsync.bucket import FIELDS, canonical, content_path, decode, encode
from acrsync.model import JSON, Live

ROW: dict[str, JSON] = {
    "id": 8881, "uid": 19, "name": "music", "type": "File", "node": "", "state": 1, "region": "ap-southeast-1",
    "metadata_template": '{"artist":{"default":"abc"}, "album":{\n"type":"select"}}', "labels": ["Video", "Music"],
    "net_type": 1, "created_at": "2019-03-01 15:31:25", "updated_at": "2019-08-16 07:17:32", "num": 10,
    "size": "300000", "access_permission": "private", "tags": {"plan": "trial"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "given", "form"),
    [
        ("labels", ["b", "a"], ["a", "b"]),
        ("labels", ["a", "a"], ["a"]),
        ("labels", [""], []),
        ("labels", ["", "a"], ["a"]),
        ("labels", [None], []),
        ("labels", [], []),
        ("labels", None, []),
        ("labels", "", []),
        ("labels", "b,a", ["a", "b"]),
        ("labels", [5], ["5"]),
        ("metadata_template", None, None),
        ("metadata_template", "", None),
        ("metadata_template", " \n", None),
        ("metadata_template", "null", None),
        ("metadata_template", {}, None),
        ("metadata_template", "{}", None),
        ("metadata_template", "[]", None),
        ("metadata_template", [], None),
        ("metadata_template", '{"a": {"default": "1"}}', {"a": {"default": "1"}}),
        ("metadata_template", {"a": {}}, {"a": {}}),
        ("metadata_template", "no json", "no json"),
        ("metadata_template", '"a"', '"a"'),
        ("metadata_template", "[1]", "[1]"),
        ("metadata_template", '{"a": NaN}', '{"a": NaN}'),
        ("metadata_template", '{"a": 1e999}', '{"a": 1e999}'),
        ("metadata_template", "[" * 100_000, "[" * 100_000),
        ("net_type", "2", 2),
        ("net_type", 2, 2),
        ("net_type", "", ""),
        ("net_type", "-1", "-1"),
        ("net_type", "²", "²"),
        ("net_type", None, None),
        ("name", "  as it is ", "  as it is "),
        ("region", "mars-1", "mars-1"),
    ],
)
def test_a_value_has_one_canonical_form(key: str, given: JSON, form: JSON) -> None:
    found = canonical({key: given})
    assert found == {key: form}
    assert type(found[key]) is type(form)
    assert canonical(found) == found


texts = st.text(max_size=8) | st.sampled_from(["", ",", "a,b", "acrsync:x", '{"a":{}}', "[]", "null", "1", "{"])
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@given(values)
def test_canonical_is_idempotent(value: JSON) -> None:
    for key in FIELDS:
        if key == "labels" and not isinstance(value, str | list | None):
            continue
        once = canonical({key: value})
        assert canonical(once) == once


@given(st.none() | st.dictionaries(texts, st.dictionaries(texts, texts, max_size=2), max_size=3))
def test_a_template_survives_encoding_and_decoding(template: JSON) -> None:
    sent = encode(canonical({"metadata_template": template}))["metadata_template"]
    assert isinstance(sent, str)
    assert canonical({"metadata_template": sent}) == canonical({"metadata_template": template})


def test_only_known_keys_are_kept_in_the_order_of_the_table() -> None:
    assert list(canonical(dict.fromkeys(("zone", *sorted(FIELDS), "num")))) == list(FIELDS)
    assert [key for key, field in FIELDS.items() if field.immutable] == ["region", "type", "net_type"]


def test_a_row_is_read_as_a_live_bucket() -> None:
    assert decode(ROW) == Live(
        id=8881,
        attrs={
            "name": "music",
            "region": "ap-southeast-1",
            "type": "File",
            "net_type": 1,
            "labels": ["Music", "Video"],
            "metadata_template": {"artist": {"default": "abc"}, "album": {"type": "select"}},
        },
        facts={
            "uid": 19,
            "num": 10,
            "state": 1,
            "size": "300000",
            "access_permission": "private",
            "created_at": "2019-03-01 15:31:25",
            "updated_at": "2019-08-16 07:17:32",
        },
    )


def test_numbers_that_come_as_text_are_numbers() -> None:
    live = decode({**ROW, "id": "8881", "uid": "19", "num": "10", "net_type": "1", "size": "7"})
    assert (live.id, live.uid, live.facts["num"], live.attrs["net_type"], live.facts["size"]) == (8881, 19, 10, 1, "7")


def test_marks_are_not_labels() -> None:
    live = decode({**ROW, "labels": ["b", "acrsync:radio", "a", "acrsync:protected", "acrsync", "xacrsync:"]})
    assert live.attrs["labels"] == ["a", "acrsync", "b", "xacrsync:"]
    assert live.marks == ("acrsync:protected", "acrsync:radio")


def test_a_missing_field_is_none_if_it_is_nullable_and_absent_otherwise() -> None:
    live = decode({"id": 1, "name": "a"})
    assert live.attrs == {"name": "a", "labels": [], "metadata_template": None}
    assert live.facts == {}


def test_a_request_holds_only_the_given_fields() -> None:
    assert encode({"name": "a", "net_type": 2}) == {"name": "a", "net_type": 2}
    assert encode({}) == {}
    assert encode({"metadata_template": None}) == {"metadata_template": ""}
    assert encode({"metadata_template": "no json"}) == {"metadata_template": "no json"}
    text = encode({"metadata_template": {"b": {"default": "é"}, "a": {}}})["metadata_template"]
    assert isinstance(text, str)
    assert "é" in text
    assert list(json.loads(text)) == ["b", "a"]  # key order is the order of display


def test_marks_are_sent_with_the_labels() -> None:
    assert encode({"labels": ["a"]}, marks=("acrsync:x",)) == {"labels": ["a", "acrsync:x"]}
    assert encode({"labels": []}, marks=()) == {"labels": []}
    assert encode({"name": "a"}, marks=("acrsync:x",)) == {"name": "a", "labels": ["acrsync:x"]}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("File", "files"),
        ("Live", "channels"),
        ("LiveRec", "channels"),
        ("LiveTimeshift", "channels"),
        ("DedupFile", "dedup-files"),
        ("Newer", "files"),
    ],
)
def test_each_type_counts_its_content_in_its_own_list(kind: str, path: str) -> None:
    assert content_path(decode({**ROW, "type": kind})) == path
