"""What is sent again, when, and what is known where no attempt got an answer."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from acrsync.client import Client
from acrsync.client.pace import attempts_of, backoff, retry_after
from acrsync.diagnostics import AccessDenied, NoAnswer, NotFound, RemoteError
from hostile import TOKEN, Answer, Hostile, Request, answered, error_of, hostile, ok, raw, reset, row, silence

QUICK = Client.Config(retries=3, backoff_factor=0.0)
SHORT = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def send(client: Client, method: str) -> None:
    match method:
        case "GET":
            client.get_bucket(1)
        case "PUT":
            client.update_bucket(1, {"name": "x"})
        case "DELETE":
            client.delete_bucket(1)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(reset, id="a reset connection"),
        pytest.param(SHORT, id="half an answer"),
        pytest.param(raw(b""), id="a closed connection"),
        pytest.param(raw(b"not http\r\n\r\n"), id="no HTTP"),
        *(pytest.param(answered(status, {"error": "no"}), id=str(status)) for status in (429, 500, 502, 503, 504)),
    ],
)
def test_answers_that_are_safe_to_retry_are_retried(method: str, trouble: Answer) -> None:
    with hostile(trouble, trouble, ok({"data": row()})) as server, Client(TOKEN, server.url, QUICK) as client:
        send(client, method)
    assert server.methods == [method] * 3
    assert client.sent == {method: 3}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 408, 409, 410, 422, 501, 505, 520])
def test_every_other_answer_is_final(method: str, status: int) -> None:
    with hostile(answered(status, {"error": "no"})) as server, Client(TOKEN, server.url, QUICK) as client:
        error = error_of(RemoteError, send, client, method)
        assert error.status == status
    assert server.methods == [method]


@pytest.mark.parametrize(("retries", "attempts"), [(False, 1), (0, 1), (None, 1), (-1, 1), (1, 2), (5, 6), (True, 4)])
def test_retries_count_as_in_urllib3(retries: bool | int | None, attempts: int) -> None:
    assert attempts_of(retries) == attempts
    config = Client.Config(retries=retries, backoff_factor=0.0)
    with hostile(answered(500, {})) as server, Client(TOKEN, server.url, config) as client:
        error_of(NoAnswer, client.get_bucket, 1)
    assert len(server.requests) == attempts


def test_pauses_grow_as_in_urllib3_with_at_most_one_factor_of_jitter() -> None:
    for failures, least in ((1, 0.0), (2, 0.2), (3, 0.4), (4, 0.8), (5, 1.6), (60, 120.0)):
        seen = [backoff(failures, 0.1) for _ in range(50)]
        assert all(least <= pause <= least + 0.1 for pause in seen)
        assert len(set(seen)) > 1
    assert backoff(7, 0.0) == 0.0


def test_attempts_are_really_that_far_apart() -> None:
    config = Client.Config(retries=3, backoff_factor=0.1)
    with hostile(answered(500, {})) as server, Client(TOKEN, server.url, config) as client:
        error_of(NoAnswer, client.get_bucket, 1)
    gaps = [later.at - earlier.at for earlier, later in zip(server.requests, server.requests[1:], strict=False)]
    assert gaps[0] < 0.19
    assert 0.2 <= gaps[1] < 0.39
    assert 0.4 <= gaps[2] < 0.6


@pytest.mark.parametrize(
    ("value", "least", "most", "reason"),
    [
        (None, 0, 0, "nothing said"),
        ("", 0, 0, "nothing said"),
        ("soon", 0, 0, "neither number nor date"),
        ("-5", 0, 0, "no number of seconds"),
        ("1.5", 0, 0, "not allowed by HTTP, and rare"),
        ("0", 0, 0, "at once"),
        ("17", 17, 17, "seconds"),
        ("9" * 9, 21_600, 21_600, "at most what urllib3 honours"),
        ("9" * 5000, 21_600, 21_600, "too long, and no crash over the digits"),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 0, "a date that has passed"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 21_600, 21_600, "a date far away"),
        ("Fri, 31 Dec 99999999 23:59:59 GMT", 21_600, 21_600, "a date that no calendar has"),
        ("Sometime, 99 Month", 0, 0, "no date"),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_date(value: str | None, least: float, most: float, reason: str) -> None:
    assert least <= retry_after(value) <= most, reason


def test_a_date_is_counted_from_now() -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    for when in (later, later.astimezone(timezone(timedelta(hours=2))), later.replace(tzinfo=None)):
        assert 88 <= retry_after(format_datetime(when)) <= 90, when


@pytest.mark.parametrize(("status", "as_date"), [(429, True), (503, False)])
def test_retry_after_is_waited_for(status: int, as_date: bool) -> None:
    # A date has whole seconds, so the pause that it means is up to one second shorter.
    value = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True) if as_date else "1"
    busy = answered(status, {"message": "Too Many Attempts."}, Retry_After=value)
    with hostile(busy, ok({"data": row()})) as server, Client(TOKEN, server.url, QUICK) as client:
        client.get_bucket(1)
    first, second = server.requests
    assert second.at - first.at >= 0.95


def test_a_pause_longer_than_the_time_for_all_retries_does_not_begin() -> None:
    busy = answered(429, {"message": "Too Many Attempts."}, Retry_After="301")
    begun = time.monotonic()
    with hostile(busy) as server, Client(TOKEN, server.url, QUICK) as client:
        failure = error_of(NoAnswer, client.get_bucket, 1)
        held = error_of(NoAnswer, client.get_bucket, 2)
    assert failure.diagnostic.code == held.diagnostic.code == "E420"
    assert "Too Many Attempts" in failure.diagnostic.detail
    assert "was not sent" in held.diagnostic.detail
    assert [request.path for request in server.requests] == ["/api/buckets/1"]
    assert time.monotonic() - begun < 1


def test_a_throttled_client_pauses_all_its_threads_once() -> None:
    """Eight workers are throttled for one second: together they wait one second, and nothing is sent meanwhile."""
    throttled_until = time.monotonic() + 0.9

    def throttle(connection: socket.socket, request: Request) -> bool | None:
        if request.at < throttled_until:
            return answered(429, {"message": "Too Many Attempts."}, Retry_After="1")(connection, request)
        return ok({"data": row()})(connection, request)

    with hostile(throttle) as server, Client(TOKEN, server.url, QUICK) as client, ThreadPoolExecutor(8) as pool:
        begun = time.monotonic()
        list(pool.map(client.get_bucket, range(40)))
        assert 1.0 <= time.monotonic() - begun < 1.8
    early = [request for request in server.requests if request.at < throttled_until]
    assert 1 <= len(early) <= 8
    assert len(server.requests) == 40 + len(early)


def test_a_pause_also_holds_back_threads_that_were_not_throttled() -> None:
    busy = answered(429, {"message": "Too Many Attempts."}, Retry_After="1")
    answers = (busy, ok({"data": row()}))
    with hostile(*answers) as server, Client(TOKEN, server.url, QUICK) as client, ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(client.get_bucket, 1)
        while not server.requests:
            time.sleep(0.01)
        time.sleep(0.1)
        pool.submit(client.get_bucket, 2).result()
        waiting.result()
    assert all(request.at - server.requests[0].at >= 1.0 for request in server.requests[1:])


@pytest.mark.parametrize(
    ("answers", "kind", "acted", "reason"),
    [
        ([answered(422, {"message": "no"})], RemoteError, False, "the server refused"),
        ([answered(403, {"error": "no"})], AccessDenied, False, "the server refused"),
        ([answered(429, {})], NoAnswer, False, "GUESS: throttled before anything was done"),
        ([answered(500, {})], NoAnswer, True, "an error can come after the write"),
        ([answered(501, {})], NoAnswer, True, "not implemented: may have been carried out"),
        ([answered(302, "", Location="/")], RemoteError, True, "the effect before the redirect is unknown"),
        ([answered(408, {})], NoAnswer, True, "request timeout: may have been carried out"),
        ([reset], NoAnswer, True, "the request was read"),
        ([SHORT], NoAnswer, True, "it said 200"),
        ([silence(0.3)], NoAnswer, True, "the request was read"),
        ([reset, answered(422, {"message": "no"})], RemoteError, True, "the first attempt may have been carried out"),
        ([answered(502, "<p>no"), answered(429, {})], NoAnswer, True, "throttled after a bad gateway"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_write_that_may_have_been_carried_out_says_so(
    method: str, answers: list[Answer], kind: type[RemoteError], acted: bool, reason: str
) -> None:
    config = Client.Config(retries=1, backoff_factor=0.0)
    with hostile(*answers) as server, Client(TOKEN, server.url, config, timeout_s=0.2) as client:
        error = error_of(kind, send, client, method)
    assert error.may_have_acted is acted, reason


def test_a_failed_read_is_never_reported_as_a_write() -> None:
    for answer in (reset, SHORT, answered(500, {}), answered(302, "")):
        with hostile(answer) as server, Client(TOKEN, server.url, QUICK) as client:
            error = error_of(RemoteError, client.get_bucket, 1)
        assert not error.may_have_acted


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_write_that_never_reached_the_server_says_so(method: str) -> None:
    with hostile(reset) as server:
        gone = server.url
    with Client(TOKEN, gone, QUICK) as client:
        error = error_of(NoAnswer, send, client, method)
        assert not error.may_have_acted
        assert client.sent == {method: 4}


def test_a_delete_that_worked_but_lost_its_answer_ends_as_not_found() -> None:
    with hostile(reset, answered(404, {})) as server, Client(TOKEN, server.url, QUICK) as client:
        error_of(NotFound, client.delete_bucket, 1)


# Interrupts.


def interrupt_when(server: Hostile, cancel: threading.Event, *, requests: int) -> threading.Thread:
    def watch() -> None:
        while len(server.requests) < requests:
            time.sleep(0.005)
        cancel.set()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_after_an_interrupt_a_new_request_is_sent_once() -> None:
    # A replacement whose DELETE was in flight must still send its POST, or the interrupt would lose the bucket.
    cancel = threading.Event()
    cancel.set()
    trouble = answered(503, {"message": "busy"})
    with hostile(ok({"data": row()}), trouble) as server, Client(TOKEN, server.url, QUICK, cancel=cancel) as client:
        assert client.create_bucket({})["id"] == 8881
        error_of(NoAnswer, client.get_bucket, 1)
    assert server.methods == ["POST", "GET"]


def test_after_an_interrupt_a_new_request_does_not_wait_for_a_pause() -> None:
    cancel = threading.Event()
    busy = answered(429, {"message": "busy"}, Retry_After="30")
    with hostile(busy, ok({"data": row()})) as server, Client(TOKEN, server.url, QUICK, cancel=cancel) as client:
        watcher = interrupt_when(server, cancel, requests=1)
        error_of(NoAnswer, client.delete_bucket, 1)
        watcher.join()
        begun = time.monotonic()
        client.create_bucket({})
        assert time.monotonic() - begun < 2


def test_after_an_interrupt_requests_in_flight_finish() -> None:
    cancel = threading.Event()

    def slow(connection: socket.socket, request: Request) -> bool | None:
        time.sleep(0.2)
        return ok({"data": row()})(connection, request)

    with hostile(slow) as server, Client(TOKEN, server.url, QUICK, cancel=cancel) as client:
        watcher = interrupt_when(server, cancel, requests=1)
        assert client.get_bucket(1)["id"] == 8881
        watcher.join()
        assert cancel.is_set()


@pytest.mark.parametrize(
    "trouble",
    [answered(429, {"message": "busy"}, Retry_After="30"), answered(503, {"message": "busy"}, Retry_After="30")],
)
def test_an_interrupt_ends_a_pause_and_the_error_so_far_is_reported(trouble: Answer) -> None:
    cancel = threading.Event()
    with hostile(trouble) as server, Client(TOKEN, server.url, QUICK, cancel=cancel) as client:
        watcher = interrupt_when(server, cancel, requests=1)
        begun = time.monotonic()
        with pytest.raises(NoAnswer, match="busy"):
            client.get_bucket(1)
        watcher.join()
        assert time.monotonic() - begun < 2
    assert len(server.requests) == 1
