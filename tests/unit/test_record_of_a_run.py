"""The run record: on disk before anything is sent, readable after anything that can happen to it."""

import json
import os
import resource
import stat
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from acrsync.plan.changes import Create, Delete, Replace, Update
from acrsync.plan.document import plan_document
from acrsync.plan.outcome import Outcome, Status
from acrsync.runs.record import Record, RecordError, close, unfinished
from conformance import record_lines
from report_plans import RUN, desired, live, plan_of

HERE = "https://api-v2.acrcloud.com"
MUSIC = live(7, "music", labels=["Music"], marks=("acrsync:radio",))
NEWS = live(8, "news")
CREATE = Create(desired("talk", region="eu-west-1", type="File"), "")
RELABEL = Update(desired("news", labels=["News"]), NEWS, ("labels",), "")
MOVE = Replace(desired(**{**MUSIC.attrs, "region": "us-west-2"}), MUSIC, ("region",), "")
DELETE = Delete(NEWS, "")
ATTRS = {"name": "talk", "region": "eu-west-1", "type": "File"}


@pytest.fixture
def runs(tmp_path):
    return tmp_path / ".acrsync" / "runs"


@pytest.fixture
def begun(runs):
    """Begin records, and close their files at the end."""
    with ExitStack() as stack:

        def begin(folder=runs, *, uid=19, endpoint=HERE):
            record = Record(folder)
            stack.callback(put_away, record)
            document = plan_document(plan_of((CREATE,), (RELABEL,)), RUN)
            record.begin(document, endpoint=endpoint, uid=uid, version="0.0.0")
            return record

        yield begin


def put_away(record):
    with suppress(RecordError, ValueError):
        record.end(exit_code=1, verified=False, read_back=False)


def aged(record, seconds):
    """Move everything that a record says into the past."""
    lines = [json.loads(line) for line in record.path.read_text().splitlines()]
    for line in lines:
        line["time"] = (datetime.fromisoformat(line["time"]) - timedelta(seconds=seconds)).isoformat(
            timespec="milliseconds"
        )
    record.path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def one(runs, endpoint=HERE):
    (run,) = unfinished(runs, endpoint=endpoint)
    return run


# Writing.


def test_a_record_is_for_its_owner_only_and_git_leaves_it_alone(begun, runs):
    record = begun()
    assert stat.S_IMODE(record.path.stat().st_mode) == 0o600
    assert (runs.parent / ".gitignore").read_text() == "*\n"


def test_a_folder_of_ones_own_gets_no_gitignore(begun, tmp_path):
    begun(tmp_path / "records")
    assert list(tmp_path.rglob(".gitignore")) == []


def test_an_intent_can_be_read_before_its_write_is_sent(begun, runs):
    record = begun()
    record.intent("create", CREATE, attrs=ATTRS, marks=("acrsync:radio",))
    line = record_lines(record.path)[-1]
    assert {key: line[key] for key in ("event", "verb", "name", "action", "id", "attrs", "marks")} == {
        "event": "intent", "verb": "create", "name": "talk", "action": "create", "id": None, "attrs": ATTRS,
        "marks": ["acrsync:radio"],
    }  # fmt: skip


def test_an_intent_waits_for_the_disk(begun, runs, monkeypatch):
    record = begun()
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(record.path.read_text().count("intent")))
    record.intent("create", CREATE, attrs=ATTRS, marks=())
    assert synced == [1]


def test_every_event_fits_the_schema(begun, runs):
    record = begun(uid=None)
    record.intent("update", RELABEL, attrs={"labels": ["News"]}, marks=())
    record.outcome(Outcome(RELABEL, Status.UPDATED, live=NEWS, wrote=True))
    record.intent("delete", MOVE, attrs=MOVE.desired.attrs, marks=MUSIC.marks)
    record.outcome(Outcome(MOVE, Status.UNKNOWN, wrote=True, lost="delete"))
    record.outcome(Outcome(CREATE, Status.SKIPPED))
    record.end(exit_code=6, verified=False, read_back=True)
    close(unfinished(runs, endpoint=HERE), by="")
    events = [line["event"] for line in record_lines(record.path)]
    assert events == ["run", "intent", "outcome", "intent", "outcome", "outcome", "end", "closed"]


