"""One function decides the exit code: the first reason that holds."""

import pytest

from acrsync.plan.changes import Create
from acrsync.plan.outcome import End, ExitCode, Outcome, Status, exit_code
from report_plans import desired

CHANGE = Create(desired("music"), "")


def ends(*statuses, wrote=True):
    return tuple(Outcome(CHANGE, status, wrote=wrote) for status in statuses)


@pytest.mark.parametrize(
    ("end", "code", "reason"),
    [
        (End(), 0, "nothing to do"),
        (End(outcomes=ends(Status.CREATED, Status.UPDATED)), 0, "all done"),
        (End(outcomes=ends(Status.ALREADY, wrote=False)), 0, "already as desired"),
        (End(changes=True), 2, "a plan with changes that was asked to say so"),
        (End(errors=True), 1, "nothing could be done"),
        (End(outcomes=ends(Status.FAILED, wrote=False)), 1, "nothing was written"),
        (End(outcomes=ends(Status.FAILED, Status.SKIPPED, wrote=False)), 1, "nor then"),
        (End(objections=True), 3, "a guard objects"),
        (End(objections=True, errors=True), 3, "a guard objects, and there are errors"),
        (End(objections=True, changes=True), 3, "an objection weighs more than changes"),
        (End(outcomes=ends(Status.REFUSED, wrote=False)), 3, "a guard objected right before the write"),
        (End(outcomes=ends(Status.STALE, wrote=False)), 4, "only stale"),
        (End(outcomes=(*ends(Status.CREATED), *ends(Status.STALE, wrote=False))), 4, "the rest is done"),
        (End(outcomes=ends(Status.CREATED), other_leftovers=True), 4, "someone else changed another bucket"),
        (End(outcomes=ends(Status.CREATED), own_leftovers=True), 6, "ours do not read back"),
        (End(outcomes=ends(Status.CREATED), errors=True), 6, "written, and not read back"),
        (End(outcomes=(*ends(Status.CREATED), *ends(Status.FAILED, wrote=False))), 6, "one written, one failed"),
        (End(outcomes=(*ends(Status.CREATED), *ends(Status.SKIPPED, wrote=False))), 6, "one written, one skipped"),
        (End(outcomes=ends(Status.UNKNOWN)), 6, "it may have been written"),
        (End(outcomes=(*ends(Status.FAILED), *ends(Status.REFUSED, wrote=False))), 6, "a failure after a write"),
        (End(interrupted=True), 130, "interrupted"),
        (End(outcomes=ends(Status.FAILED), interrupted=True, objections=True), 130, "interrupted above all"),
    ],
)  # fmt: skip
def test_the_first_reason_that_holds_is_the_exit_code(end, code, reason):
    assert exit_code(end) == ExitCode(code), reason
