"""What people see on a screen of their own: its width, its colours, and what variables ask for."""

from __future__ import annotations

import json
import re

import pytest

from acrsync.report.wrapping import columns
from e2e.commandline import ROOT, Place
from e2e.picture import drawn, text_of
from e2e.terminal import at_a_terminal

MANIFEST = """\
version: 1
buckets:
  - {name: test, region: us-west-2, type: Live, labels: [TV, News, Sport, Weather, Traffic, Music, Talk, Drama]}
  - {name: offline-bucket, type: File, region: ap-southeast-1}
removed: [{name: us_bucket}]
"""
SGR = re.compile(r"\x1b\[[0-9;]*m")


def on_screen(place: Place, *arguments: str, width: int, **environment: str) -> str:
    place.environment |= environment
    with at_a_terminal(place, *arguments, columns=width) as terminal:
        terminal.ended()
    return terminal.seen.replace("\r\n", "\n").rpartition("\x1b[G\x1b[2K")[2]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_plan_fits_the_screen_with_the_same_content_as_in_a_pipe(place: Place, width: int):
    place.write("acrsync.yaml", MANIFEST)
    shown = on_screen(place, "plan", width=width)
    assert SGR.search(shown)
    bare = SGR.sub("", shown)
    assert bare.split() == place.acrsync("plan").out.split()
    for line in bare.splitlines():
        assert columns(line) <= width or len(line.split()) == 1, line


@pytest.mark.parametrize("command", ["list", "show test", "explain E302", "validate"])
def test_other_output_also_fits_a_narrow_screen(place: Place, command: str):
    place.write("acrsync.yaml", MANIFEST + "unknown: key\n" if command == "validate" else MANIFEST)
    for line in SGR.sub("", on_screen(place, *command.split(), width=60)).splitlines():
        assert columns(line) <= 60 or len(line.split()) == 1, line


PICTURE = ROOT / "docs" / "img" / "narrow.svg"


def test_the_picture_of_a_narrow_light_screen_shows_the_current_output(bare: Place, request):
    bare.write("acrsync.yaml", (ROOT / "docs" / "img" / "acrsync.yaml").read_text())
    shown = on_screen(bare, "plan", "--endpoint", "emulator:", width=60)
    if request.config.getoption("--update-golden"):
        PICTURE.write_text(drawn(shown, title="60 columns", width=60, light=True))
    digest_is_wider = SGR.sub("", shown).partition("Digest:")[0]
    assert text_of(PICTURE.read_text()).partition("Digest:")[0] == digest_is_wider


COLOURS = [
    ({}, (), False, "a pipe"),
    ({"FORCE_COLOR": "1"}, (), True, "asked for"),
    ({"FORCE_COLOR": "0"}, (), False, "asked not to"),
    ({"FORCE_COLOR": ""}, (), False, "set, but empty"),
    ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, (), False, "no comes first"),
    ({"FORCE_COLOR": "1"}, ("--color", "never"), False, "a flag comes before all variables"),
    ({"ACRSYNC_COLOR": "always"}, (), True, "the variable of the flag"),
]


@pytest.mark.parametrize(
    ("environment", "arguments", "coloured", "reason"), COLOURS, ids=[case[-1] for case in COLOURS]
)
def test_color_follows_options_variables_and_terminal(place: Place, environment, arguments, coloured, reason):
    place.write("acrsync.yaml", MANIFEST)
    done = place.acrsync("plan", *arguments, environment=environment)
    assert bool(SGR.search(done.out)) is coloured, reason
    wrong = place.acrsync("plan", "--wrong", *arguments, environment=environment)
    assert bool(SGR.search(wrong.err)) is coloured, reason


def test_variables_set_options_of_every_command(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    environment = {
        "ACRSYNC_FORMAT": "json",
        "ACRSYNC_OUT": "markdown:plan.md plan.json",
        "ACRSYNC_DETAILED_EXITCODE": "1",
    }
    done = place.acrsync("plan", environment=environment)
    assert json.loads(done.out)["exit_code"] == done.code == 3
    assert {path.name for path in place.folder.glob("plan.*")} == {"plan.md", "plan.json"}
    assert json.loads(place.acrsync("list", environment=environment).out)["buckets"]
    failed = place.acrsync("plan", "--wrong", environment=environment)
    assert json.loads(failed.out)["diagnostics"][0]["code"] == "E002", (
        "a failure, too, is in the format that was asked for"
    )
    assert place.acrsync("plan", environment={"ACRSYNC_FORMAT": "", "ACRSYNC_SETTLE": ""}).out.startswith("Account 19")


def test_a_flag_takes_precedence_over_its_variable(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    assert place.acrsync("plan", "--format", "text", environment={"ACRSYNC_FORMAT": "json"}).out.startswith(
        "Account 19"
    )
