"""`acrsync explain`: every code has an explanation, and every example provokes what it explains."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from acrsync.diagnostics import SUMMARIES
from acrsync.explanations import explanations
from e2e.commandline import DEADLINE_S, Place
from examples import sampled

EXPLAINED = explanations()
PROVOKED = [code for code, explanation in EXPLAINED.items() if explanation.manifest or explanation.command]


def test_every_code_is_explained():
    assert set(EXPLAINED) == set(SUMMARIES)


@pytest.mark.parametrize("code", EXPLAINED)
def test_an_explanation_has_one_kind_of_example_and_a_fix(code):
    explanation = EXPLAINED[code]
    assert bool(explanation.when) != bool(explanation.manifest or explanation.command)
    assert explanation.means.endswith(".")
    assert explanation.fix


@pytest.mark.parametrize("code", sampled(PROVOKED, every=3))
def test_the_example_provokes_the_message(bare: Place, code):
    explanation = EXPLAINED[code]
    if explanation.manifest:
        (bare.folder / "acrsync.yaml").write_bytes(explanation.manifest.removeprefix("\n").encode())
    done = subprocess.run(
        ["/bin/sh", "-c", explanation.command or "acrsync plan"],
        cwd=bare.folder, env=bare.environment | {"ACRSYNC_ENDPOINT": "emulator:"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert f"[{code}]" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_it_prints_meaning_example_and_fix(bare: Place):
    done = bare.acrsync("explain", "e302")
    assert (done.code, done.err) == (0, "")
    explanation = EXPLAINED["E302"]
    assert done.out.startswith("E302: Replacement needs approval\n")
    assert explanation.means in done.out
    assert "    version: 1\n" in done.out
    assert "    $ acrsync plan\n" in done.out
    assert f"  fix: {explanation.fix}\n" in done.out


def test_without_a_code_it_lists_all(bare: Place):
    out = bare.acrsync("explain").out
    assert re.findall(r"^([EWH]\d{3}) ", out, re.MULTILINE) == list(EXPLAINED)


def test_an_unknown_code_names_a_near_one(bare: Place):
    done = bare.acrsync("explain", "E3022")
    assert (done.code, done.codes) == (1, ["E022"])
    assert "run `acrsync explain E302`" in done.err


def test_json_is_one_document(bare: Place):
    shown = json.loads(bare.acrsync("explain", "E302", "W310", "--format", "json").out)
    assert [entry["code"] for entry in shown] == ["E302", "W310"]
