"""The lease, one rule at a time; `tests/simulate` has them all at once."""

from __future__ import annotations

import json
import re
from itertools import count

import pytest

from acrsync.model import Manifest
from acrsync.plan.changes import Create, Replace
from acrsync.plan.outcome import Outcome, Status
from acrsync.runs import LANDING_S, Held, LeaseLost, LostRace
from acrsync.runs.lease import LeasedRuns
from acrsync.runs.memory import Holder
from acrsync.runs.record import Wanted, Who
from acrsync.runs.store import Conflict, StoreError
from memory_store import MemoryStore
from report_plans import desired, live, plan_of
from step_clock import StepClock

CREATE = Create(desired("talk", region="eu-west-1", type="File"), "")
TALK = live(20, "talk")
MUSIC = live(7, "music")
MOVE = Replace(desired(**{**MUSIC.attrs, "region": "us-west-2"}), MUSIC, ("region",), "")
TTL_S, SETTLE_S = 60.0, 15.0
CREATED = Outcome(CREATE, Status.CREATED, live=TALK, wrote=True)
WELL = {"exit_code": 0, "verified": True, "managed": {20: "talk"}}


class Machine:
    """One machine with a clock of its own."""

    def __init__(self, store, name="one", *, strict=False, repository=""):
        self.clock, self.store, self.said = StepClock(), store, []
        who = Who(user=name, host="host", repository=repository)
        self.runs = LeasedRuns(store, self.clock, who=who, settle_s=SETTLE_S, ttl_s=TTL_S, strict=strict)

    def take(self, lock_timeout_s=300.0):
        return self.runs.wait_until_free(lock_timeout_s=lock_timeout_s, notify=self.said.append)

    def begin(self, rows=(), *, change=CREATE, environment="", **manifest):
        plan = plan_of((change,), manifest=Manifest(**manifest))
        wanted = Wanted(plan, {}, frozenset(row.id for row in rows), environment)
        return self.runs.begin(wanted, rows=rows)

    def run(self, **what):
        self.take()
        return self.begin(**what)

    def renew(self):
        for task in self.clock.tasks:
            task()


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def one(store):
    return Machine(store)


@pytest.fixture
def two(store):
    return Machine(store, "two")


def test_an_account_without_history_is_free(one):
    assert one.take().runs == ()
    assert one.clock.waited == []


def test_reading_runs_changes_nothing(store, one):
    one.runs.peek()
    one.take()
    assert store.stored is None


def test_the_plan_is_in_the_store_before_anything_is_sent(store, one, two):
    one.run()
    (run,) = two.runs.peek().runs
    assert [(left.name, left.undecided) for left in run.open] == [("talk", True)]


def test_a_held_lease_is_waited_for_and_its_holder_named(one, two):
    run = one.run()

    def goes_on():
        one.renew()

    two.clock.when_waiting = goes_on
    with pytest.raises(Held, match="one on host") as caught:
        two.take(lock_timeout_s=20)
    assert run.id in caught.value.diagnostic.detail
    assert any("Waiting" in said and "one on host" in said for said in two.said)
    assert sum(two.clock.waited) == 20


def test_the_message_names_the_holder_and_the_end_of_its_lease(one, two):
    one.run()
    notices = []
    two.runs.wait_until_free(lock_timeout_s=0, notify=lambda said: notices.append((sum(two.clock.waited), said)))
    (at_first, holder), (later, cut_off) = notices
    assert (at_first, "one on host" in holder) == (0, True)
    assert (later, "cut off" in cut_off) == (TTL_S, True)


def test_waiting_ends_with_the_other_run(one, two):
    run = one.run()
    two.clock.when_waiting = lambda: run.end(rows=[TALK], **WELL) if two.clock.waited == [2.0] else None
    run.outcome(CREATED)
    assert two.take().holder is None
    assert two.clock.waited == [2.0]


