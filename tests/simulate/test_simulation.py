"""A sample of what `make simulate` plays, and the faults that the simulation must find."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from examples import sampled
from simulate import bare, whole
from simulate.faults import FAULTS
from simulate.play import Play, scenario, shrunk, story

SEEDS = 5000
STALLED = 1  # a seed in which a process that is suspended right before it sends doubles a bucket
# Where each fault was found first; `test_every_planted_fault_is_found_again` searches from the beginning.
FOUND = {
    "rule 1": 0, "rule 2": 698, "rule 3": 14, "rule 4": 11, "rule 5: sent": 13, "rule 5: clocks": 132,
    "rule 5: last": 269, "rule 5: again": 374, "rule 6": 23, "rule 7": 1914, "rule 8": 23, "rule 9": 14, "rule 10": 42,
    "no look": 13, "moved on": 2, "no settle": 351, "closed early": 23, "unknown is done": 1075, "resent": 23,
    "name forgotten": 23, "attributes lost": 980, "undo by id": 1296,
}  # fmt: skip


def broken(seed: int) -> tuple[str, ...]:
    return Play(scenario(seed), whole.apply).run()


@pytest.mark.parametrize("first", sampled(range(0, 200, 50), every=2))
def test_the_loop_keeps_every_promise(first):
    assert [seed for seed in range(first, first + 50) if broken(seed)] == []


@pytest.mark.parametrize("first", sampled(range(10_000, 10_300, 100), every=3))
def test_the_lease_by_itself_keeps_every_promise(first):
    plain = [replace(scenario(seed), respelled=(), merged=()) for seed in range(first, first + 100)]
    assert [found.seed for found in plain if Play(found, bare.apply, in_peace=False).run()] == []


def twice(seed: int, *, strict: bool) -> tuple[str, ...]:
    """Play a seed in which processes are suspended right before a body is sent; return what was created twice."""
    calm = replace(scenario(seed), respelled=(), merged=(), unique=False)
    return Play(calm, whole.apply, strict=strict, stalls=True).run()


@pytest.mark.parametrize("first", sampled(range(0, 200, 50), every=2))
def test_a_strict_run_creates_nothing_twice_even_if_it_is_suspended_right_before_it_sends(first):
    assert [seed for seed in range(first, first + 50) if twice(seed, strict=True)] == []


def test_without_claims_a_suspended_run_can_create_twice():
    assert twice(STALLED, strict=False)


def test_each_fault_is_planted_once_and_has_its_seed():
    assert FOUND.keys() == FAULTS.keys()


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    assert not broken(FOUND[name])
    with FAULTS[name].plant():
        assert broken(FOUND[name]), FAULTS[name].what


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_every_planted_fault_is_found_again(name):
    with FAULTS[name].plant():
        found = next(seed for seed in count() if broken(seed))
    assert found < SEEDS


def test_a_seed_gives_exactly_the_same_run():
    first, second = Play(scenario(698), whole.apply), Play(scenario(698), whole.apply)
    assert first.run() == second.run()
    assert [(t, who) for t, who, _ in first.world.story] == [(t, who) for t, who, _ in second.world.story]


def test_most_scenarios_have_several_runners_and_faults():
    scenarios = [scenario(seed) for seed in range(1001)]
    assert sorted(len(found.runners) for found in scenarios)[500] >= 2
    assert sorted(len(found.troubles) for found in scenarios)[500] >= 3


def test_a_broken_promise_is_shrunk_to_a_readable_sequence():
    with FAULTS["closed early"].plant():
        before = scenario(FOUND["closed early"])
        after = shrunk(before, lambda smaller: bool(Play(smaller, whole.apply).run()))
        play = Play(after, whole.apply)
        assert play.run()
    assert len(after.runners) == 1
    assert after.troubles == ()
    assert "begins: apply" in story(play)
