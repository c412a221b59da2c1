"""Runs in a folder: on disk before anything is sent, locked as long as they live, readable after anything."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from acrsync.diagnostics import AcrsyncError
from acrsync.plan.changes import Create, Update
from acrsync.plan.document import plan_document
from acrsync.plan.outcome import Outcome, Status
from acrsync.runs import LANDING_S, Held, LostRace, folder
from acrsync.runs.folder import Account, FolderRuns
from acrsync.runs.record import Wanted, Who
from report_plans import RUN, desired, live, plan_of
from step_clock import StepClock

HERE = "https://api-v2.acrcloud.com"
SETTLE_S = 15.0
CREATE = Create(desired("talk", region="eu-west-1", type="File"), "")
NEWS = live(8, "news")
RELABEL = Update(desired("news", labels=["News"]), NEWS, ("labels",), "")
TALK = live(20, "talk")
ATTRS = {"name": "talk", "region": "eu-west-1", "type": "File"}
CREATED = Outcome(CREATE, Status.CREATED, live=TALK, wrote=True)
LOST = Outcome(CREATE, Status.UNKNOWN, wrote=True, lost="create")


class Machine:
    """acrsync on this machine."""

    def __init__(self, where, *, uid=19, endpoint=HERE, name="one"):
        self.clock, self.said = StepClock(), []
        self.runs = FolderRuns(
            where, self.clock, Account(endpoint, uid), who=Who(user=name, host="host"), settle_s=SETTLE_S
        )
        self.endpoint, self.uid = endpoint, uid

    def take(self, lock_timeout_s=300.0):
        return self.runs.wait_until_free(lock_timeout_s=lock_timeout_s, notify=self.said.append)

    def begin(self, rows=()):
        plan = plan_of((CREATE,), (RELABEL,), endpoint=self.endpoint, uid=self.uid)
        document = plan_document(plan, RUN)
        return self.runs.begin(Wanted(plan, document, frozenset(row.id for row in rows)), rows=rows)

    def run(self, *outcomes, ends=None, intends=True):
        """Take, begin, do something, and die or end."""
        self.take()
        run = self.begin()
        if intends:
            run.intent("create", CREATE, attrs=ATTRS, marks=())
            run.before_write()
        for outcome in outcomes:
            run.outcome(outcome)
        if ends is not None:
            run.end(exit_code=ends, verified=ends == 0, rows=[TALK] if ends == 0 else None, managed={})
        self.runs.release()
        return run


@pytest.fixture
def where(tmp_path):
    return tmp_path / ".acrsync" / "runs"


@pytest.fixture
def one(where):
    machine = Machine(where)
    yield machine
    machine.runs.release()


@pytest.fixture
def two(where):
    machine = Machine(where, name="two")
    yield machine
    machine.runs.release()


@pytest.fixture
def room():
    """Limit how large files may become, and lift that limit again."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def lines(run):
    return [json.loads(line) for line in run.path.read_bytes().splitlines()]


# Writing.


def test_a_record_is_for_its_owner_only_and_git_leaves_it_alone(one, where):
    run = one.run()
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o600
    assert (where.parent / ".gitignore").read_text() == "*\n"


def test_a_gitignore_that_a_full_disk_left_empty_is_written_again(one, where):
    where.mkdir(parents=True)
    (where.parent / ".gitignore").touch()
    one.run()
    assert (where.parent / ".gitignore").read_text() == "*\n"


def test_a_chosen_folder_gets_no_gitignore(tmp_path):
    Machine(tmp_path / "records").run()
    assert list(tmp_path.rglob(".gitignore")) == []


def test_reading_runs_creates_no_file(one, where):
    assert one.runs.peek().runs == ()
    assert not where.exists()


def test_an_intent_is_on_disk_before_its_write_is_sent(one, monkeypatch):
    one.take()
    run = one.begin()
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(run.path.read_text().count('"intent"')))
    run.intent("create", CREATE, attrs=ATTRS, marks=("acrsync:radio",))
    assert synced == [1]
    assert lines(run)[-1]["attrs"] == ATTRS


