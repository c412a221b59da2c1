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
import yaml

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


HOOK = """\
repos:
  - repo: %s
    rev: %s
    hooks:
      - id: acrsync-validate
"""
SEVERAL = """\
        entry: acrsync validate buckets/a.yaml buckets/b.yaml
        files: ^buckets/
        pass_filenames: false
"""


class User:
    """A repository that uses the hook, and where pre-commit keeps what it installed."""

    def __init__(self, folder: Path, hooks: Path, more: str = "") -> None:
        self.folder, self.cache = folder, folder.with_name("cache")
        folder.mkdir()
        rev = run([*GIT, "rev-parse", "HEAD"], hooks).stdout.strip()
        self.write(".pre-commit-config.yaml", HOOK % (hooks, rev) + more)
        run([*GIT, "init", "--quiet"], folder)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self) -> tuple[int, str]:
        """Run the hook on what would be committed, commit it if it passes, and return how it ended."""
        run([*GIT, "add", "--all"], self.folder)
        environment = {"PRE_COMMIT_HOME": str(self.cache)}
        done = run([tool("pre-commit"), "run", "--verbose"], self.folder, environment, timeout_s=300)
        if done.returncode == 0:
            run([*GIT, "commit", "--quiet", "--message=all"], self.folder)
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return committed(shipped(tmp_path_factory.mktemp("hub") / "hooks"))


def test_the_hook_checks_changed_manifests_in_any_folder_and_no_other_file(hooks: Path, tmp_path: Path):
    user = User(tmp_path / "user", hooks)
    user.write("acrsync.yaml", GOOD)
    user.write("radio/prod/acrsync.yml", GOOD)
    user.write("with spaces/acrsync.yaml", GOOD)
    code, said = user.commit()
    assert (code, said.count("Valid: 1 bucket in ")) == (0, 3), said
    user.write("radio/prod/acrsync.yml", GOOD.replace("eu-west-1", "mars"))
    user.write("tv/acrsync.yaml", GOOD.replace("File", "Tape"))
    user.write("other.yaml", "unrelated: true\n")
    code, said = user.commit()
    assert code == 1, said
    assert "radio/prod/acrsync.yml:2:" in said
    assert "tv/acrsync.yaml:2:" in said
    assert "with spaces" not in said, "it was not changed"
    user.write("radio/prod/acrsync.yml", GOOD)
    user.write("tv/acrsync.yaml", GOOD)
    assert user.commit()[0] == 0
    user.write("other.yaml", "unrelated: false\n")
    code, said = user.commit()
    assert (code, "Skipped" in said) == (0, True), said


def test_the_hook_checks_several_files_that_are_one_manifest_together(hooks: Path, tmp_path: Path):
    user = User(tmp_path / "user", hooks, SEVERAL)
    assert all(line.strip() in (ROOT / ".pre-commit-hooks.yaml").read_text() for line in SEVERAL.splitlines()[1:])
    user.write("buckets/a.yaml", GOOD)
    user.write("buckets/b.yaml", GOOD.replace("version: 1\n", "").replace("music", "radio"))
    code, said = user.commit()
    assert (code, "Valid: 2 buckets in buckets/a.yaml, buckets/b.yaml." in said) == (0, True), said
    user.write("buckets/b.yaml", GOOD)
    code, said = user.commit()
    assert (code, "buckets/b.yaml:" in said) == (1, True), said


def test_the_hook_of_this_repository_is_the_published_one():
    [shipped_hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    [local] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    [own] = [hook for hook in local["hooks"] if hook["id"] == shipped_hook["id"]]
    assert own["entry"].replace(".venv/bin/acrsync", "acrsync") == shipped_hook["entry"]


def test_the_commands_of_the_dockerfile_make_an_acrsync_that_runs(tmp_path: Path):
    dockerfile = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    source, place = shipped(tmp_path / "src"), tmp_path / "opt"
    place.mkdir()
    settings = dict(re.findall(r"([A-Z_]+)=(\S+)", re.findall(r"^ENV (PIP.*)$", dockerfile, re.MULTILINE)[0]))
    commands = re.findall(r"^RUN (.*)$", dockerfile.rpartition("\nFROM ")[0], re.MULTILINE)
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
    """Return the options that give the builder the package folder of pip."""
    folders = [part for part in os.environ.get("PIP_FIND_LINKS", "").split() if Path(part).is_dir()]
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
@pytest.mark.parametrize("owner", [0, 1000, 4242])
def test_the_image_works_on_a_folder_of_any_user_or_names_the_user_option(container: str, tmp_path: Path, owner: int):
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "acrsync.yaml").write_text(GOOD)
    os.chown(folder, owner, owner)
    assert in_container(container, folder, "plan")[0] == 0, "the default user can plan"
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


def test_the_image_keeps_runs_in_a_git_repository(container: str, tmp_path: Path):
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "acrsync.yaml").write_text(GOOD.replace("version: 1\n", "version: 1\naccount: {uid: 19}\n"))
    assert run(["git", "init", "--quiet", "--bare", folder / "store.git"], folder).returncode == 0
    os.chown(folder, 65532, 65532)
    code, said = in_container(container, folder, "apply", "--yes", "--runs", "git:./store.git", user="0:0")
    assert (code, "Verified: " in said) == (0, True), said
    assert "refs/acrsync/" in run(["git", "for-each-ref"], folder / "store.git").stdout


def test_the_image_has_labels(container: str, tmp_path: Path):
    done = run(["buildah", "inspect", "--type", "image", "localhost/acrsync:tested"], tmp_path, SETTINGS)
    config = json.loads(done.stdout)["OCIv1"]["config"]
    assert config["Entrypoint"] == ["acrsync"]
    assert config["User"] == "65532:65532"
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert {"title", "description", "licenses", "source"} <= set(labels)
