"""The emulator is the oracle: for every switch a probe finds its value, or several, and never only a wrong one."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acrsync.emulator.profile import NAMES, Profile, to_document
from acrsync.emulator.seeds import VENDOR_ROWS
from acrsync.emulator.store import Bucket
from acrsync.probe.finding import switches
from examples import sampled
from probe.oracle import is_right, memory, oracle, under, values_of, wrong

SWITCHES = [switch.name for switch in fields(Profile)]
# A probe cannot measure these: it touches no content, provokes no limit, and passing failures prove no rule.
NEVER_CERTAIN = {
    "delete_with_content", "delete_referenced", "num_lag_seconds", "throttle_per_minute", "trouble",
}  # fmt: skip
FEWEST_CERTAIN = 50  # for the profile `documented`, with throw-away buckets
ACCOUNTS = (
    VENDOR_ROWS,
    VENDOR_ROWS[:1],
    (),
    (
        *VENDOR_ROWS,
        Bucket(name="Channels", type="Live", region="eu-west-1", channels=3),
        Bucket(name="zz other", type="File", region="us-west-2", uid=20),
        Bucket(name="Template", type="File", region="us-west-2", metadata_template='{"b": 1}', labels=("x", "y")),
    ),
)


def test_the_switches_are_those_of_the_emulator():
    assert set(switches()) == set(SWITCHES)


def probed_safely(profile, **how):
    """Probe a profile; check that the report has no wrong value and that the account is unchanged."""
    with oracle(profile, **how) as one, memory() as runs:
        before = one.buckets
        report = one.probed(runs)
        assert wrong(report, profile) == []
        assert not report.clean or one.buckets == before
        assert {id_: one.buckets.get(id_) for id_ in before} == before
    return report


MOST = 6  # values of a switch that are tried each time; all of them are slow


def finds_that_value_or_several(name, base, values):
    for value in values:
        report = probed_safely(under(base, **{name: value}))
        assert not (name in NEVER_CERTAIN and report.findings[name].is_certain)


@pytest.mark.parametrize("name", sampled(SWITCHES, every=4))
def test_for_a_value_of_a_switch_it_finds_that_value_among_the_possible_ones(name):
    finds_that_value_or_several(name, "documented", values_of(name)[:MOST])


@pytest.mark.slow
@pytest.mark.parametrize("base", NAMES)
@pytest.mark.parametrize("name", SWITCHES)
def test_for_every_value_of_a_switch_it_finds_that_value_among_the_possible_ones(name, base):
    finds_that_value_or_several(name, base, values_of(name))


@st.composite
def whole_profiles(draw):
    """Any profile: each switch has any of its values, or that of a named profile."""
    base = draw(st.sampled_from(NAMES))
    changed = draw(st.sets(st.sampled_from(SWITCHES), max_size=draw(st.sampled_from([3, 10, 80]))))
    return under(base, **{name: draw(st.sampled_from(values_of(name))) for name in sorted(changed)})


@settings(max_examples=30)
@given(profile=whole_profiles(), rows=st.sampled_from(ACCOUNTS))
def test_for_a_whole_profile_it_finds_nothing_wrong(profile, rows):
    probed_safely(profile, rows=rows)


@pytest.mark.slow
@settings(max_examples=1500)
@given(profile=whole_profiles(), rows=st.sampled_from(ACCOUNTS))
def test_for_many_whole_profiles_it_finds_nothing_wrong(profile, rows):
    probed_safely(profile, rows=rows)


@pytest.mark.parametrize("base", NAMES)
def test_most_of_a_named_profile_is_certain(base):
    report = probed_safely(under(base))
    actual = to_document(under(base))
    assert len(report.certain) >= FEWEST_CERTAIN, Counter(finding.sure for finding in report.findings.values())
    assert all(is_right(finding.value, actual[name], name) for name, finding in report.certain.items())


@pytest.mark.parametrize("base", NAMES)
def test_without_writing_it_sends_only_get_and_finds_less(base, tmp_path):
    with oracle(under(base)) as one:
        report = one.probed(tmp_path, write=False)
        assert set(report.requests) == {"GET"}
        assert sum(report.requests.values()) <= 40
        assert wrong(report, under(base)) == []
        assert len(report.certain) >= 11
        assert all(entry["method"] == "GET" for entry in one.emulator.log.to_document())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("lag", [{"list_lag_seconds": 4}, {"list_lag_reads": 3}, {"get_lag_seconds": 2}])
def test_it_measures_how_late_reads_are_and_suggests_a_settle(lag):
    ((name, value),) = lag.items()
    report = probed_safely(under("documented", **lag))
    assert report.findings[name].value == value
    assert report.settle_s >= 30


def test_a_lag_longer_than_its_timeout_is_not_certain_and_nothing_is_left():
    report = probed_safely(under("documented", list_lag_seconds=300))
    assert not report.findings["list_lag_seconds"].is_certain
    assert report.clean


def test_it_waits_for_a_throttle_and_never_provokes_one():
    report = probed_safely(under("documented", throttle_per_minute=60))
    assert report.findings["throttle_body"].value == "json"
    assert any(fact.name == "header retry-after" for fact in report.facts)