@pytest.mark.parametrize("call", ["open", "fsync"])
@pytest.mark.parametrize(("code", "begins"), [(errno.EACCES, True), (errno.EINVAL, True), (errno.EIO, False)])
def test_a_folder_that_cannot_be_synced_is_still_used(one, where, monkeypatch, call, code, begins):
    """Windows opens no folder; some file systems sync none. A disk in trouble is another matter."""
    one.take()
    real_open, real_sync = os.open, os.fsync
    refused = OSError(code, os.strerror(code))

    def opened(path, flags, *rest):
        if call == "open" and Path(path) == where:
            raise refused
        return real_open(path, flags, *rest)

    def synced(descriptor):
        if call == "fsync" and stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise refused
        real_sync(descriptor)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "fsync", synced)
    if begins:
        assert one.begin().intent("create", CREATE, attrs=ATTRS, marks=()) is None
    else:
        with pytest.raises(AcrsyncError, match=os.strerror(code)):
            one.begin()


def test_a_record_says_who_ran_it(one):
    who = lines(one.run())[0]["who"]
    assert (who["user"], who["host"]) == ("one", "host")


def test_workers_do_not_mix_their_lines(one):
    one.take()
    run = one.begin()

    def work():
        for _ in range(20):
            run.intent("create", CREATE, attrs={"name": "x" * 5000}, marks=())
            run.outcome(CREATED)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(lines(run)) == 1 + 4 * 20 * 2


def test_text_that_is_not_unicode_can_be_recorded(one):
    one.take()
    run = one.begin()
    run.intent("create", CREATE, attrs={**ATTRS, "labels": ["\ud800"]}, marks=())
    assert lines(run)[-1]["attrs"]["labels"] == ["\ud800"]


@pytest.mark.parametrize("path", ["file", "file/runs"])
def test_a_folder_that_cannot_be_used_is_an_error_before_anything_is_sent(tmp_path, path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AcrsyncError, match="cannot be written"):
        Machine(tmp_path / path).run()


def test_an_apply_that_does_not_begin_leaves_no_trace(one, where):
    one.take()
    one.runs.settle(rows=[])
    one.runs.release()
    assert not where.exists()


def test_on_a_full_disk_no_more_intents_are_accepted(one, room):
    one.take()
    run = one.begin()
    room(run.path.stat().st_size + 10)
    with pytest.raises(AcrsyncError, match="cannot be written"):
        run.intent("create", CREATE, attrs=ATTRS, marks=())
    room(resource.RLIM_INFINITY)
    with pytest.raises(AcrsyncError, match="nothing is sent"):
        run.intent("create", CREATE, attrs=ATTRS, marks=())


def test_on_a_full_disk_an_outcome_is_dropped_and_the_next_run_looks_it_up(one, two, room):
    one.take()
    run = one.begin()
    run.intent("create", CREATE, attrs=ATTRS, marks=())
    room(run.path.stat().st_size + 10)
    run.outcome(CREATED)
    with pytest.raises(AcrsyncError):
        run.end(exit_code=0, verified=True, rows=[], managed={})
    room(resource.RLIM_INFINITY)
    assert [left.undecided for left in two.runs.peek().open] == [True]


# Locks.


def test_a_live_run_is_waited_for_and_named(one, two):
    one.take()
    run = one.begin()
    with pytest.raises(Held, match="one on host") as caught:
        two.take(lock_timeout_s=3)
    assert run.id in caught.value.diagnostic.detail
    assert "--lock-timeout" in caught.value.diagnostic.fix
    assert sum(two.clock.waited) == pytest.approx(3)
    assert len(two.said) == 1


def test_waiting_ends_with_the_other_run(one, two):
    one.take()
    one.begin()
    two.clock.when_waiting = one.runs.release
    two.take()
    assert len(two.clock.waited) == 1


def test_plan_sees_a_running_apply(one, two):
    one.take()
    run = one.begin()
    assert two.runs.peek().holder.run == run.id
    one.runs.release()
    assert two.runs.peek().holder is None


