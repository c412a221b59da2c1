"""The table of exit codes, one way to each, and the order in which they are decided."""

import signal

import pytest

from e2e.commandline import Place
from emulator.api import Api

MANIFEST = "version: 1\nbuckets:\n  - {name: test, region: eu-west-1, type: Live, labels: [TV, News]}\n"
IN_SYNC = MANIFEST.replace(", News", "")
REPLACED = MANIFEST.replace("eu-west-1", "us-west-2")


def test_0_success(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    assert place.acrsync("plan").code == 0
    assert place.acrsync("apply", "--yes").code == 0
    assert place.acrsync("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("manifest", "arguments", "code"),
    [
        (MANIFEST, ("plan", "--frobnicate"), "E002"),
        ("version: 2\n", ("plan",), "E132"),
        (MANIFEST, ("apply",), "E007"),
        (MANIFEST + "  - {name: news, region: global, type: File}\n", ("apply", "--yes"), "E209"),
        (MANIFEST, ("apply", "--yes", "--out", "missing/plan.json"), "E005"),
        (MANIFEST, ("apply", "--yes", "--runs", "acrsync.yaml"), "E061"),
        (MANIFEST, ("plan", "--endpoint", "http://example.org"), "E401"),
    ],
    ids=["usage", "manifest", "no terminal", "planning", "a file", "the record", "the endpoint"],
)
def test_1_failed_and_nothing_was_written(place: Place, api: Api, manifest, arguments, code):
    place.write("acrsync.yaml", manifest)
    done = place.acrsync(*arguments)
    assert (done.code, done.codes) == (1, [code])
    assert {entry["method"] for entry in api.requests()} <= {"GET"}


def test_2_changes_with_detailed_exit_code(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    assert place.acrsync("plan", "--detailed-exitcode").code == 2
    assert place.acrsync("apply", "--dry-run", "--detailed-exitcode", "--format", "json").document["exit_code"] == 2


def test_3_a_guard_objects(place: Place, api: Api):
    place.write("acrsync.yaml", REPLACED)
    assert place.acrsync("plan", "--detailed-exitcode").code == 3
    assert place.acrsync("apply", "--yes").code == 3
    place.write("acrsync.yaml", REPLACED + "  - {name: news, region: global, type: File}\n")
    assert place.acrsync("plan").code == 3, "an objection comes before an error"
    assert {entry["method"] for entry in api.requests()} == {"GET"}


def test_4_only_stale_changes_remain(place: Place, api: Api):
    place.write("acrsync.yaml", MANIFEST + "  - {name: music, region: eu-west-1, type: File}\n")
    assert place.acrsync("plan", "--out", "plan.json").code == 0
    api.change(14791, labels=["Somebody else's"])
    done = place.acrsync("apply", "--plan", "plan.json", "--yes", "--settle", "0", "--format", "json")
    assert done.code == 4
    assert [outcome["status"] for outcome in done.document["outcomes"]] == ["created", "stale"]
    assert done.document["outcomes"][1]["diagnostic"]["code"] == "E506"


def test_6_something_was_written_and_does_not_read_back_as_wanted(place: Place, api: Api):
    place.write("acrsync.yaml", MANIFEST.replace("TV, News", ""))
    api.control("PUT", "profile", {"labels_emptied": "ignored"})
    done = place.acrsync("apply", "--yes", "--settle", "0", "--format", "json")
    assert done.code == 6
    assert [outcome["diagnostic"]["code"] for outcome in done.document["outcomes"]] == ["E505"]
    assert done.document["verified"] is False


def test_6_one_change_failed_beside_one_that_was_written(place: Place, api: Api):
    place.write("acrsync.yaml", MANIFEST + "  - {name: a-longer-name, region: eu-west-1, type: File}\n")
    api.control("PUT", "profile", {"name_max_length": 10})
    done = place.acrsync("apply", "--yes", "--settle", "0", "--format", "json")
    assert (done.code, [o["status"] for o in done.document["outcomes"]]) == (6, ["failed", "updated"])


def test_1_if_the_only_change_failed_and_nothing_was_written(place: Place, api: Api):
    place.write("acrsync.yaml", MANIFEST)
    api.faults({"kind": "throttle", "method": "PUT", "retry_after": 400})
    done = place.acrsync("apply", "--yes", "--settle", "0", "--format", "json")
    assert (done.code, [o["status"] for o in done.document["outcomes"]]) == (1, ["failed"])


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_130_interrupted_before_anything_was_written(place: Place, api: Api, signum):
    place.write("acrsync.yaml", IN_SYNC)
    api.faults({"kind": "hang_before", "seconds": 20})
    process = place.start("plan", "--format", "json")
    while not api.requests():
        assert process.poll() is None
    process.send_signal(signum)
    done = place.ended(process)
    assert (done.code, [d["code"] for d in done.document["diagnostics"]]) == (130, ["E001"])
