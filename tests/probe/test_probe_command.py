"""`acrsync probe` as a person runs it: real time, real files, an emulator of its own."""

from __future__ import annotations

import json

import pytest

from acrsync.emulator import serve
from acrsync.emulator.profile import load, to_document
from e2e.commandline import Place
from e2e.conftest import bare
from probe.oracle import is_right

__all__ = ["bare"]


@pytest.fixture
def probing(bare: Place) -> Place:
    bare.environment["ACRSYNC_ENDPOINT"] = "emulator:account.db"
    return bare


def test_it_sends_only_get_and_prints_findings(probing: Place):
    done = probing.acrsync("probe")
    assert done.code == 0
    assert "Certain: " in done.out
    assert "GET." in done.out
    assert "POST" not in done.out.partition("Certain")[0]
    assert not (probing.folder / "account.db").exists()


def test_with_write_it_leaves_nothing_and_its_profile_runs_the_emulator(probing: Place, tmp_path):
    done = probing.acrsync("probe", "--write", "--account", "19", "--yes", "--out", "profile.yaml", "--format", "json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["clean"]
    assert document["exit_code"] == 0
    certain = {name: switch["value"] for name, switch in document["switches"].items() if switch["value"] != "untold"}
    assert len(certain) >= 50
    assert all(document["switches"][name]["seen"] for name in certain if name != "put_resets")
    assert "acrsync-probe" not in probing.acrsync("list").out
    measured = load(probing.folder / "profile.yaml")
    assert all(is_right(value, to_document(measured)[name], name) for name, value in certain.items())
    with serve(profile=probing.folder / "profile.yaml"):
        pass
    (record,) = (probing.folder / ".acrsync" / "runs" / "probes").iterdir()
    assert json.loads(record.read_text().splitlines()[-1])["event"] == "end"
    assert probing.acrsync("probe", "--compare", "profile.yaml").code == 0


def test_a_changed_switch_is_found(bare: Place):
    with serve() as before:
        bare.environment |= {"ACRSYNC_ENDPOINT": before.url, "ACRSYNC_TOKEN": before.token}
        assert bare.acrsync("probe", "--out", "profile.yaml").code == 0
    (bare.folder / "changed.yaml").write_text("page_past_end: last\n")
    with serve(profile=bare.folder / "changed.yaml") as after:
        bare.environment |= {"ACRSYNC_ENDPOINT": after.url, "ACRSYNC_TOKEN": after.token}
        done = bare.acrsync("probe", "--compare", "profile.yaml")
    assert done.code == 2
    assert "page_past_end: empty before, last now" in done.out


def test_it_does_not_write_to_an_account_that_is_not_set(probing: Place):
    done = probing.acrsync("probe", "--write", "--yes")
    assert (done.code, done.codes) == (1, ["E608"])
    probing.write("acrsync.yaml", "version: 1\naccount: {uid: 7}\n")
    refused = probing.acrsync("probe", "--write", "--yes")
    assert (refused.code, refused.codes) == (1, ["E309"])


def test_it_asks_before_it_writes(probing: Place):
    done = probing.acrsync("probe", "--write", "--account", "19")
    assert (done.code, done.codes) == (1, ["E007"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name_max_length: many\n", "no number"),
        ("no_such_switch: 1\n", "no such switch"),
        ("base: real\n", "no such base"),
        ("- a\n", "no mapping"),
        ("a: [\n", "no YAML"),
    ],
)
def test_an_invalid_profile_is_refused_before_anything_is_sent(probing: Place, text, reason):
    probing.write("profile.yaml", text)
    assert probing.acrsync("probe", "--compare", "profile.yaml").codes == ["E609"], reason


def test_the_token_is_in_no_report(bare: Place):
    with serve() as running:
        bare.environment |= {"ACRSYNC_ENDPOINT": running.url, "ACRSYNC_TOKEN": running.token}
        bare.secrets.add(running.token)
        done = bare.acrsync("probe", "--format", "json", "--debug")
    assert done.code == 0
    assert "GET /api/buckets" in done.err


def test_another_run_that_holds_the_account_is_not_disturbed(probing: Place):
    from filelock import FileLock

    first = probing.acrsync("probe", "--write", "--account", "19", "--yes")
    assert first.code == 0, first.err
    (lock,) = (probing.folder / ".acrsync" / "runs").glob("*-19.lock")
    with FileLock(lock):
        lock.with_suffix(".holder").write_text(json.dumps({"run": "x", "who": "y", "since": "z", "ttl_s": 0}))
        held = probing.acrsync("probe", "--write", "--account", "19", "--yes", "--lock-timeout", "0")
    assert held.code == 5
