"""A saved plan does exactly what it says, once, and only if the account has not changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from acrsync.bucket import FIELDS
from acrsync.model import Approval, Desired, Limit, Manifest, Removed
from acrsync.plan.changes import Create, Delete, Kept, Replace, Update, Work
from acrsync.plan.document import Plan
from acrsync.plan.file import load_plan
from acrsync.plan.outcome import ExitCode, Run, Status
from acrsync.report import FORMATS
from doubles import MemoryAccount
from examples import examples
from reconcile import applied, plan_for
from report_plans import RUN
from strategies import accounts, manifests

quick = examples(60)
HUNDRED = Limit(100, percent=True)
PLACE = {"region": "eu-west-1", "type": "File"}


def saved(plan: Plan) -> Plan:
    """Return a plan as it comes back from its file."""
    run = Run(RUN.timestamp, ExitCode.DONE)
    return load_plan(FORMATS["json"](plan, run)).plan


def rows_of(account: MemoryAccount) -> dict[int, dict[str, object]]:
    return {bucket_id: dict(row) for bucket_id, row in account.rows.items()}


@quick
@given(manifests(), accounts(max_files=0))
def test_a_saved_plan_does_what_the_plan_did_and_applied_twice_writes_nothing_the_second_time(manifest, account):
    plan = saved(plan_for(manifest, account))
    assume(plan.can_apply)
    first = applied(plan, account)
    assert first.verified
    writes, rows = len(account.writes), rows_of(account)

    second = applied(saved(plan), account)
    assert second.verified
    assert {outcome.status for outcome in second.outcomes} <= {Status.ALREADY}
    assert len(account.writes) == writes
    assert rows_of(account) == rows


SWAP = (Desired({"name": "b", **PLACE}, id=1), Desired({"name": "a", **PLACE, "labels": ["TV"]}, id=2))


@pytest.mark.parametrize(
    ("manifest", "steps"),
    [
        (Manifest(SWAP), 3),
        (Manifest((Desired({"name": "a", **PLACE, "net_type": 2}),)), 1),
        (Manifest((Desired({"name": "a", **PLACE, "net_type": 2}, id=1),)), 1),
        (Manifest((Desired({"name": "new", **PLACE, "net_type": 2}, id=1),)), 1),
        (Manifest(removed=(Removed("a"), Removed("b"))), 2),
        (Manifest(removed=(Removed("a", forget=True),), stack="radio", ownership=True), 1),
        (Manifest((Desired({"name": "c", **PLACE}, was="a"), Desired({"name": "new", **PLACE}))), 2),
    ],
    ids=["swap", "replace", "replace by id", "replace and rename", "delete", "forget", "rename and create"],
)
def test_every_kind_of_change_is_made_once(manifest: Manifest, steps: int) -> None:
    account = MemoryAccount.with_buckets(
        {"id": 1, "name": "a", "labels": ["acrsync:radio"]} if manifest.ownership else {"id": 1, "name": "a"},
        {"id": 2, "name": "b"},
    )
    approvals = (Approval("replace", 1), Approval("takeover", 1))
    plan = saved(plan_for(replace(manifest, approvals=approvals, deletes_limit=HUNDRED), account))
    assert plan.can_apply, plan.objections
    assert len(plan.work) == steps
    first = applied(plan, account)
    assert first.verified, first.diagnostics
    assert len(account.writes) == steps + sum(isinstance(change, Replace) for change in plan.work)
    rows = rows_of(account)
    second = applied(plan, account)
    assert second.verified, second.diagnostics
    assert {outcome.status for outcome in second.outcomes} == {Status.ALREADY}
    assert rows_of(account) == rows


def other_value(key: str, value: Any) -> Any:
    """Return a value that someone else might set, unlike any that the strategies draw."""
    match key:
        case "name":
            return f"{value}-by-somebody"
        case "labels":
            return "Someone"
        case "metadata_template":
            return '{"somebody": {}}'
        case "num":
            return 5
        case _:
            return {"region": "cn-north-1", "type": "DedupFile", "net_type": 3}[key]


def looked_at(change: Work) -> set[str]:
    """Return the fields whose drift concerns a change: what the manifest mentions; all of what is to be deleted."""
    match change:
        case Update():
            return {"name", *change.desired.attrs}
        case Replace() | Delete():
            return {*FIELDS, "num"}
        case Create():
            return set()


@examples(150)
@given(manifests(), accounts(max_files=0, reshape=False), st.sampled_from([*FIELDS, "num"]), st.data())
def test_drift_makes_only_the_related_change_stale(manifest, account, key, data):
    plan = saved(plan_for(manifest, account))
    assume(plan.can_apply and plan.work)
    drifting = data.draw(st.sampled_from(sorted(account.rows) or [0]))
    assume(drifting)
    account.rows[drifting][key] = other_value(key, account.rows[drifting][key])
    if key == "num":
        account.files[drifting] = 0
    before = rows_of(account)
    done = applied(plan, account)
    for outcome in done.outcomes:
        change = outcome.change
        if isinstance(change, Create) or change.live.id != drifting or key not in looked_at(change):
            assert outcome.status in (Status.CREATED, Status.UPDATED, Status.REPLACED, Status.DELETED), outcome
        else:
            assert outcome.status is Status.STALE
            assert not outcome.wrote
            assert account.rows[drifting] == before[drifting]


@quick
@given(manifests(), accounts(max_files=0, reshape=False))
def test_drift_of_unmanaged_values_never_invalidates_a_plan(manifest, account):
    plan = saved(plan_for(manifest, account))
    assume(plan.can_apply and plan.work)
    for keep in plan.kept:
        if keep.kept is Kept.UNMANAGED:
            account.rows[keep.live.id]["labels"] = "Someone"
    done = applied(plan, account)
    assert done.verified


def test_drift_of_labels_that_are_not_managed_survives_the_mark() -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "a", "labels": ["Music"]})
    plan = saved(plan_for(Manifest((Desired({"name": "a", **PLACE}),), stack="radio", ownership=True), account))
    account.rows[1]["labels"] = "Music,Someone"
    applied(plan, account)
    assert account.show(1).attrs["labels"] == ["Music", "Someone"]
    assert account.show(1).marks == ("acrsync:radio",)


@pytest.mark.parametrize("mark", ["acrsync:protected", "acrsync:tv"])
@pytest.mark.parametrize("removed", [False, True])
def test_a_mark_set_after_the_plan_makes_a_change_stale(mark: str, removed: bool) -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "a"}, {"id": 2, "name": "b"})
    asked = Manifest((Desired({"name": "b", **PLACE, "labels": ["TV"]}),), deletes_limit=HUNDRED)
    if removed:
        asked = replace(asked, removed=(Removed("a"),))
    else:
        asked = replace(asked, desired=(*asked.desired, Desired({"name": "a", **PLACE, "labels": ["TV"]})))
    plan = saved(plan_for(asked, account))
    account.rows[1]["labels"] = mark
    done = applied(plan, account)
    assert {outcome.change.name: outcome.status for outcome in done.outcomes} == {
        "a": Status.STALE,
        "b": Status.UPDATED,
    }
    assert account.show(1).marks == (mark,)


def test_content_is_counted_again_right_before_a_delete() -> None:
    account = MemoryAccount.with_buckets({"id": 1, "name": "a"})
    plan = saved(plan_for(Manifest(removed=(Removed("a"),)), account))
    account.files[1] = 1  # `num` runs behind
    (outcome,) = applied(plan, account).outcomes
    assert outcome.status is Status.REFUSED
    assert outcome.diagnostic is not None
    assert outcome.diagnostic.code == "E301"
    assert account.writes == []


@quick
@given(manifests(), accounts(max_files=1))
def test_planning_again_gives_the_same_digest(manifest, account):
    plan = plan_for(manifest, account)
    account.reshape = None
    assert plan_for(manifest, account).digest == plan.digest == saved(plan).digest


@quick
@given(manifests(), accounts(), st.data())
def test_every_edit_of_a_saved_plan_is_detected(manifest, account, data):
    run = Run(RUN.timestamp, ExitCode.DONE)
    document = json.loads(FORMATS["json"](plan_for(manifest, account), run))
    before = json.dumps(document, sort_keys=True)
    keys = [key for key in document if key != "checksum"]
    key = data.draw(st.sampled_from(keys))
    document[key] = data.draw(st.sampled_from([None, "x", 0, [], {}]))
    assume(json.dumps(document, sort_keys=True) != before)
    with pytest.raises(Exception, match="saved plan") as caught:
        load_plan(json.dumps(document))
    assert type(caught.value).__name__ == "AcrsyncError"