def test_after_a_dead_holder_the_wait_is_ttl_plus_the_time_of_its_requests(one, two):
    one.run()
    two.take(lock_timeout_s=0)
    assert sum(two.clock.waited) == pytest.approx(TTL_S + LANDING_S + SETTLE_S)


def test_a_dead_holder_was_cut_off_and_is_not_called_running(one, two):
    run = one.run()
    assert [hint.code for hint in two.runs.peek().hints] == ["H515"], "a plan cannot know that it is dead"
    hints = two.take().hints
    assert [(hint.code, run.id in hint.detail) for hint in hints] == [("H511", True)]


def test_after_a_dead_holder_with_nothing_open_the_wait_is_the_ttl(one, two):
    one.run().outcome(CREATED)
    one.renew()
    two.take()
    assert sum(two.clock.waited) == pytest.approx(TTL_S)


def test_a_run_is_waited_for_once(one, two, store):
    one.run()
    two.take()
    run = two.begin(rows=[TALK])
    run.outcome(Outcome(CREATE, Status.ALREADY, live=TALK))
    run.end(rows=[TALK], **WELL)
    three = Machine(store)
    three.take()
    assert three.clock.waited == []


def test_a_run_without_changes_settles_open_changes(one, two, store):
    one.run()
    two.take()
    two.runs.settle(rows=[TALK])
    known = Machine(store).take()
    assert known.unfinished == ()
    assert known.holder is None
    (record,) = store.records.values()
    assert [json.loads(line).get("by") for line in record.splitlines()[-2:]] == ["", ""], "no run found it"


def test_a_check_within_the_ttl_sends_no_request(one, store):
    run = one.run()
    swaps = store.swaps
    one.clock.seconds += TTL_S * 0.94
    run.before_write()
    assert store.swaps == swaps


@pytest.mark.parametrize("clock", ["all", "asleep", "wall"])
def test_if_any_clock_is_past_the_ttl_the_lease_is_renewed_and_checked_again(one, store, clock):
    run = one.run()
    swaps = store.swaps
    match clock:
        case "all":
            one.clock.seconds += TTL_S * 0.96
        case "asleep":
            one.clock.seconds += 100
            one.clock.asleep += 100
        case "wall":
            one.clock.wall_offset += 100
    run.before_write()
    assert store.swaps == swaps + 1


def test_a_renewal_that_took_too_long_does_not_count(one, store):
    run = one.run()
    one.clock.seconds += TTL_S

    def slow():
        one.clock.seconds += TTL_S
        return ""

    store.trouble = slow
    with pytest.raises(LeaseLost) as caught:
        run.before_write()
    assert caught.value.diagnostic.fix == "run apply again."


def test_a_run_renews_three_times_within_its_ttl(one):
    one.run()
    assert one.clock.every_s == [TTL_S / 3]


def test_after_a_takeover_the_old_run_sends_nothing(one, two):
    run = one.run()
    two.take()
    two.begin()
    one.clock.seconds += TTL_S
    with pytest.raises(LeaseLost, match="another run"):
        run.before_write()
    with pytest.raises(LeaseLost):
        run.end(rows=None, **WELL)


def test_an_expired_holder_continues_if_there_was_no_takeover(one, two):
    run = one.run()
    two.take()
    one.clock.seconds += 10 * TTL_S
    run.before_write()
    with pytest.raises(LostRace):
        two.begin()


def test_only_one_of_two_runs_that_read_the_same_version_begins(one, two):
    one.take()
    two.take()
    one.begin()
    with pytest.raises(LostRace):
        two.begin()


@pytest.mark.parametrize("trouble", ["before", "after", "late", "twice"])
def test_a_swap_without_an_answer_is_read_back(one, two, store, trouble):
    troubles = [trouble]
    store.trouble = lambda: troubles.pop() if troubles else ""
    run = one.run()
    run.before_write()
    assert two.runs.peek().holder.run == run.id


