"""An apply survives whatever meets it: a sample of the rehearsal, all of it when time allows, and stories made up."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from acrsync import cli
from acrsync.rehearse.cases import Case, Fault, Interrupt, Kill, RandomFaults, Scenario, from_json, to_json
from acrsync.rehearse.run import CannotRehearse, CaseResult
from acrsync.rehearse.workers import rehearse, worker
from examples import examples as tried
from examples import whole
from rehearse import command
from rehearse.__main__ import FAILURES
from rehearse.cases import FAULTS, LAGGING, PROFILES, disruptions
from rehearse.scenarios import examples, generated, made_up
from rehearse.sweep import ephemeral, everything, lagging

REPLACEMENT = next(example for example in examples() if example.name == "approvals")

REQUESTS = [(method, "") for method in (*["GET"] * 8, "DELETE", "GET", "POST", *["GET"] * 2)]  # what it sends


def held(results: list[CaseResult]) -> None:
    assert [f"{v.case}: {promise}" for v in results for promise in v.broken] == []


def test_a_sample_of_all_disruptions_breaks_no_promise():
    every = list(disruptions(REQUESTS))
    # Each kind somewhere, and each profile; the rest is `make rehearse`.
    sample = [
        Case(REPLACEMENT, PROFILES[place % 3], every[place]) for place in range(0, len(every), 7 if whole() else 20)
    ]
    sample += [
        Case(REPLACEMENT, profile, Kill(acted, at)) for profile in PROFILES for acted in (False, True) for at in (9, 11)
    ]
    results = list(rehearse(sample, workers=2, command=cli.run))
    held(results)
    assert sum(result.disrupted for result in results) > len(sample) * 0.9


def test_a_delete_that_did_not_happen_leads_to_no_second_bucket():
    pretended = Fault({"kind": "pretend", "method": ["DELETE"]}, 9)
    (result,) = rehearse([Case(REPLACEMENT, "lenient", pretended)], workers=1, command=cli.run)
    held([result])
    assert result.disrupted


def test_a_list_that_lags_behind_a_killed_create_leads_to_no_second_one():
    held(
        list(rehearse([Case(REPLACEMENT, LAGGING, Kill(acted=True, at=11), settle_s=1.5)], workers=1, command=cli.run))
    )


def test_on_a_fresh_runner_the_store_alone_keeps_a_killed_create_from_being_sent_again():
    """The list lags, names may be there twice, and another manifest comes after the crash."""
    killed = (Kill(acted=False, at=11), Kill(acted=True, at=11))
    cases = [case for case in ephemeral(REPLACEMENT, REQUESTS) if case.disruption in killed]
    results = list(rehearse(cases, workers=4, command=command.run))
    held(results)
    assert [result.disrupted for result in results] == [True] * 4


def test_a_refused_write_that_was_carried_out_is_never_called_not_written():
    swap = generated(1, 0)  # two renames by a detour, and two updates
    (calm,) = rehearse([Case(swap, "strict", parallelism=1)], workers=1, command=cli.run)
    writes = [at for at, (method, _) in enumerate(calm.sent, start=1) if method != "GET"]
    statuses = (400, 403, 404, 409, 412, 422)
    assert len(writes) == len(statuses) - 1
    cases = [
        Case(swap, "strict", Fault({"kind": "error_after", "status": status}, at), parallelism=1)
        for at, status in zip([*writes, writes[0]], statuses, strict=True)
    ]
    results = list(rehearse(cases, workers=2, command=cli.run))
    held(results)
    assert [result.disrupted for result in results] == [True] * len(cases)


@pytest.mark.slow
def test_everything_that_can_happen_at_every_request_breaks_no_promise():
    calm, cases = everything([*examples(), generated(1, 0)], workers=3)
    slow = lagging(REPLACEMENT, requests=len(REQUESTS))
    held([*calm, *rehearse([*cases, *slow], workers=3, command=cli.run)])


@pytest.fixture(scope="module")
def play():
    with worker(cli.run) as played:
        yield played


@st.composite
def stories(draw):
    scenario = made_up(draw(st.randoms(use_true_random=False)), "made up")
    at = draw(st.integers(1, 25))
    disruption = st.one_of(
        st.builds(Kill, st.booleans(), st.just(at)),
        st.builds(Interrupt, st.sampled_from(["SIGINT", "SIGTERM"]), st.sampled_from([1, 2]), st.just(at)),
        st.builds(Fault, st.sampled_from(FAULTS), st.just(at)),
    )
    parallelism = draw(st.sampled_from([1, 2, 4, 8]))
    return Case(scenario, draw(st.sampled_from(PROFILES)), draw(disruption), parallelism)


def check(play, case: Case) -> None:
    """Play a case; one that fails is kept in a file that plays it again."""
    try:
        result = play(case)
    except CannotRehearse:
        assume(False)
    if result.broken:
        FAILURES.mkdir(exist_ok=True)
        (FAILURES / "made-up.json").write_text(to_json(case), encoding="utf-8")
    held([result])


def some(number: int) -> settings:
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
    return tried(number, suppress_health_check=quiet)


@some(25)
@given(case=stories())
def test_no_random_sequence_breaks_a_promise(play, case):
    check(play, case)


@pytest.mark.slow
@some(1500)
@given(case=stories())
def test_none_of_many_random_sequences_breaks_a_promise(play, case):
    check(play, case)


# The rehearsal itself.


@pytest.mark.parametrize(
    "disruption",
    [None, Kill(acted=True, at=3), Interrupt("SIGTERM", 2, 4), Fault(FAULTS[1], 5), RandomFaults((FAULTS[0],), seed=7)],
)
def test_a_failed_case_can_be_replayed_from_its_file(disruption):
    case = Case(generated(1, 2), LAGGING, disruption, parallelism=1)
    assert to_json(from_json(to_json(case))) == to_json(case)


def test_the_same_seed_generates_the_same_account():
    assert generated(3, 1) == generated(3, 1) != generated(3, 2)


def test_a_broken_promise_is_found(play):
    """The account is not what the case says it is: an unmanaged bucket of the manifest's name is there twice."""
    twins = [{"name": "music", "num": 1}, {"name": "music", "num": 2}]
    manifest = {"version": 1, "account": {"uid": 19}, "buckets": [{"name": "x", "region": "eu-west-1", "type": "File"}]}
    scenario = Scenario("twins", {"acrsync.yaml": json.dumps(manifest)}, twins)
    assert play(Case(scenario, "lenient")).broken == ()
    foreseen = replace(scenario, files={"acrsync.yaml": json.dumps({**manifest, "prune": "account"})})
    result = play(Case(foreseen, "lenient"))
    assert any(promise.startswith("not converged") for promise in result.broken)
