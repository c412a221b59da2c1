"""Entries to paste: how a bucket is adopted, and how drift is accepted."""

from __future__ import annotations

import pytest

from e2e.commandline import Place
from emulator.api import Api

HEAD = "version: 1\nbuckets:\n"
TEST = "  - {name: test, region: eu-west-1, type: Live, labels: [Other]}\n"


def test_a_name_prints_its_entry_which_adopts_the_bucket_when_it_is_pasted(place: Place):
    done = place.acrsync("export", "us_bucket")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("  - name: us_bucket\n    region: global\n")
    place.write("acrsync.yaml", HEAD + TEST.replace("Other", "TV") + done.out)
    assert "No changes." in place.acrsync("plan").out
    assert "us_bucket" not in place.acrsync("export", "--unmanaged").out


def test_drift_is_accepted_by_the_entry_of_the_bucket_as_it_is(place: Place):
    place.write("acrsync.yaml", HEAD + TEST)
    assert "1 to update" in place.acrsync("plan").out
    place.write("acrsync.yaml", HEAD + place.acrsync("export", "test").out)
    assert "No changes." in place.acrsync("plan").out


def test_unmanaged_prints_buckets_without_an_entry(place: Place, api: Api):
    place.write("acrsync.yaml", HEAD + TEST + "removed: [{name: us_bucket}]\n")
    done = place.acrsync("export", "--unmanaged")
    names = [line.split()[-1] for line in done.out.splitlines() if line.startswith("  - name: ")]
    assert names == ["adsfasdf", "eu_shared_bucket", "eu_shared_bucket2", "offline-bucket"]
    whole = HEAD + TEST.replace("Other", "TV") + done.out
    place.write("acrsync.yaml", whole + place.acrsync("export", "us_bucket").out)
    again = place.acrsync("export", "--unmanaged")
    assert (again.code, again.out, again.err) == (0, "", "No bucket is unmanaged.\n")
    assert {entry["method"] for entry in api.requests()} == {"GET"}


def test_ids_are_written_for_all_or_for_some(place: Place):
    assert "  - name: test\n    id: 14791\n" in place.acrsync("export", "test", "--ids").out
    out = place.acrsync("export", "--ids", "--out", "acrsync.yaml")
    assert out.code == 0
    text = (place.folder / "acrsync.yaml").read_text()
    assert text.count("\n    id: ") == 6
    assert "No changes." in place.acrsync("plan").out


def test_a_pattern_or_name_without_a_match_is_reported(place: Place):
    assert place.acrsync("export", "eu_*").out.count("- name: ") == 2
    done = place.acrsync("export", "eu_*", "nobody")
    assert (done.code, done.codes, done.out) == (1, ["E020"], "")


UNMANAGED = [
    ((), 0, "no option"),
    (("--fail-on-unmanaged",), 2, "there are some"),
    (("--fail-on-unmanaged", "--detailed-exitcode"), 2, "there are some"),
    (("--detailed-exitcode",), 0, "they are no changes"),
]


@pytest.mark.parametrize(("flags", "code", "reason"), UNMANAGED)
def test_a_nightly_run_can_fail_on_unmanaged_buckets(place: Place, flags, code, reason):
    place.write("acrsync.yaml", HEAD + TEST.replace("Other", "TV"))
    assert place.acrsync("plan", *flags).code == code, reason
    assert place.acrsync("plan", *flags, "--format", "json").document["exit_code"] == code


def test_without_unmanaged_buckets_it_exits_with_0(place: Place):
    place.acrsync("export", "--out", "acrsync.yaml")
    assert place.acrsync("plan", "--fail-on-unmanaged", "--detailed-exitcode").code == 0


def test_if_unmanaged_buckets_fail_the_run_all_are_named(place: Place, api: Api):
    for number in range(12):
        api.create(f"more-{number}")
    place.write("acrsync.yaml", HEAD + TEST.replace("Other", "TV"))
    assert " more." in place.acrsync("plan").out
    out = place.acrsync("plan", "--fail-on-unmanaged").out
    assert all(f"more-{number}" in out for number in range(12))