@pytest.mark.parametrize("trouble", ["before", "after", "late", "twice"])
def test_an_end_without_an_answer_is_read_back(one, two, store, trouble):
    run = one.run()
    run.outcome(CREATED)
    troubles = [trouble]
    store.trouble = lambda: troubles.pop() if troubles else ""
    run.end(rows=[TALK], **WELL)
    assert two.runs.peek().holder is None
    assert two.runs.peek().unfinished == ()


def test_each_swap_has_a_nonce_of_its_own(one, store):
    run = one.run()
    seen = [json.loads(store.stored.data)["nonce"]]
    for _ in range(3):
        run.renew()
        seen.append(json.loads(store.stored.data)["nonce"])
    assert len(set(seen)) == 4


def test_if_the_store_is_unreachable_the_lease_expires_but_the_run_does_not_end(one, store, monkeypatch):
    run = one.run()

    def unreachable(*args, **kwargs):
        raise StoreError("E070", "memory:")

    with monkeypatch.context() as patched:
        patched.setattr(store, "swap", unreachable)
        run.renew()
        run.before_write()
        one.clock.seconds += TTL_S
        with pytest.raises(LeaseLost, match="reached"):
            run.before_write()
    run.before_write()


def test_outcomes_follow_with_the_renewals(one, two):
    run = one.run()
    run.outcome(CREATED)
    assert two.runs.peek().undecided
    run.renew()
    assert not two.runs.peek().undecided
    assert not two.runs.peek().shown_by([], now=two.clock.wall())


def test_open_changes_stay_open_through_other_runs(one, two, store):
    run = one.run()
    run.outcome(Outcome(CREATE, Status.FAILED, live=live(20, "talk-1"), wrote=True))
    run.end(exit_code=6, verified=False, rows=None, managed={})
    two.take()
    second = two.begin(rows=[live(20, "talk-1")])
    second.outcome(Outcome(CREATE, Status.SKIPPED))
    second.end(rows=[live(20, "talk-1")], **WELL)
    assert [left.elsewhere for left in Machine(store).take().open] == [(20, "talk-1")]


def test_the_list_at_the_end_of_a_run_closes_open_changes_of_earlier_runs(one, two, store):
    run = one.run()
    run.outcome(Outcome(CREATE, Status.FAILED, live=live(20, "talk-1"), wrote=True))
    run.end(exit_code=6, verified=False, rows=None, managed={})
    second = two.run(rows=[live(20, "talk-1")])
    assert two.runs.peek().unfinished_run(run.id)
    second.outcome(Outcome(CREATE, Status.SKIPPED))
    second.end(rows=[], **{**WELL, "managed": {}})
    assert two.runs.peek().unfinished == ()
    assert json.loads(store.records[run.id].splitlines()[-1])["by"] == second.id


def test_a_lost_bucket_that_a_run_creates_with_other_labels_is_settled(one, two):
    run = one.run(rows=[MUSIC], change=MOVE)
    run.outcome(Outcome(MOVE, Status.FAILED, wrote=True))
    run.end(exit_code=6, verified=False, rows=[], managed={})
    created = Create(desired("music", region="us-west-2", type="File", labels=["New"]), "")
    again = live(21, "music", region="us-west-2", labels=["New"])
    second = two.run(change=created)
    second.outcome(Outcome(created, Status.CREATED, live=again, wrote=True))
    second.end(rows=[again], **{**WELL, "managed": {21: "music"}})
    assert two.runs.peek().unfinished == ()


def test_the_record_of_a_run_stays_complete_when_later_runs_end(one, store):
    for _ in range(2):
        run = one.run()
        run.outcome(CREATED)
        run.end(rows=[TALK], **WELL)
    events = [[json.loads(line)["event"] for line in record.splitlines()] for record in store.records.values()]
    assert events == [["run", "intent", "outcome", "end"]] * 2


