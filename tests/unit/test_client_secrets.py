"""The token goes to the endpoint and nowhere else; nothing that is shown or logged holds it."""

import logging
import pickle
import re
import traceback
from pathlib import Path

import pytest
import requests

from acrsync.client import Client
from acrsync.client.transport import Transport
from acrsync.diagnostics import RemoteError
from hostile import TOKEN, Answer, answered, blunt, error_of, hostile, ok, reset

ONCE = Client.Config(retries=0)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://api-v2.acrcloud.com", "in clear"),
        ("http://10.0.0.1", "in clear"),
        ("http://127.0.0.1.evil.example", "a name that only looks like loopback"),
        ("http://localhost.evil.example", "likewise"),
        ("http://127.1", "an address that not everybody reads alike"),
        ("http://2130706433", "likewise"),
        ("http://[::ffff:10.0.0.1]", "in clear"),
        ("https://user:secret@api-v2.acrcloud.com", "a password that would be shown"),
        ("https://api-v2.acrcloud.com@evil.example", "another host than it seems"),
        ("https://api-v2.acrcloud.com\\@evil.example", "read differently by different programs"),
        ("https://api-v2.acrcloud.com/?x=1", "a query"),
        ("https://api-v2.acrcloud.com/#x", "a fragment"),
        ("https://", "no host"),
        ("https:///api", "no host"),
        ("https://api-v2.acrcloud.com:port", "no port"),
        ("https://[::1", "no address"),
        ("https://*.acrcloud.com", "no host"),
        ("https://api v2.acrcloud.com", "a space"),
        ("https://api-v2.acrcloud.com\r\nX: y", "a line break"),
        ("https://äpi.acrcloud.com", "outside ASCII"),
        ("ftp://127.0.0.1", "another protocol"),
        ("file:///etc/passwd", "another protocol"),
        ("api-v2.acrcloud.com", "no protocol"),
        ("", "nothing"),
    ],
)
def test_an_endpoint_that_cannot_be_trusted_is_refused_at_once(url: str, reason: str) -> None:
    error = error_of(RemoteError, Client, TOKEN, url)
    assert error.diagnostic.code == "E401", reason
    assert "secret" not in str(error)
    assert error.diagnostic.fix


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("https://api-v2.acrcloud.com", "https://api-v2.acrcloud.com"),
        ("https://API-v2.acrcloud.com:443/api/", "https://API-v2.acrcloud.com:443"),
        ("HTTPS://cn-api-v2.acrcloud.cn", "https://cn-api-v2.acrcloud.cn"),
        ("https://gateway.example/acr/api", "https://gateway.example/acr"),
        ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://localhost:1", "http://localhost:1"),
        (" https://h.example \n", "https://h.example"),
    ],
)
def test_an_endpoint_over_https_or_on_loopback_is_taken(url: str, base_url: str) -> None:
    assert Client(TOKEN, url).base_url == base_url


@pytest.mark.parametrize(
    "token", ["", " ", "two words", "line\nbreak", "trailing\n", "bell\x07", "ümlaut", "zero\u200bwidth"]
)
def test_a_token_that_cannot_stand_in_a_header_is_refused_without_being_shown(token: str) -> None:
    error = error_of(RemoteError, Client, token, "https://h.example")
    assert error.diagnostic.code == "E402"
    assert not token.strip() or token not in str(error.diagnostic)


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/api",
        "http://evil.example/api",
        "@evil.example/api",
        ".evil.example/api",
        ":1/api",
        "api",
        "",
        "/\\evil",
    ],
)
def test_a_path_cannot_lead_to_another_host(path: str) -> None:
    with hostile(ok({})) as server, Client(TOKEN, server.url) as client:
        with pytest.raises(ValueError, match="slash"):
            client.get(path)
        assert server.requests == []


def test_the_transport_itself_refuses_another_host() -> None:
    """Also where somebody mounts it on a session of requests, which follows redirects."""
    with hostile(ok({})) as elsewhere:
        away = answered(302, "", Location=f"{elsewhere.url}/api")
        with hostile(away) as server, requests.Session() as session:
            session.mount("http://", Transport(server.url, read_only=False, count=lambda _: None))
            error = error_of(
                RemoteError, session.get, f"{server.url}/api", headers={"Authorization": f"Bearer {TOKEN}"}
            )
            assert error.diagnostic.code == "E452"
        assert elsewhere.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(status: int) -> None:
    with hostile(ok({})) as elsewhere:
        for target in (f"{elsewhere.url}/api", "/api/login", "//evil.example"):
            with hostile(answered(status, "", Location=target)) as server, Client(TOKEN, server.url, ONCE) as client:
                error = error_of(RemoteError, client.get, "/api/buckets")
                assert error.diagnostic.code == "E407"
                assert target in error.diagnostic.detail
            assert len(server.requests) == 1
        assert elsewhere.requests == []