@pytest.mark.parametrize(
    ("first", "second", "excludes"),
    [
        ({"uid": 19}, {"uid": 19}, True),
        ({"uid": 19}, {"uid": 20}, False),
        ({"uid": None}, {"uid": 19}, True),
        ({"uid": 19}, {"uid": None}, True),
        ({"uid": None}, {"uid": None}, True),
        ({"uid": None}, {"uid": None, "endpoint": "https://cn-api-v2.acrcloud.cn"}, False),
        ({"uid": 19}, {"uid": 19, "endpoint": "https://API-V2.acrcloud.com:443/api"}, True),
    ],
)
def test_an_account_is_locked_under_every_form_of_its_address(where, first, second, excludes):
    one, two = Machine(where, **first), Machine(where, **second)
    two.take(lock_timeout_s=0)
    one.take()
    one.begin()
    if excludes:
        with pytest.raises(LostRace):
            two.begin()
        with pytest.raises(Held):
            two.take(lock_timeout_s=0)
    else:
        two.take(lock_timeout_s=0)
        two.begin()
    one.runs.release()
    two.runs.release()


def test_only_one_of_two_runs_that_read_the_same_records_begins(one, two):
    one.take()
    two.take()
    one.begin()
    one.runs.release()
    with pytest.raises(LostRace):
        two.begin()
    two.take()
    two.begin()


