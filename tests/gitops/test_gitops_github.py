"""The action and the example workflows, run: who sees which token, what is applied, what is said where."""

from __future__ import annotations

import base64
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.commandline import ROOT, Place
from emulator.api import Api
from gitops.forge import MANIFEST, READ, WRITE, Forge, forge
from gitops.github_runner import Job, Machine, Runner
from store_servers import git_backend, listening

SCRIPT = runpy.run_path(str(ROOT / ".github" / "action" / "run.py"))
WORKFLOWS = ROOT / "examples" / "ci" / "github"
INSTALLED = (
    f'echo "{Path(sys.executable).parent}" >> "$GITHUB_PATH"'  # the acrsync under test, instead of installing it
)


@pytest.fixture
def hub() -> Iterator[Forge]:
    with forge() as state:
        yield state


@pytest.fixture
def scoped(place: Place, api: Api) -> Place:
    """The account knows a token that may read and one that may write."""
    accounts = [{"token": READ, "uid": 19, "scopes": ["read-all"]}, {"token": WRITE, "uid": 19, "scopes": ["*"]}]
    api.reset(accounts=accounts)
    del place.environment["ACRSYNC_TOKEN"]
    return place


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[str]:
    """The repository, on a server that only the token of the jobs opens."""
    git("init", "--quiet", "--bare", str(tmp_path / "server" / "radio" / "buckets"), folder=tmp_path)
    wanted = f"basic {base64.b64encode(b'x-access-token:forge-token-0123456789').decode()}"
    handler = git_backend(tmp_path / "server", lambda _, headers: 200 if headers["Authorization"] == wanted else 401)
    with listening(handler) as url:
        yield url


def git(*arguments: str, folder: Path) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def runner(scoped: Place, tmp_path: Path, hub: Forge, git_server: str) -> Runner:
    repository, folder = tmp_path / "repository", tmp_path / "runner"
    for path in (repository, folder):
        path.mkdir()
    (repository / "acrsync.yaml").write_text(MANIFEST)
    github = {
        "event_name": "pull_request",
        "repository": "radio/buckets",
        "server_url": git_server,
        "api_url": hub.url,
        "run_id": "7",
        "run_attempt": "1",
        "token": hub.token,
        "event": {
            "pull_request": {
                "head": {"repo": {"full_name": "radio/buckets"}},
                "comments_url": f"{hub.url}/repos/radio/buckets/issues/1/comments",
            }
        },
    }
    secrets = {"ACRSYNC_READ_TOKEN": READ, "ACRSYNC_WRITE_TOKEN": WRITE}
    return Runner(repository, folder, ROOT, scoped.environment, {"Install acrsync": INSTALLED}, github, secrets)


def acrsync(runner: Runner, **given: str) -> Job:
    """One job with only the action, which runs in the folder of the manifest."""
    steps = [
        {"uses": f"actions/checkout@{'0' * 40}", "with": {"persist-credentials": False}},
        {"id": "it", "uses": f"acrsync/acrsync@{'0' * 40}", "with": given},
    ]
    names = ("has_changes", "has_deletes", "exit_code", "digest")
    outputs = {name: f"${{{{ steps.it.outputs.{name} }}}}" for name in names}
    return runner.job("only", {"steps": steps, "outputs": outputs}, {"github": runner.github, "secrets": {}})


def names_of(api: Api) -> set[str]:
    return {row["name"] for row in api.get("/buckets")["data"]}


# The action


def test_the_action_validates_without_a_token_and_without_network(runner: Runner):
    runner.environment["ACRSYNC_ENDPOINT"] = "http://127.0.0.1:1"
    done = acrsync(runner, command="validate")
    assert (done.result, done.outputs["exit_code"]) == ("success", "0")
    assert "Valid: 1 bucket in acrsync.yaml." in done.log


