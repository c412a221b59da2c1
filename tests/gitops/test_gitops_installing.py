"""What others install from this tree: the hook by pre-commit, the image by the commands of its Dockerfile."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
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


# The image, by a builder that needs no daemon

BASE = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[0]
SETTINGS = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A container of the image. ACRSYNC_TEST_BASE names another base, if there is no way to the Dockerfile's own."""
    if shutil.which("buildah") is None:
        pytest.skip("no buildah: apt-get install buildah")
    base, folder = os.environ.get("ACRSYNC_TEST_BASE", BASE), tmp_path_factory.mktemp("image")
    if run(["buildah", "pull", "--policy", "missing", base], folder, SETTINGS, timeout_s=300).returncode:
        pytest.skip(f"no way to the base image {base}: name one that is here by ACRSYNC_TEST_BASE")
    source = shipped(folder / "source")
    shutil.copy(ROOT / ".dockerignore", source)
    (source / "Dockerfile").write_text((ROOT / "Dockerfile").read_text().replace(BASE, base))
    line: list[str | Path] = ["buildah", "bud", "--pull-never", "--tag", "localhost/acrsync:tested", *volumes(), source]
    done = run(line, folder, SETTINGS, timeout_s=600)
    assert done.returncode == 0, done.stdout
    named = run(["buildah", "from", "--pull-never", "localhost/acrsync:tested"], folder, SETTINGS)
    assert named.returncode == 0, named.stdout
    yield named.stdout.split()[-1]
    run(["buildah", "rm", named.stdout.split()[-1]], folder, SETTINGS)


def volumes() -> list[str]:
    """Return what shows the builder the folder of packages that pip is told to look into."""
    folders = [word for word in os.environ.get("PIP_FIND_LINKS", "").split() if Path(word).is_dir()]
    return [f"--volume={folder}:{folder}" for folder in folders]


def in_container(container: str, folder: Path, *line: str, user: str | None = None) -> tuple[int, str]:
    options = [
        "--volume",
        f"{folder}:/repo",
        "--env",
        "ACRSYNC_ENDPOINT=emulator:",
        *([f"--user={user}"] if user else []),
    ]
    done = run(["buildah", "run", *options, container, "--", "acrsync", *line], folder, SETTINGS)
    return done.returncode, done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
@pytest.mark.parametrize("owner", [0, 1000, 4242])
def test_the_image_works_on_a_folder_of_any_owner_who_is_named_and_else_says_whom_to_name(
    container: str, tmp_path: Path, owner: int
):
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "acrsync.yaml").write_text(GOOD)
    os.chown(folder, owner, owner)
    assert in_container(container, folder, "plan")[0] == 0, "nobody can plan"
    code, said = in_container(container, folder, "apply", "--yes")
    assert (code, "error[E011]" in said) == (1, True), said
    [user] = re.findall(r"in a container: --user (\d+:\d+)", said)
    assert user == f"{owner}:{owner}"
    code, said = in_container(container, folder, "plan", "--out", "plan.json")
    assert (code, f"--user {user})" in said) == (1, True), said
    code, said = in_container(container, folder, "apply", "--yes", user=user)
    assert (code, "Verified: " in said) == (0, True), said
    assert in_container(container, folder, "plan", "--out", "plan.json", user=user)[0] == 0
    assert {path.stat().st_uid for path in folder.rglob("*") if path.name != "acrsync.yaml"} == {owner}


def test_the_image_says_what_it_is(container: str, tmp_path: Path):
    done = run(["buildah", "inspect", "--type", "image", "localhost/acrsync:tested"], tmp_path, SETTINGS)
    config = json.loads(done.stdout)["OCIv1"]["config"]
    assert config["Entrypoint"] == ["acrsync"]
    assert config["User"] == "65532:65532"
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert {"title", "description", "licenses", "source"} <= set(labels)
