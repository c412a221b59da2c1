"""The laws of reconciling, over real HTTP: what holds for an account in memory holds for one behind the client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from acrsync.acrcloud import Account
from acrsync.apply.reconcile import Result
from acrsync.client import Client
from acrsync.emulator import Running, serve
from acrsync.manifest import load_texts
from acrsync.manifest.writing import dump
from acrsync.model import Manifest
from acrsync.plan.changes import Kept, Replace
from acrsync.plan.outcome import WELL
from acrsync.plan.ownership import account_uid
from acrsync.plan.planner import make_plan
from doubles import MemoryAccount
from emulator.api import Api
from examples import examples
from reconcile import changed_but_absent, reconcile
from strategies import accounts, manifests

few = examples(30, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Rows of other accounts are another story: with them every plan needs an `account:`.
profiles = st.sampled_from([{"base": base, "foreign_rows": "hidden"} for base in ("documented", "strict", "lenient")])


class Behind:
    """An account behind HTTP, set up as one in memory."""

    def __init__(self, running: Running) -> None:
        self.api = Api(running)
        self.client = Client(running.token, running.url, Client.Config(retries=0))
        self.account = Account(self.client)

    def set_up(self, account: MemoryAccount, profile: Any = "documented") -> None:
        rows = [
            row | {"labels": [label for label in str(row["labels"]).split(",") if label]}
            for row in account.rows.values()
        ]
        self.api.control("POST", "reset", {"rows": rows, "profile": profile})

    def rows(self) -> dict[int, Any]:
        return {row["id"]: row for row in self.api.control("GET", "state")["buckets"] if row["uid"] == 19}

    def reconcile(self, manifest: Manifest, *, parallelism: int = 4) -> Result:
        return reconcile(manifest, self.account, parallelism=parallelism)


@pytest.fixture(scope="module")
def behind() -> Iterator[Behind]:
    with serve() as running:
        there = Behind(running)
        yield there
        there.client.close()
        there.api.session.close()


@few
@given(manifests(), accounts(max_files=0), profiles)
def test_apply_then_plan_is_empty(behind: Behind, manifest, account, profile):
    behind.set_up(account, profile)
    done = behind.reconcile(manifest)
    if done.plan.can_apply:
        assert all(outcome.status in WELL for outcome in done.outcomes), done.outcomes
        assert done.verified
        assert make_plan(manifest, behind.account.observe()).work == ()


@few
@given(manifests(), accounts(), profiles)
def test_what_the_manifest_does_not_name_is_never_touched(behind: Behind, manifest, account, profile):
    behind.set_up(account, profile)
    before = behind.rows()
    plan = behind.reconcile(manifest).plan
    after = behind.rows()
    for keep in plan.kept:
        if keep.kept in (Kept.UNMANAGED, Kept.FOREIGN):
            assert after[keep.live.id] == before[keep.live.id]


@few
@given(manifests(), accounts(), profiles)
def test_no_bucket_with_content_is_ever_deleted(behind: Behind, manifest, account, profile):
    behind.set_up(account, profile)
    behind.reconcile(manifest)
    full = {bucket_id for bucket_id, row in account.rows.items() if row["num"]}
    assert full <= set(behind.rows())


@few
@given(manifests(), accounts(max_files=0))
def test_keys_that_are_absent_survive_even_a_replacement(behind: Behind, manifest, account):
    behind.set_up(account)
    assert changed_but_absent(manifest, behind.account, parallelism=4) == []


@few
@given(manifests(), accounts(), st.integers(2, 6))
def test_a_parallel_apply_ends_like_a_serial_one(behind: Behind, manifest, account, parallelism):
    def statuses(at_once: int) -> list[tuple[str, str]]:
        behind.set_up(account)
        done = behind.reconcile(manifest, parallelism=at_once)
        return [(outcome.change.name, outcome.status) for outcome in done.outcomes]

    assert statuses(1) == statuses(parallelism)


@few
@given(manifests(approve_all=False), accounts())
def test_a_replacement_is_never_applied_without_approval(behind: Behind, manifest, account):
    behind.set_up(account)
    done = behind.reconcile(manifest)
    assert not [outcome for outcome in done.outcomes if isinstance(outcome.change, Replace)]


@few
@given(accounts(), profiles)
def test_export_load_and_plan_show_no_changes(behind: Behind, account, profile):
    behind.set_up(account, profile)
    snapshot = behind.account.observe()
    text = dump(snapshot, uid=account_uid(Manifest(), snapshot))
    loaded = load_texts({"acrsync.yaml": text.encode()})
    assert loaded.manifest is not None, json.dumps(text)
    plan = make_plan(loaded.manifest, snapshot)
    assert (plan.work, plan.diagnostics) == ((), ())
    assert {keep.kept for keep in plan.kept} <= {Kept.IN_SYNC}
