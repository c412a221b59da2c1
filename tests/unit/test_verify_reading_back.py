"""Done means observed: what the listing must show, for how long it is asked, and whose left-overs are whose."""

from dataclasses import replace

import pytest

from acrsync.apply.verify import verify, with_new_ids
from acrsync.diagnostics import Diagnostic, Severity
from acrsync.model import Desired, Manifest, Prune, Removed, Snapshot
from acrsync.plan.changes import Create, Delete, Marks, Replace, Update
from acrsync.plan.document import Plan
from acrsync.plan.outcome import Outcome, Status
from acrsync.plan.planner import make_plan
from doubles import FakeClock
from engine import Troubled
from report_plans import desired, live

MUSIC = live(7, "music", labels=["Music"])
NEWS = live(7, "music", labels=["News"])
ENTRY = Desired({"name": "music", "region": "eu-west-1", "type": "File", "labels": ["News"]})
RELABEL = Update(ENTRY, MUSIC, ("labels",), "")
CREATE = Create(ENTRY, "")
MADE = live(8, "music", labels=["News"])


def check(outcomes, account, *, before=(), manifest=None, settle_s=30.0):
    manifest = manifest or Manifest(desired=(ENTRY,))
    clock = FakeClock()
    found = verify(
        outcomes,
        before=Snapshot(tuple(before)),
        remote=account,
        clock=clock,
        settle_s=settle_s,
        replan=lambda snapshot: make_plan(manifest, snapshot),
    )
    return found, clock


def ended(change, status, after=None, **rest):
    return Outcome(change, status, live=after, wrote=True, **rest)


def test_changes_that_the_list_shows_are_verified_immediately():
    found, clock = check([ended(RELABEL, Status.UPDATED, NEWS)], Troubled().holding(NEWS), before=[MUSIC])
    assert (found.verified, found.outcomes[0].status, clock.seconds) == (True, Status.UPDATED, 0)
    assert [row.id for row in found.snapshot.rows] == [7]


def test_a_lagging_create_is_waited_for():
    account = Troubled().holding(MADE)
    account.hidden = {8: 3}
    found, clock = check([ended(CREATE, Status.CREATED, MADE)], account)
    assert (found.verified, clock.seconds) == (True, 3)


def test_a_lagging_delete_is_waited_for():
    account = Troubled().holding(MUSIC)
    account.before["observe"] = [lambda: None, lambda: account.rows.pop(7)]
    found, clock = check([ended(Delete(MUSIC, ""), Status.DELETED)], account, before=[MUSIC], manifest=Manifest())
    assert (found.verified, clock.seconds) == (True, 1)


def test_a_lagging_change_of_marks_is_waited_for():
    marked = live(7, "music", marks=("acrsync:radio",))
    forget = Update(desired("music"), marked, (), "", Marks(remove=("acrsync:radio",)))
    account = Troubled().holding(marked)
    account.before["observe"] = [lambda: None, lambda: account.rows[7].update(labels="")]
    manifest = Manifest(stack="radio", ownership=True, removed=(Removed("music", forget=True),))
    bare = replace(marked, marks=())
    found, clock = check([ended(forget, Status.UPDATED, bare)], account, before=[marked], manifest=manifest)
    assert (found.verified, clock.seconds) == (True, 1)


@pytest.mark.parametrize(
    ("outcome", "row", "expected_detail", "reason"),
    [
        (ended(RELABEL, Status.UPDATED, NEWS), MUSIC, "labels is ['Music'], not ['News']", "the update went again"),
        (ended(RELABEL, Status.UPDATED, NEWS), live(7, "music", labels=["News"], net_type=2), "net_type is 2", "ditto"),
        (ended(CREATE, Status.CREATED, MADE), live(9, "other"), "it is not listed", "the create is gone"),
        (ended(Delete(MUSIC, ""), Status.DELETED), MUSIC, "it is still listed", "the delete did nothing"),
        (ended(Replace(ENTRY, MUSIC, (), ""), Status.REPLACED, MADE), MUSIC, "it is still listed", "nor that one"),
    ],
)  # fmt: skip
def test_a_change_that_the_list_does_not_show_in_time_is_a_failure(outcome, row, expected_detail, reason):
    found, clock = check([outcome], Troubled().holding(row), before=[MUSIC], settle_s=5)
    assert (found.verified, found.outcomes[0].status, clock.seconds) == (False, Status.FAILED, 5), reason
    assert f"reading back shows: {expected_detail}" in found.outcomes[0].diagnostic.detail, reason


