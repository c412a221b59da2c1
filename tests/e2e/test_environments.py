"""One manifest, several environments: each reaches its own account, and what fails in one stops no other."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from acrsync.emulator import serve
from e2e.commandline import ROOT, Place, validator
from e2e.terminal import at_a_terminal
from emulator.api import Api

EXAMPLE = (ROOT / "examples" / "environments" / "acrsync.yaml").read_text()
NAMES = ("staging", "prod")
OWN = {"uid": 20, "name": "own", "id": 500, "region": "eu-west-1", "type": "File"}
TOKEN_20 = "token-of-account-20-0123456789"


@dataclass
class Fleet:
    """A folder, and an emulator for each environment."""

    place: Place
    apis: dict[str, Api]

    def write(self, manifest: str) -> None:
        self.place.write("acrsync.yaml", manifest)

    def run(self, *arguments: str, **options: Any) -> Any:
        return self.place.acrsync(*arguments, **options)

    def writes(self, name: str) -> list[str]:
        return [entry["method"] for entry in self.apis[name].requests() if entry["method"] != "GET"]


@pytest.fixture
def fleet(bare: Place) -> Iterator[Fleet]:
    """Two environments, each with an emulator of its own and one bucket each."""
    with ExitStack() as stack:
        apis = {name: Api(stack.enter_context(serve())) for name in NAMES}
        for api in apis.values():
            stack.callback(api.session.close)
        for name, api in apis.items():
            bare.environment[f"ACRSYNC_TOKEN_{name.upper()}"] = api.token
            bare.secrets.add(api.token)
        found = Fleet(bare, apis)
        found.write(manifest_for(apis))
        yield found


def manifest_for(apis: dict[str, Api], **more: str) -> str:
    """Return a manifest of one bucket in each environment; `more`: what is added to an environment."""
    lines = [
        f"  {name}: {{account: {{uid: 19}}, endpoint: '{api.url}', token_env: ACRSYNC_TOKEN_{name.upper()}"
        f"{more.get(name, '')}}}\n"
        for name, api in apis.items()
    ]
    return "version: 1\nenvironments:\n" + "".join(lines) + "buckets: [{name: music, region: eu-west-1, type: File}]\n"


@pytest.fixture
def two_accounts(bare: Place, api: Api) -> Place:
    """One API, and two accounts of it: 19 has the six documented buckets, 20 has one."""
    api.reset(accounts=[{"token": TOKEN_20, "uid": 20}], rows="documented")
    other = Api.__new__(Api)
    other.__dict__.update(api.__dict__)
    bare.environment |= {"ACRSYNC_TOKEN_STAGING": TOKEN_20, "ACRSYNC_TOKEN_PROD": api.token}
    bare.secrets |= {TOKEN_20, api.token}
    bare.write("acrsync.yaml", EXAMPLE)
    answer = api.session.post(
        f"{api.url}/api/buckets",
        json={"name": "own", "region": "eu-west-1", "type": "File"},
        headers={"Authorization": f"Bearer {TOKEN_20}"},
        timeout=10,
    )
    assert answer.status_code == 201, answer.text
    api.control("DELETE", "requests")
    return bare


def writes(api: Api) -> list[str]:
    return [entry["method"] for entry in api.requests() if entry["method"] != "GET"]


def test_validate_checks_every_environment(bare: Place):
    bare.write("acrsync.yaml", EXAMPLE)
    assert bare.acrsync("validate").out == (
        "Valid: 24 buckets in 2 environments (staging 12, prod 12) in acrsync.yaml.\n"
    )
    bare.write("acrsync.yaml", EXAMPLE.replace('variables: {prefix: ""}', "variables: {}"))
    done = bare.acrsync("validate")
    assert (done.code, set(done.codes)) == (1, {"E162"})
    assert "prod" in done.out
    assert bare.acrsync("validate", "--env", "staging").code == 0, "only that one is asked about"


def test_an_unknown_environment_beside_all_is_an_error(bare: Place):
    bare.write("acrsync.yaml", EXAMPLE)
    for command in ("validate", "plan", "apply"):
        yes = ["--yes"] if command == "apply" else []
        done = bare.acrsync(command, "--env", "all", "--env", "stagin", *yes)
        assert (done.code, done.codes) == (1, ["E161"])
        assert "did you mean staging?" in done.out + done.err


def test_validate_finds_the_other_name_and_reads_folders_and_standard_input(bare: Place):
    bare.write("acrsync.yml", EXAMPLE)
    bare.write("more/b.yaml", EXAMPLE)
    assert "in acrsync.yml." in bare.acrsync("validate").out
    assert "in more/b.yaml." in bare.acrsync("validate", "more").out
    with (bare.folder / "acrsync.yml").open() as file:
        assert "24 buckets" in bare.acrsync("validate", "-", stdin=file).out


def test_a_manifest_with_environments_is_not_planned_without_one(bare: Place):
    bare.write("acrsync.yaml", EXAMPLE)
    for command in ("plan", "apply"):
        done = bare.acrsync(command, "--endpoint", "emulator:", *(["--yes"] if command == "apply" else []))
        assert (done.code, done.codes) == (1, ["E160"])


def test_a_rendered_manifest_plans_as_its_environment_and_renders_as_it_is(fleet: Fleet):
    rendered = fleet.run("render", "--env", "prod").out
    fleet.place.write("prod.yaml", rendered)
    assert fleet.run("render", "prod.yaml").out == rendered
    one = fleet.run("plan", "--env", "prod", "--format", "json").document
    other = fleet.run("plan", "prod.yaml", "--format", "json").document
    assert one["digest"] == other["digest"]


def test_only_the_endpoint_and_token_of_the_environment_are_used(fleet: Fleet):
    elsewhere = {"ACRSYNC_TOKEN": "another-token-0123456789", "ACRSYNC_ENDPOINT": "http://127.0.0.1:9"}
    done = fleet.run("plan", "--env", "prod", environment=elsewhere)
    assert done.code == 0
    assert "note: ignored" in done.err
    assert "ACRSYNC_TOKEN, ACRSYNC_ENDPOINT" in done.err
    assert [entry["method"] for entry in fleet.apis["staging"].requests()] == []

    fleet.place.write("token", "x")
    for wrong in (("--token-file", "token"), ("--endpoint", "https://api-v2.acrcloud.com")):
        done = fleet.run("plan", "--env", "prod", *wrong)
        assert (done.code, done.codes) == (1, ["E002"]), wrong
    done = fleet.run("plan", "--env", "prod", "--endpoint", fleet.apis["prod"].url)
    assert done.code == 0, "this machine may be named, for tests"
    assert fleet.run("plan", "--env", "prod", "--endpoint", "emulator:").code == 0


def test_a_token_that_is_missing_is_never_replaced_by_another_one(fleet: Fleet):
    del fleet.place.environment["ACRSYNC_TOKEN_PROD"]
    done = fleet.run("plan", "--env", "prod", environment={"ACRSYNC_TOKEN": "another-token-0123456789"})
    assert (done.code, done.codes) == (1, ["E013"])
    assert "ACRSYNC_TOKEN_PROD" in done.err
    fleet.write(manifest_for(fleet.apis).replace(", token_env: ACRSYNC_TOKEN_PROD", ""))
    done = fleet.run("plan", "--env", "prod", environment={"ACRSYNC_TOKEN": "another-token-0123456789"})
    assert (done.code, done.codes) == (1, ["E013"])
    assert "add to the environment: token_env: ACRSYNC_TOKEN_PROD" in done.err


def test_the_manifest_sets_the_store_and_the_record_names_the_environment(fleet: Fleet):
    fleet.write(manifest_for(fleet.apis, prod=", runs: kept"))
    assert fleet.run("apply", "--yes", "--env", "prod").code == 0
    (record,) = (fleet.place.folder / "kept").glob("*.jsonl")
    assert json.loads(record.read_text().splitlines()[0])["environment"] == "prod"
    assert record.stem in fleet.run("runs", "--env", "prod").out


def test_several_environments_are_planned_and_applied_in_one_run(fleet: Fleet):
    plan = fleet.run("plan", "--env", "all", "--format", "json")
    document = json.loads(plan.out)
    assert [*document] == ["environments"]
    assert {*document["environments"]} == {*NAMES}
    for one in document["environments"].values():
        validator("plan").validate(one)
        assert one["summary"]["create"] == 1
    apply = fleet.run("apply", "--yes", "--env", "prod", "--env", "staging")
    assert apply.code == 0
    assert "2 environments: 2 ok." in apply.out
    assert [fleet.writes(name) for name in NAMES] == [["POST"], ["POST"]]
    records = [path.read_text().splitlines()[0] for path in (fleet.place.folder / ".acrsync/runs").glob("*.jsonl")]
    assert {json.loads(line)["environment"] for line in records} == {*NAMES}
    again = fleet.run("plan", "--env", "all", "--detailed-exitcode")
    assert (again.code, again.out.count("No changes.")) == (0, 4)


def test_a_failure_in_one_environment_stops_no_other_and_is_reported_first(fleet: Fleet):
    """One token that expired, one guard that refuses, one server that hangs, one that is well."""
    with ExitStack() as stack:
        refusing, well = (Api(stack.enter_context(serve())) for _ in range(2))
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for api in (refusing, well):
            stack.callback(api.session.close)
        place = fleet.place
        hanging = f"http://127.0.0.1:{silent.getsockname()[1]}"
        urls = {"expired": refusing.url, "hanging": hanging, "refusing": refusing.url, "well": well.url}
        uids = {"refusing": 77}
        lines = "".join(
            f"  {name}: {{account: {{uid: {uids.get(name, 19)}}}, endpoint: '{url}', "
            f"token_env: ACRSYNC_TOKEN_{name.upper()}}}\n"
            for name, url in urls.items()
        )
        tokens = {"expired": "expired-token", "hanging": "some-token", "refusing": refusing.token, "well": well.token}
        place.environment |= {f"ACRSYNC_TOKEN_{name.upper()}": token for name, token in tokens.items()}
        place.secrets |= {*tokens.values()}
        place.write(
            "acrsync.yaml",
            f"version: 1\nenvironments:\n{lines}buckets: [{{name: music, region: eu-west-1, type: File}}]\n",
        )
        outputs = [f"--out={name}:all.{name}" for name in ("text", "markdown", "html", "gitlab")]
        done = place.acrsync("apply", "--yes", "--env", "all", "--timeout", "0.3", "--format", "json", *outputs)

        found = json.loads(done.out)["environments"]
        codes = {name: one["exit_code"] for name, one in found.items()}
        assert codes == {"refusing": 3, "expired": 1, "hanging": 1, "well": 0}
        assert next(iter(found)) == "refusing"
        assert [*found][-1] == "well"
        assert done.code == 3, "the worst one"
        assert found["well"]["verified"] is True
        assert writes(well) == ["POST"]
        assert writes(refusing) == []
        for name in ("text", "markdown", "html"):
            text = (place.folder / f"all.{name}").read_text()
            places = [text.index(environment) for environment in ("refusing", "expired", "hanging", "well")]
            assert places == sorted(places), name
        assert json.loads((place.folder / "all.gitlab").read_text()) == {"create": 2, "update": 0, "delete": 0}


def test_with_the_tokens_swapped_nothing_is_written_anywhere(two_accounts: Place, api: Api):
    place = two_accounts
    assert place.acrsync("plan", "--env", "all", "--endpoint", api.url).code == 0, "as they should be"
    own = place.environment
    swapped = {
        "ACRSYNC_TOKEN_STAGING": own["ACRSYNC_TOKEN_PROD"],
        "ACRSYNC_TOKEN_PROD": own["ACRSYNC_TOKEN_STAGING"],
    }
    for names in (["all"], ["staging"], ["prod"]):
        chosen = [word for name in names for word in ("--env", name)]
        done = place.acrsync("apply", "--yes", *chosen, "--endpoint", api.url, environment=swapped)
        assert (done.code, set(done.codes)) == (3, {"E309"}), names
    assert writes(api) == []


def test_an_empty_account_is_not_written_to_while_another_token_is_the_wrong_one(two_accounts: Place, api: Api):
    """Staging's account is empty, so only what prod shows tells that the tokens are swapped."""
    (own,) = [row["id"] for row in api.control("GET", "state")["buckets"] if row["uid"] == 20]
    delete = api.session.delete(
        f"{api.url}/api/buckets/{own}", headers={"Authorization": f"Bearer {TOKEN_20}"}, timeout=10
    )
    assert delete.status_code in (200, 204)
    api.control("DELETE", "requests")
    place = two_accounts
    swapped = {"ACRSYNC_TOKEN_STAGING": api.token, "ACRSYNC_TOKEN_PROD": TOKEN_20}
    done = place.acrsync("apply", "--yes", "--env", "all", "--endpoint", api.url, environment=swapped)
    assert (done.code, set(done.codes)) == (3, {"E309", "E513"})
    assert writes(api) == []


