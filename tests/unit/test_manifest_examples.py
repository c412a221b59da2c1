"""The examples: each loads, and says in its first line what it is about."""

from pathlib import Path

import pytest

from acrsync.manifest import Source, load, source

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))
ENVIRONMENTS = EXAMPLES / "environments" / "acrsync.yaml"
MANIFESTS = [*([path] for path in FILES), sorted((EXAMPLES / "several-files").glob("*.yaml"))]


@pytest.mark.parametrize(
    "paths", MANIFESTS, ids=lambda paths: paths[0].stem if len(paths) == 1 else paths[0].parent.name
)
def test_an_example_loads_without_diagnostics(paths):
    assert load(paths).diagnostics == ()


@pytest.mark.parametrize("path", [path for paths in MANIFESTS for path in paths], ids=lambda path: path.stem)
def test_an_example_begins_with_its_purpose(path):
    assert path.read_text("utf-8").startswith("# ")


def test_there_are_examples():
    assert len(MANIFESTS) > 10


def test_a_new_station_is_one_word_in_the_matrix_example():
    text = ENVIRONMENTS.read_text("utf-8")
    assert len(text.splitlines()) < 25
    found = source([ENVIRONMENTS]).all()
    assert found.diagnostics == ()
    manifests = {name: one.manifest for name, one in found.environments.items()}
    assert {name: len(one.desired) for name, one in manifests.items() if one} == {"staging": 12, "prod": 12}
    more = Source({"f": text.replace("rock]", "rock, soul]").encode()}).all()
    assert more.diagnostics == ()
    assert [len(one.manifest.desired) for one in more.environments.values() if one.manifest] == [15, 15]
