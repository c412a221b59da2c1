"""State that outlives a process, and the control prefix that sets and shows it."""

import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from acrsync.emulator import serve
from acrsync.emulator.seeds import VENDOR_ROWS
from acrsync.emulator.store import Store
from emulator.api import Api

WANTED = {"name": "radio", "region": "eu-west-1", "type": "File"}


def test_reading_creates_no_file(tmp_path):
    path = tmp_path / "deep" / "state.db"
    with serve(state=str(path)) as running:
        api = Api(running)
        assert len(api.ids()) == 6
        assert api.post("/buckets", {}).status_code == 422
        assert api.delete("/buckets/5").status_code == 404
        assert api.put("/buckets/1116", {}).status_code == 200
        assert len(api.requests()) == 4
        assert list(tmp_path.iterdir()) == []
        api.create("radio")
        assert path.is_file()
        assert path.stat().st_mode & 0o777 == 0o600
        api.session.close()


def test_written_state_is_loaded_next_time(tmp_path):
    state = str(tmp_path / "state.db")
    with serve(state=state) as running:
        api = Api(running)
        first = api.create("radio", labels=["A", "B"], metadata_template='{"é":{}}')
        api.control("POST", "references/base-projects", {"name": "app", "buckets": [first["id"]]})
        api.control("POST", "results", {"project_id": 1, "stream_id": "s", "results": [{"metadata": {}}]})
        gone = api.create("gone")["id"]
        api.delete(f"/buckets/{gone}")
        api.session.close()
    assert [file.name for file in tmp_path.iterdir()] == ["state.db"]
    with serve(state=state, token="mine") as running:
        api = Api(running)
        assert running.token == "mine"
        assert api.get(f"/buckets/{first['id']}")["data"] == first
        assert api.get("/base-projects")["data"][0]["buckets"][0]["id"] == first["id"]
        assert api.get("/bm-cs-projects/1/streams/s/results") == {"data": []}
        assert api.create("next")["id"] == gone + 1
        api.session.close()


def test_an_empty_file_reads_as_a_missing_one(tmp_path):
    path = tmp_path / "state.db"
    path.touch()
    with serve(state=str(path)) as running:
        api = Api(running)
        assert len(api.ids()) == 6
        assert path.stat().st_size == 0
        api.create("radio")
        api.session.close()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM buckets").fetchone() == (7,)
    database.close()


def test_a_file_of_another_kind_is_refused_and_untouched(tmp_path):
    text, other = tmp_path / "text", tmp_path / "other.db"
    text.write_text("not a database, but long enough to be read as one " * 20)
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE x (y)")
    database.close()
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(ValueError, match="is not an emulator state file"), serve(state=str(path)):
            pass
        assert path.read_bytes() == before


def test_two_emulators_on_one_file_see_each_other(tmp_path):
    state = str(tmp_path / "state.db")
    with serve(state=state) as one:
        first = Api(one)
        first.create("radio")
        with serve(state=state) as two:
            second = Api(two)
            assert second.ids()[0] == 14792
            second.change(14792, name="renamed")
            assert first.get("/buckets/14792")["data"]["name"] == "renamed"
            assert first.create("other")["id"] == 14793
            assert second.ids()[0] == 14793
            second.session.close()
        first.session.close()


SERVER = """
import sys, time
from acrsync.emulator import serve
from acrsync.emulator.seeds import VENDOR_ROWS
from acrsync.emulator.store import Store
with serve(state=sys.argv[1], token="t") as running:
    print(running.url, flush=True)
    time.sleep(60)
"""


def test_a_killed_process_loses_nothing_that_it_answered(tmp_path):
    state = str(tmp_path / "state.db")
    with subprocess.Popen([sys.executable, "-c", SERVER, state], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        headers = {"Authorization": "Bearer t"}
        made = [
            requests.post(f"{url}/api/buckets", json={**WANTED, "name": f"n{n}"}, headers=headers, timeout=5).json()
            for n in range(20)
        ]
        process.send_signal(signal.SIGKILL)
    with serve(state=state) as running:
        api = Api(running)
        assert {row["data"]["id"] for row in made} < set(api.ids(per_page=100))
        api.session.close()


def test_a_write_that_fails_halfway_leaves_no_trace(tmp_path):
    def rows():
        yield VENDOR_ROWS[0]
        raise ConnectionAbortedError

    store = Store(str(tmp_path / "state.db"), VENDOR_ROWS)
    with pytest.raises(ConnectionAbortedError):
        store.reset(rows())
    assert len(store.buckets()) == 6
    store.close()


def test_requests_in_parallel_lose_no_write_and_share_no_id(api):
    def create(number: int) -> int:
        headers = {"Authorization": f"Bearer {api.token}"}
        answer = requests.post(
            f"{api.url}/api/buckets", json={**WANTED, "name": f"n{number}"}, headers=headers, timeout=10
        )
        made: int = answer.json()["data"]["id"]
        return made

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(create, range(60)))
    assert len(set(ids)) == 60
    assert set(ids) < set(api.ids(per_page=100))