def test_one_token_for_two_environments_that_are_not_meant_to_share_an_account_writes_nothing(fleet: Fleet):
    shared = fleet.apis["prod"]
    text = manifest_for({"staging": shared, "prod": shared}).replace("account: {uid: 19}, ", "")
    fleet.write(
        text.replace("- ", "")
        .replace("name: music", "name: '${prefix}music'")
        .replace("environments:", "variables: {prefix: ''}\nenvironments:")
        .replace("staging: {", "staging: {variables: {prefix: s-}, ")
    )
    done = fleet.run("apply", "--yes", "--env", "all", environment={"ACRSYNC_TOKEN_STAGING": shared.token})
    assert (done.code, set(done.codes)) == (3, {"E513"})
    assert fleet.writes("prod") == []


def test_environments_of_one_account_take_turns(fleet: Fleet):
    shared = fleet.apis["prod"]
    text = manifest_for({"staging": shared, "prod": shared})
    fleet.write(
        text.replace("name: music", "name: '${prefix}music'")
        .replace("environments:", "variables: {prefix: ''}\nenvironments:")
        .replace("staging: {", "staging: {variables: {prefix: s-}, ")
    )
    done = fleet.run("apply", "--yes", "--env", "all", environment={"ACRSYNC_TOKEN_STAGING": shared.token})
    assert done.code == 0, done.out + done.err
    assert fleet.writes("prod") == ["POST", "POST"]


