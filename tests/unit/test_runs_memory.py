"""What earlier runs left behind: tables of how a change ended, and of what a list then settles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acrsync.diagnostics import AcrsyncError
from acrsync.model import Manifest
from acrsync.plan.changes import Action, Create, Delete, Replace, Update
from acrsync.plan.earlier import Unsettled
from acrsync.plan.outcome import Outcome, Status
from acrsync.runs.memory import Holder, Known, key_of_manifest, manifest_key, past_run, reduced
from acrsync.runs.record import (
    Wanted,
    Who,
    closed_line,
    decoded,
    encoded,
    end_line,
    intents_of,
    normal,
    outcome_line,
    run_line,
)
from report_plans import desired, live, plan_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MUSIC = live(7, "music", labels=["Music"], marks=("acrsync:radio",))
NEWS = live(8, "news")
CREATE = Create(desired("talk", region="eu-west-1", type="File"), "")
RENAME = Update(desired("newer"), NEWS, ("name",), "")
MOVE = Replace(desired(**{**MUSIC.attrs, "region": "us-west-2"}), MUSIC, ("region",), "")
DELETE = Delete(NEWS, "")
TALK = live(20, "talk")
MOVED = replace(MUSIC, id=21, attrs=dict(MOVE.desired.attrs))
END: dict[str, Any] = {"exit_code": 6, "verified": False, "left": 0, "changed": {}, "managed": {}, "now": NOW}


def known_by_commit(repository, commit, *, verified=True, manifest="a.yaml"):
    lines = lines_of(CREATE)
    run = {**lines[0], "who": {"repository": repository, "commit": commit}, "files": [manifest]}
    return past_run((run, end_line(**{**END, "verified": verified})))


def lines_of(*changes, outcomes=(), ends=False, listed=(7, 8)):
    plan = plan_of(changes)
    wanted = Wanted(plan, {}, frozenset(listed))
    lines = (run_line("r1", wanted, Who(), now=NOW), *intents_of(plan, now=NOW, claims=False))
    lines += tuple(outcome_line(outcome, now=NOW) for outcome in outcomes)
    return (*lines, end_line(**END)) if ends else lines


def known(*changes, **kwargs):
    return Known((past_run(lines_of(*changes, **kwargs)),))


def after(lines, rows, done=()):
    """Return the run once a list has settled what it can."""
    added = Known((past_run(lines),)).settled(rows, by="r2", now=NOW, lines=done)
    return past_run((*lines, *added.get("r1", ())))


LOST_ANSWER = Outcome(CREATE, Status.UNKNOWN, wrote=True, lost="create")
OTHER_NAME = Outcome(CREATE, Status.FAILED, live=live(20, "talk-1"), wrote=True)


@pytest.mark.parametrize(
    ("change", "outcome", "is_open", "undecided", "reason"),
    [
        (CREATE, None, True, True, "unknown whether it was sent"),
        (CREATE, LOST_ANSWER, True, True, "its answer was lost"),
        (CREATE, Outcome(CREATE, Status.CREATED, live=TALK, wrote=True), False, False, "it was answered"),
        (CREATE, Outcome(CREATE, Status.FAILED), False, False, "it was refused"),
        (CREATE, Outcome(CREATE, Status.SKIPPED), False, False, "it was not begun"),
        (CREATE, Outcome(CREATE, Status.STALE), False, False, "nothing was sent"),
        (CREATE, OTHER_NAME, True, False, "it is there under another name"),
        (RENAME, None, True, True, "it may still land"),
        (RENAME, Outcome(RENAME, Status.FAILED, wrote=True, lost="update"), True, True, "it may still land"),
        (RENAME, Outcome(RENAME, Status.FAILED, wrote=True), False, False, "it was answered, if not as wanted"),
        (RENAME, Outcome(RENAME, Status.FAILED, live=NEWS, wrote=True), False, False, "it was ignored"),
        (RENAME, Outcome(RENAME, Status.FAILED, live=live(8, "newe"), wrote=True), True, False, "another name"),
        (DELETE, Outcome(DELETE, Status.UNKNOWN, wrote=True, lost="delete"), True, True, "it may still land"),
        (MOVE, None, True, True, "it may be deleted and not created"),
        (MOVE, Outcome(MOVE, Status.FAILED, wrote=True), True, False, "deleted, and the create was refused"),
        (MOVE, Outcome(MOVE, Status.FAILED), True, False, "a proxy may have delivered the delete twice"),
        (MOVE, Outcome(MOVE, Status.REFUSED), False, False, "a guard objected before anything was sent"),
        (MOVE, Outcome(MOVE, Status.REPLACED, live=MOVED, wrote=True), False, False, "it is there again"),
    ],
)
@pytest.mark.parametrize("ends", [False, True])
def test_the_outcome_of_a_change_decides_whether_it_is_open(change, outcome, is_open, undecided, reason, ends):
    run = past_run(lines_of(change, outcomes=[outcome] if outcome else [], ends=ends))
    assert [(left.name, left.undecided) for left in run.open] == [(change.name, undecided)] * is_open, reason
    assert run.crashed is not ends
    assert run.done == (ends and not is_open)


def test_a_bucket_stored_under_another_name_is_closed_if_it_is_gone_or_has_the_right_name():
    for change, outcome in (
        (CREATE, OTHER_NAME),
        (RENAME, Outcome(RENAME, Status.FAILED, live=live(8, "newe"), wrote=True)),
    ):
        lines = lines_of(change, outcomes=[outcome], ends=True)
        assert outcome.live is not None
        bucket_id = outcome.live.id
        assert not after(lines, [outcome.live]).closed
        assert after(lines, [live(bucket_id, change.name)]).closed
        assert after(lines, []).closed
        earlier = Known((past_run(lines),)).earlier([outcome.live])
        assert earlier.aliases == {change.name: (bucket_id, outcome.live.name)}


@pytest.mark.parametrize("stored", ["t", "ta", "TALK!", "talk (2)", "t&#97;lk", "tálk"])
def test_a_new_bucket_that_a_lost_create_may_have_made_is_its_alias(stored):
    found = known(CREATE, outcomes=[LOST_ANSWER]).earlier([live(20, stored)])
    assert found.aliases == {"talk": (20, stored)}


@pytest.mark.parametrize(
    ("change", "outcome", "rows", "status", "closes", "reason"),
    [
        (CREATE, None, [TALK], "adopted", True, "it is listed and was not before"),
        (CREATE, None, [], "skipped", True, "no list will ever show it"),
        (CREATE, None, [live(20, "TALK-1")], "failed", False, "it may be what the server made of it"),
        (CREATE, None, [live(20, "TALK-1", type="LiveTimeshift")], "skipped", True, "another type is another bucket"),
        (CREATE, None, [live(7, "talk-1")], "skipped", True, "it was listed before"),
        (CREATE, None, [live(20, "jazz")], "skipped", True, "nothing of its name is like it"),
        (CREATE, OTHER_NAME, [live(20, "talk-1")], None, False, "it still lives"),
        (CREATE, OTHER_NAME, [], "skipped", True, "it is gone"),
        (RENAME, None, [NEWS], "skipped", True, "the next plan decides again"),
        (MOVE, None, [MUSIC], "skipped", True, "it was not deleted"),
        (MOVE, None, [MOVED], "replaced", True, "it is there again, with its attributes"),
        (MOVE, None, [], "failed", False, "it is gone, and its attributes are here only"),
        (MOVE, None, [live(21, "music", region="us-west-2")], "failed", False, "its labels are still missing"),
        (MOVE, Outcome(MOVE, Status.FAILED, wrote=True), [], None, False, "known already"),
    ],
)
def test_a_list_settles_open_changes_or_leaves_them_open(change, outcome, rows, status, closes, reason):
    lines = lines_of(change, outcomes=[outcome] if outcome else [], ends=True)
    run = after(lines, rows)
    assert run.closed is closes, reason
    added = Known((past_run(lines),)).settled(rows, by="r2", now=NOW).get("r1", ())
    assert [line["status"] for line in added if line["event"] == "outcome"] == [status] * (status is not None), reason
    assert not any(left.undecided for left in run.open), "one list is enough"


def test_a_bucket_stored_under_another_name_is_found_by_its_id():
    run = after(lines_of(CREATE), [live(20, "talk-1")])
    assert [left.elsewhere for left in run.open] == [(20, "talk-1")]


def test_two_creates_of_one_run_are_not_confused():
    other = Create(desired("talk-1", region="eu-west-1", type="File"), "")
    run = after(lines_of(CREATE, other), [live(20, "talk-1")])
    assert run.closed
    assert run.counts == {"adopted": 1, "skipped": 1}


def test_a_lost_bucket_that_a_later_run_created_is_settled_even_with_other_labels():
    created = Create(desired("music", region="us-west-2", type="File", labels=["New"]), "")
    again = live(21, "music", region="us-west-2", labels=["New"])
    done = [outcome_line(Outcome(created, Status.CREATED, live=again, wrote=True), now=NOW)]
    assert not after(lines_of(MOVE), [again]).closed
    assert after(lines_of(MOVE), [again], done=done).closed


def test_a_run_that_a_list_settles_is_closed_without_a_reason():
    (*_, closing) = Known((past_run(lines_of(CREATE)),)).settled([TALK], by="r2", now=NOW)["r1"]
    assert (closing["event"], closing["by"], closing["reason"]) == ("closed", "r2", "")


def test_a_run_does_not_settle_itself():
    assert known(CREATE).settled([TALK], by="r1", now=NOW) == {}


def test_a_list_must_show_what_was_written_last():
    created = Outcome(CREATE, Status.CREATED, live=TALK, wrote=True)
    renamed = Outcome(RENAME, Status.UPDATED, live=live(8, "newer"), wrote=True)
    moved = Outcome(MOVE, Status.REPLACED, live=MOVED, wrote=True)
    now = known(CREATE, RENAME, MOVE, outcomes=[created, renamed, moved])
    whole = [TALK, live(8, "newer"), MOVED]
    assert now.shown_by(whole, now=NOW)
    assert not now.shown_by(whole[1:], now=NOW)
    assert not now.shown_by([TALK, NEWS, MOVED], now=NOW)
    assert not now.shown_by([*whole, MUSIC], now=NOW)
    assert now.unlisted([TALK], now=NOW) == (21, 8), "not what was deleted"
    assert now.unlisted([TALK], now=NOW + timedelta(days=1, microseconds=-1)) == (21, 8)
    assert now.unlisted([TALK], now=NOW + timedelta(days=1)) == ()
    assert now.shown_by([], now=NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("outcome", "changed"),
    [
        (Outcome(DELETE, Status.DELETED, wrote=True), {8: None}),
        (Outcome(DELETE, Status.DELETED), {}),
        (Outcome(DELETE, Status.ALREADY), {}),
        (Outcome(DELETE, Status.FAILED, wrote=True), {}),
        (Outcome(MOVE, Status.FAILED, wrote=True), {}),
        (Outcome(MOVE, Status.FAILED, live=MOVED, wrote=True), {7: None, 21: "music"}),
        (Outcome(RENAME, Status.UPDATED, live=live(8, "newer"), wrote=True), {8: "newer"}),
        (Outcome(RENAME, Status.ALREADY, live=live(8, "newer")), {}),
        (Outcome(RENAME, Status.FAILED, wrote=True), {}),
    ],
)
def test_a_run_changed_only_buckets_that_it_wrote_to(outcome, changed):
    assert past_run(lines_of(outcome.change, outcomes=[outcome])).changed == changed


def test_the_later_of_two_runs_decides_what_a_list_must_show():
    first = past_run(lines_of(CREATE, outcomes=[Outcome(CREATE, Status.CREATED, live=TALK, wrote=True)]))
    gone = Delete(TALK, "")
    second = past_run(lines_of(gone, outcomes=[Outcome(gone, Status.DELETED, wrote=True)]))
    assert Known((first, second)).shown_by([], now=NOW)


def test_a_reduced_run_keeps_required_ids_and_managed_buckets():
    lines = (*lines_of(CREATE)[:1], end_line(**{**END, "changed": {20: "talk", 8: None}, "managed": {20: "talk"}}))
    small = reduced((*lines, closed_line(by="r1", reason="", now=NOW)), managed=True)
    assert not {"plan", "listed"} & set(small[0])
    run = past_run(decoded(encoded(small)))
    assert (run.changed, run.managed, run.done) == ({20: "talk", 8: None}, {20: "talk"}, True)


def test_an_older_reduced_run_keeps_required_ids_only():
    lines = (*lines_of(CREATE)[:1], end_line(**{**END, "changed": {20: "talk"}, "managed": {20: "talk"}}))
    run = past_run(decoded(encoded(reduced(lines, managed=False))))
    assert (run.changed, run.managed) == ({20: "talk"}, {})


def test_only_an_unfinished_run_can_be_named():
    assert known(CREATE).unfinished_run("r1").id == "r1"
    with pytest.raises(AcrsyncError) as caught:
        known(CREATE).unfinished_run("other\u202e")
    found = caught.value.diagnostic
    assert (found.code, found.fix) == ("E079", "`acrsync runs` lists them all.")
    assert found.detail == "other\\u{202e} is not an unfinished run. Unfinished runs: r1."
    with pytest.raises(AcrsyncError, match=r"Unfinished runs: none\."):
        Known().unfinished_run("r1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://api-v2.acrcloud.com", "HTTPS://API-V2.acrcloud.com:443/api/"),
        ("http://127.0.0.1:80", "http://127.0.0.1/"),
        ("https://example.org/acr", "https://example.org/acr/api"),
        ("https://api-v2.acrcloud.com", "https://api-v2.acrcloud.com./api"),
    ],
)
def test_endpoints_are_compared_as_addresses(one, other):
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://api-v2.acrcloud.com", "https://cn-api-v2.acrcloud.cn"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8002"),
        ("https://127.0.0.1", "http://127.0.0.1"),
        ("emulator:a.db", "emulator:b.db"),
    ],
)
def test_other_addresses_are_other_accounts(one, other):
    assert normal(one) != normal(other)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda text: text.replace(b'"format_version": "1.0"', b'"format_version": "2.0"'), "format"),
        (lambda text: text.replace(b'"uid"', b'"vid"', 1), "line 1 has no uid"),
        (lambda text: text.replace(b'"action": "create"', b'"auction": "create"', 1), "line 2 has no action"),
        (lambda text: text.replace(b'{"event": "intent"', b'{"event": "int', 1), "line 2 is damaged"),
        (lambda text: text.replace(b"\n", b"\n\n", 1), "line 2 is damaged"),
        (lambda text: text.replace(b"\n", b"\n" + b"\0" * 4096 + b"\n", 1), "line 2 is damaged"),
        (lambda text: b"\n".join(text.split(b"\n")[1:]), "does not begin"),
        (lambda text: text.replace(b'{"event": "intent"', b'["event", "intent"', 1), "line 2 is damaged"),
        (lambda text: b"[]\n" + text, "line 1 is not an event"),
    ],
)
def test_damage_is_an_error_and_never_skipped(damage, why):
    text = encoded(lines_of(CREATE, RENAME))
    assert decoded(text)
    with pytest.raises(ValueError, match=why):
        decoded(damage(text))


@pytest.mark.parametrize("kept", [1, 10, -2])
def test_a_last_line_truncated_by_a_crash_is_ignored(kept):
    whole, last = encoded(lines_of(CREATE)[:1]), encoded(lines_of(CREATE)[1:])
    assert decoded(whole + last[:kept]) == decoded(whole)


def test_a_last_line_without_a_newline_is_ignored():
    """Nothing was sent for it: a write begins when its intent is whole on disk."""
    assert decoded(encoded(lines_of(CREATE))[:-1]) == decoded(encoded(lines_of(CREATE)[:-1]))


def test_an_event_of_a_later_format_is_left_out():
    lines = (*lines_of(CREATE), {"event": "weather", "time": "now"})
    assert past_run(decoded(encoded(lines))) == past_run(lines_of(CREATE))


# What planning gets.


def known_to_planning(*changes, rows=(), outcomes=(), ends=False):
    return known(*changes, outcomes=outcomes, ends=ends).earlier(rows)


def test_planning_gets_a_lost_bucket_with_all_its_attributes():
    lost = known_to_planning(MOVE).lost("music")
    assert (lost.attrs, lost.marks, lost.run) == (dict(MOVE.desired.attrs), ("acrsync:radio",), "r1")
    assert known_to_planning(MOVE, rows=[MUSIC], outcomes=[Outcome(MOVE, Status.SKIPPED)]).lost("music") is None


def test_planning_gets_a_bucket_under_another_name_while_it_exists():
    assert known_to_planning(CREATE, outcomes=[OTHER_NAME], rows=[live(20, "talk-1")]).aliases == {
        "talk": (20, "talk-1")
    }
    assert known_to_planning(CREATE, outcomes=[OTHER_NAME], rows=[]).aliases == {}


def test_planning_gets_the_managed_buckets_of_the_last_verified_run_of_its_stack():
    lines = (*lines_of(CREATE)[:1], end_line(**{**END, "verified": True, "managed": {20: "talk"}}))
    of_files = past_run(({**lines[0], "files": ["a.yaml"]}, *lines[1:]))
    of_stack = past_run(({**lines[0], "stack": "radio", "files": ["a.yaml"]}, *lines[1:]))
    assert Known((of_files,)).earlier([], manifest=manifest_key(None, None, ["a.yaml"])).managed == {20: "talk"}
    assert Known((of_files,)).earlier([], manifest=manifest_key(None, None, ["b.yaml"])).managed == {}
    assert Known((of_stack,)).earlier([], manifest=manifest_key("radio", None, ["b.yaml"])).managed == {20: "talk"}
    assert Known((of_stack,)).earlier([], manifest=manifest_key(None, None, ["a.yaml"])).managed == {}


def test_a_hint_names_the_open_changes_and_the_run():
    (hint,) = known(CREATE).hints
    assert (hint.code, "1 without a known outcome" in hint.detail) == ("H511", True)
    assert "acrsync runs show r1" in hint.fix
    assert known(CREATE, outcomes=[Outcome(CREATE, Status.FAILED)], ends=True).hints == ()


def test_the_last_verified_run_is_of_the_same_repository_and_manifest():
    runs = (
        known_by_commit("h/radio", "aaa"),
        known_by_commit("h/radio", "bbb"),
        known_by_commit("h/radio", "ccc", verified=False),
        known_by_commit("h/radio", "ddd", manifest="b.yaml"),
        known_by_commit("h/other", "eee"),
    )
    key = manifest_key(None, None, ["a.yaml"])
    last = Known(runs).last_verified(repository="h/radio", manifest=key)
    assert last is not None
    assert last.header["who"]["commit"] == "bbb"
    assert Known(runs).last_verified(repository="h/none", manifest=key) is None


def test_a_run_whose_only_open_bucket_is_managed_now_causes_no_hint():
    stored = lines_of(CREATE, outcomes=[OTHER_NAME], ends=True)
    both = lines_of(CREATE, MOVE, outcomes=[OTHER_NAME], ends=True)
    later = ({**lines_of()[0], "id": "r2"}, end_line(**{**END, "verified": True, "managed": {20: "talk-1"}}))
    other = ({**lines_of()[0], "id": "r2"}, end_line(**{**END, "verified": True, "managed": {21: "talk-1"}}))

    def hinted(*runs):
        return [hint.code for hint in Known(tuple(map(past_run, runs))).hints]

    assert hinted(stored) == hinted(stored, other) == ["H511"]
    assert hinted(stored, later) == []
    assert hinted(both, later) == ["H511"]
    cut_off = lines_of(CREATE, outcomes=[Outcome(CREATE, Status.SKIPPED)])
    assert hinted(cut_off, later) == ["H511"], "nothing is open, so nothing is managed"


def test_a_manifest_is_identified_by_its_environment_and_its_stack_or_else_its_files():
    of_stack = Manifest(stack="radio", environment="test", files=("a.yaml", "b.yaml"))
    assert key_of_manifest(of_stack) == ("test", "stack", "radio")
    of_files = Manifest(files=("a.yaml", "b.yaml"))
    assert key_of_manifest(of_files) == ("", "files", "a.yaml", "b.yaml")
    assert key_of_manifest(Manifest(stack="radio")) == ("", "stack", "radio")
    lines = lines_of(CREATE)
    for manifest in (of_stack, of_files):
        written = {"stack": manifest.stack, "environment": manifest.environment, "files": list(manifest.files)}
        assert past_run(({**lines[0], **written}, *lines[1:])).manifest == key_of_manifest(manifest)
    before_stacks = {key: value for key, value in lines[0].items() if key not in ("stack", "environment", "files")}
    assert past_run((before_stacks, *lines[1:])).manifest == ("", "files")


def test_only_runs_of_the_account_count_and_those_that_did_not_know_it():
    lines = lines_of(CREATE)
    held = Holder("r9", "someone", "now", 60)
    runs = tuple(past_run(({**lines[0], "id": str(uid), "uid": uid}, *lines[1:])) for uid in (19, 20, None))
    of_account = Known(runs, held).of_account(19)
    assert ([run.id for run in of_account.runs], of_account.holder) == (["19", "None"], held)
    assert Known(runs).of_account(None).runs == runs


def test_open_changes_are_named_except_for_runs_of_the_same_plan():
    lines = lines_of(CREATE)
    of_plan = past_run(({**lines[0], "plan": {"digest": "sha256:1"}}, *lines[1:]))
    assert Known((of_plan,)).unsettled() == (Unsettled("r1", Action.CREATE, "talk"),)
    assert Known((of_plan,)).unsettled(except_digest="sha256:2") == (Unsettled("r1", Action.CREATE, "talk"),)
    assert Known((of_plan,)).unsettled(except_digest="sha256:1") == ()
    no_plan = {key: value for key, value in lines[0].items() if key != "plan"}
    assert len(Known((past_run((no_plan, *lines[1:])),)).unsettled(except_digest="sha256:1")) == 1
    assert known(RENAME).unsettled() == (Unsettled("r1", Action.RENAME, "newer", 8),)


@pytest.mark.parametrize("keys", [("name",), ("name", "type"), ("name", "region", "type")])
def test_a_new_bucket_that_cannot_be_read_may_be_what_an_open_create_made(keys):
    """The server shows a name as a number, or none: a second create would make another one, in each run."""
    whole = live(20, "talk")
    shown = {key: value for key, value in whole.attrs.items() if key not in keys}
    odd = replace(whole, attrs=shown, unreadable=dict.fromkeys(keys, "null"))
    lines = lines_of(CREATE, outcomes=(LOST_ANSWER,), ends=True)
    assert dict(Known((past_run(lines),)).earlier([odd]).aliases) == {"talk": (20, "")}
    run = after(lines, [odd])
    assert dict(Known((run,)).earlier([odd]).aliases) == {"talk": (20, "")}, "also for the runs after the next"
    assert after(lines, []).done


def test_a_bucket_that_could_not_be_read_before_is_not_what_a_create_made():
    listed = live(7, "music")
    odd = replace(listed, attrs={key: listed.attrs[key] for key in ("region", "type")}, unreadable={"name": "null"})
    assert after(lines_of(CREATE, outcomes=(LOST_ANSWER,), ends=True), [odd]).done
