"""Who knows `acrclient` knows this client: constructor, methods, answers and exceptions."""

import inspect
import json
import socket
from typing import Any

import pytest
import requests

from acrsync.client import Client, GetBmCsProjectsResultsParams
from acrsync.diagnostics import AccessDenied, AcrsyncError, IncompleteListing, NoAnswer, NotFound, RemoteError
from hostile import CERTIFICATE, TOKEN, Answer, Request, answered, blunt, error_of, hostile, listing, ok, reset, row

acrclient = pytest.importorskip("acrclient.client", reason="acrclient is not installed: see the dev group")
Theirs, _Auth = acrclient.Client, acrclient._Auth
AT_ONCE = Client.Config(retries=0)


@pytest.mark.parametrize("name", ["__init__", "get", "json", "get_bm_cs_projects_results"])
def test_parameters_of_acrclient_have_the_same_position_and_default(name: str) -> None:
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


def test_headers_of_the_caller_are_sent_except_authorization() -> None:
    with hostile(ok({})) as server, Client(TOKEN, server.url) as client:
        client.get("/api/x", headers={"X-Mine": "1", "accept": "text/html", "AUTHORIZATION": "other"})
    headers = server.requests[0].headers
    assert headers["accept"] == "text/html"
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
        assert error.request is not None
        assert (error.request.method, error.request.url) == ("GET", f"{server.url}/api/x")
        assert "Authorization" not in error.request.headers


def test_a_lost_connection_is_one_of_requests() -> None:
    with hostile(reset) as server, Client(TOKEN, server.url, AT_ONCE) as client:
        error = error_of(requests.ConnectionError, client.get, "/api/x")
        assert isinstance(error, NoAnswer)


