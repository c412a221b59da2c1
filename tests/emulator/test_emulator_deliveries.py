"""Requests that arrive late, twice, or not at all, and reads that lag behind them, by a clock that a test moves."""

import pytest
import requests

from acrsync.emulator import serve
from emulator.api import Api

WANTED = {"name": "radio", "region": "eu-west-1", "type": "File"}


def advance(api, seconds: float) -> None:
    api.control("POST", "clock", {"advance": seconds})


def create(api, **options):
    """Return the status of a create, None if its answer was lost."""
    try:
        return api.post("/buckets", WANTED, **options).status_code
    except requests.exceptions.ConnectionError:
        return None


def test_a_late_request_is_done_when_its_time_has_come(api):
    api.control("POST", "clock", {"stopped": True})
    api.faults({"kind": "late", "seconds": 20, "method": "POST", "nth": 1})
    assert create(api) is None
    advance(api, 19.9)
    assert api.ids()[0] == 14791
    assert not api.requests()[0]["acted"]
    advance(api, 0.2)
    assert api.ids()[0] == 14792
    assert api.requests()[0]["acted"]


def test_a_late_request_may_come_after_the_one_that_replaced_it(api):
    api.control("POST", "clock", {"stopped": True})
    api.faults({"kind": "late", "seconds": 5, "method": "POST", "nth": 1})
    assert (create(api), create(api)) == (None, 201)
    advance(api, 6)
    assert [row["name"] for row in api.control("GET", "state")["buckets"]].count("radio") == 1  # refused: taken
    api.reset(profile={"duplicate_names": "allow"}, clock={"stopped": True})
    api.faults({"kind": "late", "seconds": 5, "method": "POST", "nth": 1})
    assert (create(api), create(api)) == (None, 201)
    advance(api, 6)
    assert [row["name"] for row in api.control("GET", "state")["buckets"]].count("radio") == 2


def test_late_requests_come_in_the_order_of_their_times(api):
    api.control("POST", "clock", {"stopped": True})
    api.faults({"kind": "late", "seconds": 9, "nth": 1}, {"kind": "late", "seconds": 4, "nth": 2, "method": "PUT"})
    for name in ("later", "sooner"):
        with pytest.raises(requests.exceptions.ConnectionError):
            api.put("/buckets/14791", {"name": name})
    api.faults()
    advance(api, 10)
    assert api.get("/buckets/14791")["data"]["name"] == "later"


@pytest.mark.parametrize(("then", "status"), [("error", 504), ("hang", None)])
def test_a_late_request_may_end_in_an_error_or_a_hang(api, then, status):
    api.faults({"kind": "late", "seconds": 60, "then": then, "status": 504, "body": "html", "method": "DELETE"})
    answer = b""
    try:
        answer = api.session.delete(f"{api.url}/api/buckets/1116", timeout=0.3).content
    except requests.exceptions.ReadTimeout:
        assert then == "hang"
    assert (b"504" in answer) == (status == 504)
    assert api.requests()[0]["status"] == status
    advance(api, 61)
    assert 1116 not in api.ids()


def test_requests_in_flight_survive_new_faults_but_not_a_reset(api):
    for gone in (False, True):
        api.reset(clock={"stopped": True})
        api.faults({"kind": "late", "method": "DELETE"})
        with pytest.raises(requests.exceptions.ConnectionError):
            api.delete("/buckets/1116")
        api.control("PUT", "profile", "strict")
        api.faults()
        if gone:
            api.reset()
        advance(api, 3)
        assert (1116 in api.ids()) == gone


def test_a_write_may_only_seem_to_be_done(api):
    before = api.control("GET", "state")
    api.faults({"kind": "pretend"})
    assert create(api) == 201
    assert api.put("/buckets/14791", {"name": "x"}).json()["data"]["name"] == "x"
    assert api.delete("/buckets/1116").status_code == 204
    assert api.control("GET", "state") == before
    assert api.delete("/buckets/5").status_code == 404


@pytest.mark.parametrize(
    ("profile", "answer", "status", "count"),
    [
        ({}, "first", 201, 1), ({}, "second", 422, 1), ({"duplicate_names": "refuse_409"}, "first", 201, 1),
        ({"duplicate_names": "refuse_409"}, "second", 409, 1), ({"duplicate_names": "allow"}, "first", 201, 2),
        ({"duplicate_names": "allow"}, "second", 201, 2), ({"duplicate_names": "answer_existing"}, "second", 201, 1),
    ],
)  # fmt: skip
def test_a_create_can_be_delivered_twice(api, profile, answer, status, count):
    api.reset(profile=profile)
    api.faults({"kind": "duplicate", "method": "POST", "answer": answer})
    assert create(api) == status
    assert [row["name"] for row in api.control("GET", "state")["buckets"]].count("radio") == count


def test_the_second_delivery_may_come_later(api):
    api.reset(profile={"duplicate_names": "allow"}, clock={"stopped": True})
    api.faults({"kind": "duplicate", "method": "POST", "seconds": 30})
    assert create(api) == 201
    assert api.ids()[:2] == [14792, 14791]
    advance(api, 30)
    assert api.ids()[:2] == [14793, 14792]


