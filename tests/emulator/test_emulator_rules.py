"""What the API accepts, refuses and answers under the profile `documented`."""

import re
import time

import pytest
import requests

from acrsync.emulator import serve

WANTED = {"name": "radio", "region": "eu-west-1", "type": "File"}


def test_a_new_account_is_exactly_the_documented_list(api):
    keys = ("id", "name", "type", "region", "labels", "metadata_template", "net_type", "num", "size")
    rows = api.get("/buckets")["data"]
    assert [tuple(row[key] for key in keys) for row in rows] == [
        (14791, "test", "Live", "eu-west-1", ["TV"], None, 1, 0, 0),
        (14556, "adsfasdf", "LiveTimeshift", "eu-west-1", [""], "", 1, 0, 0),
        (12310, "eu_shared_bucket2", "LiveRec", "eu-west-1", ["Radio"], "", 1, 0, 0),
        (12309, "eu_shared_bucket", "LiveRec", "eu-west-1", ["Radio"], "", 1, 0, 0),
        (1159, "us_bucket", "File", "global", ["Music"], "", 0, 7, "1487"),
        (1116, "offline-bucket", "File", "eu-west-1", ["Music"], "", 2, 0, 0),
    ]
    assert [row.get("node", "absent") for row in rows] == ["absent"] * 3 + ["", "absent", "10.12.12.236-850"]
    assert {(row["uid"], row["state"], row["access_permission"]) for row in rows} == {(19, 1, "private")}
    assert rows[0]["created_at"] == "2020-07-16 11:09:20"
    assert rows[-1]["created_at"] == "2016-05-01 07:10:16"


def test_a_created_bucket_reads_back_as_it_was_answered(api):
    template = '{"artist":{"default":"abc"}, "album":{\n"type":"select"}}'
    answer = api.post("/buckets", {**WANTED, "net_type": 2, "labels": ["A", "B"], "metadata_template": template})
    row = answer.json()["data"]
    assert answer.status_code == 201
    assert api.get(f"/buckets/{row['id']}") == {"data": row}
    assert (row["labels"], row["metadata_template"], row["net_type"]) == (["A", "B"], template, 2)
    assert list(row) == [
        "id", "uid", "name", "type", "state", "region", "metadata_template", "labels", "net_type", "created_at",
        "updated_at", "num", "size", "access_permission",
    ]  # fmt: skip


def test_missing_fields_have_the_documented_empty_value(api):
    row = api.create("radio")
    assert (row["labels"], row["metadata_template"], row["net_type"]) == ([""], None, 1)
    assert (row["num"], row["size"], row["uid"], row["access_permission"]) == (0, 0, 19, "private")


def test_times_are_those_of_the_clock_in_utc():
    with serve(clock=lambda: 1_700_000_000.0) as running:
        headers = {"Authorization": f"Bearer {running.token}"}
        answer = requests.post(f"{running.url}/api/buckets", json=WANTED, headers=headers, timeout=5)
    assert answer.json()["data"]["created_at"] == "2023-11-14 22:13:20"
    now = time.strftime("%Y-%m-%d", time.gmtime())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", now)


def test_an_id_is_never_used_again(api):
    first = api.create("radio")["id"]
    api.delete(f"/buckets/{first}")
    assert api.create("radio")["id"] == first + 1 == 14793


@pytest.mark.parametrize("name", ["test", "TEST", " test "])
def test_a_name_that_is_taken_is_refused(api, name):
    answer = api.post("/buckets", {**WANTED, "name": name})
    assert (answer.status_code, answer.json()) == (
        422,
        {"message": "The given data was invalid.", "errors": {"name": ["The name has already been taken."]}},
    )
    assert api.put("/buckets/1116", {"name": name}).status_code == 422


def test_a_bucket_may_keep_its_own_name(api):
    assert api.change(14791, name="test")["name"] == "test"
    assert api.change(14791, name="TEST")["name"] == "TEST"