def test_netrc_and_the_environment_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\ndefault login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text(netrc.read_text())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nothing.pem"))
    with hostile(ok({})) as proxy, hostile(ok({})) as server, Client(TOKEN, server.url) as client:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        client.get("/api/x")
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert proxy.requests == []


def test_cookies_are_not_kept() -> None:
    answers = (answered(200, {}, Set_Cookie="laravel_session=1; Path=/"), ok({}))
    with hostile(*answers) as server, Client(TOKEN, server.url) as client:
        client.get("/api/x")
        client.get("/api/x")
    assert all("cookie" not in request.headers for request in server.requests)


REFUSAL = b"HTTP/1.1 403 Forbidden\r\n\r\n"


def test_a_proxy_is_used_for_https_and_does_not_see_the_token() -> None:
    with blunt(REFUSAL) as (port, heard):
        with Client(TOKEN, "https://h.example", ONCE, proxies={"https": f"http://127.0.0.1:{port}"}) as client:
            error = error_of(RemoteError, client.create_bucket, {"name": "x"})
        assert error.diagnostic.code == "E413"
        assert not error.may_have_acted
    assert len(heard) == 1
    assert heard[0].startswith(b"CONNECT h.example:443 ")
    assert TOKEN.encode() not in heard[0]


def test_plain_http_on_loopback_goes_past_every_proxy() -> None:
    with blunt(REFUSAL) as (port, heard), hostile(ok({})) as server:
        proxies = dict.fromkeys(("https", "http", "all", "http://127.0.0.1"), f"http://127.0.0.1:{port}")
        with Client(TOKEN, server.url, proxies=proxies) as client:
            client.get("/api/x")
        assert len(server.requests) == 1
    assert heard == []


ECHOES: list[Answer] = [
    answered(403, {"error": f"bad token {TOKEN}"}),
    answered(422, {"message": "no", "errors": {TOKEN: [TOKEN]}}),
    answered(500, f"<html>Authorization: Bearer {TOKEN}</html>"),
    answered(302, "", Location=f"https://evil.example/?t={TOKEN}"),
    answered(200, f"<html>{TOKEN}</html>"),
    answered(200, f'{{"data": [{{"access_key": "k", "access_secret": "{"s" * 40}", "buckets": ['),
    reset,
]


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_neither_token_nor_secret_is_in_any_message_log_or_line(
    method: str, echo: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[str] = []
    caplog.set_level(logging.DEBUG)
    with hostile(echo) as server, Client(TOKEN, server.url, ONCE, debug=lines.append) as client:
        match method:
            case "GET":
                error = error_of(RemoteError, client.json, "/api/base-projects")
            case "POST":
                error = error_of(RemoteError, client.create_bucket, {})
            case _:
                error = error_of(RemoteError, client.update_bucket, 1, {})
        shown = [repr(client), str(error), repr(error), repr(error.diagnostic), *lines, caplog.text]
        shown += traceback.format_exception(error)
        response = getattr(error, "response", None)
        if response is not None:
            shown.append(repr(response.request.headers))
    assert len(lines) == 1
    for text in shown:
        assert TOKEN not in text
        assert "ssss" not in text


def test_a_request_that_is_handed_out_has_no_token() -> None:
    with hostile(ok({}), reset) as server, Client(TOKEN, server.url, ONCE) as client:
        response = client.get("/api/x")
        assert "Authorization" not in response.request.headers
        assert TOKEN.encode() not in pickle.dumps(response)
        error = error_of(RemoteError, client.get, "/api/x")
        cause = error.__cause__
        assert isinstance(cause, requests.RequestException)
        assert cause.request is not None
        assert "Authorization" not in cause.request.headers


def test_a_debug_line_says_what_was_asked_what_came_and_how_long_it_took() -> None:
    lines: list[str] = []
    answers = (answered(500, {"error": "no"}), ok({"data": []}))
    config = Client.Config(retries=1, backoff_factor=0)
    with hostile(*answers) as server, Client(TOKEN, server.url, config, debug=lines.append) as client:
        client.get("/api/x", {"page": 2})
    assert re.fullmatch(r"GET /api/x\?page=2: 500, The API is in trouble, \d+ ms", lines[0])
    assert re.fullmatch(r"GET /api/x\?page=2 \(attempt 2\): 200, 12 bytes, \d+ ms", lines[1])
