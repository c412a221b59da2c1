"""The way from a manifest to an account that matches it, with every flag that planning and applying have."""

import itertools

import pytest

from e2e.commandline import Place
from emulator.api import Api

BUCKETS = """\
version: 1
defaults: {region: eu-west-1, type: File}
buckets:
  - name: music
    labels: [Music, Commercial]
    metadata_template: {artist: {default: unknown}}
  - name: test
    type: Live
    labels: [TV, News]
"""


def writes(api: Api) -> list[tuple[str, str]]:
    return [(entry["method"], entry["path"]) for entry in api.requests() if entry["method"] != "GET"]


def statuses(document) -> dict[str, str]:
    return {outcome["name"]: outcome["status"] for outcome in document["outcomes"]}


def test_plan_then_apply_then_plan(place: Place, api: Api):
    place.write("acrsync.yaml", BUCKETS)
    plan = place.acrsync("plan")
    assert (plan.code, plan.err) == (0, "")
    assert f"Account 19 at {api.url}" in plan.out
    assert "  + music  # not in the account\n" in plan.out
    assert "  ~ test (id 14791)  # differs in labels\n      labels  + News\n" in plan.out
    assert "Plan: 1 to create, 1 to update. 5 unmanaged.\n" in plan.out

    apply = place.acrsync("apply", "--yes")
    assert apply.code == 0
    assert apply.out.startswith(plan.out), "apply shows what plan showed, digest included"
    assert "Applied: 1 created, 1 updated.\nVerified: the account was read again and is as planned.\n" in apply.out
    assert apply.err == "[1/2] created   + music (id 14792)\n[2/2] updated   ~ test (id 14791)\n"
    assert writes(api) == [("POST", "/api/buckets"), ("PUT", "/api/buckets/14791")]

    again = place.acrsync("plan")
    assert (again.code, "No changes. The account matches the manifest.\n" in again.out) == (0, True)
    assert place.acrsync("apply", "--yes").code == 0
    assert len(writes(api)) == 2


def test_several_paths_are_one_manifest(place: Place, api: Api):
    place.write("a.yaml", BUCKETS)
    place.write("more/b.yaml", "defaults: {region: us-west-2, type: Live}\nbuckets: [{name: live-us}]\n")
    document = place.acrsync("plan", "a.yaml", "more/b.yaml", "--format", "json").document
    created = {c["name"]: c for c in document["resource_changes"] if c["action"] == "create"}
    assert sorted(created) == ["live-us", "music"]
    assert created["live-us"]["change"]["after"]["region"] == "us-west-2"
    assert created["live-us"]["source"] == {"file": "more/b.yaml", "line": 2, "column": 11}


@pytest.mark.parametrize("command", [("plan",), ("apply", "--dry-run"), ("apply", "--dry-run", "--yes")])
def test_plan_and_dry_run_and_export_send_nothing_but_get(place: Place, api: Api, command):
    place.write("acrsync.yaml", BUCKETS + "removed: [{name: us_bucket}, {name: adsfasdf}]\n")
    before = api.control("GET", "state")
    document = place.acrsync(*command, "--format", "json", "--prune", "--max-deletes", "9").document
    assert document["summary"]["delete"] == 5
    assert document["requests"] == {"GET": len(api.requests())}
    assert {entry["method"] for entry in api.requests()} == {"GET"}
    assert api.control("GET", "state") == before
    assert not (place.folder / ".acrsync").exists()


def test_a_dry_run_is_plan_with_the_same_output_and_code(place: Place):
    place.write("acrsync.yaml", BUCKETS)
    plan, dry = place.acrsync("plan", "--detailed-exitcode"), place.acrsync("apply", "--dry-run", "--detailed-exitcode")
    assert (plan.code, plan.out, plan.err) == (dry.code, dry.out, dry.err)


def test_prune_deletes_unnamed_empty_buckets_only(place: Place, api: Api):
    place.write("acrsync.yaml", BUCKETS)
    refused = place.acrsync("plan", "--prune")
    assert refused.code == 3
    assert set(refused.codes) == {"E301", "E303"}
    assert "fix: empty it in the ACRCloud console first, or keep the bucket as it is.\n" in refused.out
    api.control("POST", "buckets/1159/content", {"files": 0})
    assert place.acrsync("apply", "--yes", "--prune").codes == ["E303"], "five of six are too many by default"
    done = place.acrsync("apply", "--yes", "--prune", "--max-deletes", "5", "--format", "json")
    assert set(statuses(done.document).values()) == {"created", "updated", "deleted"}
    assert sorted(row["name"] for row in api.get("/buckets")["data"]) == ["music", "test"]


