"""The question of `apply`, asked on a real terminal."""

import re
import sys
import time

import pytest

from e2e.commandline import Place
from e2e.terminal import at_a_terminal
from emulator.api import Api

MANIFEST = "version: 1\nbuckets:\n  - {name: test, region: eu-west-1, type: Live, labels: [TV, News]}\n"
ASKED = "Type `yes` to apply; anything else cancels: "
# The command with another patience: its 30 s are too long for a test.
IMPATIENT = [sys.executable, "-c", "from acrsync.cli import apply, main; apply.ANSWER_S = 0.3; main()"]


@pytest.fixture
def ready(place: Place) -> Place:
    place.write("acrsync.yaml", MANIFEST)
    return place


def methods(api: Api) -> set[str]:
    return {entry["method"] for entry in api.requests()}


def test_yes_applies(ready: Place, api: Api):
    with at_a_terminal(ready, "apply") as terminal:
        terminal.wait_for(ASKED)
        assert f"Apply 1 change to account 19 at {api.url}?" in terminal.seen
        assert methods(api) == {"GET"}
        terminal.type("yes\n")
        done = terminal.ended()
    assert (done.code, "Applied: 1 updated." in done.out) == (0, True)
    assert "updated   ~ test (id 14791)" in done.err


@pytest.mark.parametrize(
    "answer", ["no\n", "y\n", "Yes\n", " yes\n", "\n", "yes please\n", "\x04", "\udcff\n"], ids=ascii
)
def test_any_other_answer_cancels(ready: Place, api: Api, answer):
    with at_a_terminal(ready, "apply") as terminal:
        terminal.wait_for(ASKED)
        terminal.type(answer)
        done = terminal.ended()
    assert (done.code, done.codes) == (1, ["E008"])
    assert methods(api) == {"GET"}
    assert not (ready.folder / ".acrsync").exists()


def test_ctrl_c_at_the_question_is_an_interrupt(ready: Place, api: Api):
    with at_a_terminal(ready, "apply") as terminal:
        terminal.wait_for(ASKED)
        terminal.process.send_signal(2)
        done = terminal.ended()
    assert (done.code, done.codes, methods(api)) == (130, ["E001"], {"GET"})


def test_with_json_the_plan_that_is_asked_about_is_shown_on_the_terminal(ready: Place):
    with at_a_terminal(ready, "apply", "--format", "json") as terminal:
        terminal.wait_for(ASKED)
        assert "~ test (id 14791)" in terminal.seen
        terminal.type("yes\n")
        done = terminal.ended()
    assert done.document["verified"] is True


def test_without_changes_there_is_no_question(place: Place):
    place.write("acrsync.yaml", MANIFEST.replace(", News", ""))
    with at_a_terminal(place, "apply") as terminal:
        done = terminal.ended()
    assert (done.code, done.err) == (0, "")


def test_after_a_slow_answer_the_account_is_listed_again(ready: Place, api: Api):
    with at_a_terminal(ready, "apply", command=IMPATIENT) as terminal:
        terminal.wait_for(ASKED)
        before = len(api.requests())
        time.sleep(0.4)
        terminal.type("yes\n")
        done = terminal.ended()
    assert done.code == 0
    assert next(entry["path"] for entry in api.requests()[before:]) == "/api/buckets", "listed before the first write"


def test_after_a_slow_answer_nothing_is_written_if_the_account_changed(ready: Place, api: Api):
    with at_a_terminal(ready, "apply", "--format", "json", command=IMPATIENT) as terminal:
        terminal.wait_for(ASKED)
        api.change(14791, labels=["TV", "Else"])
        time.sleep(0.4)
        terminal.type("yes\n")
        done = terminal.ended()
    assert (done.code, [d["code"] for d in done.document["diagnostics"]]) == (4, ["E009"])
    assert [entry["method"] for entry in api.requests()].count("PUT") == 1, "only ours"
    assert api.get("/buckets/14791")["data"]["labels"] == ["TV", "Else"]


def test_without_a_terminal_yes_is_required(ready: Place, api: Api):
    for arguments in (("apply",), ("apply", "--format", "json")):
        done = ready.acrsync(*arguments)
        assert done.code == 1
        assert "--yes" in done.out + done.err
    assert api.requests() == []


def test_a_terminal_gets_colour_and_a_bar_that_does_not_stay(ready: Place, api: Api):
    api.faults({"kind": "hang_before", "method": "PUT", "seconds": 1, "nth": 1, "count": 1})
    with at_a_terminal(ready, "apply") as terminal:
        terminal.wait_for(ASKED)
        terminal.type("yes\n")
        terminal.wait_for("] 0/1, 0:00")
        done = terminal.ended()
    assert "\x1b[38;5;64mupdated" in terminal.seen
    assert "\x1b[2K\x1b[38;5;64mupdated" in terminal.seen, "the outcome replaces the bar"
    assert "updated   ~ test (id 14791)\n" in done.err


def test_a_terminal_shows_the_progress_of_a_long_read(ready: Place, api: Api):
    api.faults({"kind": "hang_before", "method": "GET", "seconds": 2, "nth": 1, "count": 1})
    with at_a_terminal(ready, "plan") as terminal:
        terminal.wait_for("Reading the account: ")
        done = terminal.ended()
    assert done.code == 0
    assert terminal.seen.endswith("\x1b[G\x1b[2K"), "nothing of it stays"


def test_the_question_counts_what_is_deleted_and_replaced(place: Place):
    place.write(
        "acrsync.yaml",
        "version: 1\nlimits: {deletes: 9}\nbuckets: [{name: test, region: us-west-2, type: Live}]\n"
        "removed: [{name: adsfasdf}, {name: eu_shared_bucket}]\n"
        "allow: [{guard: replace, id: 14791, reason: OPS-1}]\n",
    )
    with at_a_terminal(place, "apply") as terminal:
        terminal.wait_for("Apply 3 changes, 2 deletes and 1 replacement among them, to account 19 at ")
        terminal.type("no\n")
        assert terminal.ended().code == 1


def test_without_colour_a_terminal_gets_none(ready: Place):
    with at_a_terminal(ready, "apply", "--color", "never") as terminal:
        terminal.wait_for(ASKED)
        terminal.type("yes\n")
        terminal.ended()
    assert "updated" in terminal.seen
    assert not re.search(r"\x1b\[[0-9;]*m", terminal.seen)
