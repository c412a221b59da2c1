"""Accounts as they were found in the field: rows in forms that the documentation does not show."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.commandline import Place
from emulator.api import Api

HEAD = "version: 1\naccount: {uid: 19}\n"


def found(bucket_id: int, name: Any, **values: Any) -> dict[str, Any]:
    """Return a row as an API shows it."""
    stamp = "2020-07-16 11:09:20"
    return {
        "id": bucket_id, "uid": 19, "name": name, "type": "File", "region": "eu-west-1", "metadata_template": "",
        "labels": [""], "net_type": 1, "num": 0, "size": 0, "state": 1, "access_permission": "private",
        "created_at": stamp, "updated_at": stamp,
    } | values  # fmt: skip


def copied(api: Api, *rows: dict[str, Any], contents: Any = None) -> None:
    api.reset(copy={"uid": 19, "buckets": list(rows), "contents": contents or {}})


def written(api: Api) -> list[tuple[str, str, Any]]:
    """Return each write that arrived: method, path, and the labels that were sent."""
    return [
        (entry["method"], entry["path"], entry["body"].get("labels"))
        for entry in api.requests()
        if entry["method"] != "GET"
    ]


@pytest.mark.parametrize(
    "shown",
    [{"0": "TV", "2": "News"}, {}, '["TV", "News"]', '{"0": "TV"}', 7, True, [["TV"]], [{"name": "TV"}]],
    ids=str,
)
def test_labels_that_cannot_be_read_are_not_written_and_the_other_buckets_are(place: Place, api: Api, shown: Any):
    copied(api, found(12, "b12", labels=shown), found(9, "b9", labels=["Music"]))
    place.write(
        "acrsync.yaml",
        HEAD + "stack: s\nownership: label\nbuckets:\n"
        "  - {name: b12, region: eu-west-1, type: File}\n  - {name: b9, region: eu-west-1, type: File}\n",
    )
    done = place.acrsync("apply", "--yes", "--settle", "1")
    assert (done.code, done.codes) == (6, ["E211"])
    assert written(api) == [("PUT", "/api/buckets/9", ["Music", "acrsync:s"])]
    (before,) = [row for row in api.get("/buckets")["data"] if row["id"] == 12]
    assert before["labels"] == shown
    again = place.acrsync("apply", "--yes", "--settle", "1")
    assert (again.code, again.codes) == (1, ["E211"])
    assert len(written(api)) == 1
    assert "matches" not in again.out


def test_rows_without_a_name_or_a_region_do_not_block_a_run(place: Place, api: Api):
    copied(api, found(3, None), found(2, "two", region=None), found(1, "one"))
    place.write(
        "acrsync.yaml",
        HEAD + "prune: account\nbuckets:\n  - {name: one, region: eu-west-1, type: File, labels: [TV]}\n",
    )
    done = place.acrsync("apply", "--yes", "--format", "json")
    assert done.code == 0
    assert done.document["summary"]["unreadable"] == 2
    assert [(row["id"], row["kept"], row["unreadable"]) for row in done.document["unmanaged"]] == [
        (3, "unreadable", {"name": "null"}),
        (2, "unreadable", {"region": "null"}),
    ]
    assert written(api) == [("PUT", "/api/buckets/1", ["TV"])]


def test_a_row_without_an_id_refuses_the_list(place: Place, api: Api):
    copied(api, {key: value for key, value in found(3, "three").items() if key != "id"}, found(1, "one"))
    place.write("acrsync.yaml", HEAD + "buckets:\n  - {name: new, region: eu-west-1, type: File}\n")
    done = place.acrsync("apply", "--yes")
    assert (done.code, done.codes, written(api)) == (1, ["E417"], [])


@pytest.mark.parametrize("sign", [{"size": "1487"}, {"size": 1487}, {"num": None}, {"num": "?"}, {"num": -1}], ids=str)
@pytest.mark.parametrize("how", ["removed: [{name: full}]\n", "prune: account\nlimits: {deletes: 5}\n"])
def test_a_bucket_that_may_hold_something_is_not_deleted(place: Place, api: Api, sign: dict[str, Any], how: str):
    copied(api, found(5, "full", **sign), found(1, "one"), contents={"5": {"status": 403}})
    place.write("acrsync.yaml", HEAD + how + "buckets:\n  - {name: one, region: eu-west-1, type: File}\n")
    done = place.acrsync("apply", "--yes")
    assert (done.code, written(api)) == (3, [])
    assert "E301" in done.codes


def test_an_exported_bucket_is_never_pruned(place: Place, api: Api):
    names = ["رادیو\u200cها", "I ❤\ufe0f FM", "Radio\u00a0FM", "radio", "Radio", "plain", "x\u0007"]
    copied(api, *(found(40 - at, name) for at, name in enumerate(names)), found(3, None), found(2, "two", type="Video"))
    assert place.acrsync("export", "--out", "acrsync.yaml").code == 0
    text = (place.folder / "acrsync.yaml").read_text()
    place.write("acrsync.yaml", text.replace("buckets:", "prune: account\nbuckets:", 1))
    done = place.acrsync("apply", "--yes", "--max-deletes", "100")
    assert (done.code, written(api)) == (0, []), done.out


@pytest.mark.parametrize("value", [{"metadata_template": ["a"]}, {"metadata_template": 5}, {"net_type": None}], ids=str)
def test_unreadable_values_are_an_error_only_if_the_manifest_sets_them(place: Place, api: Api, value: dict[str, Any]):
    copied(api, found(5, "odd", **value))
    wanted = "metadata_template: {b: {}}" if "metadata_template" in value else "net_type: 1"
    place.write(
        "acrsync.yaml",
        HEAD + f"buckets:\n  - name: odd\n    region: eu-west-1\n    type: File\n    {wanted}\n    labels: [TV]\n",
    )
    done = place.acrsync("apply", "--yes")
    assert (done.code, done.codes, written(api)) == (1, ["E211"], [])
    place.write("acrsync.yaml", HEAD + "buckets:\n  - {name: odd, region: eu-west-1, type: File, labels: [TV]}\n")
    done = place.acrsync("apply", "--yes")
    assert (done.code, written(api)) == (0, [("PUT", "/api/buckets/5", ["TV"])])
