"""No answer is ever taken for that to another request: a connection is kept only after an exchange without a flaw."""

import select
import socket
import threading
import time
from contextlib import suppress

import pytest

from acrsync.client import Client
from acrsync.diagnostics import NoAnswer, NotFound, RemoteError
from hostile import CERTIFICATE, TOKEN, Answer, Request, answered, error_of, hostile, ok, raw, row, scripted

ONCE = Client.Config(retries=0)


def whole(body: bytes, head: bytes = b"HTTP/1.1 200 OK\r\n") -> bytes:
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def bucket(number: int) -> bytes:
    return b'{"data": {"id": %d}}' % number


def trusting(url: str) -> Client:
    return Client(TOKEN, url, ONCE, timeout_s=2, ca_bundle=str(CERTIFICATE))


WRONG = whole(bucket(666))


def right(connection: socket.socket, request: Request) -> bool:
    """Answer with the bucket that was asked for."""
    connection.sendall(whole(bucket(int(request.path.rpartition("/")[2]))))
    return True


@pytest.mark.parametrize("status", [100, 101, 102, 103, 110, 199])
@pytest.mark.parametrize("times", [1, 3])
def test_an_interim_answer_is_skipped_and_the_next_request_gets_its_own(status: int, times: int) -> None:
    interim = b"HTTP/1.1 %d Wait\r\nLink: </a>; rel=preload\r\nContent-Length: 5\r\n\r\n" % status * times

    def late(connection: socket.socket, request: Request) -> bool:
        connection.sendall(interim)
        time.sleep(0.05)
        return right(connection, request)

    with hostile(late) as server, Client(TOKEN, server.url, ONCE, timeout_s=2) as client:
        assert [client.get_bucket(number)["id"] for number in (1, 2, 3)] == [1, 2, 3]
        assert client.update_bucket(4, {"name": "x"})["id"] == 4
    assert {request.connection for request in server.requests} == {1}


def test_a_create_with_interim_answers_is_one_create() -> None:
    answer = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + whole(bucket(7))
    with hostile(raw(answer)) as server, Client(TOKEN, server.url, ONCE) as client:
        assert client.create_bucket({"name": "x"})["id"] == 7
    assert server.methods == ["POST"]


