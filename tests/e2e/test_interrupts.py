"""Signals, crashes and full disks in the middle of an apply, and what the next run makes of them."""

import resource
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from e2e.commandline import DEADLINE_S, Place
from e2e.terminal import at_a_terminal
from emulator.api import Api

SIGNALS = pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
CREATES = "version: 1\ndefaults: {region: eu-west-1, type: File}\nbuckets: [{name: b0}, {name: b1}, {name: b2}]\n"
REPLACE = """\
version: 1
buckets: [{name: test, region: us-west-2, type: Live}]
allow: [{guard: replace, id: 14791, reason: it moves}]
"""


def until(holds: Callable[[], object]) -> None:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < DEADLINE_S
        time.sleep(0.01)


def begun(api: Api, method: str) -> Callable[[], bool]:
    """Whether a request with this method has reached the server."""
    return lambda: any(entry["method"] == method for entry in api.requests())


def names(api: Api) -> list[str]:
    return [row["name"] for row in api.get("/buckets")["data"]]


@SIGNALS
def test_the_first_signal_lets_requests_finish_and_reports(place: Place, api: Api, signum):
    place.write("acrsync.yaml", CREATES)
    api.faults({"kind": "drip_body", "method": "POST", "seconds": 1})
    process = place.start("apply", "--yes", "--parallelism", "1", "--format", "json")
    until(begun(api, "POST"))
    process.send_signal(signum)
    done = place.ended(process)
    document = done.document
    assert (done.code, document["verified"]) == (130, False)
    assert [outcome["status"] for outcome in document["outcomes"]] == ["created", "skipped", "skipped"]
    assert "Interrupted: changes in progress will finish. Interrupt again to exit immediately.\n" in done.err
    assert [d["code"] for d in document["diagnostics"]] == ["W510"]
    (events,) = place.records()
    assert (events[-1]["event"], events[-1]["exit_code"]) == ("end", 130)
    assert names(api)[:2] == ["b0", "test"]


@SIGNALS
def test_the_second_signal_exits_immediately(place: Place, api: Api, signum):
    place.write("acrsync.yaml", CREATES)
    api.faults({"kind": "hang_before", "method": "POST", "seconds": 20})
    process = place.start("apply", "--yes", "--parallelism", "2")
    until(begun(api, "POST"))
    process.send_signal(signum)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("Interrupted:")
    at = time.monotonic()
    process.send_signal(signum)
    done = place.ended(process)
    assert (done.code, time.monotonic() - at < 10) == (130, True)


@SIGNALS
@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")])
@pytest.mark.parametrize("path", ["/api/buckets", "/api/fs-containers"])
def test_before_the_first_write_the_first_signal_exits_immediately(place: Place, api: Api, signum, path, command):
    place.write("acrsync.yaml", REPLACE)
    api.faults({"kind": "hang_before", "path": path, "seconds": 20})
    process = place.start(*command)
    until(lambda: any(entry["path"] == path for entry in api.requests()))
    at = time.monotonic()
    process.send_signal(signum)
    done = place.ended(process)
    assert (done.code, time.monotonic() - at < 10) == (130, True)
    assert (done.err.strip(), place.records()) == ("error[E001]: Interrupted\n  Nothing was written.", [])


@pytest.mark.parametrize(
    "signals",
    [
        (signal.SIGTERM, signal.SIGINT),  # one of a kind: two that come at a time are one
        (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT),  # both arrive at the same time
    ],
)
def test_two_signals_before_the_first_write_exit_immediately(place: Place, api: Api, signals):
    place.write("acrsync.yaml", REPLACE)
    api.faults({"kind": "hang_before", "path": "/api/fs-containers", "seconds": 20})
    process = place.start("apply", "--yes")
    until(lambda: any(entry["path"] == "/api/fs-containers" for entry in api.requests()))
    at = time.monotonic()
    for signum in signals:
        process.send_signal(signum)
    done = place.ended(process)
    assert (done.code, time.monotonic() - at < 10) == (130, True)
    assert place.records() == []


