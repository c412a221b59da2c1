"""Each bad day is one clear message: what happened, in whose words, and what to do."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from acrsync.client import Client
from acrsync.diagnostics import AcrsyncError, RemoteError
from hostile import TOKEN, Answer, answered, blunt, error_of, hostile, ok, raw, reset

ONCE = Client.Config(retries=0)
PAGE = "<!doctype html><html><head><title>Log in</title></head><body>Please <b>log in</b>.</body></html>"


def trouble(client: Client) -> RemoteError:
    return error_of(RemoteError, client.json, "/api/buckets")


@pytest.mark.parametrize(
    ("answer", "code", "shown"),
    [
        (answered(403, {"error": "Authentication Exception"}), "E403", "Authentication Exception"),
        (answered(401, {"message": "Unauthenticated."}), "E403", "Unauthenticated."),
        (answered(404, {"error": "Not Found"}), "E405", "404"),
        (answered(400, {"error": "trial accounts may not"}), "E406", "trial accounts may not"),
        (
            answered(302, PAGE, Location="https://console.acrcloud.com/login"),
            "E407",
            "https://console.acrcloud.com/login",
        ),
        (answered(302, PAGE), "E407", "nowhere"),
        (answered(429, {"message": "Too Many Attempts."}), "E420", "Too Many Attempts."),
        (answered(502, "<html><h1>Bad Gateway</h1></html>"), "E421", "an HTML page: Bad Gateway"),
        (answered(500, ""), "E421", "500"),
        (answered(200, PAGE), "E416", "no JSON: an HTML page: Log in Please log in ."),
        (answered(200, ""), "E416", "no JSON"),
        (answered(200, '{"data": ['), "E416", 'no JSON: an HTML page: {"data": ['),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe\x00garbage"), "E416", "no JSON"),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000), "E416", "no JSON"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip"), "E414", "GET /api/buckets"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}"), "E414", "GET /api/buckets"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"), "E414", "GET /api/buckets"),
        (raw(b"HTTP/1.1 OK\r\n\r\n"), "E414", "GET /api/buckets"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), "E414", "GET /api/buckets"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"), "E414", "GET /api/buckets"),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "E414", "SSH-2.0-OpenSSH_9.6"),
        (raw(b""), "E414", "without response"),
        (reset, "E414", "reset"),
    ],
)
def test_a_bad_answer_is_one_message(answer: Answer, code: str, shown: str) -> None:
    with hostile(answer) as server, Client(TOKEN, server.url, ONCE, timeout_s=2) as client:
        diagnostic = trouble(client).diagnostic
    assert diagnostic.code == code
    assert shown in diagnostic.detail
    assert diagnostic.detail.startswith("GET /api/buckets")
    assert diagnostic.fix.endswith(".")
    assert "\n" not in diagnostic.detail


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "The given data was invalid.", "errors": {"name": ["Taken.", "Too long."]}},
         "The given data was invalid.; name: Taken., Too long."),
        ({"error": "clean the bucket first"}, "clean the bucket first"),
        ({"errors": ["a", {"b": None, "c": 3}]}, "a; b: ; c: 3"),
        ({"message": "", "error": None, "code": 7}, '{"message": "", "error": null, "code": 7}'),
        ({"message": {"deep": {"deeper": "x"}}}, "deep: deeper: x"),
        ([1, 2], "[1, 2]"),
        ({"message": "two\n\tlines  and \x1b[31mred\x07 \u202etext"},
         "two lines and \\x1b[31mred\\x07 \\u{202e}text"),
        ({"message": "long " * 1000}, "long " * 100 + "..."),
    ],
)  # fmt: skip
def test_the_servers_message_is_shown_shortened_and_escaped(body: object, words: str) -> None:
    with hostile(answered(422, body)) as server, Client(TOKEN, server.url, ONCE) as client:
        assert trouble(client).diagnostic.detail == f"GET /api/buckets was answered with 422: {words}"


def test_a_message_says_which_attempt_was_the_last() -> None:
    config = Client.Config(retries=2, backoff_factor=0)
    with hostile(answered(500, {"error": "no"})) as server, Client(TOKEN, server.url, config) as client:
        assert "GET /api/buckets (attempt 3) was answered with 500: no" in trouble(client).diagnostic.detail


def test_a_refused_connection_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(TOKEN, f"http://127.0.0.1:{port}", ONCE) as client:
        diagnostic = trouble(client).diagnostic
    assert (diagnostic.code, diagnostic.detail) == ("E411", "GET /api/buckets: Connection refused.")


@pytest.mark.parametrize("host", ["nowhere.example", "a..b", "x" * 64 + ".example"])
def test_an_unknown_host_says_so(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with Client(TOKEN, f"https://{host}", ONCE) as client:
        diagnostic = trouble(client).diagnostic
        error = error_of(RemoteError, client.create_bucket, {})
    assert diagnostic.code == "E410"
    assert diagnostic.detail.startswith("GET /api/buckets: ")
    assert not error.may_have_acted


def test_plain_http_from_a_tls_address_is_reported() -> None:
    with blunt(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, heard):
        error = trouble(Client(TOKEN, f"https://127.0.0.1:{port}", ONCE, timeout_s=2))
    assert error.diagnostic.code == "E415"
    assert len(heard) == 1


@pytest.mark.parametrize("ca_bundle", ["missing.pem", "empty.pem"])
def test_a_ca_bundle_that_cannot_be_used_says_so(tmp_path: Path, ca_bundle: str) -> None:
    (tmp_path / "empty.pem").write_text("")
    with hostile(ok({})) as server:
        url = f"https://127.0.0.1:{server.port}"
        error = trouble(Client(TOKEN, url, ONCE, ca_bundle=str(tmp_path / ca_bundle)))
    assert ca_bundle in error.diagnostic.detail or "certificate" in error.diagnostic.detail.lower()


@contextmanager
def tls_server(folder: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate of its own; yields its address and that certificate."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate and is not installed")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = [
        openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    while data := secure.recv(65536):
                        body = json.dumps({"data": {"id": 1, "big": "x" * 100_000}}).encode()
                        keep = b"/close" not in data
                        secure.sendall(
                            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n"
                            % (len(body), b"" if keep else b"Connection: close\r\n")
                        )
                        secure.sendall(body)
                        if not keep:
                            break
            except OSError:
                continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", certificate
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_certificate_that_is_not_trusted_is_refused_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(tmp_path) as (url, certificate):
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, str(certificate))  # the environment is for the command line to read
        with Client(TOKEN, url, Client.Config(backoff_factor=0)) as client:
            diagnostic = trouble(client).diagnostic
            assert client.sent == {"GET": 1}
            error = error_of(RemoteError, client.create_bucket, {})
            assert not error.may_have_acted
    assert diagnostic.code == "E412"
    assert "self-signed certificate" in diagnostic.detail


def test_a_certificate_of_the_given_bundle_is_trusted(tmp_path: Path) -> None:
    with tls_server(tmp_path) as (url, certificate), Client(TOKEN, url, ONCE, ca_bundle=str(certificate)) as client:
        assert len(client.json("/api/x")["data"]["big"]) == 100_000
        assert client.json("/api/close")["data"]["id"] == 1
        assert client.json("/api/x")["data"]["id"] == 1


def test_a_bundle_is_read_once_for_all_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    load = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *files: Any, **more: Any) -> None:
        read.append(files)
        load(context, *files, **more)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    with tls_server(tmp_path) as (url, certificate), Client(TOKEN, url, ONCE, ca_bundle=str(certificate)) as client:
        for _ in range(3):
            assert client.create_bucket({})["id"] == 1
        assert client.json("/api/close")["data"]["id"] == 1
    assert read == [(str(certificate), None)]


def test_no_bytes_of_any_server_crash_the_client() -> None:
    """Cuts and changes a good answer at every place; whatever is left is an answer or one of our errors."""
    body = b'{"data": {"id": 1}}'
    good = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    bad = [good[:end] for end in range(len(good))]
    bad += [b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n{}" % length for length in (b"5, 6", b"-1", b"9" * 5000)]
    bad += [good[:at] + byte + good[at + 1 :] for at in range(len(good)) for byte in (b"\0", b"\xff", b"\r\n", b"9")]
    failed = 0
    for method in ("get", "create"):
        with hostile(*map(raw, bad)) as server, Client(TOKEN, server.url, ONCE, timeout_s=0.5) as client:
            for _ in bad:
                try:
                    client.get_bucket(1) if method == "get" else client.create_bucket({})
                except AcrsyncError:
                    failed += 1
    assert failed > len(bad)
