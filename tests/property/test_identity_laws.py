"""Renames of every shape, cut off after every write: all ends as wanted, and no bucket is lost or mistaken."""

from __future__ import annotations

import threading
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from acrsync.model import Attrs, Desired, Limit, Live, Manifest, Prune, Removed
from acrsync.plan.changes import Create, Delete, Replace, Update
from acrsync.plan.document import Plan
from acrsync.plan.matching import match
from acrsync.plan.outcome import WELL, Status
from acrsync.plan.planner import make_plan
from acrsync.visible import lookalike
from doubles import MemoryAccount
from examples import examples
from reconcile import applied, plan_for, reconcile
from strategies import NAMES, accounts, manifests

quick = examples(60)
FRESH = [f"new-{name}" for name in NAMES]


class Killed(BaseException):
    """The process dies."""


@dataclass
class CutOff(MemoryAccount):
    """Lets this many writes through, and then the run is interrupted or killed."""

    writes_left: int = -1
    dies: bool = False
    stop: threading.Event = field(default_factory=threading.Event)

    def counted(self) -> None:
        self.writes_left -= 1
        if self.writes_left == 0:
            if self.dies:
                raise Killed
            self.stop.set()

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        live = super().create(attrs, marks=marks)
        self.counted()
        return live

    def update(self, bucket_id: int, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        live = super().update(bucket_id, attrs, marks=marks)
        self.counted()
        return live

    def delete(self, bucket_id: int) -> None:
        super().delete(bucket_id)
        self.counted()


def without_accents(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(part for part in decomposed if not unicodedata.combining(part)).casefold()


SPELLINGS = [
    str,
    str.upper,
    lambda name: name.replace("a", "á").replace("e", "ë").replace("s", "š"),
    lambda name: unicodedata.normalize("NFD", name.replace("a", "à").replace("i", "î").upper()),
]


@st.composite
def renamed(draw: st.DrawFn, *, spellings=st.just(str)) -> tuple[dict[int, str], Manifest]:
    """Draw buckets and a manifest that gives any of them any name: free ones, each other's, their own.

    `spellings`: how the manifest writes a name that a bucket has.
    """
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    ids = {20000 + at: name for at, name in enumerate(names)}
    ends = draw(st.permutations([*names, *draw(st.lists(st.sampled_from(FRESH), unique=True, max_size=3))]))
    place = {"region": "eu-west-1", "type": "File"}
    entries = []
    for (bucket_id, old), new in zip(ids.items(), ends, strict=False):
        labels = {"labels": draw(st.sampled_from([["Music"], []]))} if draw(st.booleans()) else {}
        attrs = {"name": draw(spellings)(new), **place, **labels}
        free = new not in names
        by_was = free and draw(st.booleans())  # a chain by `was` begins at a free name; swaps need ids
        entries.append(Desired(attrs, was=old) if by_was else Desired(attrs, id=bucket_id))
    owned = draw(st.booleans())
    return ids, Manifest(tuple(entries), stack="radio" if owned else None, ownership=owned)


def account_of(ids: dict[int, str]) -> CutOff:
    account = CutOff(fold=without_accents)
    for bucket_id, name in ids.items():
        account.seed(id=bucket_id, name=name, num=2)
    return account


def names_in(account: MemoryAccount) -> dict[int, str]:
    return {row.id: row.name for row in account.observe().rows}


@pytest.mark.parametrize("dies", [False, True], ids=["interrupted", "killed"])
@pytest.mark.parametrize("again", ["plans again", "applies the same plan"])
@given(case=renamed())
@examples(25)
def test_renames_interrupted_after_any_write_end_in_sync(dies: bool, again: str, case) -> None:
    cut_off_after_any_write(*case, dies=dies, again=again)


@pytest.mark.parametrize("dies", [False, True], ids=["interrupted", "killed"])
@given(case=renamed(spellings=st.sampled_from(SPELLINGS)))
@examples(25)
def test_renames_to_equivalent_names_interrupted_after_any_write_end_in_sync(dies: bool, case) -> None:
    cut_off_after_any_write(*case, dies=dies, again="plans again")


@given(
    ids_and_entries=renamed(spellings=st.sampled_from(SPELLINGS)),
    new=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(SPELLINGS)), max_size=3, unique_by=lambda one: one[0]
    ),
    removed=st.sets(st.sampled_from(NAMES), max_size=2),
    parallelism=st.sampled_from([1, 4]),
)
@examples(60)
def test_no_name_is_used_before_an_equivalent_one_is_free(
    ids_and_entries, new, removed: set[str], parallelism: int
) -> None:
    """Whatever the manifest renames, creates and removes: what can be applied needs no second run."""
    ids, manifest = ids_and_entries
    kept = {without_accents(entry.name) for entry in manifest.desired}
    place = {"region": "us-west-2", "type": "Live"}
    creates = [Desired({"name": spelled(name), **place}) for name, spelled in new if without_accents(name) not in kept]
    meant = {entry.id for entry in manifest.desired} | {entry.was for entry in manifest.desired}
    names = tuple(name for bucket_id, name in ids.items() if not {bucket_id, name} & meant and name in removed)
    account = account_of(ids)
    for bucket_id in account.rows:
        account.rows[bucket_id]["num"], account.files[bucket_id] = 0, 0
    whole = Manifest((*manifest.desired, *creates), removed=tuple(map(Removed, names)), deletes_limit=Limit(9))
    plan = plan_for(whole, account)
    assume(plan.can_apply)
    in_place = {without_accents(row.name) for row in account.observe().rows} - {
        without_accents(change.live.name) for change in plan.work if not isinstance(change, Create)
    }
    assume(not in_place & {without_accents(change.name) for change in plan.work if isinstance(change, Create)})
    done = applied(plan, account, parallelism=parallelism)
    assert {outcome.status for outcome in done.outcomes} <= WELL
    assert reconcile(whole, account).plan.work == ()


