"""Identity and ownership over HTTP, under three opinions on how the server reshapes, compares and refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from acrsync.acrcloud import Account
from acrsync.apply.reconcile import Result
from acrsync.client import Client
from acrsync.emulator import serve
from acrsync.model import JSON, Approval, Desired, Limit, Manifest, Prune, Removed
from acrsync.plan.document import Plan
from acrsync.plan.file import load_plan
from acrsync.plan.outcome import Status
from acrsync.plan.undo import undo
from acrsync.report import FORMATS
from emulator.api import Api
from reconcile import applied, plan_for, reconcile, recorded
from report_plans import RUN

PLACE: dict[str, JSON] = {"region": "eu-west-1", "type": "File"}
RADIO = Manifest(stack="radio", ownership=True, account_uid=19, deletes_limit=Limit(9))
TV = replace(RADIO, stack="tv")


def entry(name: str, *, bucket: int | None = None, was: str | None = None, **attrs: JSON) -> Desired:
    return Desired({"name": name, **PLACE, **attrs}, id=bucket, was=was)


@dataclass
class There:
    """An account behind the emulator, and the emulator's own view of it."""

    api: Api
    client: Client
    profile: str = "documented"

    @property
    def account(self) -> Account:
        return Account(self.client)

    def begin(self, *rows: dict[str, Any], **profile: JSON) -> None:
        """Hold these rows, ours where they do not say whose; rows of other accounts are listed where a test says so."""
        given = [{"uid": 19, **row} for row in rows]
        self.api.reset(rows=given, profile={"base": self.profile, "foreign_rows": "hidden", **profile})

    def state(self) -> dict[str, tuple[set[str], int]]:
        """Return labels and id of our buckets by name, as they are stored; doubles show as one."""
        rows = [row for row in self.api.control("GET", "state")["buckets"] if row["uid"] == 19]
        return {row["name"]: ({label for label in row["labels"] or () if label}, row["id"]) for row in rows}

    def labels(self) -> dict[str, set[str]]:
        return {name: labels for name, (labels, _) in self.state().items()}

    def apply(self, manifest: Manifest) -> Result:
        """Apply a manifest that nothing stands against, and see that all is as wanted."""
        done = reconcile(manifest, self.account, parallelism=4, settle_s=0)
        assert done.plan.can_apply, (done.plan.errors, done.plan.objections)
        assert done.verified, (done.outcomes, done.diagnostics)
        assert plan_for(manifest, self.account).work == () or any(e.id for e in manifest.desired)
        return done

    def refused(self, manifest: Manifest) -> list[str]:
        """Return what stands against a manifest: codes of errors, names of guards; nothing is written."""
        self.api.control("DELETE", "requests")
        plan = reconcile(manifest, self.account).plan
        assert {request["method"] for request in self.api.requests()} <= {"GET"}
        return [*(error.code for error in plan.errors), *(objection.guard for objection in plan.objections)]


@pytest.fixture(scope="module")
def running() -> Iterator[There]:
    with serve() as started, Client(started.token, started.url, Client.Config(retries=0)) as client:
        api = Api(started)
        yield There(api, client)
        api.session.close()


@pytest.fixture(params=["documented", "strict", "lenient"])
def there(running: There, request: pytest.FixtureRequest) -> There:
    running.profile = request.param
    running.begin()
    return running


