"""Who runs acrsync, on which commit, and whether one commit is older than another."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Mapping
from getpass import getuser
from pathlib import Path
from urllib.parse import urlsplit

from acrsync.diagnostics import Diagnostic, error
from acrsync.runs.memory import PastRun
from acrsync.runs.record import Who


def who(project: Path, environment: Mapping[str, str], *, token: str) -> Who:
    """Return who runs acrsync, on which machine and commit, from git and from the variables of GitHub and GitLab.

    `token`: the source of the token. The repository is host and path, so that it is the same in a job and on a laptop.
    """
    get = environment.get
    url = _git(project, "config", "--get", "remote.origin.url")[1]
    if get("GITHUB_ACTIONS"):
        server, path, actor = get("GITHUB_SERVER_URL", ""), get("GITHUB_REPOSITORY", ""), get("GITHUB_ACTOR", "")
        url, job = f"{server}/{path}", f"{server}/{path}/actions/runs/{get('GITHUB_RUN_ID', '')}"
    elif get("GITLAB_CI"):
        url, job, actor = get("CI_PROJECT_URL", ""), get("CI_JOB_URL", ""), get("GITLAB_USER_LOGIN", "")
    else:
        job = actor = ""
    commit = _git(project, "rev-parse", "HEAD")[1] or get("GITHUB_SHA") or get("CI_COMMIT_SHA") or ""
    return Who(_user(), socket.gethostname(), job, commit, repository(url), actor, token)


def repository(url: str) -> str:
    """Return what the URLs of one repository have in common: host and path, without user, port and `.git`."""
    short = re.fullmatch(r"(?:[^@/]+@)?([^:/]{2,}):(?!//)(.+)", url)  # git's short form of an ssh URL
    host, path = short.groups() if short else (urlsplit(url).hostname or "", urlsplit(url).path)
    return f"{host.lower()}/{path.strip('/').removesuffix('.git')}" if host else ""


def compared(commit: str, last: PastRun, *, project: Path) -> tuple[Diagnostic, ...]:
    """Return an error if a commit is older than that of the run `last`, a warning if git cannot decide."""
    than = last.who.commit
    older = is_older(commit, than, project=project) if than else False
    if older is None:
        detail = f"Run {last.id} applied commit {than[:12]}, and git cannot decide if {commit[:12]} is older."
        fix = "fetch the whole history first: `git fetch --unshallow` (on GitHub: `fetch-depth: 0` for the checkout)."
        return (error("W087", detail, fix=fix),)
    if not older:
        return ()
    detail = (
        f"Commit {commit[:12]} is older than {than[:12]}, which run {last.id} applied, so this apply would revert the "
        "changes since."
    )
    fix = "apply the newest commit; if you mean to go back, add `--allow-older`, or revert the later commits."
    return (error("E086", detail, fix=fix),)


def is_older(commit: str, than: str, *, project: Path) -> bool | None:
    """Return whether a commit is a proper ancestor of another; None if git cannot decide, as in a shallow clone."""
    if commit == than:
        return False
    code, _ = _git(project, "merge-base", "--is-ancestor", commit, than)
    if code not in (0, 1):
        return None
    # In a shallow clone, the way from one commit to the other may be cut off.
    is_sure = code == 0 or _git(project, "rev-parse", "--is-shallow-repository")[1] == "false"
    return code == 0 if is_sure else None


def _git(project: Path, *arguments: str) -> tuple[int, str]:
    """Return the exit code of git and its output."""
    try:
        done = subprocess.run(  # noqa: S603 - a list, and no shell
            ["git", *arguments],  # noqa: S607 - the user's git
            cwd=project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 128, ""
    return done.returncode, done.stdout.strip() if done.returncode == 0 else ""


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        return ""
