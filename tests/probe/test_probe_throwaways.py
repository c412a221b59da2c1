"""Throw-away buckets: an account is left as it was found, and nothing is touched that the probe did not create."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from acrsync.diagnostics import AcrsyncError
from acrsync.emulator.seeds import VENDOR_ROWS
from acrsync.emulator.state import Setup
from acrsync.emulator.store import Bucket
from acrsync.probe import record
from acrsync.probe.record import NAME, PREFIX
from probe.oracle import Killed, Oracle, oracle, under

WRITES = ("POST", "PUT", "DELETE")


def killed(one: Oracle, runs, at: int, *, acts: bool) -> None:
    one.dies_at, one.acts, one.asked = at, acts, 0
    with pytest.raises(Killed):
        one.probed(runs)
    one.dies_at = None


def log_of(one: Oracle) -> list[Any]:
    return list(one.emulator.log.to_document())


def requests_of_a_probe(tmp_path, profile) -> int:
    with oracle(profile) as one:
        return sum(one.probed(tmp_path / "calm").requests.values())


def survives(profile, tmp_path, *, at: int, acts: bool, **how) -> None:
    """Kill a probe; the next one leaves the account as it was before both."""
    with oracle(profile, **how) as one:
        before = one.buckets
        killed(one, tmp_path, at, acts=acts)
        left = one.buckets.keys() - before.keys()
        assert len(left) <= 2
        report = one.probed(tmp_path)
        # If a recorded create was never sent, or was refused, the record does not show that: it is reported.
        assert {message.code for message in report.messages} <= {"W604"}
        assert one.buckets == before


STEP = 7  # a sample; all of it is slow


@pytest.mark.parametrize("acts", [False, True])
def test_the_next_probe_removes_everything_that_a_killed_one_left(acts, tmp_path):
    profile = under("documented")
    for at in range(1 + acts, requests_of_a_probe(tmp_path, profile) + 1, STEP):
        survives(profile, tmp_path / str(at), at=at, acts=acts)


@pytest.mark.slow
@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("base", ["documented", "strict", "lenient"])
def test_a_probe_can_be_killed_at_every_request_under_every_named_profile(base, acts, tmp_path):
    profile = under(base)
    for at in range(1, requests_of_a_probe(tmp_path, profile) + 1):
        survives(profile, tmp_path / str(at), at=at, acts=acts)


@pytest.mark.slow
@pytest.mark.parametrize(
    "switches",
    [
        {"create_answer": "null"},
        {"create_answer": "another_row"},
        {"trouble": "lost_create_answer"},
        {"list_lag_seconds": 5},
        {"get_lag_seconds": 5},
        {"name_stored": ["html_escaped"]},
        {"duplicate_names": "allow"},
    ],
)
def test_a_probe_can_be_killed_on_unusual_servers(switches, tmp_path):
    profile = under("documented", **switches)
    for at in range(30, requests_of_a_probe(tmp_path, profile) + 1, 3):
        survives(profile, tmp_path / str(at), at=at, acts=True)


def test_at_most_two_test_buckets_exist_at_a_time(tmp_path, monkeypatch):
    with oracle(under("documented")) as one:
        before = one.buckets
        most, ask = 0, Oracle.send

        def counted(self, *args, **kwargs):
            nonlocal most
            answer = ask(self, *args, **kwargs)
            new = [row for id_, row in self.buckets.items() if id_ not in before]
            assert all(row.type == "File" and row.name.strip().lower().startswith(PREFIX) for row in new)
            most = max(most, len(new))
            return answer

        monkeypatch.setattr(Oracle, "send", counted)
        one.probed(tmp_path)
        assert most == 2
        created = [entry["body"]["name"] for entry in log_of(one) if entry["method"] == "POST"]
        assert all(NAME.fullmatch(name) for name in created)


def test_each_test_bucket_is_recorded_before_it_is_created(tmp_path, monkeypatch):
    with oracle(under("documented")) as one:
        ask = Oracle.send

        def recorded(self, request):
            if request.method == "POST":
                (file,) = (tmp_path / "probes").glob("*.jsonl")
                lines = [json.loads(line) for line in file.read_text().splitlines()]
                assert (lines[-1]["event"], lines[-1]["name"]) == ("creating", request.body["name"])
            return ask(self, request)

        monkeypatch.setattr(Oracle, "send", recorded)
        one.probed(tmp_path)


def test_the_name_of_a_record_is_on_disk_before_its_first_create(tmp_path, monkeypatch):
    synced: list[Path] = []
    monkeypatch.setattr("acrsync.probe.record.sync_folder", synced.append)
    with oracle(under("documented")) as one:
        ask = Oracle.send

        def after_sync(self, request):
            assert request.method == "GET" or synced == [tmp_path / "probes"]
            return ask(self, request)

        monkeypatch.setattr(Oracle, "send", after_sync)
        one.probed(tmp_path)


def test_no_request_of_a_probe_names_a_bucket_of_the_account(tmp_path):
    for switches in ({}, {"create_answer": "another_row"}, {"page_rows_cap": 1, "create_answer": "another_row"}):
        with oracle(under("documented", **switches)) as one:
            before = one.buckets
            one.probed(tmp_path)
            written = [e for e in log_of(one) if e["method"] in ("PUT", "DELETE")]
            ids = {int(str(entry["path"]).removeprefix("/api/buckets/")) for entry in written}
            assert ids.isdisjoint(before)
            assert one.buckets == before


def left_behind(one: Oracle, runs) -> Bucket:
    """Kill a probe right after its first create; return the bucket."""
    before = one.buckets
    one.probed(runs / "counting", write=False)
    posts = one.asked
    killed(one, runs, posts + 4, acts=True)
    (bucket_id,) = one.buckets.keys() - before.keys()
    return one.buckets[bucket_id]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "precious"}, "it was renamed"),
        ({"name": "acrsync-probe-ffffffff-1"}, "the name of another probe"),
        ({"files": 1, "seconds": 9}, "it has a file"),
        ({"uid": 20}, "it is of another account by now"),
        ({"type": "Live"}, "it is not a File bucket"),
        ({"seconds": 60}, "its size says that it holds something"),
    ],
)
def test_a_bucket_that_is_not_as_recorded_is_left_alone_and_reported(change, reason, tmp_path):
    with oracle(under("documented")) as one:
        changed = one.emulator.store.save(replace(left_behind(one, tmp_path), **change))
        report = one.probed(tmp_path)
        assert one.buckets[changed.id] == changed, reason
        assert not report.clean
        assert any(message.code in ("W604", "W605") for message in report.messages)


def test_a_create_whose_answer_is_lost_is_found_by_its_name_or_reported(tmp_path):
    with oracle(under("documented", trouble="lost_create_answer")) as one:
        before = one.buckets
        report = one.probed(tmp_path)
        assert report.clean
        assert one.buckets == before
        assert len(report.certain) > 40
    with oracle(under("documented", trouble="lost_create_answer", list_lag_seconds=3600)) as one:
        before = one.buckets
        report = one.probed(tmp_path / "late")
        (message,) = report.messages
        assert message.code == "W604"
        assert PREFIX in message.detail
        (left,) = one.buckets.keys() - before.keys()
        one.time.seconds += 3600
        again = one.probed(tmp_path / "late")
        assert left not in one.buckets
        assert again.clean


def test_a_lost_create_that_never_appears_is_dropped_after_an_hour(tmp_path):
    with oracle(under("documented")) as one:
        gone = left_behind(one, tmp_path)
        one.emulator.store.delete(gone.id)
        assert not one.probed(tmp_path).clean
        (path,) = [path for path in (tmp_path / "probes").glob("*.jsonl") if '"end"' not in path.read_text()]
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        lines[0]["time"] = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
        path.write_text("\n".join(map(json.dumps, lines)) + "\n")
        assert one.probed(tmp_path).clean


def test_records_of_other_accounts_and_endpoints_are_left_alone(tmp_path):
    with oracle(under("documented")) as one:
        left = left_behind(one, tmp_path)
        (path,) = (tmp_path / "probes").glob("*.jsonl")
        text = path.read_text()
        path.write_text(text.replace('"uid": 19', '"uid": 20'))
        assert one.probed(tmp_path).clean
        path.write_text(text.replace("http://oracle", "http://elsewhere"))
        assert one.probed(tmp_path).clean
        assert left.id in one.buckets


def test_a_record_that_names_other_buckets_is_refused(tmp_path):
    with oracle(under("documented")) as one:
        left_behind(one, tmp_path)
        (path,) = (tmp_path / "probes").glob("*.jsonl")
        path.write_text(re.sub(r'"base": "[^"]*"', '"base": "us_bucket"', path.read_text()))
        before = one.buckets
        with pytest.raises(AcrsyncError, match="record of a probe"):
            one.probed(tmp_path)
        assert one.buckets == before


def test_a_line_truncated_by_a_crash_was_never_sent(tmp_path):
    with oracle(under("documented")) as one:
        left_behind(one, tmp_path)
        (path,) = (tmp_path / "probes").glob("*.jsonl")
        with path.open("ab") as file:
            file.write(b'{"event": "creat')
        (found,) = record.unfinished(tmp_path, endpoint="http://oracle", uid=19)
        assert len(found.left) == 1
        assert one.probed(tmp_path).clean


def test_without_a_record_nothing_is_created(tmp_path):
    blocked = tmp_path / "runs"
    blocked.write_text("a file where the folder must be")
    with oracle(under("documented")) as one, pytest.raises(AcrsyncError, match="record"):
        one.probed(blocked)
    assert "POST" not in {entry["method"] for entry in log_of(one)}


def test_another_account_is_refused_before_anything_is_written(tmp_path):
    with oracle(under("documented")) as one:
        with pytest.raises(AcrsyncError, match="of account 19, not of 7"):
            one.probed(tmp_path, uid=7)
        assert {entry["method"] for entry in log_of(one)} == {"GET"}


def test_in_another_empty_account_the_first_bucket_is_reported(tmp_path):
    with oracle(under("documented"), rows=()) as one:
        with pytest.raises(AcrsyncError, match="to account 19, not to 7"):
            one.probed(tmp_path, uid=7)
        assert len(one.buckets) <= 1


def test_a_probe_without_write_permission_reports_it_and_its_findings_from_reading(tmp_path):
    with oracle(under("documented", missing_scope="message_403"), rows=VENDOR_ROWS) as one:
        account = replace(one.emulator.setup.accounts[0], scopes=("read-all",))
        one.emulator.configure(Setup(accounts=(account,), profile=one.profile))
        report = one.probed(tmp_path)
        assert report.clean
        assert report.findings["missing_scope"].value == "message_403"
        assert report.findings["list_order"].possible