def test_each_environment_has_its_own_saved_plan(fleet: Fleet):
    done = fleet.run("plan", "--env", "all", "--out", "plan.json")
    assert (done.code, done.codes) == (1, ["E002"])
    assert "plan-{env}.json" in done.err
    assert fleet.run("plan", "--env", "all", "--out", "plan-{env}.json", "--out", "html:all.html").code == 0
    assert {path.name for path in fleet.place.folder.glob("plan-*")} == {"plan-staging.json", "plan-prod.json"}
    wrong = fleet.run("apply", "--yes", "--env", "staging", "--plan", "plan-prod.json")
    assert (wrong.code, wrong.codes) == (1, ["E058"])
    assert fleet.run("apply", "--yes", "--env", "all", "--plan", "plan-{env}.json").code == 0
    assert [fleet.writes(name) for name in NAMES] == [["POST"], ["POST"]]


def test_a_saved_plan_knows_its_environment(fleet: Fleet):
    assert fleet.run("plan", "--env", "prod", "--out", "plan-{env}.json").code == 0
    assert fleet.run("apply", "--yes", "--plan", "plan-prod.json").code == 0
    assert [fleet.writes(name) for name in NAMES] == [[], ["POST"]]


def test_annotations_name_the_environment(fleet: Fleet):
    fleet.write(manifest_for(fleet.apis).replace("prod: {account: {uid: 19}", "prod: {account: {uid: 7}"))
    summary = fleet.place.folder / "summary.md"
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": f"{summary}.out"}
    one = fleet.run("plan", "--env", "prod", environment=github)
    every = fleet.run("plan", "--env", "all", environment=github)
    for done in (one, every):
        assert "title=acrsync prod E309" in done.err
    assert "exit_code=3\nhas_changes=true\nhas_deletes=false\n" in Path(f"{summary}.out").read_text()
    assert "## prod" in summary.read_text()