def test_a_taken_port_is_an_error(api):
    port = int(api.url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"), serve(port=port):
        pass


def test_closing_twice_is_harmless_and_ends_kept_connections(capfd):
    with serve() as running:
        api = Api(running)
        api.ids()
        running.close()
        with pytest.raises(requests.exceptions.ConnectionError):
            api.ids()
        api.session.close()
    assert capfd.readouterr() == ("", "")


def test_each_run_has_a_token_of_its_own():
    with serve() as one, serve() as two:
        assert one.token != two.token
        assert len(one.token) >= 32


def test_two_thousand_buckets_are_seeded_quickly(api):
    start = time.perf_counter()
    api.reset(seed={"buckets": 2000})
    assert time.perf_counter() - start < 1
    page = api.get("/buckets", per_page=1000)
    assert (page["meta"]["total"], page["data"][0]["name"]) == (2000, "bucket-02000")
    assert len({row["region"] for row in page["data"]}) == 3


def test_reset_goes_back_to_the_start(api):
    api.create("radio")
    api.control("PUT", "profile", "strict")
    api.control("POST", "latency", {"latency_ms": 1})
    api.faults({"kind": "throttle"})
    api.control("POST", "references/base-projects", {})
    assert api.control("POST", "reset") == {"buckets": 6}
    assert api.requests() == []
    assert api.control("GET", "faults") == {"seed": 0, "faults": []}
    assert api.control("GET", "profile")["duplicate_names"] == "refuse"
    assert api.control("GET", "state")["references"] == []
    assert api.create("radio")["id"] == 14792


def test_reset_takes_rows_as_the_api_shows_them(api):
    row = {**api.get("/buckets/1159")["data"], "labels": None, "access_permission": "shared", "uid": 20}
    api.reset(rows=[row, {"name": "live", "type": "Live", "num": 4}], accounts=[{"token": "t", "uid": 20}])
    seen = api.call("GET", "/api/buckets", headers={"Authorization": "Bearer t"}).json()["data"]
    assert seen == [row]
    assert api.get("/buckets")["data"][0]["num"] == 4
    (stored, live) = api.control("GET", "state")["buckets"]
    assert (stored["files"], stored["seconds"], live["channels"], live["id"]) == (7, 1487, 4, 14792)


def test_content_is_set_by_counts(api):
    api.control("POST", "buckets/1116/content", {"files": 2})
    row = api.get("/buckets/1116")["data"]
    assert (row["num"], row["size"], row["updated_at"]) == (2, "424", row["created_at"])
    api.control("POST", "buckets/1116/content", {"files": 0, "seconds": 0})
    assert api.delete("/buckets/1116").status_code == 204


def test_the_log_has_everything_except_the_token(api):
    api.post("/buckets", {"name": "x"})
    api.call("GET", "/api/buckets", params={"page": 2})
    create, read = api.requests()
    assert {key: create[key] for key in ("number", "method", "path", "body", "status", "acted")} == {
        "number": 1, "method": "POST", "path": "/api/buckets", "body": {"name": "x"}, "status": 422, "acted": False,
    }  # fmt: skip
    assert (read["number"], read["query"], read["body"], read["acted"]) == (2, "page=2", None, True)
    assert abs(read["time"] - time.time()) < 60
    for path in ("requests", "state", "profile", "faults"):
        assert api.token not in api.call("GET", f"/_emulator/{path}").text
    api.control("DELETE", "requests")
    api.get("/buckets")
    assert [entry["number"] for entry in api.requests()] == [1]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "reset", {"row": []}), ("POST", "reset", {"rows": "some"}), ("POST", "reset", {"rows": [{"id": 1}]}),
        ("POST", "reset", {"seed": {"buckets": -1}}), ("POST", "reset", {"seed": 5}), ("POST", "reset", [1]),
        ("POST", "reset", {"accounts": [{"uid": 1}]}), ("POST", "reset", {"accounts": {}}),
        ("POST", "reset", {"rows": [{"name": "x", "size": "y"}]}),
        ("POST", "reset", {"rows": [{"name": "x", "id": 2**60}]}),
        ("POST", "buckets/5/content", {}), ("POST", "buckets/x/content", {}),
        ("POST", "buckets/1116/content", {"num": 1}),
        ("POST", "references/buckets", {}), ("POST", "references/base-projects", {"buckets": [True]}),
        ("POST", "results", {"results": [1], "project_id": 1, "stream_id": "s"}), ("POST", "results", {"results": 1}),
        ("PUT", "profile", "mild"), ("PUT", "profile", {"x": 1}), ("PUT", "faults", {"faults": [1]}),
        ("POST", "latency", {"latency_ms": -1}), ("POST", "latency", {"latency_ms": "1"}), ("POST", "latency", None),
    ],
)  # fmt: skip
def test_control_reports_invalid_input_and_changes_nothing(api, method, path, body):
    before = api.control("GET", "state"), api.control("GET", "profile")
    answer = api.call(method, f"/_emulator/{path}", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert (api.control("GET", "state"), api.control("GET", "profile")) == before


def test_control_refuses_invalid_requests(api):
    assert api.call("POST", "/_emulator/reset", data=b"{").status_code == 400
    assert api.call("GET", "/_emulator/nothing").status_code == 404
    assert api.call("PATCH", "/_emulator/state").status_code == 405


def test_control_is_for_this_machine_only(api):
    assert api.call("GET", "/_emulator/state", headers={"Host": "evil.example"}).status_code == 403
    assert api.call("GET", "/_emulator/state", headers={"Host": "localhost:1"}).status_code == 200


def test_the_emulator_imports_nothing_else_of_acrsync():
    code = "import sys, acrsync.emulator; print([m for m in sys.modules if m.startswith('acrsync.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    names = loaded.strip("[]\n").replace("'", "").split(", ")
    assert all(name.startswith(("acrsync.emulator", "acrsync.version")) for name in names)
