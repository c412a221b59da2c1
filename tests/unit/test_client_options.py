"""Options that acrclient documents reach the request; one that would break a promise is refused."""

import json
import pickle
import ssl
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.cookies import RequestsCookieJar

from acrsync.client import Client, InvalidCall
from acrsync.diagnostics import AcrsyncError, NotFound, RemoteError
from hostile import CERTIFICATE, TOKEN, answered, error_of, hostile, ok, raw, row, silence

ONCE = Client.Config(retries=0)


def get(client: Client, **options: Any) -> requests.Response:
    return client.get("/api/x", None, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"allow_redirects": True},
        {"auth": ("user", "password")},
        {"data": "x"},
        {"json": {}},
        {"files": {}},
        {"method": "POST"},
        {"url": "https://evil.example"},
        {"retries": 3},
        {"proxies": "http://127.0.0.1:1"},
        {"verify": 1.5},
        {"cert": ("one",)},
        {"cert": 7},
        {"headers": [("a", "b")]},
        {"cookies": "a=b"},
        {"hooks": {"request": print}},
        {"hooks": {"response": ["no"]}},
        {"hooks": print},
    ],
    ids=str,
)
def test_an_invalid_option_is_a_clear_error(options: dict[str, Any]) -> None:
    (name,) = options
    with hostile(ok({})) as server, Client(TOKEN, server.url) as client:
        error = error_of(InvalidCall, get, client, **options)
        assert server.requests == []
    assert isinstance(error, ValueError)
    assert error.diagnostic.code == "E453"
    assert name in error.diagnostic.detail


def test_a_header_reaches_the_request_unless_the_client_needs_it() -> None:
    with hostile(ok({})) as server, Client(TOKEN, server.url) as client:
        get(client, headers={"X-Mine": "1", "User-Agent": "mine/1", "accept": "text/html", "X-None": None})
    headers = server.requests[0].headers
    assert (headers["x-mine"], headers["user-agent"], headers["accept"]) == ("1", "mine/1", "text/html")
    assert "x-none" not in headers


@pytest.mark.parametrize("cookies", [{"a": "1"}, RequestsCookieJar(), CookieJar()])
def test_cookies_of_one_request_are_sent_once(cookies: Any) -> None:
    if isinstance(cookies, RequestsCookieJar):
        cookies.set("a", "1")
    with hostile(ok({})) as server, Client(TOKEN, server.url) as client:
        get(client, cookies=cookies)
        get(client)
    assert server.requests[0].headers.get("cookie") == (None if type(cookies) is CookieJar else "a=1")
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize("options", [{"verify": False}, {"verify": str(CERTIFICATE)}])
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_verify_of_one_request_does_not_affect_the_next(options: dict[str, Any]) -> None:
    with hostile(ok({}), tls=True) as server, Client(TOKEN, server.url, ONCE) as client:
        assert get(client, **options).status_code == 200
        assert error_of(RemoteError, get, client).diagnostic.code == "E412"
        assert get(client, **options).status_code == 200


def test_a_clients_certificate_is_shown_to_the_server_and_by_no_other_client() -> None:
    with hostile(ok({}), tls=True) as server:
        assert server.context is not None
        server.context.load_verify_locations(CERTIFICATE)
        server.context.verify_mode = ssl.CERT_REQUIRED
        with Client(TOKEN, server.url, ONCE, ca_bundle=str(CERTIFICATE)) as client:
            assert get(client, cert=str(CERTIFICATE)).status_code == 200
            assert get(client, cert=(str(CERTIFICATE), str(CERTIFICATE))).status_code == 200
            error_of(RemoteError, get, client)
    assert len(server.requests) == 2


def test_an_answer_can_be_streamed_within_its_time() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
    answers = (raw(head + b"abcdef", keep=True), silence(3, after=head))
    with hostile(*answers) as server, Client(TOKEN, server.url, ONCE, timeout_s=0.5) as client:
        response = get(client, stream=True)
        assert response.raw.read(2) == b"ab"
        assert b"".join(response.iter_content(2)) == b"cdef"
        with get(client, stream=True) as slow, pytest.raises(requests.RequestException, match="timed out"):
            _ = slow.content


def test_a_streamed_refusal_is_an_error_as_any_other() -> None:
    with hostile(answered(404, {"error": "no such stream"})) as server, Client(TOKEN, server.url, ONCE) as client:
        error = error_of(NotFound, get, client, stream=True)
    assert "no such stream" in error.diagnostic.detail


