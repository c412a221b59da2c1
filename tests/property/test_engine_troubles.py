"""Several troubles in one apply, in any order, by any number of workers: what holds, and that the next runs mend it."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from acrsync.apply.reconcile import Result
from acrsync.model import Limit, Live
from acrsync.plan.changes import Create, Delete, Kept
from acrsync.plan.outcome import WELL, ExitCode, Status
from engine import Hook, Troubled, half_silent, lost, refused, silent
from examples import examples
from reconcile import in_folder, loop
from strategies import accounts, manifests

# What may happen to a call: before it is done, or after; None is nothing.
TROUBLES: Mapping[str, tuple[list[Hook | None], list[Hook | None]]] = {
    "read": ([None, silent()], [None]),
    "create": ([None, None, lost(), silent(), refused()], [None, None, lost(), refused(409)]),
    "update": ([None, None, silent(), half_silent(), refused()], [None, None, half_silent(), refused(412)]),
    "delete": ([None, None, silent(), half_silent(), refused(409)], [None, None, half_silent(), refused(400)]),
}


@st.composite
def troubles(draw):
    def drawn(place):
        return {verb: draw(st.lists(st.sampled_from(kinds[place]), max_size=3)) for verb, kinds in TROUBLES.items()}

    return drawn(0), drawn(1)


def troubled(account) -> Troubled:
    return Troubled(rows=account.rows, files=account.files, next_id=account.next_id)


def holds(done, account: Troubled, first: Mapping[int, Live]) -> None:
    """Check what must hold after a run with whatever troubles."""
    assert [outcome.change for outcome in done.outcomes] == list(done.plan.work)
    posts = Counter(write for write in account.writes if write.startswith("POST"))
    assert max(posts.values(), default=0) <= 1, "one POST for each create"
    rows = {row.id: row for row in account.observe().rows}
    for keep in done.plan.kept:
        assert keep.kept is Kept.IN_SYNC or rows[keep.live.id] == first[keep.live.id], "unmanaged is untouched"
    assert {bucket_id for bucket_id, row in first.items() if row.facts["num"]} <= set(rows), "content survives"
    for outcome in done.outcomes:
        match outcome.change:
            case Delete(live):
                assert (live.id in rows) == (outcome.status not in WELL)
            case Create() if outcome.status in WELL:
                assert len([row for row in rows.values() if row.name == outcome.change.name]) == 1
            case _:
                pass
        assert outcome.status is not Status.SKIPPED or not outcome.wrote
    assert done.exit_code is not ExitCode.FAILED or rows == first, "1 says that nothing was written"


def survives(account: Troubled, manifest, first: Mapping[int, Live]) -> None:
    """Check that what the manifest leaves out of an entry is as it was before."""
    origins = {row.name: row.attrs for row in first.values()}
    entries = {entry.name: entry.attrs for entry in manifest.desired}
    for row in account.observe().rows:
        if row.name in origins and row.name in entries:
            assert row.attrs == {**origins[row.name], **entries[row.name]}


@examples(150)
@given(manifests(), accounts(max_files=1, reshape=False), troubles(), st.sampled_from([1, 4]))
def test_two_more_runs_repair_every_failure_of_the_first(manifest, account, happens, parallelism):
    account, manifest = troubled(account), replace(manifest, deletes_limit=Limit(100))
    first = {row.id: row for row in account.observe().rows}
    with tempfile.TemporaryDirectory() as folder:
        again = loop(account, parallelism=parallelism, runs=in_folder(Path(folder)))
        plan = again.observe_and_plan(manifest).plan
        assume(plan.can_apply and plan.work)

        def apply() -> Result:
            return again.reconcile(lambda known: again.observe_and_plan(manifest, known=known), approve=happen)

        def happen(_seen: object) -> None:
            account.before, account.after = happens.pop() if happens else ({}, {})

        happens = [happens]
        done = apply()
        account.before, account.after = {}, {}
        holds(done, account, first)
        for _ in range(2):
            apply()
        assert again.observe_and_plan(manifest).plan.work == ()
    names = Counter(row.name for row in account.observe().rows)
    assert max(names.values(), default=0) <= 1, "no duplicates"
    survives(account, manifest, first)
