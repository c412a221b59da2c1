"""Export, and the endpoints `emulator:`, a built-in test account."""

import socket
import subprocess
from pathlib import Path

import pytest

from e2e.commandline import Place
from emulator.api import Api

MANIFEST = "version: 1\nbuckets:\n  - {name: music, region: eu-west-1, type: File}\n"
OTHERS = [
    {"id": 2, "uid": 19, "name": "twice", "type": "File"},
    {"id": 3, "uid": 19, "name": "twice", "type": "Live"},
    {"id": 4, "uid": 19, "name": "Ünïcode: {a}", "type": "File", "labels": ["acrsync:radio", "no", "1_000"]},
    {"id": 5, "uid": 19, "name": "template", "type": "File", "metadata_template": '{"no": {"default": "on"}, "x": {}}'},
]


def test_an_export_plans_no_changes(place: Place):
    done = place.acrsync("export", "--out", "acrsync.yaml")
    assert (done.code, done.out) == (0, "")
    assert done.err == (
        "Wrote acrsync.yaml. `acrsync plan acrsync.yaml` shows how it compares with the account.\n"
        "Wrote acrsync.schema.json. Editors check acrsync.yaml with it.\n"
    )
    assert (place.folder / "acrsync.yaml").read_text() == place.acrsync("export").out
    assert place.acrsync("plan", "--detailed-exitcode").code == 0


def test_the_schema_that_the_first_line_names_is_written_beside_the_manifest(place: Place):
    (place.folder / "account").mkdir()
    place.acrsync("export", "--out", "account/acrsync.yaml")
    first = (place.folder / "account" / "acrsync.yaml").read_text().splitlines()[0]
    schema = place.folder / "account" / first.removeprefix("# yaml-language-server: $schema=")
    assert schema.read_text() == place.acrsync("schema").out
    schema.write_text("mine\n")
    done = place.acrsync("export", "--out", "account/other.yaml")
    assert (done.code, done.err.count("Wrote"), schema.read_text()) == (0, 1, "mine\n")
    place.acrsync("export")
    assert not (place.folder / schema.name).exists()


def test_buckets_of_one_name_are_exported_with_their_ids(place: Place, api: Api):
    api.control("POST", "reset", {"rows": OTHERS})
    text = place.acrsync("export").out
    assert text.count("several buckets have this name") == 2
    place.write("acrsync.yaml", text)
    done = place.acrsync("plan", "--format", "json", "--detailed-exitcode").document
    assert (done["exit_code"], done["summary"]["unchanged"]) == (0, 4)


def test_export_refuses_to_overwrite(place: Place, api: Api):
    place.write("acrsync.yaml", "mine\n")
    done = place.acrsync("export", "--out", "acrsync.yaml")
    assert (done.code, done.codes, api.requests()) == (1, ["E006"], [])
    assert (place.folder / "acrsync.yaml").read_text() == "mine\n"


def test_an_account_of_many_pages_is_exported_completely(place: Place, api: Api):
    api.control("POST", "reset", {"seed": {"buckets": 230}, "profile": {"per_page_cap": 50}})
    place.write("acrsync.yaml", place.acrsync("export").out)
    assert place.acrsync("plan", "--format", "json").document["summary"]["unchanged"] == 230


def test_reading_creates_no_state_and_the_first_write_does(bare: Place):
    bare.write("acrsync.yaml", MANIFEST)
    bare.environment["ACRSYNC_ENDPOINT"] = "emulator:"
    for command in (("plan",), ("export",), ("apply", "--dry-run"), ("validate",)):
        assert bare.acrsync(*command).code == 0
    assert [path.name for path in bare.folder.iterdir()] == ["acrsync.yaml"]
    assert bare.acrsync("apply", "--yes").code == 0
    assert sorted(path.name for path in (bare.folder / ".acrsync").iterdir()) == [".gitignore", "emulator.db", "runs"]
    assert bare.acrsync("plan", "--detailed-exitcode").code == 0, "the state is kept"


def test_a_refused_apply_creates_no_state_either(bare: Place):
    bare.write("acrsync.yaml", MANIFEST.replace("music", "us_bucket"))
    assert bare.acrsync("apply", "--yes", "--endpoint", "emulator:sub/state.db").code == 3
    assert [path.name for path in bare.folder.iterdir()] == ["acrsync.yaml"]


def test_state_in_a_chosen_file_and_without_a_file(bare: Place):
    bare.write("acrsync.yaml", MANIFEST)
    assert bare.acrsync("apply", "--yes", "--endpoint", "emulator:sub/state.db").code == 0
    assert (bare.folder / "sub" / "state.db").is_file()
    assert bare.acrsync("plan", "--endpoint", "emulator:sub/state.db", "--detailed-exitcode").code == 0
    for _ in range(2):  # the second one knows of the first, whose bucket no list shows now
        done = bare.acrsync("apply", "--yes", "--settle", "0", "--endpoint", "emulator::memory:", "--format", "json")
        assert [outcome["status"] for outcome in done.document["outcomes"]] == ["created"]
    assert not list(bare.folder.glob("*:memory:*"))


def test_the_endpoint_flag_takes_precedence_over_the_environment(bare: Place):
    bare.write("acrsync.yaml", MANIFEST)
    environment = {"ACRSYNC_ENDPOINT": "http://127.0.0.1:1"}
    assert bare.acrsync("plan", "--endpoint", "emulator:", environment=environment).code == 0


def test_the_emulator_listens_on_the_given_host_and_port(bare: Place):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process: subprocess.Popen[str] = bare.start("emulator", "--port", str(port))
    assert process.stdout is not None
    assert process.stdout.readline() == f"export ACRSYNC_ENDPOINT=http://127.0.0.1:{port}\n"
    process.terminate()
    assert bare.ended(process).code == 0


@pytest.fixture
def faults(bare: Place) -> Path:
    return bare.write("faults.yaml", "faults: [{kind: error_before, status: 503, nth: 1}]\n")


def test_the_emulator_command_serves_what_the_other_commands_use(bare: Place, faults: Path):
    bare.write("acrsync.yaml", MANIFEST + "account: {uid: 19}\n")  # this profile lists rows of others, too
    line = ("emulator", "--state", "state.db", "--profile", "strict", "--faults", str(faults), "--latency", "5")
    process: subprocess.Popen[str] = bare.start(*line)
    try:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(2)]
        values = dict(text.strip().removeprefix("export ").split("=", 1) for text in said)
        assert list(values) == ["ACRSYNC_ENDPOINT", "ACRSYNC_TOKEN"]
        done = bare.acrsync("apply", "--yes", "--debug", "--format", "json", environment=values)
        assert (done.code, done.document["verified"]) == (0, True)
        assert "GET /api/buckets?page=1&per_page=100: 503" in done.err
        assert done.document["requests"]["POST"] == 1
    finally:
        process.terminate()
        process.communicate()
    assert (bare.folder / "state.db").is_file()
