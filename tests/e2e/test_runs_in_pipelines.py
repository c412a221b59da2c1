"""Runs on machines that are gone when they end: what is warned about, refused, and left to a person."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from e2e.commandline import Place
from e2e.test_runs import CREATES, OTHER, QUICK, killed_while, sent, until
from emulator.api import Api

CI = {"CI": "true"}
IDENTIFIED = CREATES.replace("version: 1\n", "version: 1\naccount: {uid: 19}\n")
STACK = "version: 1\nstack: radio\nbuckets:\n"


def git(*arguments: str, folder: Path) -> str:
    line = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *arguments]
    return subprocess.run(line, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def committed(place: Place, text: str) -> str:
    """Commit a manifest in the folder, which becomes a repository with a remote; return the commit."""
    if not (place.folder / ".git").exists():
        git("init", "--quiet", "--initial-branch=main", folder=place.folder)
        git("remote", "add", "origin", "https://example.invalid/team/radio.git", folder=place.folder)
    place.write("acrsync.yaml", text)
    git("add", "acrsync.yaml", folder=place.folder)
    git("commit", "--quiet", "--message=change", folder=place.folder)
    return git("rev-parse", "HEAD", folder=place.folder)


def entry(name: str) -> str:
    return f"  - {{name: {name}, region: eu-west-1, type: File}}\n"


def names(api: Api) -> list[str]:
    """Return those of CREATES that exist."""
    return sorted(row["name"] for row in api.get("/buckets")["data"] if row["name"] in ("b0", "b1", "b2"))


@pytest.mark.parametrize("command", [("plan",), ("apply", *QUICK)])
def test_a_runner_that_keeps_runs_in_a_folder_is_warned(place: Place, api: Api, tmp_path, command):
    place.write("acrsync.yaml", IDENTIFIED)
    assert "W085" in place.acrsync(*command, environment=CI).codes
    assert "W085" not in place.acrsync(*command, environment={"CI": "false"}).codes
    assert "W085" not in place.acrsync(*command).codes
    git("init", "--quiet", "--bare", str(tmp_path / "store.git"), folder=tmp_path)
    assert "W085" not in place.acrsync(*command, "--runs", f"git:{tmp_path / 'store.git'}", environment=CI).codes


def test_the_line_in_the_warning_resolves_it(place: Place, api: Api, tmp_path):
    place.write("acrsync.yaml", IDENTIFIED)
    git("init", "--quiet", "--bare", str(tmp_path / "store.git"), folder=tmp_path)
    git("init", "--quiet", folder=place.folder)
    git("remote", "add", "origin", str(tmp_path / "store.git"), folder=place.folder)
    warned = place.acrsync("plan", environment=CI)
    line = "runs: git:origin"
    assert f"add to the manifest: {line}" in warned.out
    place.write("acrsync.yaml", IDENTIFIED + line + "\n")
    assert place.acrsync("plan", environment=CI).codes == []
    assert place.acrsync("apply", *QUICK, environment=CI).code == 0


def test_a_commit_older_than_the_last_applied_one_is_refused(place: Place, api: Api):
    older = committed(place, STACK + entry("one"))
    newer = committed(place, STACK + entry("one") + entry("two"))
    assert place.acrsync("apply", *QUICK).code == 0
    git("checkout", "--quiet", older, folder=place.folder)
    before = [one for one in api.requests() if one["method"] != "GET"]
    refused = place.acrsync("apply", *QUICK)
    assert (refused.code, refused.codes) == (1, ["E086"])
    assert f"Commit {older[:12]} is older than {newer[:12]}" in refused.out
    assert [one for one in api.requests() if one["method"] != "GET"] == before
    assert "E086" not in place.acrsync("plan").codes
    assert place.acrsync("apply", *QUICK, "--allow-older").code == 0
    git("checkout", "--quiet", newer, folder=place.folder)
    assert place.acrsync("apply", *QUICK).code == 0


def test_a_saved_plan_of_an_older_commit_is_refused_too(place: Place, api: Api):
    committed(place, STACK + entry("one"))
    assert place.acrsync("plan", "--out", "plan.json").code == 0
    older = git("rev-parse", "HEAD", folder=place.folder)
    committed(place, STACK + entry("two"))
    assert place.acrsync("apply", *QUICK).code == 0
    git("checkout", "--quiet", older, folder=place.folder)
    assert place.acrsync("apply", "--yes", "--plan", "plan.json").codes == ["E086"]


def test_another_stack_and_a_commit_of_another_branch_are_not_older(place: Place, api: Api):
    first = committed(place, STACK + entry("one"))
    committed(place, STACK + entry("one") + entry("two"))
    assert place.acrsync("apply", *QUICK).code == 0
    git("checkout", "--quiet", first, folder=place.folder)
    other = place.write("other.yaml", (STACK + entry("three")).replace("radio", "tv"))
    assert place.acrsync("apply", *QUICK, other.name).codes == []
    committed(place, STACK + entry("one") + entry("two") + entry("four"))
    assert place.acrsync("apply", *QUICK).codes == []


def test_in_a_shallow_clone_there_is_a_warning(place: Place, api: Api, tmp_path):
    older = committed(place, STACK + entry("one"))
    committed(place, STACK + entry("one") + entry("two"))
    assert place.acrsync("apply", *QUICK).code == 0
    git("checkout", "--quiet", "-b", "old", older, folder=place.folder)
    url = place.folder.as_uri()
    git("clone", "--quiet", "--depth=1", "--branch=old", url, str(tmp_path / "shallow"), folder=tmp_path)
    git("remote", "set-url", "origin", "https://example.invalid/team/radio.git", folder=tmp_path / "shallow")
    runs = ("--runs", str(place.folder / ".acrsync/runs"))
    place.folder = tmp_path / "shallow"
    assert place.acrsync("apply", *QUICK, *runs).codes == ["W087"]


def test_a_saved_plan_names_open_runs_and_is_refused_if_they_changed(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    place.write("other.yaml", OTHER)
    assert place.acrsync("plan", "--out", "before.json", "other.yaml").code == 0
    assert json.loads((place.folder / "before.json").read_text())["open"] == []
    killed_while(place, api, *QUICK)
    refused = place.acrsync("apply", *QUICK[:1], "--settle", "0", "--landing", "0", "--plan", "before.json")
    assert (refused.code, refused.codes) == (1, ["E089"])
    assert "b0" in refused.err
    assert place.acrsync("plan", "--settle", "0", "--out", "after.json", "other.yaml").code == 0
    named = json.loads((place.folder / "after.json").read_text())["open"]
    assert [(one["action"], one["name"], one["id"]) for one in named] == [("create", "b0", None)]
    assert place.acrsync("apply", *QUICK, "--plan", "after.json").code == 0


def test_an_interrupted_saved_plan_can_be_applied_again(place: Place, api: Api):
    place.write("acrsync.yaml", CREATES)
    assert place.acrsync("plan", "--out", "plan.json").code == 0
    killed_while(place, api, *QUICK, "--plan", "plan.json")
    assert place.acrsync("apply", *QUICK, "--plan", "plan.json").code == 0
    assert names(api) == ["b0", "b1", "b2"]


def test_a_plan_says_that_it_could_not_read_the_store_and_apply_refuses(place: Place, api: Api):
    place.write("acrsync.yaml", IDENTIFIED)
    keys = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "x"}
    keys |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ALLOW_HTTP": "true"}
    store = ("--runs", "s3://bucket/runs")
    plan = place.acrsync("plan", *store, environment=keys)
    assert (plan.code, plan.codes) == (0, ["W088"])
    assert "3 to create" in plan.out
    refused = place.acrsync("apply", *QUICK, *store, environment=keys)
    assert (refused.code, refused.codes) == (1, ["E070"])
    assert not sent(api, "POST")


def test_a_strict_run_leaves_an_unknown_create_to_a_person(place: Place, api: Api):
    place.write("acrsync.yaml", IDENTIFIED)
    killed_while(place, api, *QUICK, "--strict-runs")
    blocked = place.acrsync("apply", *QUICK)
    assert "E212" in blocked.codes
    assert names(api) == ["b1", "b2"]
    assert "E212" in place.acrsync("apply", *QUICK).codes
    (close,) = {line.split("run: ")[1] for line in blocked.out.splitlines() if "acrsync runs close" in line}
    run = close.split()[3]
    assert place.acrsync("runs", "close", run, "--reason", "b0 was not created", "--endpoint", api.url).code == 0
    assert place.acrsync("apply", *QUICK).code == 0
    assert names(api) == ["b0", "b1", "b2"]


def test_a_successful_strict_run_leaves_nothing_open(place: Place, api: Api, tmp_path):
    place.write("acrsync.yaml", IDENTIFIED)
    git("init", "--quiet", "--bare", str(tmp_path / "store.git"), folder=tmp_path)
    store = ("--runs", f"git:{tmp_path / 'store.git'}")
    assert place.acrsync("apply", *QUICK, "--strict-runs", *store).code == 0
    ref = git("for-each-ref", "--format=%(refname)", folder=tmp_path / "store.git").strip()
    log = git("log", "--format=%s", ref, folder=tmp_path / "store.git")
    assert [name in log for name in ("claims b0", "claims b1", "claims b2")] == [True] * 3
    assert place.acrsync("plan", *store).codes == []


def test_the_store_and_the_list_are_read_in_parallel(place: Place, api: Api, tmp_path):
    """A fetch that ends only after the list was asked for: a plan that read the store first would hang."""
    place.write("acrsync.yaml", IDENTIFIED)
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    waits = "while [ ! -e listed ]; do sleep 0.02; done; touch fetched"
    slow.write_text(f'#!/bin/sh\ncase "$*" in *fetch*) {waits};; esac\nexec /usr/bin/git "$@"\n')
    slow.chmod(0o755)
    git("init", "--quiet", "--bare", str(tmp_path / "store.git"), folder=tmp_path)
    path = {"PATH": f"{slow.parent}:{place.environment['PATH']}"}
    process = place.start("plan", "--runs", f"git:{tmp_path / 'store.git'}", environment=path)
    until(lambda: sent(api, "GET"))
    place.write("listed", "")
    assert place.ended(process).code == 0
    assert (place.folder / "fetched").exists()


def test_a_store_can_be_given_as_a_relative_path(place: Place, api: Api):
    place.write("acrsync.yaml", IDENTIFIED)
    git("init", "--quiet", "--bare", str(place.folder / "store.git"), folder=place.folder)
    assert place.acrsync("apply", *QUICK, "--runs", "git:./store.git").code == 0
    assert place.acrsync("plan", "--runs", f"git:../{place.folder.name}/store.git").codes == []
