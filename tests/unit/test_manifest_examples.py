"""The examples: each loads, and says in its first line what it is about."""

from pathlib import Path

import pytest

from acrsync.manifest import load

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))
MANIFESTS = [*([path] for path in FILES), sorted((EXAMPLES / "several-files").glob("*.yaml"))]


@pytest.mark.parametrize(
    "paths", MANIFESTS, ids=lambda paths: paths[0].stem if len(paths) == 1 else paths[0].parent.name
)
def test_an_example_loads_without_a_word(paths):
    assert load(paths).diagnostics == ()


@pytest.mark.parametrize("path", [path for paths in MANIFESTS for path in paths], ids=lambda path: path.stem)
def test_an_example_begins_with_what_it_is_about(path):
    assert path.read_text("utf-8").startswith("# ")


def test_there_are_examples():
    assert len(MANIFESTS) > 10
