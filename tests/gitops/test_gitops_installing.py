"""What others install from this tree: the hook by pre-commit, the image by the commands of its Dockerfile."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from e2e.commandline import ROOT
from gitops.tools import run, tool

pytestmark = pytest.mark.slow

GIT = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]
SHIPPED = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    ".pre-commit-hooks.yaml",
    "acrsync",
    "schemas",
    "requirements.lock",
)
GOOD = "version: 1\nbuckets: [{name: music, region: eu-west-1, type: File}]\n"


def committed(folder: Path) -> Path:
    """Make the folder a repository with all that it holds in one commit."""
    for line in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=all"]):
        done = run([*GIT, *line], folder)
        assert done.returncode == 0, done.stdout
    return folder


def shipped(folder: Path) -> Path:
    """Copy what is shipped, without what Python left beside it."""
    folder.mkdir(parents=True)
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def test_the_hook_lets_a_good_manifest_pass_and_stops_a_bad_one(tmp_path: Path):
    hooks, user = committed(shipped(tmp_path / "hooks")), tmp_path / "user"
    user.mkdir()
    (user / "acrsync.yaml").write_text(GOOD)
    committed(user)
    line = [tool("pre-commit"), "try-repo", str(hooks), "acrsync-validate", "--verbose"]
    environment = {"PRE_COMMIT_HOME": str(tmp_path / "cache")}
    done = run([*line, "--all-files"], user, environment, timeout_s=300)
    assert done.returncode == 0, done.stdout
    assert "Valid: 1 bucket in acrsync.yaml." in done.stdout
    (user / "acrsync.yaml").write_text(GOOD.replace("eu-west-1", "mars"))
    done = run([*line, "--all-files"], user, environment, timeout_s=300)
    assert (done.returncode, "acrsync.yaml:2:" in done.stdout) == (1, True), done.stdout
    (user / "other.yaml").write_text("unrelated: true\n")
    done = run([*line, "--files", "other.yaml"], user, environment, timeout_s=300)
    assert (done.returncode, "Skipped" in done.stdout) == (0, True), done.stdout


def test_the_commands_of_the_dockerfile_make_an_acrsync_that_runs(tmp_path: Path):
    dockerfile = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    source, place = shipped(tmp_path / "src"), tmp_path / "opt"
    place.mkdir()
    settings = dict(re.findall(r"([A-Z_]+)=(\S+)", re.findall(r"^ENV (PIP.*)$", dockerfile, re.MULTILINE)[0]))
    commands = re.findall(r"^RUN (.*)$", dockerfile, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        script = command.replace("/opt/acrsync", str(place / "acrsync")).replace(
            "python -m venv", f"{sys.executable} -m venv"
        )
        script = script.replace("pip --python", f"{sys.executable} -m pip --python")
        done = run(["sh", "-euc", script], source, settings, timeout_s=300)
        assert done.returncode == 0, done.stdout
    done = run([place / "acrsync" / "bin" / "acrsync", "schema", "manifest"], tmp_path)
    assert (done.returncode, '"title": "acrsync manifest"' in done.stdout) == (0, True), done.stdout
    files = [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    assert {int(path.stat().st_mtime) for path in files if "__pycache__" not in path.parts} == {1577836800}