def test_managed_buckets_are_kept_for_each_environment(one):
    for environment in ("staging", "prod"):
        run = one.run(environment=environment)
        run.outcome(CREATED)
        run.end(rows=[TALK], **WELL)
        one.clock.seconds += 100_000
    kept = [(run.header["environment"], run.managed) for run in one.runs.peek().runs]
    assert kept == [("staging", {20: "talk"}), ("prod", {20: "talk"})]


def test_a_run_with_nothing_open_is_reduced_to_what_later_runs_need(one, store):
    run = one.run()
    run.outcome(CREATED)
    run.end(rows=[TALK], **WELL)
    (kept,) = json.loads(store.stored.data)["runs"]
    assert [line["event"] for line in kept["lines"]] == ["run", "end"]
    assert "plan" not in kept["lines"][0]
    assert [json.loads(line)["event"] for line in store.records[run.id].splitlines()] == [
        "run", "intent", "outcome", "end",
    ]  # fmt: skip


def test_an_old_run_is_dropped_if_a_newer_one_lists_the_managed_buckets(one, store):
    for _ in range(3):
        run = one.run()
        run.outcome(CREATED)
        run.end(rows=[TALK], **WELL)
        one.clock.seconds += 100_000
    assert len(json.loads(store.stored.data)["runs"]) == 1


def test_a_run_can_be_closed_manually(one, two, store):
    run = one.run()
    run.outcome(Outcome(CREATE, Status.FAILED, live=live(20, "talk-1"), wrote=True))
    run.end(exit_code=6, verified=False, rows=None, managed={})
    two.take()
    two.runs.close(run.id, reason="seen to by hand")
    assert two.runs.peek().unfinished == ()
    assert json.loads(store.records[run.id].splitlines()[-1])["reason"] == "seen to by hand"
    assert json.loads(store.records[run.id].splitlines()[-1])["by"] == "two on host"


def test_history_includes_runs_that_the_object_no_longer_holds(one, store):
    run = one.run()
    run.outcome(CREATED)
    run.end(rows=[TALK], **WELL)
    ((run_id, lines),) = one.runs.history()
    assert run_id == run.id
    assert [line["event"] for line in lines] == ["run", "intent", "outcome", "end"]


def test_history_shows_what_a_later_run_found_about_an_open_one(one, two, store):
    run = one.run()
    run.outcome(Outcome(CREATE, Status.UNKNOWN, wrote=True, lost="create"))
    run.end(exit_code=6, verified=False, rows=None, managed={})
    assert run.id in store.record_ids()
    two.run(rows=[live(20, "TALK-1")])
    lines = dict(two.runs.history())[run.id]
    assert [line["event"] for line in lines] == ["run", "intent", "outcome", "end", "outcome"]


def test_an_object_of_a_later_format_with_the_same_first_number_is_read(one, store):
    run = one.run()
    data = store.stored.data.replace(b'"format_version": "1.0"', b'"format_version": "1.7.2"', 1)
    store.swap(data, expected=store.stored.version, note="a later version of acrsync")
    assert one.runs.peek().holder.run == run.id


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format_version": "2.0"}',
        b"\xff",
        b'{"format_version": "1.0", "nonce": "n", "holder": {}, "runs": []}',
    ],
)
def test_a_damaged_object_is_an_error(one, store, data):
    store.swap(data, expected=None, note="damage")
    with pytest.raises(StoreError, match="damaged") as caught:
        one.take()
    newer = b'"2.0"' in data
    assert caught.value.diagnostic.fix.startswith("use the acrsync" if newer else "restore an older version of it.")


def test_a_closed_run_no_longer_renews(one):
    one.run()
    one.runs.release()
    assert one.clock.tasks == []


@pytest.fixture
def strict(store):
    return Machine(store, "strict", strict=True)


def claim(run, change=CREATE):
    run.intent("create", change, attrs=change.desired.attrs, marks=())


