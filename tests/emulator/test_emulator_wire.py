"""Faults in the bytes of an exchange: interim answers, broken HTTP, bodies that end too soon or never."""

import base64
import gzip
import http.client
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import get_args
from urllib.parse import quote, unquote

import pytest
import requests

from acrsync.emulator.failures import BODIES, ECHOES, RETRY_AFTER
from acrsync.emulator.faults import Body, Echo, Malformed, RetryAfterForm
from acrsync.emulator.wire import MALFORMED

WANTED = {"name": "radio", "region": "eu-west-1", "type": "File"}


def test_every_form_is_in_its_table():
    assert list(MALFORMED) == list(get_args(Malformed))
    assert list(ECHOES) == list(get_args(Echo))
    assert list(RETRY_AFTER) == list(get_args(RetryAfterForm))
    assert list(BODIES) == list(get_args(Body))


@pytest.mark.parametrize("statuses", [[103], [102, 103], [100, 100, 199]])
def test_interim_answers_come_before_the_real_one(api, statuses):
    api.faults({"kind": "interim", "interim": statuses, "method": "POST"})
    received = api.exchange(api.request("POST", "/buckets", WANTED))
    *interim, last = received.split(b"HTTP/1.1 ")[1:]
    assert [int(head[:3]) for head in interim] == statuses
    assert last.startswith(b"201 CREATED\r\n")
    assert last.endswith(b'"access_permission":"private"}}')
    assert api.ids()[0] == 14792


def length_said(head: bytes) -> list[int]:
    lines = [line.split(b": ") for line in head.split(b"\r\n")]
    return [int(line[1]) for line in lines if line[0] == b"Content-Length"]


@pytest.mark.parametrize(
    ("form", "difference"),
    [("extra_bytes", -15), ("length_long", 1), ("length_short", None), ("length_negative", None)],
)
def test_a_length_is_not_that_of_the_body(api, form, difference):
    api.faults({"kind": "malformed", "form": form})
    head, _, body = api.exchange(api.request("GET", "/buckets/1116")).partition(b"\r\n\r\n")
    (said,) = length_said(head)
    assert said == (
        -1 if form == "length_negative" else len(body) // 2 if difference is None else len(body) + difference
    )
    assert json.loads(body.removesuffix(b"<!-- cached -->"))["data"]["id"] == 1116


def test_a_second_answer_can_come_immediately(api):
    api.faults({"kind": "malformed", "form": "two_answers", "nth": 1})
    first, second = api.exchange(api.request("GET", "/buckets/1116")).split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert json.loads(first.partition(b"\r\n\r\n")[2])["data"]["id"] == 1116
    assert json.loads(second.partition(b"\r\n\r\n")[2])["meta"]["total"] == 0


def test_a_second_answer_may_wait_for_the_next_request(api):
    api.faults({"kind": "malformed", "form": "two_answers_apart", "nth": 1})
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=5)
    headers = {"Authorization": f"Bearer {api.token}"}
    seen = []
    for _ in range(2):  # a client that keeps the connection takes the leftover for the answer to its second request
        connection.request("GET", "/api/buckets/1116", headers=headers)
        seen.append(json.loads(connection.getresponse().read()))
    connection.close()
    assert (seen[0]["data"]["id"], seen[1]["data"], seen[1]["meta"]["total"]) == (1116, [], 0)


@pytest.mark.parametrize(
    ("form", "sign"),
    [
        ("length_twice", b"\r\nContent-Length: "),
        ("length_and_chunks", b"Transfer-Encoding: chunked\r\nContent-Length: "),
        ("chunk_of_bad_size", b"\r\n\r\nzz\r\n"), ("header_without_colon", b"\r\nno colon here\r\n"),
        ("bad_status_line", b"HTTP/1.1 OK\r\n"), ("not_http", b"\x15\x03\x01"),
    ],
)  # fmt: skip
def test_an_exchange_is_not_http_and_what_was_asked_is_done(api, form, sign):
    api.faults({"kind": "malformed", "form": form, "method": "DELETE"})
    received = api.exchange(api.request("DELETE", "/buckets/1116"), api.request("GET", "/buckets/1116"))
    assert sign in received
    assert b"HTTP/1.1 404 NOT FOUND" in received  # the connection stayed open
    assert [entry["acted"] for entry in api.requests()] == [True, False]


