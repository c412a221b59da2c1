"""Rows that are shown unchanged: malformed ones, and accounts copied from the answers of an API."""

import pytest

WANTED = {"name": "radio", "region": "eu-west-1", "type": "File"}
ROW = {
    "id": 12, "uid": 19, "name": "b12", "type": "File", "region": "eu-west-1", "metadata_template": "", "labels": ["A"],
    "net_type": 1, "num": 0, "size": 0, "state": 1, "access_permission": "private", "created_at": "2020-07-16 11:09:20",
    "updated_at": "2020-07-16 11:09:20",
}  # fmt: skip


def without(key: str) -> dict[str, object]:
    return {other: value for other, value in ROW.items() if other != key}


VALUES: dict[str, list[object]] = {
    "id": ["12", "x", -12, 12.0, 12.5, None, True, 2**80, [12]],
    "name": [None, 5, [], {}, "", " a ", "\u202e"],
    "region": [None, "mars", 7],
    "type": [None, "Vinyl", ["File"]],
    "labels": [{"0": "TV", "2": "News"}, '["TV"]', "TV,News", "", None, [], [1], [None], [["a"]], 7],
    "metadata_template": [{"a": {}}, ["a"], '"{}"', 5, True, None],
    "net_type": ["2", None, 9],
    "num": ["7", None, -1, 1.5, [], "many"],
    "size": ["1487", None, -1, 14.5, {}],
    "uid": ["19", None],
    "state": [None, "1", 0],
    "created_at": [None, 5, "yesterday"],
    "x": [None, True, 1, 1.5, "é", [{}], {"": None}],
}
ODD_ROWS = [
    *[{**ROW, key: value} for key, values in VALUES.items() for value in values],
    *[without(key) for key in ROW],
    {},
]


@pytest.mark.parametrize("row", ODD_ROWS, ids=range(len(ODD_ROWS)))
def test_a_copied_row_is_shown_unchanged(api, row):
    api.reset(copy={"buckets": [row]}, profile={"base": "strict", "foreign_rows": "hidden", "extra_fields": "some"})
    assert api.get("/buckets")["data"] == [row]
    api.reset(rows="empty")
    stored = api.control("POST", "buckets", row)
    assert api.get("/buckets")["data"] == [stored["data"]] == [row]
    assert api.control("GET", "state")["buckets"][0]["id"] == stored["id"]


def test_a_put_replaces_only_the_raw_fields_that_it_sets(api):
    odd = {**without("num"), "labels": {"0": "TV"}, "metadata_template": ["x"], "more": 1}
    api.reset(copy={"buckets": [odd]})
    renamed = api.change(12, name="new")
    assert renamed == {**odd, "name": "new", "updated_at": renamed["updated_at"]}
    assert renamed["updated_at"] > odd["updated_at"]
    api.change(12, labels=["A"])
    row = api.get("/buckets/12")["data"]
    assert row == {**odd, "name": "new", "labels": ["A"], "updated_at": row["updated_at"]}
    api.control("POST", "buckets/12/content", {"files": 2})
    assert api.get("/buckets/12")["data"]["num"] == 2


def test_readable_fields_of_a_copied_row_are_used(api):
    rows = [{**ROW, "num": "3", "size": "636"}, {**ROW, "id": "11", "name": "b11", "region": "us-west-2"}]
    api.reset(copy={"buckets": rows})
    assert api.delete("/buckets/12").status_code == 422
    assert api.get("/buckets", region="us-west-2")["data"] == [rows[1]]
    assert api.post("/buckets", {**WANTED, "name": "B11"}).status_code == 422
    assert api.delete("/buckets/11").status_code == 204
    assert api.create("radio")["id"] > 12


def test_an_account_is_copied_with_contents_references_and_owner(api):
    shared = {**ROW, "id": 7, "uid": 3, "name": "theirs", "access_permission": "private"}
    api.reset(
        copy={
            "uid": 4711,
            "buckets": [{**ROW, "uid": 4711}, shared, {**ROW, "id": 5, "uid": 4711, "size": "1487"}],
            "contents": {"12": {"files": 3, "channels": 1, "seconds": 99}, "5": {"status": 403}},
            "references": {
                "base-projects": [
                    {"id": 8, "uid": 2, "name": "app", "region": None, "buckets": [{"id": 12, "name": "x"}]}
                ],
                "fs-containers": [{"id": 9, "name": "c", "buckets": ["b12", 7]}],
            },
        }
    )
    assert [row["uid"] for row in api.get("/buckets")["data"]] == [4711, 3, 4711]
    assert api.get("/buckets/7")["data"] == shared
    assert api.delete("/buckets/7").status_code == 404
    assert [api.get(f"/buckets/12/{kind}")["meta"]["total"] for kind in ("files", "channels")] == [3, 1]
    assert api.get("/buckets/12")["data"]["num"] == 0  # unchanged
    assert api.call("GET", "/api/buckets/5/files").status_code == 403
    assert api.get("/buckets/5")["data"]["size"] == "1487"
    (project,) = api.get("/base-projects")["data"]
    assert (project["id"], project["region"], project["buckets"][0]["id"]) == (8, None, 12)
    assert [row["name"] for row in api.get("/fs-containers")["data"][0]["buckets"]] == ["b12"]
    assert api.create("radio")["uid"] == 4711
    api.reset()
    assert api.create("radio")["uid"] == 19


