"""An apply on its way: waves, workers, what ends a run, and what an unknown create became."""

import threading

import pytest

from acrsync.apply.patience import poll_until_settled
from acrsync.plan.changes import Create, Delete, Marks, Replace, Update
from acrsync.plan.outcome import Status
from doubles import FakeClock
from engine import Apply, Troubled, denied, half_silent, lost, refused, silent, words
from report_plans import desired, live, plan_of

OTHER = live(1, "other")


def create(name, **attrs):
    return Create(desired(name, region="eu-west-1", type="File", **attrs), "not there")


def relabel(row):
    return Update(desired(row.name, labels=["New"]), row, ("labels",), "differs")


def rename(row, name, *, needs=()):
    return Update(desired(name), row, ("name",), "renamed", needs=needs)


def apply(*waves, rows=(OTHER,), **rest):
    return Apply(Troubled().holding(*rows), plan_of(*waves), **rest)


def statuses(outcomes):
    return [outcome.status for outcome in outcomes]


# Order and workers.


def test_outcomes_are_in_plan_order_even_if_the_last_change_ends_first():
    turn = threading.Barrier(3)
    ended = []

    def one_after_another(name, wait_for):
        def hook():
            if wait_for is not None:
                wait_for.wait(5)
            ended.append(name)

        return hook

    first, second = threading.Event(), threading.Event()
    job = apply((create("a"), create("b"), create("c")), parallelism=3)
    job.account.before["create"] = [turn.wait] * 3
    hooks = {"a": one_after_another("a", second), "b": one_after_another("b", first), "c": one_after_another("c", None)}
    after = {"c": first, "b": second}

    def created(attrs, *, marks=()):
        made = Troubled.create(job.account, attrs, marks=marks)
        hooks[attrs["name"]]()
        if event := after.get(attrs["name"]):
            event.set()
        return made

    job.account.create = created
    assert [outcome.change.name for outcome in job.run()] == ["a", "b", "c"]
    assert ended == ["c", "b", "a"]


@pytest.mark.parametrize("parallelism", [1, 3])
def test_parallelism_limits_the_changes_in_flight(parallelism):
    job = apply(tuple(create(f"b{number}") for number in range(12)), parallelism=parallelism)
    under_way, most = [0], [0]

    def created(attrs, *, marks=()):
        with job.account.lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        threading.Event().wait(0.005)
        with job.account.lock:
            under_way[0] -= 1
        return Troubled.create(job.account, attrs, marks=marks)

    job.account.create = created
    assert statuses(job.run()) == [Status.CREATED] * 12
    assert most[0] == parallelism


def test_a_wave_ends_before_the_next_begins():
    a, b = live(2, "a"), live(3, "b")
    job = apply((create("c"), create("d")), (relabel(a), relabel(b)), rows=(OTHER, a, b), parallelism=4)
    assert statuses(job.run()) == [Status.CREATED] * 2 + [Status.UPDATED] * 2
    assert [write.split()[0] for write in job.account.writes] == ["POST"] * 2 + ["PUT"] * 2


def test_if_the_caller_stops_iterating_the_apply_stops():
    job = apply(tuple(create(f"b{number}") for number in range(9)), (create("z"),))
    outcomes = job.applier().outcomes()
    next(outcomes)
    outcomes.close()
    assert len(job.account.writes) < 9
    assert "POST z" not in job.account.writes


def test_an_outcome_is_recorded_as_soon_as_it_is_known():
    slow = threading.Event()
    recorded = threading.Event()
    job = apply((create("a"), create("b")), parallelism=2)
    noted = job.journal.outcome

    def outcome(ended):
        noted(ended)
        recorded.set()

    job.journal.outcome = outcome
    job.account.before["create"] = [lambda: slow.wait(5)]

    def release():
        recorded.wait(5)
        slow.set()

    outcomes = job.applier().outcomes()
    threading.Thread(target=release).start()
    assert [ended.change.name for ended in outcomes] == ["a", "b"]
    assert [ended.change.name for ended in job.journal.outcomes] == ["b", "a"]


# What ends a run, and what does not.


def test_an_error_affects_only_its_bucket():
    job = apply((create("a"), create("b"), create("c")))
    job.account.before["create"] = [refused()]
    assert statuses(job.run()) == [Status.FAILED, Status.CREATED, Status.CREATED]


def test_a_token_that_is_not_accepted_ends_the_run():
    a, b = live(2, "a"), live(3, "b")
    job = apply((relabel(a), relabel(b)), (Delete(OTHER, ""),), rows=(OTHER, a, b))
    job.account.before["read"] = [denied()]
    outcomes = job.run()
    assert statuses(outcomes) == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]
    assert {outcome.diagnostic.code for outcome in outcomes} == {"E403"}
    assert job.account.writes == []


SILENCE = (
    "error[E504] The API does not answer | 3 changes in a row got no response, so nothing more is sent. | run apply "
    "again when the server responds."
)