def test_a_strict_run_claims_each_create_with_one_request(store, strict, two):
    run = strict.run()
    assert two.runs.peek().open == ()
    swaps = store.swaps
    claim(run)
    assert store.swaps == swaps + 1
    assert [(left.name, left.undecided, left.claimed) for left in two.runs.peek().open] == [("talk", True, True)]


def test_a_create_that_a_strict_run_did_not_claim_was_not_sent(strict, two):
    strict.run()
    two.take()
    assert sum(two.clock.waited) == pytest.approx(TTL_S)


def test_a_claim_that_no_list_shows_stays_open_through_any_number_of_runs(store, strict, two):
    claim(strict.run())
    assert two.take().undecided
    for machine in (two, Machine(store), Machine(store)):
        known = machine.take()
        assert [pending.claimed for pending in known.earlier([]).pending] == [True]
        machine.runs.settle(rows=[])
    later = Machine(store)
    assert [left.undecided for left in later.take().open] == [False]
    assert later.clock.waited == []


def test_a_claim_is_settled_by_the_list_that_shows_its_bucket(store, strict, two):
    claim(strict.run())
    two.take()
    two.runs.settle(rows=[])
    two.take()
    two.runs.settle(rows=[TALK])
    assert Machine(store).take().unfinished == ()


def test_a_claim_can_be_closed_manually(store, strict, two):
    run = strict.run()
    claim(run)
    two.take()
    two.runs.settle(rows=[])
    two.take()
    two.runs.close(run.id, reason="it was not created")
    assert Machine(store).take().open == ()


def test_after_a_takeover_nothing_is_claimed(strict, two):
    run = strict.run()
    two.run()
    with pytest.raises(LeaseLost, match="another run has taken over"):
        claim(run)
    with pytest.raises(LeaseLost):
        claim(run)


def test_a_claim_that_the_store_does_not_answer_is_not_sent_and_not_open(store, strict, two):
    run = strict.run()
    store.trouble = lambda: "before"
    with pytest.raises(StoreError):
        claim(run)
    store.trouble = lambda: ""
    run.outcome(Outcome(CREATE, Status.FAILED))
    run.end(rows=[], **WELL)
    assert two.take().open == ()


def test_a_dropped_record_is_left_out_of_the_history(one, store):
    run = one.run()
    run.end(rows=[TALK], **WELL)
    store.records["README"] = b"not a record\n"
    with pytest.raises(StoreError, match="README"):
        dict(one.runs.history())
    ids = store.record_ids()
    store.records.clear()
    store.record_ids = lambda: ids
    assert list(dict(one.runs.history())) == [run.id]


# What is kept and said.


def test_each_swap_has_a_note_that_names_the_run(one, two, store):
    run = one.run()
    run.renew()
    run.outcome(Outcome(CREATE, Status.FAILED, live=live(20, "talk-1"), wrote=True))
    run.end(exit_code=6, verified=False, rows=None, managed={})
    two.take()
    two.runs.close(run.id, reason="")
    run_id = run.id
    assert store.notes == [
        f"{run_id}: begins",
        f"{run_id}: continues",
        f"{run_id}: ends with exit code 6",
        f"{run_id}: closed by hand",
    ]
    other = Machine(store, "three", strict=True)
    lost = other.run(change=MOVE)
    hidden = Create(desired("ta\u202elk", region="eu-west-1", type="File"), "")
    claim(lost, hidden)
    assert store.notes[-1] == f"{lost.id}: claims ta\\u{{202e}}lk"
    two.take()
    two.runs.settle(rows=[MUSIC])
    assert store.notes[-1] == f"nothing to do: settles {lost.id}"


def test_the_holder_is_described_by_its_run_its_user_and_when_it_began(one, two):
    run = one.run()
    assert two.runs.peek().holder == Holder(run.id, "one on host", "2026-01-01T00:16:40+00:00", TTL_S)
    assert (run.where, two.runs.where) == (f"run {run.id} in memory:", "memory:")


