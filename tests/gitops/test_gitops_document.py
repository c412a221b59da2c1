"""docs/gitops.md: every session is played, every file in it is the example or is judged by its own tool."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.commandline import ROOT, Place
from e2e.console import play, sections
from gitops.tools import run, tool

DOCUMENT = ROOT / "docs" / "gitops.md"
TEXT = DOCUMENT.read_text()
BLOCKS = {section.title: section.blocks for section in sections(DOCUMENT)}
FILES = {
    "examples/ci/github/acrsync.yml": "Ten minutes",
    "examples/ci/gitlab/.gitlab-ci.yml": "GitLab",
}


def git(*arguments: str, folder: Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def clone(bare: Place) -> Place:
    """An empty repository, cloned, with a user who can commit."""
    hub = bare.folder.with_name("hub.git")
    git("init", "--bare", "--quiet", "--initial-branch=main", str(hub), folder=bare.home)
    git("init", "--quiet", "--initial-branch=main", folder=bare.folder)
    git("remote", "add", "origin", str(hub), folder=bare.folder)
    for role in ("AUTHOR", "COMMITTER"):
        bare.environment |= {f"GIT_{role}_NAME": "Radio", f"GIT_{role}_EMAIL": "radio@example.com"}
    return bare


def test_the_ten_minute_session_prints_what_the_document_shows(clone: Place):
    [section] = [section for section in sections(DOCUMENT) if section.title == "Ten minutes"]
    play(section, clone)
    hub = clone.folder.with_name("hub.git")
    pushed = git("ls-tree", "-r", "--name-only", "jingles", folder=hub).splitlines()
    assert sorted(pushed) == [
        ".github/workflows/acrsync.yml",
        ".pre-commit-config.yaml",
        "acrsync.schema.json",
        "acrsync.yaml",
    ]
    assert "jingles" in git("show", "jingles:acrsync.yaml", folder=hub)
    assert "jingles" not in git("show", "main:acrsync.yaml", folder=hub)


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_those_of_the_examples(name: str):
    assert ("yaml", (ROOT / name).read_text()) in BLOCKS[FILES[name]]


def test_every_code_block_of_the_document_is_checked():
    found = [(language, text.splitlines()[0]) for blocks in BLOCKS.values() for language, text in blocks]
    files = [first for language, first in found if language == "yaml"]
    assert len(files) == len(FILES) + 1
    assert {language for language, _ in found} == {"console", "yaml", "sh"}


def test_pre_commit_accepts_its_configuration(tmp_path: Path):
    [text] = [text for _, text in BLOCKS["Ten minutes"] if text.startswith("# .pre-commit-config.yaml")]
    (tmp_path / ".pre-commit-config.yaml").write_text(text)
    done = run([tool("pre-commit"), "validate-config", ".pre-commit-config.yaml"], tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"id: {re.findall('^- id: (.*)$', (ROOT / '.pre-commit-hooks.yaml').read_text(), re.MULTILINE)[0]}" in text


def test_the_commands_for_policies_run_with_the_example_rules(place: Place):
    pytest.importorskip("regopy", reason="regopy is not installed: see the dev group")
    [(_, script)] = BLOCKS["Rules for plans"]
    place.write("acrsync.yaml", "version: 1\nbuckets: [{name: music, region: eu-west-1, type: File}]\n")
    for path in (*(ROOT / "examples" / "policy").glob("*.rego"), ROOT / "examples" / "policy" / "check.py"):
        place.write(path.name, path.read_text())
    place.environment["PATH"] = f"{Path(sys.executable).parent}:{place.environment['PATH']}"
    offline = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    done = run(["bash", "-c", script], place.folder, place.environment | offline)
    last = done.stdout.splitlines()[-1]
    assert last == "denied: acrcloud_bucket.music has no label that begins with owner:", done.stdout


def test_the_pictures_show_the_same_plan_as_the_tests():
    assert set(re.findall(r"img/([\w-]+\.png)", TEXT)) <= {path.name for path in (ROOT / "docs" / "img").glob("*.png")}