def test_only_the_last_of_two_writes_to_one_bucket_must_show():
    aside = Update(desired("music.acrsync-7"), MUSIC, ("name",), "")
    final = Update(desired("talk"), live(7, "music.acrsync-7", labels=["Music"]), ("name",), "")
    talk = live(7, "talk", labels=["Music"])
    outcomes = [
        ended(aside, Status.UPDATED, live(7, "music.acrsync-7", labels=["Music"])),
        ended(final, Status.UPDATED, talk),
    ]
    manifest = Manifest(desired=(Desired({"name": "talk"}, id=7),))
    found, clock = check(outcomes, Troubled().holding(talk), before=[MUSIC], manifest=manifest)
    assert (found.verified, clock.seconds) == (True, 0)


def test_a_write_to_each_bucket_must_show():
    talk, other = live(5, "talk", labels=["A"]), live(5, "talk", labels=["B"])
    relabel = Update(Desired({"name": "talk", "labels": ["B"]}), talk, ("labels",), "")
    outcomes = [ended(relabel, Status.UPDATED, other), ended(RELABEL, Status.UPDATED, NEWS)]
    found, _ = check(outcomes, Troubled().holding(NEWS, talk), before=[MUSIC, talk], settle_s=0)
    assert [outcome.status for outcome in found.outcomes] == [Status.FAILED, Status.UPDATED]


def test_a_bucket_that_was_already_in_sync_is_not_waited_for():
    kept = Outcome(RELABEL, Status.ALREADY, live=NEWS)
    found, clock = check([kept], Troubled().holding(live(7, "music", labels=["News"], net_type=2)), before=[NEWS])
    assert (found.outcomes[0].status, clock.seconds) == (Status.ALREADY, 0)


def test_the_marks_of_an_update_whose_answer_was_lost_must_show():
    marked = Update(ENTRY, MUSIC, ("labels",), "", Marks(add=("acrsync:radio",)))
    outcome = ended(marked, Status.UNKNOWN, lost="update")
    found, _ = check([outcome], Troubled().holding(NEWS), before=[MUSIC], settle_s=0)
    assert found.outcomes[0].status is Status.FAILED
    there = live(7, "music", labels=["News"], marks=("acrsync:radio",))
    manifest = Manifest(desired=(ENTRY,), stack="radio", ownership=True)
    found, _ = check([outcome], Troubled().holding(there), before=[MUSIC], manifest=manifest, settle_s=0)
    assert (found.outcomes[0].status, found.verified) == (Status.UPDATED, True)


def test_an_entry_with_an_id_matches_the_replacement_of_its_bucket():
    entries = (Desired({"name": "music"}, id=7), Desired({"name": "talk"}, id=5), Desired({"name": "news"}))
    moved = ended(Replace(ENTRY, MUSIC, (), ""), Status.REPLACED, MADE)
    lost = ended(Replace(ENTRY, live(5, "talk"), (), ""), Status.UNKNOWN, lost="create")
    updated = ended(Update(ENTRY, live(4, "other"), (), ""), Status.UPDATED, live(4, "other"))
    again = with_new_ids(Manifest(desired=entries, stack="radio"), [moved, lost, updated])
    assert [(entry.name, entry.id) for entry in again.desired] == [("music", 8), ("talk", 5), ("news", None)]
    assert again.stack == "radio"


# Lost answers.