def test_a_list_may_show_one_id_twice(api):
    api.reset(copy={"buckets": [ROW, {**ROW, "name": "twin"}]})
    assert sorted((row["id"], row["name"]) for row in api.get("/buckets")["data"]) == [(12, "b12"), (12, "twin")]


def test_a_copy_may_stand_beside_other_rows(api):
    api.reset(rows="documented", copy={"buckets": [ROW]})
    assert (len(api.ids()), api.ids()[-1]) == (7, 12)


def test_a_copied_account_outlives_the_process_in_its_state_file(tmp_path):
    from acrsync.emulator import serve
    from emulator.api import Api

    state = str(tmp_path / "state.db")
    odd = {**without("num"), "labels": {"0": "TV"}}
    for turn in range(2):
        with serve(state=state) as running:
            other = Api(running)
            if not turn:
                other.reset(copy={"buckets": [odd]})
            assert other.get("/buckets")["data"] == [odd]
            other.session.close()


def test_raw_fields_of_any_bucket_are_shown_unchanged(api):
    before = api.get("/buckets/14791")["data"]
    assert api.control("POST", "buckets/14791/shown", {"show": {"name": " odd"}})["data"] == {**before, "name": " odd"}
    assert api.control("POST", "buckets/14791/shown", {})["data"] == before
    body = {"show": {"labels": {"0": "TV"}, "id": "14791"}, "hide": ["num"]}
    shown = api.control("POST", "buckets/14791/shown", body)["data"]
    assert shown == {**{key: before[key] for key in before if key != "num"}, "labels": {"0": "TV"}, "id": "14791"}
    assert api.get("/buckets/14791")["data"] == shown


def test_control_removes_a_bucket_even_with_content(api):
    assert api.control("DELETE", "buckets/1159") == {}
    assert api.call("GET", "/api/buckets/1159").status_code == 404
    assert api.requests()[-1]["path"] == "/api/buckets/1159"


def test_lists_of_content_refuse_for_one_bucket(api):
    api.control("POST", "buckets/1159/content", {"status": 403})
    assert api.call("GET", "/api/buckets/1159/files").json() == {"error": "Forbidden"}
    assert api.get("/buckets/1159")["data"]["num"] == 7
    assert api.call("GET", "/api/buckets/1116/files").status_code == 200
    api.control("POST", "buckets/1159/content", {"status": 0})
    assert api.get("/buckets/1159/files")["meta"]["total"] == 7


def test_one_bucket_can_be_forbidden_while_the_list_is_readable(api):
    api.faults(
        {"kind": "error_before", "status": 403, "body": "error", "text": "Forbidden", "path": "/api/buckets/1116*"}
    )
    assert len(api.ids()) == 6
    answers = [api.call("GET", f"/api/buckets/1116{rest}") for rest in ("", "/files")] + [api.delete("/buckets/1116")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(403, '{"error": "Forbidden"}')}
    assert api.call("GET", "/api/buckets/1159").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"copy": []}, {"copy": {"rows": []}}, {"copy": {"buckets": {}}}, {"copy": {"buckets": [7]}},
        {"copy": {"uid": "19"}}, {"copy": {"uid": 0}}, {"copy": {"buckets": [ROW], "contents": {"13": {}}}},
        {"copy": {"buckets": [ROW], "contents": {"12": {"num": 1}}}}, {"copy": {"references": {"buckets": [{}]}}},
        {"copy": {"references": {"base-projects": [{"buckets": [{}]}]}}}, {"copy": {"references": []}},
    ],
)  # fmt: skip
def test_a_copy_that_does_not_fit_changes_nothing(api, body):
    before = api.control("GET", "state")
    assert api.call("POST", "/_emulator/reset", json=body).status_code == 400
    assert api.control("GET", "state") == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "buckets", [1]), ("DELETE", "buckets/5", None), ("POST", "buckets/5/shown", {}),
        ("POST", "buckets/1116/shown", {"show": [1]}), ("POST", "buckets/1116/shown", {"hidden": []}),
        ("POST", "buckets/1116/content", {"status": "403"}),
    ],
)  # fmt: skip
def test_control_of_rows_says_what_does_not_fit(api, method, path, body):
    assert api.call(method, f"/_emulator/{path}", json=body).status_code == 400
