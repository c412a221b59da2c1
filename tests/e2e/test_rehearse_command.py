"""`acrsync emulator --copy` and `acrsync rehearse`: a copy plans as the account does, and a plan is tried on it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace

import pytest
import yaml

from acrsync import cli
from acrsync.client import failures, sending
from acrsync.rehearse.cases import Case, Scenario, from_json
from acrsync.rehearse.sweep import cases, smallest
from acrsync.rehearse.workers import worker
from e2e.commandline import Place

MANIFEST = """version: 1
account: {uid: 19}
buckets:
  - {name: new, region: eu-west-1, type: File, labels: [Music]}
  - {name: test, region: eu-west-1, type: Live, labels: [Changed]}
"""


@pytest.fixture
def copying(place: Place):
    """Start an emulator with a copy of the account, and yield the environment that names it."""
    started = []

    def copy(*flags: str) -> dict[str, str]:
        process = place.start("emulator", "--copy", *flags)
        started.append(process)
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline()
        settings = dict(re.findall(r"(ACRSYNC_[A-Z]+)=(\S+)", said))
        place.secrets.discard(settings["ACRSYNC_TOKEN"])
        return settings

    yield copy
    for process in started:
        process.terminate()
        process.communicate()


def planned(place: Place, environment: dict[str, str] | None = None):
    """The plan without what differs from endpoint to endpoint."""
    before = dict(place.environment)
    place.environment |= environment or {}
    document = place.acrsync("plan", "--format", "json").document
    place.environment = before
    return {key: document[key] for key in ("resource_changes", "objections", "summary") if key in document}


def test_a_copy_plans_exactly_as_the_account_does(place: Place, api, copying):
    api.reset(rows="documented", seed={"buckets": 130})
    api.control("POST", "references/base-projects", {"name": "app", "buckets": [1116, 23]})
    api.control("POST", "references/fs-containers", {"name": "scan", "buckets": ["us_bucket"]})
    api.control("POST", "buckets/20003/content", {"files": 0, "channels": 4})
    api.control("POST", "buckets/20005/content", {"status": 403})
    api.control("POST", "buckets/20006/shown", {"show": {"size": None}, "hide": ["node"]})
    place.write(
        "acrsync.yaml",
        MANIFEST + "prune: account\nlimits: {deletes: 100%}\n",
    )
    before = len(api.requests())
    environment = copying()
    asked = api.requests()[before:]
    assert {entry["method"] for entry in asked} == {"GET"}
    assert planned(place, environment) == planned(place)


def test_a_copy_follows_its_profile_and_does_not_touch_the_account(place: Place, api, copying):
    place.write("profile.yaml", "base: documented\nduplicate_names: refuse_409\n")
    rows = api.control("GET", "state")
    environment = copying("--profile", "profile.yaml")
    place.write("acrsync.yaml", MANIFEST)
    before = dict(place.environment)
    place.environment |= environment
    assert place.acrsync("apply", "--yes", "--settle", "0").code == 0
    place.environment = before
    assert api.control("GET", "state") == rows


def test_secrets_of_projects_are_not_copied(place: Place, api, copying):
    api.control("POST", "references/base-projects", {"name": "app", "buckets": [1116]})
    environment = copying()
    answer = subprocess.run(
        ["curl", "-s", "-H", f"Authorization: Bearer {environment['ACRSYNC_TOKEN']}",
         f"{environment['ACRSYNC_ENDPOINT']}/api/base-projects"], capture_output=True, text=True, check=True,
    )  # fmt: skip
    (project,) = json.loads(answer.stdout)["data"]
    assert "left out" in project["access_secret"]
    assert [bucket["id"] for bucket in project["buckets"]] == [1116]


def test_a_copy_does_not_overwrite_an_emulator_that_is_kept(place: Place, api):
    place.write("kept.db", "x")
    assert place.acrsync("emulator", "--copy", "--state", "kept.db").codes == ["E006"]


def test_a_plan_is_rehearsed_and_the_account_is_only_read(place: Place, api):
    place.write("acrsync.yaml", MANIFEST)
    rows = api.control("GET", "state")
    digest = place.acrsync("plan", "--format", "json").document["digest"]
    api.control("DELETE", "requests")
    done = place.acrsync("rehearse", "--format", "json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["digest"] == digest
    assert report["broken"] == []
    assert set(report["tried"]) == {
        "killed before the server acted", "killed after the server acted", "answer lost", "429", "5xx, not done",
        "4xx, done", "5xx, done", "list lagging",
    }  # fmt: skip
    assert report["tried"]["answer lost"] == report["requests"]
    assert max(map(int, report["further_runs"])) <= 2
    assert {entry["method"] for entry in api.requests()} == {"GET"}
    assert api.control("GET", "state") == rows


def test_a_plan_that_is_refused_is_shown_and_one_without_changes_is_not_rehearsed(place: Place):
    place.write("acrsync.yaml", MANIFEST + "removed: [{name: us_bucket}]\n")
    refused = place.acrsync("rehearse")
    assert refused.code == 3
    assert "us_bucket" in refused.out
    place.write("acrsync.yaml", "version: 1\naccount: {uid: 19}\nbuckets: []\n")
    nothing = place.acrsync("rehearse")
    assert (nothing.code, nothing.codes) == (0, ["E655"])


def test_a_defect_is_found_and_saved_as_its_smallest_case(place: Place, api):
    """The server stores labels that were not sent: nothing converges, so the rehearsal must say so."""
    place.write("acrsync.yaml", MANIFEST)
    place.write("profile.yaml", "base: documented\nput_ignores: [labels]\n")
    done = place.acrsync("rehearse", "--profile", "profile.yaml")
    assert done.code == 1
    assert "Promises broken: 1" in done.out
    assert "Smallest reproduction" in done.out
    (path,) = re.findall(r"--replay (\S+)", done.out)
    case = from_json((place.folder / path).read_text())
    (text,) = case.scenario.files.values()
    assert len(json.loads(text)["buckets"]) <= 2
    again = place.acrsync("rehearse", "--replay", path)
    assert again.code == 1
    assert "not converged" in again.out


def test_a_file_that_is_not_a_case_is_refused(place: Place):
    place.write("case.json", "{}")
    assert place.acrsync("rehearse", "--replay", "case.json").codes == ["E656"]


def resending(arguments: Sequence[str]) -> int:
    """The command with a fault put into it: a create whose answer was lost is sent again."""
    honest = failures.transport_failure

    def fault(*given, **named):
        return replace(honest(*given, **named), again=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "transport_failure", fault)
        return cli.run(arguments)


def test_a_planted_defect_is_found_by_rehearse():
    manifest = {"acrsync.json": json.dumps(yaml.safe_load(MANIFEST))}
    calm = Case(Scenario("planted", manifest), "lenient")
    with worker(resending) as play:
        undisturbed = play(calm)
        assert undisturbed.broken == ()
        lost = [case for trouble, _, case in cases(calm, undisturbed.sent) if trouble == "answer lost"]
        broken = [result for result in map(play, lost) if result.broken]
        assert [promise for result in broken for promise in result.broken if "POST for new was sent 2 times" in promise]
        smaller = smallest(broken[0].case, play, tries=20)
    (text,) = smaller.scenario.files.values()
    assert [entry["name"] for entry in json.loads(text)["buckets"]] == ["new"]
    with worker(cli.run) as play:
        assert play(smaller).broken == ()
