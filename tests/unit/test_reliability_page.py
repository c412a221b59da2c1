"""docs/reliability.md says what is so: each row names a test that exists, and switches and faults of the emulator."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from acrsync.emulator.faults import Kind, Rule
from acrsync.emulator.profile import Profile

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
WRONG = PAGE.partition("## What was wrong in the first version")[2].partition("\n## ")[0]
ROWS = [
    line.split(" | ")
    for line in WRONG.splitlines()
    if line.startswith("| ") and not line.startswith(("| -", "| belief"))
]
NAMED = sorted({named for *_, tests in ROWS for named in re.findall(r"`(test_\w+\.py)::(test_\w+)`", tests)})
# Of a fault, how an error repeats the token; and a copied account instead of the seeded one.
OTHER_MEANS = ("echo", "copy")
FOUND = 23  # rows: each wrong belief is one


@cache
def those_in(name: str) -> frozenset[str]:
    (path,) = (ROOT / "tests").rglob(name)
    return frozenset(re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=lambda part: part)
def test_a_test_that_the_page_names_exists(file: str, test: str) -> None:
    assert test in those_in(file)


def test_each_row_names_its_evidence_and_its_test() -> None:
    assert len(ROWS) == FOUND
    for *_, shown, tests in ROWS:
        assert "::test_" in tests
        assert shown == "none" or re.fullmatch(r"`\w+`(, `\w+`)*", shown), shown


def test_switches_and_faults_of_the_page_exist() -> None:
    known = {f.name for f in fields(Profile)} | set(get_args(Kind)) | set(OTHER_MEANS)
    assert {word for row in ROWS for word in re.findall(r"`(\w+)`", row[-2])} <= known
    assert "echo" in {f.name for f in fields(Rule)}
