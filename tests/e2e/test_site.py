"""The pages that the site of the documentation is made from; `make docs`, a part of `make test`, builds it strictly."""

import runpy
from pathlib import Path

import pytest

from acrsync.diagnostics import SUMMARIES
from e2e.commandline import ROOT

BUILD = runpy.run_path(str(ROOT / "docs" / "site" / "build.py"), run_name="build")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("site")
    BUILD["assemble"](folder)
    return folder


@pytest.mark.parametrize("code", SUMMARIES)
def test_the_code_has_a_page_with_an_example_and_a_fix(source, code):
    text = (source / "codes" / f"{code}.md").read_text()
    assert text.startswith(f"# {code}: {SUMMARIES[code]}\n")
    example, fix = text.partition("## Example")[2].split("## Fix")
    assert example.strip()
    assert fix.strip()


def test_every_document_is_in_the_navigation_of_the_front_page(source):
    front = (source / "index.md").read_text()
    listed = {line.rpartition("<")[2].removesuffix(">") for line in front.splitlines() if line.endswith(">")}
    pages = {page.removesuffix(".md") for page in BUILD["PAGES"].values()} - {"index"}
    assert listed == pages | {"codes/index"}


def test_a_code_in_the_reference_leads_to_its_page(source):
    assert "| [`E302`](../codes/E302.md) |" in (source / "docs" / "reference.md").read_text()


def test_a_link_out_of_the_site_leads_into_the_repository(source):
    assert "](https://github.com/acrsync/acrsync/blob/main/Dockerfile)" in (source / "docs" / "gitops.md").read_text()


def test_a_broken_link_is_an_error():
    with pytest.raises(FileNotFoundError, match=r"missing\.md"):
        BUILD["_relinked"]("[a page](missing.md)", ROOT / "docs" / "README.md")
