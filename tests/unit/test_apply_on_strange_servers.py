"""Answers that lag, lie or say no: what is believed, what is asked again, and what ends a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from acrsync.apply.names import Names
from acrsync.apply.verify import verify
from acrsync.diagnostics import NoAnswer, NotFound, RemoteError
from acrsync.model import Attrs, Live, Snapshot
from acrsync.plan.changes import Create, Delete, Marks, Replace, Update
from acrsync.plan.outcome import End, ExitCode, Outcome, Status, exit_code
from doubles import FakeClock
from engine import Apply, Troubled, denied, lost, raising, refused, silent, words
from report_plans import desired, live, plan_of

OTHER = live(1, "other")
PLACE: dict[str, Any] = {"region": "eu-west-1", "type": "File"}


@dataclass
class Strange(Troubled):
    """A server with habits of its own."""

    stores: Callable[[str], str] = str  # what becomes of a name
    answers: Callable[[Live], Live] = lambda live: live  # what it says that it made
    resets: Callable[[dict], object] = lambda row: None  # what a PUT does to the rest of a row
    older: dict[int, list[Live | None]] = field(default_factory=dict)  # by bucket id: what the next GETs still show

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        return self.answers(super().create({**attrs, "name": self.stores(str(attrs["name"]))}, marks=marks))

    def update(self, bucket_id: int, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        sent = {**attrs, "name": self.stores(str(attrs["name"]))} if "name" in attrs else attrs
        super().update(bucket_id, sent, marks=marks)
        self.resets(self.rows[bucket_id])
        return self.answers(self.show(bucket_id))

    def read(self, bucket_id: int) -> Live | None:
        if self.older.get(bucket_id):
            self.reads += 1
            return self.older[bucket_id].pop(0)
        return super().read(bucket_id)


def create(name, **attrs):
    return Create(desired(name, **PLACE, **attrs), "not there")


def relabel(row, *labels):
    return Update(desired(row.name, labels=list(labels) or ["New"]), row, ("labels",), "differs")


def rename(row, name, *, needs=()):
    return Update(replace(desired(name), was=row.name), row, ("name",), "renamed", needs=needs)


def apply(*waves, rows=(OTHER,), habits=None, **rest):
    return Apply(Strange(**(habits or {})).holding(*rows), plan_of(*waves), **rest)


def statuses(outcomes):
    return [outcome.status for outcome in outcomes]


# A name that the server stores otherwise.

LONG = "a name that is longer than this server keeps"
STORES: list[tuple[str, Callable[[str], str]]] = [
    (LONG, lambda name: name[:20]),
    ("R&B <live>", lambda name: name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")),
    ("R&B", lambda name: name.replace("&", "&amp;")),
    ("Radio Eins", str.lower),
    ("Radio Eins", lambda name: name.lower().replace(" ", "-")),
    ("Müsic Bücket", lambda name: name.replace("ü", "u")),
    ("O'Hara FM", lambda name: name.replace("'", "\\'")),
    ("news <b>now</b>", lambda name: "news now"),
    ("music 🎵 box", lambda name: name.replace("🎵", "?")),
    ("music", lambda name: f"{name} (2)"),
]


@pytest.mark.parametrize(("name", "stores"), STORES)
@pytest.mark.parametrize("answer", ["as stored", "lost"])
def test_a_create_stored_under_another_name_fails_with_its_id_and_name(name, stores, answer):
    job = apply((create(name), create("third")), habits={"stores": lambda sent: stores(sent) if sent == name else sent})
    job.account.after["create"] = [lost()] if answer == "lost" else []
    first, second = job.run()
    made = next(row for row in job.account.rows.values() if row["name"] == stores(name))
    assert (first.status, first.wrote, first.live.id) == (Status.FAILED, True, made["id"])
    assert first.diagnostic.code == "E517"
    assert f"`id: {made['id']}`" in first.diagnostic.fix
    assert second.status is Status.CREATED
    assert len(job.account.writes) == 2


def test_the_message_for_a_name_that_was_stored_differently():
    job = apply((create("R&B"),), habits={"stores": lambda name: name.replace("&", "&amp;")})
    assert words(job.one().diagnostic) == (
        "error[E517] The server stored another name | The server stored the name R&amp;B (id 20001) instead of "
        "R&B. The bucket is not created again while that one exists. | write `id: 20001` in the entry, with a name "
        "that the server keeps, such as `name: R&amp;B`; or delete that bucket if it is not wanted."
    )


def test_a_new_bucket_of_another_create_in_the_plan_is_not_taken_for_this_one():
    job = apply((create("music"), create("music-2")), parallelism=2)
    job.account.before["create"] = [lost()]
    assert sorted(statuses(job.run())) == [Status.CREATED, Status.UNKNOWN]


@pytest.mark.parametrize("answer", ["as stored", "as sent", "lost"])
def test_a_rename_stored_under_another_name_fails_with_its_name(answer):
    habits = {"stores": lambda name: name[:20]}
    if answer == "as sent":
        habits["answers"] = lambda row: replace(row, attrs={**row.attrs, "name": LONG})
    job = apply((rename(OTHER, LONG),), habits=habits)
    job.account.after["update"] = [lost()] if answer == "lost" else []
    outcome = job.one()
    if answer == "as sent":  # an answer that is not true is found when everything is read back
        assert outcome.status is Status.UPDATED
        return
    assert (outcome.status, outcome.wrote, outcome.diagnostic.code) == (Status.FAILED, True, "E517")
    assert outcome.live.name == LONG[:20]


# What an answer proves.


def test_an_answer_that_shows_another_bucket_does_not_prove_a_create():
    job = apply((create("new"),), habits={"answers": lambda row: OTHER})
    outcome = job.one()
    assert (outcome.status, outcome.live.name, outcome.live.id) == (Status.ADOPTED, "new", 20001)


def test_an_answer_that_shows_an_earlier_bucket_of_this_run_does_not_prove_a_create():
    made: dict[str, Live] = {}
    job = apply((create("a"),), (create("b"),), habits={"answers": lambda row: made.setdefault("first", row)})
    assert [(outcome.status, outcome.live.name) for outcome in job.run()] == [
        (Status.CREATED, "a"),
        (Status.ADOPTED, "b"),
    ]


def test_a_bucket_listed_before_a_run_is_never_reported_as_created_by_it():
    job = apply((create("new"),), habits={"answers": lambda row: OTHER})
    job.account.hidden[20001] = 99
    outcome = job.one()
    assert (outcome.status, outcome.live, outcome.lost) == (Status.UNKNOWN, None, "create")
    assert outcome.diagnostic.code == "E430"
    assert "The response shows other (id 1," in outcome.diagnostic.detail
    assert job.clock.seconds == 30


def test_a_create_answered_with_another_name_is_looked_up_and_succeeds_if_the_name_is_right():
    job = apply((create("new"),), habits={"answers": lambda row: replace(row, attrs={**row.attrs, "name": "old"})})
    outcome = job.one()
    assert (outcome.status, outcome.live.name) == (Status.ADOPTED, "new")


@pytest.mark.parametrize("shows", ["old", "lost"])
def test_a_rename_whose_answer_shows_the_old_name_is_looked_up(shows):
    job = apply((rename(OTHER, "new"),), (rename(live(2, "b"), "other", needs=(1,)),), rows=(OTHER, live(2, "b")))
    if shows == "old":
        job.account.answers = lambda row: OTHER if row.id == 1 else row
        job.account.older[1] = [OTHER, OTHER]
    else:
        job.account.after["update"] = [lost()]
    assert statuses(job.run()) == [Status.UPDATED, Status.UPDATED]


def test_an_ignored_rename_does_not_free_its_old_name():
    job = apply((rename(OTHER, "new"),), (rename(live(2, "b"), "other", needs=(1,)),), rows=(OTHER, live(2, "b")))
    job.account.stores = lambda name: "other"
    assert statuses(job.run()) == [Status.UNKNOWN, Status.SKIPPED]
    assert job.account.writes == ["PUT 1"]


# A create that was refused because it is there.


@pytest.mark.parametrize("status", [409, 422])
def test_a_create_delivered_twice_is_reported_as_already_done(status):
    job = apply((create("new", labels=["A"]),))
    job.account.after["create"] = [refused(status)]
    outcome = job.one()
    assert (outcome.status, outcome.live.name, outcome.diagnostic) == (Status.ALREADY, "new", None)
    assert exit_code(End((outcome,))) is ExitCode.DONE
    failed = Outcome(create("b"), Status.FAILED)
    assert exit_code(End((outcome, failed))) is ExitCode.INCOMPLETE, "something may well have been written"


def test_if_another_machine_created_the_bucket_first_the_create_is_already_done_or_stale():
    for labels, status, code in ((["A"], Status.ALREADY, ExitCode.DONE), (["B"], Status.STALE, ExitCode.STALE)):
        job = apply((create("new", labels=["A"]),))
        made = live(50, "new", labels=labels)
        job.account.before["create"] = [lambda account=job.account, made=made: account.holding(made)]
        outcome = job.one()
        assert (outcome.status, outcome.live.id, exit_code(End((outcome,)))) == (status, 50, code)


def test_a_refusal_that_the_list_does_not_explain_fails_immediately():
    job = apply((create("new"),))
    job.account.before["create"] = [raising(RemoteError("E406", "The template is invalid.", status=422))]
    outcome = job.one()
    assert (outcome.status, outcome.diagnostic.detail, outcome.wrote) == (
        Status.FAILED,
        "The template is invalid.",
        False,
    )
    assert (job.account.listings, job.clock.seconds) == (1, 0)


@pytest.mark.parametrize(("said", "status"), [("The name has already been taken.", 422), ("no", 409)])
def test_a_refusal_of_a_name_that_is_taken_waits_for_a_list_that_lags(said, status):
    job = apply((create("new"),))
    job.account.hidden[20001] = 3
    job.account.after["create"] = [raising(RemoteError("E406", said, status=status))]
    assert job.one().status is Status.ALREADY
    assert job.clock.seconds == 3


def test_a_replacement_whose_create_was_delivered_twice_succeeds():
    moved = Replace(desired(**{**OTHER.attrs, "region": "us-west-2"}), OTHER, ("region",), "")
    job = apply((moved,))
    job.account.after["create"] = [refused(409)]
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.live.attrs["region"]) == (Status.REPLACED, True, "us-west-2")


def test_a_refused_rename_that_someone_else_made_is_already_done():
    job = apply((rename(OTHER, "new"),))
    job.account.before["update"] = [
        lambda: job.account.rows[1].update(name="new"),
    ]
    job.account.after["update"] = [refused(409)]
    assert job.one().status is Status.ALREADY


# A write to a bucket that was refused although it was carried out: something on the way delivered it twice.

REFUSALS = (400, 401, 403, 404, 409, 410, 412, 413, 422)


def no(status):
    """Say no as the client does."""
    if status in (401, 403):
        return denied(status)
    return raising(NotFound("E405", "no", status=404)) if status == 404 else refused(status)


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("change", [relabel(OTHER), rename(OTHER, "new"), Delete(OTHER, "")])
def test_a_refused_write_that_was_carried_out_is_already_done_and_recorded_as_written(change, status):
    job = apply((change,))
    verb = "delete" if isinstance(change, Delete) else "update"
    job.account.after[verb] = [no(status)]
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.diagnostic) == (Status.ALREADY, True, None)
    assert exit_code(End((outcome, Outcome(create("b"), Status.FAILED)))) is ExitCode.INCOMPLETE
    assert len(job.account.writes) == 1
    assert job.account.listings == 0, "one GET is enough"


@pytest.mark.parametrize("change", [relabel(OTHER), rename(OTHER, "new"), Delete(OTHER, "")])
def test_a_refused_write_after_which_the_bucket_is_as_before_was_not_made(change):
    job = apply((change,))
    verb = "delete" if isinstance(change, Delete) else "update"
    job.account.before[verb] = [refused(400)]
    reads = job.account.reads
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.lost) == (Status.FAILED, False, None)
    assert job.account.reads - reads == (3 if verb == "delete" else 2) + 1, (
        "before it, what it holds, after it; the list"
    )
    assert job.clock.seconds == 0


@pytest.mark.parametrize("hook", [silent(), denied(403)])
@pytest.mark.parametrize("change", [relabel(OTHER), rename(OTHER, "new"), Delete(OTHER, "")])
def test_a_refused_write_after_which_the_bucket_cannot_be_read_may_have_been_made(change, hook):
    job = apply((change,), settle_s=0)
    verb = "delete" if isinstance(change, Delete) else "update"
    job.account.before[verb] = [lambda: job.account.before.update(read=[hook])]
    job.account.after[verb] = [refused(409)]
    outcome = job.one()
    renamed = change.name == "new"
    assert (outcome.status, outcome.wrote) == (Status.UPDATED if renamed else Status.UNKNOWN, True)
    assert outcome.lost == (None if renamed else verb)


def test_a_refused_update_that_shows_neither_old_nor_new_values_may_have_been_made():
    job = apply((relabel(OTHER),))
    job.account.after["update"] = [lambda: job.account.rows[1].update(labels="Cut") or refused(409)()]
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.lost) == (Status.UNKNOWN, True, "update")


def test_a_refused_update_whose_bucket_is_gone_may_have_been_made():
    job = apply((relabel(OTHER),))
    job.account.after["update"] = [lambda: job.account.rows.pop(1) and no(404)()]
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.lost) == (Status.UNKNOWN, True, "update")


def test_a_refused_update_that_was_carried_out_and_lost_other_values_says_so():
    job = apply((relabel(OTHER),))
    job.account.after["update"] = [lambda: job.account.rows[1].update(metadata_template='{"a": {}}') or refused(409)()]
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.diagnostic.code) == (Status.FAILED, True, "E516")


def test_a_replacement_whose_delete_was_refused_and_carried_out_continues():
    moved = Replace(desired(**{**OTHER.attrs, "region": "us-west-2"}), OTHER, ("region",), "")
    job = apply((moved,))
    job.account.after["delete"] = [refused(422)]
    outcome = job.one()
    assert (outcome.status, outcome.wrote, outcome.live.attrs["region"]) == (Status.REPLACED, True, "us-west-2")
    assert job.account.writes == ["DELETE 1", "POST other"]


@pytest.mark.parametrize("status", REFUSALS)
def test_after_any_refusal_of_a_create_the_list_is_read(status):
    job = apply((create("new", labels=["A"]),))
    job.account.after["create"] = [no(status)]
    outcome = job.one()
    assert (outcome.status, outcome.wrote) == (Status.ALREADY, True)


@pytest.mark.parametrize("change", [relabel(OTHER), rename(OTHER, "new"), Delete(OTHER, ""), create("new")])
def test_a_token_that_ended_is_not_accepted_for_reading_either_so_nothing_was_written(change):
    verb = {Create: "create", Delete: "delete"}.get(type(change), "update")
    job = apply((change, relabel(THREE[1])), rows=(OTHER, *THREE[1:]))
    ended = denied(401)
    job.account.before[verb] = [lambda: job.account.before.update(read=[ended] * 9, observe=[ended] * 9) or ended()]
    outcome, after = job.run()
    assert (outcome.status, outcome.wrote, outcome.lost) == (Status.FAILED, False, None)
    assert (after.status, after.diagnostic.code) == (Status.SKIPPED, "E403")
    assert job.account.writes == []


@pytest.mark.parametrize("stores", ["new nam", "something else"])
def test_a_refused_rename_that_a_later_list_shows_under_another_name(stores):
    """Only the list shows it, because reads lag: the name that the server stored, or a rename by someone else."""
    job = apply((rename(OTHER, "new name"),))
    shown = [live(1, "other", labels=["Old"])]
    job.account.older[1] = [*shown, *shown]
    taken = raising(RemoteError("E406", "The name has already been taken.", status=422))
    job.account.after["update"] = [lambda: job.account.rows[1].update(name=stores) or taken()]
    outcome = job.one()
    expected = (Status.FAILED, True) if stores == "new nam" else (Status.STALE, False)
    assert (outcome.status, outcome.wrote) == expected


# Names that were taken since the plan was made.


@pytest.mark.parametrize("name", ["music", "Music", "MU SIC"])
def test_a_saved_plan_does_not_create_a_look_alike_name(name):
    job = apply((create("music", labels=["A"]),), rows=(OTHER, live(5, name)))
    outcome = job.one()
    assert (outcome.status, outcome.live.id, job.account.writes) == (Status.STALE, 5, [])
    assert exit_code(End((outcome,))) is ExitCode.STALE


def test_the_message_for_a_name_that_is_taken():
    assert words(apply((create("music"),), rows=(live(5, "Music"),)).one().diagnostic) == (
        "error[E502] The name is not free | music is taken: Music (id 5, eu-west-1, File, 0 items, created 2024-01-01 "
        "00:00:00) has it now. | run plan again and check its changes."
    )


@pytest.mark.parametrize("name", ["b", "B"])
def test_a_saved_plan_does_not_rename_to_a_taken_name(name):
    job = apply((rename(OTHER, "b"),), rows=(OTHER, live(5, name)))
    outcome = job.one()
    assert (outcome.status, outcome.diagnostic.code, job.account.writes) == (Status.STALE, "E502", [])


def test_a_replacement_does_not_take_a_taken_name():
    attrs = {**OTHER.attrs, "name": "b", "region": "us-west-2"}
    moved = Replace(replace(desired("b"), attrs=attrs), OTHER, ("name", "region"), "")
    job = apply((moved,), rows=(OTHER, live(5, "b")))
    assert (job.one().status, job.account.writes) == (Status.STALE, [])


def test_a_change_of_case_does_not_count_as_a_taken_name():
    assert apply((rename(OTHER, "Other"),)).one().status is Status.UPDATED


def test_a_name_freed_by_this_run_is_free():
    job = apply((rename(OTHER, "aside"),), (create("other"),))
    assert statuses(job.run()) == [Status.UPDATED, Status.CREATED]


def test_the_list_is_read_again_before_a_name_is_taken_if_it_is_older_than_30_seconds():
    job = apply((create("a"), create("b")), rows=(OTHER,))
    job.account.after["create"] = [lambda: (job.clock.wait(31), job.account.holding(live(9, "B")))]
    first, second = job.run()
    assert (first.status, second.status, second.live.id) == (Status.CREATED, Status.STALE, 9)
    assert job.account.listings == 1


def test_if_the_list_cannot_be_read_again_no_new_name_is_used():
    job = apply((create("a"), create("b")), rows=(OTHER,))
    job.account.after["create"] = [lambda: job.clock.wait(31)]
    job.account.before["observe"] = [silent()]
    assert statuses(job.run()) == [Status.CREATED, Status.SKIPPED]


def test_a_lagging_list_does_not_override_results_of_this_run():
    names = Names(Snapshot((OTHER,)), uid=19, read_at=0)
    names.note(Outcome(rename(OTHER, "new"), Status.UPDATED, live=live(1, "new"), wrote=True))
    names.note(Outcome(Delete(live(2, "gone"), ""), Status.DELETED, wrote=True))
    names.saw(Snapshot((live(2, "gone"), OTHER)), read_at=31)
    assert (names.of("other"), names.taker("GONE"), names.taker("New")) == (None, None, live(1, "new"))
    assert names.taker("NEW", but=1) is None


def test_a_name_in_another_account_counts_only_if_it_is_identical():
    names = Names(Snapshot((live(3, "theirs", uid=20),)), uid=19, read_at=0)
    assert (names.of("theirs"), names.taker("Theirs"), names.taker("theirs")) == (None, None, live(3, "theirs", uid=20))


# What an update changes beside what was sent.

THREE = tuple(live(number, f"b{number}", labels=["Music"]) for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("resets", "lost_value"),
    [
        (lambda row: row.update(net_type=0), "net_type was 1 and is 0"),
        (lambda row: row.update(metadata_template=None), "metadata_template was {'a': {}} and is None"),
        (lambda row: row.update(name=f"{row['name']}!"), "name was 'b1' and is 'b1!'"),
    ],
)
def test_a_lost_value_after_an_update_ends_the_run_before_the_next_update(resets, lost_value):
    rows = tuple(replace(row, attrs={**row.attrs, "metadata_template": {"a": {}}}) for row in THREE)
    job = apply(tuple(relabel(row) for row in rows), (create("new"),), rows=(), habits={"resets": resets})
    for row in rows:
        job.account.seed(id=row.id, **{**row.attrs, "metadata_template": '{"a": {}}'})
    first, *others = job.run()
    assert (first.status, first.diagnostic.code, first.wrote) == (Status.FAILED, "E516", True)
    assert f"sent labels, but more changed: {lost_value}. No other change begins." in first.diagnostic.detail
    assert statuses(others) == [Status.SKIPPED] * 3
    assert {outcome.diagnostic.code for outcome in others} == {"E516"}
    assert job.account.writes == ["PUT 1"]
    assert job.clock.seconds == 30, "not before the lag is over"
    assert first.live == job.account.show(1), "as it is now, for who restores it"


def test_labels_and_marks_that_were_not_sent_must_not_be_lost():
    row = live(1, "b1", labels=["Music"], marks=("acrsync:protected",))
    change = Update(desired("b1", metadata_template={"a": {}}), row, ("metadata_template",), "")
    for resets, is_now in (
        (lambda row: row.update(labels=""), "[]"),
        (lambda row: row.update(labels="Music"), "['Music']"),
    ):
        job = apply((change,), rows=(row,), habits={"resets": resets})
        assert f"labels was ['Music', 'acrsync:protected'] and is {is_now}" in job.one().diagnostic.detail


@pytest.mark.parametrize("lag", [1, 5, 29])
def test_a_lagging_answer_or_read_is_not_a_lost_value(lag):
    older = replace(THREE[0], attrs={**THREE[0].attrs, "net_type": 2})
    job = apply(tuple(map(relabel, THREE)), rows=THREE, habits={"answers": lambda row: older if row.id == 1 else row})
    job.account.older[1] = [THREE[0], *[older] * lag]
    assert statuses(job.run()) == [Status.UPDATED] * 3


def test_an_update_succeeds_if_only_the_sent_fields_changed():
    job = apply((relabel(THREE[0]),), rows=THREE)
    job.one()
    assert (job.account.reads, job.clock.seconds) == (2, 0), "the list, and the bucket before"


# What lags is not changed by someone else.


@pytest.mark.parametrize("lag", [1, 10, 29])
def test_a_lagging_swap_is_not_a_change_by_someone_else(lag):
    a, b = live(1, "a"), live(2, "b")
    aside = replace(a, attrs={**a.attrs, "name": "a.aside"})
    waves = (
        (replace(rename(a, "a.aside"), desired=desired("a.aside")),),
        (rename(b, "a", needs=(1,)),),
        (rename(aside, "b", needs=(2,)),),
    )
    job = apply(*waves, rows=(a, b))
    job.account.after["update"] = [lambda: job.account.older.update({1: [a] * lag})]
    assert statuses(job.run()) == [Status.UPDATED] * 3
    assert [(row["id"], row["name"]) for row in job.account.rows.values()] == [(1, "b"), (2, "a")]


@pytest.mark.parametrize("before", [live(1, "older", labels=["Old"]), None])
@pytest.mark.parametrize("change", [relabel(OTHER), Delete(OTHER, ""), rename(OTHER, "new")])
def test_a_bucket_that_is_shown_older_than_the_list_is_read_again(change, before):
    job = apply((change,))
    job.account.older[1] = [before] * 3
    assert job.one().status in (Status.UPDATED, Status.DELETED)
    assert job.clock.seconds == 3


def test_a_bucket_that_the_list_showed_changed_is_stale_immediately():
    job = apply((relabel(OTHER),), rows=(live(1, "other", labels=["Theirs"]),))
    assert (job.one().status, job.clock.seconds) == (Status.STALE, 0)


def test_a_bucket_with_a_later_timestamp_than_in_the_list_is_stale():
    job = apply((relabel(OTHER),))
    job.account.rows[1]["updated_at"] = "2024-05-01 07:10:16"
    theirs = {"labels": "Theirs", "updated_at": "2024-05-01 07:10:17"}
    applier = job.applier()
    job.account.rows[1].update(theirs)
    assert (statuses(applier.outcomes()), job.clock.seconds) == ([Status.STALE], 0)


def test_a_bucket_that_keeps_differing_from_the_list_is_stale_when_the_time_is_over():
    job = apply((relabel(OTHER),))
    job.account.older[1] = [live(1, "other", labels=["Theirs"])] * 99
    assert (job.one().status, job.clock.seconds) == (Status.STALE, 30)


def test_reading_back_waits_while_the_server_fails():
    clock, account = FakeClock(), Troubled().holding(live(1, "other", labels=["New"]))
    done = Outcome(relabel(OTHER), Status.UPDATED, live=live(1, "other", labels=["New"]), wrote=True)
    how: dict[str, Any] = {
        "before": Snapshot((OTHER,)),
        "clock": clock,
        "settle_s": 30,
        "replan": lambda snapshot: plan_of(),
    }
    account.before["observe"] = [silent()] * 3
    assert verify([done], remote=account, **how).verified
    assert clock.seconds == 3
    account.before["observe"] = [silent()] * 99
    with pytest.raises(NoAnswer):
        verify([done], remote=account, **how)


# A token that may not do everything.


def test_a_forbidden_bucket_fails_alone_if_the_token_can_read_the_list():
    job = apply(tuple(map(relabel, THREE)), (create("new"),), rows=THREE)
    job.account.before["read"] = [denied(403)]
    first, *others = job.run()
    assert (first.status, first.diagnostic.code, first.wrote) == (Status.FAILED, "E518", False)
    assert "The token can read the list of buckets, so the other changes continue." in first.diagnostic.detail
    assert statuses(others) == [Status.UPDATED, Status.UPDATED, Status.CREATED]


@pytest.mark.parametrize("verb", ["update", "delete", "create"])
def test_a_forbidden_write_fails_alone_if_the_token_can_read_the_list(verb):
    changes = {"update": relabel(OTHER), "delete": Delete(OTHER, ""), "create": create("a")}
    job = apply((changes[verb], relabel(THREE[1])), rows=(OTHER, *THREE[1:]))
    job.account.before[verb] = [denied(403)]
    assert statuses(job.run()) == [Status.FAILED, Status.UPDATED]


@pytest.mark.parametrize(("status", "lists"), [(401, True), (403, False)])
def test_a_token_that_can_no_longer_read_ends_the_run(status, lists):
    job = apply(tuple(map(relabel, THREE)), rows=THREE)
    job.account.before["read"] = [denied(status)]
    job.account.before["observe"] = [] if lists else [denied(403)]
    outcomes = job.run()
    assert statuses(outcomes) == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]
    assert {outcome.diagnostic.code for outcome in outcomes} == {"E403"}
    assert job.account.writes == []


def test_the_list_is_read_once_for_several_forbidden_writes():
    job = apply(tuple(map(relabel, THREE)), rows=THREE)
    job.account.before["read"] = [denied(403)] * 3
    assert statuses(job.run()) == [Status.FAILED] * 3
    assert job.account.listings == 1


def test_five_forbidden_writes_end_the_run():
    rows = tuple(live(number, f"b{number}") for number in range(1, 8))
    job = apply(tuple(map(relabel, rows)), rows=rows)
    job.account.before["update"] = [denied(403)] * 9
    assert statuses(job.run()) == [Status.FAILED] * 6 + [Status.SKIPPED]


def test_marks_are_not_written_beside_labels_that_can_no_longer_be_read():
    change = Update(desired("other"), OTHER, (), "ownership", Marks(add=("acrsync:s",)))
    job = apply((change,))
    odd = replace(OTHER, attrs={key: value for key, value in OTHER.attrs.items() if key != "labels"})
    job.account.older[1] = [replace(odd, unreadable={"labels": '{"0": "TV"}'})]
    outcome = job.one()
    assert (outcome.status, outcome.diagnostic.code, job.account.writes) == (Status.FAILED, "E211", [])