@pytest.mark.parametrize(
    ("hooks", "expected", "reason"),
    [
        ([silent()] * 3, [Status.FAILED] * 3 + [Status.SKIPPED] * 2, "three in a row"),
        ([half_silent()] * 3, [Status.UNKNOWN] * 3 + [Status.SKIPPED] * 2, "writes that may have arrived"),
        (
            [silent(), silent(), refused(), silent(), silent()],
            [Status.FAILED] * 5,
            "an answer in between, though a refusal",
        ),
        (
            [silent(), refused(), silent(), silent(), refused()],
            [Status.FAILED] * 5,
            "two in a row after it are two",
        ),
    ],
)
def test_three_changes_in_a_row_without_any_answer_end_the_run(hooks, expected, reason):
    rows = [live(number, f"b{number}") for number in range(2, 7)]
    job = apply(tuple(map(relabel, rows)), rows=(OTHER, *rows))
    job.account.before["update"] = list(hooks)
    outcomes = job.run()
    assert statuses(outcomes) == expected, reason
    messages = {words(outcome.diagnostic) for outcome in outcomes if outcome.status is Status.SKIPPED}
    assert messages == {SILENCE} if Status.SKIPPED in expected else not messages


def test_a_bucket_in_the_wrong_account_ends_the_run():
    job = apply((create("a"),), (create("b"), create("c")), rows=())
    job.account.uid = 20
    outcomes = job.run()
    assert statuses(outcomes) == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]
    assert {outcome.diagnostic.code for outcome in outcomes} == {"E503"}


@pytest.mark.parametrize(("hook", "first"), [(refused(), Status.FAILED), (lost(), Status.UNKNOWN)])
def test_in_an_empty_account_changes_stop_if_the_first_create_does_not_show_the_uid(hook, first):
    job = apply((create("a"),), (create("b"), create("c")), rows=())
    job.account.before["create"] = [hook]
    outcomes = job.run()
    assert statuses(outcomes) == [first, Status.SKIPPED, Status.SKIPPED]
    assert words(outcomes[1].diagnostic) == (
        "error[E513] The account is not confirmed | No bucket showed that this is account 19, so nothing more is sent. "
        "| read the outcome of the first create."
    )
    assert len(job.journal.intents) == 1


def test_in_an_empty_account_a_first_create_found_in_the_list_shows_the_uid():
    job = apply((create("a"),), (create("b"),), rows=())
    job.account.after["create"] = [lost()]
    assert statuses(job.run()) == [Status.ADOPTED, Status.CREATED]


def test_a_rename_is_not_tried_if_its_new_name_is_still_taken():
    a, b, c = live(2, "a"), live(3, "b"), live(4, "c")
    waves = (rename(c, "d"),), (rename(b, "c", needs=(4,)),), (rename(a, "b", needs=(3,)), relabel(OTHER))
    job = apply(*waves, rows=(OTHER, a, b, c))
    job.account.before["update"] = [refused()]
    outcomes = job.run()
    assert statuses(outcomes) == [Status.FAILED, Status.SKIPPED, Status.SKIPPED, Status.UPDATED]
    assert words(outcomes[1].diagnostic) == (
        "error[E502] The name is not free | The name c is still in use by c (id 4, eu-west-1, File, 0 items, "
        "created 2024-01-01 00:00:00). | check that bucket."
    )


@pytest.mark.parametrize("name", ["Music", "music ", "Müsic"])
def test_a_create_is_not_tried_if_an_equivalent_name_is_still_taken(name):
    music = live(2, "music")
    job = apply((rename(music, "tunes"),), (create(name),), rows=(OTHER, music))
    job.account.before["update"] = [refused()]
    outcomes = job.run()
    assert statuses(outcomes) == [Status.FAILED, Status.SKIPPED]
    assert words(outcomes[1].diagnostic) == (
        f"error[E502] The name is not free | The name {name} is still in use by music (id 2, eu-west-1, File, "
        "0 items, created 2024-01-01 00:00:00). | check that bucket."
    )
    assert job.account.writes == []
    assert statuses(apply(*job.plan.waves, rows=(OTHER, music)).run()) == [Status.UPDATED, Status.CREATED]


# Interrupts.


def test_after_an_interrupt_nothing_new_begins_and_requests_in_flight_finish():
    a, b = live(2, "a"), live(3, "b")
    moved = Replace(desired(**{**a.attrs, "region": "us-west-2"}), a, ("region",), "")
    job = apply((moved, Delete(b, "")), rows=(OTHER, a, b))
    job.account.before["delete"] = [job.stop.set]
    outcomes = job.run()
    assert statuses(outcomes) == [Status.REPLACED, Status.SKIPPED]
    assert job.account.writes == ["DELETE 2", "POST a"]
    assert words(outcomes[1].diagnostic) == (
        "error[E501] Interrupted before its turn | Nothing was sent for this change. | run apply again."
    )


def test_after_an_interrupt_an_unknown_create_is_looked_for_once():
    job = apply((create("a"),))
    job.account.before["create"] = [lambda: (job.stop.set(), lost()())]
    assert statuses(job.run()) == [Status.UNKNOWN]
    assert (job.account.listings, job.clock.seconds) == (1, 0)