def test_export_and_list_reach_one_environment(fleet: Fleet):
    assert fleet.run("export", "--env", "prod", "--out", "{env}.yaml").code == 0
    assert "account: {uid: 19}" in (fleet.place.folder / "prod.yaml").read_text()
    assert fleet.run("export", "--env", "all", "--out", "all-{env}.yaml").code == 0
    assert len([*fleet.place.folder.glob("all-*.yaml")]) == 2
    assert "music" not in fleet.run("list", "--env", "prod").out
    every = json.loads(fleet.run("list", "--env", "all", "--format", "json").out)["environments"]
    assert {*every} == {*NAMES}
    done = fleet.run("list", "--env", "all", environment={"ACRSYNC_TOKEN_PROD": "expired-token"})
    assert (done.code, done.codes, "Environment staging\n\n" in done.out) == (1, ["E403"], True)
    assert fleet.apis["prod"].requests()


def test_a_new_account_is_made_from_another_one_in_two_commands(fleet: Fleet):
    old, new = fleet.apis["staging"], fleet.apis["prod"]
    new.reset(rows="empty")
    old.create("music", labels=["a"])
    exported = fleet.run("export", "--env", "staging", "--portable", "--out", "buckets.yaml")
    assert exported.code == 0
    text = (fleet.place.folder / "buckets.yaml").read_text()
    assert "uid" not in text
    environments = manifest_for(fleet.apis).partition("buckets:")[0].replace("version: 1\n", "")
    fleet.place.write("environments.yaml", f"version: 1\n{environments}")
    done = fleet.run("apply", "--yes", "--env", "prod", "environments.yaml", "buckets.yaml")
    assert done.code == 0, done.out + done.err
    before, after = ({row["name"] for row in api.control("GET", "state")["buckets"]} for api in (old, new))
    assert "music" in after
    assert after <= before


