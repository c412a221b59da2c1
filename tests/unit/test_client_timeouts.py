"""One attempt is bounded to its last byte, whatever the server does; all attempts together by five minutes."""

import gzip
import socket
import time
from typing import Any

import pytest
import requests

from acrsync.client import Client, InvalidCall
from acrsync.client.pace import Pace
from acrsync.diagnostics import NoAnswer
from hostile import TOKEN, Answer, answered, drip, error_of, hostile, ok, raw, row, silence

ONCE = Client.Config(retries=0)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(silence(3), id="silence"),
        pytest.param(drip(HEAD, every=0.1), id="headers byte by byte"),
        pytest.param(drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, every=0.05), id="promises for ever"),
        pytest.param(drip(b" " * 1000, every=0.1), id="a status line that never ends"),
        pytest.param(drip(b"x" * 1000, every=0.1, after=HEAD), id="a body byte by byte"),
        pytest.param(drip(b"1\r\nx\r\n" * 1000, every=0.03, after=CHUNKED), id="a body in chunks"),
        pytest.param(drip(b"x" * 1000, every=0.1, after=b"HTTP/1.0 200 OK\r\n\r\n"), id="a body without length"),
        pytest.param(silence(3, after=HEAD + b"{"), id="half a body, then silence"),
    ],
)
def test_one_attempt_ends_in_time(answer: Answer) -> None:
    with hostile(answer) as server, Client(TOKEN, server.url, ONCE, timeout_s=0.4) as client:
        begun = time.monotonic()
        error = error_of(requests.Timeout, client.get, "/api/buckets")
        assert 0.35 < time.monotonic() - begun < 0.8
        assert isinstance(error, NoAnswer)
        assert error.diagnostic.code == "E408"


def test_the_timeout_of_a_kept_connection_restarts_with_each_request() -> None:
    def slow(seconds: float) -> Answer:
        def answer(connection: socket.socket, request: object) -> bool:
            time.sleep(seconds)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            return True

        return answer

    with hostile(slow(0.25)) as server, Client(TOKEN, server.url, ONCE, timeout_s=0.4) as client:
        for _ in range(3):
            client.get("/api/x")
        assert {request.connection for request in server.requests} == {1}


def test_an_answer_that_takes_most_of_the_time_is_not_cut() -> None:
    pace = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", every=0.01)
    with hostile(pace) as server, Client(TOKEN, server.url, ONCE, timeout_s=2) as client:
        assert client.json("/api/x") == {}


