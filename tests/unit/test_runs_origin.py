"""Who runs acrsync, as every later run will read it, and which commit is older."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from acrsync.runs.origin import is_older, repository, who


def git(*arguments: str, folder: Path) -> str:
    line = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *arguments]
    return subprocess.run(line, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    git("init", "--quiet", "--initial-branch=main", str(project), folder=tmp_path)
    for message in ("one", "two", "three"):
        git("commit", "--quiet", "--allow-empty", f"--message={message}", folder=project)
    return project


def commits(project: Path) -> list[str]:
    return git("rev-list", "--reverse", "HEAD", folder=project).split()


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/team/radio",
        "https://github.com/team/radio.git",
        "https://me:secret@GitHub.com/team/radio.git/",
        "git@github.com:team/radio.git",
        "github.com:team/radio",
        "ssh://git@github.com:22/team/radio.git",
    ],
)
def test_the_urls_of_one_repository_mean_the_same(url: str):
    assert repository(url) == "github.com/team/radio"


@pytest.mark.parametrize("url", ["", "/srv/radio.git", "../radio.git", "file:///srv/radio.git", "C:\\radio"])
def test_a_local_path_does_not_identify_a_repository(url: str):
    assert repository(url) == ""


def test_a_job_on_github_and_a_laptop_name_the_same_repository_and_commit(project: Path):
    git("remote", "add", "origin", "git@github.com:team/radio.git", folder=project)
    job = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "team/radio"}
    job |= {"GITHUB_RUN_ID": "7", "GITHUB_ACTOR": "ada", "GITHUB_SHA": "0" * 40}

    there, here = who(project, job, token="ACRSYNC_TOKEN"), who(project, {}, token="ACRSYNC_TOKEN")
    assert (
        (there.repository, there.commit)
        == (here.repository, here.commit)
        == ("github.com/team/radio", commits(project)[-1])
    )
    assert there.ci_url == "https://github.com/team/radio/actions/runs/7"
    assert (there.actor, here.actor, here.ci_url) == ("ada", "", "")


def test_without_a_checkout_a_job_takes_its_commit_from_the_variables(tmp_path: Path):
    gitlab = {
        "GITLAB_CI": "true",
        "CI_PROJECT_URL": "https://gitlab.example.test/team/radio",
        "CI_COMMIT_SHA": "1" * 40,
    }
    gitlab |= {"CI_JOB_URL": "https://gitlab.example.test/team/radio/-/jobs/9", "GITLAB_USER_LOGIN": "ada"}

    job = who(tmp_path, gitlab, token="")
    assert (job.commit, job.repository) == ("1" * 40, "gitlab.example.test/team/radio")
    assert (job.ci_url, job.actor) == (gitlab["CI_JOB_URL"], "ada")


def test_only_a_proper_ancestor_is_older(project: Path):
    one, two, three = commits(project)

    assert is_older(one, three, project=project) is True
    assert is_older(two, three, project=project) is True
    assert is_older(three, three, project=project) is False
    assert is_older(three, one, project=project) is False
    git("checkout", "--quiet", "-b", "side", one, folder=project)
    git("commit", "--quiet", "--allow-empty", "--message=side", folder=project)
    assert is_older(git("rev-parse", "HEAD", folder=project), three, project=project) is False


def test_in_a_shallow_clone_the_order_is_unknown(project: Path, tmp_path: Path):
    one, two, three = commits(project)
    shallow = tmp_path / "shallow"
    git("clone", "--quiet", "--depth=1", f"file://{project}", str(shallow), folder=tmp_path)

    assert is_older(one, three, project=shallow) is None
    assert is_older(three, two, project=shallow) is None
    assert is_older(three, three, project=shallow) is False


@pytest.mark.parametrize("commit", ["f" * 40, "no-commit", "--all", ""])
def test_an_unknown_commit_cannot_be_compared(project: Path, commit: str):
    assert is_older(commit, commits(project)[-1], project=project) is None
    assert is_older(commits(project)[-1], commit, project=project) is None


def test_outside_a_repository_nothing_can_be_compared(tmp_path: Path):
    assert is_older("1" * 40, "2" * 40, project=tmp_path) is None