# Unknown creates.


def test_if_every_request_was_answered_nothing_is_listed():
    job = apply((create("a"), create("b")), (relabel(OTHER),))
    assert statuses(job.run()) == [Status.CREATED, Status.CREATED, Status.UPDATED]
    assert job.account.listings == 0


def test_a_lost_answer_is_never_resent_and_its_bucket_is_adopted():
    job = apply((create("a", labels=["X"]), create("b")))
    job.account.after["create"] = [lost()]
    outcomes = job.run()
    assert statuses(outcomes) == [Status.ADOPTED, Status.CREATED]
    assert outcomes[0].wrote
    assert outcomes[0].live.name == "a"
    assert job.account.writes == ["POST a", "POST b"]
    assert [(o.change.name, o.status) for o in job.journal.outcomes] == [
        ("a", Status.UNKNOWN), ("b", Status.CREATED), ("a", Status.ADOPTED),
    ]  # fmt: skip


def test_a_create_that_never_arrived_stays_unknown_and_is_not_sent_again():
    job = apply((create("a"), create("b")))
    job.account.before["create"] = [lost()]
    assert statuses(job.run()) == [Status.UNKNOWN, Status.CREATED]
    assert job.account.writes == ["POST b"]
    assert job.clock.seconds == 30


def test_a_lagging_list_is_read_until_it_shows_the_result_of_a_create():
    job = apply((create("a"),))
    job.account.hidden = {job.account.next_id: 5}
    job.account.after["create"] = [lost()]
    assert statuses(job.run()) == [Status.ADOPTED]
    assert (job.account.listings, job.clock.seconds) == (6, 5)


def test_unknown_creates_are_looked_for_together_when_no_write_is_in_flight():
    job = apply((create("a"), create("b"), create("c")), parallelism=3)
    together = threading.Barrier(3)
    job.account.before["create"] = [together.wait] * 3
    job.account.after["create"] = [lost(), lost()]
    seen = []
    job.account.before["observe"] = [lambda: seen.append(len(job.account.writes))]
    assert sorted(statuses(job.run())) == ["adopted", "adopted", "created"]
    assert (seen, job.account.listings) == ([3], 1)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ((live(50, "a"), live(51, "a")), "two that it could have become"),
        ((live(50, "a", region="us-west-2"),), "another region"),
        ((live(50, "a", type="Live"),), "another type"),
        ((live(50, "a", uid=20),), "another account"),
        ((live(50, "b"),), "another name"),
    ],
)
def test_only_a_single_new_bucket_that_fits_is_adopted(rows, reason):
    job = apply((create("a"),))
    job.account.before["create"] = [lambda: (job.account.holding(*rows), lost()())]
    assert statuses(job.run()) == [Status.UNKNOWN], reason


def test_a_bucket_that_was_listed_before_is_never_adopted():
    twin = live(2, "b")
    job = apply((create("a"),), rows=(OTHER, twin))
    job.account.before["create"] = [lambda: (job.account.rows[2].update(name="a"), lost()())]
    assert statuses(job.run()) == [Status.UNKNOWN]


def test_the_lost_create_of_a_replacement_is_found_too():
    moved = Replace(desired(**{**OTHER.attrs, "region": "us-west-2"}), OTHER, ("region",), "")
    job = apply((moved,))
    job.account.after["create"] = [lost()]
    assert statuses(job.run()) == [Status.REPLACED]


def test_a_failed_listing_is_retried_until_the_time_is_over():
    job = apply((create("a"),))
    job.account.after["create"] = [lost()]
    job.account.before["observe"] = [silent(), silent()]
    assert statuses(job.run()) == [Status.ADOPTED]
    assert job.clock.seconds == 2


def test_a_listing_that_is_not_allowed_ends_the_run():
    job = apply((create("a"),), (relabel(OTHER),))
    job.account.after["create"] = [lost()]
    job.account.before["observe"] = [denied()]
    assert statuses(job.run()) == [Status.UNKNOWN, Status.SKIPPED]
    assert job.clock.seconds == 0


# Looks.


@pytest.mark.parametrize(
    ("settle_s", "times"),
    [(0, [0, 0]), (0.5, [0, 0.5]), (2.5, [0, 1, 2, 2.5]), (3, [0, 1, 2, 3])],
)
def test_the_last_listing_is_at_the_end_of_the_time(settle_s, times):
    clock = FakeClock()
    assert [clock.now() for _ in poll_until_settled(clock, settle_s=settle_s)] == times


def test_after_an_interrupted_wait_the_account_is_listed_once_more():
    class Interrupted(FakeClock):
        def wait(self, seconds: float) -> bool:
            return False

    assert len(list(poll_until_settled(Interrupted(), settle_s=30))) == 2


def test_a_mark_is_part_of_a_new_bucket():
    marked = Create(create("a").desired, "", Marks(add=("acrsync:radio",)))
    job = apply((marked,))
    assert job.run()[0].live.marks == ("acrsync:radio",)
