"""One change: read again, written once, its answer looked at."""

from dataclasses import replace

import pytest

from acrsync.diagnostics import AcrsyncError
from acrsync.plan.changes import Create, Delete, Marks, Replace, Update
from acrsync.plan.outcome import Status
from engine import Apply, Troubled, denied, half_silent, lost, raising, refused, silent, words
from report_plans import desired, live, plan_of

MUSIC = live(7, "music", labels=["Music"])
RELABEL = Update(desired("music", labels=["News"]), MUSIC, ("labels",), "differs")
MARK = Marks(add=("acrsync:radio",))
DELETE = Delete(MUSIC, "removed")
MOVED = Replace(
    desired("music", region="us-west-2", type="File", net_type=1, labels=["Music"], metadata_template=None),
    MUSIC,
    ("region",),
    "region cannot change in place",
)
CREATE = Create(desired("music", region="eu-west-1", type="File", labels=["News"]), "not there")


def apply(change, *rows, **rest):
    return apply_all((change,), *rows, **rest)


def apply_all(changes, *rows, **rest):
    return Apply(Troubled().holding(*rows), plan_of(changes), **rest)


def is_now(account, bucket_id):
    return account.show(bucket_id) if bucket_id in account.rows else None


# The message for a change that was not made.

STALE = "error[E506] Changed by someone else since the plan | {} | run plan again and check its changes."
CHANGED = STALE.format("The bucket changed after the plan was made.")
GONE = STALE.format("The bucket no longer exists.")
TV = live(7, "music", labels=["TV"])
MOVED_ALREADY = live(8, "music", region="us-west-2", labels=["Music"])


@pytest.mark.parametrize(
    ("change", "there", "status", "message"),
    [
        (RELABEL, TV, Status.STALE, CHANGED),
        (RELABEL, None, Status.STALE, GONE),
        (RELABEL, live(7, "music", labels=["News"]), Status.ALREADY, None),
        (DELETE, TV, Status.STALE, CHANGED),
        (DELETE, None, Status.ALREADY, None),
        (MOVED, TV, Status.STALE, CHANGED),
        (MOVED, None, Status.STALE, GONE),
        (MOVED, MOVED_ALREADY, Status.ALREADY, None),
        (MOVED, live(8, "music", labels=["Music"]), Status.STALE, GONE),
        (CREATE, TV, Status.STALE, CHANGED),
        (CREATE, live(7, "music", labels=["News"]), Status.ALREADY, None),
    ],
)
def test_a_change_that_was_not_written_reports_the_bucket_as_it_is_now(change, there, status, message):
    job = apply(change, *([there] if there else []))
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.lost, job.account.writes) == (status, False, None, [])
    assert (words(outcome.diagnostic) if message else outcome.diagnostic) == message
    assert outcome.live == (is_now(job.account, there.id) if there else None)


@pytest.mark.parametrize("change", [RELABEL, DELETE, MOVED])
def test_guards_check_the_bucket_as_it_is_now(change):
    theirs = replace(MUSIC, marks=("acrsync:tv",))
    job = apply(replace(change, live=theirs), theirs)
    job.account.rows[7]["created_at"] = "2025-12-31 00:00:00"  # no field that anybody manages
    outcome = job.one()
    assert (outcome.status, outcome.live) == (Status.REFUSED, job.account.show(7))
    assert outcome.diagnostic.code == "E306"
    assert "created 2025-12-31 00:00:00" in outcome.diagnostic.detail


# Updates.


def test_marks_are_sent_only_with_labels():
    marked = live(7, "music", labels=["Music"], marks=("acrsync:protected",))
    retemplated = Update(desired("music", metadata_template={"a": {}}), marked, ("metadata_template",), "differs")
    job = apply(retemplated, marked)
    sent = []

    def update(*args, **rest):
        sent.append((args, rest))
        return Troubled.update(job.account, *args, **rest)

    job.account.update = update
    assert job.one().status is Status.UPDATED
    assert sent == [((7, {"metadata_template": {"a": {}}}), {"marks": ()})]


def test_an_update_sends_only_the_fields_that_differ():
    job = apply(Update(desired("music", labels=["News"], net_type=1), MUSIC, ("labels",), ""), MUSIC)
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.live.attrs["labels"]) == (Status.UPDATED, True, ["News"])
    assert job.journal.intents == [("update", "music", {"labels": ["News"]}, ())]


def test_an_update_of_a_bucket_in_sync_writes_nothing():
    job = apply(RELABEL, live(7, "music", labels=["News"]))
    assert job.one().status is Status.ALREADY
    assert job.account.writes == []


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ([live(7, "music", labels=["TV"])], "a field that the manifest mentions"),
        ([live(7, "renamed", labels=["Music"])], "the name"),
        ([live(7, "music", labels=["Music"], marks=("acrsync:tv",))], "a mark"),
        ([], "it is gone"),
    ],
)
def test_an_update_of_a_bucket_that_someone_else_changed_is_stale(now, reason):
    job = apply(RELABEL, *now)
    outcome = job.one()
    assert (outcome.status, outcome.wrote, job.account.writes) == (Status.STALE, False, []), reason