def test_a_host_that_does_not_accept_is_abandoned_after_a_third_of_the_time() -> None:
    """The backlog of a listener that never accepts is filled, so that connecting hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        client = Client(TOKEN, f"http://127.0.0.1:{listener.getsockname()[1]}", ONCE, timeout_s=1.2)
        begun = time.monotonic()
        error = error_of(requests.Timeout, client.get, "/api/x")
        assert time.monotonic() - begun < 0.9
        assert isinstance(error, NoAnswer)
        for filler in fillers:
            filler.close()


def test_a_hanging_tls_handshake_is_abandoned_after_a_third_of_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(TOKEN, f"https://127.0.0.1:{listener.getsockname()[1]}", ONCE, timeout_s=1.2)
        begun = time.monotonic()
        error_of(requests.Timeout, client.get, "/api/x")
        assert time.monotonic() - begun < 0.9


def test_the_time_for_connecting_is_part_of_the_time_for_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def slowly(connection: socket.socket, address: tuple[str, int]) -> None:
        time.sleep(0.3)
        connect(connection, address)

    with hostile(silence(3)) as server, Client(TOKEN, server.url, ONCE, timeout_s=0.5) as client:
        monkeypatch.setattr(socket.socket, "connect", slowly)
        begun = time.monotonic()
        error_of(requests.Timeout, client.get, "/api/x")
        assert time.monotonic() - begun < 0.7


def test_a_slow_proxy_is_abandoned_in_time() -> None:
    drops = drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100, every=0.05)
    with (
        hostile(drops) as proxy,
        Client(TOKEN, "https://h.example", ONCE, timeout_s=0.6, proxies={"https": proxy.url}) as client,
    ):
        begun = time.monotonic()
        error_of(NoAnswer, client.get, "/api/x")
        assert time.monotonic() - begun < 0.6
        assert proxy.methods == ["CONNECT"]


def test_one_request_may_have_its_own_timeout() -> None:
    with hostile(silence(2)) as server, Client(TOKEN, server.url, ONCE) as client:
        begun = time.monotonic()
        error_of(requests.Timeout, client.get, "/api/x", timeout=0.2)
        assert time.monotonic() - begun < 0.6


@pytest.mark.parametrize(
    "timeout",
    [-1, float("inf"), float("nan"), 1e12, True, "5", (1,), (1, 2, 3), (0, 1), (1, -1), ("1", 1), {"total": 1}],
)
def test_a_timeout_is_a_positive_finite_number_of_seconds(timeout: Any) -> None:
    with hostile(ok({})) as server, Client(TOKEN, server.url) as client:
        with pytest.raises(InvalidCall, match="timeout"):
            client.get("/api/x", timeout=timeout)
        assert server.requests == []
    if not isinstance(timeout, tuple):
        error_of(InvalidCall, Client, TOKEN, timeout_s=timeout)


@pytest.mark.parametrize("timeout", [0, None, 0.0])
def test_no_timeout_is_the_timeout_of_the_client(timeout: Any) -> None:
    with hostile(silence(2)) as server, Client(TOKEN, server.url, ONCE, timeout_s=0.3) as client:
        begun = time.monotonic()
        error_of(requests.Timeout, client.get, "/api/x", timeout=timeout)
        assert time.monotonic() - begun < 1


@pytest.mark.parametrize("timeout", [(0.2, 0.2), [0.2, 0.2], (None, 0.3), (0.1, None)])
def test_a_pair_sets_the_connect_and_the_read_timeout(timeout: Any) -> None:
    slow = drip(HEAD, every=0.05)
    with hostile(slow) as server, Client(TOKEN, server.url, ONCE, timeout_s=0.3) as client:
        begun = time.monotonic()
        error_of(requests.Timeout, client.get, "/api/x", timeout=timeout)
        assert time.monotonic() - begun < 1


def test_a_timeout_longer_than_the_time_for_all_attempts_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acrsync.client.sending.BUDGET_S", 0.2)
    slow = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", every=0.01)
    answers = (raw(b""), slow)
    config = Client.Config(retries=1, backoff_factor=0)
    with hostile(*answers) as server, Client(TOKEN, server.url, config, timeout_s=3) as client:
        assert client.json("/api/x") == {}
        assert client.json("/api/x", timeout=(1, 2)) == {}


def test_a_pause_that_does_not_fit_reports_the_time_for_all_attempts() -> None:
    busy = answered(429, {"message": "Too Many Attempts."}, Retry_After="500")
    with hostile(busy) as server, Client(TOKEN, server.url, timeout_s=400) as client:
        error_of(NoAnswer, client.get_bucket, 1)
        held = error_of(NoAnswer, client.get_bucket, 2)
    assert "a pause longer than 400 s" in held.diagnostic.detail


def test_no_wait_ends_after_the_deadline() -> None:
    pace, now = Pace(None), time.monotonic()
    assert pace.wait(0.0, deadline=now + 1)
    assert pace.wait(0.05, deadline=now + 1)
    assert not pace.wait(2.0, deadline=now + 1)
    assert not pace.wait(0.0, deadline=now - 1)
    pace.pause(5.0)
    assert not pace.wait(0.0, deadline=now + 1)
    assert time.monotonic() - now < 0.5


def test_retries_end_with_the_time_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acrsync.client.sending.BUDGET_S", 0.5)
    config = Client.Config(retries=100, backoff_factor=0.05)
    with hostile(answered(500, {"error": "no"})) as server, Client(TOKEN, server.url, config, timeout_s=0.3) as client:
        begun = time.monotonic()
        error_of(NoAnswer, client.get_bucket, 1)
        assert time.monotonic() - begun < 0.6
    assert 2 <= len(server.requests) <= 6


def test_the_last_attempt_has_only_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acrsync.client.sending.BUDGET_S", 0.5)
    config = Client.Config(retries=5, backoff_factor=0.0)
    with hostile(silence(3)) as server, Client(TOKEN, server.url, config, timeout_s=0.4) as client:
        begun = time.monotonic()
        error_of(NoAnswer, client.get_bucket, 1)
        assert time.monotonic() - begun < 0.7
    assert len(server.requests) == 2


def test_a_compressed_answer_is_read() -> None:
    body = gzip.compress(b'{"data": [1]}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with hostile(raw(head + body)) as server, Client(TOKEN, server.url) as client:
        assert client.json("/api/x") == {"data": [1]}
    assert server.requests[0].headers["accept-encoding"] == "gzip"


def test_a_body_longer_than_one_read_is_complete() -> None:
    rows = {"data": [row(number) for number in range(2000)]}
    with hostile(ok(rows)) as server, Client(TOKEN, server.url) as client:
        assert client.json("/api/x") == rows
    with hostile(raw(b"HTTP/1.0 200 OK\r\n\r\n[1, 2]")) as server, Client(TOKEN, server.url) as client:
        assert client.json("/api/x") == [1, 2]
