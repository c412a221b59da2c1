"""A last look at whether a write may still be sent: after connections, pauses and retries, before the first byte."""

import time
from collections.abc import Callable

import pytest

from acrsync.client import Client
from acrsync.diagnostics import AcrsyncError, NoAnswer, RemoteError
from hostile import CERTIFICATE, TOKEN, Answer, Request, answered, error_of, hostile, ok, reset, row

QUICK = Client.Config(retries=3, backoff_factor=0.0)
BUCKET = ok({"data": row()})
WRITES: dict[str, Callable[[Client], object]] = {
    "POST": lambda client: client.create_bucket({"name": "x"}),
    "PUT": lambda client: client.update_bucket(1, {"name": "x"}),
    "DELETE": lambda client: client.delete_bucket(1),
}


class Look:
    """A last look that can refuse, and a diary of what happened in which order."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = [*answers]
        self.diary: list[str] = []

    def __call__(self) -> None:
        self.diary.append("look")
        refusal = self.answers.pop(0) if self.answers else None
        if refusal:
            raise refusal

    def seen(self, answer: Answer) -> Answer:
        def seen(connection: object, request: Request) -> bool | None:
            self.diary.append(request.method)
            return answer(connection, request)  # type: ignore[arg-type]

        return seen


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("method", WRITES)
def test_if_the_last_check_raises_no_complete_request_is_sent(method: str, kept: bool, tls: bool) -> None:
    refusal = RemoteError("E504", "The lease is over.")
    look = Look(refusal)
    with hostile(BUCKET, tls=tls) as server:
        with Client(TOKEN, server.url, QUICK, ca_bundle=str(CERTIFICATE), last_look=look) as client:
            if kept:
                client.get_bucket(1)
            error = error_of(RemoteError, WRITES[method], client)
            client.get_bucket(2)
        assert error is refusal
        assert not error.may_have_acted
        assert look.diary == ["look"]
        assert [request.path for request in server.requests] == ["/api/buckets/1", "/api/buckets/2"][not kept :]
        give_up = time.monotonic() + 5
        while method != "DELETE" and not server.halves and time.monotonic() < give_up:
            time.sleep(0.005)  # the server sees the end of the connection a little later
        assert [half.body for half in server.halves] == ([] if method == "DELETE" else [b""])
        # Each time the connection on which the write had begun was closed; a POST always has one of its own.
        assert server.requests[-1].connection == (1 if kept and method == "POST" else 2)


@pytest.mark.parametrize("method", WRITES)
def test_each_attempt_is_checked_once_even_after_a_pause(method: str) -> None:
    look = Look()
    busy = answered(429, {"message": "Too Many Attempts."}, Retry_After="1")
    with (
        hostile(look.seen(busy), look.seen(busy), look.seen(BUCKET)) as server,
        Client(TOKEN, server.url, QUICK, last_look=look) as client,
    ):
        WRITES[method](client)
    assert look.diary == ["look", method] * 3


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_each_retry_is_checked_again(method: str) -> None:
    look = Look()
    answers = (reset, answered(503, {}), BUCKET)
    with hostile(*map(look.seen, answers)) as server, Client(TOKEN, server.url, QUICK, last_look=look) as client:
        WRITES[method](client)
    assert look.diary == ["look", method] * 3


@pytest.mark.parametrize(
    ("answer", "acted", "reason"),
    [
        (answered(503, {}), True, "the first attempt may have been carried out"),
        (answered(429, {}), False, "it was not"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_if_the_check_before_a_retry_raises_the_error_reports_the_first_attempt(
    method: str, answer: Answer, acted: bool, reason: str
) -> None:
    refusal = RemoteError("E504", "The lease is over.")
    with hostile(answer) as server, Client(TOKEN, server.url, QUICK, last_look=Look(None, refusal)) as client:
        error = error_of(RemoteError, WRITES[method], client)
    assert error is refusal
    assert error.may_have_acted is acted, reason
    assert server.methods == [method]


@pytest.mark.parametrize("refusal", [AcrsyncError("E504", "x"), OSError(28, "No space left"), KeyError(1)])
@pytest.mark.parametrize("method", WRITES)
def test_an_exception_of_the_check_is_never_a_network_error(method: str, refusal: Exception) -> None:
    look = Look(refusal)
    with hostile(BUCKET) as server, Client(TOKEN, server.url, QUICK, last_look=look) as client:
        assert error_of(type(refusal), WRITES[method], client) is refusal
    assert (look.diary, server.requests) == (["look"], [])


@pytest.mark.parametrize("method", WRITES)
def test_without_a_connection_the_check_is_not_called(method: str) -> None:
    with hostile(BUCKET) as server:
        gone = server.url
    look = Look()
    with Client(TOKEN, gone, QUICK, last_look=look) as client:
        error_of(NoAnswer, WRITES[method], client)
    assert look.diary == []


def test_reads_are_not_checked() -> None:
    look = Look()
    with hostile(BUCKET) as server, Client(TOKEN, server.url, QUICK, last_look=look) as client:
        client.get_bucket(1)
        client.json("/api/x")
    assert look.diary == []
