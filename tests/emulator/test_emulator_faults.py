"""Faults: each kind seen at the socket, which requests it takes, and that one seed tells one story."""

import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import jsonschema
import pytest
import requests
import yaml

from acrsync.emulator import faults, serve
from acrsync.emulator.effects import EFFECTS
from acrsync.emulator.faults import READY_PLANS, Faults, Kind, Malformed, Plan, Rule

WANTED = {"name": "radio", "region": "eu-west-1", "type": "File"}
SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/faults.v1.json").read_text())


class Lost(Exception):
    """The connection ended before a whole answer."""

    def __init__(self, received: bytes, reset: bool) -> None:
        super().__init__(received, reset)
        self.received = received
        self.reset = reset


def raw(api, method: str, path: str, body: object = None) -> tuple[bytes, bytes]:
    """Return head and body of an answer as the socket gave them, on a connection of their own."""
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nAuthorization: Bearer {api.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    received = b""
    with socket.create_connection(("127.0.0.1", urlsplit(api.url).port or 0), timeout=10) as connection:
        connection.sendall(head.encode() + content)
        try:
            while not is_whole(received):
                piece = connection.recv(65536)
                if not piece:
                    raise Lost(received, reset=False)
                received += piece
        except ConnectionResetError as error:
            raise Lost(received, reset=True) from error
    before, _, after = received.partition(b"\r\n\r\n")
    return before, after


def is_whole(received: bytes) -> bool:
    head, gap, body = received.partition(b"\r\n\r\n")
    length = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    return bool(gap) and len(body) >= (length[0] if length else 0)


def names(api) -> list[str]:
    return [row["name"] for row in api.control("GET", "state")["buckets"]]


def last(api):
    entry = api.requests()[-1]
    return {key: entry[key] for key in ("method", "status", "fault", "rule", "acted")}


def test_a_throttle_says_when_to_come_back(api):
    api.faults({"kind": "throttle", "at": 1}, {"kind": "throttle", "at": [2], "retry_after": 7, "body": "html"})
    first, second, third = (api.post("/buckets", WANTED) for _ in range(3))
    assert (first.status_code, first.headers["Retry-After"], first.json()) == (
        429,
        "1",
        {"message": "Too Many Attempts."},
    )
    assert (second.status_code, second.headers["Retry-After"]) == (429, "7")
    assert second.headers["Content-Type"] == "text/html"
    assert third.status_code == 201
    assert [entry["acted"] for entry in api.requests()] == [False, False, True]


def test_a_throttle_may_name_a_date(api):
    api.faults({"kind": "throttle", "retry_after": 90, "retry_after_form": "date"})
    date = parsedate_to_datetime(api.call("GET", "/api/buckets").headers["Retry-After"])
    assert 85 < (date - datetime.now(UTC)).total_seconds() < 95


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", ["json", "html"])
def test_an_error_comes_before_or_after_the_act(api, status, body):
    common = {"status": status, "body": body, "retry_after": 3}
    api.faults({"kind": "error_before", "nth": 1, **common}, {"kind": "error_after", "nth": 2, **common})
    before, after = api.post("/buckets", WANTED), api.post("/buckets", WANTED)
    for answer in (before, after):
        assert (answer.status_code, answer.headers["Retry-After"]) == (status, "3")
        assert answer.headers["Content-Type"] == {"json": "application/json", "html": "text/html"}[body]
        assert f"<h1>{status} " in answer.text if body == "html" else answer.json() == {"message": "Server Error"}
    assert [(entry["status"], entry["acted"]) for entry in api.requests()] == [(status, False), (status, True)]
    assert names(api).count("radio") == 1


@pytest.mark.parametrize(("kind", "acted"), [("reset_before", False), ("reset_after", True)])
def test_a_reset_is_a_tcp_reset(api, kind, acted):
    api.faults({"kind": kind})
    with pytest.raises(Lost) as lost:
        raw(api, "POST", "/api/buckets", WANTED)
    assert (lost.value.received, lost.value.reset) == (b"", True)
    assert last(api) == {"method": "POST", "status": None, "fault": kind, "rule": 1, "acted": acted}
    assert ("radio" in names(api)) == acted


def test_a_body_is_cut_in_the_middle(api):
    api.faults({"kind": "cut_body"})
    with pytest.raises(Lost) as lost:
        raw(api, "POST", "/api/buckets", WANTED)
    head, _, body = lost.value.received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201 ")
    assert len(body) == int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) // 2
    assert last(api) == {"method": "POST", "status": 201, "fault": "cut_body", "rule": 1, "acted": True}
    assert api.delete("/buckets/1116").status_code == 204  # nothing there to cut