def test_a_lag_may_hide_a_write_from_lists_or_gets_or_both(api):
    seen = {}
    for where in ("list", "get", ["list", "get"]):
        api.reset(clock={"stopped": True})
        api.faults({"kind": "lag", "seconds": 5, "where": where, "method": "POST"})
        assert create(api) == 201
        seen[str(where)] = (14792 in api.ids(), api.call("GET", "/api/buckets/14792").status_code)
        advance(api, 5)
        assert (14792 in api.ids(), api.call("GET", "/api/buckets/14792").status_code) == (True, 200)
    assert seen == {"list": (False, 200), "get": (True, 404), "['list', 'get']": (False, 404)}


def test_a_lagging_get_shows_the_old_row_and_content(api):
    api.reset(profile={"get_lag_seconds": 5}, clock={"stopped": True})
    api.delete("/buckets/1116")
    assert api.call("GET", "/api/buckets/1116/files").status_code == 200
    assert api.put("/buckets/1116", {"name": "x"}).status_code == 404  # writes go to the first replica
    advance(api, 5)
    assert api.call("GET", "/api/buckets/1116/files").status_code == 404


def test_one_request_can_have_other_switches(api):
    api.faults({"kind": "switch", "switches": {"create_answer": "another_row"}, "method": "POST", "nth": 2},
               {"kind": "switch", "switches": {"total_off": -1}, "method": "GET", "nth": 1})  # fmt: skip
    assert [api.create(name)["name"] for name in ("a", "b", "c")] == ["a", "a", "c"]
    assert [api.get("/buckets")["meta"]["total"] for _ in range(2)] == [8, 9]
    api.reset(profile="strict")
    api.faults({"kind": "switch", "switches": {"name_stored": ["lowered"]}})
    assert api.create("Radio")["labels"] is None  # the rest is as the profile says


def test_switches_that_do_not_fit_are_refused_with_the_plan(api):
    line = {"kind": "switch", "switches": {"total_of": 1}}
    answer = api.call("PUT", "/_emulator/faults", json={"faults": [line]})
    assert (answer.status_code, "has no 'total_of'" in answer.json()["error"]) == (400, True)


def test_the_clock_is_that_of_stamps_lags_throttles_and_the_date_header(api):
    start = 1_700_000_000.0
    with serve(clock=lambda: start, profile="documented") as running:
        other = Api(running)
        other.control("PUT", "profile", {"throttle_per_minute": 2, "stamps_off_seconds": 3600})
        assert other.control("POST", "clock", {"advance": 10}) == {"now": start + 10}
        assert other.create("radio")["created_at"] == "2023-11-14 23:13:30"
        answers = [other.call("GET", "/api/buckets") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert answers[0].headers["Date"] == "Tue, 14 Nov 2023 22:13:30 GMT"
        advance(other, 60)
        assert other.call("GET", "/api/buckets").status_code == 200
        assert other.control("POST", "reset") == {"buckets": 6}
        assert other.control("GET", "clock") == {"now": start}
        other.session.close()


def test_a_stopped_clock_moves_by_steps_only(api):
    first = api.control("POST", "clock", {"stopped": True})["now"]
    assert api.control("GET", "clock")["now"] == first
    assert api.control("POST", "clock", {"advance": 2.5})["now"] == first + 2.5
    assert api.control("POST", "clock", {"stopped": True})["now"] == first + 2.5
    assert api.control("POST", "clock", {"stopped": False})["now"] >= first
    api.reset(clock={"stopped": True, "advance": 3600}, latency_ms=1)
    assert 3590 < api.control("GET", "clock")["now"] - first < 3700


@pytest.mark.parametrize("body", [{"advance": -1}, {"advance": "1"}, {"stopped": 1}, {"by": 1}, [1]])
def test_a_clock_refuses_other_values(api, body):
    assert api.call("POST", "/_emulator/clock", json=body).status_code == 400
    assert api.call("POST", "/_emulator/reset", json={"clock": body}).status_code == 400


def test_a_cached_page_and_a_cached_total_grow_old(api):
    api.reset(profile={"page_cache_seconds": 10, "total_cached_seconds": 20}, clock={"stopped": True})
    assert (len(api.ids()), len(api.ids(type="File")), len(api.ids(per_page=50))) == (6, 2, 6)
    api.create("radio")
    assert (len(api.ids()), len(api.ids(type="File")), len(api.ids(per_page=100))) == (6, 2, 7)
    advance(api, 10)
    page = api.get("/buckets")
    assert (len(page["data"]), page["meta"]["total"]) == (7, 6)
    advance(api, 10)
    assert api.get("/buckets")["meta"]["total"] == 7


def test_two_replicas_disagree_until_the_lag_is_over(api):
    api.reset(profile={"list_lag_seconds": 5, "list_lag_shown": "every_other_reading"}, clock={"stopped": True})
    assert create(api) == 201
    assert [14792 in api.ids() for _ in range(4)] in ([False, True] * 2, [True, False] * 2)
    advance(api, 5)
    assert [14792 in api.ids() for _ in range(2)] == [True, True]
