"""Every kind of mistake, as people see it: golden files, and the same with every parser."""

import re
from pathlib import Path

import pytest
import yaml

from acrsync.diagnostics import SUMMARIES, Diagnostic
from acrsync.manifest import Source
from acrsync.manifest.tree import FASTEST, read

GOLDEN = Path(__file__).parent.parent / "golden" / "manifest"
CASES = sorted(path for path in GOLDEN.iterdir() if path.suffix != ".txt")
# Messages about paths and bytes: test_manifest_loading.py; messages of the parsers: test_manifest_tree.py.
ELSEWHERE = {"E100", "E101", "E102", "E104", "E105", "E106", "E160"}


def shown(diagnostic: Diagnostic) -> str:
    head = f"{diagnostic.span}: {diagnostic.severity}[{diagnostic.code}]: {diagnostic.summary}"
    return f"{head}\n  {diagnostic.detail}\n  fix: {diagnostic.fix}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_mistakes_are_reported_with_position_and_fix(case, golden):
    files = sorted(case.glob("*.yaml")) if case.is_dir() else [case]
    loaded = Source({path.name: path.read_bytes() for path in files}).all()
    assert all(one.manifest is None for one in loaded.environments.values())
    text = "".join(shown(diagnostic) for diagnostic in loaded.diagnostics)
    # What a syntax error says and where differs between the parsers.
    text = re.sub(r":\d+: (error\[E110\]: .*)\n.*\n.*\n", r": \1\n", text)
    golden(case.with_suffix(".txt"), text)


def test_every_kind_of_mistake_has_a_case():
    codes = {code for path in GOLDEN.glob("*.txt") for code in re.findall(r"\[([EW]\d+)\]", path.read_text("utf-8"))}
    assert codes | ELSEWHERE == {code for code in SUMMARIES if code[1] == "1"}


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.yaml")), ids=lambda path: path.stem)
def test_both_parsers_report_the_same_problems(path):
    text = path.read_text("utf-8")
    with_libyaml, without = read(text, "f", loader=FASTEST), read(text, "f", loader=yaml.BaseLoader)
    assert with_libyaml.data == without.data
    assert [(problem.code, problem.span) for problem in with_libyaml.problems if problem.code != "E110"] == [
        (problem.code, problem.span) for problem in without.problems if problem.code != "E110"
    ]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_no_message_contains_the_raw_text_of_a_library(path):
    text = path.read_text("utf-8")
    for raw in (
        "is not of type",
        "is not one of",
        "was unexpected",
        "is a required property",
        "does not match",
        "Traceback",
    ):
        assert raw not in text