@pytest.mark.parametrize(("kind", "acted"), [("hang_before", False), ("hang_after", True)])
def test_a_hang_lasts_until_the_client_gives_up(api, kind, acted):
    api.faults({"kind": kind})
    with pytest.raises(requests.exceptions.ReadTimeout):
        api.session.post(f"{api.url}/api/buckets", json=WANTED, timeout=0.1)
    assert last(api) == {"method": "POST", "status": None, "fault": kind, "rule": 1, "acted": acted}


def test_a_hang_has_an_end(api):
    api.faults({"kind": "hang_before", "seconds": 0.1})
    start = time.monotonic()
    with pytest.raises(Lost) as lost:
        raw(api, "GET", "/api/buckets")
    assert (lost.value.received, lost.value.reset) == (b"", False)
    assert time.monotonic() - start >= 0.1


def test_a_body_drips(api):
    api.faults({"kind": "drip_body", "seconds": 0.3})
    start = time.monotonic()
    _, body = raw(api, "GET", "/api/buckets")
    assert time.monotonic() - start >= 0.25
    assert json.loads(body)["meta"]["total"] == 6


def test_a_request_is_delivered_twice(api):
    api.reset(profile={"duplicate_names": "allow"})
    api.faults({"kind": "duplicate", "method": "POST"}, {"kind": "duplicate", "method": "DELETE", "answer": "second"})
    answer = api.post("/buckets", WANTED)
    assert names(api).count("radio") == 2
    assert answer.json()["data"]["id"] == 14792
    assert api.delete("/buckets/14792").status_code == 404
    assert names(api).count("radio") == 1
    assert last(api)["acted"]


def test_a_write_stays_hidden_from_lists(api):
    api.faults({"kind": "lag", "method": ["POST", "PUT", "DELETE"], "reads": 2})
    new = api.create("radio")["id"]
    api.change(14791, name="renamed")
    assert api.delete("/buckets/1116").status_code == 204
    for _ in range(2):
        rows = {row["id"]: row["name"] for row in api.get("/buckets")["data"]}
        assert (new in rows, rows[14791], 1116 in rows) == (False, "test", True)
    rows = {row["id"]: row["name"] for row in api.get("/buckets")["data"]}
    assert (new in rows, rows[14791], 1116 in rows) == (True, "renamed", False)


def test_a_lag_may_be_a_time():
    now = [1000.0]
    with serve(clock=lambda: now[0]) as running:
        headers = {"Authorization": f"Bearer {running.token}"}
        requests.put(f"{running.url}/_emulator/faults", json={"faults": [{"kind": "lag", "method": "POST"}]}, timeout=5)
        requests.post(f"{running.url}/api/buckets", json=WANTED, headers=headers, timeout=5)
        totals = []
        for now[0] in (1001.9, 1002.1):
            page = requests.get(f"{running.url}/api/buckets", headers=headers, timeout=5).json()
            totals.append(page["meta"]["total"])
    assert totals == [6, 7]


def test_pages_shift_while_they_are_read(api):
    api.reset(rows=[{"id": 30 + number, "name": f"unrelated-{number}"} for number in range(4)])
    api.faults({"kind": "shift_create", "method": "GET", "nth": 1}, {"kind": "shift_delete", "nth": 3})
    assert api.ids(per_page=2) == [33, 32]
    assert api.ids(per_page=2, page=2) == [32, 31]
    assert api.ids(per_page=2)[1] == 33
    assert api.ids(per_page=2) == [33, 32]
    api.faults({"kind": "shift_delete"})
    api.reset(rows=[{"id": 5, "name": "mine"}], faults={"faults": [{"kind": "shift_delete"}]})
    assert api.ids() == api.ids() == [5]


