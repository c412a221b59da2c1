"""Wrong paths, wrong hosts, servers out of their mind: one clear message, the right code, nothing half-written."""

import os
import stat
import sys
import time

import pytest

from e2e.commandline import TOKEN, Place
from emulator.api import Api
from hostile import Answer, answered, drip, hostile, listing, ok, raw, reset, row, silence

PYTHON = sys.executable
MANIFEST = "version: 1\nbuckets:\n  - {name: test, region: eu-west-1, type: Live, labels: [TV, News]}\n"
HTML = "<!doctype html><html><body><h1>Sign in to the hotel's network</h1></body></html>"

ANSWERS: dict[str, tuple[Answer, str]] = {
    "a wrong token": (answered(403, {"error": "Authentication Exception"}), "E403"),
    "a page instead of JSON": (answered(200, HTML), "E416"),
    "an error page of a proxy": (answered(502, HTML), "E421"),
    "a redirect to a login page": (answered(302, HTML, Location="https://example.org/login"), "E407"),
    "JSON of something else": (ok({"hello": "world"}), "E417"),
    "a list of what are no buckets": (ok(listing({"title": "x"})), "E417"),
    "half an answer": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"), "E414"),
    "a reset": (reset, "E414"),
    "silence": (silence(3), "E408"),
    "a drip": (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", every=0.1), "E408"),
    "too many requests, for longer than a run lasts": (answered(429, {}, Retry_After="900"), "E420"),
}


@pytest.mark.parametrize(("answer", "code"), ANSWERS.values(), ids=ANSWERS)
def test_a_bad_answer_is_one_message_and_no_file(bare: Place, answer, code):
    with hostile(answer) as server:
        bare.environment |= {"ACRSYNC_ENDPOINT": server.url, "ACRSYNC_TOKEN": TOKEN}
        begun = time.monotonic()
        done = bare.acrsync("export", "--out", "acrsync.yaml", "--timeout", "0.3")
        assert time.monotonic() - begun < 30, "attempts and pauses are bounded"
    assert (done.code, done.codes, done.out) == (1, [code], "")
    assert done.err.count("\n") == 3, "summary, detail, fix"
    assert list(bare.folder.iterdir()) == []


def test_if_nothing_listens_at_the_endpoint_the_error_is_clear(bare: Place):
    with hostile(ok({})) as server:
        url = server.url
    bare.write("acrsync.yaml", MANIFEST)
    done = bare.acrsync("plan", "--out", "plan.json", "--endpoint", url, environment={"ACRSYNC_TOKEN": TOKEN})
    assert (done.code, done.codes) == (1, ["E411"])
    assert "Connection refused" in done.err
    assert [path.name for path in bare.folder.iterdir()] == ["acrsync.yaml"]


def test_a_list_that_keeps_changing_is_refused(place: Place, api: Api):
    api.control("POST", "reset", {"seed": {"buckets": 250}})
    api.faults({"kind": "shift_create", "method": "GET", "path": "/api/buckets"})
    place.write("acrsync.yaml", MANIFEST)
    done = place.acrsync("apply", "--yes")
    assert (done.code, done.codes) == (1, ["E440"])
    assert {entry["method"] for entry in api.requests()} == {"GET"}


def test_the_fix_for_an_empty_manifest_works(place: Place):
    place.write("acrsync.yaml", "")
    done = place.acrsync("plan")
    fix = done.err.split("fix: ", 1)[1].split("buckets into it: ", 1)[1].splitlines()[0]
    process = place.begin(["sh", "-c", fix.replace("acrsync export", f"{PYTHON} -m acrsync export")])
    _, err = process.communicate(timeout=60)
    assert (process.returncode, place.acrsync("plan", "--detailed-exitcode").code) == (0, 0), err


FALLS = """
import sys
import acrsync.apply.verify
from acrsync.cli import main


def verify(*_, **__):
    raise ZeroDivisionError("oops")


sys.modules["acrsync.apply.verify"].verify = verify
main()
"""


def test_a_bug_while_an_apply_writes_does_not_say_that_nothing_was_written(place: Place, api: Api):
    place.write("acrsync.yaml", MANIFEST)
    process = place.begin([PYTHON, "-c", FALLS, "apply", "--yes"])
    _, err = process.communicate(timeout=60)
    assert [entry["method"] for entry in api.requests() if entry["method"] != "GET"] == ["PUT"]
    assert process.returncode == 6
    assert err.count("ZeroDivisionError: oops\n") == 1
    assert "error[E000]: acrsync failed" in err
    assert "warning[W514]: A bug ended the apply" in err
    assert "H511" in place.acrsync("plan", "--settle", "0").codes, "the next plan says that a run is unfinished"


@pytest.mark.parametrize("path", [".", "/", "..", "./"])
@pytest.mark.parametrize("command", ["plan", "probe"])
def test_an_output_path_that_is_a_folder_is_refused(place: Place, command: str, path: str):
    place.write("acrsync.yaml", MANIFEST)
    done = place.acrsync(command, "--out", path)
    assert (done.code, done.codes) == (1, ["E005"]), done.err
    assert "Is a directory" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed there")
@pytest.mark.parametrize("command", ["validate", "plan", "apply --yes"])
def test_a_deleted_working_directory_is_not_a_bug(place: Place, command: str):
    script = f'mkdir gone && cd gone && rmdir ../gone && exec "$0" -m acrsync {command}'
    process = place.begin(["sh", "-c", script, PYTHON])
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error[E100]: Manifest file is missing" in out + err


PATHS = {
    "missing": ("missing.yaml", "E100"),
    "an empty folder": ("nothing", "E101"),
    "below a file": ("acrsync.yaml/a.yaml", "E102"),
    "empty": ("/dev/null", "E103"),
    "not UTF-8": ("bytes.yaml", "E104"),
    "binary": ("zeros.yaml", "E105"),
    "not YAML": ("colon.yaml", "E110"),
}


@pytest.mark.parametrize(("path", "code"), PATHS.values(), ids=PATHS)
def test_a_path_that_is_not_a_manifest_is_refused(bare: Place, path, code):
    bare.write("acrsync.yaml", MANIFEST)
    (bare.folder / "bytes.yaml").write_bytes(b"version: 1 # caf\xe9\n")
    (bare.folder / "zeros.yaml").write_bytes(b"version: 1\0\n")
    bare.write("colon.yaml", "version: 1: 2\n")
    (bare.folder / "nothing").mkdir()
    done = bare.acrsync("plan", path)
    assert (done.code, done.codes, done.out) == (1, [code], "")
    assert bare.acrsync("validate", path).out == done.err, "the same words, where they are the answer"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_manifest_is_reported(bare: Place):
    bare.write("acrsync.yaml", MANIFEST).chmod(0)
    assert bare.acrsync("validate").codes == ["E102"]


def test_a_missing_acrsync_yaml_says_how_to_get_one(bare: Place):
    done = bare.acrsync("plan")
    assert done.codes == ["E100"]
    assert "acrsync export --out acrsync.yaml\n" in done.err


def test_a_manifest_can_come_through_a_pipe(place: Place):
    os.mkfifo(place.folder / "pipe.yaml")
    process = place.start("validate", "pipe.yaml")
    (place.folder / "pipe.yaml").write_text(MANIFEST)
    assert place.ended(process).out == "Valid: 1 bucket in pipe.yaml.\n"


def test_a_file_name_that_is_not_utf_8_is_shown_escaped(bare: Place):
    name = os.fsdecode(b"bad-\xff-\x1b.yaml")
    (bare.folder / name).write_text("version: 2\n")
    done = bare.acrsync("validate", name)
    assert done.codes == ["E132"]
    assert done.out.isascii()
    assert "\x1b" not in done.out
    assert bare.acrsync("validate", name, "--format", "json").document["diagnostics"][0]["code"] == "E132"


def test_huge_numbers_are_wrong_usage(bare: Place):
    bare.write("acrsync.yaml", MANIFEST)
    for wrong in ("--timeout=nan", "--timeout=1e99", "--settle=inf", "--settle=-1"):
        assert bare.acrsync("plan", wrong).codes == ["E002"], wrong


def test_a_bucket_with_only_identifying_fields_can_be_planned(bare: Place):
    """New fields, missing fields, unknown values: read and shown, never fixed."""
    strange = row(
        1, type="Hologram", region="mars-1", net_type="7", labels=None, metadata_template="{", num=None, new={}
    )
    bare.write("acrsync.yaml", "version: 1\nbuckets:\n  - {name: a, region: eu-west-1, type: File}\n")
    with hostile(ok(listing(strange, {"id": 2, "name": "b", "type": "File", "region": "eu-west-1"}))) as server:
        environment = {"ACRSYNC_ENDPOINT": server.url, "ACRSYNC_TOKEN": TOKEN}
        assert bare.acrsync("plan", environment=environment).code == 0
        exported = bare.acrsync("export", environment=environment)
    assert exported.code == 0
    assert '#   "bucket-1" (id 1): `region` is "mars-1", which this acrsync does not know.' in exported.out


EMULATORS = {
    "a state file that is none": (("plan", "--endpoint", "emulator:acrsync.yaml"), "E017"),
    "a state file that is a folder": (("plan", "--endpoint", "emulator:."), "E017"),
    "a profile that is none": (("emulator", "--profile", "nonesuch"), "E017"),
    "a profile with a mistake": (("emulator", "--profile", "acrsync.yaml"), "E017"),
    "a fault plan that is missing": (("emulator", "--faults", "missing.yaml"), "E017"),
    "a fault plan with a mistake": (("emulator", "--faults", "acrsync.yaml"), "E017"),
    "a port that is none": (("emulator", "--port", "65536"), "E002"),
}


@pytest.mark.parametrize(("arguments", "code"), EMULATORS.values(), ids=EMULATORS)
def test_an_emulator_that_cannot_start_is_reported(bare: Place, arguments, code):
    bare.write("acrsync.yaml", MANIFEST)
    done = bare.acrsync(*arguments)
    assert (done.code, done.codes, done.out) == (1, [code], "")


def test_an_emulator_port_that_is_taken_is_reported(bare: Place, api: Api):
    done = bare.acrsync("emulator", "--port", api.url.rpartition(":")[2])
    assert (done.code, done.codes) == (1, ["E017"])
    assert "ddress already in use" in done.err


def test_without_its_extra_the_emulator_names_the_package_to_install(bare: Place):
    """The command with werkzeug hidden, as where only `acrsync` without the extra is installed."""
    bare.write("acrsync.yaml", MANIFEST)
    hidden = "import sys; sys.modules['werkzeug'] = None; from acrsync.cli import main; main()"
    for arguments in (("emulator",), ("plan", "--endpoint", "emulator:")):
        done = bare.ended(bare.begin([PYTHON, "-c", hidden, *arguments]))
        assert (done.code, done.codes) == (1, ["E010"])
        assert f'fix: install it: {PYTHON} -m pip install "werkzeug>=3.1.8"\n' in done.err


def test_a_folder_that_cannot_be_created_is_reported(bare: Place):
    bare.write("acrsync.yaml", MANIFEST)
    bare.write(".acrsync", "a file")
    done = bare.acrsync("apply", "--yes", "--endpoint", "emulator:")
    assert (done.code, done.codes) == (1, ["E011"])
    done = bare.acrsync("apply", "--yes", "--endpoint", "emulator::memory:")
    assert (done.code, done.codes) == (1, ["E061"])
    assert stat.S_ISREG((bare.folder / ".acrsync").stat().st_mode)


def test_a_bug_shows_its_traceback_once_and_ends_with_1(place: Place):
    """A bug that is made for the test: the one handler has to turn it into a message."""
    place.write("acrsync.yaml", MANIFEST)
    broken = "import acrsync.plan.planner as p; p.match = None; from acrsync.cli import main; main()"
    process = place.begin([PYTHON, "-c", broken, "plan", "--format", "json"])
    out, err = process.communicate()
    assert (process.returncode, err.count("Traceback"), "'NoneType' object is not callable" in err) == (1, 1, True)
    assert '"code": "E000"' in out
    assert place.environment["ACRSYNC_TOKEN"] not in err