def test_the_action_plans_saves_the_plan_and_sets_outputs(runner: Runner, api: Api):
    done = acrsync(runner, command="plan", token=READ)
    assert done.result == "success", done.log
    kept = runner.artifacts["acrsync-plan"]
    assert {path.name for path in kept.iterdir()} == {"plan.json", "plan.md", "plan.html", "plan.tf.json"}
    digest = json.loads((kept / "plan.json").read_text())["digest"]
    assert done.outputs == {"has_changes": "true", "has_deletes": "true", "exit_code": "0", "digest": digest}
    assert done.summary == (kept / "plan.md").read_text()
    assert {entry["method"] for entry in api.requests()} == {"GET"}


def test_the_action_applies_only_the_approved_plan(runner: Runner, api: Api):
    planned = acrsync(runner, command="plan", token=READ)
    (runner.repository / "plan.json").write_bytes((runner.artifacts["acrsync-plan"] / "plan.json").read_bytes())
    other = acrsync(runner, command="apply", token=WRITE, plan="plan.json", expect=f"sha256:{'0' * 64}")
    assert (other.result, other.outputs["exit_code"]) == ("failure", "1")
    assert "E057" in other.log
    assert "music" not in names_of(api)
    done = acrsync(runner, command="apply", token=WRITE, plan="plan.json", expect=planned.outputs["digest"])
    assert (done.result, done.outputs["digest"]) == ("success", planned.outputs["digest"])
    assert names_of(api) >= {"music"}
    assert "adsfasdf" not in names_of(api)
    [kept] = runner.artifacts["acrsync-record-1"].iterdir()
    assert kept.name == "record.jsonl"
    assert json.loads(kept.read_text().splitlines()[0])["plan"]["digest"] == done.outputs["digest"]
    assert WRITE not in kept.read_text()


def test_the_record_of_an_apply_that_failed_is_kept_and_that_of_no_run_is_not(runner: Runner, api: Api):
    refused = acrsync(runner, command="apply", token=READ)
    assert (refused.result, list(runner.artifacts)) == ("failure", ["acrsync-record-1"]), refused.log
    text = next(runner.artifacts.pop("acrsync-record-1").iterdir()).read_text()
    assert json.loads(text.splitlines()[-1])["exit_code"] == 1
    assert acrsync(runner, command="apply", token=WRITE, **{"record-artifact": ""}).result == "success"
    assert runner.artifacts == {}
    assert acrsync(runner, command="apply", token=WRITE).result == "success"
    assert not [*runner.artifacts.get("acrsync-record-1", Path("none")).glob("*")], "there was nothing to do"


def test_the_action_applies_a_manifest_too(runner: Runner, api: Api):
    assert acrsync(runner, command="apply", token=WRITE).result == "success"
    assert "music" in names_of(api)


def test_the_token_is_masked_in_everything_that_the_action_prints(runner: Runner):
    done = acrsync(runner, command="plan", token=READ)
    assert "::add-mask::***" in done.log
    assert READ not in done.log + done.summary
    assert all(READ not in path.read_text() for path in runner.artifacts["acrsync-plan"].iterdir())


def test_a_refused_plan_fails_the_step_and_is_still_saved(runner: Runner):
    manifest = MANIFEST.replace("removed: [{name: adsfasdf}]", "removed: [{name: us_bucket}]")
    (runner.repository / "acrsync.yaml").write_text(manifest)
    done = acrsync(runner, command="plan", token=READ)
    assert (done.result, done.outputs["exit_code"]) == ("failure", "3")
    assert "::error " in done.log
    assert "plan.md" in {path.name for path in runner.artifacts["acrsync-plan"].iterdir()}


INPUTS = [
    ("a manifest of two files", {"paths": "a.yaml b/c.yaml"}, "success"),
    ("one below the other", {"paths": "a.yaml\nb/c.yaml"}, "success"),
    ("another folder", {"working-directory": "b", "paths": "c.yaml"}, "success"),
    ("a path that is a command is only a path", {"paths": "$(touch /tmp/x);`id`"}, "failure"),
    ("patterns and names with spaces", {"paths": "my buckets/d e.yaml\n*.yaml"}, "success"),
    ("a path that is an option is only a path", {"paths": "--help"}, "failure"),
    ("no such command", {"command": "destroy"}, "failure"),
]


