"""A plan saved, reviewed, and applied as it is or not at all."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from e2e.commandline import Place
from emulator.api import Api

MANIFEST = """\
version: 1
defaults: {region: eu-west-1, type: File}
buckets:
  - {name: music, labels: [Music]}
  - {name: test, type: Live, labels: [TV, News]}
"""


@pytest.fixture
def saved(place: Place) -> Place:
    place.write("acrsync.yaml", MANIFEST)
    assert place.acrsync("plan", "--out", "plan.json").code == 0
    return place


def digest_of(place: Place) -> str:
    return str(json.loads((place.folder / "plan.json").read_text())["digest"])


def test_a_saved_plan_is_applied_without_its_manifest_and_once(saved: Place, api: Api):
    (saved.folder / "acrsync.yaml").unlink()
    done = saved.acrsync("apply", "--plan", "plan.json", "--yes", "--format", "json")
    assert (done.code, [o["status"] for o in done.document["outcomes"]]) == (0, ["created", "updated"])
    before = len(api.requests())
    again = saved.acrsync("apply", "--plan", "plan.json", "--yes", "--format", "json")
    assert (again.code, [o["status"] for o in again.document["outcomes"]]) == (0, ["already", "already"])
    assert {entry["method"] for entry in api.requests()[before:]} == {"GET"}


def test_plan_prints_the_digest_for_apply(saved: Place, api: Api):
    digest = digest_of(saved)
    assert saved.acrsync("plan").out.endswith(f"Digest: {digest}\n")
    other = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    refused = saved.acrsync("apply", "--plan", "plan.json", "--yes", "--expect", other)
    assert (refused.code, refused.codes, {e["method"] for e in api.requests()}) == (1, ["E057"], {"GET"})
    assert saved.acrsync("apply", "--plan", "plan.json", "--yes", "--expect", digest).code == 0


def test_drift_of_other_buckets_does_not_invalidate_a_plan(saved: Place, api: Api):
    api.change(1116, labels=["Else"])
    api.control("POST", "buckets/14791/content", {"channels": 3})
    assert saved.acrsync("apply", "--plan", "plan.json", "--yes").code == 0


def test_an_old_plan_is_refused(saved: Place):
    path = saved.folder / "plan.json"
    document = json.loads(path.read_text())
    old = saved.acrsync("apply", "--plan", "plan.json", "--yes", "--plan-ttl", "0")
    assert (old.code, old.codes) == (1, ["E056"])
    stamp = (datetime.now(UTC) - timedelta(hours=25)).strftime("%Y-%m-%dT%H:%M:%SZ")
    path.write_text(json.dumps(document | {"timestamp": stamp}))
    assert saved.acrsync("apply", "--plan", "plan.json", "--yes").codes == ["E053"], "its age cannot be edited"


def edited(text: str) -> str:
    return text.replace('"News"', '"Nuts"')


DAMAGED = {
    "edited": (edited, "E053"),
    "cut short": (lambda text: text[: len(text) // 2], "E050"),
    "of a newer major format": (lambda text: text.replace('"1.0"', '"2.0"', 1), "E052"),
    "something else": (lambda text: "{}", "E051"),
    "empty": (lambda text: "", "E050"),
}


@pytest.mark.parametrize(("damage", "code"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_plan_is_refused_with_one_message(saved: Place, api: Api, damage, code):
    path = saved.folder / "plan.json"
    path.write_text(damage(path.read_text()))
    done = saved.acrsync("apply", "--plan", "plan.json", "--yes")
    assert (done.code, done.codes) == (1, [code])
    assert {entry["method"] for entry in api.requests()} == {"GET"}


def test_a_plan_for_another_endpoint_is_refused(saved: Place):
    done = saved.acrsync("apply", "--plan", "plan.json", "--yes", "--endpoint", "emulator:")
    assert (done.code, done.codes) == (1, ["E058"])


@pytest.mark.parametrize("account", ["", "account: {uid: 19}\n"], ids=["without a uid", "with a uid"])
def test_a_plan_for_another_account_is_refused_before_anything_is_written(place: Place, api: Api, account):
    place.write("acrsync.yaml", MANIFEST + account)
    assert place.acrsync("plan", "--out", "plan.json").code == 0
    theirs = {"id": 9, "uid": 20, "name": "theirs", "type": "File"}
    api.control("POST", "reset", {"rows": [theirs], "accounts": [{"token": "their-token", "uid": 20}]})
    done = place.acrsync("apply", "--plan", "plan.json", "--yes", environment={"ACRSYNC_TOKEN": "their-token"})
    assert (done.code, done.codes) == (1, ["E058"])
    assert "The plan is for account 19 at" in done.err
    assert {entry["method"] for entry in api.requests()} == {"GET"}


def test_guards_are_checked_again_right_before_a_delete(place: Place, api: Api):
    place.write("acrsync.yaml", "version: 1\nremoved: [{name: adsfasdf}]\n")
    assert place.acrsync("plan", "--out", "plan.json").code == 0
    api.control("PUT", "profile", {"num_counts": "files"})
    api.control("POST", "buckets/14556/content", {"channels": 2})
    done = place.acrsync("apply", "--plan", "plan.json", "--yes", "--format", "json")
    assert (done.code, [o["status"] for o in done.document["outcomes"]]) == (3, ["refused"])
    assert done.document["outcomes"][0]["diagnostic"]["code"] == "E301"
    assert 14556 in api.ids()


def test_a_refused_plan_can_be_saved_and_stays_refused(place: Place, api: Api):
    place.write("acrsync.yaml", "version: 1\nremoved: [{name: us_bucket}]\n")
    assert place.acrsync("plan", "--out", "plan.json").code == 3
    done = place.acrsync("apply", "--plan", "plan.json", "--yes")
    assert (done.code, done.codes) == (3, ["E301"])
    assert {entry["method"] for entry in api.requests()} == {"GET"}


USAGE = {
    "a path": ("acrsync.yaml",),
    "--prune": ("--prune",),
    "--allow": ("--allow", "replace:1"),
    "--max-deletes": ("--max-deletes", "3"),
    "--dry-run": ("--dry-run",),
}


@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE)
def test_options_that_would_change_a_saved_plan_are_refused(saved: Place, arguments):
    assert saved.acrsync("apply", "--plan", "plan.json", "--yes", *arguments).codes == ["E002"]