def test_interim_answers_alone_are_not_an_answer() -> None:
    with hostile(raw(b"HTTP/1.1 102 Processing\r\n\r\n" * 5)) as server, Client(TOKEN, server.url, ONCE) as client:
        error = error_of(NoAnswer, client.update_bucket, 1, {"name": "x"})
    assert error.may_have_acted


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n" + bucket(1) + b"\r\n0\r\n\r\n"
FLAWED = {
    "an answer too many": whole(bucket(1)) + WRONG,
    "two too many": whole(bucket(1)) + WRONG * 2,
    "many too many": whole(bucket(1)) + WRONG * 400,
    "an interim answer behind": whole(bucket(1)) + b"HTTP/1.1 102 Processing\r\n\r\n",
    "a line end too many": whole(bucket(1)) + b"\r\n",
    "garbage behind": whole(bucket(1)) + b"\0" * 10,
    "a length that is too short": b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n" + bucket(1) + b"   ",
    "an answer behind the last chunk": CHUNKED + WRONG,
    "a length beside chunks": CHUNKED.replace(b"Transfer", b"Content-Length: 5\r\nTransfer"),
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n" + whole(bucket(1), head=b""),
    "a line that is not a header": whole(bucket(1))[: -len(bucket(1)) - 2] + b"no header\r\n\r\n" + bucket(1),
    "a header line that begins with a space": whole(bucket(1), head=b"HTTP/1.1 200 OK\r\n folded: 1\r\n"),
}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("flaw", FLAWED.values(), ids=FLAWED)
def test_no_connection_is_kept_after_a_malformed_exchange(flaw: bytes, tls: bool) -> None:
    answers = (raw(flaw, keep=True), right)
    with hostile(*answers, tls=tls) as server, trusting(server.url) as client:
        with suppress(RemoteError):
            assert client.get_bucket(1)["id"] == 1
        assert [client.get_bucket(number)["id"] for number in (2, 3)] == [2, 3]
    assert [request.connection for request in server.requests] == [1, 2, 2]


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("framing", [b"Content-Length: 20", b"Transfer-Encoding: chunked"])
def test_an_answer_without_a_body_that_announces_one_ends_the_connection(status: int, framing: bytes) -> None:
    def deleted(connection: socket.socket, request: Request) -> bool:
        connection.sendall(b"HTTP/1.1 %d X\r\n%b\r\n\r\n" % (status, framing))
        time.sleep(0.05)
        connection.sendall(WRONG)
        return True

    with hostile(deleted, right) as server, Client(TOKEN, server.url, ONCE, timeout_s=2) as client:
        if status == 204:
            client.delete_bucket(1)
        else:
            assert error_of(RemoteError, client.delete_bucket, 1).status == 304
        assert client.get_bucket(2)["id"] == 2
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize("tls", [False, True])
def test_bytes_sent_between_two_requests_answer_neither(tls: bool) -> None:
    """As a 408 that a server sends before it closes an idle connection."""
    said = threading.Event()

    def and_later(connection: socket.socket, request: Request) -> bool:
        right(connection, request)
        time.sleep(0.05)
        connection.sendall(whole(b"{}", head=b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"))
        said.set()
        return False

    with hostile(and_later, right, tls=tls) as server, trusting(server.url) as client:
        assert client.get_bucket(1)["id"] == 1
        assert said.wait(5)
        assert client.get_bucket(2)["id"] == 2
    assert [request.connection for request in server.requests] == [1, 2]


def test_an_answer_before_the_request_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that speaks first: its first words answer the first request, so all later ones would be one behind."""
    connect = socket.socket.connect
    addresses: list[object] = []

    def and_wait(sock: socket.socket, address: tuple[str, int]) -> None:
        connect(sock, address)
        if not addresses:
            assert select.select([sock], [], [], 5)[0]
        addresses.append(address)

    def hasty(connection: socket.socket) -> None:
        connection.sendall(whole(bucket(1)))
        while connection.recv(65536):
            connection.sendall(WRONG)

    def obedient(connection: socket.socket) -> None:
        while path := connection.recv(65536).split(b" ")[1:2]:
            connection.sendall(whole(bucket(int(path[0].rpartition(b"/")[2]))))

    with scripted(hasty, obedient) as url, trusting(url) as client:
        monkeypatch.setattr(socket.socket, "connect", and_wait)
        client.get_bucket(1)
        assert [client.get_bucket(number)["id"] for number in (2, 3)] == [2, 3]


def test_an_answer_to_half_a_write_ends_the_connection() -> None:
    """The server answers the head of a PUT, and would take its body for the next request."""
    gone = threading.Event()

    def hasty(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(whole(bucket(1)))
        connection.recv(65536)
        gone.wait(0.5)
        connection.sendall(WRONG)

    def patient(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(whole(bucket(2)))

    # Time for the answer, as a last look takes it. If it does not come in that time, this is a test of an ordinary day.
    with scripted(hasty, patient) as url, Client(TOKEN, url, ONCE, last_look=lambda: time.sleep(0.2)) as client:
        assert client.update_bucket(1, {"name": "x"})["id"] == 1
        assert client.get_bucket(2)["id"] == 2
        gone.set()


def test_a_correct_exchange_keeps_its_connection_for_every_framing() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n13;a=b\r\n" + bucket(1)
    framings: list[Answer] = [
        raw(whole(bucket(1)), keep=True),
        raw(chunked + b"\r\n0\r\nX: y\r\n\r\n", keep=True),
        raw(b"HTTP/1.1 204 No Content\r\n\r\n", keep=True),
        raw(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", keep=True),
        answered(404, {"error": "no"}),
        ok({"data": [row(number) for number in range(500)]}),
    ]
    with hostile(*framings, right) as server, Client(TOKEN, server.url, ONCE) as client:
        for _ in framings:
            with suppress(NotFound):
                client.get("/api/x")
        assert client.get_bucket(5)["id"] == 5
    assert {request.connection for request in server.requests} == {1}