def test_a_token_expires_for_good(api):
    api.faults({"kind": "expire_token", "at": 2})
    assert [api.call("GET", "/api/buckets").status_code for _ in range(3)] == [200, 403, 403]
    assert [entry["fault"] for entry in api.requests()] == [None, "expire_token", None]
    api.reset()
    assert api.call("GET", "/api/buckets").status_code == 200


@pytest.mark.parametrize(
    ("line", "hit"),
    [
        ({}, [1, 2, 3, 4, 5, 6]), ({"method": "PUT"}, [2, 5]), ({"method": ["PUT", "GET"]}, [1, 2, 4, 5]),
        ({"path": "/api/buckets"}, [1, 3, 4, 6]), ({"path": "/api/buckets/*"}, [2, 5]), ({"at": [2, 6]}, [2, 6]),
        ({"nth": 3}, [3]), ({"nth": 2, "count": 3}, [2, 3, 4]), ({"count": 2}, [1, 2]),
        ({"method": "PUT", "nth": 2}, [5]),
        ({"at": [1, 2], "method": "PUT"}, [2]), ({"rate": 0}, []), ({"rate": 1}, [1, 2, 3, 4, 5, 6]),
    ],
)  # fmt: skip
def test_a_fault_applies_to_the_requests_it_describes(api, line, hit):
    api.faults({"kind": "error_before", **line})
    for _ in range(2):
        api.call("GET", "/api/buckets")
        api.put("/buckets/1116", {})
        api.post("/buckets", {})
    assert [entry["number"] for entry in api.requests() if entry["fault"]] == hit


def test_the_first_line_that_fires_has_the_request_and_the_others_still_count(api):
    lines = [{"kind": "error_before", "status": 502, "nth": 1}, {"kind": "error_before", "status": 503, "nth": 2}]
    api.faults(*lines)
    assert [api.call("GET", "/api/buckets").status_code for _ in range(3)] == [502, 503, 200]
    assert [entry["rule"] for entry in api.requests()] == [1, 2, None]


def fates(plan: Plan, asked: list[bytes]) -> list[bool]:
    decider = Faults(plan)
    return [decider.decide(number, "GET", "/api/buckets", content) is not None for number, content in enumerate(asked)]


def test_one_seed_gives_the_same_faults_in_every_order():
    asked = [f"page={number}".encode() for number in range(200)]
    plan = Plan(seed=7, rules=(Rule(kind="reset_after", rate=0.3),))
    story = dict(zip(asked, fates(plan, asked), strict=True))
    assert dict(zip(asked[::-1], fates(plan, asked[::-1]), strict=True)) == story
    assert fates(Plan(8, plan.rules), asked) != list(story.values())
    assert 30 < sum(story.values()) < 90


def test_a_repeated_request_can_have_another_fault():
    said = fates(Plan(seed=1, rules=(Rule(kind="reset_after", rate=0.5),)), [b"same"] * 100)
    assert 30 < sum(said) < 70


def test_threads_do_not_change_the_faults(api):
    def story(workers: int) -> dict[str, str | None]:
        api.reset(faults={"seed": 3, "faults": [{"kind": "error_after", "method": "POST", "rate": 0.4}]})
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda n: requests.post(f"{api.url}/api/buckets", json={**WANTED, "name": f"n{n}"},
                          headers={"Authorization": f"Bearer {api.token}"}, timeout=10), range(30)))  # fmt: skip
        return {entry["body"]["name"]: entry["fault"] for entry in api.requests()}

    alone = story(1)
    assert story(8) == alone
    assert len(set(alone.values())) == 2


def test_latency_is_waited_for(api):
    assert api.control("POST", "latency", {"latency_ms": 120}) == {"latency_ms": 120}
    start = time.monotonic()
    api.call("GET", "/api/buckets")
    assert time.monotonic() - start >= 0.12