def test_an_update_continues_if_only_an_unmanaged_field_changed():
    job = apply(RELABEL, live(7, "music", labels=["Music"], metadata_template='{"a": {}}'))
    assert job.one().status is Status.UPDATED


def test_a_mark_is_sent_with_the_labels_that_were_just_read():
    bare = Update(desired("music"), MUSIC, (), "ownership", MARK)
    job = apply(bare, live(7, "music", labels=["Added meanwhile", "Music"]))
    outcome = job.one()
    assert outcome.status is Status.UPDATED
    assert outcome.live.attrs["labels"] == ["Added meanwhile", "Music"]
    assert outcome.live.marks == ("acrsync:radio",)


def test_a_guard_that_objects_now_refuses_an_update():
    theirs = replace(MUSIC, marks=("acrsync:tv",))
    job = apply(replace(RELABEL, live=theirs), theirs)
    outcome = job.one()
    assert (outcome.status, outcome.diagnostic.code, job.account.writes) == (Status.REFUSED, "E306", [])


def test_a_field_that_does_not_show_yet_is_left_to_the_reading_back():
    job = apply(RELABEL, MUSIC)
    job.account.column = lambda labels: "Music"
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.diagnostic) == (Status.UPDATED, True, None)
    assert outcome.live.attrs["labels"] == ["News"], "as it must be shown after the lag"
    assert job.clock.seconds == 30, "nothing showed whether other fields changed, too"


def test_only_one_update_that_never_shows_is_waited_for():
    """A server that ignores a field costs one wait, not one for each bucket."""
    other = replace(MUSIC, id=8, attrs={**MUSIC.attrs, "name": "talk"})
    both = tuple(Update(desired(row.name, labels=["News"]), row, ("labels",), "") for row in (MUSIC, other))
    job = apply_all(both, MUSIC, other)
    job.account.column = lambda labels: "Music"
    assert [outcome.status for outcome in job.run()] == [Status.UPDATED] * 2
    assert job.clock.seconds == 30


def test_an_answer_that_is_older_than_the_write_is_read_again():
    job = apply(RELABEL, MUSIC)
    job.account.update = lambda *a, **k: (Troubled.update(job.account, *a, **k), MUSIC)[1]
    assert job.one().status is Status.UPDATED


# Deletes.


def test_a_delete_removes_an_unchanged_bucket():
    job = apply(DELETE, MUSIC)
    assert job.one().status is Status.DELETED
    assert job.journal.intents == [("delete", "music", {}, ())]
    assert job.account.rows == {}


def test_a_delete_of_a_missing_bucket_writes_nothing():
    job = apply(DELETE)
    assert (job.one().status, job.account.writes) == (Status.ALREADY, [])


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (live(7, "music", labels=["Music"], num=1), "it holds something now"),
        (live(7, "music", labels=["TV"]), "any field counts, mentioned or not"),
        (live(7, "music", labels=["Music"], marks=("acrsync:protected",)), "a mark"),
    ],
)
def test_a_delete_skips_a_bucket_that_changed_since_the_plan(now, reason):
    job = apply(DELETE, now)
    assert (job.one().status, job.account.writes) == (Status.STALE, []), reason


def test_content_that_only_the_content_list_shows_refuses_a_delete():
    job = apply(DELETE, MUSIC)
    job.account.files[7] = 2
    assert (job.one().status, job.account.writes) == (Status.REFUSED, [])


# Replacements.


def test_a_replacement_records_all_attributes_before_it_deletes():
    job = apply(MOVED, MUSIC)
    outcome = job.one()
    assert (outcome.status, outcome.live.id != 7) == (Status.REPLACED, True)
    whole = dict(MOVED.desired.attrs)
    assert job.journal.intents == [("delete", "music", whole, ()), ("create", "music", whole, ())]
    assert outcome.live.attrs["labels"] == ["Music"]


def test_marks_survive_a_replacement():
    marked = live(7, "music", labels=["Music"], marks=("acrsync:radio",))
    moved = Replace(MOVED.desired, marked, ("region",), "", Marks(add=("acrsync:radio",)))
    assert apply(moved, marked).one().live.marks == ("acrsync:radio",)


def test_a_replacement_whose_create_is_refused_counts_as_written():
    job = apply(MOVED, MUSIC)
    job.account.before["create"] = [refused()]
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.lost) == (Status.FAILED, True, None)


