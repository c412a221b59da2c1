"""The loop, step by step: what it waits for, what it refuses, what it records, and what it reports."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acrsync.apply.reconcile import CrashedDuringApply, Reconciler, reconciler
from acrsync.apply.terms import Seen, Settings
from acrsync.diagnostics import AccessDenied, AcrsyncError, RemoteError, Severity, error
from acrsync.model import JSON, Approval, Desired, Evidence, Live, Manifest, Snapshot
from acrsync.plan.changes import Action, Create, Replace, Update
from acrsync.plan.earlier import Unsettled
from acrsync.plan.outcome import ExitCode, Outcome, Status
from acrsync.runs import LostRace
from acrsync.runs.memory import Holder, Known, past_run
from acrsync.runs.record import UNKNOWN_USER, Wanted, Who, end_line, intents_of, outcome_line, run_line
from acrsync.runs.store import StoreError
from acrsync.runs.where import Folder, Memory
from doubles import FakeClock, ListJournal, MemoryAccount, MemoryRuns
from engine import Troubled, denied, raising, refused, words
from report_plans import desired, live, plan_of

NOW = FakeClock().wall()
PLACE: dict[str, JSON] = {"region": "eu-west-1", "type": "File"}
ONE = Manifest((desired("one", **PLACE, labels=["TV"]),))
ROW = live(1, "one")
CREATE = Create(desired("talk", **PLACE), "")


@dataclass
class Journal(ListJournal):
    """A record that keeps what ended it, and may be unable to."""

    ends: list[dict[str, Any]] = field(default_factory=list)
    trouble: AcrsyncError | None = None

    def end(self, **how: Any) -> None:
        self.ends.append(how)
        if self.trouble:
            raise self.trouble


@dataclass
class Watched(MemoryRuns):
    """Runs that note what is asked of them."""

    journal: Any = field(default_factory=Journal)
    known: Known = field(default_factory=Known)
    races: int = 0  # how many attempts are too late
    unreadable: bool = False
    asked: list[str] = field(default_factory=list)
    waited: list[dict[str, Any]] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    settled: list[tuple[int, ...]] = field(default_factory=list)

    def peek(self) -> Known:
        if self.unreadable:
            raise StoreError("E070", "No answer.", fix="check the network.")
        return self.known

    def wait_until_free(self, **how: Any) -> Known:
        self.asked.append("wait")
        self.waited.append(how)
        return self.known

    def race(self) -> None:
        self.races -= 1
        if self.races >= 0:
            raise LostRace("E077", "too late")

    def begin(self, wanted, *, rows):
        self.asked.append("begin")
        self.race()
        self.wanted.append(wanted)
        self.settled.append(tuple(row.id for row in rows))
        return self.journal

    def settle(self, *, rows) -> None:
        self.asked.append("settle")
        self.race()
        self.settled.append(tuple(row.id for row in rows))

    def release(self) -> None:
        self.asked.append("release")


@dataclass
class Scene:
    """One account, its runs, and all messages for people."""

    account: Any
    runs: Watched = field(default_factory=Watched)
    settle_s: float = 30
    clock: FakeClock = field(default_factory=FakeClock)
    stop: threading.Event = field(default_factory=threading.Event)
    messages: list[str] = field(default_factory=list)
    memory: Memory | None = None

    @property
    def loop(self) -> Reconciler:
        settings = Settings(1, self.settle_s, lock_timeout_s=7)
        return Reconciler(self.account, self.clock, self.runs, settings, self.stop, self.messages.append, self.memory)

    def apply(self, manifest: Manifest = ONE, **how):
        loop = self.loop
        return loop.reconcile(lambda known: loop.observe_and_plan(manifest, known=known), **how)


def scene(*rows: Live, **how) -> Scene:
    return Scene(Troubled().holding(*rows), **how)


def known_of(*changes, outcomes=(), ends=False, listed=(), holder=None, uid=19, last=NOW) -> Known:
    plan = plan_of(changes)
    header = {**run_line("r1", Wanted(plan, {}, frozenset(listed)), Who(), now=last), "uid": uid}
    lines = (header, *intents_of(plan, now=last, claims=False))
    lines += tuple(outcome_line(outcome, now=last) for outcome in outcomes)
    if ends:
        changed = past_run(lines).changed
        lines += (end_line(exit_code=0, verified=True, left=0, changed=changed, managed={}, now=last),)
    return Known((past_run(lines),), holder)


def made(row: Live) -> Known:
    change = Create(Desired(row.attrs), "")
    return known_of(change, outcomes=[Outcome(change, Status.CREATED, live=row, wrote=True)], ends=True)


# Attempts.


def test_an_apply_that_is_overtaken_plans_again():
    there = scene(ROW, runs=Watched(races=2))
    done = there.apply()
    assert (done.exit_code, done.verified) == (ExitCode.DONE, True)
    assert there.messages == ["Another run was faster. Planning again."] * 2
    assert there.runs.asked == [*["wait", "begin"] * 3, "release"]
    assert [how["lock_timeout_s"] for how in there.runs.waited] == [7] * 3
    assert all(how["notify"] == there.messages.append for how in there.runs.waited)


def test_an_apply_that_is_always_overtaken_writes_nothing():
    there = scene(ROW, runs=Watched(races=99))
    with pytest.raises(LostRace) as caught:
        there.apply()
    assert words(caught.value.diagnostic).startswith("error[E077] ")
    assert caught.value.diagnostic.detail == "Other runs were faster 5 times. Nothing was written."
    assert caught.value.diagnostic.fix == "run apply again."
    assert (there.account.writes, there.runs.asked) == ([], [*["wait", "begin"] * 5, "release"])
    assert len(there.messages) == 5


@pytest.mark.parametrize(
    ("manifest", "verified", "code", "reason"),
    [
        (Manifest((desired("one", **PLACE),)), True, ExitCode.DONE, "nothing to do"),
        (Manifest((replace(desired("one"), id=9),)), False, ExitCode.FAILED, "an error refuses the plan"),
        (Manifest((desired("one", net_type=2),)), False, ExitCode.REFUSED, "an objection refuses the plan"),
    ],
)
def test_without_changes_to_make_only_earlier_runs_are_settled(manifest, verified, code, reason):
    there = scene(ROW, live(2, "two"), runs=Watched(races=1))
    done = there.apply(manifest)
    assert (done.verified, done.exit_code, done.outcomes) == (verified, code, ()), reason
    assert there.runs.asked == ["wait", "settle", "wait", "settle", "release"]
    assert (there.runs.settled, there.account.writes) == ([(2, 1)], [])


def test_an_unreadable_bucket_keeps_a_plan_without_changes_from_being_verified():
    account = Troubled().holding(ROW)
    account.rows[1]["region"] = None
    done = Scene(account).apply(Manifest((desired("one", **PLACE),)))
    assert (done.plan.can_apply, done.plan.work, done.verified) == (True, (), False)
    assert done.exit_code is ExitCode.FAILED


def test_without_a_record_a_plan_without_changes_needs_no_run():
    loop = Reconciler(Troubled().holding(ROW), FakeClock())
    manifest = Manifest((desired("one", **PLACE),))
    done = loop.reconcile(lambda known: loop.observe_and_plan(manifest, known=known))
    assert done.verified
    with pytest.raises(AssertionError, match="without a record"):
        loop.carry_out(loop.observe_and_plan(ONE))


def test_what_is_approved_is_what_is_applied():
    there = scene(ROW)
    seen: list[Seen] = []

    def approve(first: Seen) -> Seen:
        assert there.account.writes == []
        seen.append(first)
        return replace(first, plan=replace(first.plan, notes=("newer",)))

    done = there.apply(approve=approve)
    assert (done.plan.notes, done.outcomes[0].status) == (("newer",), Status.UPDATED)
    assert seen[0].plan.notes == ()


def test_without_approval_nothing_is_written_and_the_account_is_released():
    there = scene(ROW)
    with pytest.raises(AccessDenied):
        there.apply(approve=lambda _: raising(AccessDenied("E403", "no"))())
    assert (there.account.writes, there.runs.asked) == ([], ["wait", "release"])


# One apply.


def test_the_record_exists_before_the_first_write():
    there = scene(ROW)
    order: list[str] = []
    there.runs.journal.before_write = lambda: order.append("before a write")

    def on_begin(run) -> None:
        assert (run, there.account.writes) == (there.runs.journal, [])
        order.append("begun")

    def stream(outcomes):
        for outcome in outcomes:
            order.append(outcome.status)
            yield outcome

    manifest = replace(ONE, environment="test")
    done = there.apply(manifest, on_begin=on_begin, stream=stream)
    assert order == ["begun", "before a write", "updated"]
    (wanted,) = there.runs.wanted
    assert (wanted.plan, wanted.listed, wanted.environment) == (done.plan, frozenset({1}), "test")
    assert wanted.document["digest"] == done.plan.digest
    assert there.runs.settled == [(1,)]
    (end,) = there.runs.journal.ends
    assert (end["exit_code"], end["verified"], end["managed"]) == (ExitCode.DONE, True, {1: "one"})
    assert [row.attrs["labels"] for row in end["rows"]] == [["TV"]]


def test_a_manifest_without_an_environment_is_recorded_as_such():
    there = scene(ROW)
    there.apply()
    assert there.runs.wanted[0].environment == ""


def test_only_buckets_with_an_entry_are_recorded_as_managed():
    there = scene(ROW, live(2, "two"), live(3, "three"))
    there.apply(Manifest((*ONE.desired, desired("two", **PLACE))))
    assert there.runs.journal.ends[0]["managed"] == {1: "one", 2: "two"}


def test_a_bug_during_an_apply_is_reported_as_one_that_may_have_written():
    there = scene(ROW)
    there.account.before["update"] = [raising(ZeroDivisionError())]
    with pytest.raises(CrashedDuringApply) as caught:
        there.apply()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert there.runs.asked[-1] == "release"


def test_only_an_outcome_that_reading_back_corrects_is_recorded_again():
    there = scene(ROW, live(2, "two"), settle_s=0)
    there.account.before["observe"] = [lambda: None, lambda: there.account.rows[1].update(labels="News")]
    done = there.apply(Manifest((*ONE.desired, desired("two", **PLACE, labels=["TV"]))))
    recorded = [(outcome.change.name, outcome.status) for outcome in there.runs.journal.outcomes]
    assert recorded == [("one", Status.UPDATED), ("two", Status.UPDATED), ("one", Status.FAILED)]
    assert [outcome.status for outcome in done.outcomes] == [Status.FAILED, Status.UPDATED]
    assert done.exit_code is ExitCode.INCOMPLETE


def test_after_an_interrupt_the_account_is_not_read_back():
    there = scene(ROW)
    there.account.after["update"] = [there.stop.set]
    done = there.apply()
    assert (done.exit_code, done.verified) == (ExitCode.INTERRUPTED, False)
    (found,) = done.diagnostics
    assert (found.code, found.severity, found.fix) == ("W510", Severity.WARNING, "run apply again.")
    assert found.detail == "The account was not read back after the interrupt."
    assert there.account.listings == 1
    (end,) = there.runs.journal.ends
    assert end == {"exit_code": ExitCode.INTERRUPTED, "verified": False, "rows": None, "managed": {}}


def test_an_interrupt_while_the_account_is_read_back_ends_that_too():
    there = scene(ROW)
    there.account.before["observe"] = [lambda: None, there.stop.set]
    done = there.apply()
    assert [found.code for found in done.diagnostics] == ["W510"]
    assert (done.verified, done.outcomes[0].status) == (False, Status.UPDATED)


def test_an_account_that_cannot_be_read_back_is_not_verified():
    there = scene(ROW)
    there.account.before["observe"] = [lambda: None, denied()]
    done = there.apply()
    assert [found.code for found in done.diagnostics] == ["E403"]
    assert (done.verified, done.exit_code) == (False, ExitCode.INCOMPLETE)
    assert there.runs.journal.ends[0]["rows"] is None


def test_a_record_that_cannot_be_ended_is_a_warning():
    there = scene(ROW)
    there.runs.journal.trouble = StoreError("E070", "No answer.")
    done = there.apply()
    (found,) = done.diagnostics
    assert (found.code, found.severity) == ("W512", Severity.WARNING)
    assert found.detail == (
        "The end of this run could not be added to memory, so the next run treats it as unfinished. No answer."
    )
    assert found.fix == "run plan, and then apply again."
    assert (done.verified, done.exit_code) == (True, ExitCode.DONE)


def test_what_others_changed_meanwhile_is_named():
    there = scene(ROW, live(2, "tw\u202eo"), live(3, "three"))
    names = ("tw\u202eo", "three")
    manifest = Manifest((*ONE.desired, *(desired(name, **PLACE, labels=[]) for name in names)))

    def others() -> None:
        for number in (2, 3):
            there.account.rows[number]["labels"] = "News"

    there.account.after["update"] = [others]
    done = there.apply(manifest)
    (found,) = done.diagnostics
    assert (found.code, found.fix) == ("W509", "run plan to see what changed.")
    assert found.detail == "These needed no change when this run began: three, tw\\u{202e}o."
    assert (done.exit_code, done.verified) == (ExitCode.STALE, False)
    assert there.runs.journal.ends[0]["managed"] == {}


def test_what_a_new_plan_would_still_change_is_named():
    """Here the response and the list show what was sent, and the next plan finds the bucket changed."""
    there = scene(ROW, live(2, "two"))
    rows = [desired(name, **PLACE, labels=["TV"]) for name in ("one", "two")]
    loop = there.loop
    seen = loop.observe_and_plan(Manifest(tuple(rows)))
    more = Manifest(tuple(replace(row, attrs={**row.attrs, "metadata_template": {"a": {}}}) for row in rows))
    done = loop.carry_out(replace(seen, plan=replace(seen.plan, manifest=more)))
    (found,) = done.diagnostics
    assert (found.code, found.fix) == ("E508", "run plan to see what differs.")
    assert found.detail == "A new plan would still change what this run wrote: one, two."
    assert (done.exit_code, done.verified) == (ExitCode.INCOMPLETE, False)


def test_a_bucket_that_makes_the_next_plan_impossible_is_reported():
    there = scene(ROW)
    there.account.after["update"] = [lambda: there.account.seed(id=5, name="one")]
    done = there.apply()
    assert [found.code for found in done.diagnostics] == ["E202"]
    assert (done.exit_code, done.verified) == (ExitCode.INCOMPLETE, False)


def test_if_nothing_was_written_a_next_plan_that_is_impossible_comes_from_others():
    there = scene(ROW)

    def others() -> None:
        there.account.rows[1]["labels"] = "TV"
        there.account.seed(id=5, name="one")

    done = there.apply(approve=lambda _: others())
    assert done.outcomes[0].status is Status.ALREADY
    assert [found.code for found in done.diagnostics] == ["E202"]
    assert done.exit_code is ExitCode.STALE


def test_an_error_of_one_bucket_stays_an_error_of_the_apply():
    account = Troubled().holding(ROW, live(2, "two"))
    account.rows[2]["region"] = None
    done = Scene(account).apply(Manifest((*ONE.desired, desired("two", **PLACE))))
    assert done.outcomes[0].status is Status.UPDATED
    assert done.exit_code is ExitCode.INCOMPLETE


MOVE = Manifest((desired("one", region="us-west-2", type="File"),), approvals=(Approval("replace", 1),))


def test_a_replacement_that_lost_its_bucket_prints_all_attributes():
    there = scene(live(1, "one", labels=["TV"]))
    there.account.before["create"] = [refused()]
    done = there.apply(MOVE)
    (found,) = (found for found in done.diagnostics if found.code == "E507")
    assert found.detail.startswith("Bucket one was deleted for its replacement. This is the bucket to create:\n")
    assert "us-west-2" in found.detail
    assert "TV" in found.detail
    assert found.fix == (
        "run apply again: it creates the bucket with these values, also those that the manifest does not set."
    )
    assert found.span == desired("one").span
    assert done.exit_code is ExitCode.INCOMPLETE


def test_a_replacement_whose_bucket_still_exists_or_that_succeeded_lost_nothing():
    there = scene(ROW)
    there.account.before["delete"] = [refused()]
    assert "E507" not in [found.code for found in there.apply(MOVE).diagnostics]
    there = scene(ROW)
    assert there.apply(MOVE).diagnostics == ()
    there = scene(ROW)
    there.account.before["update"] = [refused()]
    assert "E507" not in [found.code for found in there.apply().diagnostics]


# Observing.


def test_a_plan_has_what_runs_and_the_server_say_in_reading_order():
    there = scene(ROW, live(2, "two"), runs=Watched(known=known_of(CREATE, listed=(1, 2), holder=None)))
    there.settle_s = 0
    there.clock.seconds = 5
    hint = error("W085", "They are in a folder.")
    manifest = Manifest((replace(desired("one", **PLACE), was="zero"),))
    seen = there.loop.observe_and_plan(manifest, hints=(hint,))
    assert [found.code for found in seen.plan.diagnostics] == ["H201", "H511", "W085"]
    assert seen.plan.made_at == there.clock.wall()
    assert seen.plan.open == (Unsettled("r1", Action.CREATE, "talk"),)
    assert (seen.read_at, seen.known.runs[0].id) == (5, "r1")
    assert there.loop.observe_and_plan(manifest, snapshot=seen.snapshot, known=Known()).read_at is None


def test_a_plan_does_not_know_runs_of_another_account():
    there = scene(ROW, runs=Watched(known=known_of(CREATE, uid=20)), settle_s=0)
    assert there.loop.observe_and_plan(ONE).known.runs == ()
    there = scene(ROW, runs=Watched(known=known_of(CREATE, uid=19)), settle_s=0)
    assert len(there.loop.observe_and_plan(ONE).known.runs) == 1
    assert len(there.loop.observe_and_plan(replace(ONE, account_uid=19)).known.runs) == 1


def test_a_given_snapshot_is_not_read_again():
    there = scene(ROW)
    seen = there.loop.observe_and_plan(ONE, known=Known(), snapshot=Snapshot((live(5, "five"),)))
    assert [row.id for row in seen.snapshot.rows] == [5]
    assert there.account.listings == 0


def test_evidence_is_read_of_the_buckets_that_are_touched():
    asked: list[tuple[list[int], bool]] = []

    @dataclass
    class Asked(Troubled):
        def evidence(self, touched, *, references):
            rows = tuple(touched)
            asked.append(([row.id for row in rows], references))
            return super().evidence(rows, references=references)

    there = Scene(Asked().holding(ROW, live(2, "two")))
    seen = there.loop.observe_and_plan(MOVE)
    assert (asked, seen.evidence) == ([([1], True)], Evidence({1: 0}))
    assert there.loop.observe_for(seen.plan).evidence == Evidence({1: 0})
    assert (there.loop.observe_and_plan(ONE).evidence, asked[-1]) == (Evidence(), ([], False))


def test_a_list_that_does_not_show_an_earlier_write_is_read_again_with_longer_pauses():
    row = live(9, "made")
    there = scene(ROW, row, runs=Watched(known=made(row)))
    there.account.hidden = {9: 3}
    seen = there.loop.observe_and_plan(ONE)
    assert [found.id for found in seen.snapshot.rows] == [9, 1]
    assert (there.account.listings, there.clock.seconds) == (4, 1 + 2 + 4)
    assert there.messages == ["Waiting up to 30 s: the list may not yet show what an earlier run wrote."]
    there = scene(ROW, row, runs=Watched(known=made(row)))
    assert len(there.loop.observe_and_plan(ONE, known=made(row)).snapshot.rows) == 2
    assert (there.clock.seconds, there.messages, there.account.listings) == (0, [], 1)


def test_a_list_without_a_bucket_that_exists_is_refused_when_the_time_is_over():
    row = live(9, "ma\u202ede")
    there = scene(ROW, row, runs=Watched(known=made(row)))
    there.account.hidden = {9: 99}
    with pytest.raises(AcrsyncError) as caught:
        there.loop.observe_and_plan(ONE)
    assert there.clock.seconds == 30
    found = caught.value.diagnostic
    assert (found.code, found.fix) == (
        "E440", "run it again when the list shows the bucket, or use a longer --settle."
    )  # fmt: skip
    assert found.detail == (
        "The list does not show bucket ma\\u{202e}de (id 9), although an earlier run wrote to it more than 30 s ago "
        "and it can be read by its id. On an incomplete list an existing bucket would be created again."
    )


def test_a_bucket_that_is_gone_or_cannot_be_read_proves_nothing():
    row = live(9, "made")
    there = scene(ROW, runs=Watched(known=made(row)), settle_s=0)
    assert [found.id for found in there.loop.observe_and_plan(ONE).snapshot.rows] == [1]
    there = scene(ROW, row, live(10, "also"), settle_s=0)
    there.account.hidden = {9: 9, 10: 9}
    there.account.before["read"] = [raising(RemoteError("E406", "no", status=500))]
    both = Known((*made(row).runs, *made(live(10, "also")).runs))
    with pytest.raises(AcrsyncError, match=r"made \(id 9\)"):
        there.loop.observe_and_plan(ONE, known=both)


def test_at_most_twenty_buckets_are_read_by_id():
    rows = tuple(live(number, f"b{number}") for number in range(100, 130))
    there = scene(ROW, settle_s=0)
    known = Known(tuple(run for row in rows for run in made(row).runs))
    before = there.account.reads
    there.loop.observe_and_plan(ONE, known=known)
    assert there.account.reads - before == 1 + 20, "one list"


def test_a_plan_waits_for_a_create_that_may_still_arrive():
    there = scene(ROW, live(9, "talk-1"), runs=Watched(known=known_of(CREATE, listed=(1,))))
    there.account.hidden = {9: 2}
    seen = there.loop.observe_and_plan(ONE)
    assert ([row.id for row in seen.snapshot.rows], there.clock.seconds) == ([9, 1], 3)


def test_a_plan_waits_for_a_bucket_that_an_open_replacement_deleted():
    move = Replace(desired("one", region="us-west-2", type="File"), ROW, ("region",), "")
    known = known_of(move, listed=(1,))
    there = scene(live(2, "two"), runs=Watched(known=known))
    there.loop.observe_and_plan(ONE)
    assert (there.clock.seconds, there.account.listings) == (30, 6)
    there = scene(live(2, "two"), runs=Watched(known=replace(known, holder=Holder("r9", "me", "now", 60))))
    there.loop.observe_and_plan(ONE)
    assert there.clock.seconds == 0, "a run that holds the account is still busy"
    there = scene(live(2, "two"))
    there.loop.observe_and_plan(ONE, known=known)
    assert there.clock.seconds == 0, "`wait_until_free` has waited"


def test_if_earlier_runs_cannot_be_read_a_plan_says_so_and_an_apply_refuses():
    there = scene(ROW, runs=Watched(unreadable=True))
    seen = there.loop.observe_and_plan(ONE)
    (found,) = seen.plan.diagnostics
    assert (found.code, found.severity, found.fix) == ("W088", Severity.WARNING, "check the network.")
    assert found.detail == "No answer. So this plan does not know what they left open, and apply refuses."
    assert (seen.known, len(seen.plan.work)) == (Known(), 1)


def test_the_place_of_the_runs_adds_its_hints(tmp_path):
    memory = Memory(Folder(".acrsync"), Who(commit="aaa"), tmp_path, {"CI": "true"})
    there = scene(ROW, memory=memory)
    assert [found.code for found in there.loop.observe_and_plan(ONE).plan.diagnostics] == ["W085"]
    seen = there.loop.observe_and_plan(ONE, known=Known())
    assert [found.code for found in seen.plan.diagnostics] == ["W085"]
    assert [found.code for found in there.loop.observe_for(seen.plan).plan.diagnostics] == ["W085"]


# A saved plan.


def saved(there: Scene):
    return there.loop.observe_and_plan(ONE, known=Known()).plan


def test_a_saved_plan_is_for_one_account_at_one_endpoint():
    there = scene(ROW)
    plan = saved(there)
    there.clock.seconds = 9
    seen = there.loop.observe_for(plan)
    assert (seen.plan, seen.read_at, seen.known) == (plan, 9, Known())
    for other, here in (
        (replace(plan, uid=20), "19 at memory:"),
        (replace(plan, endpoint="memo\u202e:"), "19 at memory:"),
    ):
        with pytest.raises(AcrsyncError) as caught:
            there.loop.observe_for(other)
        found = caught.value.diagnostic
        there_at = "memo\\u{202e}:" if other.uid == 19 else "memory:"
        assert found.detail == f"The plan is for account {other.uid} at {there_at}; this is {here}."
        assert (found.code, found.fix) == ("E058", "use the endpoint and the token of the plan, or plan again.")


def test_a_saved_plan_fits_an_account_that_lists_nothing_or_was_unknown():
    plan = saved(scene(ROW))
    assert scene().loop.observe_for(plan).snapshot.rows == ()
    assert scene(ROW).loop.observe_for(replace(plan, uid=None)).plan.uid is None
    with pytest.raises(AcrsyncError, match="this is 19, 20 at memory:"):
        scene(ROW, live(2, "two", uid=20)).loop.observe_for(replace(plan, uid=21))
    with pytest.raises(AcrsyncError, match="this is unknown at memory:"):
        scene().loop.observe_for(replace(plan, endpoint="elsewhere"))


def test_a_saved_plan_is_refused_if_other_runs_left_other_changes_open():
    there = scene(ROW, settle_s=0)
    plan = saved(there)
    known = known_of(CREATE, Update(desired("ne\u202ew"), ROW, ("name",), ""), listed=(1,))
    with pytest.raises(AcrsyncError) as caught:
        there.loop.observe_for(plan, known=known)
    found = caught.value.diagnostic
    assert (found.code, found.fix) == ("E089", "plan again.")
    assert found.detail.startswith("Open changes of other runs differ from those at the time of the plan: ")
    assert {"talk", "ne\\u{202e}w"} == set(found.detail.rstrip(".").rpartition(": ")[2].split(", "))
    with pytest.raises(AcrsyncError, match="time of the plan: talk"):
        there.loop.observe_for(replace(plan, open=known.unsettled()), known=Known())
    assert there.loop.observe_for(replace(plan, open=known.unsettled()[::-1]), known=known).known == known


def test_a_saved_plan_continues_its_own_run_that_was_cut_off():
    there = scene(ROW, settle_s=0)
    plan = saved(there)
    (run,) = known_of(CREATE, listed=(1,)).runs
    own = replace(run, header={**run.header, "plan": {"digest": plan.digest}})
    assert there.loop.observe_for(plan, known=Known((own,))).known.runs == (own,)
    assert there.loop.observe_for(plan, known=known_of(CREATE, uid=20)).known.runs == ()


def test_the_loop_of_the_command_line_has_real_time_and_the_runs_of_its_place(tmp_path):
    account = MemoryAccount.with_buckets({"id": 1, "name": "one"})
    memory = Memory(Folder("runs"), UNKNOWN_USER, tmp_path)
    messages: list[str] = []
    stop = threading.Event()
    loop = reconciler(account, memory=memory, uid=19, settings=Settings(1, 3), stop=stop, notify=messages.append)
    assert (loop.account, loop.settings, loop.stop, loop.memory) == (account, Settings(1, 3), stop, memory)
    assert loop.notify == messages.append
    before = datetime.now(UTC)
    assert before <= loop.clock.wall() <= before + timedelta(minutes=1)
    assert loop.runs is not None
    assert str(tmp_path) in loop.runs.where
    plain = reconciler(account)
    assert (plain.runs, plain.memory, plain.stop.is_set()) == (None, None, False)
    stop.set()
    assert loop.clock.wait(60) is False


def test_a_plan_takes_earlier_runs_into_account():
    stored = live(9, "talk-1")
    outcome = Outcome(CREATE, Status.FAILED, live=stored, wrote=True)
    there = scene(ROW, stored, runs=Watched(known=known_of(CREATE, outcomes=[outcome], ends=True)))
    seen = there.loop.observe_and_plan(Manifest((desired("talk", **PLACE),)))
    assert (seen.plan.work, [found.code for found in seen.plan.errors]) == ((), ["E210"])


def test_a_plan_objects_to_a_rename_of_what_the_last_run_managed():
    header = {**run_line("r1", Wanted(plan_of(()), {}, frozenset()), Who(), now=NOW), "uid": 19}
    end = end_line(exit_code=0, verified=True, left=0, changed={}, managed={1: "one"}, now=NOW)
    there = scene(ROW, runs=Watched(known=Known((past_run((header, end)),))))
    plan = there.loop.observe_and_plan(Manifest((desired("other", **PLACE),))).plan
    assert [objection.guard for objection in plan.objections] == ["rename-like"]