def test_a_stack_lives_from_its_first_bucket_to_its_last(there: There) -> None:
    protected = replace(entry("archive", labels=["Radio"]), protect=True)
    there.apply(replace(RADIO, desired=(protected, entry("jingles", labels=[]), entry("live"))))
    marked = {"acrsync:radio"}
    assert there.labels() == {"archive": {"Radio", "acrsync:protected", *marked}, "jingles": marked, "live": marked}
    ids = {name: bucket_id for name, (_, bucket_id) in there.state().items()}

    # Names change, and labels come and go; marks and ids stay.
    chain = (protected, entry("idents", was="jingles", labels=["New"]), entry("jingles", was="live", labels=[]))
    there.apply(replace(RADIO, desired=chain))
    assert there.state() == {
        "archive": ({"Radio", "acrsync:protected", *marked}, ids["archive"]),
        "idents": ({"New", *marked}, ids["jingles"]),
        "jingles": (marked, ids["live"]),
    }
    swap = (protected, entry("jingles", bucket=ids["jingles"]), entry("idents", bucket=ids["live"]))
    there.apply(replace(RADIO, desired=swap))
    assert {name: bucket_id for name, (_, bucket_id) in there.state().items()} == {
        "archive": ids["archive"], "jingles": ids["jingles"], "idents": ids["live"]
    }  # fmt: skip

    # One is forgotten, one pruned, and the protected one goes only after an apply has taken the mark.
    pruning = replace(RADIO, prune=Prune.STACK)
    there.apply(replace(RADIO, desired=(protected, entry("idents")), removed=(Removed("jingles", forget=True),)))
    assert there.labels()["jingles"] == {"New"}
    assert there.refused(replace(pruning, desired=(entry("idents"),))) == ["protected"]
    there.apply(replace(pruning, desired=(replace(protected, protect=False), entry("idents"))))
    there.apply(replace(pruning, desired=(entry("idents"),)))
    assert set(there.labels()) == {"idents", "jingles"}


def test_two_stacks_leave_each_other_alone(there: There) -> None:
    there.apply(replace(RADIO, desired=(entry("news", labels=["Radio"]),)))
    there.apply(replace(TV, desired=(entry("trailers"),), prune=Prune.STACK))
    assert there.refused(replace(TV, desired=(entry("trailers"), entry("news")))) == ["takeover"]
    assert there.refused(replace(TV, desired=(entry("trailers"),), prune=Prune.ACCOUNT)) == ["takeover"]
    assert there.refused(Manifest((entry("news", labels=["Mine"]),), account_uid=19)) == ["takeover"]
    bucket_id = there.state()["news"][1]
    there.apply(replace(TV, desired=(entry("trailers"), entry("news")), approvals=(Approval("takeover", bucket_id),)))
    assert there.labels() == {"news": {"Radio", "acrsync:tv"}, "trailers": {"acrsync:tv"}}
    assert there.refused(replace(RADIO, desired=(entry("news", labels=["Radio"]),))) == ["takeover"]


def test_an_existing_bucket_is_adopted_with_its_labels(there: There) -> None:
    there.begin({"id": 7, "name": "old", "labels": ["Music", "TV"]}, {"id": 8, "name": "bare", "labels": [""]})
    there.apply(replace(RADIO, desired=(entry("old"), entry("bare"))))
    assert there.labels() == {"old": {"Music", "TV", "acrsync:radio"}, "bare": {"acrsync:radio"}}


def test_two_buckets_with_one_name_are_distinguished_only_by_id(there: There) -> None:
    there.begin({"id": 7, "name": "twin"}, {"id": 8, "name": "twin", "type": "Live"}, {"id": 9, "name": "other"})
    assert there.refused(replace(RADIO, desired=(entry("twin"),), prune=Prune.ACCOUNT)) == ["E202"]
    assert there.refused(replace(RADIO, removed=(Removed("twin"),))) == ["E202"]
    there.apply(replace(RADIO, desired=(entry("single", bucket=7),)))
    there.apply(replace(RADIO, desired=(entry("single"), Desired({"name": "twin", "type": "Live"}))))
    assert {name: bucket_id for name, (_, bucket_id) in there.state().items()} == {"single": 7, "twin": 8, "other": 9}