WRITER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from unit.test_runs_folder import ATTRS, CREATE, CREATED, RELABEL, Machine
machine = Machine(Path(sys.argv[1]), name="writer")
machine.take()
run = machine.begin()
run.intent("create", CREATE, attrs=ATTRS, marks=())
run.outcome(CREATED)
run.intent("update", RELABEL, attrs={"labels": ["News"]}, marks=())
print(run.id, flush=True)
time.sleep(60)
"""


@pytest.fixture
def writer(where):
    tests = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(where), str(tests)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        vars(process)["run_id"] = process.stdout.readline().strip()
        yield process
        process.kill()


def test_a_running_process_is_distinguished_from_a_crashed_one(writer, one):
    with pytest.raises(Held, match=writer.run_id):
        one.take(lock_timeout_s=0)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    known = one.take(lock_timeout_s=0)
    (run,) = known.runs
    assert (run.id, run.crashed, run.counts) == (writer.run_id, True, {"created": 1, "open": 1})


# Waiting for what may land.


@pytest.fixture
def boot(monkeypatch, tmp_path):
    """Say which start of the machine this is."""
    monkeypatch.setattr(folder, "BOOT", tmp_path / "boot")
    (tmp_path / "boot").write_text("first\n")
    return tmp_path / "boot"


@pytest.mark.parametrize(
    ("later_s", "other_boot", "waits_s", "reason"),
    [
        (0, False, LANDING_S + SETTLE_S, "it was sent just now"),
        (20, False, LANDING_S + SETTLE_S - 20, "this machine's clock knows how long ago it was sent"),
        (1000, False, 0, "that is long ago"),
        (1000, True, LANDING_S + SETTLE_S, "another start of the machine: its clock restarted"),
    ],
)
def test_the_wait_after_a_crash_happens_once_and_counts_from_known_times(
    boot, one, two, later_s, other_boot, waits_s, reason
):
    one.run()
    if other_boot:
        boot.write_text("second\n")
    two.clock.seconds += later_s
    two.take()
    assert sum(two.clock.waited) == pytest.approx(waits_s), reason
    two.runs.settle(rows=[TALK])
    two.clock.waited.clear()
    two.take()
    assert two.clock.waited == [], "once"


def test_a_system_that_does_not_say_when_it_was_started_is_waited_for_in_full(boot, one, two):
    boot.unlink()
    one.run()
    two.clock.seconds += 1000
    two.take()
    assert sum(two.clock.waited) == pytest.approx(LANDING_S + SETTLE_S)


def test_a_clock_that_was_set_changes_no_wait(boot, one, two):
    one.run()
    two.clock.wall_offset += 100_000
    two.take()
    assert sum(two.clock.waited) == pytest.approx(LANDING_S + SETTLE_S)


@pytest.mark.parametrize(
    ("outcomes", "ends", "waits", "reason"),
    [
        ([], None, True, "killed before its answer"),
        ([LOST], 6, True, "its answer was lost"),
        ([CREATED], None, False, "answered; whether the list shows it is asked of the list"),
        ([Outcome(CREATE, Status.FAILED)], 1, False, "refused"),
        ([CREATED], 0, False, "verified"),
    ],
)
def test_only_requests_that_may_still_land_are_waited_for(boot, one, two, outcomes, ends, waits, reason):
    one.run(*outcomes, ends=ends)
    two.take()
    assert bool(two.clock.waited) is waits, reason


def test_a_run_that_was_killed_before_its_first_intent_is_not_waited_for(one, two):
    one.run(intends=False)
    known = two.take()
    assert two.clock.waited == []
    assert [run.crashed for run in known.unfinished] == [True]


# What is left behind.


def test_a_run_that_left_nothing_open_is_closed_automatically(one, two):
    run = one.run(CREATED, ends=0)
    assert (lines(run)[-1]["event"], lines(run)[-1]["open"]) == ("end", 0)
    assert two.runs.peek().unfinished == ()


def test_a_later_run_closes_it_if_its_list_settles_the_open_changes(one, two):
    run = one.run()
    two.take()
    later = two.begin(rows=[TALK])
    assert [line["event"] for line in lines(run)][-2:] == ["outcome", "closed"]
    assert lines(run)[-1]["by"] == later.id


@pytest.mark.parametrize("other", [{"uid": 20}, {"endpoint": "https://cn-api-v2.acrcloud.cn"}])
def test_a_run_in_another_account_is_not_ours(one, where, other):
    one.run()
    machine = Machine(where, **other)
    assert machine.take().runs == ()
    machine.runs.release()


def test_another_form_of_the_address_is_the_same_account(one, where):
    one.run()
    other = Machine(where, endpoint="https://API-V2.ACRCLOUD.COM:443/api/")
    assert len(other.take().unfinished) == 1
    other.runs.release()


def test_a_run_can_be_closed_manually(one, two):
    run = one.run()
    two.take()
    two.runs.close(run.id, reason="seen to by hand")
    assert two.runs.peek().unfinished == ()
    assert (lines(run)[-1]["by"], lines(run)[-1]["reason"]) == ("two on host", "seen to by hand")


def test_history_has_every_run(one, two):
    ids = []
    for _ in range(folder.NEWEST + 3):
        one.clock.seconds += 1  # ids of one moment differ by chance only
        ids.append(one.run(CREATED, ends=0).id)
    assert sorted(run_id for run_id, _ in two.runs.history()) == sorted(ids)
    assert len(two.runs.peek().runs) == folder.NEWEST


@pytest.mark.parametrize("kept", [0, 1, 10, -2])
def test_a_line_truncated_by_a_crash_is_ignored_and_its_record_can_be_closed(one, two, kept):
    run = one.run(intends=False)
    whole = run.path.read_bytes()
    run.path.write_bytes(whole + b'{"event": "intent", "time": "2026'[:kept])
    two.take()
    two.runs.settle(rows=[])
    assert two.runs.peek().unfinished == ()
    assert [line["event"] for line in lines(run)] == ["run", "closed"]


def test_a_crash_before_the_first_complete_line_leaves_nothing_open(one, two):
    run = one.run()
    run.path.write_bytes(run.path.read_bytes()[:100])
    assert two.take().runs == ()


def test_damage_is_an_error_that_names_the_file(one, two):
    run = one.run(CREATED)
    run.path.write_bytes(run.path.read_bytes().replace(b'{"event": "intent"', b'{"event" "intent"'))
    with pytest.raises(AcrsyncError, match="cannot be read") as caught:
        two.take()
    assert str(run.path) in caught.value.diagnostic.detail


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("nowhere")])
def test_a_record_that_is_not_a_file_is_an_error_and_does_not_hang(one, where, make):
    where.mkdir(parents=True)
    make(where / "20260101T000000Z-000000.jsonl")
    with pytest.raises(AcrsyncError, match="cannot be read"):
        one.runs.peek()