def test_workers_do_not_mix_their_lines(begun, runs):
    record = begun()
    long = {"name": "x" * 5000, "region": "eu-west-1", "type": "File"}

    def work():
        for _ in range(20):
            record.intent("create", CREATE, attrs=long, marks=())
            record.outcome(Outcome(CREATE, Status.CREATED, live=NEWS, wrote=True))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(record_lines(record.path)) == 1 + 4 * 20 * 2


def test_text_that_is_no_unicode_can_be_recorded(begun, runs):
    record = begun()
    record.intent("create", CREATE, attrs={**ATTRS, "labels": ["\ud800"]}, marks=())
    assert record_lines(record.path)[-1]["attrs"]["labels"] == ["\ud800"]


# A disk that refuses.


@pytest.mark.parametrize("where", ["file", "folder"])
def test_a_folder_that_cannot_be_used_is_told_before_anything_is_sent(tmp_path, where):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match="cannot be written"):
        Record(tmp_path / "file" if where == "file" else tmp_path / "file" / "runs")


@pytest.fixture
def room():
    """Limit how large files may become, and lift that limit again."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_no_intent_is_accepted_any_more(begun, runs, room):
    record = begun()
    room(record.path.stat().st_size + 10)
    with pytest.raises(RecordError, match="cannot be written"):
        record.intent("create", CREATE, attrs=ATTRS, marks=())
    room(resource.RLIM_INFINITY)
    with pytest.raises(RecordError, match="nothing is sent"):
        record.intent("create", CREATE, attrs=ATTRS, marks=())


def test_on_a_full_disk_an_outcome_is_dropped_and_the_next_run_asks_what_became_of_it(begun, runs, room):
    record = begun()
    record.intent("create", CREATE, attrs=ATTRS, marks=())
    room(record.path.stat().st_size + 10)
    record.outcome(Outcome(CREATE, Status.CREATED, live=NEWS, wrote=True))
    with pytest.raises(RecordError):
        record.end(exit_code=0, verified=True, read_back=True)
    room(resource.RLIM_INFINITY)
    assert one(runs).counts == {"open": 1}


# Reading what an earlier run left.


def test_a_run_that_ended_verified_leaves_nothing(begun, runs):
    record = begun()
    record.intent("create", CREATE, attrs=ATTRS, marks=())
    record.outcome(Outcome(CREATE, Status.CREATED, live=NEWS, wrote=True))
    record.end(exit_code=0, verified=True, read_back=True)
    assert unfinished(runs, endpoint=HERE) == ()


def test_no_folder_is_no_run(tmp_path):
    assert unfinished(tmp_path / "nowhere", endpoint=HERE) == ()


@pytest.mark.parametrize("ends", [True, False])
def test_a_run_is_unfinished_whether_it_says_so_or_was_cut_off(begun, runs, ends):
    record = begun()
    record.intent("update", RELABEL, attrs={"labels": ["News"]}, marks=())
    record.outcome(Outcome(RELABEL, Status.FAILED, wrote=True))
    if ends:
        record.end(exit_code=6, verified=False, read_back=True)
    run = one(runs)
    assert (run.id, run.uid, run.crashed, run.counts) == (record.id, 19, not ends, {"failed": 1})


def test_a_closed_run_is_finished(begun, runs):
    record = begun()
    close([one(runs)], by="another")
    assert unfinished(runs, endpoint=HERE) == ()
    assert record_lines(record.path)[-1]["by"] == "another"


def test_a_run_against_another_endpoint_is_none_of_ours(begun, runs):
    begun(endpoint="https://cn-api-v2.acrcloud.cn")
    assert unfinished(runs, endpoint=HERE) == ()


def test_runs_come_by_age(begun, runs):
    records = [begun() for _ in range(3)]
    for number, record in enumerate(records):
        record.path.rename(runs / f"2026010{3 - number}T000000Z-00000{number}.jsonl")
    assert [run.id for run in unfinished(runs, endpoint=HERE)] == [record.id for record in reversed(records)]


def test_two_buckets_of_one_name_are_two_changes(begun, runs):
    record = begun()
    twins = [Delete(live(number, "twin"), "") for number in (1, 2)]
    for twin in twins:
        record.intent("delete", twin, attrs={}, marks=())
    record.outcome(Outcome(twins[0], Status.DELETED, wrote=True))
    assert one(runs).counts == {"open": 1, "deleted": 1}


# Writes that a list need not show yet.


def seconds_since(moment):
    return (datetime.now(UTC) - moment).total_seconds()


LOST = Outcome(CREATE, Status.UNKNOWN, wrote=True, lost="create")
CREATED = Outcome(CREATE, Status.CREATED, live=NEWS, wrote=True)


@pytest.mark.parametrize(
    ("age", "sent", "reason"),
    [
        (0, 0, "just now"),
        (200, 0, "it may have waited for its turn all the time, and been sent the moment it was killed"),
        (1000, 700, "five minutes bound a write with all its retries"),
        (-1000, 0, "the clock was set back"),
    ],
)
def test_a_write_without_outcome_may_have_been_sent_as_late_as_its_retries_go_on(begun, runs, age, sent, reason):
    record = begun()
    record.intent("create", CREATE, attrs=ATTRS, marks=())
    aged(record, age)
    assert seconds_since(one(runs).last_write_at) == pytest.approx(sent, abs=5), reason


def test_a_write_with_an_outcome_was_sent_before_the_first_of_them(begun, runs):
    record = begun()
    record.intent("create", CREATE, attrs=ATTRS, marks=())
    record.outcome(LOST)
    aged(record, 100)
    record.outcome(LOST)
    assert seconds_since(one(runs).last_write_at) == pytest.approx(100, abs=5)


@pytest.mark.parametrize(
    ("outcomes", "read_back", "unseen", "reason"),
    [
        ([CREATED], None, True, "cut off: no list was seen to show it"),
        ([CREATED], False, True, "interrupted: the same"),
        ([CREATED], True, False, "read back: a list showed it"),
        ([LOST], True, True, "nobody knows what became of it"),
        ([LOST, replace(CREATED, status=Status.ADOPTED)], True, False, "found"),
        (
            [LOST, replace(CREATED, status=Status.ADOPTED)],
            None,
            True,
            "found, but not waited for by the rest of the run",
        ),
        ([replace(CREATED, status=Status.FAILED)], True, True, "created otherwise than asked, so not waited for"),
        ([Outcome(CREATE, Status.FAILED)], None, False, "refused"),
        ([Outcome(CREATE, Status.SKIPPED)], False, False, "never begun"),
    ],
)
def test_what_no_list_was_seen_to_show_is_waited_for(begun, runs, outcomes, read_back, unseen, reason):
    record = begun()
    record.intent("create", CREATE, attrs=ATTRS, marks=())
    for outcome in outcomes:
        record.outcome(outcome)
    if read_back is not None:
        record.end(exit_code=6, verified=False, read_back=read_back)
    assert (one(runs).last_write_at is not None) == unseen, reason


@pytest.mark.parametrize(("outcome", "reason"), [(None, "cut off"), (Outcome(MOVE, Status.FAILED, wrote=True), "half")])
def test_a_replacement_that_is_half_done_is_waited_for_as_well(begun, runs, outcome, reason):
    record = begun()
    record.intent("delete", MOVE, attrs=MOVE.desired.attrs, marks=MUSIC.marks)
    if outcome:
        record.outcome(outcome)
        record.end(exit_code=6, verified=False, read_back=True)
    assert one(runs).last_write_at is not None, reason


# Half of a replacement.


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        ([], "cut off"),
        ([Outcome(MOVE, Status.FAILED, wrote=True)], "the create was refused"),
        ([Outcome(MOVE, Status.UNKNOWN, wrote=True, lost="delete")], "the delete was lost"),
        ([Outcome(MOVE, Status.FAILED)], "the delete was refused, but a proxy may have delivered it twice"),
    ],
)
def test_what_a_replacement_deleted_can_be_created_again(begun, runs, outcomes, reason):
    record = begun()
    record.intent("delete", MOVE, attrs=MOVE.desired.attrs, marks=MUSIC.marks)
    for outcome in outcomes:
        record.outcome(outcome)
    (lost,) = one(runs).lost
    assert (lost.attrs, lost.marks) == (dict(MOVE.desired.attrs), ("acrsync:radio",)), reason


def test_a_replacement_that_ended_well_lost_nothing(begun, runs):
    record = begun()
    record.intent("delete", MOVE, attrs=MOVE.desired.attrs, marks=MUSIC.marks)
    record.outcome(Outcome(MOVE, Status.REPLACED, live=replace(MUSIC, id=9), wrote=True))
    assert one(runs).lost == ()


# Crashes and damage.


WRITER = """
import signal, sys
from datetime import UTC, datetime
from pathlib import Path
from acrsync.model import Desired, Live
from acrsync.plan.outcome import ExitCode, Outcome, Status
from acrsync.plan.changes import Create, Delete
from acrsync.plan.document import Plan
from acrsync.runs.record import Record
from acrsync.plan.outcome import Run
from acrsync.plan.document import plan_document

