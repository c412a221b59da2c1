"""With `--format json` stdout is exactly one document, whatever happens; `Done.document` validates it."""

import pytest

from e2e.commandline import Place
from emulator.api import Api
from hostile import answered, hostile

MANIFEST = "version: 1\nbuckets:\n  - {name: test, region: eu-west-1, type: Live, labels: [TV, News]}\n"

PATHS = {
    "a plan": (MANIFEST, ("plan",), 0),
    "a plan with changes": (MANIFEST, ("plan", "--detailed-exitcode"), 2),
    "an apply": (MANIFEST, ("apply", "--yes"), 0),
    "an apply with nothing to do": (MANIFEST.replace(", News", ""), ("apply", "--yes"), 0),
    "an apply that a guard refuses": (MANIFEST.replace("eu-west-1", "us-west-2"), ("apply", "--yes"), 3),
    "an apply without a terminal": (MANIFEST, ("apply",), 1),
    "mistakes in the manifest": ("version: 1\nbuckets: [{nam: a}, {name: 1}]\n", ("plan",), 1),
    "mistakes, validated": ("version: 1\nbuckets: [{nam: a}, {name: 1}]\n", ("validate",), 1),
    "a valid manifest": (MANIFEST, ("validate",), 0),
    "a manifest that is missing": (MANIFEST, ("plan", "missing.yaml"), 1),
    "an unknown option": (MANIFEST, ("plan", "--frobnicate"), 1),
    "an unknown option of a command without the format": (MANIFEST, ("export",), 1),
    "a value that is none": (MANIFEST, ("plan", "--parallelism", "many"), 1),
    "a number that is none": (MANIFEST, ("plan", "--timeout", "nan"), 1),
    "an unknown command": (MANIFEST, ("frobnicate",), 1),
    "options that do not go together": (MANIFEST, ("apply", "--expect", "sha256:0"), 1),
    "a file that cannot be written": (MANIFEST, ("plan", "--out", "missing/plan.json"), 1),
    "a record that cannot be written": (MANIFEST, ("apply", "--yes", "--runs", "acrsync.yaml"), 1),
    "a saved plan that is missing": (MANIFEST, ("apply", "--yes", "--plan", "plan.json"), 1),
    "an endpoint that is none": (MANIFEST, ("plan", "--endpoint", "https://["), 1),
}


@pytest.mark.parametrize(("manifest", "arguments", "code"), PATHS.values(), ids=PATHS)
def test_stdout_is_one_document_on_every_path(place: Place, manifest, arguments, code):
    place.write("acrsync.yaml", manifest)
    done = place.acrsync(*arguments, "--format", "json")
    document = done.document
    assert (done.code, done.err if code != 0 else "") == (code, "")
    assert (code == 1) == any(d["severity"] == "error" for d in document["diagnostics"])
    assert {str(path) for path in place.folder.iterdir()} <= {
        f"{place.folder}/acrsync.yaml",
        f"{place.folder}/.acrsync",
    }


def test_the_format_can_be_written_with_an_equals_sign_in_a_wrong_command_line(place: Place):
    assert place.acrsync("plan", "--format=json", "--frobnicate").document["exit_code"] == 1


def test_progress_and_waiting_go_to_stderr_beside_the_document(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    done = place.acrsync("apply", "--yes", "--format", "json", "--debug")
    assert done.document["verified"] is True
    assert "[1/1] updated   ~ test (id 14791)\n" in done.err
    assert "PUT /api/buckets/14791: 200" in done.err


def test_an_apply_always_reports_outcomes_and_verified(place: Place):
    place.write("acrsync.yaml", MANIFEST.replace(", News", ""))
    nothing = place.acrsync("apply", "--yes", "--format", "json").document
    assert (nothing["outcomes"], nothing["verified"]) == ([], True)
    place.write("acrsync.yaml", MANIFEST.replace("eu-west-1", "us-west-2"))
    refused = place.acrsync("apply", "--yes", "--format", "json").document
    assert (refused["outcomes"], refused["verified"]) == ([], False)
    assert "outcomes" not in place.acrsync("plan", "--format", "json").document


def test_requests_are_counted(place: Place, api: Api):
    place.write("acrsync.yaml", MANIFEST)
    sent = place.acrsync("apply", "--yes", "--format", "json").document["requests"]
    seen = [entry["method"] for entry in api.requests()]
    assert sent == {method: seen.count(method) for method in sorted(set(seen))} != {}


def test_api_errors_are_also_one_document(bare: Place):
    bare.write("acrsync.yaml", MANIFEST)
    with hostile(answered(403, {"error": "Authentication Exception"})) as server:
        environment = {"ACRSYNC_ENDPOINT": server.url, "ACRSYNC_TOKEN": "t"}
        document = bare.acrsync("plan", "--format", "json", environment=environment).document
    assert [d["code"] for d in document["diagnostics"]] == ["E403"]


def test_hostile_names_stay_ascii_and_form_no_pipeline_command(place: Place, api: Api):
    api.control(
        "POST", "reset", {"rows": [{"id": 7, "uid": 19, "name": "x\n::error::##[group]\x1b[2J\u202e", "type": "File"}]}
    )
    place.write("acrsync.yaml", MANIFEST)
    done = place.acrsync("plan", "--format", "json")
    assert done.document["unmanaged"][0]["name"] == "x\n::error::##[group]\x1b[2J\u202e"
    assert done.out.isascii()
    assert "##[" not in done.out
    text = place.acrsync("plan").out
    assert not any(character in text for character in "\x1b\u202e")
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert "##[" not in text