def cut_off_after_any_write(ids: dict[int, str], manifest: Manifest, *, dies: bool, again: str) -> None:
    whole = account_of(ids)
    reconcile(manifest, whole)
    for writes in count(1):
        account = account_of(ids)
        plan = plan_for(manifest, account)
        assert plan.can_apply, plan.errors
        account.writes_left, account.dies = writes, dies
        with suppress(Killed):
            applied(plan, account, stop=account.stop)
        done = len(account.writes)
        account.writes_left = -1
        second = reconcile(manifest, account) if again == "plans again" else applied(plan, account)
        assert second.plan.errors == ()
        assert all(outcome.status in (Status.UPDATED, Status.ALREADY) for outcome in second.outcomes)
        assert names_in(account) == names_in(whole)
        assert reconcile(manifest, account).plan.work == ()
        assert len(account.writes) <= len(whole.writes) + (again == "plans again")  # a new plan may make a new detour
        if done < writes:
            break


def chain(length: int) -> Manifest:
    """Return entries in which each bucket takes the next one's name: a -> b -> c -> ... -> new."""
    place = {"region": "eu-west-1", "type": "File"}
    names = [f"b{at}" for at in range(length)]
    ends = [*names[1:], "new"]
    return Manifest(tuple(Desired({"name": end, **place}, was=name) for name, end in zip(names, ends, strict=True)))


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("parallelism", [1, 4])
def test_a_was_chain_interrupted_after_any_write_continues(length: int, parallelism: int) -> None:
    manifest = chain(length)
    for writes in range(1, length + 1):
        account = account_of({20000 + at: f"b{at}" for at in range(length)})
        account.writes_left = writes
        applied(plan_for(manifest, account), account, stop=account.stop, parallelism=parallelism)
        account.writes_left = -1
        done = reconcile(manifest, account, parallelism=parallelism)
        assert names_in(account) == {20000 + at: entry.name for at, entry in enumerate(manifest.desired)}
        assert len(account.writes) == length
        assert [diagnostic.code for diagnostic in done.plan.diagnostics] == ["H201"] * writes
        assert plan_for(manifest, account).can_apply


def test_a_rename_of_a_missing_bucket_stops_only_the_changes_that_need_its_name() -> None:
    account = account_of({20000: "b0", 20001: "b1", 20002: "other"})
    manifest = replace(chain(2), desired=(*chain(2).desired, Desired({"name": "else"}, id=20002)))
    plan = plan_for(manifest, account)
    account.rows.pop(20001)  # the one that was to make room is gone meanwhile
    done = applied(plan, account)
    assert {outcome.change.name: outcome.status for outcome in done.outcomes} == {
        "new": Status.STALE,
        "else": Status.UPDATED,
        "b1": Status.SKIPPED,
    }


# Totality ------------------------------------------------------------------------------------------------------------


@quick
@given(manifests(), accounts(max_files=0))
def test_every_entry_is_matched_created_or_named_in_an_error(manifest: Manifest, account: MemoryAccount) -> None:
    rows = account.observe().rows
    matching = match(manifest.desired, rows)
    matched = [entry.name for entry, _ in matching.pairs]
    created = [entry.name for entry in matching.unmatched]
    assert len(set(matched + created)) == len(matched + created)
    rest = {entry.name for entry in manifest.desired} - set(matched) - set(created)
    assert bool(rest) <= bool(matching.diagnostics)
    assert len({row.id for _, row in matching.pairs}) == len(matching.pairs)
    assert not {row.id for _, row in matching.pairs} & matching.in_question


spelled = st.sampled_from(["Music", "music", "MUSIC ", "mu sic", "Mu\N{ZERO WIDTH SPACE}sic", "news", "News", "talk"])


@quick
@given(
    st.lists(spelled, unique=True, max_size=4),
    st.lists(st.tuples(spelled, st.none() | spelled), max_size=4, unique_by=lambda pair: lookalike(pair[0])),
    st.sampled_from(list(Prune)),
)
def test_nothing_is_created_beside_a_look_alike_name(live_names, entries, prune: Prune) -> None:
    account = MemoryAccount.with_buckets(*({"name": name} for name in live_names))
    desired = tuple(
        Desired({"name": name, "region": "eu-west-1", "type": "File"}, was=was if was != name else None)
        for name, was in entries
    )
    snapshot = account.observe()
    plan = make_plan(Manifest(desired, prune=prune), snapshot)
    staying = {row.name for row in snapshot.rows} - given_up(plan)
    for change in plan.work:
        if isinstance(change, Create) or (isinstance(change, Update) and "name" in change.fields):
            own = None if isinstance(change, Create) else change.live.name
            assert lookalike(change.name) not in {lookalike(name) for name in staying if name != own}


def given_up(plan: Plan) -> set[str]:
    """Return the names that renames give up: they come before everything else."""
    return {change.live.name for change in plan.work if isinstance(change, Update) and "name" in change.fields}


@quick
@given(renamed(), st.sampled_from(list(Prune)))
def test_a_renamed_bucket_is_never_deleted_replaced_or_recreated(case, prune: Prune) -> None:
    ids, manifest = case
    account = account_of(ids)
    plan = make_plan(replace(manifest, prune=prune), account.observe())
    claimed = {entry.id for entry in manifest.desired} | {
        bucket_id for bucket_id, name in ids.items() for entry in manifest.desired if entry.was == name
    }
    assert not any(isinstance(change, Create | Replace) for change in plan.work)
    assert not any(isinstance(change, Delete) and change.live.id in claimed for change in plan.work)
