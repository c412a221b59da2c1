"""The emulator is the oracle: of every switch a probe says its value, or that it is untold, and never another."""

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
from probe.oracle import is_right, memory, oracle, under, values_of, wrong

SWITCHES = [switch.name for switch in fields(Profile)]
# What nothing that a probe may do can show: it touches no content, provokes no limit, and passing trouble is no rule.
NEVER_TOLD = {
    "delete_with_content", "delete_referenced", "num_lag_seconds", "throttle_per_minute", "trouble",
}  # fmt: skip
FEWEST_TOLD = 50  # of the profile `documented`, with throw-away buckets
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


def held(profile, **how):
    """Probe a profile; the report says nothing that is not so, and the account is as it was."""
    with oracle(profile, **how) as one, memory() as runs:
        before = one.buckets
        report = one.probed(runs)
        assert wrong(report, profile) == []
        assert not report.clean or one.buckets == before
        assert {id_: one.buckets.get(id_) for id_ in before} == before
    return report


MOST = 6  # values of a switch that are tried each time; all of them are slow


def says_that_value_or_nothing(name, base, values):
    for value in values:
        report = held(under(base, **{name: value}))
        assert not (name in NEVER_TOLD and report.findings[name].told)


@pytest.mark.parametrize("name", SWITCHES)
def test_of_a_value_of_a_switch_it_says_that_value_or_nothing(name):
    says_that_value_or_nothing(name, "documented", values_of(name)[:MOST])


@pytest.mark.slow
@pytest.mark.parametrize("base", NAMES)
@pytest.mark.parametrize("name", SWITCHES)
def test_of_every_value_of_a_switch_it_says_that_value_or_nothing(name, base):
    says_that_value_or_nothing(name, base, values_of(name))


@st.composite
def whole_profiles(draw):
    """Any profile: each switch has any of its values, or that of a named profile."""
    base = draw(st.sampled_from(NAMES))
    turned = draw(st.sets(st.sampled_from(SWITCHES), max_size=draw(st.sampled_from([3, 10, 80]))))
    return under(base, **{name: draw(st.sampled_from(values_of(name))) for name in sorted(turned)})


@settings(max_examples=30)
@given(profile=whole_profiles(), rows=st.sampled_from(ACCOUNTS))
def test_of_a_whole_profile_it_says_nothing_that_is_not_so(profile, rows):
    held(profile, rows=rows)


@pytest.mark.slow
@settings(max_examples=1500)
@given(profile=whole_profiles(), rows=st.sampled_from(ACCOUNTS))
def test_of_many_whole_profiles_it_says_nothing_that_is_not_so(profile, rows):
    held(profile, rows=rows)


@pytest.mark.parametrize("base", NAMES)
def test_it_tells_most_of_a_named_profile(base):
    report = held(under(base))
    actual = to_document(under(base))
    assert len(report.told) >= FEWEST_TOLD, Counter(finding.sure for finding in report.findings.values())
    assert all(is_right(finding.value, actual[name], name) for name, finding in report.told.items())


@pytest.mark.parametrize("base", NAMES)
def test_without_writing_it_asks_nothing_but_get_and_tells_less(base, tmp_path):
    with oracle(under(base)) as one:
        report = one.probed(tmp_path, write=False)
        assert set(report.requests) == {"GET"}
        assert sum(report.requests.values()) <= 40
        assert wrong(report, under(base)) == []
        assert len(report.told) >= 11
        assert all(entry["method"] == "GET" for entry in one.emulator.log.to_document())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("lag", [{"list_lag_seconds": 4}, {"list_lag_reads": 3}, {"get_lag_seconds": 2}])
def test_it_measures_how_late_reads_are_and_suggests_a_settle(lag):
    ((name, value),) = lag.items()
    report = held(under("documented", **lag))
    assert report.findings[name].value == value
    assert report.settle_s >= 30


def test_a_lag_longer_than_its_patience_is_untold_and_nothing_is_left():
    report = held(under("documented", list_lag_seconds=300))
    assert not report.findings["list_lag_seconds"].told
    assert report.clean


def test_a_throttle_that_is_met_is_waited_for_and_never_provoked():
    report = held(under("documented", throttle_per_minute=60))
    assert report.findings["throttle_body"].value == "json"
    assert any(fact.name == "header retry-after" for fact in report.facts)
