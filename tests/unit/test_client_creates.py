"""A POST is sent once; again only if the server cannot have acted on it."""

import select
import socket
import threading
import time

import pytest

from acrsync.client import Client
from acrsync.client.wire import Body
from acrsync.diagnostics import AccessDenied, NoAnswer, NotFound, RemoteError, UnknownOutcome
from hostile import TOKEN, Answer, Request, answered, blunt, drip, error_of, hostile, raw, reset, row, silence

QUICK = Client.Config(retries=3, backoff_factor=0.0)
CREATED = answered(201, {"data": row(7)})


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(reset, id="a reset connection"),
        pytest.param(raw(b""), id="a closed connection"),
        pytest.param(silence(0.5), id="silence"),
        pytest.param(drip(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", every=0.05), id="a drip"),
        pytest.param(raw(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"), id="half a body"),
        pytest.param(raw(b"HTTP/1.1 201 Created\r\nContent-"), id="half a header"),
        pytest.param(raw(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nFF\r\n{"), id="half a chunk"),
        pytest.param(raw(b"what\r\n\r\n"), id="no HTTP"),
        pytest.param(answered(201, ""), id="no body"),
        pytest.param(answered(204), id="no content"),
        pytest.param(answered(200, "<html>Welcome</html>"), id="a page"),
        pytest.param(answered(201, '{"data": {"id": 1'), id="broken JSON"),
        pytest.param(answered(201, {"data": []}), id="no bucket"),
        pytest.param(answered(201, []), id="no envelope"),
        *(pytest.param(answered(status, {"error": "no"}), id=str(status)) for status in (500, 501, 502, 503, 504, 520)),
        pytest.param(answered(503, {}, Retry_After="0"), id="503 with an invitation"),
        pytest.param(answered(408, {"error": "no"}), id="408"),
        *(
            pytest.param(answered(status, "", Location="/api/buckets"), id=f"redirect {status}")
            for status in (301, 302, 303, 307, 308)
        ),
    ],
)
def test_a_lost_answer_is_never_resent(trouble: Answer) -> None:
    with hostile(trouble, CREATED) as server, Client(TOKEN, server.url, QUICK, timeout_s=0.25) as client:
        error = error_of(UnknownOutcome, client.create_bucket, {"name": "x"})
        assert client.sent == {"POST": 1}
    assert server.methods == ["POST"]
    assert error.may_have_acted
    assert error.diagnostic.code == "E430"


def test_a_throttled_create_is_sent_again() -> None:
    busy = answered(429, {"message": "Too Many Attempts."}, Retry_After="0")
    with hostile(busy, busy, CREATED) as server, Client(TOKEN, server.url, QUICK) as client:
        assert client.create_bucket({"name": "x"})["id"] == 7
    assert server.methods == ["POST"] * 3
    assert {request.body for request in server.requests} == {b'{"name": "x"}'}


def test_a_create_that_stays_throttled_was_not_carried_out() -> None:
    with hostile(answered(429, {})) as server, Client(TOKEN, server.url, QUICK) as client:
        error = error_of(NoAnswer, client.create_bucket, {})
    assert len(server.requests) == 4
    assert not error.may_have_acted


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RemoteError), (401, AccessDenied), (403, AccessDenied), (404, NotFound), (409, RemoteError),
        (422, RemoteError),
    ],
)  # fmt: skip
def test_a_refused_create_is_refused_with_its_status(status: int, kind: type[RemoteError]) -> None:
    """Also 409 and 422, the answers to a create that was delivered twice: the caller needs the status."""
    with hostile(answered(status, {"message": "no"})) as server, Client(TOKEN, server.url, QUICK) as client:
        error = error_of(kind, client.create_bucket, {})
    assert server.methods == ["POST"]
    assert not isinstance(error, UnknownOutcome)
    assert (error.status, error.may_have_acted) == (status, False)


def test_a_create_is_sent_again_when_no_connection_was_made() -> None:
    """The port is refused at first; the server opens it while the client pauses."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    posts: list[bytes] = []

    def open_later() -> None:
        time.sleep(0.3)
        with socket.create_server(("127.0.0.1", port)) as listener:
            listener.settimeout(5)
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                while line := stream.readline().strip():
                    posts.append(line)
                body = b'{"data": {"id": 7}}'
                connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    thread = threading.Thread(target=open_later)
    thread.start()
    config = Client.Config(retries=5, backoff_factor=0.1)
    with Client(TOKEN, f"http://127.0.0.1:{port}", config) as client:
        assert client.create_bucket({})["id"] == 7
        assert client.sent["POST"] > 1
    thread.join()
    assert [line for line in posts if line.startswith(b"POST")] == [b"POST /api/buckets HTTP/1.1"]


def test_a_create_that_never_connects_was_not_carried_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(TOKEN, f"http://127.0.0.1:{port}", QUICK) as client:
        error = error_of(NoAnswer, client.create_bucket, {})
        assert client.sent == {"POST": 4}
    assert not error.may_have_acted


def test_a_create_is_sent_again_when_the_tls_handshake_broke() -> None:
    with blunt(b"") as (port, hellos), Client(TOKEN, f"https://127.0.0.1:{port}", QUICK) as client:
        error = error_of(NoAnswer, client.create_bucket, {"name": "x"})
        assert client.sent == {"POST": 4}
    assert not error.may_have_acted
    assert len(hellos) == 4
    assert all(hello.startswith(b"\x16\x03") for hello in hellos)


def test_a_create_does_not_use_a_connection_that_the_server_is_about_to_close() -> None:
    """The stale connection of a pool: the server closes it just when the request is written."""
    answers: list[str] = []

    def once(connection: socket.socket, request: Request) -> bool:
        answers.append(f"{request.method} {request.connection}")
        answer = CREATED if request.method == "POST" else answered(200, {"data": row()})
        answer(connection, request)
        if request.method == "GET":
            select.select([connection], [], [], 5)  # something was written, or the other side closed
            reset(connection, request)
        return False

    with hostile(once) as server, Client(TOKEN, server.url, QUICK) as client:
        client.get_bucket(1)
        assert client.create_bucket({})["id"] == 7
    assert answers == ["GET 1", "POST 2"]
    assert server.methods == ["GET", "POST"]


def test_the_connection_of_a_create_is_closed_at_once() -> None:
    ended: list[bytes] = []

    def wait_for_the_end(connection: socket.socket, request: Request) -> None:
        CREATED(connection, request)
        connection.settimeout(2)
        ended.append(connection.recv(1))

    with hostile(wait_for_the_end) as server, Client(TOKEN, server.url, QUICK) as client:
        client.create_bucket({})
        give_up = time.monotonic() + 2
        while not ended and time.monotonic() < give_up:
            time.sleep(0.005)
    assert ended == [b""]


def test_headers_without_their_body_count_as_never_sent() -> None:
    """Nothing can be created by half a request: a body that was not handed on makes the create safe to repeat."""
    body = Body(b"abc")
    assert (body, body.unsent) == (b"abc", False)  # unknown: no connection is left that would show it
    body.held = True
    assert body.unsent
    body.taken = True
    assert not body.unsent
