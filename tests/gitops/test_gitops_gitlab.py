"""GitLab's files, run by gitlab-ci-local: the pipelines of a merge request, of the default branch and of a schedule."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.commandline import ROOT, Place
from emulator.api import Api
from gitops.forge import MANIFEST, READ, WRITE, Forge, forge
from gitops.tools import node, node_modules, run

pytestmark = pytest.mark.slow
GIT = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com"]


@pytest.fixture(scope="module")
def modules() -> Path:
    return node_modules()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with acrsync in it, from which the pipeline installs it as if it came from an index; and its hashes."""
    folder = tmp_path_factory.mktemp("wheels")
    pip: list[str | Path] = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT]
    assert run(pip, folder).returncode == 0
    done = run([sys.executable, ROOT / ".github" / "release.py", *folder.glob("*.whl")], folder)
    assert done.returncode == 0, done.stdout
    (folder / "acrsync.txt").write_text(done.stdout)
    return folder


@pytest.fixture
def hub() -> Iterator[Forge]:
    with forge() as state:
        yield state


class Project:
    """A project on GitLab that holds both the component and the example that includes it."""

    def __init__(self, folder: Path, place: Place, modules: Path, wheels: Path, hub: Forge) -> None:
        self.folder, self.place, self.hub = folder, place, hub
        self.command: list[str | Path] = [
            node(),
            modules / "gitlab-ci-local" / "dist" / "index.js",
            "--force-shell-executor",
        ]
        pip = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_"))}
        links = f"{pip.pop('PIP_FIND_LINKS', '')} {wheels}".strip()
        self.environment = {**place.environment, **pip, "PIP_FIND_LINKS": links}
        shutil.copytree(ROOT / "templates", folder / "templates")
        example = (ROOT / "examples" / "ci" / "gitlab" / ".gitlab-ci.yml").read_text()
        assert re.search(r"component: \$CI_SERVER_FQDN/acrsync/acrsync/acrsync@0{40}\n", example)
        (folder / ".gitlab-ci.yml").write_text(re.sub("@0{40}", "@$CI_COMMIT_SHA", example))
        (folder / "acrsync.yaml").write_text(MANIFEST)
        shutil.copy(wheels / "acrsync.txt", folder)
        run(["git", "init", "--quiet", "--initial-branch=main"], folder)
        run(["git", "remote", "add", "origin", "git@gitlab.example.com:acrsync/acrsync.git"], folder)
        self.server = folder.with_name("server.git")
        run(["git", "init", "--quiet", "--bare", str(self.server)], folder)
        run(["git", "remote", "set-url", "--push", "origin", str(self.server)], folder)
        run([*GIT, "add", "--all"], folder)
        run([*GIT, "commit", "--quiet", "--message=all"], folder)

    def pipeline(self, *jobs: str, **variables: str) -> tuple[int, str]:
        """Run a pipeline, or some jobs of it; every variable of the project is there, as on a protected branch."""
        known = {
            "ACRSYNC_READ_TOKEN": READ,
            "ACRSYNC_WRITE_TOKEN": WRITE,
            "DRIFT_TOKEN": self.hub.token,
            "CI_API_V4_URL": f"{self.hub.url}/api/v4",
            "CI_PROJECT_ID": "5",
            "ACRSYNC_ENDPOINT": self.environment["ACRSYNC_ENDPOINT"],
            **variables,
        }
        given = [f"--variable={key}={value}" for key, value in known.items()]
        done = run([*self.command, *given, *jobs], self.folder, self.environment, timeout_s=300)
        return done.returncode, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)

    def ran(self, said: str) -> set[str]:
        return set(re.findall(r"^ ?(?:PASS|FAIL|WARN)\s+(acrsync-\S+)", said, re.MULTILINE))


@pytest.fixture
def project(  # gitlab-ci-local copies the project with rsync
    place: Place, api: Api, tmp_path: Path, modules: Path, wheels: Path, hub: Forge
) -> Project:
    if shutil.which("rsync") is None:
        pytest.skip("no rsync, which gitlab-ci-local needs: apt-get install rsync")
    api.reset(
        accounts=[{"token": READ, "uid": 19, "scopes": ["read-all"]}, {"token": WRITE, "uid": 19, "scopes": ["*"]}]
    )
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder, place, modules, wheels, hub)


MERGE_REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_BRANCH": ""}


