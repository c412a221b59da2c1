"""The token goes to the endpoint and nowhere else; nothing that is shown or logged holds it."""

import base64
import html
import json
import logging
import pickle
import re
import socket
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import requests

from acrsync.client import Client
from acrsync.client.transport import Transport
from acrsync.diagnostics import RemoteError
from hostile import CERTIFICATE, TOKEN, Answer, answered, blunt, error_of, hostile, ok, raw, reset, scripted

ONCE = Client.Config(retries=0)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://api-v2.acrcloud.com", "unencrypted"),
        ("http://10.0.0.1", "unencrypted, private address"),
        ("http://127.0.0.1.evil.example", "a name that only looks like loopback"),
        ("http://localhost.evil.example", "a suffix that looks local"),
        ("http://127.1", "an address that not everybody reads alike"),
        ("http://2130706433", "a decimal address"),
        ("http://[::ffff:10.0.0.1]", "unencrypted, mapped address"),
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
def test_an_untrusted_endpoint_is_refused(url: str, reason: str) -> None:
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
def test_an_endpoint_over_https_or_on_loopback_is_accepted(url: str, base_url: str) -> None:
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
    """Also if it is mounted on a session of requests, which follows redirects."""
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


def test_a_debug_line_has_request_status_and_duration() -> None:
    lines: list[str] = []
    answers = (answered(500, {"error": "no"}), ok({"data": []}))
    config = Client.Config(retries=1, backoff_factor=0)
    with hostile(*answers) as server, Client(TOKEN, server.url, config, debug=lines.append) as client:
        client.get("/api/x", {"page": 2})
    assert re.fullmatch(r"GET /api/x\?page=2: 500, The API reports an error of its own, \d+ ms", lines[0])
    assert re.fullmatch(r"GET /api/x\?page=2 \(attempt 2\): 200, 12 bytes, \d+ ms", lines[1])


# A secret is recognized however it is encoded.


def percent(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04X}" for character in text)


def in_base64(before: str, text: str) -> str:
    return base64.b64encode(f"{before}{text}".encode()).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a sentence": lambda text: f"the token '{text}' is unknown",
    "in capitals": str.upper,
    "in a URL": lambda text: quote(text, safe=""),
    "in a form": quote_plus,
    "percent-encoded whole": percent,
    "percent-encoded twice": lambda text: quote(percent(text)),
    "as JSON": lambda text: json.dumps(f"Bearer {text}"),
    "as JSON in JSON": lambda text: json.dumps(json.dumps({"token": text})),
    "escaped whole": escaped,
    "escaped twice": lambda text: json.dumps(escaped(text)),
    "some letters escaped": lambda text: text.replace("e", "\\u0065").replace("s", "%73"),
    "as HTML": lambda text: html.escape(f'"{text}"'),
    "as HTML numbers": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "as HTML hexadecimal": lambda text: "".join(f"&#x{ord(character):x};" for character in text),
    "as bytes of Python": lambda text: repr(text.encode() + b"\x00"),
    "as hexadecimal": lambda text: text.encode().hex(),
    "as hexadecimal with spaces": lambda text: text.encode().hex(" ").upper(),
    "in base64": lambda text: in_base64("", text),
    "in base64, one later": lambda text: in_base64("Bearer ", text),
    "in base64, two later": lambda text: in_base64("x: ", text).rstrip("="),
    "in base64 for URLs": lambda text: base64.urlsafe_b64encode(f"Bearer {text}".encode()).decode(),
    "in base64 in a URL": lambda text: quote(in_base64("user:", text), safe=""),
    "in lines of base64": lambda text: base64.encodebytes((f"Authorization: Bearer {text}" * 3).encode()).decode(),
    "over two lines": lambda text: f"{text[:20]}\r\n  {text[20:]}",
    "with marks in it": lambda text: f"{text[:20]}<wbr>{text[20:]}",
    "its beginning": lambda text: f"{text[:14]}...",
    "its end": lambda text: f"...{text[-14:]}",
    "a header's beginning": lambda text: f"Authorization: Bearer {text[:7]}",
    "a login's beginning": lambda text: f"bad credentials: Bearer {text[:9]}...",
}


def pieces(secret: str, *, length: int) -> set[str]:
    return {secret[at : at + length].lower() for at in range(len(secret) - length + 1)}