def test_there_is_no_call_that_deletes_what_a_bucket_holds() -> None:
    names = {name for name in dir(Client) if not name.startswith("_")}
    assert names == {
        "Config", "close", "create_bucket", "delete_bucket", "from_env", "get", "get_bm_cs_projects_results",
        "get_bucket", "iter_buckets", "json", "list_buckets", "sent", "session", "update_bucket", "write",
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


class Cached(Client):
    """As a program derives it: `json` asks `get`, and the results ask `json`."""

    def get(self, path: str, params: Any = None, **kwargs: Any) -> requests.Response:
        response = super().get(path, params, **kwargs)
        response.headers["X-Cached"] = "1"
        response._content = b'{"data": ["cached"]}'
        return response


def test_a_subclass_may_replace_get_and_json(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile(ok({"data": []})) as server, Cached(TOKEN, server.url) as client:
        assert client.json("/api/x") == {"data": ["cached"]}
        results: Any = client.get_bm_cs_projects_results(1, "s", {"type": "day", "date": "20260131"})
        assert results == ["cached"]
    with monkeypatch.context() as patch:
        patch.setattr(Client, "json", lambda self, path, params=None, **_: {"data": [path, params]})
        found: Any = Client(TOKEN).get_bm_cs_projects_results(1, "s", {"type": "last", "date": "20260131"})
        assert found == ["/api/bm-cs-projects/1/streams/s/results", {"type": "last", "date": "20260131"}]
    with hostile(ok({"data": 1})) as server, Client(TOKEN, server.url) as client:
        monkeypatch.setattr(client, "get", lambda path, **_: Client.get(client, "/api/y"))
        assert client.json("/api/x") == {"data": 1}
    assert server.requests[0].path == "/api/y"


def test_a_redirect_is_returned_if_following_is_disabled() -> None:
    away = answered(302, "", Location="https://evil.example/")
    with hostile(away) as server, Client(TOKEN, server.url, AT_ONCE) as client:
        response = client.get("/api/x", allow_redirects=False)
        assert (response.status_code, response.headers["Location"]) == (302, "https://evil.example/")
        assert error_of(RemoteError, client.get, "/api/x", allow_redirects=None).diagnostic.code == "E407"
        error_of(requests.JSONDecodeError, client.json, "/api/x", allow_redirects=False)
    assert len(server.requests) == 3


@pytest.mark.parametrize("answer", [[], "text", None, 5])
def test_results_that_are_not_an_object_are_an_error(answer: Any) -> None:
    with hostile(answered(200, json.dumps(answer))) as server, Client(TOKEN, server.url, AT_ONCE) as client:
        error = error_of(RemoteError, client.get_bm_cs_projects_results, 1, "s")
    assert error.diagnostic.code == "E417"


# What acrclient has not.


def pages(*rows: dict[str, Any], per_page: int = 20, total: Any = None) -> Answer:
    """Serve a list on pages, newest first."""

    def answer(connection: socket.socket, request: Request) -> bool | None:
        number = int(request.path.partition("page=")[2].partition("&")[0])
        shown = rows[(number - 1) * per_page : number * per_page]
        count = len(rows) if total is None else total
        return ok(listing(*shown, total=count, per_page=str(per_page)))(connection, request)

    return answer


def test_every_bucket_is_yielded_newest_first() -> None:
    rows = [row(number, type="Live", region="us-west-2") for number in range(45, 0, -1)]
    with hostile(pages(*rows)) as server, Client(TOKEN, server.url, AT_ONCE) as client:
        found = client.iter_buckets(region="us-west-2", type="Live")
        assert server.requests == []
        assert [bucket["id"] for bucket in found] == list(range(45, 0, -1))
        assert next(client.iter_buckets())["type"] == "Live"
    assert server.requests[0].path == "/api/buckets?page=1&per_page=100&region=us-west-2&type=Live"


def test_an_empty_account_has_no_bucket() -> None:
    with hostile(pages()) as server, Client(TOKEN, server.url, AT_ONCE) as client:
        assert list(client.iter_buckets()) == []


@pytest.mark.parametrize("total", ["45", "many", -1, None, 44, 46])
def test_every_bucket_is_yielded_if_the_total_is_wrong(total: Any) -> None:
    rows = [row(number) for number in range(45, 0, -1)]

    def answer(connection: socket.socket, request: Request) -> bool | None:
        asked = dict(part.split("=") for part in request.path.partition("?")[2].split("&"))
        size = min(20, int(asked["per_page"]))
        shown = rows[(int(asked["page"]) - 1) * size : int(asked["page"]) * size]
        return ok({"data": shown, "meta": {"total": total, "per_page": size}})(connection, request)

    with hostile(answer) as server, Client(TOKEN, server.url, AT_ONCE) as client:
        assert [bucket["id"] for bucket in client.iter_buckets()] == list(range(45, 0, -1))


def test_a_list_that_is_not_proven_complete_yields_nothing() -> None:
    rows = [row(number) for number in range(45, 0, -1)]
    moving = [pages(*rows, total=total) for total in range(40, 60)]
    with hostile(*moving) as server, Client(TOKEN, server.url, AT_ONCE) as client:
        error_of(IncompleteListing, next, client.iter_buckets())


@pytest.mark.parametrize(
    "answer",
    [
        listing({"name": "a"}),
        listing(row("x")),
        listing(row(True)),
        listing(row(None)),
        listing(row(1.5)),
        listing("text"),
        {"data": {}},
        [],
    ],
)
def test_a_list_without_ids_is_an_error(answer: Any) -> None:
    with hostile(ok(answer)) as server, Client(TOKEN, server.url, AT_ONCE) as client:
        assert error_of(RemoteError, list, client.iter_buckets()).diagnostic.code in {"E416", "E417", "E440"}


def test_a_client_is_made_from_the_environment() -> None:
    environ = {"ACRSYNC_TOKEN": f" {TOKEN}\n", "HOME": "/nowhere"}
    assert Client.from_env(environ).base_url == "https://api-v2.acrcloud.com"
    with hostile(ok({})) as server:
        environ |= {"ACRSYNC_ENDPOINT": f"{server.url}/api", "HTTPS_PROXY": "http://127.0.0.1:9"}
        with Client.from_env(environ, read_only=True, config=AT_ONCE) as client:
            client.get("/api/x")
            assert error_of(RemoteError, client.create_bucket, {}).diagnostic.code == "E451"
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_an_argument_takes_precedence_over_the_environment() -> None:
    environ = {"ACRSYNC_TOKEN": "other", "ACRSYNC_ENDPOINT": "https://h.example", "REQUESTS_CA_BUNDLE": "none.pem"}
    with hostile(ok({}), tls=True) as server:
        options: dict[str, Any] = {"bearer_token": TOKEN, "base_url": server.url, "ca_bundle": str(CERTIFICATE)}
        with Client.from_env(environ, **options) as client:
            client.get("/api/x")
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_proxy_and_ca_settings_are_read_from_the_environment() -> None:
    refused = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    with blunt(refused) as (port, heard), hostile(ok({}), tls=True) as server:
        environ = {"ACRCLOUD_ACCESS_TOKEN": TOKEN, "ACRSYNC_ENDPOINT": server.url, "SSL_CERT_FILE": str(CERTIFICATE)}
        environ |= {"https_proxy": f"http://127.0.0.1:{port}"}
        with Client.from_env(environ, config=AT_ONCE) as client:
            assert error_of(RemoteError, client.get, "/api/x").diagnostic.code == "E413"
        for spared in ("127.0.0.1", "*", f"x.example, 127.0.0.1:{server.port}"):
            with Client.from_env({**environ, "NO_PROXY": spared}, config=AT_ONCE) as client:
                assert client.json("/api/x") == {}
    assert len(heard) == 1


@pytest.mark.parametrize("environ", [{}, {"ACRSYNC_TOKEN": ""}, {"ACRSYNC_TOKEN": " ", "ACRCLOUD_ACCESS_TOKEN": TOKEN}])
def test_no_token_and_an_empty_one_are_errors(environ: dict[str, str]) -> None:
    error = error_of(AcrsyncError, Client.from_env, environ)
    assert error.diagnostic.code == "E013"
    assert ("empty" in error.diagnostic.detail) is bool(environ)


def test_the_environment_of_the_process_is_the_one_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACRSYNC_TOKEN", TOKEN)
    monkeypatch.setenv("ACRSYNC_ENDPOINT", "https://h.example/api")
    assert Client.from_env().base_url == "https://h.example"


def test_acrclients_own_login_object_is_a_token() -> None:
    with hostile(ok({})) as server, Client(_Auth(TOKEN), server.url) as client:
        client.get("/api/x")
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