def test_an_interrupt_while_waiting_for_the_list_is_not_a_failed_write(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    api.reset(profile={"list_lag_seconds": 60})
    process = place.start("apply", "--yes", "--format", "json")
    until(lambda: [entry["method"] for entry in api.requests()][-2:] == ["POST", "GET"])
    process.send_signal(signal.SIGINT)
    done = place.ended(process)
    assert (done.code, [d["code"] for d in done.document["diagnostics"]]) == (130, ["W510"])
    assert {outcome["status"] for outcome in done.document["outcomes"]} == {"created"}


def test_an_interrupted_apply_can_be_resumed(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    api.faults({"kind": "drip_body", "method": "POST", "seconds": 1, "nth": 1})
    process = place.start("apply", "--yes", "--parallelism", "1")
    until(begun(api, "POST"))
    process.send_signal(signal.SIGINT)
    assert place.ended(process).code == 130
    again = place.acrsync("apply", "--yes", "--format", "json", "--settle", "5")
    assert (again.code, [outcome["name"] for outcome in again.document["outcomes"]]) == (0, ["b1", "b2"])
    assert [(event[-1]["event"], event[-1]["open"]) for event in place.records()] == [("end", 0), ("end", 0)]
    assert place.acrsync("plan").codes == []


def test_after_a_crash_the_create_is_named_waited_for_and_not_repeated(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    api.faults({"kind": "hang_after", "method": "POST", "seconds": 20}, {"kind": "lag", "reads": 1})
    process = place.start("apply", "--yes", "--parallelism", "1")
    until(begun(api, "POST"))
    process.kill()
    process.communicate()
    ((*_, last),) = place.records()
    assert (last["event"], last["verb"], last["name"]) == ("intent", "create", "b0")
    api.faults()
    begun_at = time.monotonic()
    plan = place.acrsync("plan", "--settle", "2")
    assert time.monotonic() - begun_at > 1
    assert "Waiting up to 2 s: the list may not yet show what an earlier run wrote." in plan.err
    assert plan.codes == ["H511"]
    assert "was cut off; changes: 1 without a known outcome." in plan.out
    assert "2 to create" in plan.out, "the one that was created is there"
    done = place.acrsync("apply", "--yes", "--settle", "0", "--landing", "1", "--format", "json")
    assert (done.code, done.document["verified"]) == (0, True)
    assert sorted(names(api))[:4] == ["adsfasdf", "b0", "b1", "b2"]
    assert place.acrsync("plan").codes == []


def test_a_crash_between_delete_and_create_loses_nothing_of_the_bucket(place: Place, api: Api):
    place.write("acrsync.yaml", REPLACE)
    template = '{"artist": {"default": "nobody"}}'
    api.change(14791, metadata_template=template)
    api.faults({"kind": "hang_before", "method": "POST", "seconds": 20})
    process = place.start("apply", "--yes")
    until(begun(api, "POST"))
    process.kill()
    process.communicate()
    assert "test" not in names(api)
    api.faults()
    plan = place.acrsync("plan", "--settle", "0")
    assert "  + test  # finishes an interrupted replacement\n" in plan.out
    assert 'artist: {"default": "nobody"}' in plan.out, "the plan shows what apply will do"
    assert place.acrsync("apply", "--yes", "--settle", "0", "--landing", "0").code == 0
    row = next(row for row in api.get("/buckets")["data"] if row["name"] == "test")
    assert (row["region"], row["labels"], row["metadata_template"]) == ("us-west-2", ["TV"], template)


def test_if_the_delete_of_a_replacement_did_not_happen_nothing_is_reported_as_deleted(place: Place, api: Api):
    place.write("acrsync.yaml", REPLACE)
    api.faults({"kind": "pretend", "method": "DELETE"})
    done = place.acrsync("apply", "--yes", "--settle", "0")
    assert (done.code, "E430" in done.codes, "E507" in done.codes) == (6, True, False)
    assert "The server reported the delete as done, but test (" in done.out
    assert [row["region"] for row in api.get("/buckets")["data"] if row["name"] == "test"] == ["eu-west-1"]
    api.faults()
    assert place.acrsync("apply", "--yes", "--settle", "0", "--landing", "0").code == 0
    assert [row["region"] for row in api.get("/buckets")["data"] if row["name"] == "test"] == ["us-west-2"]


def test_a_replacement_whose_create_failed_shows_the_bucket_as_an_entry_to_paste(place: Place, api: Api):
    place.write("acrsync.yaml", REPLACE)
    api.faults({"kind": "error_after", "method": "DELETE"}, {"kind": "throttle", "method": "POST", "retry_after": 400})
    done = place.acrsync("apply", "--yes", "--settle", "0")
    assert (done.code, "E507" in done.codes) == (6, True)
    assert "- name: test\n    region: us-west-2\n    type: Live\n    net_type: 1\n    labels: [TV]\n" in done.out
    api.faults()
    assert place.acrsync("apply", "--yes", "--settle", "0", "--landing", "0").code == 0
    row = next(row for row in api.get("/buckets")["data"] if row["name"] == "test")
    assert (row["region"], row["labels"]) == ("us-west-2", ["TV"])


def limited_to(size_bytes: int) -> Callable[[], None]:
    """Let every file of a process end there, as a full disk does."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


def test_if_the_record_cannot_be_created_nothing_is_sent(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    done = place.acrsync("apply", "--yes", preexec_fn=limited_to(100))
    assert (done.code, done.codes) == (1, ["E061"])
    assert not begun(api, "POST")()


def test_if_the_record_cannot_be_written_nothing_more_is_sent(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    whole = place.acrsync("apply", "--dry-run", "--format", "json")
    place.acrsync("apply", "--yes", "--parallelism", "1", "--runs", "probe")
    (probe,) = (place.folder / "probe").glob("*.jsonl")
    first_end = len(b"".join(probe.read_bytes().splitlines(keepends=True)[:3]))
    api.reset()
    assert whole.document["summary"]["create"] == 3
    done = place.acrsync(
        "apply",
        "--yes",
        "--parallelism",
        "1",
        "--settle",
        "0",
        "--format",
        "json",
        preexec_fn=limited_to(first_end + 50),
    )
    assert (done.code, [o["status"] for o in done.document["outcomes"]]) == (6, ["created", "failed", "failed"])
    assert [entry["method"] for entry in api.requests()].count("POST") == 1
    assert {o["diagnostic"]["code"] for o in done.document["outcomes"] if o["diagnostic"]} == {"E061"}


def test_if_only_the_end_of_the_record_is_missing_the_result_stays_the_same(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    place.acrsync("apply", "--yes", "--parallelism", "1", "--runs", "probe")
    (probe,) = (place.folder / "probe").glob("*.jsonl")
    all_but_the_end = len(b"".join(probe.read_bytes().splitlines(keepends=True)[:-1]))
    api.reset()
    done = place.acrsync(
        "apply", "--yes", "--parallelism", "1", "--format", "json", preexec_fn=limited_to(all_but_the_end + 50)
    )
    assert (done.code, done.document["verified"]) == (0, True)
    assert [d["code"] for d in done.document["diagnostics"]] == ["W512"]


def test_the_emulator_command_ends_silently_on_both_signals(bare: Place):
    for signum in (signal.SIGINT, signal.SIGTERM):
        process: subprocess.Popen[str] = bare.start("emulator")
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export ACRSYNC_ENDPOINT=http://127.0.0.1:")
        process.send_signal(signum)
        done = bare.ended(process)
        assert (done.code, done.err) == (0, "Stopped.\n")


def test_the_second_signal_leaves_a_terminal_as_it_was(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    api.faults({"kind": "hang_before", "method": "POST", "seconds": 20})
    with at_a_terminal(place, "apply", "--yes") as terminal:
        terminal.wait_for("Applying")
        until(begun(api, "POST"))
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for(
            "\r\x1b[2KInterrupted: changes in progress will finish. Interrupt again to exit immediately.\r\n"
        )
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ended().code == 130
    assert terminal.seen.endswith("\r\x1b[2K"), "the line of the progress is gone"
    assert "\x1b[?25l" not in terminal.seen, "the cursor was never hidden"


def test_an_unfinished_run_of_another_account_is_left_alone(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    api.faults({"kind": "throttle", "method": "POST", "retry_after": 400})
    assert place.acrsync("apply", "--yes", "--settle", "0").code == 1
    theirs = {"id": 9, "uid": 20, "name": "theirs", "type": "File"}
    api.control("POST", "reset", {"rows": [theirs], "accounts": [{"token": "their-token", "uid": 20}]})
    done = place.acrsync("apply", "--yes", "--settle", "0", environment={"ACRSYNC_TOKEN": "their-token"})
    assert (done.code, done.codes) == (0, [])
    assert [events[-1]["event"] for events in place.records()] == ["end", "end"], "its record is not closed by ours"


def test_a_record_that_cannot_be_read_stops_an_apply(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    place.write(".acrsync/runs/damaged.jsonl", '{"event": "run"}\n')
    done = place.acrsync("apply", "--yes")
    assert (done.code, done.codes) == (1, ["E062"])
    assert not begun(api, "POST")()