def test_one_question_covers_all_environments_and_no_cancels_all(fleet: Fleet):
    for answer, code, sent in (("no\n", 1, []), ("yes\n", 0, ["POST"])):
        with at_a_terminal(fleet.place, "apply", "--env", "all") as terminal:
            terminal.wait_for("Type `yes` to apply; anything else cancels: ")
            assert "Apply 2 changes to 2 environments: staging (1, account 19), prod (1, account 19)?" in terminal.seen
            terminal.type(answer)
            done = terminal.ended()
        assert (done.code, [fleet.writes(name) for name in NAMES]) == (code, [sent, sent])


def test_only_a_confirmed_plan_is_applied(fleet: Fleet):
    """If the bucket is created in one account during the question, that environment is left alone."""
    fleet.write(manifest_for(fleet.apis).replace("type: File", "type: File, labels: [a]"))
    with at_a_terminal(fleet.place, "apply", "--env", "all") as terminal:
        terminal.wait_for("Type `yes` to apply; anything else cancels: ")
        fleet.apis["prod"].create("music", labels=["other"])
        fleet.apis["prod"].control("DELETE", "requests")
        terminal.type("yes\n")
        done = terminal.ended()
    assert (done.code, "E009" in done.codes) == (4, True)
    assert [fleet.writes(name) for name in NAMES] == [["POST"], []]


def test_an_interrupt_finishes_requests_in_flight_and_skips_the_rest(fleet: Fleet):
    for api in fleet.apis.values():
        api.reset(latency_ms=400)
    process = fleet.place.start("apply", "--yes", "--env", "all")
    while not any(fleet.writes(name) for name in NAMES):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    done = fleet.place.ended(process)
    assert done.code == 130
    assert "Interrupted: changes in progress will finish." in done.err
