"""What guards must know of a bucket: what it holds and who uses it. What is not known never looks like none."""

import gc
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from acrsync.acrcloud import Account
from acrsync.acrcloud.users import LISTS, user_of
from acrsync.bucket import decode
from acrsync.client import Client
from acrsync.diagnostics import NoAnswer, RemoteError
from acrsync.model import Evidence, Live, Reference
from hostile import TOKEN, Answer, answered, error_of, hostile, listing, ok, raw, routed, row

ONCE = Client.Config(retries=0)
MUSIC = decode(row(8881, name="Music"))
NONE = {f"/api/{name}": ok(listing()) for name in LISTS}


def evidence(routes: dict[str, Answer], *touched: Live, references: bool = True) -> Evidence:
    with hostile(routed(routes)) as server, Client(TOKEN, server.url, ONCE, timeout_s=2, read_only=True) as client:
        return Account(client).evidence(touched, references=references)


# Contents.


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("File", "files"),
        ("Live", "channels"),
        ("LiveRec", "channels"),
        ("LiveTimeshift", "channels"),
        ("DedupFile", "dedup-files"),
        ("Newer", "files"),
    ],
)
def test_contents_are_counted_by_the_list_of_their_type(type_: str, name: str) -> None:
    with hostile(ok(listing({"id": 1}, total="7"))) as server, Client(TOKEN, server.url, ONCE) as client:
        assert Account(client).contents(decode(row(5, type=type_))) == 7
    assert [(r.method, r.path) for r in server.requests] == [("GET", f"/api/buckets/5/{name}?page=1&per_page=1")]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_content_list_gives_no_contents(status: int) -> None:
    with hostile(answered(status, {"error": "no"})) as server, Client(TOKEN, server.url, ONCE) as client:
        assert Account(client).contents(MUSIC) is None


def test_rows_in_a_content_list_count_even_if_the_total_differs() -> None:
    with hostile(ok(listing({"id": 1}, {"id": 2}, total=0))) as server, Client(TOKEN, server.url, ONCE) as client:
        assert Account(client).contents(MUSIC) == 2


UNCOUNTED: list[Any] = [
    {},
    [],
    None,
    {"data": []},
    {"data": [], "meta": {}},
    {"data": [], "meta": {"total": None}},
    {"data": None, "meta": {"total": 0}},
    {"meta": {"total": 0}},
    listing(total="none"),
    listing(total=-1),
]


@pytest.mark.parametrize("answer", UNCOUNTED)
def test_an_unreadable_count_is_not_empty(answer: Any) -> None:
    with hostile(ok(answer)) as server, Client(TOKEN, server.url, ONCE) as client:
        error_of(RemoteError, Account(client).contents, MUSIC)
    found = evidence({"/api/buckets/8881/files": ok(answer)}, MUSIC, references=False)
    assert MUSIC.id not in found.contents


def test_contents_are_read_for_each_touched_bucket() -> None:
    touched = [decode(row(number)) for number in range(1, 21)]
    routes = {f"/api/buckets/{live.id}/files": ok(listing(total=live.id % 3)) for live in touched if live.id != 7}
    found = evidence(routes, *touched, references=False)
    assert found == Evidence(contents={live.id: live.id % 3 if live.id != 7 else None for live in touched})


def test_if_no_count_is_answered_the_run_ends() -> None:
    with hostile(answered(500, {})) as server, Client(TOKEN, server.url, ONCE) as client:
        error_of(NoAnswer, Account(client).evidence, [MUSIC], references=True)


def test_if_no_bucket_is_touched_no_contents_are_read() -> None:
    with hostile(ok({})) as server, Client(TOKEN, server.url, ONCE) as client:
        assert Account(client).evidence([], references=True) == Evidence()
    assert server.requests == []


# References.


@pytest.mark.parametrize(
    ("used", "reason"),
    [
        ({"buckets": [{"id": 8881, "name": "other"}]}, "an embedded bucket"),
        ({"buckets": [{"id": "8881"}]}, "an embedded bucket, its id as text"),
        ({"buckets": [1, 8881]}, "a plain id"),
        ({"buckets": ["8881"]}, "an id as text"),
        ({"buckets": ["Music"]}, "a name"),
        ({"buckets": ["MUSIC"]}, "a name in another case"),
        ({"bucket_group": "8881"}, "a group of one"),
        ({"bucket_group": "1,8881", "buckets": []}, "a group of several"),
        ({"bucket_group": 8881}, "a group as a number"),
        ({"bucket_group": "", "buckets": [{"id": 8881}]}, "an empty group beside buckets"),
    ],
)
@pytest.mark.parametrize("name", LISTS)
def test_a_reference_is_found_in_every_form(name: str, used: dict[str, Any], reason: str) -> None:
    user = {"id": 12, "name": "radio", **used}
    found = evidence({**NONE, f"/api/{name}": ok(listing(user))}, MUSIC, decode(row(2)))
    assert found.references == {8881: (Reference(LISTS[name], 12, "radio"),)}, reason
    assert found.unreadable == ()


