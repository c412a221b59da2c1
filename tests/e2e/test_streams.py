"""Where output goes: stdout the answer, stderr everything else, and neither can break a run by being gone or full."""

import re
import subprocess
from pathlib import Path

import pytest

from e2e.commandline import DEADLINE_S, Place
from emulator.api import Api

MANIFEST = "version: 1\nbuckets:\n  - {name: test, region: eu-west-1, type: Live, labels: [TV, News]}\n"
needs_a_full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def ready(place: Place) -> Place:
    place.write("acrsync.yaml", MANIFEST)
    return place


def shell(place: Place, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {line}"],
        cwd=place.folder, env=place.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=DEADLINE_S, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "command", ["plan", "plan --format json", "export", "validate", "schema", "--help"], ids=lambda line: line
)
def test_a_closed_pipe_is_not_a_failure(ready: Place, command):
    done = shell(ready, f"acrsync {command} | head -c 1 | wc -c")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "1", "")


@pytest.mark.parametrize("command", ["", "--help", "apply --help", "runs close --help"], ids=str)
def test_a_reader_of_help_that_is_gone_before_it_comes_is_no_failure(ready: Place, command):
    done = shell(ready, f"(sleep 0.3; acrsync {command}) | true")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("closed", ["| true", ">&-", ">&- 2>&-", ">&- 2>&- <&-", "2>&-"])
def test_a_closed_output_stops_no_apply_and_changes_no_code(ready: Place, api: Api, closed):
    done = shell(ready, f"acrsync apply --yes {closed}")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0
    assert api.get("/buckets/14791")["data"]["labels"] == ["News", "TV"]
    assert ready.records()[0][-1]["exit_code"] == 0


@needs_a_full_disk
@pytest.mark.parametrize(
    "command",
    [
        *("plan", "plan --format json", "export", "schema"),
        *("", "--help", "apply --help", "runs --help", "runs show --help"),
    ],
    ids=lambda line: line or "no command",
)
def test_output_that_does_not_fit_on_the_disk_is_a_failure(ready: Place, command):
    done = shell(ready, f"acrsync {command} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("error[E004]: Cannot write the output\n  No space left on device.\n  fix: ")
    assert done.stderr.count("error[") == 1


@needs_a_full_disk
def test_a_full_disk_before_anything_is_written_stops_an_apply(ready: Place, api: Api):
    done = shell(ready, "acrsync apply --yes > /dev/full")
    assert (done.returncode, done.stderr.count("E004")) == (1, 1)
    assert {entry["method"] for entry in api.requests()} == {"GET"}


@needs_a_full_disk
def test_a_full_disk_at_the_end_changes_no_code_of_an_apply(ready: Place, api: Api):
    done = shell(ready, "acrsync apply --yes --format json > /dev/full")
    assert (done.returncode, done.stderr.count("E004")) == (0, 1)
    assert api.get("/buckets/14791")["data"]["labels"] == ["News", "TV"]


@needs_a_full_disk
def test_out_to_a_device_writes_to_it_and_leaves_it_a_device(ready: Place):
    done = shell(ready, "acrsync plan --out /dev/stderr --out /dev/null")
    assert done.returncode == 0
    assert '"format_version": "1.0"' in done.stderr
    assert Path("/dev/null").is_char_device()
    full = shell(ready, "acrsync plan --out /dev/full")
    assert (full.returncode, full.stdout) == (1, "")
    assert "error[E005]: Cannot write a file\n  /dev/full: No space left on device." in full.stderr
    assert "fix: free some space," in full.stderr
    assert Path("/dev/full").is_char_device()


def test_a_file_is_written_completely_or_not_at_all(ready: Place):
    ready.write("plan.json", "old")
    done = ready.acrsync("plan", "--out", "plan.json", "--out", "missing/plan.json")
    assert done.codes == ["E005"]
    assert (ready.folder / "plan.json").read_text().startswith("{")
    assert sorted(path.name for path in ready.folder.iterdir()) == ["acrsync.yaml", "plan.json"]


def test_several_outputs_of_several_formats(ready: Place):
    done = ready.acrsync("plan", "--out", "plan.json", "--out", "json:again.json", "--out", "text:./plan.txt")
    assert (ready.folder / "plan.txt").read_text() == done.out
    assert (ready.folder / "plan.json").read_text() == (ready.folder / "again.json").read_text()


def test_an_unknown_format_is_not_treated_as_a_file(ready: Place):
    done = ready.acrsync("plan", "--out", "jsno:plan.json")
    assert (done.code, done.codes) == (1, ["E002"])
    assert "jsno is not one of the formats" in done.err
    assert ready.acrsync("plan", "--out", "./jsno:plan.json").code == 0


def test_off_a_terminal_there_is_no_colour_unless_it_is_asked_for(ready: Place):
    plain = ready.acrsync("plan")
    assert "\x1b" not in plain.out + plain.err
    coloured = ready.acrsync("plan", "--color", "always")
    assert coloured.out != plain.out
    assert ANSI.sub("", coloured.out) == plain.out
    assert ready.acrsync("plan", "--color", "always", environment={"NO_COLOR": "1"}).out == coloured.out
    assert "\x1b" in ready.acrsync("plan", "missing.yaml", "--color=always").err


def test_off_a_terminal_lines_are_not_wrapped_and_markup_is_text(place: Place):
    name = "a [red]name[/red] :smile: " + "x" * 150
    place.write("acrsync.yaml", f'version: 1\nbuckets:\n  - {{name: "{name}", region: eu-west-1, type: File}}\n')
    done = place.acrsync("apply", "--yes")
    assert f'  + "{name}"  # not in the account\n' in done.out
    assert f'[1/1] created   + "{name}" (id 14792)\n' in done.err
