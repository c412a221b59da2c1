"""The walk-through of two teams with one account comes out as it is printed."""

from __future__ import annotations

import shutil

import pytest

from acrsync import manifest as manifests
from e2e.commandline import ROOT, Place
from e2e.console import play, sections

FOLDER = ROOT / "examples" / "two-teams"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_the_walkthrough_prints_what_the_document_shows(bare: Place) -> None:
    for path in FILES:
        shutil.copy(path, bare.folder)
    (story,) = [section for section in sections(FOLDER / "README.md") if section.has_a_session]
    play(story, bare)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_manifest_of_the_walkthrough_is_valid_and_states_its_purpose(path) -> None:
    assert manifests.load([path]).diagnostics == ()
    assert path.read_text().startswith("# Team ")
    assert f"`{path.name}`" in (FOLDER / "README.md").read_text()
