"""What the documents say: every session is run, every table is compared with the code, the picture with the command."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from acrsync.diagnostics import SUMMARIES
from acrsync.model import Desired
from acrsync.plan.changes import Create
from acrsync.plan.guards import APPROVABLE, Guard
from acrsync.plan.outcome import End, ExitCode, Outcome, Status, exit_code
from acrsync.report.changes import SIGNS
from e2e import reference
from e2e.commandline import COMMAND, ROOT, Place
from e2e.console import Section, matches, play, sections
from e2e.picture import drawn, text_of

DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "examples/README.md",
)
# Sessions that need a network or a repository, or do not end: what they show is tested elsewhere.
NOT_PLAYED = {("emulator.md", "Start it"), ("gitops.md", "Ten minutes")}
SESSIONS = {
    f"{document.relative_to(ROOT)}: {section.title}": section
    for document in DOCUMENTS
    for section in sections(document)
    if section.has_a_session and (document.name, section.title) not in NOT_PLAYED
}
PICTURE = ROOT / "docs" / "img" / "plan.svg"
REFERENCE = ROOT / "docs" / "reference.md"
LAYERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]


@pytest.mark.parametrize("section", SESSIONS.values(), ids=SESSIONS)
def test_a_documented_session_prints_what_the_document_shows(bare: Place, section):
    uses_the_vendors_command = any(re.search(r"^\$ acrcloud ", text, re.MULTILINE) for _, text in section.blocks)
    if uses_the_vendors_command and not COMMAND.with_name("acrcloud").exists():
        pytest.skip("acrcloud-cli is not installed: see the dev group")
    play(section, bare)


def test_the_readme_works_step_by_step_in_a_new_folder(bare: Place):
    """One shell from the top to the bottom; only the token is another, and the account is again the emulator's."""
    steps = {section.title: section.blocks for section in sections(ROOT / "README.md")}
    account = [
        (language, re.sub(r"(?m)^(unset|read) .*", r"# \1", text)) if language == "sh" else (language, text)
        for language, text in steps["Your account"]
    ]
    assert [language for language, _ in account] == ["sh", "console"]
    moved = ("console", "".join(f"$ {line}\n" for line in account[0][1].splitlines()))
    play(Section("README", (*steps["Your first plan"], moved, *account[1:])), bare)
    assert (bare.folder / "my-buckets" / "acrsync.yaml").exists()
    assert "music-catalogue" in (bare.folder / "acrsync.yaml").read_text()


def test_dots_in_a_session_match_only_what_differs():
    assert matches("a\n...\nd\n", "a\nb\nc\nd\n")
    assert matches("a\n...\nd\n", "a\nd\n")
    assert matches("Digest: sha256:...", "Digest: sha256:0\n")
    assert not matches("a\nb", "a\n")
    assert not matches("a", "a\nb")
    assert not matches("a.c", "abc")


def test_the_picture_shows_the_current_output(bare: Place, request):
    shutil.copy(ROOT / "docs" / "img" / "acrsync.yaml", bare.folder)
    printed = bare.acrsync("plan", "--endpoint", "emulator:", "--color", "always").out
    if request.config.getoption("--update-golden"):
        PICTURE.write_text(drawn(printed, title="acrsync plan"))
    assert text_of(PICTURE.read_text()) == re.sub(r"\x1b\[[0-9;]*m", "", printed)
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", PICTURE.read_text()).replace("https://www.textualize.io", "")


def test_the_tables_of_the_reference_are_those_of_the_code(golden):
    text = REFERENCE.read_text()
    golden(REFERENCE, reference.generated(text))


def test_every_code_has_a_summary_and_every_summary_is_used():
    assert set(SUMMARIES) == reference.mentioned_codes()


def column(document: Path, section: str, place: int = 0) -> list[str]:
    """The cells of one column of the first table of a section, without their marks."""
    text = document.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [row[place].strip("| `") for row in rows[2:]]


def test_the_manual_tables_name_everything():
    codes = [str(int(code)) for code in ExitCode]
    assert sorted(column(REFERENCE, "Exit codes")) == sorted(codes)
    statuses = [name for cell in column(REFERENCE, "Applying") for name in re.findall(r"[a-z]+", cell)]
    assert sorted(statuses) == sorted(Status)
    assert column(REFERENCE, "Guards") == list(Guard)
    approvals = zip(column(REFERENCE, "Guards"), column(REFERENCE, "Guards", 3), strict=True)
    assert {guard for guard, approval in approvals if approval.startswith(f"{guard}:")} == set(APPROVABLE)
    signs = [sign for sign, _ in SIGNS.values()]
    assert column(REFERENCE, "Planning") == list(dict.fromkeys(signs))


def test_the_exit_codes_of_the_reference_are_in_order_of_precedence():
    """Each row with everything that holds for it and for the rows below it: the first one is what comes out."""
    change = Create(Desired({"name": "a"}), "")
    wrote, stale = Outcome(change, Status.FAILED, wrote=True), Outcome(change, Status.STALE)
    rows: list[dict[str, Any]] = [
        {"interrupted": True},
        {"outcomes": (wrote,)},
        {"objections": True},
        {"errors": True},
        {"outcomes": (stale,)},
        {"changes": True},
        {},
    ]
    decided = []
    for number in range(len(rows)):
        holds: dict[str, Any] = {}
        for row in reversed(rows[number:]):
            holds |= row
        decided.append(str(int(exit_code(End(**holds)))))
    by_the_store = str(int(ExitCode.HELD))  # another run holds the account: known before anything could be decided
    assert [code for code in column(REFERENCE, "Exit codes") if code != by_the_store] == decided


def test_the_architecture_names_exactly_the_existing_modules():
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = set(column(ROOT / "docs" / "architecture.md", "The layers"))
    layers = {name.removeprefix("acrsync.") for line in LAYERS for name in line.split(" | ")}
    assert {name for cell in named for name in cell.split("`, `")} == layers
    there = {
        path.stem for path in (ROOT / "acrsync").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert there - layers == {"__init__", "__main__", "emulator"}
    for path in re.findall(r"`((?:acrsync|schemas|tests)/[\w./]*)`", text):
        assert (ROOT / path).exists(), path


LINK = re.compile(r"\[[^\]]*\]\((?!https?:|#|mailto:)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_works(document: Path):
    for target in LINK.findall(document.read_text()):
        assert (document.parent / target).exists(), target


TASKS = ROOT / "docs" / "tasks.md"


@pytest.mark.parametrize("section", [s for s in sections(TASKS) if s.title != "top"], ids=lambda section: section.title)
def test_a_task_takes_as_many_commands_as_its_table_says(section):
    """Only the shown commands count; the output of preparation is dropped."""
    typed = [
        line
        for language, text in section.blocks
        if language == "console"
        for line in text.splitlines()
        if line.startswith("$ acrsync ")
        and "/dev/null" not in line
        and "emulator" not in line
        and "plan.txt" not in line
    ]
    rows = {
        row.split("](")[0].lstrip("| ["): row.split(" | ")[1] for row in TASKS.read_text().splitlines() if "](#" in row
    }
    assert rows[section.title] == str(len(typed))


def test_the_table_has_all_tasks():
    assert TASKS.read_text().count("](#") == sum(section.title != "top" for section in sections(TASKS)) == 15
