"""The account over the client: what is asked of the API, and what its answers mean."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from acrsync.acrcloud import Account
from acrsync.bucket import decode
from acrsync.client import Client
from acrsync.diagnostics import AccessDenied, IncompleteListing, NoAnswer, RemoteError, UnknownOutcome
from acrsync.remote import Remote
from engine import words
from hostile import (
    TOKEN,
    Answer,
    Hostile,
    Request,
    answered,
    error_of,
    hostile,
    listing,
    ok,
    raw,
    reset,
    routed,
    row,
)  # fmt: skip

QUICK = Client.Config(retries=1, backoff_factor=0)


@contextmanager
def account(*answers: Answer) -> Iterator[tuple[Account, Hostile]]:
    with hostile(*answers) as server, Client(TOKEN, server.url, QUICK, timeout_s=2) as client:
        yield Account(client), server


def pages(rows: list[Any], *, most: int, **meta: Any) -> Answer:
    """Serve a list as the API does, in pages of at most this size."""

    def answer(connection: Any, request: Request) -> bool | None:
        query = parse_qs(urlsplit(request.path).query)
        number, size = int(query["page"][0]), min(most, int(query["per_page"][0]))
        shown = rows[(number - 1) * size : number * size]
        links = {"next": f"/api/buckets?page={number + 1}"}
        whole = {"current_page": number, "last_page": math.ceil(len(rows) / size), "total": len(rows)} | meta
        return ok({"data": shown, "links": links, "meta": whole})(connection, request)

    return answer


def test_an_account_is_a_remote() -> None:
    with Client(TOKEN, "https://h.example") as client:
        remote: Remote = Account(client)
        assert remote == Account(client)


# Observing.


@pytest.mark.parametrize("count", [0, 1, 6, 19])
def test_a_page_with_all_buckets_is_enough(count: int) -> None:
    rows = [row(number) for number in range(count, 0, -1)]
    with account(pages(rows, most=100)) as (remote, server):
        snapshot = remote.observe()
        assert [live.id for live in snapshot.rows] == [shown["id"] for shown in rows]
        assert snapshot.endpoint == server.url
    assert [request.path for request in server.requests] == ["/api/buckets?page=1&per_page=100"]


@pytest.mark.parametrize(
    ("count", "size", "meta", "requests_due", "reason"),
    [
        (250, 100, {"per_page": "100"}, 4, "three pages and the first again"),
        (250, 50, {"per_page": "100"}, 7, "a silent cap: five pages of what is really given, and one past the end"),
        (250, 20, {"per_page": 20}, 14, "per_page is ignored"),
        (100, 100, {"per_page": 100}, 3, "a full page may have pushed out its last row"),
        (5, 2, {"per_page": 2}, 4, "a reported cap below the default"),
        (5, 2, {"per_page": "many"}, 4, "a page size that is none"),
        (3, 3, {"per_page": "3"}, 3, "a full page below the default"),
        (1000, 100, {}, 12, "ten full pages: one request more than a count would need"),
        (6, 100, {"total": "6"}, 1, "a total as text"),
    ],
)
def test_pages_of_every_size_are_read_with_the_same_parameters(
    count: int, size: int, meta: dict[str, Any], requests_due: int, reason: str
) -> None:
    rows = [row(number) for number in range(count, 0, -1)]
    with account(pages(rows, most=size, **meta)) as (remote, server):
        assert [live.id for live in remote.observe().rows] == list(range(count, 0, -1)), reason
    assert len(server.requests) == requests_due, reason
    assert {request.path.partition("&")[2] for request in server.requests} == {"per_page=100"}
    assert server.requests[0].path == server.requests[-1].path == "/api/buckets?page=1&per_page=100"


def test_other_pages_are_read_in_parallel_over_at_most_eight_connections() -> None:
    rows = [row(number) for number in range(200, 0, -1)]
    with account(pages(rows, most=5)) as (remote, server):
        assert len(remote.observe().rows) == 200
    assert len(server.requests) == 42
    assert 2 <= server.connections <= 9


def test_a_list_in_another_order_is_read_twice() -> None:
    rows = [row(number) for number in range(1, 51)]
    with account(pages(rows, most=20)) as (remote, server):
        assert [live.id for live in remote.observe().rows] == list(range(1, 51))
    assert len(server.requests) == 4 + 4


def test_a_list_that_keeps_changing_is_refused_with_an_explanation() -> None:
    rows = [row(number) for number in range(50, 0, -1)]

    def grow(connection: Any, request: Request) -> bool | None:
        rows.insert(0, row(rows[0]["id"] + 1))
        return pages(rows, most=20)(connection, request)

    with account(grow) as (remote, server):
        error = error_of(IncompleteListing, remote.observe)
    assert error.diagnostic.code == "E440"
    assert "walk 5" in error.diagnostic.detail
    assert "the total was" in error.diagnostic.detail
    assert len([request for request in server.requests if "page=1&" in request.path]) == 5


def test_a_server_that_shows_page_1_for_every_page_is_refused() -> None:
    first = listing(*[row(number) for number in range(60, 40, -1)], total=60)
    with account(ok(first)) as (remote, _):
        assert "id 41 appeared twice" in error_of(IncompleteListing, remote.observe).diagnostic.detail


def test_a_row_that_is_filtered_out_of_a_page_is_an_accurate_warning() -> None:
    def filtered(connection: Any, request: Request) -> bool | None:
        rows = [row(number) for number in range(60, 0, -1)]
        number = int(parse_qs(urlsplit(request.path).query)["page"][0])
        shown = rows[(number - 1) * 20 : number * 20 - (number == 2)]
        return ok(listing(*shown, total=60))(connection, request)

    with account(filtered) as (remote, _):
        snapshot = remote.observe()
    assert len(snapshot.rows) == 59
    assert words(*snapshot.warnings) == (
        "warning[W441] The list has another length than the API reports | The API counts 60 buckets and lists 59. Two "
        "readings with different page sizes showed the same buckets, so acrsync uses these. | if a bucket is missing "
        "here, do not apply, and report this to ACRCloud."
    )


@pytest.mark.parametrize(("count", "total"), [(101, 100), (201, 200), (100, 101), (6, 7), (20, 19), (0, 1)])
def test_every_bucket_is_listed_if_the_total_is_off_by_one(count: int, total: int) -> None:
    rows = [row(number) for number in range(count, 0, -1)]
    with account(pages(rows, most=100, total=total)) as (remote, server):
        snapshot = remote.observe()
    assert [live.id for live in snapshot.rows] == list(range(count, 0, -1))
    assert [warning.code for warning in snapshot.warnings] == ["W441"]
    assert len(server.requests) < 20


@pytest.mark.parametrize("past", [answered(404, {"error": "Not Found"}), ok({"data": []})])
@pytest.mark.parametrize("meta", [{}, {"total": None}])
def test_a_page_past_the_end_may_be_empty_or_not_found(past: Answer, meta: dict[str, Any]) -> None:
    rows = [row(number) for number in range(200, 0, -1)]

    def answer(connection: Any, request: Request) -> bool | None:
        query = parse_qs(urlsplit(request.path).query)
        beyond = (int(query["page"][0]) - 1) * int(query["per_page"][0]) >= len(rows)
        return (past if beyond else pages(rows, most=100, **meta))(connection, request)

    with account(answer) as (remote, _):
        snapshot = remote.observe()
    assert (len(snapshot.rows), snapshot.warnings) == (200, ())


def test_a_page_that_shows_one_bucket_twice_is_refused() -> None:
    with account(ok(listing(row(5), row(5)))) as (remote, _):
        assert "id 5 appeared twice" in error_of(IncompleteListing, remote.observe).diagnostic.detail


def test_only_two_undisturbed_walks_in_a_row_prove_a_list_in_another_order() -> None:
    rows = [row(number) for number in range(1, 51)]
    asked: list[str] = []

    def disturbed_once(connection: Any, request: Request) -> bool | None:
        asked.append(request.path)
        if len(asked) == 4:  # page 1 again, at the end of the first walk
            return ok(listing(*rows[:20], total=51))(connection, request)
        return pages(rows, most=20)(connection, request)

    with account(disturbed_once) as (remote, _):
        assert len(remote.observe().rows) == 50
    assert len(asked) == 12 + 1


def test_an_absurd_total_causes_few_requests() -> None:
    with account(pages([row(1)], most=100, total=10**12)) as (remote, server):
        assert [live.id for live in remote.observe().rows] == [1]
    assert len(server.requests) == 20


def test_a_page_that_cannot_be_read_ends_the_run() -> None:
    rows = [row(number) for number in range(400, 0, -1)]

    def broken(connection: Any, request: Request) -> bool | None:
        if "page=3&" in request.path:
            return raw(b"")(connection, request)
        return pages(rows, most=10)(connection, request)

    with account(broken) as (remote, server):
        error_of(NoAnswer, remote.observe)
    assert len([request for request in server.requests if "page=1&" in request.path]) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([], "no mapping"),
        ("text", "no mapping"),
        (None, "no mapping"),
        ({}, "no rows"),
        ({"data": {"0": row()}, "meta": {"total": 1}}, "rows that are no list"),
        (listing(None), "a row that is none"),
        (listing("row"), "a row that is none"),
        (listing([]), "a row that is none"),
        (listing({}), "no id"),
        (listing(row(None)), "no id"),
        (listing(row("x")), "no id"),
        (listing(row(True)), "no id"),
        (listing(row(id=[1])), "no id"),
        (listing(row(0)), "no id"),
        (listing(row(1.5)), "no id"),
        (listing(row("1_0")), "no id"),
        (listing(row(" 1")), "no id"),
    ],
)  # fmt: skip
def test_an_answer_of_unknown_form_is_a_clear_error(answer: Any, reason: str) -> None:
    with account(ok(answer)) as (remote, _):
        error = error_of(RemoteError, remote.observe)
    assert error.diagnostic.code in {"E416", "E417"}, reason
    assert "/api/buckets" in error.diagnostic.detail
    assert error.diagnostic.fix


@pytest.mark.parametrize("meta", [None, [], {}, *({"total": total} for total in ("many", -1, True, 1.5, None))])
def test_a_list_without_a_usable_total_is_read_twice(meta: Any) -> None:
    def answer(connection: Any, request: Request) -> bool | None:
        rows = [row(5)] if "page=1&" in request.path else []
        return ok({"data": rows} if meta is None else {"data": rows, "meta": meta})(connection, request)

    with account(answer) as (remote, server):
        assert [live.id for live in remote.observe().rows] == [5]
    assert len(server.requests) == 3 + 3


def test_odd_but_valid_rows_are_read() -> None:
    odd = [
        row("5", labels=[""], metadata_template=None, net_type="2", num="7", uid="19", size="1487"),
        row(4, labels=None, type="DedupFile", region="global", node="10.12.12.236-850", tracker=None, new={"x": 1}),
        row(3, name="\u202egnp", labels="A,B", metadata_template="{broken"),
    ]
    with account(ok(listing(*odd))) as (remote, _):
        rows = remote.observe().rows
    assert [(live.id, live.attrs["labels"]) for live in rows] == [(5, []), (4, []), (3, ["A", "B"])]
    assert (rows[0].attrs["net_type"], rows[0].facts["num"], rows[0].uid) == (2, 7, 19)


# One bucket.


def test_a_read_returns_the_bucket_or_none_if_it_is_gone() -> None:
    with account(routed({"/api/buckets/8881": ok({"data": row()})})) as (remote, _):
        live = remote.read(8881)
        assert live is not None
        assert live.name == "bucket-8881"
        assert remote.read(1) is None


def test_a_bucket_that_may_not_be_read_is_not_gone() -> None:
    with account(answered(403, {"error": "Authentication Exception"})) as (remote, _):
        error_of(AccessDenied, remote.read, 1)


def test_an_answer_with_another_bucket_is_an_error() -> None:
    with account(ok({"data": row(2)})) as (remote, _):
        assert "it shows the bucket 2" in error_of(RemoteError, remote.read, 1).diagnostic.detail
        error = error_of(RemoteError, remote.update, 1, {"name": "x"})
        assert error.may_have_acted


def test_a_create_sends_the_encoded_attributes_with_its_marks() -> None:
    with account(answered(201, {"data": row(labels=["B", "acrsync:s"])})) as (remote, server):
        attrs = {"name": "n", "region": "eu-west-1", "type": "File", "metadata_template": {"a": {"default": "ü"}}}
        live = remote.create({**attrs, "labels": ["B"]}, marks=("acrsync:s",))
        assert (live.attrs["labels"], live.marks) == (["B"], ("acrsync:s",))
        remote.create(attrs, marks=("acrsync:s",))
        remote.create(attrs)
    bodies = [json.loads(request.body) for request in server.requests]
    assert bodies[0]["metadata_template"] == '{"a": {"default": "ü"}}'
    assert [body.get("labels") for body in bodies] == [["B", "acrsync:s"], ["acrsync:s"], None]


@pytest.mark.parametrize("answer", [{"data": {}}, {"data": {"id": 1}}, {"data": row("x")}, {"data": row(name=None)}])
def test_a_create_answered_without_a_usable_bucket_is_unknown(answer: Any) -> None:
    with account(answered(201, answer)) as (remote, server):
        error = error_of(UnknownOutcome, remote.create, decode(row()).attrs)
    assert error.diagnostic.code == "E430"
    assert error.may_have_acted
    assert server.methods == ["POST"]


def test_an_update_sends_only_what_it_is_given() -> None:
    with account(ok({"data": row(1)})) as (remote, server):
        remote.update(1, {"labels": []}, marks=("acrsync:s",))
        remote.update(1, {"metadata_template": None, "name": "x"}, marks=("acrsync:s",))
    assert [(request.method, request.path, request.body) for request in server.requests] == [
        ("PUT", "/api/buckets/1", b'{"labels": ["acrsync:s"]}'),
        ("PUT", "/api/buckets/1", b'{"metadata_template": "", "name": "x"}'),
    ]


@pytest.mark.parametrize("answer", [ok({"data": {}}), ok({}), ok([]), raw(b"HTTP/1.1 200 OK\r\n\r\n<html>")])
def test_an_update_answered_without_a_usable_bucket_may_have_been_carried_out(answer: Answer) -> None:
    with account(answer) as (remote, _):
        assert error_of(RemoteError, remote.update, 1, {"name": "x"}).may_have_acted


def test_deleting_a_missing_bucket_succeeds() -> None:
    with account(answered(204), answered(404, {}), reset, answered(404, {})) as (remote, server):
        remote.delete(1)
        remote.delete(1)
        remote.delete(1)
    assert server.methods == ["DELETE"] * 4


def test_a_refused_delete_is_an_error_with_the_servers_message() -> None:
    with account(answered(422, {"error": "clean the bucket first"})) as (remote, _):
        assert "clean the bucket first" in error_of(RemoteError, remote.delete, 1).diagnostic.detail