@pytest.mark.parametrize(("reason", "given", "result"), INPUTS, ids=[case[0] for case in INPUTS])
def test_inputs_of_the_action_are_never_commands(runner: Runner, reason: str, given: dict[str, str], result: str):
    (runner.repository / "a.yaml").write_text("version: 1\nbuckets: [{name: a, region: eu-west-1, type: File}]\n")
    (runner.repository / "my buckets").mkdir()
    (runner.repository / "my buckets" / "d e.yaml").write_text("version: 1\n")
    (runner.repository / "b").mkdir()
    (runner.repository / "b" / "c.yaml").write_text("buckets: [{name: c, region: eu-west-1, type: File}]\nversion: 1\n")
    done = acrsync(runner, **{"command": "validate", **given})
    assert done.result == result, done.log


def test_the_action_takes_the_endpoint_from_its_input_before_the_environment(runner: Runner):
    endpoint = runner.environment["ACRSYNC_ENDPOINT"]
    runner.environment["ACRSYNC_ENDPOINT"] = "http://127.0.0.1:1"
    assert acrsync(runner, command="plan", token=READ, endpoint=endpoint).result == "success"


PATHS = [
    ("one", "a.yaml", ["a.yaml"]),
    ("two on a line", "a.yaml  b/c.yaml", ["a.yaml", "b/c.yaml"]),
    ("one a line", "a.yaml\n\n  b/c.yaml\n", ["a.yaml", "b/c.yaml"]),
    ("a pattern", "*.yaml", ["a.yaml", "it's.yaml"]),
    ("a pattern of folders", "**/*.yaml", ["a.yaml", "b/c.yaml", "it's.yaml", "my buckets/d e.yaml"]),
    ("a pattern that nothing fits", "*.json", ["*.json"]),
    ("a name with spaces", "my buckets/d e.yaml", ["my buckets/d e.yaml"]),
    ("a pattern with spaces", "my buckets/*.yaml", ["my buckets/d e.yaml"]),
    (
        "a name with spaces among others",
        "a.yaml 'my buckets/d e.yaml' b/*",
        ["a.yaml", "my buckets/d e.yaml", "b/c.yaml"],
    ),
    ("a name with a quote", "it's.yaml", ["it's.yaml"]),
    ("a quote without its other half", "a.yaml it's.yaml", ["a.yaml", "it's.yaml"]),
    ("nothing", " \n", []),
]