def test_max_deletes_is_a_number_or_a_percentage(place: Place):
    place.write("acrsync.yaml", "version: 1\nremoved: [{name: test}, {name: adsfasdf}, {name: offline-bucket}]\n")
    assert place.acrsync("plan").codes == ["E303"]
    assert place.acrsync("plan", "--max-deletes", "2").codes == ["E303"]
    assert place.acrsync("plan", "--max-deletes", "3").codes == []
    assert place.acrsync("plan", "--max-deletes", "50%").codes == []


def test_prune_that_contradicts_the_manifest_is_an_error(place: Place):
    place.write("acrsync.yaml", BUCKETS + "prune: never\n")
    done = place.acrsync("plan", "--prune")
    assert (done.code, done.codes) == (1, ["E003"])
    assert "acrsync.yaml:10:1 sets `prune: never`" in done.err


def test_an_approval_on_the_command_line_is_for_one_guard_and_one_bucket(place: Place, api: Api):
    place.write("acrsync.yaml", BUCKETS.replace("type: Live", "type: LiveRec"))
    refused = place.acrsync("apply", "--yes")
    assert (refused.code, refused.codes) == (3, ["E302"])
    assert 'allow: [{guard: replace, id: 14791, reason: "..."}]' in refused.out
    assert place.acrsync("plan", "--allow", "replace:1116").code == 3
    done = place.acrsync("apply", "--yes", "--allow", "replace:14791", "--format", "json").document
    assert [(a["guard"], a["id"], a["reason"]) for a in done["approved"]] == [("replace", 14791, "--allow")]
    replaced = next(outcome for outcome in done["outcomes"] if outcome["status"] == "replaced")
    assert replaced["id"] > 14791
    assert writes(api)[-2:] == [("DELETE", "/api/buckets/14791"), ("POST", "/api/buckets")]


def test_a_replaced_bucket_named_by_id_is_verified_under_its_new_id(place: Place):
    entry = "  - {name: test, id: 14791, region: us-west-2, type: Live}\n"
    place.write("acrsync.yaml", f"version: 1\nbuckets:\n{entry}")
    done = place.acrsync("apply", "--yes", "--allow", "replace:14791", "--format", "json")
    assert (done.code, done.document["verified"]) == (0, True)
    assert statuses(done.document) == {"test": "replaced"}


def test_parallelism_bounds_how_many_changes_are_made_at_the_same_time(place: Place, api: Api):
    names = "".join(f"  - {{name: b{number}}}\n" for number in range(8))
    place.write("acrsync.yaml", "version: 1\ndefaults: {region: eu-west-1, type: File}\nbuckets:\n" + names)
    api.control("POST", "latency", {"latency_ms": 150})
    assert place.acrsync("apply", "--yes", "--parallelism", "8").code == 0
    posts = [entry["time"] for entry in api.requests() if entry["method"] == "POST"]
    assert len(posts) == 8
    assert max(posts) - min(posts) < 7 * 0.15, "one after another they would have taken longer"


def test_with_parallelism_1_changes_are_made_one_after_another(place: Place, api: Api):
    names = "".join(f"  - {{name: b{number}}}\n" for number in range(3))
    place.write("acrsync.yaml", "version: 1\ndefaults: {region: eu-west-1, type: File}\nbuckets:\n" + names)
    api.control("POST", "latency", {"latency_ms": 150})
    assert place.acrsync("apply", "--yes", "--parallelism", "1").code == 0
    posts = [entry["time"] for entry in api.requests() if entry["method"] == "POST"]
    assert all(later - earlier >= 0.15 for earlier, later in itertools.pairwise(posts))


