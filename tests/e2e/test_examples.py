"""Every example is a manifest that plans, applies and is in sync afterwards; the demo runs as it is."""

import re
import subprocess
from pathlib import Path

import pytest

from acrsync import manifest as manifests
from e2e.commandline import DEADLINE_S, ROOT, Place

EXAMPLES = ROOT / "examples"
# What others read: pipelines, and rules for plans. A folder with a README is a story, and has a test of its own.
NO_MANIFESTS = {"ci", "fleet", "policy"}
CASES = {path.name: (path,) for path in sorted(EXAMPLES.glob("*.yaml"))} | {
    folder.name: tuple(sorted(folder.glob("*.yaml")))
    for folder in sorted(EXAMPLES.iterdir())
    if folder.is_dir() and folder.name not in NO_MANIFESTS and not (folder / "README.md").exists()
}


@pytest.mark.parametrize("paths", CASES.values(), ids=CASES)
def test_an_example_is_valid_and_in_sync_after_apply(place: Place, paths: tuple[Path, ...]):
    assert manifests.load(paths).diagnostics == ()
    names = [str(path) for path in paths]
    applied = place.acrsync("apply", *names, "--yes", "--format", "json")
    assert (applied.code, applied.document["verified"]) == (0, True)
    assert place.acrsync("plan", *names, "--detailed-exitcode").code == 0


@pytest.mark.parametrize("paths", CASES.values(), ids=CASES)
def test_an_example_states_its_purpose(paths: tuple[Path, ...]):
    assert paths, "a folder without a manifest belongs to the exceptions"
    assert paths[0].read_text().startswith("# ")


def test_the_list_of_examples_names_each_of_them():
    text = (EXAMPLES / "README.md").read_text()
    named = {target.partition("/")[0] for target in re.findall(r"\]\(([^)]*)\)", text)}
    assert named == {path.name for path in EXAMPLES.iterdir()} - {"README.md"}


def test_the_demo_runs_in_an_empty_folder_without_account_and_network(bare: Place):
    done = subprocess.run(
        ["/bin/sh", EXAMPLES / "demo" / "run.sh"],
        cwd=bare.folder, env=bare.environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.count("Plan: 2 to create, 1 to update.")) == (0, 2)
    assert done.stdout.rstrip().splitlines()[-2] == "No changes. The account matches the manifest."
    assert list(bare.folder.iterdir()) == []
