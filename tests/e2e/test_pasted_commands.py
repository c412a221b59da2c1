"""A command in a fix line, pasted into a shell, ends the error that printed it."""

from __future__ import annotations

import re
import subprocess

import pytest

from e2e.commandline import DEADLINE_S, Place

MANIFEST = "version: 1\nbuckets:\n- {name: music, region: eu-west-1, type: File}\n"
LINE = re.compile(r"^.*?(acrsync [^`\n]+)`?$", re.MULTILINE)
CASES = [
    ("E100", ["plan"], {}),
    ("E100", ["plan", "my buckets.yaml"], {}),
    ("E101", ["plan", "my folder"], {"my folder/README.md": ""}),
    ("E103", ["plan"], {"acrsync.yaml": ""}),
    ("E023", ["show", "new.json"], {"acrsync.yaml": MANIFEST}),
    ("E050", ["apply", "--yes", "--plan", "plan.json"], {"acrsync.yaml": MANIFEST, "plan.json": "{"}),
    ("E051", ["apply", "--yes", "--plan", "plan.json"], {"acrsync.yaml": MANIFEST, "plan.json": "{}"}),
    ("E055", ["apply", "--yes", "--plan", "my plan.json"], {"acrsync.yaml": MANIFEST}),
]


def lines(err: str) -> list[str]:
    return LINE.findall(err[err.index("fix: ") :])


def pasted(place: Place, line: str) -> int:
    return subprocess.run(
        ["/bin/sh", "-c", line], cwd=place.folder, env=place.environment, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=DEADLINE_S, check=False,
    ).returncode  # fmt: skip


@pytest.mark.parametrize(("code", "command", "files"), CASES, ids=[f"{case[0]} {case[1]}" for case in CASES])
def test_the_pasted_command_resolves_the_error(place: Place, code, command, files):
    for name, text in files.items():
        place.write(name, text)
    before = place.acrsync(*command)
    assert code in before.codes
    (line,) = lines(before.err)
    assert pasted(place, line) == 0, line
    after = place.acrsync(*command)
    assert not [found for found in after.codes if found.startswith("E")], after.err


def test_a_saved_plan_that_is_given_as_manifest_is_applied_and_shown(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    assert place.acrsync("plan", "--out", "my plan.json").code == 0
    before = place.acrsync("plan", "my plan.json")
    assert before.codes == ["E059"]
    apply, show = lines(before.err)
    assert pasted(place, show) == 0
    assert pasted(place, f"{apply} --yes") == 0