def test_a_hook_sees_the_last_answer_once_and_what_it_raises_or_returns_counts() -> None:
    seen: list[int] = []

    def note(response: requests.Response, **given: Any) -> None:
        assert given.keys() == {"timeout", "verify", "cert", "proxies", "stream"}
        seen.append(response.status_code)

    def replace(response: requests.Response, **_: Any) -> requests.Response:
        response = pickle.loads(pickle.dumps(response))
        response._content = b'{"hooked": true}'
        return response

    def refuse(response: requests.Response, **_: Any) -> None:
        raise requests.ConnectionError("a hook's own")

    answers = (answered(503, {}), ok({}), ok({}), ok({}), answered(404, {}), ok({}))
    config = Client.Config(retries=3, backoff_factor=0)
    with hostile(*answers) as server, Client(TOKEN, server.url, config) as client:
        get(client, hooks={"response": note})
        assert client.json("/api/x", hooks={"response": [note, replace]}) == {"hooked": True}
        with pytest.raises(requests.ConnectionError, match="a hook's own"):
            get(client, hooks={"response": refuse})
        error_of(NotFound, get, client, hooks={"response": note})
        error = error_of(
            RemoteError, client.json, "/api/x", hooks={"response": lambda r, **_: setattr(r, "_content", b"")}
        )
        assert error.diagnostic.code == "E416"
    assert seen == [200, 200, 404]
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "params", [{"a": 1, "b": [2, 3]}, [("a", 1), ("b", 2), ("b", 3)], "a=1&b=2&b=3", b"a=1&b=2&b=3"]
)
def test_a_query_can_be_anything_that_requests_accepts(params: Any) -> None:
    with hostile(ok({})) as server, Client(TOKEN, server.url) as client:
        client.get("/api/x", params)
        client.get_bm_cs_projects_results(1, "s", params)
    assert [request.path.partition("?")[2] for request in server.requests] == ["a=1&b=2&b=3"] * 2


@pytest.mark.parametrize("call", [
    lambda client: client.get("/api/x", [1, 2]),
    lambda client: client.get("/api/x", headers={"X": "a\r\nb"}),
    lambda client: client.get("/api/x", headers={"X": 1}),
    lambda client: client.get(None),
    lambda client: client.get(b"/api/x"),
    lambda client: client.get_bucket("music"),
    lambda client: client.get_bucket("../8881"),
    lambda client: client.get_bucket(-1),
    lambda client: client.get_bucket(1.5),
    lambda client: client.get_bucket(True),
    lambda client: client.get_bucket(None),
    lambda client: client.get_bucket("٣"),
    lambda client: client.delete_bucket(""),
    lambda client: client.update_bucket("1 ", {}),
    lambda client: client.create_bucket(None),
    lambda client: client.create_bucket("music"),
    lambda client: client.create_bucket([("name", "music")]),
    lambda client: client.create_bucket({"labels": {"a"}}),
    lambda client: client.create_bucket({"name": float("nan")}),
    lambda client: client.create_bucket({"metadata_template": {"a": {1}}}),
])  # fmt: skip
def test_an_argument_without_a_meaning_is_a_clear_error(call: Any) -> None:
    with hostile(ok({})) as server, Client(TOKEN, server.url) as client:
        error = error_of(InvalidCall, call, client)
        assert server.requests == []
        assert client.sent == {}
    assert error.diagnostic.detail


@pytest.mark.parametrize("number", ["14791", 14791])
def test_an_id_may_be_text(number: Any) -> None:
    with hostile(ok({"data": row()})) as server, Client(TOKEN, server.url) as client:
        client.get_bucket(number)
        client.update_bucket(number, {})
        client.delete_bucket(number)
    assert {request.path for request in server.requests} == {"/api/buckets/14791"}


def test_a_template_may_be_a_mapping_and_is_sent_as_text() -> None:
    template = {"artist": {"default": "Zoë"}}
    with hostile(ok({"data": row()})) as server, Client(TOKEN, server.url) as client:
        client.create_bucket({"name": "x", "metadata_template": template})
        client.update_bucket(1, {"metadata_template": template, "labels": ("a", "b")})
        client.update_bucket(1, {"metadata_template": None})
        client.update_bucket(1, {"metadata_template": '{"a": {}}'})
    sent = [json.loads(request.body) for request in server.requests]
    text = '{"artist": {"default": "Zoë"}}'
    assert sent == [
        {"name": "x", "metadata_template": text}, {"metadata_template": text, "labels": ["a", "b"]},
        {"metadata_template": None}, {"metadata_template": '{"a": {}}'},
    ]  # fmt: skip