def test_all_users_of_a_bucket_on_all_pages_are_named() -> None:
    users = [
        {"id": number, "name": f"p{number}", "buckets": [8881] if number % 50 == 0 else []}
        for number in range(240, 0, -1)
    ]
    first, second, third = (ok(listing(*users[start : start + 100], total=240)) for start in (0, 100, 200))

    def paged(connection: Any, request: Any) -> bool | None:
        answer = {"1": first, "2": second, "3": third}[request.path.partition("page=")[2].partition("&")[0]]
        return answer(connection, request)

    found = evidence({**NONE, "/api/base-projects": paged}, MUSIC)
    assert [user.id for user in found.references[8881]] == [200, 150, 100, 50]


@pytest.mark.parametrize("total", [99, 100, 102, "unknown"])
@pytest.mark.parametrize("name", LISTS)
def test_the_oldest_user_is_found_also_if_the_server_counts_wrong(name: str, total: int | str) -> None:
    users = [{"id": number, "name": "p", "buckets": [8881] if number == 1 else []} for number in range(101, 0, -1)]

    def paged(connection: Any, request: Any) -> bool | None:
        query = parse_qs(urlsplit(request.path).query)
        number, size = int(query["page"][0]), int(query["per_page"][0])
        return ok(listing(*users[(number - 1) * size : number * size], total=total))(connection, request)

    found = evidence({**NONE, f"/api/{name}": paged}, MUSIC)
    assert found.references == {8881: (Reference(LISTS[name], 1, "p"),)}


def test_a_list_of_users_without_meta_that_has_pages_is_read_to_its_end() -> None:
    users = [{"id": number, "name": "p", "buckets": [8881] if number == 1 else []} for number in range(15, 0, -1)]

    def paged(connection: Any, request: Any) -> bool | None:
        number = int(parse_qs(urlsplit(request.path).query)["page"][0])
        return ok({"data": users[(number - 1) * 10 : number * 10]})(connection, request)

    found = evidence({**NONE, "/api/bm-bd-projects": paged}, MUSIC)
    assert found.references == {8881: (Reference("bm-bd-project", 1, "p"),)}


@pytest.mark.parametrize("kind", ["unused", "missing", "not paged", "not paged and empty"])
def test_a_list_without_users_of_this_bucket_says_so(kind: str) -> None:
    other = {"id": 1, "name": "p", "buckets": [{"id": 23, "name": "ACRCloud Music"}]}
    answer = {
        "unused": ok(listing(other)),
        "missing": answered(404, {"error": "Not Found"}),
        "not paged": ok({"data": [other]}),
        "not paged and empty": ok({"data": []}),
    }[kind]
    assert evidence({**NONE, "/api/bm-bd-projects": answer}, MUSIC) == Evidence(contents={8881: None})


@pytest.mark.parametrize(
    "answer",
    [
        *(pytest.param(answered(status, {"error": "no"}), id=str(status)) for status in (401, 403, 429, 500, 302, 422)),
        pytest.param(raw(b""), id="a closed connection"),
        pytest.param(answered(200, "<html>"), id="a page"),
        pytest.param(ok([]), id="no envelope"),
        pytest.param(ok({"data": None}), id="no rows"),
        pytest.param(ok(listing({"id": 1, "name": "p"})), id="a row that does not say which buckets it uses"),
        pytest.param(ok(listing({"id": 1, "buckets": "8881"})), id="buckets that are no list"),
        pytest.param(ok(listing({"id": 1, "buckets": {"0": 8881}})), id="buckets as a mapping"),
        pytest.param(ok(listing({"id": 1, "buckets": [None]})), id="a bucket that is none"),
        pytest.param(ok(listing({"id": 1, "buckets": [{"name": "Music"}]})), id="an embedded bucket without id"),
        pytest.param(ok(listing({"buckets": []})), id="a row without id"),
        pytest.param(ok(listing("row")), id="a row that is none"),
        pytest.param(ok(listing({"id": 1, "buckets": []}, total=9)), id="a list that stays incomplete"),
    ],
)
def test_an_unreadable_list_of_users_is_reported_and_is_not_a_failure(answer: Answer) -> None:
    used = {"id": 12, "name": "box", "buckets": [8881]}
    found = evidence({**NONE, "/api/base-projects": answer, "/api/fs-containers": ok(listing(used))}, MUSIC)
    assert found.unreadable == ("base-projects",)
    assert found.references == {8881: (Reference("fs-container", 12, "box"),)}


def test_references_are_only_read_when_asked_for() -> None:
    found = evidence({"/api/base-projects": answered(500, {})}, MUSIC, references=False)
    assert found == Evidence(contents={8881: None})


def test_only_name_id_and_buckets_of_a_project_are_kept() -> None:
    secret = "".join(["s3cr", "3t-of-", "a-project"])
    project = {"id": 1, "name": "p", "access_key": "k", "access_secret": secret, "buckets": [8881]}
    assert secret not in repr(user_of(project))
    del project
    answer = ok(listing({"id": 1, "name": "p", "access_secret": secret, "buckets": [8881]}))
    found = evidence({**NONE, "/api/base-projects": answer}, MUSIC)
    gc.collect()
    kept = [held for held in gc.get_objects() if isinstance(held, dict) and held.get("access_secret") == secret]
    assert found.references[8881][0].name == "p"
    assert kept == []