@pytest.mark.parametrize("name", ["Music", "music", "m\N{LATIN SMALL LETTER U WITH DIAERESIS}sic"])
def test_a_name_that_only_looks_the_same_is_never_created(there: There, name: str) -> None:
    there.begin({"id": 7, "name": name})
    wanted = name.swapcase()
    assert there.refused(replace(RADIO, desired=(entry(wanted),))) == ["E207"]
    there.apply(replace(RADIO, desired=(entry(wanted, was=name),)))
    assert there.state()[wanted][1] == 7


def test_renames_wait_for_a_name_in_another_case(there: There) -> None:
    there.begin({"id": 7, "name": "a"}, {"id": 8, "name": "b"})
    there.apply(replace(RADIO, desired=(entry("B", was="a"), entry("c", was="b"))))
    assert {name: bucket_id for name, (_, bucket_id) in there.state().items()} == {"B": 7, "c": 8}


def test_rows_of_other_accounts_are_shown_and_never_touched(there: There) -> None:
    shared = {"id": 23, "uid": 1, "name": "ACRCloud Music", "region": "global", "access_permission": "public"}
    there.begin({"id": 7, "name": "mine"}, shared, foreign_rows="listed")
    assert there.refused(Manifest((entry("mine", labels=["TV"]),))) == ["account"]
    assert there.refused(replace(RADIO, account_uid=20, desired=(entry("mine"),)))[-1:] == ["account"]
    assert there.refused(replace(RADIO, desired=(entry("ACRCloud Music"),))) == ["E208"]
    assert there.refused(replace(RADIO, desired=(entry("ACRCloud Music", bucket=7),))) == ["E208"]
    done = there.apply(replace(RADIO, desired=(entry("mine"),), removed=(Removed("ACRCloud Music"),)))
    assert [(keep.kept, keep.live.id) for keep in done.plan.kept] == [("foreign", 23)]


def test_in_an_empty_account_the_first_create_shows_the_uid(there: There) -> None:
    manifest = replace(RADIO, account_uid=20, desired=tuple(entry(name) for name in ("a", "b", "c")))
    done = reconcile(manifest, there.account, parallelism=4, settle_s=0)
    assert [outcome.status for outcome in done.outcomes] == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]
    assert [request["method"] for request in there.api.requests()].count("POST") == 1


# Who uses it ---------------------------------------------------------------------------------------------------------


def test_a_bucket_that_projects_use_is_not_taken_from_them(there: There) -> None:
    there.begin({"id": 7, "name": "used"}, {"id": 8, "name": "named"}, {"id": 9, "name": "free"})
    for kind in ("base-projects", "bm-cs-projects", "bm-bd-projects", "fs-containers"):
        there.api.control("POST", f"references/{kind}", {"name": f"of {kind}", "buckets": [7]})
    there.api.control("POST", "references/fs-containers", {"name": "by name", "buckets": ["named"]})

    deleting = replace(RADIO, removed=(Removed("used"), Removed("named"), Removed("free")))
    plan = plan_for(deleting, there.account)
    assert [(objection.guard, objection.id) for objection in plan.objections] == [("in-use", 8), ("in-use", 7)]
    used = plan.objections[1].diagnostic.detail
    for kind in ("base-project", "bm-cs-project", "bm-bd-project", "fs-container"):
        assert f"{kind} of {kind}s (id " in used
    assert "fs-container by name (id " in plan.objections[0].diagnostic.detail

    replacing = replace(RADIO, desired=(entry("used", net_type=2),), approvals=(Approval("replace", 7),))
    assert there.refused(replacing) == ["in-use"]
    renaming = replace(
        RADIO, desired=(entry("new", was="used"), entry("newer", was="named"), entry("newest", was="free"))
    )
    assert there.refused(renaming) == ["in-use", "in-use"]  # both are in a container; projects refer by id
    approved = tuple(Approval("in-use", bucket_id) for bucket_id in (7, 8))
    there.apply(replace(renaming, approvals=approved))