record = Record(Path(sys.argv[1]))
document = plan_document(Plan(), Run(datetime.now(UTC), ExitCode.DONE))
record.begin(document, endpoint="https://api-v2.acrcloud.com", uid=19, version="0.0.0")
create, delete = Create(Desired({"name": "talk"}), ""), Delete(Live(8, {"name": "news"}), "")
record.intent("create", create, attrs=create.desired.attrs, marks=())
record.outcome(Outcome(create, Status.CREATED, wrote=True))
record.intent("delete", delete, attrs={}, marks=())
print("sending", flush=True)
signal.pause()
"""


def test_after_kill_9_everything_that_was_intended_is_there(runs):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(runs)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "sending\n"
        writer.kill()
    run = one(runs)
    assert (run.crashed, run.counts) == (True, {"created": 1, "open": 1})


@pytest.mark.parametrize("kept", [0, 1, 10, -2])
def test_a_line_that_a_crash_cut_short_is_left_out_and_the_record_can_still_be_closed(begun, runs, kept):
    record = begun()
    whole = record.path.read_bytes()
    record.intent("update", RELABEL, attrs={"labels": ["News"]}, marks=())
    last = record.path.read_bytes()[len(whole) :]
    record.path.write_bytes(whole + last[:kept])
    run = one(runs)
    assert run.counts == {}
    close([run], by="later")
    assert unfinished(runs, endpoint=HERE) == ()


def test_a_crash_before_the_first_line_was_whole_left_nothing_behind(begun, runs):
    record = begun()
    record.path.write_bytes(record.path.read_bytes()[:100])
    assert unfinished(runs, endpoint=HERE) == ()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text.replace('"format_version": "1.0"', '"format_version": "2.0"'), "a newer format"),
        (lambda text: text.replace('"uid"', '"vid"', 1), "a key is missing"),
        (lambda text: text.replace('"name": "news", "action"', '"nome": "news", "action"'), "edited by hand"),
    ],
)
def test_a_record_that_is_not_understood_stops_the_run(begun, runs, damage, reason):
    record = begun()
    record.intent("update", RELABEL, attrs={"labels": ["News"]}, marks=())
    damaged = record.path.rename(runs / "damaged.jsonl")
    damaged.write_text(damage(damaged.read_text()))
    with pytest.raises(RecordError, match="cannot be read") as caught:
        unfinished(runs, endpoint=HERE)
    assert str(damaged) in caught.value.diagnostic.detail, reason


def test_a_record_that_may_not_be_read_stops_the_run(runs):
    (runs / "20260101T000000Z-000000.jsonl").mkdir(parents=True)
    with pytest.raises(RecordError, match="directory"):
        unfinished(runs, endpoint=HERE)


def test_a_record_that_vanished_cannot_be_closed(begun, runs):
    begun()
    run = one(runs)
    run.path.unlink()
    with pytest.raises(RecordError, match="cannot be written"):
        close([run], by="")