@pytest.mark.parametrize(("reason", "text", "paths"), PATHS, ids=[case[0] for case in PATHS])
def test_paths_are_names_or_patterns_separated_by_lines_or_spaces(
    reason: str, text: str, paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("a.yaml", "b/c.yaml", "my buckets/d e.yaml", "it's.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert list(SCRIPT["found"](text)) == paths


OPTIONS = [
    ("nothing", {}, "--yes -- acrsync.yaml"),
    ("prune", {"prune": "true"}, "--prune --yes -- acrsync.yaml"),
    ("no prune", {"prune": "false"}, "--yes -- acrsync.yaml"),
    ("a limit", {"max-deletes": "30%"}, "--max-deletes=30% --yes -- acrsync.yaml"),
    ("settle", {"settle": "5"}, "--settle=5 --yes -- acrsync.yaml"),
    ("approvals", {"allow": "replace:1 in-use:2\ntakeover:3"},
     "--allow=replace:1 --allow=in-use:2 --allow=takeover:3 --yes -- acrsync.yaml"),
    ("an option in the place of a value", {"settle": "--prune"}, "--settle=--prune --yes -- acrsync.yaml"),
    ("runs", {"runs": "git:origin"}, "--runs=git:origin --yes -- acrsync.yaml"),
    ("environments", {"env": "staging prod"}, "--env=staging --env=prod --yes -- acrsync.yaml"),
    ("strict runs of an older commit", {"strict-runs": "true", "allow-older": "true"},
     "--strict-runs --allow-older --yes -- acrsync.yaml"),
    ("a saved plan", {"plan": "plan.json", "expect": "sha256:0", "runs": "git:origin"},
     "--runs=git:origin --yes --plan=plan.json --expect=sha256:0"),
]  # fmt: skip


def inputs_of_the_action(**given: str) -> dict[str, str]:
    """Return the inputs as the step that runs acrsync gets them."""
    declared = yaml.safe_load((ROOT / "action.yml").read_text())
    names = {key for step in declared["runs"]["steps"] for key in step.get("env", {}) if key.startswith("INPUT_")}
    values = {key: str(value.get("default", "")) for key, value in declared["inputs"].items()}
    values |= {"runs": "", "github-token": "", **given}
    found = {key.upper().replace("-", "_"): value for key, value in values.items()}
    others = {"ARTIFACT", "RECORD_ARTIFACT", "WORKING_DIRECTORY"}
    assert {name.removeprefix("INPUT_") for name in names} == set(found) - others
    return found


@pytest.mark.parametrize(("reason", "given", "line"), OPTIONS, ids=[case[0] for case in OPTIONS])
def test_an_option_is_given_only_if_its_input_is_set(reason: str, given: dict[str, str], line: str):
    found = SCRIPT["command_line"](inputs_of_the_action(command="apply", **given), Path("kept"))
    record = f"--out=record:kept/record{'-{env}' if ' ' in given.get('env', '') else ''}.jsonl"
    found.remove(record)
    assert found == ["apply", *line.split()]


def test_each_environment_has_files_of_its_own():
    for given, each in (("", ""), ("prod", ""), ("staging prod", "-{env}"), ("all", "-{env}")):
        line = SCRIPT["command_line"](inputs_of_the_action(env=given), Path("kept"))
        assert f"--out=json:kept/plan{each}.json" in line


def test_the_tokens_of_environments_have_the_names_that_the_manifest_gives_them():
    tokens = SCRIPT["tokens_of"]("ACRSYNC_TOKEN_A=one\n\n ACRSYNC_TOKEN_B = t=w=o \nACRSYNC_TOKEN_C=\n")
    assert tokens == {"ACRSYNC_TOKEN_A": "one", "ACRSYNC_TOKEN_B": "t=w=o"}
    for wrong in ("PATH=/tmp", "ACRSYNC_TOKEN=secret", "secret"):
        with pytest.raises(SCRIPT["Wrong"], match="each line of tokens") as refused:
            SCRIPT["tokens_of"](wrong)
        assert "secret" not in str(refused.value)


def test_git_logs_in_with_the_token_of_the_job_and_no_command_line_shows_it(tmp_path: Path):
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "radio" / "buckets")], check=True)
    basic = base64.b64encode(b"x-access-token:t0ken").decode()
    seen: list[bytes] = []

    def allowed(_path: str, headers: Message) -> int:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                seen.append(path.read_bytes())
        return 200 if headers.get_all("Authorization") == [f"basic {basic}"] else 401

    with listening(git_backend(tmp_path, allowed)) as url:
        inputs = inputs_of_the_action(runs=f"git:{url}/radio/buckets", **{"github-token": "t0ken"})
        login = SCRIPT["logged_in"](inputs, {"GITHUB_SERVER_URL": url, "GIT_CONFIG_COUNT": "0"})
        line = ["git", "ls-remote", f"{url}/radio/buckets"]
        subprocess.run(line, env={**os.environ, **login, "GIT_TERMINAL_PROMPT": "0"}, check=True, cwd=tmp_path)
    assert any(b"ls-remote" in line for line in seen)
    assert not any(basic.encode() in line or b"t0ken" in line for line in seen)


NO_LOGIN = [
    ("runs in a bucket", {"runs": "s3://bucket/x"}),
    ("runs where the manifest says", {"runs": ""}),
    ("no token", {"github-token": ""}),
]


@pytest.mark.parametrize(("reason", "given"), NO_LOGIN, ids=[case[0] for case in NO_LOGIN])
def test_git_gets_no_token_if_it_needs_none(reason: str, given: dict[str, str]):
    inputs = inputs_of_the_action(**{"runs": "git:origin", "github-token": "t0ken", **given})
    assert SCRIPT["logged_in"](inputs, {"GITHUB_SERVER_URL": "https://github.example.com"}) == {}


