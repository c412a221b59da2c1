"""Servers that answer otherwise than documented: nothing is created twice, nothing is lost, and the words are true."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.commandline import Place
from emulator.api import Api
from examples import sampled

HEAD = "version: 1\naccount: {uid: 19}\nbuckets:\n"
SIX = [14791, 14556, 12310, 12309, 1159, 1116]
LONG = "a name that is longer than what this server keeps of it"


def manifest(place: Place, *entries: str) -> None:
    place.write(
        "acrsync.yaml", HEAD + "".join(f"  - {{{entry}, region: eu-west-1, type: File}}\n" for entry in entries)
    )


def switched(api: Api, **switches: Any) -> None:
    api.control("PUT", "profile", {"base": "documented", **switches})
    api.control("DELETE", "requests")


def writes(api: Api) -> list[str]:
    return [f"{entry['method']} {entry['path']}" for entry in api.requests() if entry["method"] != "GET"]


@pytest.mark.parametrize(
    ("name", "switches"),
    [
        ("R&B", {"name_stored": "html_escaped"}),
        ("Radio Eins", {"name_stored": "lowered"}),
        ("Radio Eins", {"name_stored": "slugged"}),
        ("Müsic", {"name_stored": "accents_dropped"}),
        (LONG, {"name_max_length": 20, "name_too_long": "cut"}),
        ("news", {"name_max_length": 2, "name_too_long": "cut"}),
    ],
)
@pytest.mark.parametrize("record", ["kept", "gone"])
def test_a_name_that_the_server_stores_differently_is_sent_once(
    place: Place, api: Api, name: str, switches: dict[str, Any], record: str
):
    switched(api, **switches)
    manifest(place, f'name: "{name}"')
    first = place.acrsync("apply", "--yes", "--settle", "2")
    made = [row for row in api.get("/buckets", per_page=100)["data"] if row["id"] not in SIX]
    assert (first.code, len(made), "E517" in first.codes) == (6, 1, True), first.out
    assert f"`id: {made[0]['id']}`" in first.out
    if record == "gone":
        for path in (place.folder / ".acrsync" / "runs").glob("*.jsonl"):
            path.unlink()
        if name != LONG and "html_escaped" not in str(switches):
            return  # an empty bucket with a name like it is only worth a warning if nothing else is known
    for _ in range(2):
        again = place.acrsync("apply", "--yes", "--settle", "2")
        assert again.code in (1, 3), again.out
    assert writes(api) == ["POST /api/buckets"]


def test_after_the_fix_for_a_differently_stored_name_is_applied_the_run_is_no_longer_reported(place: Place, api: Api):
    switched(api, name_stored="lowered")
    manifest(place, 'name: "Radio Eins"')
    assert place.acrsync("apply", "--yes", "--settle", "2").code == 6
    (made,) = (row for row in api.get("/buckets", per_page=100)["data"] if row["id"] not in SIX)
    manifest(place, f'name: "radio eins", id: {made["id"]}')
    assert place.acrsync("apply", "--yes", "--settle", "2").code == 0
    # Nothing was to be done, so no run says yet that it manages the bucket.
    manifest(place, f'name: "radio eins", id: {made["id"]}, labels: [News]')
    assert place.acrsync("apply", "--yes", "--settle", "2").code == 0
    assert place.acrsync("plan").codes == []


def test_a_rename_to_a_truncated_name_creates_no_second_bucket(place: Place, api: Api):
    switched(api, name_max_length=20, name_too_long="cut")
    api.control("POST", "buckets/1116/content", {"files": 3})
    manifest(place, f'name: "{LONG}", was: offline-bucket')
    for record in ("kept", "kept", "gone", "gone"):
        if record == "gone":
            for path in (place.folder / ".acrsync" / "runs").glob("*.jsonl"):
                path.unlink()
        assert place.acrsync("apply", "--yes", "--settle", "2").code in (1, 3, 6)
    assert writes(api) == ["PUT /api/buckets/1116"]


def test_a_create_answered_with_another_bucket_never_leads_to_its_deletion(place: Place, api: Api):
    switched(api, create_answer="another_row")
    manifest(place, "name: new")
    done = place.acrsync("apply", "--yes", "--settle", "2")
    assert done.code == 0, done.out
    (run,) = place.records()
    undo = place.acrsync("plan", "--undo", run[0]["id"], "--out", "undo.json")
    assert "test (id 14791" not in undo.out
    place.acrsync("apply", "--plan", "undo.json", "--yes", "--settle", "2")
    assert {row["id"] for row in api.get("/buckets")["data"]} >= set(SIX)


@pytest.mark.parametrize("answer", ["as_sent", "another_row", "id_only", "null", "empty"])
@pytest.mark.parametrize("verb", ["create", "update"])
def test_the_account_ends_in_sync_for_every_answer(place: Place, api: Api, verb: str, answer: str):
    switched(api, **{f"{verb}_answer": answer})
    manifest(place, "name: new, labels: [A]", "name: offline-bucket, labels: [B]", "name: moved, was: us_bucket")
    text = (place.folder / "acrsync.yaml").read_text()
    place.write("acrsync.yaml", text.replace("us_bucket, region: eu-west-1", "us_bucket, region: global"))
    done = place.acrsync("apply", "--yes", "--settle", "2")
    assert done.code == 0, done.out
    assert sorted(writes(api)) == ["POST /api/buckets", "PUT /api/buckets/1116", "PUT /api/buckets/1159"]
    assert place.acrsync("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    "lag",
    [
        {"update_answer": "old_row"},
        {"get_lag_seconds": 2},
        {"list_lag_seconds": 2},
        {"update_answer": "old_row", "get_lag_seconds": 2, "list_lag_seconds": 2},
    ],
    ids=str,
)
def test_a_lagging_read_is_waited_for(place: Place, api: Api, lag: dict[str, Any]):
    switched(api, **lag)
    place.write(
        "acrsync.yaml",
        HEAD + "  - {name: eu_shared_bucket2, was: eu_shared_bucket, region: eu-west-1, type: LiveRec, labels: [A]}\n"
        "  - {name: eu_shared_bucket, was: eu_shared_bucket2, region: eu-west-1, type: LiveRec, labels: [B]}\n",
    )
    place.write(
        "acrsync.yaml",
        (place.folder / "acrsync.yaml")
        .read_text()
        .replace("was: eu_shared_bucket,", "id: 12309,")
        .replace("was: eu_shared_bucket2,", "id: 12310,"),
    )
    done = place.acrsync("apply", "--yes", "--settle", "8")
    assert done.code == 0, done.out
    assert {row["id"]: row["name"] for row in api.get("/buckets")["data"]}[12309] == "eu_shared_bucket2"


def test_a_list_that_lags_longer_than_assumed_leads_to_no_second_bucket(place: Place, api: Api):
    """The bucket of the last run is not listed, but it can be read: the list is known to be incomplete."""
    switched(api, list_lag_seconds=600, duplicate_names="allow")
    manifest(place, "name: radio")
    assert place.acrsync("apply", "--yes", "--settle", "1").code == 6
    for command in (("plan",), ("apply", "--yes")):
        again = place.acrsync(*command, "--settle", "1")
        assert (again.code, again.codes) == (1, ["E440"]), again.err
        assert "does not show bucket radio (id " in again.err
    assert writes(api) == ["POST /api/buckets"]


@pytest.mark.parametrize("field", ["labels", "metadata_template", "net_type"])
def test_an_update_that_resets_other_fields_is_made_once(place: Place, api: Api, field: str):
    switched(api, put_resets=[field])
    other = "metadata_template: {x: {}}" if field != "metadata_template" else "labels: [X]"
    if field == "metadata_template":
        for bucket_id in (12310, 12309):
            api.put(f"/buckets/{bucket_id}", {"labels": ["Radio"], "metadata_template": '{"a": {"default": "1"}}'})
    if field == "net_type":
        switched(api, put_resets=[field], net_type_default=0)
    api.control("DELETE", "requests")
    place.write(
        "acrsync.yaml",
        HEAD + f"  - {{name: eu_shared_bucket, region: eu-west-1, type: LiveRec, {other}}}\n"
        f"  - {{name: eu_shared_bucket2, region: eu-west-1, type: LiveRec, {other}}}\n",
    )
    done = place.acrsync("apply", "--yes", "--settle", "2", "--parallelism", "1")
    assert done.code == 6, done.out
    assert "E516" in done.codes
    assert len(writes(api)) == 1


@pytest.mark.parametrize("parallelism", sampled(["3", "1"], every=2))
@pytest.mark.parametrize(
    "shown",
    [
        {"update_answer": "empty"},
        {"get_lag_seconds": 1, "list_lag_seconds": 1},
        {"update_answer": "empty", "get_lag_seconds": 1, "list_lag_seconds": 1},
        {"update_answer": "old_row", "get_lag_seconds": 1, "list_lag_seconds": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("renamed", [True, False])
def test_a_reset_field_is_reported_even_if_the_answer_or_a_list_does_not_show_it(
    place: Place, api: Api, renamed: bool, shown: dict[str, Any], parallelism: str
):
    ids = (14791, 12310, 12309)
    for bucket_id in ids:
        api.put(f"/buckets/{bucket_id}", {"metadata_template": '{"a": {"default": "1"}}'})
    switched(api, put_resets=["metadata_template"], **shown)
    entries = (f"  - {{id: {n}, name: new-{n}, region: eu-west-1, type: TYPE}}\n" for n in ids)
    if not renamed:
        names = ("test", "eu_shared_bucket2", "eu_shared_bucket")
        entries = (f"  - {{name: {name}, region: eu-west-1, type: TYPE, labels: [A]}}\n" for name in names)
    live, *recordings = entries
    place.write("acrsync.yaml", HEAD + live.replace("TYPE", "Live") + "".join(recordings).replace("TYPE", "LiveRec"))
    done = place.acrsync("apply", "--yes", "--settle", "2", "--parallelism", parallelism)
    assert done.code == 6, done.out
    assert "E516" in done.codes, done.out
    assert len(writes(api)) <= int(parallelism), done.out


@pytest.mark.parametrize("answer", ["empty", "old_row"])
def test_a_reset_field_is_reported_even_if_everything_lags(place: Place, api: Api, answer: str):
    api.put("/buckets/14791", {"metadata_template": '{"a": {"default": "1"}}'})
    lag = {"get_lag_seconds": 1, "list_lag_seconds": 1}
    switched(api, put_resets=["metadata_template"], update_answer=answer, **lag)
    place.write("acrsync.yaml", HEAD + "  - {name: new, was: test, region: eu-west-1, type: Live}\n")
    done = place.acrsync("apply", "--yes", "--settle", "2")
    assert (done.code, done.codes) == (6, ["E516"]), done.out
    assert "metadata_template was {'a': {'default': '1'}} and is None" in done.out


def test_a_rename_that_the_server_ignores_is_reported_as_such(place: Place, api: Api):
    switched(api, name_stored="lowered")
    manifest(place, "id: 1116, name: Offline-Bucket")
    for _ in range(2):
        done = place.acrsync("apply", "--yes", "--settle", "1", "--landing", "1")
        assert (done.code, "E505" in done.codes, "E430" in done.codes) == (6, True, False), done.out
        assert "name is 'offline-bucket', not 'Offline-Bucket'" in done.out


def test_a_saved_plan_creates_no_second_bucket_with_a_taken_name(place: Place, api: Api):
    switched(api, name_equality="exact", duplicate_names="allow")
    manifest(place, "name: music", "name: b, was: offline-bucket")
    assert place.acrsync("plan", "--out", "plan.json").code == 0
    api.create("Music")
    api.create("b")
    api.control("DELETE", "requests")
    done = place.acrsync("apply", "--plan", "plan.json", "--yes", "--settle", "2")
    assert (done.code, writes(api)) == (4, []), done.out
    assert done.codes.count("E502") == 2


def test_a_create_delivered_twice_is_reported_as_already_done(place: Place, api: Api):
    api.faults({"kind": "duplicate", "answer": "second", "method": "POST", "path": "/api/buckets"})
    manifest(place, "name: new")
    done = place.acrsync("apply", "--yes", "--settle", "2")
    assert done.code == 0, done.out


def test_one_bucket_that_is_forbidden_is_one_failure(place: Place, api: Api):
    api.faults({"kind": "error_before", "status": 403, "method": "GET", "path": "/api/buckets/1116"})
    place.write(
        "acrsync.yaml",
        HEAD + "  - {name: offline-bucket, region: eu-west-1, type: File, labels: [A]}\n"
        "  - {name: test, region: eu-west-1, type: Live, labels: [B]}\n",
    )
    done = place.acrsync("apply", "--yes", "--settle", "2")
    assert (done.code, done.codes) == (6, ["E518"]), done.out
    assert writes(api) == ["PUT /api/buckets/14791"]


def test_a_rename_in_the_manifest_without_was_is_reported(place: Place, api: Api):
    entry = "  - {name: renamed, region: eu-west-1, type: Live, labels: [TV]}\n"
    place.write("acrsync.yaml", "version: 1\nlimits: {deletes: 5}\nbuckets:\n" + entry)
    done = place.acrsync("plan")
    assert "W311" in done.codes
    assert "add `was: test` to the entry renamed" in done.out
    entry = entry.replace("[TV]", "[TV, News]")
    place.write("acrsync.yaml", "version: 1\nbuckets:\n" + entry.replace("renamed", "test"))
    assert place.acrsync("apply", "--yes", "--settle", "2").code == 0
    place.write("acrsync.yaml", "version: 1\nbuckets:\n" + entry)
    api.control("DELETE", "requests")
    done = place.acrsync("apply", "--yes", "--settle", "2")
    assert (done.code, done.codes, writes(api)) == (3, ["E305"], []), (
        "managed by the last run, and no entry names it now"
    )
    assert "add `was: test` to the entry renamed" in done.out


@pytest.mark.parametrize("equality", ["ignore_case", "ignore_case_and_accents"])
@pytest.mark.parametrize("parallelism", ["1", "8"])
def test_equivalent_names_are_freed_before_they_are_reused(place: Place, api: Api, equality: str, parallelism: str):
    """A swap, a chain with a create at its end, and a delete with a create after it; no write is refused."""
    switched(api, name_equality=equality)
    accents = equality == "ignore_case_and_accents"
    names = ["Café", "Tee", "Eins", "Zwei", *(["Gärten"] if accents else [])]
    rows = [{"id": 20000 + at, "name": name, "region": "eu-west-1", "type": "File"} for at, name in enumerate(names)]
    profile = {"base": "documented", "duplicate_names": "refuse", "name_equality": equality}
    api.control("POST", "reset", {"rows": rows, "profile": profile})
    swap = ("TÉE", "cafe") if accents else ("TEE", "CAFÉ")
    chain = ("name: ZWEI, id: 20002", "name: drei, id: 20003", "name: EINS")
    manifest(
        place,
        *(f"name: {name}, id: {20000 + at}" for at, name in enumerate(swap)),
        *chain,
        *(["name: garten"] * accents),
    )
    if accents:
        path = place.folder / "acrsync.yaml"
        path.write_text(path.read_text() + "removed: [{name: Gärten}]\nlimits: {deletes: 1}\n", encoding="utf-8")
    done = place.acrsync("apply", "--yes", "--settle", "2", "--parallelism", parallelism)
    assert done.code == 0, done.out
    refused = [entry for entry in api.requests() if entry["method"] != "GET" and entry["status"] >= 400]
    assert (refused, len(writes(api))) == ([], 8 if accents else 6)
