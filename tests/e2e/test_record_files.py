"""`--out record:FILE`: what an apply did, in a file that a job can keep."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from e2e.commandline import Place, validator
from e2e.test_environments import Fleet, fleet
from e2e.test_runs import CREATES, QUICK, sent, until
from emulator.api import Api

__all__ = ["fleet"]

IDENTIFIED = CREATES.replace("version: 1\n", "version: 1\naccount: {uid: 19}\n")
OUT = ("--out", "record:record.jsonl")


@pytest.fixture(params=["folder", "git"])
def store(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> tuple[str, str]:
    """Where runs are kept: two stores that record a run in different ways."""
    if request.param == "folder":
        return ("--runs", "kept")
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "store.git")], check=True)
    return ("--runs", f"git:{tmp_path / 'store.git'}")


def record_lines(place: Place, name: str = "record.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place.folder / name).read_text().splitlines()]


def record(place: Place, name: str = "record.jsonl") -> list[dict[str, Any]]:
    lines = record_lines(place, name)
    for line in lines:
        validator("run").validate(line)
    return lines


def statuses(lines: list[dict[str, Any]]) -> dict[str, str]:
    return {line["name"]: line["status"] for line in lines if line["event"] == "outcome"}


def test_the_record_is_what_the_store_keeps_and_can_be_shown_and_undone(place: Place, api: Api, store):
    place.write("acrsync.yaml", IDENTIFIED)
    assert place.acrsync("apply", *QUICK, *store, *OUT).code == 0
    lines = record(place)
    assert statuses(lines) == {"b0": "created", "b1": "created", "b2": "created"}
    assert (lines[-1]["event"], lines[-1]["exit_code"], lines[-1]["verified"]) == ("end", 0, True)
    events = json.loads(place.acrsync("show", "last", *store, "--format", "json").out)["events"]
    assert lines == events
    place.environment["ACRSYNC_RUNS"] = "git:nowhere"  # the file needs no store
    for show in (("runs", "show"), ("show",)):
        shown = place.acrsync(*show, "record.jsonl")
        assert (shown.code, f"Run {lines[0]['id']}" in shown.out) == (0, True), shown.err
    del place.environment["ACRSYNC_RUNS"]
    assert place.acrsync("plan", "--undo", "record.jsonl", "--max-deletes", "3", "--out", "undo.json").code == 0
    assert place.acrsync("apply", *QUICK, "--plan", "undo.json").code == 0
    assert not {"b0", "b1", "b2"} & {row["name"] for row in api.get("/buckets")["data"]}


def test_a_record_with_a_key_less_can_be_undone(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    assert place.acrsync("apply", *QUICK, *OUT).code == 0
    lines = [{key: value for key, value in line.items() if key != "lost"} for line in record_lines(place)]
    place.write("record.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    undo = place.acrsync("plan", "--undo", "record.jsonl", "--max-deletes", "3")
    assert (undo.code, undo.out.count("  - b")) == (0, 3)


def test_a_failed_write_is_in_the_record(place: Place, api: Api, store):
    place.write("acrsync.yaml", IDENTIFIED)
    api.faults({"kind": "error_before", "method": "POST", "status": 403, "nth": 2})
    done = place.acrsync("apply", *QUICK, "--parallelism", "1", *store, *OUT)
    assert done.code == 6
    lines = record(place)
    assert statuses(lines) == {"b0": "created", "b1": "failed", "b2": "created"}
    assert (lines[-1]["event"], lines[-1]["exit_code"]) == ("end", 6)


def test_one_interrupt_leaves_a_whole_record(place: Place, api: Api, store):
    place.write("acrsync.yaml", IDENTIFIED)
    api.faults({"kind": "drip_body", "method": "POST", "seconds": 1})
    process = place.start("apply", *QUICK, "--parallelism", "1", *store, *OUT)
    until(lambda: sent(api, "POST"))
    process.send_signal(signal.SIGINT)
    assert place.ended(process).code == 130
    lines = record(place)
    assert statuses(lines)["b0"] == "created"
    assert (lines[-1]["event"], lines[-1]["exit_code"]) == ("end", 130)


def test_the_second_interrupt_leaves_what_was_recorded_until_then(place: Place, api: Api, store):
    """A runner that cancels a job sends two signals, and still keeps the artifact."""
    place.write("acrsync.yaml", IDENTIFIED)
    api.faults({"kind": "hang_before", "method": "POST", "seconds": 20, "nth": 2})
    process = place.start("apply", *QUICK, "--parallelism", "1", *store, *OUT)
    until(lambda: len([one for one in api.requests() if one["method"] == "POST"]) == 2)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("Interrupted:"):
        pass
    process.send_signal(signal.SIGTERM)
    assert place.ended(process).code == 130
    lines = record(place)
    assert statuses(lines) == {"b0": "created"}
    assert "Open: create b1: its outcome is unknown." in place.acrsync("runs", "show", "record.jsonl").out


def test_a_store_that_is_lost_during_the_run_does_not_lose_the_record(place: Place, api: Api, tmp_path: Path):
    place.write("acrsync.yaml", IDENTIFIED)
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "store.git")], check=True)
    api.faults({"kind": "drip_body", "method": "POST", "seconds": 2, "nth": 1})
    process = place.start("apply", *QUICK, "--runs", f"git:{tmp_path / 'store.git'}", *OUT)
    until(lambda: sent(api, "POST"))
    (tmp_path / "store.git").rename(tmp_path / "moved.git")
    done = place.ended(process)
    assert (done.code, "W512" in done.codes) == (0, True), done.out
    lines = record(place)
    assert set(statuses(lines).values()) == {"created"}
    assert lines[-1]["event"] == "end"


NOT_BEGUN = [
    ("nothing to do", "version: 1\n", (), 0),
    ("a plan that a guard refuses", "version: 1\nremoved: [{name: us_bucket}]\n", (), 3),
    ("a list that cannot be read", CREATES, ("--endpoint", "http://127.0.0.1:9"), 1),
]


@pytest.mark.parametrize(("reason", "manifest", "options", "code"), NOT_BEGUN, ids=[case[0] for case in NOT_BEGUN])
def test_no_file_of_an_earlier_run_is_left_if_no_run_begins(place: Place, reason, manifest, options, code):
    place.write("record.jsonl", '{"event": "run"}\n')
    place.write("acrsync.yaml", manifest)
    assert place.acrsync("apply", *QUICK, *options, *OUT).code == code, reason
    assert not (place.folder / "record.jsonl").exists()


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_sent(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    done = place.acrsync("apply", *QUICK, "--out", "record:no/such/folder/record.jsonl")
    assert (done.code, done.codes, api.requests()) == (1, ["E005"], [])


def test_a_file_that_cannot_be_written_at_the_end_does_not_change_the_exit_code(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    (place.folder / "out").mkdir()
    api.faults({"kind": "drip_body", "method": "POST", "seconds": 1, "nth": 1})
    process = place.start("apply", *QUICK, "--out", "record:out/record.jsonl")
    until(lambda: sent(api, "POST"))
    (place.folder / "out").rmdir()
    done = place.ended(process)
    assert (done.code, done.codes) == (0, ["E005"])
    assert "Verified" in done.out


def test_a_file_that_is_not_a_record_is_not_removed(place: Place, api: Api):
    manifest = place.write("acrsync.yaml", CREATES)
    done = place.acrsync("apply", *QUICK, "--out", "record:acrsync.yaml")
    assert (done.code, done.codes, api.requests()) == (1, ["E005"], [])
    assert manifest.read_text() == CREATES


@pytest.mark.parametrize("name", ["/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("form", ["record", "text"])
def test_a_redirected_stdout_is_written_and_never_replaced(place: Place, api: Api, name: str, form: str):
    """Not tried with /dev/stdout itself, which an error here would remove from this machine."""
    place.write("acrsync.yaml", CREATES)
    with (place.folder / "out.txt").open("w") as out:
        assert place.acrsync("apply", *QUICK, "--out", f"{form}:{name}", stdout=out).code == 0
    text = (place.folder / "out.txt").read_text()
    assert "\0" not in text
    assert text.count('"event": "end"' if form == "record" else "Plan: 3 to create") == (1 if form == "record" else 2)
    assert "Verified" in text


PLANS = [("plan",), ("plan", "--undo", "last"), ("apply", "--dry-run")]


@pytest.mark.parametrize("command", PLANS, ids=" ".join)
def test_a_plan_has_no_record(place: Place, api: Api, command):
    place.write("acrsync.yaml", CREATES)
    place.write("record.jsonl", "kept")
    done = place.acrsync(*command, *OUT)
    assert (done.code, done.codes, api.requests()) == (1, ["E002"], [])
    assert "A plan has no record" in done.err
    assert (place.folder / "record.jsonl").read_text() == "kept"


def test_each_environment_has_its_own_record(fleet: Fleet):
    shared = fleet.run("apply", "--env", "all", *QUICK, *OUT)
    assert (shared.code, "record:record-{env}.jsonl" in shared.err) == (1, True)
    fleet.apis["staging"].faults({"kind": "error_before", "method": "GET", "status": 403})
    fleet.place.write("record-staging.jsonl", '{"event": "run"}\n')
    assert fleet.run("apply", "--env", "all", *QUICK, "--out", "record:record-{env}.jsonl").code == 1
    assert not (fleet.place.folder / "record-staging.jsonl").exists(), "no run began there"
    lines = record(fleet.place, "record-prod.jsonl")
    assert (lines[0]["environment"], statuses(lines)) == ("prod", {"music": "created"})
    fleet.apis["staging"].faults()
    assert fleet.run("apply", "--env", "staging", *QUICK, "--out", "record:record-{env}.jsonl").code == 0
    assert record(fleet.place, "record-staging.jsonl")[-1]["event"] == "end"
