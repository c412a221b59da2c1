"""Commands that only look: `list` and `show`."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from e2e.commandline import Place
from emulator.api import Api

MANIFEST = """\
version: 1
defaults: {region: eu-west-1}
buckets:
  - {name: test, type: Live, labels: [TV]}
  - {name: offline-bucket, type: File, labels: [Music, News]}
removed: [{name: adsfasdf}]
"""


def methods(api: Api) -> set[str]:
    return {entry["method"] for entry in api.requests()}


def test_list_shows_every_bucket_and_how_it_compares(place: Place, api: Api):
    place.write("acrsync.yaml", MANIFEST)
    done = place.acrsync("list")
    assert (done.code, done.err) == (0, "")
    head, *rows = [re.split(r" {2,}", line) for line in done.out.splitlines()]
    assert head == ["id", "name", "region", "type", "items", "state"]
    assert {row[1]: row[-1] for row in rows} == {
        "adsfasdf": "to delete",
        "eu_shared_bucket": "unmanaged",
        "eu_shared_bucket2": "unmanaged",
        "offline-bucket": "drifted",
        "test": "in sync",
        "us_bucket": "unmanaged",
    }
    assert methods(api) == {"GET"}


def test_list_works_without_a_manifest_and_with_an_invalid_one(place: Place):
    assert "state" not in place.acrsync("list").out
    place.write("acrsync.yaml", "buckets: {}\n")
    done = place.acrsync("list")
    assert (done.code, "state" in done.out) == (0, False)
    assert done.err == "note: acrsync.yaml has errors, so no state is shown; see `acrsync validate`.\n"
    assert place.acrsync("list", "--manifest", "acrsync.yaml").code == 1


@pytest.mark.parametrize(
    ("names", "expected", "reason"),
    [
        (["test"], {"14791"}, "a name"),
        (["1116"], {"1116"}, "an id"),
        (["eu_*", "test"], {"12309", "12310", "14791"}, "a pattern, and several"),
        (["*"], {"14556", "12309", "12310", "1116", "14791", "1159"}, "all"),
    ],
)
def test_list_takes_names_patterns_and_ids(place: Place, names, expected, reason):
    done = place.acrsync("list", *names)
    assert {line.split()[0] for line in done.out.splitlines()[1:]} == expected, reason


def test_an_unknown_name_is_an_error_with_a_suggestion(place: Place):
    done = place.acrsync("list", "tset")
    assert (done.code, done.codes, done.out) == (1, ["E020"], "")
    assert "fix: write test, if you mean that bucket." in done.err


def test_used_by_names_projects_and_containers(place: Place, api: Api):
    used = api.control("POST", "references/base-projects", {"name": "radio", "buckets": [14791]})
    rows = {line.split()[1]: line for line in place.acrsync("list", "--used-by").out.splitlines()}
    assert rows["test"].endswith(f"base-project radio (id {used['id']})")
    assert rows["us_bucket"].endswith("nobody")
    (bucket,) = json.loads(place.acrsync("list", "test", "--used-by", "--format", "json").out)["buckets"]
    assert bucket["used_by"] == [{"kind": "base-project", "id": used["id"], "name": "radio"}]
    assert f"used by            base-project radio (id {used['id']})" in place.acrsync("show", "test").out


def test_json_has_all_known_fields(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    document = json.loads(place.acrsync("list", "--format", "json").out)
    assert document["account"]["uid"] == 19
    found = {bucket["name"]: bucket for bucket in document["buckets"]}
    assert (found["test"]["id"], found["test"]["state"], found["test"]["source"]) == (
        14791,
        "in sync",
        "acrsync.yaml:4:5",
    )
    assert found["us_bucket"]["facts"]["num"] == 7


def test_env_gives_the_shell_ids(place: Place):
    line = 'eval "$(acrsync list --format env)"; echo $ACRSYNC_ID_EU_SHARED_BUCKET2'
    shell = ["/bin/sh", "-c", line]
    done = subprocess.run(shell, cwd=place.folder, env=place.environment, capture_output=True, text=True, check=True)
    assert done.stdout == "12310\n"


def test_names_that_map_to_one_variable_are_an_error(place: Place, api: Api):
    for name in ("radio-one", "radio_one"):
        api.post("/buckets", {"name": name, "region": "eu-west-1", "type": "File"})
    done = place.acrsync("list", "--format", "env")
    assert (done.code, done.codes, done.out) == (1, ["E021"], "")
    assert "ACRSYNC_ID_RADIO_ONE" in done.err
    assert place.acrsync("list", "radio-one", "--format", "env").code == 0


def test_show_a_bucket(place: Place, api: Api):
    place.write("acrsync.yaml", MANIFEST)
    done = place.acrsync("show", "offline-bucket")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("offline-bucket (id 1116)\n  compared           drifted with acrsync.yaml:5:5\n")
    assert "`acrsync apply` would change it:\n  ~ offline-bucket (id 1116)  # differs in labels\n" in done.out
    assert place.acrsync("show", "1116").out == done.out
    assert methods(api) == {"GET"}


def test_show_a_saved_plan_as_plan_showed_it(place: Place, api: Api):
    place.write("acrsync.yaml", MANIFEST)
    planned = place.acrsync("plan", "--out", "plan.json")
    count = len(api.requests())
    done = place.acrsync("show", "plan.json", environment={"ACRSYNC_TOKEN": "", "ACRSYNC_ENDPOINT": ""})
    assert (done.code, done.out) == (0, planned.out)
    assert "acrsync apply --plan plan.json" in done.err
    assert len(api.requests()) == count, "nothing is sent to show a file"
    assert place.acrsync("show", "plan.json", "--format", "json").out == (place.folder / "plan.json").read_text()
    assert "### Destroys 1 bucket" in place.acrsync("show", "plan.json", "--format", "markdown").out


@pytest.mark.parametrize("command", ["apply --yes", "plan", "validate"])
def test_a_saved_plan_named_as_a_manifest_says_what_to_do(place: Place, api: Api, command):
    place.write("acrsync.yaml", MANIFEST)
    place.acrsync("plan", "--out", "plan.json")
    done = place.acrsync(*command.split(), "plan.json")
    assert (done.code, done.codes) == (1, ["E059"])
    assert "fix: apply it: acrsync apply --plan plan.json\n       show it: acrsync show plan.json\n" in done.err
    assert methods(api) == {"GET"}


def test_show_a_run(place: Place):
    place.write("acrsync.yaml", MANIFEST.partition("removed")[0])
    assert place.acrsync("apply", "--yes", "--settle", "0").code == 0
    done = place.acrsync("show", "last")
    assert (done.code, done.err) == (0, "")
    assert "  update  offline-bucket  1116  updated\n" in done.out
    assert done.out.endswith("Result: 1 updated.\nEnded verified, exit code 0.\n")
    (run,) = (place.folder / ".acrsync" / "runs").glob("*.jsonl")
    assert place.acrsync("show", run.stem).out == place.acrsync("show", str(run)).out == done.out
    assert json.loads(place.acrsync("show", run.stem, "--format", "json").out)["events"][0]["id"] == run.stem


def test_show_a_run_that_was_cut_off(place: Place):
    place.write("acrsync.yaml", MANIFEST.partition("removed")[0])
    place.acrsync("apply", "--yes", "--settle", "0")
    (run,) = (place.folder / ".acrsync" / "runs").glob("*.jsonl")
    run.write_text("".join(run.read_text().splitlines(keepends=True)[:2]))
    out = place.acrsync("show", "last").out
    assert "offline-bucket  1116  open\n" in out
    assert (
        "The run was interrupted: its record has no end.\n1 change may have been made; the next plan checks it.\n"
        in out
    )


@pytest.mark.parametrize("what", ["missing.json", "last", "20260101T000000Z-abcdef", "nobody"])
def test_an_object_that_cannot_be_shown_is_an_error(place: Place, what):
    done = place.acrsync("show", what)
    assert (done.code, done.out, len(done.codes)) == (1, "", 1)


def test_a_format_of_plans_does_not_go_with_a_bucket(place: Place):
    assert place.acrsync("show", "test", "--format", "html").codes == ["E002"]