def test_a_replacement_whose_delete_is_refused_creates_nothing():
    job = apply(MOVED, MUSIC)
    job.account.before["delete"] = [refused(409)]
    outcome = job.one()
    assert (outcome.status, outcome.wrote, job.account.writes) == (Status.FAILED, False, [])


def test_a_replacement_whose_delete_is_lost_creates_nothing_in_this_run():
    job = apply(MOVED, MUSIC)
    job.account.after["delete"] = [half_silent()]
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.lost) == (Status.UNKNOWN, True, "delete")
    assert job.account.writes == ["DELETE 7"]


def test_if_a_deleted_bucket_still_exists_its_replacement_creates_nothing():
    job = apply(MOVED, MUSIC)
    job.account.after["delete"] = [lambda: job.account.holding(MUSIC)]
    outcome = job.one()
    assert (outcome.status, outcome.lost, outcome.live.id) == (Status.UNKNOWN, "delete", 7)
    assert job.account.writes == ["DELETE 7"]


def test_a_replacement_that_was_already_made_is_found_by_name():
    job = apply(MOVED, live(8, "music", region="us-west-2", labels=["Music"]))
    assert (job.one().status, job.account.writes) == (Status.ALREADY, [])


def test_a_replacement_of_a_bucket_that_someone_else_deleted_is_stale():
    job = apply(MOVED)
    assert (job.one().status, job.account.writes) == (Status.STALE, [])


# Creates.


def test_a_create_sends_all_fields_of_the_manifest():
    job = apply(Create(CREATE.desired, "", MARK), live(1, "other"))
    outcome = job.one()
    assert (outcome.status, outcome.live.marks) == (Status.CREATED, ("acrsync:radio",))
    assert job.journal.intents == [("create", "music", dict(CREATE.desired.attrs), ("acrsync:radio",))]


@pytest.mark.parametrize(
    ("there", "status", "reason"),
    [
        (live(7, "music", labels=["News"]), Status.ALREADY, "a saved plan applied twice"),
        (live(7, "music", labels=["TV"]), Status.STALE, "someone else created it with other values"),
    ],
)
def test_a_name_that_now_exists_is_never_created(there, status, reason):
    job = apply(CREATE, there)
    assert (job.one().status, job.account.writes) == (status, []), reason


def test_a_create_that_landed_in_another_account_is_reported():
    job = apply(CREATE, live(1, "other"))
    job.account.uid = 20
    outcome = job.one()
    assert (outcome.status, outcome.wrote) == (Status.FAILED, True)
    assert words(outcome.diagnostic) == (
        "error[E503] Not this account | The server created it in account 20; this plan is for account 19. | delete the "
        "bucket there, and use the token of the other account."
    )


@pytest.mark.parametrize(
    ("change", "verb", "hook", "expected", "reason"),
    [
        (CREATE, "create", lost(), (Status.UNKNOWN, True, "create"), "a POST without an answer"),
        (CREATE, "create", refused(), (Status.FAILED, False, None), "a POST that was refused"),
        (CREATE, "create", silent(), (Status.FAILED, False, None), "a POST that was never taken"),
        (RELABEL, "update", half_silent(), (Status.UNKNOWN, True, "update"), "a PUT whose answers were all lost"),
        (RELABEL, "update", silent(), (Status.FAILED, False, None), "a PUT that never got through"),
        (RELABEL, "read", silent(), (Status.FAILED, False, None), "the read before a PUT"),
        (DELETE, "delete", half_silent(), (Status.UNKNOWN, True, "delete"), "a DELETE whose answers were all lost"),
        (DELETE, "delete", denied(), (Status.FAILED, False, None), "a DELETE that the token may not send"),
    ],
)
def test_the_outcome_reports_what_may_have_been_written(change, verb, hook, expected, reason):
    job = apply(change, *([] if change is CREATE else [MUSIC]), live(1, "other"), settle_s=0)
    job.account.before[verb] = [hook]
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.lost) == expected, reason


@pytest.mark.parametrize("change", [CREATE, RELABEL, DELETE, MOVED])
def test_nothing_is_sent_that_could_not_be_recorded(change):
    job = apply(change, *([] if change is CREATE else [MUSIC]))
    job.journal.intent = lambda *a, **k: raising(AcrsyncError("E061", ""))()
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.diagnostic.code) == (Status.FAILED, False, "E061")
    assert job.account.writes == []


def test_the_answer_to_a_create_is_kept_if_the_next_read_is_lost():
    job = apply(CREATE)
    job.account.after["create"] = [lambda: job.account.rows[20000].update(name="music-1")]
    answer = job.account.create

    def other_name(*args, **kwargs):
        answer(*args, **kwargs)
        return job.account.show(20000)

    job.account.create = other_name
    job.account.before["read"] = [silent()]
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.live.id, outcome.live.name) == (
        Status.FAILED,
        True,
        20000,
        "music-1",
    )
