"""The laws that hold whatever a manifest asks for and whatever an account holds."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from acrsync.model import Manifest
from acrsync.plan.changes import Kept, Replace
from acrsync.plan.outcome import WELL
from acrsync.plan.planner import make_plan
from examples import examples
from reconcile import changed_but_absent, reconcile
from strategies import accounts, manifests

quick = examples(200)


@quick
@given(manifests(), accounts(max_files=0))
def test_apply_then_plan_is_empty(manifest, account):
    done = reconcile(manifest, account)
    if done.plan.can_apply:
        assert all(outcome.status in WELL for outcome in done.outcomes), done.outcomes
        assert done.verified
        assert make_plan(manifest, account.observe()).work == ()


@quick
@given(manifests(), accounts(), st.integers(2, 6))
def test_a_parallel_apply_ends_like_a_serial_one(manifest, account, parallelism):
    twin = dataclasses.replace(account, rows={i: dict(r) for i, r in account.rows.items()}, writes=[])
    serial = reconcile(manifest, account)
    parallel = reconcile(manifest, twin, parallelism=parallelism)
    assert [(o.change.name, o.status) for o in serial.outcomes] == [
        (o.change.name, o.status) for o in parallel.outcomes
    ]
    assert sorted(account.writes) == sorted(twin.writes)


@quick
@given(manifests(), accounts())
def test_what_the_manifest_does_not_name_is_never_touched(manifest, account):
    before = {row_id: dict(row) for row_id, row in account.rows.items()}
    plan = reconcile(manifest, account).plan
    for keep in plan.kept:
        if keep.kept in (Kept.UNMANAGED, Kept.FOREIGN):
            assert account.rows[keep.live.id] == before[keep.live.id]


@quick
@given(manifests(), accounts(max_files=0))
def test_keys_that_are_absent_survive_even_a_replacement(manifest, account):
    assert changed_but_absent(manifest, account) == []


@quick
@given(manifests(), accounts())
def test_no_bucket_with_content_is_ever_deleted(manifest, account):
    full = {bucket_id for bucket_id, count in account.files.items() if count}
    reconcile(manifest, account)
    assert full <= set(account.rows)


@quick
@given(manifests(), accounts(reshape=False), st.randoms(use_true_random=False))
def test_the_order_of_the_input_is_irrelevant(manifest, account, random):
    snapshot = account.observe()
    shuffled = [list(manifest.desired), list(manifest.removed), list(snapshot.rows)]
    for part in shuffled:
        random.shuffle(part)
    other = dataclasses.replace(manifest, desired=tuple(shuffled[0]), removed=tuple(shuffled[1]))
    again = make_plan(other, dataclasses.replace(snapshot, rows=tuple(shuffled[2])))
    plan = make_plan(manifest, snapshot)
    assert (again.waves, again.kept, again.diagnostics) == (plan.waves, plan.kept, plan.diagnostics)


@quick
@given(accounts())
def test_an_empty_manifest_plans_nothing(account):
    assert make_plan(Manifest(), account.observe()).work == ()


@quick
@given(manifests(approve_all=False), accounts())
def test_a_replacement_is_never_applied_without_approval(manifest, account):
    done = reconcile(manifest, account)
    assert not [outcome for outcome in done.outcomes if isinstance(outcome.change, Replace)]