def test_each_change_of_what_is_waited_for_is_reported_once(one, two):
    run = one.run()
    two.take(lock_timeout_s=0)
    assert two.said == [
        f"Waiting: run {run.id} of one on host, since 2026-01-01T00:16:40+00:00 holds the account.",
        "Waiting: an earlier run was cut off. Its last request may still arrive, or the list may lag.",
    ]


def test_the_store_is_read_every_two_seconds_and_once_more_at_the_end(one, two):
    one.run().outcome(CREATED)
    one.renew()
    two.runs.ttl_s = 1
    two.clock.seconds += 0.5
    two.take()
    assert two.clock.waited == [2.0] * 30
    assert two.said == two.said[:1]


def test_an_interrupt_ends_the_wait_for_another_run(one, two):
    one.run()
    two.clock.wait = lambda seconds: False
    with pytest.raises(KeyboardInterrupt):
        two.take()


def test_the_wait_starts_again_with_each_sign_of_life_until_the_timeout(one, two):
    run = one.run()
    renewals = [40.0, 80.0]

    def sometimes():
        if renewals and sum(two.clock.waited) >= renewals[0]:
            renewals.pop(0)
            run.renew()

    two.clock.when_waiting = sometimes
    two.take(lock_timeout_s=81)
    assert sum(two.clock.waited) == pytest.approx(80 + TTL_S + LANDING_S + SETTLE_S)


def test_a_run_that_just_ended_is_no_reason_to_give_up(one, two):
    run = one.run()
    run.outcome(CREATED)
    two.clock.when_waiting = lambda: run.end(rows=[TALK], **WELL) if two.clock.waited == [2.0] else None
    assert two.take(lock_timeout_s=0).holder is None


def test_requests_in_flight_need_not_be_waited_for(one, two):
    one.run()
    two.runs.wait_until_free(lock_timeout_s=0, notify=two.said.append, in_flight=False)
    assert sum(two.clock.waited) == TTL_S


def test_a_run_knows_its_own_lines_also_those_that_are_not_stored(one, store):
    run = one.run()
    run.outcome(CREATED)
    assert [line["event"] for line in run.lines] == ["run", "intent", "outcome"]
    (stored,) = json.loads(store.stored.data)["runs"]
    assert [line["event"] for line in stored["lines"]] == ["run", "intent"]
    run.end(rows=[TALK], **WELL)
    assert [line["event"] for line in run.lines] == ["run", "intent", "outcome", "end"]


def test_a_claim_is_recorded_with_all_that_is_sent(store, strict):
    run = strict.run()
    run.intent("create", CREATE, attrs={"name": "talk", "labels": ["TV"]}, marks=("acrsync:radio",))
    (_, line) = run.lines
    assert (line["event"], line["verb"], line["claim"]) == ("intent", "create", True)
    assert (line["attrs"], line["marks"]) == ({"name": "talk", "labels": ["TV"]}, ["acrsync:radio"])
    assert json.loads(store.stored.data)["runs"][0]["lines"] == list(run.lines)


def test_only_a_strict_run_claims_and_only_creates(store, one, strict):
    run = one.run()
    swaps = store.swaps
    claim(run)
    assert store.swaps == swaps
    run.end(rows=[], **WELL)
    run = strict.run()
    swaps = store.swaps
    run.intent("delete", MOVE, attrs={}, marks=())
    assert store.swaps == swaps


def test_a_run_that_is_overtaken_reports_what_it_did_not_do(one, two):
    run = one.run()
    two.run()
    one.clock.seconds += TTL_S
    with pytest.raises(LeaseLost) as caught:
        run.before_write()
    found = caught.value.diagnostic
    assert (found.code, found.detail) == ("E076", "The write was not sent: another run has taken over.")
    assert found.fix == "run apply again."
    with pytest.raises(LeaseLost) as caught:
        run.end(rows=None, **WELL)
    assert caught.value.diagnostic.detail == "The end of this run cannot be recorded: another run has taken over."
    assert one.clock.tasks == []