def decoded(text: str) -> str:
    """What anybody could make of a text, all of it together."""
    plain, found = text, [text]
    for _ in range(3):
        plain = re.sub(r"%([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), html.unescape(plain))
        plain = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), plain)
        found.append(plain)
    for word in re.findall(r"[\w+/-]{8,}", plain):
        for cut in range(4):
            padded = word[cut:].replace("-", "+").replace("_", "/")
            found.append(base64.b64decode(padded[: len(padded) // 4 * 4]).decode("latin-1"))
        with_hex = re.sub(r"[^0-9a-fA-F]", "", word)
        found.append(bytes.fromhex(with_hex[: len(with_hex) // 2 * 2]).decode("latin-1"))
    return "\n".join(found).lower()


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("status", [200, 302, 403, 422, 500])
def test_an_echoed_token_is_recognized_in_every_encoding(encode: Callable[[str], str], status: int) -> None:
    echo, lines = encode(TOKEN), list[str]()
    if not echo.isprintable():
        status = 422  # no header can hold it
    answer = answered(status, echo, Location=f"/login?{echo}") if status == 302 else answered(status, {"error": echo})
    with hostile(answer) as server, Client(TOKEN, server.url, ONCE, debug=lines.append) as client:
        error = error_of(RemoteError, client.get_bucket, 1)
    shown = "\n".join([str(error), repr(error.diagnostic), *lines, *traceback.format_exception(error)])
    leaked = {piece for piece in pieces(TOKEN, length=8) if piece in decoded(shown)}
    assert not leaked, shown
    assert status != 403 or "[token]" in shown or "[secret]" in shown


@pytest.mark.parametrize("head", [f"no header {TOKEN}", f" folded {TOKEN}", f"X-Echo: {TOKEN}", f"X\x00: {TOKEN}"])
def test_headers_that_cannot_be_read_are_not_logged(head: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = raw(f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{head}\r\nX: y\r\n\r\n{{}}".encode())
    with hostile(answer) as server, Client(TOKEN, server.url, ONCE) as client:
        assert client.json("/api/x") == {}
    assert TOKEN not in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


def test_ordinary_words_are_not_redacted() -> None:
    said = "Bearer token is invalid; Basic authentication required. 100% sure, \\u0041 &amp; C:\\\\x, aGVsbG8gd29ybGQ="
    with hostile(answered(403, {"error": said})) as server, Client(TOKEN, server.url, ONCE) as client:
        assert error_of(RemoteError, client.get, "/api/x").diagnostic.detail.endswith(said)


PASSWORD = "p@ss/w#rd ?ünd"


def test_a_proxy_password_is_in_no_message(caplog: pytest.LogCaptureFixture) -> None:
    """The proxy repeats the login that it was sent, decoded and in base64, in what it refuses with."""
    caplog.set_level(logging.DEBUG)
    login = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    lines: list[str] = []
    for words in (
        login,
        f"Basic {login}",
        quote(PASSWORD),
        PASSWORD.replace("ü", "u"),
        f"user:{quote(PASSWORD, safe='')}",
    ):
        refusal = f"HTTP/1.1 403 No {words}\r\nX-Echo: {words}\r\n\r\n".encode()
        with blunt(refusal) as (port, heard):
            proxy = f"http://user:{quote(PASSWORD, safe='')}@127.0.0.1:{port}"
            whole = Client(TOKEN, "https://h.example", ONCE, proxies={"https": proxy}, debug=lines.append)
            once = Client(TOKEN, "https://h.example", ONCE, debug=lines.append)
            calls: list[tuple[Client, Callable[[], object]]] = [
                (whole, partial(whole.get_bucket, 1)),
                (whole, partial(whole.delete_bucket, 1)),
                (once, partial(once.get, "/api/x", proxies={"https": proxy})),
            ]
            for client, call in calls:
                error = error_of(RemoteError, call)
                assert error.diagnostic.code == "E413"
                assert not error.may_have_acted
                shown = "\n".join([str(error), repr(client), *lines, *traceback.format_exception(error), caplog.text])
                assert not {piece for piece in pieces(PASSWORD, length=8) if piece in decoded(shown)}, shown
        assert b"Proxy-Authorization: Basic " in heard[0]


@pytest.mark.parametrize(
    "proxy",
    [
        f"http://user:{PASSWORD}@127.0.0.1:3128",
        "http://user:se/cret-word@127.0.0.1:3128",
        "http://user:12#secret-word@127.0.0.1:3128",
        "http://user:12?secret-word@127.0.0.1:3128",
        "http://user:secret-word@",
        "http://user:secret-word@:3128",
        "http://user:secret-word@127.0.0.1:port",
        "http://user:secret-word@127.0.0.1:99999",
        "http://user:secret-word@127.0.0.1 :3128",
        "http://user:secret-word@[::1",
        "http://user:secret-word@127.0.0.1:3128/secret-word",
        "htp://user:secret-word@127.0.0.1:3128",
        "user:secret-word@127.0.0.1:port",
        "secret-word://127.0.0.1",
        "://secret-word",
        "http://",
        7,
    ],
)
@pytest.mark.parametrize("way", ["client", "call"])
def test_an_invalid_proxy_is_refused_before_anything_is_sent_and_not_shown(proxy: object, way: str) -> None:
    proxies: dict[str, str] = {"https": proxy}  # type: ignore[dict-item]
    if way == "client":
        error = error_of(RemoteError, Client, TOKEN, "https://h.example", proxies=proxies)
    else:
        client = Client(TOKEN, "https://h.example")
        error = error_of(RemoteError, client.get, "/api/x", proxies=proxies)
        assert client.sent == {}
    assert isinstance(error, requests.exceptions.InvalidProxyURL)
    assert error.diagnostic.code == "E454"
    shown = "\n".join([str(error), repr(error.diagnostic), *traceback.format_exception(error)])
    assert not re.search("secret-word|cret-word|w#rd", shown)


@pytest.mark.parametrize("key", ["https", "all", "https://h.example", "all://h.example"])
def test_a_proxy_is_found_under_each_key_that_requests_knows(key: str) -> None:
    with blunt(REFUSAL) as (port, heard):
        client = Client(TOKEN, "https://h.example", ONCE, proxies={key: f"127.0.0.1:{port}", "http": "http://x"})
        assert error_of(RemoteError, client.get, "/api/x").diagnostic.code == "E413"
    assert len(heard) == 1


def test_one_request_may_use_another_proxy() -> None:
    with blunt(REFUSAL) as (port, heard), hostile(ok({}), tls=True) as server:
        proxy = f"http://127.0.0.1:{port}"
        with Client(TOKEN, server.url, ONCE, ca_bundle=str(CERTIFICATE), proxies={"https": proxy}) as client:
            assert client.json("/api/x", proxies={"https": ""}) == {}
            assert error_of(RemoteError, client.get, "/api/x").diagnostic.code == "E413"
        with Client(TOKEN, server.url, ONCE, ca_bundle=str(CERTIFICATE)) as client:
            assert error_of(RemoteError, client.get, "/api/x", proxies={"https": proxy}).diagnostic.code == "E413"
            assert client.json("/api/x") == {}
    assert len(heard) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 451])
def test_a_proxy_that_refuses_is_asked_once(status: int) -> None:
    with blunt(f"HTTP/1.1 {status} No\r\n\r\n".encode()) as (port, heard):
        proxies = {"https": f"http://127.0.0.1:{port}"}
        with Client(TOKEN, "https://h.example", Client.Config(backoff_factor=0), proxies=proxies) as client:
            assert error_of(RemoteError, client.get, "/api/x").diagnostic.code == "E413"
    assert len(heard) == 1


@pytest.mark.parametrize("status", [408, 429, 502, 503])
def test_a_failing_proxy_is_tried_again(status: int) -> None:
    with blunt(f"HTTP/1.1 {status} No\r\n\r\n".encode()) as (port, heard):
        proxies = {"https": f"http://127.0.0.1:{port}"}
        with Client(TOKEN, "https://h.example", Client.Config(retries=2, backoff_factor=0), proxies=proxies) as client:
            assert error_of(RemoteError, client.create_bucket, {}).diagnostic.code == "E413"
    assert len(heard) == 3


Login = tuple[bytes, bytes]


def socks5(target: int, heard: list[bytes], *, login: Login | None = None) -> Callable[[socket.socket], None]:
    """A SOCKS5 proxy that leads each connection to one port of this machine."""

    def serve(connection: socket.socket) -> None:
        connection.recv(512)
        connection.sendall(b"\x05\x02" if login else b"\x05\x00")
        if login:
            said = connection.recv(512)
            good = said == b"\x01%c%b%c%b" % (len(login[0]), login[0], len(login[1]), login[1])
            connection.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        heard.append(connection.recv(512))
        connection.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x01")
        with socket.create_connection(("127.0.0.1", target)) as server:
            server.settimeout(5)
            while request := connection.recv(65536):
                server.sendall(request)
                connection.setblocking(False)
                while True:
                    try:
                        server.settimeout(0.2)
                        connection.sendall(server.recv(65536))
                    except TimeoutError:
                        break
                connection.setblocking(True)

    return serve


def test_a_socks_proxy_is_really_used() -> None:
    pytest.importorskip("socks")
    heard: list[bytes] = []
    with hostile(ok({"data": {"id": 1}}), tls=True) as server:
        serve = socks5(server.port, heard, login=(b"user", b"p@ss"))
        with scripted(serve) as address:
            proxy = address.replace("http://", "socks5h://user:p%40ss@")
            with Client(
                TOKEN, "https://127.0.0.1:9", ONCE, proxies={"https": proxy}, ca_bundle=str(CERTIFICATE)
            ) as client:
                assert client.get_bucket(1) == {"id": 1}
    assert len(server.requests) == len(heard) == 1


def test_a_socks_proxy_that_refuses_the_login_is_named() -> None:
    pytest.importorskip("socks")
    with scripted(*[socks5(1, [], login=(b"user", b"other"))] * 3) as address:
        proxy = address.replace("http://", "socks5://user:secret-word@")
        with Client(TOKEN, "https://127.0.0.1:9", ONCE, proxies={"https": proxy}) as client:
            error = error_of(RemoteError, client.delete_bucket, 1)
    assert error.diagnostic.code == "E413"
    assert "secret-word" not in "".join(traceback.format_exception(error))


def test_socks_without_its_package_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for scheme in ("socks4", "socks4a", "socks5", "socks5h", "SOCKS5"):
        error = error_of(RemoteError, Client, TOKEN, proxies={"https": f"{scheme}://user:secret-word@127.0.0.1:1"})
        assert (error.diagnostic.code, "PySocks" in error.diagnostic.detail) == ("E454", True)
        assert "secret-word" not in str(error)
