"""Machines that few people have: no home, no console in UTF-8, a fast clock, an editor that writes byte order marks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from acrsync.plan.document import checksum
from e2e.commandline import COMMAND, Place
from e2e.test_interrupts import until
from emulator.api import Api

HOMELESS = """
from pathlib import Path

def home(cls):
    raise RuntimeError("Could not determine home directory.")

Path.home = classmethod(home)
from acrsync.cli import main
main()
"""
MANIFEST = "version: 1\nbuckets:\n- {name: music, region: eu-west-1, type: File, labels: [Musik, Tänze]}\n"


def test_an_empty_name_of_a_file_is_wrong_usage(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    for given in ("", "json:", "markdown:"):
        done = place.acrsync("plan", "--out", given)
        assert (done.code, done.codes, "the name of the file is missing" in done.err) == (1, ["E002"], True)


def test_two_outputs_to_one_file_and_an_output_without_a_file_are_wrong_usage(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    twice = place.acrsync("plan", "--out", "plan.json", "--out", "html:./plan.json")
    assert (twice.codes, "two outputs go to ./plan.json" in twice.err) == (["E002"], True)
    assert not (place.folder / "plan.json").exists()
    for given in ("-", "json:-"):
        done = place.acrsync("plan", "--out", given)
        assert (done.codes, "For stdout use --format." in done.err) == (["E002"], True)


def test_an_empty_name_of_an_environment_is_wrong_usage_and_an_empty_variable_is_none(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    assert place.acrsync("plan", "--env", "").codes == ["E002"]
    assert place.acrsync("plan", environment={"ACRSYNC_ENV": ""}).codes == []


def test_a_user_without_a_passwd_entry_and_home_gets_a_message(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    del place.environment["HOME"]
    del place.environment["ACRSYNC_TOKEN"]
    done = place.ended(place.begin([sys.executable, "-c", HOMELESS, "plan"]))
    assert (done.code, done.codes) == (1, ["E013"])


def test_redirected_output_is_utf_8_for_every_locale(place: Place, api: Api):
    api.control("POST", "reset", {"rows": [{"name": "Tänze"}]})
    for encoding in ("latin-1", "ascii", "cp1252"):
        process = place.start("export", environment={"PYTHONIOENCODING": encoding})
        assert process.stdout is not None
        with open(process.stdout.fileno(), "rb", closefd=False) as raw:
            assert "name: Tänze" in raw.read().decode("utf-8"), encoding
        process.communicate()


def test_a_saved_plan_with_a_byte_order_mark_is_read(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    place.acrsync("plan", "--out", "plan.json")
    path = place.folder / "plan.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert place.acrsync("apply", "--yes", "--plan", "plan.json").code == 0


def test_a_plan_from_the_future_is_refused_with_an_accurate_message(place: Place):
    place.write("acrsync.yaml", MANIFEST)
    place.acrsync("plan", "--out", "plan.json")
    path = place.folder / "plan.json"
    document = json.loads(path.read_text())
    document["timestamp"] = f"{datetime.now(UTC) + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
    path.write_text(json.dumps(document | {"checksum": checksum(document)}))
    done = place.acrsync("apply", "--yes", "--plan", "plan.json")
    assert (done.code, done.codes) == (1, ["E059"])


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal here")
def test_a_closed_terminal_ends_a_command_like_an_interrupt(place: Place, api: Api):
    place.write("acrsync.yaml", MANIFEST)
    api.faults({"kind": "hang_before", "path": "/api/buckets", "seconds": 20})
    process = place.start("plan")
    until(lambda: any(entry["path"] == "/api/buckets" for entry in api.requests()))
    at = time.monotonic()
    process.send_signal(signal.SIGHUP)
    done = place.ended(process)
    assert (done.code, time.monotonic() - at < 15, "Nothing was written" in done.err) == (130, True, True)


def test_a_command_under_nohup_survives_its_terminal(place: Place, api: Api):
    place.write("acrsync.yaml", MANIFEST)
    api.faults({"kind": "hang_before", "path": "/api/buckets", "seconds": 2, "at": [1]})
    process = place.begin(["nohup", COMMAND, "plan"], stdout=subprocess.PIPE)
    until(lambda: any(entry["path"] == "/api/buckets" for entry in api.requests()))
    process.send_signal(signal.SIGHUP)
    assert place.ended(process).code == 0