def test_settle_is_how_long_the_list_may_lag(place: Place, api: Api):
    place.write("acrsync.yaml", BUCKETS)
    api.faults({"kind": "lag", "method": ["POST", "PUT"], "seconds": 1.5})
    done = place.acrsync("apply", "--yes", "--settle", "10")
    assert (done.code, "Verified" in done.out) == (0, True)
    api.reset()
    api.faults({"kind": "lag", "method": ["POST", "PUT"], "seconds": 60})
    done = place.acrsync("apply", "--yes", "--settle", "0")
    assert (done.code, "Not verified." in done.out) == (6, True)


def test_a_create_with_a_lost_answer_is_looked_up_and_never_sent_again(place: Place, api: Api):
    place.write("acrsync.yaml", BUCKETS)
    api.faults({"kind": "reset_after", "method": "POST"})
    done = place.acrsync("apply", "--yes", "--settle", "5", "--format", "json")
    assert (done.code, statuses(done.document)["music"]) == (0, "adopted")
    assert [method for method, _ in writes(api)].count("POST") == 1


def test_the_record_has_intents_before_and_outcomes_after_each_write(place: Place, api: Api):
    place.write("acrsync.yaml", BUCKETS)
    assert place.acrsync("apply", "--yes", "--parallelism", "1").code == 0
    (path,) = place.folder.glob(".acrsync/runs/*.jsonl")
    assert path.stat().st_mode & 0o777 == 0o600
    assert (place.folder / ".acrsync/.gitignore").read_text() == "*\n"
    (events,) = place.records()
    assert [event["event"] for event in events] == ["run", "intent", "outcome", "intent", "outcome", "end"]
    assert (events[-1]["exit_code"], events[-1]["verified"]) == (0, True)
    assert events[0]["endpoint"] == api.url
    assert not any(secret in place.everything_written() for secret in place.secrets)


def test_the_record_can_be_kept_elsewhere(place: Place, tmp_path):
    place.write("acrsync.yaml", BUCKETS)
    assert place.acrsync("apply", "--yes", "--runs", str(tmp_path / "kept" / "here")).code == 0
    assert len(list((tmp_path / "kept" / "here").glob("*.jsonl"))) == 1
    assert not (place.folder / ".acrsync").exists()


def test_validate_needs_no_account_and_reports_all_errors(bare: Place):
    bare.write("acrsync.yaml", BUCKETS)
    done = bare.acrsync("validate")
    assert (done.code, done.out, done.err) == (0, "Valid: 2 buckets in acrsync.yaml.\n", "")
    bare.write(
        "bad.yaml", "version: 1\nbuckets:\n  - name: a\n    regoin: eu-west-1\n    type: Fil\n    labels: null\n"
    )
    done = bare.acrsync("validate", "acrsync.yaml", "bad.yaml")
    assert (done.code, done.err) == (1, "")
    assert [line for line in done.out.splitlines() if line.startswith("bad.yaml:")] == [
        "bad.yaml:3:5: error[E133]: Required key is missing",
        "bad.yaml:4:5: error[E130]: Unknown key",
        "bad.yaml:5:11: error[E132]: Value is not allowed",
        "bad.yaml:6:13: error[E131]: Wrong kind of value",
    ]
    assert bare.acrsync("validate", "bad.yaml", "--format", "json").document["diagnostics"][1]["code"] == "E130"


def test_the_question_and_every_plan_name_the_account(place: Place, api: Api):
    place.write("acrsync.yaml", BUCKETS)
    assert place.acrsync("plan", "--format", "json").document["account"] == {"uid": 19, "endpoint": api.url}


def test_a_new_account_that_lists_only_what_acrcloud_shares_is_bootstrapped(place: Place, api: Api):
    api.reset(rows=[], profile={"base": "strict"})
    place.write("acrsync.yaml", BUCKETS + "account: {uid: 19}\n")
    plan = place.acrsync("plan")
    assert plan.code == 0
    assert 'Foreign: 1 bucket, of other accounts, never touched: "ACRCloud Music".' in plan.out
    done = place.acrsync("apply", "--yes", "--settle", "1")
    assert (done.code, "Verified" in done.out) == (0, True), done
    assert place.acrsync("export").out.count("\naccount: {uid: 19}\n") == 1


def test_another_account_than_in_the_manifest_is_refused(place: Place):
    place.write("acrsync.yaml", BUCKETS + "account: {uid: 20}\n")
    done = place.acrsync("apply", "--yes")
    assert (done.code, "E309" in done.codes) == (3, True)