def test_a_lease_that_cannot_be_renewed_reports_why(one, store):
    run = one.run()
    one.clock.seconds += TTL_S
    asked = count(1)
    store.trouble = lambda: "before" if next(asked) else ""
    with pytest.raises(LeaseLost) as caught:
        run.before_write()
    assert caught.value.diagnostic.detail == (
        "The write was not sent: the run store could not be reached in time."
    )  # fmt: skip
    assert next(asked) == 3 * 3 + 1, "three renewals with three attempts"


@pytest.mark.parametrize(("fix", "shown"), [("", "run again."), ("allow pushes.", "allow pushes.")])
def test_a_store_that_refuses_without_a_reason_is_reported(one, store, fix, shown):
    tries = []

    def refuses(data, *, expected, note, records):
        tries.append(expected)
        raise Conflict("E073", "Refused.", fix=fix)

    store.swap = refuses
    with pytest.raises(StoreError) as caught:
        one.run()
    found = caught.value.diagnostic
    assert (found.code, found.fix, tries) == ("E071", shown, [None] * 3)
    assert found.detail == "Refused. It refused 3 times, although no other run changed it."


def test_a_store_that_does_not_answer_is_reported_after_three_attempts(one, store):
    attempts = count(1)
    store.trouble = lambda: "before" if next(attempts) else ""
    with pytest.raises(StoreError) as caught:
        one.run()
    assert (caught.value.diagnostic.code, next(attempts)) == ("E074", 3 + 1)


def test_a_damaged_object_or_record_is_named(one, store):
    run = one.run()
    run.outcome(CREATED)
    run.end(rows=[TALK], **WELL)
    (run_id,) = store.records
    store.records[run_id] = b"damage\n"
    with pytest.raises(StoreError) as caught:
        dict(one.runs.history())
    assert caught.value.diagnostic.code == "E072"
    assert re.fullmatch(
        rf"memory:: run {run_id}: .+\. It may record a create that must not be sent again\.",
        caught.value.diagnostic.detail,
    )
    assert caught.value.diagnostic.fix == "restore an older version of it."


def test_an_object_names_what_is_missing(one, store):
    store.swap(b'{"format_version": "1.0"}', expected=None, note="damage")
    with pytest.raises(StoreError) as caught:
        one.take()
    assert caught.value.diagnostic.detail == (
        "memory:: 'holder'. It may record a create that must not be sent again."
    )  # fmt: skip


def test_managed_buckets_are_kept_for_each_repository_and_manifest(store):
    for repository, files in (("h/radio", ("a.yaml",)), ("h/tv", ("a.yaml",)), ("h/tv", ("b.yaml",))):
        machine = Machine(store, repository=repository)
        machine.clock.seconds += 100_000 * (1 + store.swaps)
        machine.take()
        run = machine.begin(files=files)
        run.outcome(CREATED)
        run.end(rows=[TALK], **WELL)
    assert [(run.who.repository, run.header["files"]) for run in machine.runs.peek().runs] == [
        ("h/radio", ["a.yaml"]), ("h/tv", ["a.yaml"]), ("h/tv", ["b.yaml"])
    ]  # fmt: skip


def test_a_run_that_managed_nothing_is_dropped_after_a_day(one, store):
    kept = []
    for seconds in (86_000, 1_000, 0):
        run = one.run()
        run.outcome(CREATED)
        run.end(exit_code=1, verified=False, rows=[TALK], managed={})
        kept.append(len(json.loads(store.stored.data)["runs"]))
        one.clock.seconds += seconds
    assert kept == [1, 2, 2]
    assert run.id in [left["id"] for left in json.loads(store.stored.data)["runs"]]