def test_an_option_that_is_neither_true_nor_false_fails_and_nothing_is_run(runner: Runner, api: Api):
    done = acrsync(runner, command="apply", token=WRITE, prune="yes")
    assert (done.result, "prune must be true or false" in done.log, api.requests()) == ("failure", True, [])


def test_the_action_prunes_and_approves_as_its_inputs_say(runner: Runner, api: Api):
    (runner.repository / "acrsync.yaml").write_text("version: 1\nprune: account\naccount: {uid: 19}\nbuckets: []\n")
    given = {"command": "plan", "token": READ, "max-deletes": "100%"}
    assert acrsync(runner, **given).outputs["has_deletes"] == "false"
    assert acrsync(runner, **given, prune="true").outputs["exit_code"] == "3"


def test_the_exit_code_reports_changes_and_does_not_fail_the_step(runner: Runner):
    given = {"command": "plan", "token": READ, "detailed-exitcode": "true"}
    done = acrsync(runner, **given)
    assert (done.result, done.outputs["exit_code"]) == ("success", "2")
    (runner.repository / "acrsync.yaml").write_text("version: 1\naccount: {uid: 19}\nbuckets: []\n")
    done = acrsync(runner, **given)
    assert (done.result, done.outputs["exit_code"]) == ("success", "0")
    (runner.repository / "acrsync.yaml").write_text("version: 2\n")
    done = acrsync(runner, **given)
    assert (done.result, done.outputs["exit_code"]) == ("failure", "1")


def test_on_windows_the_action_reports_that_it_is_not_supported(runner: Runner):
    runner.system = "Windows"
    done = acrsync(runner, command="validate")
    assert (done.result, "acrsync does not work on Windows." in done.log) == ("failure", True)
    assert runner.started == ["Refuse Windows"]


# The example workflows


def test_a_pull_request_is_planned_with_the_token_that_reads_and_changes_nothing(runner: Runner, api: Api, hub: Forge):
    jobs = runner.workflow(WORKFLOWS / "acrsync.yml")
    assert {name: job.result for name, job in jobs.items()} == {
        "validate": "success",
        "plan": "success",
        "comment": "success",
        "apply": "skipped",
    }
    assert runner.visible_tokens == ["plan: Run acrsync"]
    assert {entry["method"] for entry in api.requests()} == {"GET"}
    [comment] = hub.comments
    assert comment["body"].startswith("<!-- acrsync:radio -->\n**Plan: 1 to create, 1 to delete.")
    assert comment["body"].endswith(f"\nMore: {runner.github['server_url']}/radio/buckets/actions/runs/7")


def test_the_comment_is_found_among_many_and_updated(runner: Runner, hub: Forge):
    said = {"body": "<!-- acrsync:radio --> fake, by a person", "user": {"type": "User"}}
    hub.comments = [said, *({"body": "me too", "user": {"type": "User"}} for _ in range(250))]
    runner.workflow(WORKFLOWS / "acrsync.yml")
    (runner.repository / "acrsync.yaml").write_text(MANIFEST.replace("removed:", "# removed:"))
    runner.workflow(WORKFLOWS / "acrsync.yml")
    assert len(hub.comments) == 252
    assert hub.comments[0] == said
    assert "**Plan: 1 to create." in hub.comments[-1]["body"]


def test_a_failed_plan_is_reported_in_the_comment(runner: Runner, hub: Forge):
    runner.workflow(WORKFLOWS / "acrsync.yml")
    runner.secrets["ACRSYNC_READ_TOKEN"] = "wrong-token-0123456789"
    runner.artifacts.clear()
    jobs = runner.workflow(WORKFLOWS / "acrsync.yml")
    assert (jobs["plan"].result, jobs["comment"].result) == ("failure", "success")
    [comment] = hub.comments
    assert comment["body"].startswith("<!-- acrsync: -->\n**There is no plan.**")


