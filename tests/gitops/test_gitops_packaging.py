"""What an index and a packager get: the README as it is shown there, the wheel's metadata, the source archive."""

from __future__ import annotations

import re
import tarfile
import tomllib
import venv
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from e2e.commandline import ROOT
from gitops.tools import run

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def targets(text: str) -> list[str]:
    """Return where every link and every picture of a text leads."""
    found = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)
    inline = [child for token in found for child in token.children or ()]
    assert not re.search(r"<(?:a|img)\b", text), "the substitutions know no HTML"
    return [
        str(token.attrs.get("href") or token.attrs["src"]) for token in inline if token.type in ("link_open", "image")
    ]


def on_the_index(text: str) -> str:
    for rule in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"].replace("$HFPR_VERSION", "1.2.3"), text)
    return text


def test_every_link_and_picture_of_the_readme_is_absolute_on_an_index():
    readme = (ROOT / "README.md").read_text()
    here, there = targets(readme), targets(on_the_index(readme))
    assert len(here) == len(there)
    for before, after in zip(here, there, strict=True):
        if before.startswith(("https://", "#")):
            assert after == before
        else:
            assert re.fullmatch(r"https://\S+/v1\.2\.3/" + re.escape(before), after)
            assert (ROOT / before.partition("#")[0]).exists()


LINKS = [
    ("[a](docs/a.md#b)", "[a](https://github.com/acrsync/acrsync/blob/v1.2.3/docs/a.md#b)"),
    ("![a](docs/a.png)", "![a](https://raw.githubusercontent.com/acrsync/acrsync/v1.2.3/docs/a.png)"),
    ("[a](#b) [c](https://example.com) ![d](https://example.com/d.png)", None),
]


@pytest.mark.parametrize(("text", "shown"), LINKS)
def test_relative_links_become_links_to_the_tag(text: str, shown: str | None):
    assert on_the_index(text) == (shown or text)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what a release builds, with locked packages only."""
    folder = tmp_path_factory.mktemp("built")
    if run(["git", "checkout-index", "--all", f"--prefix={folder}/source/"], ROOT).returncode:
        pytest.skip("not a clone: there is no telling which files belong to the tree")
    source = folder / "source"
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", "requirements.lock"]
    done = run([python, "-m", "pip", "install", "--quiet", *locked], source, timeout_s=600)
    assert done.returncode == 0, done.stdout
    done = run([python, "-m", "hatchling", "build"], source)
    assert done.returncode == 0, done.stdout
    return source / "dist"


@pytest.mark.slow
def test_the_source_archive_holds_every_file_of_the_tree(built: Path):
    [archive] = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        held = {name.partition("/")[2] for name in tar.getnames()}
    tree = run(["git", "ls-files"], ROOT).stdout.splitlines()
    assert held == {*tree, "PKG-INFO"}


@pytest.mark.slow
def test_the_wheel_has_the_schemas_and_the_metadata(built: Path):
    [path] = built.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        [metadata] = [name for name in names if name.endswith("/METADATA")]
        found: Message = message_from_string(wheel.read(metadata).decode())
    assert {f"acrsync/schemas/{schema.name}" for schema in (ROOT / "schemas").iterdir()} <= set(names)
    assert "acrsync/py.typed" in names
    assert {line.split(", ")[0] for line in found.get_all("Project-URL", [])} >= {"Homepage", "Changelog", "Issues"}
    assert found["Author"]
    assert found["License-Expression"] == "Apache-2.0"
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= set(
        found.get_all("Classifier", [])
    )
    assert found["Description-Content-Type"] == "text/markdown"
    assert all(target.startswith(("https://", "#")) for target in targets(str(found.get_payload())))
