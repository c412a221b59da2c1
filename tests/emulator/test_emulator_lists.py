"""Lists: pages, filters, contents, references and results."""

import pytest


def test_the_envelope_is_the_documented_one(api):
    answer = api.get("/buckets", page=2, per_page=2, region="eu-west-1")
    url = f"{api.url}/api/buckets"
    assert answer["links"] == {
        "first": f"{url}?page=1",
        "last": f"{url}?page=3",
        "prev": f"{url}?page=1",
        "next": f"{url}?page=3",
    }
    assert answer["meta"] == {
        "current_page": 2, "from": 3, "last_page": 3, "path": url, "per_page": "2", "to": 4, "total": 5,
    }  # fmt: skip


def test_following_links_loses_page_size_and_filters(api):
    first = api.get("/buckets", per_page=2, type="LiveRec")
    second = api.session.get(first["links"]["last"]).json()
    assert (first["meta"]["total"], second["meta"]["total"]) == (2, 6)
    assert second["meta"]["per_page"] == 20


@pytest.mark.parametrize(
    ("query", "page", "count", "per_page"),
    [
        ({}, 1, 6, 20), ({"page": "0"}, 1, 6, 20), ({"page": "x"}, 1, 6, 20), ({"page": "-1"}, 1, 6, 20),
        ({"page": "9" * 99}, 1, 6, 20), ({"page": "7"}, 7, 0, 20), ({"page": str(10**14)}, 10**14, 0, 20),
        ({"per_page": "x"}, 1, 6, 20), ({"per_page": "0"}, 1, 6, 20), ({"per_page": "10000000"}, 1, 6, "10000000"),
        ({"per_page": "4", "page": "2"}, 2, 2, "4"),
    ],
)  # fmt: skip
def test_invalid_page_numbers_never_fail(api, query, page, count, per_page):
    answer = api.get("/buckets", **query)
    assert (answer["meta"]["current_page"], len(answer["data"]), answer["meta"]["per_page"]) == (page, count, per_page)


def test_a_page_past_the_end_is_empty(api):
    answer = api.get("/buckets", page=3)
    assert (answer["data"], answer["meta"]["from"], answer["meta"]["to"]) == ([], None, None)
    assert (answer["links"]["next"], answer["links"]["prev"]) == (None, f"{api.url}/api/buckets?page=2")


def test_an_empty_account_has_one_empty_page(api):
    api.reset(rows="empty")
    assert api.get("/buckets")["meta"]["last_page"] == 1
    assert api.create("first")["id"] > 14791


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"region": "global"}, [1159]), ({"type": "LiveRec"}, [12310, 12309]), ({"search": "SHARED"}, [12310, 12309]),
        ({"type": "File", "search": "off"}, [1116]), ({"region": "mars"}, []),
        ({"region": "", "search": "", "type": ""}, [14791, 14556, 12310, 12309, 1159, 1116]),
    ],
)  # fmt: skip
def test_filters_narrow_the_list(api, query, ids):
    assert api.ids(**query) == ids


def test_rows_are_newest_first_for_every_seed_order(api):
    api.reset(rows=[{"id": 5, "name": "a"}, {"id": 9, "name": "b"}, {"id": 7, "name": "c"}])
    created = api.create("d")["id"]
    api.change(5, name="aa")
    assert api.ids() == [created, 9, 7, 5]


def test_contents_are_counted_and_made_up(api):
    api.control("POST", "buckets/14791/content", {"channels": 3})
    channels = api.get("/buckets/14791/channels", per_page=2)
    assert (channels["meta"]["total"], [row["title"] for row in channels["data"]]) == (3, ["channel 3", "channel 2"])
    assert channels["data"][0]["bucket_type"] == "Live"
    files = api.get("/buckets/1159/files", per_page=1)
    assert files["meta"]["total"] == 7
    assert files["data"][0]["duration"] == 212
    assert files == api.get("/buckets/1159/files", per_page=1)
    assert len({row["acr_id"] for row in api.get("/buckets/1159/files")["data"]}) == 7
    assert api.get("/buckets/1159/files", order="desc", search="7")["data"][0]["title"] == "file 7"
    assert api.get("/buckets/14791/files")["meta"]["total"] == 0
    assert api.get("/buckets/14791")["data"]["num"] == 3


def test_only_a_dedup_bucket_has_dedup_files(api):
    api.reset(rows=[{"id": 5, "name": "d", "type": "DedupFile", "num": 2}])
    assert api.get("/buckets/5/dedup-files")["meta"]["total"] == 2
    assert api.call("GET", "/api/buckets/6/files").status_code == 404
    api.reset()
    assert api.call("GET", "/api/buckets/1159/dedup-files").status_code == 404