def test_a_pull_request_from_a_fork_is_validated_and_sees_no_token(runner: Runner, api: Api):
    runner.github["event"]["pull_request"]["head"]["repo"]["full_name"] = "stranger/buckets"
    runner.secrets = {}
    jobs = runner.workflow(WORKFLOWS / "acrsync.yml")
    ends = [jobs[name].result for name in ("validate", "plan", "comment", "apply")]
    assert ends == ["success", "skipped", "skipped", "skipped"]
    assert runner.visible_tokens == []
    assert api.requests() == []


def test_a_merge_is_applied_from_the_saved_plan(runner: Runner, api: Api, hub: Forge):
    runner.github |= {"event_name": "push", "event": {}}
    jobs = runner.workflow(WORKFLOWS / "acrsync.yml")
    ends = [jobs[name].result for name in ("validate", "plan", "comment", "apply")]
    assert ends == ["success", "success", "skipped", "success"], jobs["apply"].log
    assert runner.visible_tokens == ["plan: Run acrsync", "apply: Run acrsync"]
    assert "music" in names_of(api)
    assert "**Applied: 1 created, 1 deleted. Verified:" in jobs["apply"].summary
    assert hub.comments == []
    again = runner.workflow(WORKFLOWS / "acrsync.yml")
    assert (again["plan"].outputs["has_changes"], again["apply"].result) == ("false", "skipped")


def test_an_apply_is_in_the_git_log_and_known_to_the_next_machine(runner: Runner, tmp_path: Path):
    runner.github |= {"event_name": "push", "event": {}}
    jobs = runner.workflow(WORKFLOWS / "acrsync.yml")
    assert jobs["apply"].result == "success", jobs["apply"].log
    server = tmp_path / "server" / "radio" / "buckets"
    [ref] = git("for-each-ref", "--format=%(refname)", folder=server).split()
    assert ref.startswith("refs/acrsync/127.0.0.1_")
    assert ref.endswith("/19")
    log = git("log", "--format=%s", ref, folder=server).splitlines()
    assert [line.partition(": ")[2] for line in log] == ["ends with exit code 0", "begins"]
    [record] = git("ls-tree", "-r", "--name-only", ref, "runs", folder=server).split()
    assert '"music"' in git("show", f"{ref}:{record}", folder=server)
    # The token of the job and what git sends of it are masked, and in nothing that stays.
    basic = base64.b64encode(f"x-access-token:{runner.github['token']}".encode()).decode()
    kept = git("log", "--patch", ref, folder=server) + "".join(job.log + job.summary for job in jobs.values())
    assert basic not in kept
    assert runner.github["token"] not in kept


def test_if_an_apply_cannot_record_its_run_it_writes_nothing_and_names_the_permission(
    runner: Runner, api: Api, tmp_path: Path
):
    readers = git_backend(tmp_path / "server", lambda path, _: 403 if "receive-pack" in path else 200)
    with listening(readers) as url:
        runner.github["server_url"] = url
        done = acrsync(runner, command="apply", token=WRITE)
    assert (done.result, done.outputs["exit_code"]) == ("failure", "1")
    assert "contents: write" in done.log
    assert {entry["method"] for entry in api.requests()} == {"GET"}


def test_a_plan_that_was_exchanged_is_not_applied(runner: Runner, api: Api):
    runner.github |= {"event_name": "push", "event": {}}
    (runner.repository / "acrsync.yaml").write_text(MANIFEST.replace("music", "evil"))
    runner.workflow(WORKFLOWS / "acrsync.yml")
    evil = runner.artifacts["acrsync-plan"] / "plan.json"
    api.reset(accounts=[{"token": token, "uid": 19, "scopes": ["*"]} for token in (READ, WRITE)])
    runner.environment["ACRSYNC_SETTLE"] = "0"  # no list will show again what the first run wrote
    (runner.repository / "acrsync.yaml").write_text(MANIFEST)
    runner.instead = {**runner.instead, "Keep the plan": ""}
    upload = Machine.upload

    def exchanged(machine: Machine, given: dict[str, Any]) -> bool:
        kept = upload(machine, given)
        (runner.artifacts["acrsync-plan"] / "plan.json").write_bytes(evil.read_bytes())
        return kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Machine, "upload", exchanged)
        jobs = runner.workflow(WORKFLOWS / "acrsync.yml")
    assert jobs["apply"].result == "failure"
    assert "E057" in jobs["apply"].log
    assert names_of(api).isdisjoint({"evil", "music"})


