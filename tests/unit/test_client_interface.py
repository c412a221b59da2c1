"""Who knows `acrclient` knows this client: constructor, methods, answers and exceptions."""

import inspect

import pytest
import requests
from acrclient.client import Client as Theirs

from acrsync.client import Client, GetBmCsProjectsResultsParams
from acrsync.diagnostics import AccessDenied, NoAnswer, NotFound, RemoteError
from hostile import TOKEN, answered, error_of, hostile, listing, ok, reset, row

AT_ONCE = Client.Config(retries=0)


@pytest.mark.parametrize("name", ["__init__", "get", "json", "get_bm_cs_projects_results"])
def test_what_acrclient_takes_is_taken_in_the_same_place_with_the_same_default(name: str) -> None:
    theirs = inspect.signature(getattr(Theirs, name)).parameters
    ours = inspect.signature(getattr(Client, name)).parameters
    assert [(p.name, p.kind) for p in theirs.values()] == [(p.name, p.kind) for p in ours.values()][: len(theirs)]
    assert [p.default for p in theirs.values()] == [p.default for p in ours.values()][: len(theirs)]
    assert all(p.kind is p.KEYWORD_ONLY for p in list(ours.values())[len(theirs) :])


def test_the_config_is_read_only_and_has_the_same_defaults() -> None:
    theirs, ours = Theirs.Config(), Client.Config()
    assert (ours.retries, ours.backoff_factor) == (theirs.retries, theirs.backoff_factor) == (5, 0.1)
    assert Client.Config(retries=None, backoff_factor=2.5).retries is None
    for name in ("retries", "backoff_factor"):
        error_of(AttributeError, setattr, ours, name, 1)


def test_get_returns_the_response_and_json_its_content() -> None:
    with hostile(ok({"data": [1]})) as server, Client(TOKEN, server.url) as client:
        response = client.get("/api/things", {"a": "b c", "none": None})
        assert (response.status_code, response.json()) == (200, {"data": [1]})
        assert client.json("/api/things", params={"a": 1}) == {"data": [1]}
    assert [request.path for request in server.requests] == ["/api/things?a=b+c", "/api/things?a=1"]


@pytest.mark.parametrize("suffix", ["", "/", "/api", "/api/"])
def test_the_address_may_end_in_api(suffix: str) -> None:
    with hostile(ok(listing())) as server, Client(TOKEN, server.url + suffix) as client:
        client.list_buckets()
        assert client.base_url == server.url
    assert server.requests[0].path == "/api/buckets?page=1&per_page=20"


def test_each_request_says_who_asks_and_for_what() -> None:
    with hostile(ok({})) as server, Client(TOKEN, server.url) as client:
        client.get("/api/x", headers={"X-Mine": "1", "accept": "text/html", "AUTHORIZATION": "other"})
    headers = server.requests[0].headers
    assert headers["accept"] == "application/json"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["user-agent"].startswith("acrsync/")
    assert headers["x-mine"] == "1"


def test_results_of_a_stream_are_the_data_of_the_answer() -> None:
    entry = {"metadata": {"music": None}}
    with hostile(ok({"data": [entry]})) as server, Client(TOKEN, server.url) as client:
        params: GetBmCsProjectsResultsParams = {"type": "day", "date": "20240131", "min_duration": 3}
        params["isrc_country"] = None
        assert client.get_bm_cs_projects_results(12, "s/../1", params) == [entry]
        assert client.get_bm_cs_projects_results(12, "s1") == [entry]
    paths = [request.path for request in server.requests]
    assert paths[0] == "/api/bm-cs-projects/12/streams/s%2F..%2F1/results?type=day&date=20240131&min_duration=3"
    assert paths[1] == "/api/bm-cs-projects/12/streams/s1/results"


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        (400, RemoteError),
        (401, AccessDenied),
        (403, AccessDenied),
        (404, NotFound),
        (422, RemoteError),
        (500, NoAnswer),
    ],
)
def test_an_http_error_is_one_of_requests_with_its_response(status: int, ours: type[RemoteError]) -> None:
    with hostile(answered(status, {"error": "no"})) as server, Client(TOKEN, server.url, AT_ONCE) as client:
        error = error_of(requests.HTTPError, client.get, "/api/x")
        assert isinstance(error, ours)
        assert error.response is not None
        assert error.response.status_code == status
        assert isinstance(error, RemoteError)
        assert error.status == status


def test_a_lost_connection_is_one_of_requests() -> None:
    with hostile(reset) as server, Client(TOKEN, server.url, AT_ONCE) as client:
        error = error_of(requests.ConnectionError, client.get, "/api/x")
        assert isinstance(error, NoAnswer)


def test_there_is_no_call_that_deletes_what_a_bucket_holds() -> None:
    names = {name for name in dir(Client) if not name.startswith("_")}
    assert names == {
        "Config", "close", "create_bucket", "delete_bucket", "get", "get_bm_cs_projects_results",
        "get_bucket", "json", "list_buckets", "sent", "update_bucket",
    }  # fmt: skip


def test_buckets_are_created_read_changed_and_deleted() -> None:
    answers = (answered(201, {"data": row(1)}), ok({"data": row(1)}), ok({"data": row(1)}), answered(204))
    with hostile(*answers) as server, Client(TOKEN, server.url + "/api") as client:
        assert client.create_bucket({"name": "ä", "labels": []})["id"] == 1
        assert client.get_bucket(1)["name"] == "bucket-1"
        assert client.update_bucket(1, {"name": "b"})["labels"] == ["Music"]
        client.delete_bucket(1)
        assert client.sent == {"DELETE": 1, "GET": 1, "POST": 1, "PUT": 1}
    assert [(r.method, r.path) for r in server.requests] == [
        ("POST", "/api/buckets"), ("GET", "/api/buckets/1"), ("PUT", "/api/buckets/1"), ("DELETE", "/api/buckets/1"),
    ]  # fmt: skip
    assert server.requests[0].body == b'{"name": "\\u00e4", "labels": []}'
    assert server.requests[0].headers["content-type"] == "application/json"
    assert server.requests[0].headers["content-length"] == str(len(server.requests[0].body))


def test_a_list_is_asked_for_with_every_filter() -> None:
    with hostile(ok(listing(row()))) as server, Client(TOKEN, server.url) as client:
        page = client.list_buckets(page=3, per_page=100, region="eu-west-1", type="File")
        assert page["data"][0]["id"] == 8881
    assert server.requests[0].path == "/api/buckets?page=3&per_page=100&region=eu-west-1&type=File"


def test_connections_are_used_again_except_for_a_create() -> None:
    with hostile(ok({"data": row()})) as server, Client(TOKEN, server.url) as client:
        for _ in range(3):
            client.get_bucket(1)
        client.create_bucket({})
        client.update_bucket(1, {})
    assert [request.connection for request in server.requests] == [1, 1, 1, 2, 1]