def test_if_references_cannot_be_read_a_bucket_may_be_in_use(there: There) -> None:
    scopes = ["buckets", "audios", "channels", "projects"]  # none for containers
    poor = {"token": "poor", "uid": 19, "scopes": scopes}
    profile = {"base": there.profile, "foreign_rows": "hidden"}
    there.api.reset(rows=[{"id": 7, "name": "free"}], accounts=[poor], profile=profile)
    with Client("poor", there.api.url, Client.Config(retries=0)) as client:
        seen = There(there.api, client, there.profile)
        plan = plan_for(replace(RADIO, removed=(Removed("free"),)), seen.account)
        assert [objection.guard for objection in plan.objections] == ["in-use"]
        assert "fs-containers cannot be read" in plan.objections[0].diagnostic.detail
        assert plan_for(replace(RADIO, desired=(entry("free", labels=["TV"]),)), seen.account).can_apply
        there.apply(replace(RADIO, removed=(Removed("free"),), approvals=(Approval("in-use", 7),)))


# Saved plans and undo ------------------------------------------------------------------------------------------------


def saved(plan: Plan) -> Plan:
    return load_plan(FORMATS["json"](plan, RUN)).plan


EVERYTHING = (
    entry("b", bucket=7, labels=["TV"]),
    entry("a", bucket=8, metadata_template={"artist": {"default": "x"}}),
    entry("fresh", labels=["Music"]),
    entry("exchanged", net_type=2),
)


def seeded(there: There, **profile: JSON) -> Manifest:
    """Begin with one bucket for each sort of change, and return the manifest that asks for all of them."""
    rows = [
        {"id": 7, "name": "a", "labels": ["Music", "acrsync:tv"]},
        {"id": 8, "name": "b"},
        {"id": 9, "name": "exchanged", "labels": ["Old"], "net_type": 1},
        {"id": 10, "name": "gone", "labels": ["Kept", "acrsync:radio"], "metadata_template": '{"album":{}}'},
    ]
    there.begin(*rows, **profile)
    approvals = (Approval("replace", 9), Approval("takeover", 7))
    return replace(RADIO, desired=EVERYTHING, removed=(Removed("gone"),), approvals=approvals)


def seen(there: There) -> dict[str, Any]:
    return {row.name: (row.attrs, row.marks) for row in there.account.observe().rows if row.uid == 19}


def test_a_saved_plan_applied_twice_writes_nothing_the_second_time(there: There) -> None:
    # Where the server answers 403 for what is gone, a second apply ends there, without a write all the same.
    plan = saved(plan_for(seeded(there, unknown_id="error_404"), there.account))
    assert plan.can_apply, plan.objections
    assert len(plan.work) == 6
    first = applied(plan, there.account, parallelism=4, settle_s=0)
    assert first.verified, first.outcomes
    there.api.control("DELETE", "requests")
    second = applied(plan, there.account, parallelism=4, settle_s=0)
    assert second.verified, second.outcomes
    assert {outcome.status for outcome in second.outcomes} == {Status.ALREADY}
    assert {request["method"] for request in there.api.requests()} == {"GET"}


def test_a_run_its_undo_and_the_undo_of_that(there: There, tmp_path: Path) -> None:
    manifest = seeded(there)
    before = seen(there)
    first = recorded(plan_for(manifest, there.account), there.account, tmp_path, settle_s=0)
    after = seen(there)

    def take_back(lines: Any) -> Any:
        ids = [row.id for row in there.account.observe().rows]
        approvals = tuple(Approval(guard, bucket_id) for guard in ("replace", "takeover") for bucket_id in ids)
        undone = undo(lines, there.account.observe(), approvals=approvals)
        assert [diagnostic.code for diagnostic in undone.hints] == ["W222"]
        plan = plan_for(undone.manifest, there.account)
        assert plan.can_apply, (plan.errors, plan.objections)
        return recorded(saved(plan), there.account, tmp_path, settle_s=0)

    second = take_back(first)
    assert seen(there) == before
    take_back(second)
    assert seen(there) == after