@pytest.mark.parametrize("token", [None, 5, b"bytes", ["list"]])
def test_a_token_that_is_not_text_is_a_clear_error(token: Any) -> None:
    error = error_of(RemoteError, Client, token)
    assert (error.diagnostic.code, type(token).__name__ in error.diagnostic.detail) == ("E402", True)


@pytest.mark.parametrize("url", [None, 5, b"https://h.example"])
def test_an_address_that_is_not_text_is_a_clear_error(url: Any) -> None:
    assert error_of(RemoteError, Client, TOKEN, url).diagnostic.code == "E401"


@pytest.mark.parametrize("config", [{"retries": 3}, 3, Client.Config(retries="3"), Client.Config(backoff_factor=-1)])  # type: ignore[arg-type]
def test_a_config_that_is_none_is_a_clear_error(config: Any) -> None:
    error_of(InvalidCall, Client, TOKEN, config=config)


# Copies.


def test_a_client_can_be_pickled_and_works_after_it() -> None:
    with hostile(answered(500, {}), ok({"data": row()})) as server:
        with Client(TOKEN, server.url + "/api", Client.Config(retries=1, backoff_factor=0), read_only=True) as client:
            again: Client = pickle.loads(pickle.dumps(client))
        with again:
            assert again.get_bucket(1)["id"] == 8881
            assert error_of(RemoteError, again.create_bucket, {}).diagnostic.code == "E451"
            assert (again.base_url, again.sent) == (client.base_url, {"GET": 2})
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


class Named(Client):
    """As a program derives it."""

    def __init__(self, name: str) -> None:
        super().__init__(bearer_token=TOKEN)
        self.name = name


def test_a_subclass_can_be_pickled_too() -> None:
    again = pickle.loads(pickle.dumps(Named("mine")))
    assert (type(again), again.name, again.base_url) == (Named, "mine", "https://eu-api-v2.acrcloud.com")


def test_a_client_that_belongs_to_its_process_says_so() -> None:
    client = Client(TOKEN, "https://h.example", debug=print, last_look=lambda: None)
    with pytest.raises(TypeError, match="debug and last_look"):
        pickle.dumps(client)


def test_every_error_can_be_pickled() -> None:
    answers = (answered(404, {}), answered(422, {}), ok([]), answered(200, "no"), raw(b""), raw(b""), answered(503, {}))
    errors: list[AcrsyncError] = []
    with hostile(*answers) as server, Client(TOKEN, server.url, ONCE) as client:
        calls = (*(client.get_bucket,) * 5, client.delete_bucket)
        errors += [error_of(RemoteError, call, 1) for call in calls]
        errors.append(error_of(RemoteError, client.create_bucket, {"name": "x"}))
        errors.append(error_of(InvalidCall, client.get_bucket, "x"))
    errors.append(error_of(RemoteError, Client, TOKEN, proxies={"https": "http://u:p#w@h"}))
    for error in errors:
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert (str(again), again.diagnostic) == (str(error), error.diagnostic)
        assert (again.status, again.may_have_acted) == (error.status, error.may_have_acted)  # type: ignore[attr-defined]
        assert (again.path, again.method) == (error.path, error.method)  # type: ignore[attr-defined]
        assert TOKEN.encode() not in pickle.dumps(error)


def test_an_error_says_which_call_it_is_about() -> None:
    with hostile(answered(403, {})) as server, Client(TOKEN, server.url, ONCE) as client:
        found = [
            error_of(RemoteError, call)
            for call in (client.list_buckets, lambda: client.get_bucket(7), lambda: client.create_bucket({}))
        ]
    assert [(error.status, error.method, error.path) for error in found] == [  # type: ignore[attr-defined]
        (403, "GET", "/api/buckets?page=1&per_page=20"), (403, "GET", "/api/buckets/7"), (403, "POST", "/api/buckets"),
    ]  # fmt: skip


def test_certificate_files_are_checked_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    config = Client.Config(retries=3, backoff_factor=0)
    with hostile(ok({}), tls=True) as server, Client(TOKEN, server.url, config, ca_bundle=str(CERTIFICATE)) as client:
        for options in (
            {"verify": str(tmp_path / "missing.pem")},
            {"verify": str(tmp_path / "empty.pem")},
            {"cert": str(tmp_path / "missing.pem")},
            {"cert": str(tmp_path / "empty.pem")},
        ):
            before = client.sent.get("GET", 0)
            error = error_of(requests.exceptions.SSLError, get, client, **options)
            assert isinstance(error, RemoteError)
            assert (error.diagnostic.code, client.sent["GET"] - before) == ("E455", 1)
            assert Path(next(iter(options.values()))).name in error.diagnostic.detail
        assert server.requests == []
