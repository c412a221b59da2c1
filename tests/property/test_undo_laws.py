"""A run, its undo and the undo of that: the account as it was, and as it was after the run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from acrsync.model import JSON, Approval, Desired, Limit, Manifest
from acrsync.plan.document import Plan
from acrsync.plan.undo import undo
from doubles import MemoryAccount
from examples import examples
from reconcile import plan_for, recorded
from strategies import NAMES, accounts, manifests

State = dict[str, tuple[JSON, tuple[str, ...]]]
EVERYTHING = tuple(
    Approval(guard, number) for number in range(20000, 20060) for guard in ("replace", "rename-like", "takeover")
)


def state(account: MemoryAccount) -> State:
    """Return what people see of an account: everything but ids, which a bucket that comes back cannot keep."""
    return {row.name: (row.attrs, row.marks) for row in account.observe().rows}


def run(plan: Plan, account: MemoryAccount) -> tuple[Mapping[str, JSON], ...]:
    with tempfile.TemporaryDirectory() as directory:
        return recorded(plan, account, Path(directory))


def plan_to_undo(lines: tuple[Mapping[str, JSON], ...], account: MemoryAccount) -> tuple[Plan, list[str]]:
    """Return the plan that takes a run back, everything approved, and the codes of what it tells."""
    undone = undo(lines, account.observe(), approvals=EVERYTHING)
    manifest = replace(undone.manifest, deletes_limit=Limit(100))
    return plan_for(manifest, account), [diagnostic.code for diagnostic in undone.hints]


@st.composite
def renaming(draw: st.DrawFn, manifest: Manifest, account: MemoryAccount) -> Manifest:
    """Return a manifest that also renames, by id, some of the buckets that nothing else names."""
    named = {entry.name for entry in manifest.desired} | {entry.name for entry in manifest.removed}
    free = [row for row in account.observe().rows if row.name not in named]
    chosen = draw(st.lists(st.sampled_from(free), unique_by=lambda row: row.id)) if free else []
    names = draw(st.permutations([row.name for row in chosen] + [f"new-{name}" for name in NAMES[:2]]))
    place = ("region", "type")
    entries = [
        Desired({"name": name, **{key: row.attrs[key] for key in place}}, id=row.id)
        for row, name in zip(chosen, names, strict=False)
    ]
    return replace(manifest, desired=(*manifest.desired, *entries))


@examples(60)
@given(manifests(), accounts(max_files=0), st.data())
def test_an_undo_restores_the_state_before_and_its_undo_the_state_after(manifest, account, data):
    marks = data.draw(st.dictionaries(st.sampled_from(sorted(account.rows) or [0]), st.sampled_from(["a", "radio"])))
    for bucket_id, stack in marks.items():
        if bucket_id in account.rows:
            labels = str(account.rows[bucket_id]["labels"])
            account.rows[bucket_id]["labels"] = ",".join(filter(None, [labels, f"acrsync:{stack}"]))
    manifest = data.draw(renaming(replace(manifest, approvals=EVERYTHING), account))
    plan = plan_for(manifest, account)
    assume(plan.can_apply and plan.work)
    before = state(account)
    first = run(plan, account)
    after = state(account)

    back, hints = plan_to_undo(first, account)
    assert back.can_apply, (back.errors, back.objections)
    assert set(hints) <= {"W222"}
    second = run(back, account)
    assert state(account) == before
    assert plan_to_undo(first, account)[0].work == ()  # taken back twice is taken back once

    again, hints = plan_to_undo(second, account)
    assert again.can_apply, (again.errors, again.objections)
    assert set(hints) <= {"W222"}
    run(again, account)
    assert state(account) == after


@examples(60)
@given(manifests(), accounts(max_files=0, reshape=False), st.sampled_from(["labels", "metadata_template", "name"]))
def test_an_undo_never_touches_values_changed_after_the_run(manifest, account, key):
    plan = plan_for(replace(manifest, approvals=EVERYTHING), account)
    assume(plan.can_apply and plan.work)
    lines = run(plan, account)
    for row in account.rows.values():
        row[key] = f"{row['name']}-by-somebody" if key == "name" else '{"somebody": {}}'
    changed = {bucket_id: row[key] for bucket_id, row in account.rows.items()}
    back, _ = plan_to_undo(lines, account)
    assert back.can_apply, (back.errors, back.objections)
    if back.work:
        run(back, account)
    for bucket_id, value in changed.items():
        assert account.rows[bucket_id][key] == value