def test_drift_opens_one_issue_and_keeps_it_up_to_date(runner: Runner, hub: Forge, api: Api):
    jobs = runner.workflow(WORKFLOWS / "acrsync-drift.yml")
    assert jobs["drift"].result == "success", jobs["drift"].log
    [issue] = hub.issues
    assert (issue["title"], issue["labels"]) == ("ACRCloud differs from acrsync.yaml", ["acrsync-drift"])
    assert "1 to create, 1 to delete" in issue["body"]
    (runner.repository / "acrsync.yaml").write_text(MANIFEST.replace("removed:", "# removed:"))
    runner.workflow(WORKFLOWS / "acrsync-drift.yml")
    assert len(hub.issues) == 1
    assert "1 to create. " in hub.issues[0]["body"]
    assert runner.visible_tokens == ["drift: Run acrsync"] * 2
    assert {entry["method"] for entry in api.requests()} == {"GET"}


def test_a_refused_plan_is_drift_and_the_issue_is_closed_when_the_account_matches_again(runner: Runner, hub: Forge):
    manifest = runner.repository / "acrsync.yaml"
    manifest.write_text(MANIFEST.replace("uid: 19", "uid: 20"))
    assert runner.workflow(WORKFLOWS / "acrsync-drift.yml")["drift"].result == "failure"
    [issue] = hub.issues
    assert "Refused: 1 objection" in issue["body"]
    manifest.write_text(MANIFEST)
    assert acrsync(runner, command="apply", token=WRITE).result == "success"
    assert runner.workflow(WORKFLOWS / "acrsync-drift.yml")["drift"].result == "success"
    assert [found["state"] for found in hub.issues] == ["closed"]


def test_no_drift_opens_no_issue_and_a_broken_run_fails(runner: Runner, hub: Forge):
    assert acrsync(runner, command="apply", token=WRITE).result == "success"
    assert runner.workflow(WORKFLOWS / "acrsync-drift.yml")["drift"].result == "success"
    runner.secrets["ACRSYNC_READ_TOKEN"] = "wrong-token-0123456789"
    assert runner.workflow(WORKFLOWS / "acrsync-drift.yml")["drift"].result == "failure"
    assert hub.issues == []


@pytest.mark.slow
def test_the_action_installs_only_locked_packages_once_per_job(runner: Runner, api: Api):
    runner.instead = {}
    runner.environment |= {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_"))}
    (runner.repository / "acrsync.yaml").write_text(MANIFEST)
    use = {"uses": f"acrsync/acrsync@{'0' * 40}"}
    steps = [
        {"uses": f"actions/checkout@{'0' * 40}", "with": {"persist-credentials": False}},
        {**use, "with": {"command": "validate"}},
        {"id": "it", **use, "with": {"command": "plan", "token": READ}},
    ]
    context = {"github": runner.github, "secrets": {}}
    outputs = {"has_changes": "${{ steps.it.outputs.has_changes }}"}
    done = runner.job("only", {"steps": steps, "outputs": outputs}, context)
    assert (done.result, done.outputs["has_changes"]) == ("success", "true"), done.log
    assert (runner.started.count("Install acrsync"), runner.started.count("Run acrsync")) == (1, 2)
    [kept] = runner.caches.values()
    offline = {**runner.environment, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
    online, runner.environment = runner.environment, offline
    assert runner.job("only", {"steps": steps, "outputs": outputs}, context).result == "success"
    for path in kept.iterdir():
        path.write_bytes(b"exchanged")
    assert runner.job("only", {"steps": steps, "outputs": outputs}, context).result == "failure"
    runner.environment = online
    assert runner.job("only", {"steps": steps, "outputs": outputs}, context).result == "success"
