"""An answer that is cut is asked for again, and one that goes on and on is given up."""

import gzip
import json
import socket
from typing import Any

import pytest
import requests

from acrsync.client import Client
from acrsync.diagnostics import RemoteError, UnknownOutcome
from hostile import TOKEN, Answer, Request, answered, error_of, hostile, ok, raw, row

QUICK = Client.Config(retries=2, backoff_factor=0.0)
BUCKET = json.dumps({"data": row(7)}).encode()
TO_THE_END = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


def framed(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (lines, len(body), body)


CUT = {
    "at a length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + BUCKET[:50]),
    "in a chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFF\r\n" + BUCKET[:50]),
    "between chunks": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n" + BUCKET[:50] + b"\r\n"),
    "without a length": raw(TO_THE_END + BUCKET[:50]),
    "in a text": raw(TO_THE_END + BUCKET[:14]),
    "in a number": raw(TO_THE_END + b'{"data": {"id": 1'),
    "in a word": raw(TO_THE_END + b'{"data": {"id": nul'),
    "in a letter": raw(TO_THE_END + '{"data": {"name": "ä'.encode()[:-1]),
    "behind an inner end": raw(TO_THE_END + BUCKET[:-1]),
    "at its first byte": raw(TO_THE_END),
    "by who is between": raw(framed(BUCKET[:50])),
    "in its compression": raw(framed(gzip.compress(BUCKET * 50)[:60], b"Content-Encoding: gzip")),
    "without a length, compressed": raw(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(BUCKET)[:40]
    ),
}
WHOLE_AND_NO_JSON = {
    "a page": raw(framed(b"<html>Log in</html>")),
    "a word": raw(framed(b"OK")),
    "nothing": raw(framed(b"")),
    "no content": answered(204),
    "an object with a mistake": raw(framed(b'{"data": {id: 1}}')),
}


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_truncated_success_is_requested_again(method: str, answer: Answer) -> None:
    with hostile(answer, raw(framed(BUCKET))) as server, Client(TOKEN, server.url, QUICK, timeout_s=2) as client:
        assert (client.get_bucket(7) if method == "GET" else client.update_bucket(7, {"name": "x"}))["id"] == 7
    assert server.methods == [method] * 2


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
def test_a_create_with_a_truncated_answer_is_never_sent_again(answer: Answer) -> None:
    with hostile(answer, raw(framed(BUCKET))) as server, Client(TOKEN, server.url, QUICK, timeout_s=2) as client:
        error = error_of(UnknownOutcome, client.create_bucket, {"name": "x"})
    assert server.methods == ["POST"]
    assert error.may_have_acted


@pytest.mark.parametrize("answer", WHOLE_AND_NO_JSON.values(), ids=WHOLE_AND_NO_JSON)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_complete_answer_that_is_not_json_is_final(method: str, answer: Answer) -> None:
    with hostile(answer) as server, Client(TOKEN, server.url, QUICK) as client:
        calls: Any = {"GET": lambda: client.json("/api/x"), "PUT": lambda: client.update_bucket(7, {})}
        error = error_of(requests.JSONDecodeError, calls[method])
    assert server.methods == [method]
    assert isinstance(error, RemoteError)
    assert isinstance(error, ValueError)
    assert isinstance(error, json.JSONDecodeError)
    assert (error.diagnostic.code, error.may_have_acted) == ("E416", method == "PUT")


def test_the_error_of_json_says_where() -> None:
    with hostile(raw(framed(b'{"a": 1,\n b}'))) as server, Client(TOKEN, server.url, QUICK) as client:
        error = error_of(requests.JSONDecodeError, client.json, "/api/x")
    assert (error.doc, error.pos, error.lineno, error.colno) == ('{"a": 1,\n b}', 10, 2, 2)


def test_a_delete_with_a_truncated_answer_is_sent_again() -> None:
    cut = CUT["at a length"]
    with hostile(cut, answered(204)) as server, Client(TOKEN, server.url, QUICK) as client:
        client.delete_bucket(7)
    assert server.methods == ["DELETE"] * 2


def test_get_alone_does_not_ask_for_json() -> None:
    with hostile(ok("text, not JSON")) as server, Client(TOKEN, server.url, QUICK) as client:
        assert client.get("/api/x").text == "text, not JSON"
    assert len(server.requests) == 1


# Answers without end.


def endless(piece: bytes, head: bytes) -> Answer:
    def answer(connection: socket.socket, _: Request) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return answer


MIB = b" " * 2**20
BOMB = gzip.compress(b" " * (80 * 2**20), 9)
ENDLESS = {
    "to the end of the connection": endless(MIB, TO_THE_END),
    "in chunks": endless(b"100000\r\n" + MIB + b"\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "with a length": endless(MIB, b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"),
    "compressed": raw(framed(BOMB, b"Content-Encoding: gzip")),
    "compressed twice": raw(framed(gzip.compress(BOMB), b"Content-Encoding: gzip, gzip")),
    "compressed, in a chunk": raw(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
        % (len(BOMB), BOMB)
    ),
}


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_answer_is_abandoned_at_64_mib(answer: Answer) -> None:
    with hostile(answer) as server, Client(TOKEN, server.url, QUICK, timeout_s=60) as client:
        error = error_of(RemoteError, client.get, "/api/x")
    assert error.diagnostic.code == "E418"
    assert "longer than 64 MiB" in error.diagnostic.detail
    assert isinstance(error, requests.RequestException)
    assert len(server.requests) == 1


@pytest.mark.parametrize(("method", "kind"), [("POST", UnknownOutcome), ("PUT", RemoteError), ("DELETE", RemoteError)])
def test_a_write_with_an_endless_answer_may_have_been_carried_out(method: str, kind: type[RemoteError]) -> None:
    with hostile(ENDLESS["compressed"]) as server, Client(TOKEN, server.url, QUICK) as client:
        calls: Any = {
            "POST": lambda: client.create_bucket({}), "PUT": lambda: client.update_bucket(1, {}),
            "DELETE": lambda: client.delete_bucket(1),
        }  # fmt: skip
        error = error_of(kind, calls[method])
    assert error.may_have_acted
    assert server.methods == [method]


def test_an_endless_refusal_is_abandoned() -> None:
    page = endless(MIB, b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n")
    with hostile(page) as server, Client(TOKEN, server.url, QUICK) as client:
        assert error_of(RemoteError, client.get, "/api/x").diagnostic.code == "E418"
        assert error_of(RemoteError, client.get, "/api/x", stream=True).diagnostic.code == "E418"


def test_an_answer_just_below_the_limit_is_read() -> None:
    body = b"[" + b" " * (60 * 2**20) + b"]"
    answer = raw(framed(gzip.compress(body, 1), b"Content-Encoding: gzip"))
    with hostile(answer) as server, Client(TOKEN, server.url, QUICK) as client:
        assert client.json("/api/x") == []