@pytest.mark.parametrize(
    ("framing", "header"),
    [("length", b"Content-Length: "), ("chunked", b"Transfer-Encoding: chunked"), ("close", b"Connection: close")],
)
def test_a_body_is_cut_however_its_end_would_have_been_known(api, framing, header):
    api.faults({"kind": "cut_body", "framing": framing})
    head, _, body = api.exchange(api.request("POST", "/buckets", WANTED)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201 CREATED")
    assert header in head
    assert (b"Content-Length" in head) == (framing == "length")
    assert not body.endswith(b"}")
    assert api.requests()[0]["acted"]


def test_a_client_that_trusts_the_end_of_a_connection_reads_half_a_body(api):
    api.faults({"kind": "cut_body", "framing": "close"})
    answer = api.call("GET", "/api/buckets")
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_an_endless_body_ends_when_the_client_leaves(api):
    api.faults({"kind": "endless_body"})
    with api.session.get(f"{api.url}/api/buckets", stream=True, timeout=5) as answer:
        pieces = answer.iter_content(2**20)
        received = [next(pieces) for _ in range(5)]
    assert b"".join(received).lstrip().startswith(b'{"data":')
    assert sum(map(len, received)) > 3 * 2**20


def test_an_endless_body_may_have_an_end(api):
    api.faults({"kind": "endless_body", "seconds": 0})
    received = api.exchange(api.request("GET", "/buckets"))
    assert not received.endswith(b"0\r\n\r\n")


def test_a_huge_body_can_still_be_read(api):
    api.faults({"kind": "huge_body", "megabytes": 3})
    answer = api.call("GET", "/api/buckets")
    assert len(answer.content) > 3 * 2**20
    assert len(answer.json()["data"]) == 6


def test_a_compression_bomb_is_small_on_the_wire(api):
    api.faults({"kind": "gzip_bomb", "megabytes": 20})
    received = api.exchange(api.request("GET", "/buckets"))
    assert len(received) < 2**16
    body = gzip.decompress(received.partition(b"\r\n\r\n")[2])
    assert len(body) > 20 * 2**20
    assert len(json.loads(body)["data"]) == 6
    assert len(api.call("GET", "/api/buckets").json()["data"]) == 6


@pytest.mark.parametrize("status", [200, 302, 403, 409, 418, 422, 425, 451, 509, 520, 524, 530, 599])
def test_an_error_has_any_status_and_body(api, status):
    line = {"kind": "error_before", "status": status, "text": "Nope"}
    bodies = ["json", "error", "html", "text", "empty"]
    api.faults(*[{**line, "body": body, "nth": place} for place, body in enumerate(bodies, 1)])
    answers = [api.post("/buckets", WANTED) for _ in bodies]
    assert {answer.status_code for answer in answers} == {status}
    as_json, as_error, page, text, empty = answers
    assert (as_json.json(), as_error.json()) == ({"message": "Nope"}, {"error": "Nope"})
    assert f"<h1>{status} " in page.text
    assert (page.headers["Content-Type"].split(";")[0], text.text, empty.content) == ("text/html", "Nope", b"")
    assert api.ids()[0] == 14791


def test_an_error_page_may_come_with_a_success(api):
    api.faults({"kind": "error_after", "status": 200, "body": "html", "method": "POST"})
    answer = api.post("/buckets", WANTED)
    assert (answer.status_code, answer.text.startswith("<html>")) == (200, True)
    assert api.ids()[0] == 14792


@pytest.mark.parametrize(
    ("echo", "read"),
    [
        ("plain", str), ("url", unquote), ("url_every_character", unquote),
        ("hex", lambda text: bytes.fromhex(text).decode()),
        ("base64", lambda text: base64.b64decode(text).decode()), ("reversed", lambda text: text[::-1]),
        ("base64_of_header", lambda text: base64.b64decode(text).decode().removeprefix("Bearer ")),
        ("json_escaped", lambda text: json.loads(f'"{text}"')), ("html_escaped", None),
    ],
)  # fmt: skip
def test_an_error_repeats_the_token(api, echo, read):
    token = "12|abc+/=&%"
    api.reset(accounts=[{"token": token}], faults={"faults": [{"kind": "error_before", "echo": echo, "body": "text"}]})
    answer = api.call("GET", "/api/buckets", headers={"Authorization": f"Bearer {token}"})
    echoed = answer.headers["X-Token"]
    assert answer.text == f"Server Error {echoed}"
    if read is not None:
        assert read(echoed) == token
    assert (token in echoed) == (echo == "plain")
    assert quote(token, safe="") in echoed or echo != "url"


@pytest.mark.parametrize(
    ("form", "written"),
    [("seconds", "7"), ("float", "7.5"), ("negative", "-7"), ("huge", "7" + "0" * 30), ("word", "soon"), ("empty", "")],
)
@pytest.mark.parametrize("kind", ["throttle", "error_before"])
def test_when_to_come_back_is_written_in_many_ways(api, kind, form, written):
    api.faults({"kind": kind, "retry_after": 7, "retry_after_form": form})
    assert api.call("GET", "/api/buckets").headers["Retry-After"] == written


@pytest.mark.parametrize(("form", "hours"), [("date", 2), ("past_date", -2)])
def test_when_to_come_back_may_be_a_date(api, form, hours):
    api.faults({"kind": "error_after", "retry_after": 7200, "retry_after_form": form})
    date = parsedate_to_datetime(api.call("GET", "/api/buckets").headers["Retry-After"])
    assert round((date - datetime.now(UTC)).total_seconds() / 3600) == hours