def test_all_problems_of_a_body_are_reported(api):
    answer = api.post(
        "/buckets", {"name": "", "region": "global", "net_type": 3, "labels": [1], "metadata_template": {}}
    )
    assert answer.json()["errors"] == {
        "region": ["The selected region is invalid."],
        "type": ["The type field is required."],
        "name": ["The name field is required."],
        "net_type": ["The selected net type is invalid."],
        "labels": ["The labels must be an array of strings."],
        "metadata_template": ["The metadata template must be a string."],
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None), ("name", "  "), ("name", 5), ("name", ["x"]), ("name", "x" * 256), ("region", "mars"),
        ("region", ["eu-west-1"]), ("type", "DedupFile"), ("type", 1), ("net_type", True), ("net_type", "3"),
        ("net_type", 1.0), ("net_type", [1]), ("labels", {"a": "b"}), ("labels", [["a"]]), ("labels", 7),
        ("metadata_template", 5), ("metadata_template", ["a"]),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_a_422_on_its_field(api, field, value):
    answer = api.post("/buckets", {**WANTED, field: value})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
    assert len(api.ids()) == 6


def test_an_empty_put_is_harmless(api):
    before = api.get("/buckets/14791")
    assert api.put("/buckets/14791", {}).json() == before


def test_a_put_changes_what_it_names_and_nothing_else(api):
    before = api.get("/buckets/14791")["data"]
    after = api.change(14791, labels=["Radio"])
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == {**before, "labels": ["Radio"]}


def test_immutable_fields_are_ignored_silently(api):
    before = api.get("/buckets/14791")
    sent = {"region": "us-west-2", "type": "File", "net_type": 2, "id": 5, "uid": 1, "num": 9, "state": 0, "x": 1}
    assert api.put("/buckets/14791", sent).json() == before


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (["A", "B"], ["A", "B"]), (["A,B", "C"], ["A", "B", "C"]), ("A,B", ["A", "B"]), ([], [""]), ("", [""]),
        (None, [""]), ([""], [""]), (["é", "A "], ["é", "A "]),
    ],
)  # fmt: skip
def test_labels_read_back_as_from_a_column_joined_by_commas(api, sent, read):
    assert api.change(14791, labels=sent)["labels"] == read
    assert api.get("/buckets/14791")["data"]["labels"] == read


@pytest.mark.parametrize(("sent", "read"), [("{ not json", "{ not json"), ("", None), (None, None), ("{}", "{}")])
def test_a_template_is_only_text(api, sent, read):
    assert api.change(1116, metadata_template=sent)["metadata_template"] == read


def test_deleting_answers_204_without_a_body_and_once(api):
    answer = api.delete("/buckets/1116")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.delete("/buckets/1116").status_code == 404
    assert 1116 not in api.ids()


@pytest.mark.parametrize("content", [{"files": 1}, {"channels": 1}])
def test_a_bucket_with_content_is_not_deleted(api, content):
    api.control("POST", "buckets/1116/content", content)
    answer = api.delete("/buckets/1116")
    assert (answer.status_code, answer.json()) == (422, {"error": "You need to clean the bucket first."})
    assert 1116 in api.ids()


@pytest.mark.parametrize("path", ["5", "0", "abc", "9" * 30, "1116.0", "-1", "１１１６"])
def test_an_id_that_nothing_has_is_a_404(api, path):
    assert api.call("GET", f"/api/buckets/{path}").json() == {"error": "Not Found"}
    assert api.delete(f"/buckets/{path}").status_code == 404


def test_accounts_do_not_see_each_other(api):
    api.reset(accounts=[{"token": "other", "uid": 20}], rows=[{"id": 7, "name": "mine"}])
    other = {"Authorization": "Bearer other"}
    assert api.call("GET", "/api/buckets", headers=other).json()["data"] == []
    assert api.call("DELETE", "/api/buckets/7", headers=other).status_code == 404
    created = api.post("/buckets", {**WANTED, "name": "mine"}, headers=other)
    assert (created.status_code, created.json()["data"]["uid"]) == (201, 20)
    assert api.ids() == [7]


def test_nothing_can_delete_or_add_content(api):
    for section in ("files", "channels", "dedup-files", "rec-channels"):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            for path in (f"/api/buckets/1159/{section}", f"/api/buckets/1159/{section}/1"):
                assert api.call(method, path).status_code in (404, 405)
    assert api.get("/buckets/1159")["data"]["num"] == 7