def test_a_merge_request_is_validated_and_planned_and_nothing_is_changed(project: Project, api: Api):
    code, said = project.pipeline(**MERGE_REQUEST, CI_MERGE_REQUEST_SOURCE_PROJECT_ID="5")
    assert (code, project.ran(said)) == (0, {"acrsync-validate", "acrsync-plan"}), said
    assert "Plan: 1 to create, 1 to delete." in said
    assert {entry["method"] for entry in api.requests()} == {"GET"}


def test_a_merge_request_of_a_fork_is_only_validated(project: Project, api: Api):
    code, said = project.pipeline(**MERGE_REQUEST, CI_MERGE_REQUEST_SOURCE_PROJECT_ID="6")
    assert (code, project.ran(said)) == (0, {"acrsync-validate"}), said
    assert api.requests() == []


def test_the_default_branch_is_planned_and_applied_from_the_saved_plan(project: Project, api: Api):
    code, said = project.pipeline(CI_PIPELINE_SOURCE="push")
    assert (code, project.ran(said)) == (0, {"acrsync-validate", "acrsync-plan"}), said
    kept = project.folder / ".gitlab-ci-local" / "artifacts" / "acrsync-plan"
    assert json.loads((kept / "plan.gitlab.json").read_text()) == {"create": 1, "update": 0, "delete": 1}
    code, said = project.pipeline("acrsync-apply", CI_PIPELINE_SOURCE="push", ACRSYNC_DIGEST=f"sha256:{'0' * 64}")
    assert (code, "E057" in said) == (1, True), said
    digest = json.loads((kept / "plan.json").read_text())["digest"]
    code, said = project.pipeline("acrsync-apply", CI_PIPELINE_SOURCE="push", ACRSYNC_DIGEST=digest)
    assert code == 0, said
    assert "Verified: the account was read again and is as planned." in said
    record = project.folder / ".gitlab-ci-local" / "artifacts" / "acrsync-apply" / "record.jsonl"
    assert json.loads(record.read_text().splitlines()[-1])["verified"]
    log = run(["git", "log", "--all", "--format=%s"], project.server).stdout.splitlines()
    assert [line.partition(": ")[2] for line in log] == ["ends with exit code 0", "begins"]
    assert "music" in {row["name"] for row in api.get("/buckets")["data"]}


def test_a_package_with_another_hash_is_not_installed_and_nothing_is_planned(project: Project, api: Api):
    path = project.folder / "acrsync.txt"
    path.write_text(re.sub("(?<=^acrsync==)(.*sha256:)....", r"\g<1>0000", path.read_text(), flags=re.MULTILINE))
    code, said = project.pipeline(CI_PIPELINE_SOURCE="push")
    assert (code, "THESE PACKAGES DO NOT MATCH THE HASHES" in said, api.requests()) == (1, True, []), said


def test_drift_at_night_opens_one_issue(project: Project, hub: Forge, api: Api):
    for _ in range(2):
        code, said = project.pipeline(CI_PIPELINE_SOURCE="schedule")
        assert (code, project.ran(said)) == (0, {"acrsync-drift"}), said
    [issue] = hub.issues
    assert issue["title"] == "ACRCloud differs from acrsync.yaml"
    assert "**Plan: 1 to create, 1 to delete." in issue["description"]
    assert {entry["method"] for entry in api.requests()} == {"GET"}
    (project.folder / "acrsync.yaml").write_text(MANIFEST.replace("uid: 19", "uid: 20"))
    code, said = project.pipeline(CI_PIPELINE_SOURCE="schedule")
    assert (code, "Refused: " in hub.issues[0]["description"]) == (0, True), said
    (project.folder / "acrsync.yaml").write_text("version: 1\naccount: {uid: 19}\nbuckets: []\n")
    project.pipeline(CI_PIPELINE_SOURCE="schedule")
    assert [found["state_event"] for found in hub.issues] == ["close"]


def test_a_broken_manifest_fails_and_leaves_a_report_for_the_merge_request(project: Project):
    (project.folder / "acrsync.yaml").write_text(MANIFEST.replace("eu-west-1", "mars"))
    code, said = project.pipeline(**MERGE_REQUEST, CI_MERGE_REQUEST_SOURCE_PROJECT_ID="5")
    assert (code, project.ran(said)) == (1, {"acrsync-validate"}), said
    kept = project.folder / ".gitlab-ci-local" / "artifacts" / "acrsync-validate"
    [issue] = json.loads((kept / "gl-code-quality-report.json").read_text())
    assert issue["location"] == {"path": "acrsync.yaml", "lines": {"begin": 5}}