def test_closing_ends_hanging_requests():
    with serve() as running:
        address = urlsplit(running.url)
        requests.put(f"{running.url}/_emulator/faults", json={"faults": [{"kind": "hang_after"}]}, timeout=5)
        ended = []

        def ask() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=20)
            try:
                connection.request("GET", "/api/buckets")
                connection.getresponse()
            except (http.client.HTTPException, OSError) as error:
                ended.append(type(error))
            finally:
                connection.close()

        thread = threading.Thread(target=ask)
        thread.start()
        while not requests.get(f"{running.url}/_emulator/requests", timeout=5).json()["requests"]:
            time.sleep(0.01)
        start = time.monotonic()
    thread.join(5)
    assert ended == [http.client.RemoteDisconnected]
    assert time.monotonic() - start < 5


def test_code_and_schema_name_the_same_faults():
    line = SCHEMA["$defs"]["fault"]["properties"]
    hints = get_type_hints(Rule)
    assert line["kind"]["enum"] == list(get_args(Kind)) == list(EFFECTS)
    assert list(line) == list(hints)
    choices = {key: get_args(hint) for key, hint in hints.items() if get_origin(hint) is Literal and key != "kind"}
    assert {key: line[key].get("enum") for key in choices} == {key: list(values) for key, values in choices.items()}
    defaults = {f.name: f.default for f in fields(Rule) if f.default not in (None, MISSING, ())}
    assert {key: line[key].get("default") for key in defaults} == {
        key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items()
    }


def test_the_documentation_names_every_fault_and_knob():
    text = (Path(__file__).parents[2] / "docs/emulator.md").read_text()
    assert [kind for kind in EFFECTS if f"| `{kind}` |" not in text] == []
    knobs = {f.name for f in fields(Rule)} - {"kind"}
    assert [knob for knob in knobs if f"`{knob}" not in text] == []
    assert [form for form in get_args(Malformed) if f"`{form}`" not in text] == []


@pytest.mark.parametrize("name", READY_PLANS)
def test_a_ready_plan_is_a_valid_document(name):
    document = json.loads(json.dumps(faults.to_document(Plan(5, READY_PLANS[name]))))
    jsonschema.validate(document, SCHEMA)
    assert faults.from_document(document) == Plan(5, READY_PLANS[name])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("faults: [{}]", "line 1 needs 'kind'"), ("faults: [{kind: flood}]", "kind must be one of throttle"),
        ("faults: [{kind: lag, at: 1, rate: 0.5}]", "takes one of"), ("faults: [{kind: lag, nth: 0}]", "from 1"),
        ("faults: [{kind: lag, rate: 2}]", "takes one of"), ("faults: {kind: lag}", "a list as faults"),
        ("seed: x", "whole number as seed"), ("fault: []", "has no 'fault'"),
        ("faults: [{kind: lag, by: 1}]", "has no 'by'"),
        ("faults: [{kind: lag, method: get}]", "method must be one of GET"), ("faults: [7]", "must be a mapping"),
        ("faults: [{kind: error_after, status: 199}]", "status must be from 200 to 599"),
        ("faults: [{kind: error_after, status: 600}]", "status must be from 200 to 599"),
        ("faults: [{kind: interim, interim: [103, 200]}]", "interim from 100 to 199"),
        ("faults: [{kind: switch, switches: 7}]", "must be a mapping"),
    ],
)  # fmt: skip
def test_a_plan_that_does_not_fit_is_refused_by_code_and_schema(tmp_path, text, message):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message), serve(faults=file):
        pass
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text))


def test_a_plan_file_is_at_work_from_the_first_request(tmp_path):
    file = tmp_path / "faults.yaml"
    file.write_text("seed: 1\nfaults:\n  - {kind: error_before, status: 503, method: GET, nth: 1}\n")
    with serve(faults=file) as running:
        got = [requests.get(f"{running.url}/api/buckets", timeout=5).status_code for _ in range(2)]
    assert got == [503, 403]