@pytest.mark.parametrize(
    ("change", "verb", "rows", "status", "reason"),
    [
        (RELABEL, "update", [NEWS], Status.UPDATED, "the PUT had arrived"),
        (RELABEL, "update", [MUSIC], Status.FAILED, "the PUT had not"),
        (Delete(MUSIC, ""), "delete", [], Status.DELETED, "the DELETE had arrived"),
        (Delete(MUSIC, ""), "delete", [MUSIC], Status.FAILED, "the DELETE had not"),
        (Replace(ENTRY, MUSIC, (), ""), "delete", [], Status.FAILED, "half of a replacement"),
        (Replace(ENTRY, MUSIC, (), ""), "delete", [MUSIC], Status.FAILED, "nothing of a replacement"),
        (CREATE, "create", [], Status.UNKNOWN, "looked for already"),
    ],
)
def test_the_list_settles_a_write_whose_answer_was_lost(change, verb, rows, status, reason):
    unknown = Diagnostic(Severity.ERROR, "E430", "Unknown whether the server acted", "")
    outcome = ended(change, Status.UNKNOWN, diagnostic=unknown, lost=verb)
    found, _ = check([outcome], Troubled().holding(*rows), before=[MUSIC])
    assert found.outcomes[0].status is status, reason
    settled = status in (Status.UPDATED, Status.DELETED)
    assert (found.outcomes[0].lost, found.outcomes[0].diagnostic) == ((None, None) if settled else (verb, unknown))
    assert not found.verified or status in (Status.UPDATED, Status.DELETED)


def test_a_create_that_stays_unknown_is_not_waited_for_again():
    _, clock = check([ended(CREATE, Status.UNKNOWN, lost="create")], Troubled())
    assert clock.seconds == 0


def test_an_adopted_bucket_that_differs_is_left_over():
    odd = live(8, "music", labels=["Odd"])
    found, _ = check([ended(CREATE, Status.ADOPTED, odd)], Troubled().holding(odd), settle_s=0)
    assert found.outcomes[0].status is Status.FAILED
    assert not found.verified


# Left-overs.


def test_changes_by_someone_else_are_reported_separately():
    talk, moved = live(5, "talk", labels=["A"]), live(5, "talk", labels=["B"])
    entry = Desired({"name": "talk", "labels": ["A"]})
    account = Troubled().holding(NEWS, moved)
    manifest = Manifest(desired=(ENTRY, entry))
    found, _ = check([ended(RELABEL, Status.UPDATED, NEWS)], account, before=[MUSIC, talk], manifest=manifest)
    assert [change.name for change in found.other_leftovers] == ["talk"]
    assert (found.own_leftovers, found.verified) == ((), False)


def test_a_bucket_that_someone_else_deleted_is_reported():
    entry = Desired({"name": "talk", "region": "eu-west-1", "type": "File"})
    manifest = Manifest(desired=(ENTRY, entry))
    outcome = ended(RELABEL, Status.UPDATED, NEWS)
    found, _ = check([outcome], Troubled().holding(NEWS), before=[MUSIC, live(5, "talk")], manifest=manifest)
    assert [change.name for change in found.other_leftovers] == ["talk"]


def test_new_unmanaged_buckets_are_not_left_over():
    manifest = Manifest(desired=(ENTRY,), prune=Prune.ACCOUNT)
    account = Troubled().holding(NEWS, live(9, "newcomer"))
    found, _ = check([ended(RELABEL, Status.UPDATED, NEWS)], account, before=[MUSIC], manifest=manifest)
    assert [change.name for change in found.again.work] == ["newcomer"]
    assert found.verified


def test_a_change_that_is_still_planned_for_our_bucket_is_left_over():
    twice = Plan(waves=((RELABEL,),))
    found = verify(
        [ended(RELABEL, Status.UPDATED, NEWS)],
        before=Snapshot((MUSIC,)),
        remote=Troubled().holding(NEWS),
        clock=FakeClock(),
        settle_s=0,
        replan=lambda _: twice,
    )
    assert (found.own_leftovers, found.other_leftovers, found.verified) == ((RELABEL,), (), False)


def test_a_reported_failure_is_not_reported_again_as_left_over():
    failed = replace(ended(RELABEL, Status.FAILED), wrote=False)
    found, _ = check([failed], Troubled().holding(MUSIC), before=[MUSIC])
    assert (found.own_leftovers, found.other_leftovers, found.verified) == ((), (), False)


def test_a_manifest_that_cannot_be_planned_again_is_not_verified():
    account = Troubled().holding(NEWS, live(9, "music"))
    found, _ = check([ended(RELABEL, Status.UPDATED, NEWS)], account, before=[MUSIC])
    assert found.again.errors
    assert not found.verified
