"""HTTP: tokens, encodings, routes, and that no input whatever breaks anything."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from examples import examples

WANTED = {"name": "radio", "region": "eu-west-1", "type": "File", "labels": ["A", "B"], "net_type": "2"}


@pytest.mark.parametrize(
    "sent", ["Bearer wrong", "", "Basic dGVzdA==", "Bearer", "Bearer \xff", f"Bearer {'x' * 3000}"]
)
def test_a_bad_token_is_a_403_with_the_known_text(api, sent):
    answer = api.call("GET", "/api/buckets", headers={"Authorization": sent})
    assert (answer.status_code, answer.json()) == (403, {"error": "Authentication Exception"})


def test_a_token_as_long_as_a_real_one_works(api):
    api.reset(accounts=[{"token": "j" * 3000, "uid": 20}])
    assert api.call("GET", "/api/buckets", headers={"Authorization": f"bearer {'j' * 3000}"}).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        (["read-buckets"], "GET", "/buckets", 200), (["read-buckets"], "DELETE", "/buckets/1116", 403),
        (["write-buckets"], "GET", "/buckets", 403), (["buckets"], "DELETE", "/buckets/1116", 204),
        (["read-all"], "GET", "/base-projects", 200), (["buckets"], "GET", "/buckets/1116/files", 403),
        (["read-audios"], "GET", "/buckets/1116/files", 200), (["read-channels"], "GET", "/buckets/1116/channels", 200),
        (["read-filescanning"], "GET", "/fs-containers", 200), ([], "GET", "/buckets", 403),
    ],
)  # fmt: skip
def test_a_token_is_limited_to_its_scopes(api, scopes, method, path, status):
    api.reset(accounts=[{"token": "narrow", "scopes": scopes}])
    assert api.call(method, f"/api{path}", headers={"Authorization": "Bearer narrow"}).status_code == status


@pytest.mark.parametrize(
    "options",
    [
        {"json": WANTED},
        {"data": {**WANTED, "labels[]": ["A", "B"], "labels": None}},
        {"data": {**WANTED, "labels": None, "labels[0]": "A", "labels[1]": "B"}},
        {
            "files": {
                **{key: (None, WANTED[key]) for key in ("name", "region", "type", "net_type")},
                "labels": (None, "A,B"),
            }
        },
        {"data": json.dumps(WANTED), "headers": {"Content-Type": "application/vnd.api+json"}},
    ],
    ids=["json", "urlencoded", "urlencoded with places", "multipart", "json by another name"],
)
def test_every_encoding_of_the_samples_is_read(api, options):
    row = api.post("/buckets", **options).json()["data"]
    assert (row["name"], row["labels"], row["net_type"]) == ("radio", ["A", "B"], 2)


def test_put_reads_every_encoding_too(api):
    assert api.call("PUT", "/api/buckets/1116", data={"name": "a"}).json()["data"]["name"] == "a"
    assert api.call("PUT", "/api/buckets/1116", files={"name": (None, "b")}).json()["data"]["name"] == "b"


def test_a_json_content_type_without_a_body_is_harmless(api):
    headers = {"Content-Type": "application/json"}
    assert api.call("GET", "/api/buckets", headers=headers).status_code == 200
    assert api.call("PUT", "/api/buckets/1116", headers=headers).status_code == 200
    assert api.call("DELETE", "/api/buckets/1116", headers=headers).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"\xff\xfe", b"[1]", b"7", b"null", b'{"name": NaN}', b'{"name": "\\ud800"}', b"[" * 100_000,
        b'{"a": 1' + b"0" * 5000 + b"}", b"\xef\xbb\xbf{}",
    ],
    ids=range(10),
)  # fmt: skip
def test_bad_json_is_a_body_without_fields(api, body):
    headers = {"Content-Type": "application/json"}
    assert api.call("PUT", "/api/buckets/1116", data=body, headers=headers).status_code == 200
    answer = api.call("POST", "/api/buckets", data=body, headers=headers)
    assert answer.json()["errors"]["name"] == ["The name field is required."]


@pytest.mark.parametrize("accept", ["*/*", "text/html", "", "text/html,application/json;q=0.9"])
def test_without_accept_json_an_error_is_a_redirect_loop(api, accept):
    answer = api.call("POST", "/api/buckets", json={}, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (302, "text/html; charset=utf-8")
    again = api.session.get(answer.headers["Location"], allow_redirects=False)
    assert again.headers["Location"] == answer.headers["Location"]


def test_without_accept_json_a_success_is_json(api):
    assert api.call("GET", "/api/buckets", headers={"Accept": "*/*"}).json()["meta"]["total"] == 6


@pytest.mark.parametrize(
    "accept", ["application/json", "application/vnd.api+json", "application/json, text/plain, */*"]
)
def test_with_accept_json_an_error_is_a_422(api, accept):
    assert api.call("POST", "/api/buckets", json={}, headers={"Accept": accept}).status_code == 422


@pytest.mark.parametrize("path", ["/api", "/api/nothing", "/buckets", "/api/buckets/1/files/1", "/_emulator"])
def test_an_unknown_route_is_a_404_in_json_even_without_a_token(api, path):
    answer = api.call("GET", path, headers={"Authorization": "x"})
    assert (answer.status_code, "could not be found" in answer.json()["message"]) == (404, True)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/buckets", "GET, HEAD, POST"), ("PATCH", "/api/buckets/1116", "DELETE, GET, HEAD, PUT"),
        ("OPTIONS", "/api/buckets/1116/files", "GET, HEAD"), ("BREW", "/api/base-projects", "GET, HEAD"),
    ],
)  # fmt: skip
def test_a_wrong_method_is_a_405_that_names_the_right_ones(api, method, path, allowed):
    answer = api.call(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert allowed in answer.json()["message"]


def test_head_answers_without_a_body(api):
    answer = api.call("HEAD", "/api/buckets")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_body_too_large_is_refused_and_the_connection_goes_on(api):
    large = b"x" * (9 * 2**20)
    assert api.call("POST", "/api/buckets", data=large, headers={"Content-Type": "text/plain"}).status_code == 413
    parts = {f"x{number}": (None, "x") for number in range(1001)}
    assert api.call("POST", "/api/buckets", files=parts).status_code == 413
    assert api.call("GET", "/api/buckets").status_code == 200


def test_a_connection_serves_many_requests(api):
    address = urlsplit(api.url)
    connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=5)
    headers = {"Authorization": f"Bearer {api.token}", "Accept": "application/json"}
    seen = set()
    for method, path in (("GET", "/api/buckets"), ("DELETE", "/api/buckets/1116"), ("PUT", "/api/buckets/5")) * 3:
        connection.request(method, path, body=b"unread", headers=headers)
        answer = connection.getresponse()
        answer.read()
        seen.add(connection.sock.getsockname())
    connection.close()
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", b" 400 "),
        (b"GET /_emulator/state HTTP/1.1\r\nHost: [\r\n\r\n", b" 403 "),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /api/buckets%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n", b" 404 "),
        (b"GET /api/buckets?page=%ff%ed%a0%80 HTTP/1.1\r\nHost: \xff\r\n\r\n", b" 403 "),
        (b"PUT /api/buckets/1 HTTP/1.1\r\nContent-Length: x\r\n\r\n", b" 403 "),
        (b"PUT /api/buckets/1 HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", b""),
        (b"PUT /api/buckets/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b""),
        (b"GET /api/buckets HTTP/1.0\r\n\r\n", b"Connection: close"),
    ],
)
def test_malformed_http_is_answered_or_dropped(api, capfd, raw, status):
    assert status in api.exchange(raw)
    assert api.call("GET", "/api/buckets").status_code == 200
    assert capfd.readouterr() == ("", "")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["File", "eu-west-1", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(["name", "region", "type", "labels", "net_type", "metadata_template"])
NO_SURROGATES = st.text(st.characters(exclude_categories=["Cs"]))


@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(FIELDS, VALUES), NO_SURROGATES, st.sampled_from(["GET", "POST", "PUT", "DELETE"]), st.booleans())
def test_malformed_bodies_and_queries_do_not_crash_the_server(api, body, text, method, strict):
    api.control("PUT", "profile", "strict" if strict else "lenient")
    for path in ("/api/buckets", "/api/buckets/1116", "/api/fs-containers"):
        params = {"page": text, "per_page": text, "search": text, "region": text, "name": text}
        answer = api.call(method, path, json=None, data=json.dumps(body), params=params,
                          headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status_code < 500
        assert not answer.content or answer.json()
    api.reset()
