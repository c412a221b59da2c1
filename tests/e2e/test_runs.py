"""Runs that know of each other: crashes that other manifests meet, applies that wait, and what people see of it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable

import pytest

from e2e.commandline import Place
from emulator.api import Api

CREATES = "version: 1\nbuckets:\n" + "".join(
    f"  - {{name: b{number}, region: eu-west-1, type: File}}\n" for number in range(3)
)
MOVES = """\
version: 1
buckets: [{name: test, region: us-west-2, type: Live}]
allow: [{guard: replace, id: 14791, reason: it moves}]
"""
OTHER = "version: 1\nbuckets:\n  - {name: other, region: eu-west-1, type: File}\n"
QUICK = ("--yes", "--settle", "0", "--landing", "0")


def until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def sent(api: Api, method: str) -> bool:
    return any(entry["method"] == method for entry in api.requests())


def killed_while(place: Place, api: Api, *arguments: str) -> None:
    """Start an apply and kill it when its POST has arrived, which is then never acted upon."""
    api.faults({"kind": "hang_before", "method": "POST", "seconds": 20})
    process = place.start("apply", "--parallelism", "1", *arguments)
    until(lambda: sent(api, "POST"))
    process.kill()
    process.communicate()
    api.faults()


@pytest.fixture
def going_on(place: Place, api: Api):
    """An apply that waits for the answer to its first create."""
    place.write("acrsync.yaml", CREATES)
    api.faults({"kind": "drip_body", "method": "POST", "seconds": 3, "nth": 1})
    process = place.start("apply", *QUICK)
    until(lambda: sent(api, "POST"))
    yield process
    process.kill()
    process.communicate()


def test_a_crash_in_one_manifest_survives_an_apply_of_another(place: Place, api: Api):
    template = '{"artist": {"default": "nobody"}}'
    api.change(14791, metadata_template=template)
    place.write("acrsync.yaml", MOVES)
    place.write("other.yaml", OTHER)
    killed_while(place, api, "--yes")
    assert "test" not in [row["name"] for row in api.get("/buckets")["data"]]

    other = place.acrsync("apply", *QUICK, "other.yaml")
    assert (other.code, other.codes) == (0, ["H511"])
    assert [events[-1]["event"] for events in place.records()] == ["outcome", "end"], "the first is still open"
    assert place.acrsync("apply", *QUICK, "other.yaml").code == 0, "and so it is after another one"
    seen = place.acrsync("runs")
    assert seen.out.count("\n") == 3
    assert re.search(r"cut off +1 failed", seen.out)
    assert (
        "test was deleted for its replacement and not created again"
        in place.acrsync("runs", "show", place_id(place, 0)).out
    )

    again = place.acrsync("apply", *QUICK)
    assert again.code == 0, again.out
    row = next(row for row in api.get("/buckets")["data"] if row["name"] == "test")
    assert (row["region"], row["labels"], row["metadata_template"]) == ("us-west-2", ["TV"], template)
    assert place.records()[0][-1]["event"] == "closed"
    assert place.acrsync("plan").codes == ["W310"], "the approval is spent"


def place_id(place: Place, number: int) -> str:
    return str(place.records()[number][0]["id"])


def test_an_unknown_create_of_one_manifest_is_settled_by_an_apply_of_another(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    place.write("other.yaml", OTHER)
    killed_while(place, api, "--yes")
    assert place.acrsync("apply", *QUICK, "other.yaml").code == 0
    assert [events[-1]["event"] for events in place.records()] == ["closed", "end"]
    assert place.acrsync("apply", *QUICK).code == 0
    names = [row["name"] for row in api.get("/buckets")["data"]]
    assert sorted(name for name in names if name in ("b0", "b1", "b2", "other")) == ["b0", "b1", "b2", "other"]


def test_a_second_apply_names_the_run_that_holds_the_account(place: Place, api: Api, going_on: subprocess.Popen[str]):
    run_id = place_id(place, 0)
    second = place.acrsync("apply", *QUICK, "--lock-timeout", "0", "--format", "json")
    assert (second.code, [d["code"] for d in second.document["diagnostics"]]) == (5, ["E075"])
    assert run_id in second.document["diagnostics"][0]["detail"]
    assert "--lock-timeout" in second.document["diagnostics"][0]["fix"]


def test_a_second_apply_waits_for_the_first(place: Place, api: Api, going_on: subprocess.Popen[str]):
    second = place.acrsync("apply", *QUICK)
    assert f"Waiting: run {place_id(place, 0)} of " in second.err
    assert (second.code, second.out.count("Applied")) == (0, 0), second.out
    assert place.ended(going_on).code == 0
    assert [entry["method"] for entry in api.requests()].count("POST") == 3


def test_a_plan_reports_a_running_apply(place: Place, api: Api, going_on: subprocess.Popen[str]):
    plan = place.acrsync("plan", "--settle", "0")
    assert (plan.code, plan.codes) == (0, ["H515"])
    assert place_id(place, 0) in plan.out
    assert f"{place_id(place, 0)}  running " in place.acrsync("runs").out


def test_runs_are_listed_and_shown(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    assert place.acrsync("runs").out == "There are no runs.\n"
    assert place.acrsync("apply", *QUICK).code == 0
    run_id = place_id(place, 0)
    assert f"{run_id}  verified  3 created " in place.acrsync("runs").out
    (listed,) = json.loads(place.acrsync("runs", "--format", "json").out)
    assert (listed["id"], listed["result"], listed["changes"], listed["open"]) == (
        run_id,
        "verified",
        {"created": 3},
        [],
    )
    assert listed["who"]["token"] == "ACRSYNC_TOKEN"
    for name in (run_id, "last"):
        assert f"Run {run_id}" in place.acrsync("runs", "show", name).out
    assert place.acrsync("runs", "show", "20200101T000000Z-000000").codes == ["E078"]
    assert {entry["method"] for entry in api.requests()[-3:]} <= {"GET", "POST"}


def test_the_last_run_can_be_undone_as_last(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    assert place.acrsync("apply", *QUICK).code == 0
    assert place.acrsync("plan", "--undo", "last").out.count("  - b") == 3


def test_an_open_run_can_be_closed(place: Place, api: Api):
    place.write("acrsync.yaml", MOVES)
    killed_while(place, api, "--yes")
    place.write("other.yaml", OTHER)
    assert place.acrsync("apply", *QUICK, "other.yaml").code == 0
    run_id = place_id(place, 0)
    assert place.acrsync("runs", "close", run_id).codes == ["E002"], "a reason is required"
    closed = place.acrsync("runs", "close", run_id, "--reason", "not needed")
    assert (closed.code, closed.err) == (0, f"Closed run {run_id}.\n")
    assert place.records()[0][-1]["reason"] == "not needed"
    assert place.acrsync("plan", "other.yaml").codes == []
    assert place.acrsync("runs", "close", run_id, "--reason", "again").codes == ["E079"]


def test_another_form_of_the_address_is_the_same_account(place: Place, api: Api):
    place.write("acrsync.yaml", MOVES)
    killed_while(place, api, "--yes")
    plan = place.acrsync("plan", "--settle", "0", "--endpoint", f"{api.url.replace('http:', 'HTTP:')}/api/")
    assert "H511" in plan.codes
    assert "finishes an interrupted replacement" in plan.out


def test_a_git_repository_is_shared_by_two_machines(place: Place, api: Api, tmp_path):
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "store.git")], check=True)
    store = ("--runs", f"git:{tmp_path / 'store.git'}")
    place.write("acrsync.yaml", CREATES.replace("version: 1\n", "version: 1\naccount: {uid: 19}\n"))
    assert place.acrsync("apply", *QUICK, *store).code == 0
    again = place.acrsync("apply", *QUICK, *store)
    assert (again.code, "No changes." in again.out) == (0, True)
    assert " 3 created " in place.acrsync("runs", *store, "--endpoint", api.url).out
    assert not (place.folder / ".acrsync").exists()
    without = place.acrsync("apply", *QUICK, *store, "other.yaml") if place.write("other.yaml", OTHER) else None
    assert without is None or without.codes == ["E081"]