def test_base_projects_include_their_buckets_and_their_secret(api):
    made = api.control("POST", "references/base-projects", {"name": "app", "buckets": [1159, 23, 5], "type": "LCD"})
    (project,) = api.get("/base-projects", type="LCD")["data"]
    assert project["id"] == made["id"]
    assert project["access_secret"].startswith("secret")
    assert project["buckets"] == [
        {"id": 1159, "name": "us_bucket", "type": "File", "metadata_template": ""},
        {"id": 23, "name": "ACRCloud Music", "type": "File", "metadata_template": ""},
    ]
    assert api.get("/base-projects", type="AVR")["data"] == []


def test_monitoring_projects_have_ids_as_text_and_complete_buckets(api):
    api.control("POST", "references/bm-cs-projects", {"name": "m", "buckets": [1116, 1159], "bucket_state": 1})
    (project,) = api.get("/bm-cs-projects", region="eu-west-1")["data"]
    assert (project["bucket_group"], project["bucket_state"]) == ("1116,1159", 1)
    assert project["buckets"][0] == api.get("/buckets/1116")["data"]


@pytest.mark.parametrize("kind", ["base-projects", "bm-cs-projects", "bm-bd-projects", "fs-containers"])
def test_every_list_of_references_has_pages_newest_first(api, kind):
    for number in range(3):
        api.control("POST", f"references/{kind}", {"name": f"n{number}", "region": "us-west-2", "buckets": [1116]})
    page = api.get(f"/{kind}", per_page=2, region="us-west-2")
    assert [row["name"] for row in page["data"]] == ["n2", "n1"]
    assert page["meta"]["total"] == 3
    assert page["data"][0]["buckets"][0]["id"] == 1116
    assert api.get(f"/{kind}", region="eu-west-1")["data"] == []


def test_a_container_that_refers_by_name_follows_the_name(api):
    api.control("POST", "references/fs-containers", {"name": "c", "buckets": ["test", 1116]})

    def used() -> list[int]:
        return [row["id"] for row in api.get("/fs-containers", name="c")["data"][0]["buckets"]]

    assert used() == [14791, 1116]
    api.change(14791, name="renamed")
    api.change(1116, name="offline")
    assert used() == [1116]
    api.change(14556, name="test")
    assert used() == [14556, 1116]


def test_a_deleted_bucket_leaves_its_projects(api):
    api.control("POST", "references/base-projects", {"buckets": [1116]})
    assert api.delete("/buckets/1116").status_code == 204
    assert api.get("/base-projects")["data"][0]["buckets"] == []


def heard(at, played=60, **more):
    return {"metadata": {"timestamp_utc": at, "played_duration": played, **more}}


def song(isrc):
    return {"music": [{"title": "x", "external_ids": {"isrc": isrc}}]}


RESULTS = "/bm-cs-projects/7/streams/s-1/results"


@pytest.fixture
def monitored(api):
    entries = [
        heard("2021-02-01 10:00:00", 60, **song("DEA123")),
        heard("2021-02-01 09:00:00", 5, **song(["FRZ", "ITZ"])),
        heard("2021-02-01 11:00:00", 4000),
        heard("2021-02-02 10:00:00", 60, custom_files=[{"bucket_id": "51", "album": "text"}]),
        {**heard("2021-02-01 12:00:00"), "false_positive": True},
    ]
    assert api.control("POST", "results", {"project_id": 7, "stream_id": "s-1", "results": entries}) == {"results": 5}
    return api


@pytest.mark.parametrize(
    ("query", "hours"),
    [
        ({"date": "20210201"}, ["09", "10"]), ({"date": "20210201", "min_duration": 6}, ["10"]),
        ({"date": "20210201", "max_duration": 5}, ["09"]),
        ({"date": "20210201", "max_duration": 9000}, ["09", "10", "11"]),
        ({"date": "20210201", "isrc_country": "IT"}, ["09"]), ({"date": "20210203"}, []), ({}, []),
        ({"date": "20210201", "with_false_positive": 1}, ["09", "10", "12"]), ({"type": "last"}, ["10"]),
        ({"date": "nonsense", "min_duration": "x"}, []),
    ],
)  # fmt: skip
def test_results_are_filtered_as_documented(monitored, query, hours):
    data = monitored.get(RESULTS, **query)["data"]
    assert [entry["metadata"]["timestamp_utc"][11:13] for entry in data] == hours


def test_results_of_an_unknown_stream_are_a_404(monitored):
    assert monitored.call("GET", "/api/bm-cs-projects/8/streams/s-1/results").status_code == 404
