"""What the digest covers, and what moves by itself and so must not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from acrsync.diagnostics import Diagnostic, Severity, Span
from acrsync.model import Approval, Limit, Prune, Removed
from acrsync.plan.changes import Marks, Work
from acrsync.plan.document import Plan
from report_plans import (
    CREATE,
    DELETE,
    EVERYTHING,
    IN_USE,
    RENAME,
    REPLACE,
    UPDATE,
    desired,
    error,
    unmanaged,
)

Edit = Callable[[Plan], Plan]


def change(old: Work, **edits: Any) -> Edit:
    """Return an edit of one change."""

    def edit(plan: Plan) -> Plan:
        new = replace(old, **edits)
        return replace(plan, waves=tuple(tuple(new if work is old else work for work in wave) for wave in plan.waves))

    return edit


def manifest(**edits: Any) -> Edit:
    return lambda plan: replace(plan, manifest=replace(plan.manifest, **edits))


def plan(**edits: Any) -> Edit:
    return lambda old: replace(old, **edits)


def with_attrs(noun: Any, **attrs: Any) -> Any:
    return replace(noun, attrs={**noun.attrs, **attrs})


def with_facts(noun: Any, **facts: Any) -> Any:
    return replace(noun, facts={**noun.facts, **facts})


def without(noun: Any, key: str) -> Any:
    return replace(noun, attrs={name: value for name, value in noun.attrs.items() if name != key})


MEANING: list[tuple[str, Edit]] = [
    ("a desired value", change(CREATE, desired=with_attrs(CREATE.desired, region="eu-west-1"))),
    ("null is not absent", change(UPDATE, desired=without(UPDATE.desired, "metadata_template"))),
    ("empty is not null", change(UPDATE, desired=with_attrs(UPDATE.desired, metadata_template={}))),
    ("true is not one", change(CREATE, desired=with_attrs(CREATE.desired, net_type=True))),
    ("the id of a bucket to update", change(UPDATE, live=replace(UPDATE.live, id=1117))),
    ("the id of a bucket to delete", change(DELETE, live=replace(DELETE.live, id=12310))),
    ("a live value that the manifest mentions", change(UPDATE, live=with_attrs(UPDATE.live, labels=["TV"]))),
    ("any live value of a bucket to delete", change(DELETE, live=with_attrs(DELETE.live, labels=["TV"]))),
    ("any live value of a bucket to replace", change(REPLACE, live=with_attrs(REPLACE.live, net_type=0))),
    ("`num` of a bucket to delete", change(DELETE, live=with_facts(DELETE.live, num=7))),
    ("`num` of a bucket to replace", change(REPLACE, live=with_facts(REPLACE.live, num=None))),
    ("live marks", change(UPDATE, live=replace(UPDATE.live, marks=("acrsync:radio",)))),
    ("marks to remove", change(UPDATE, marks=Marks())),
    ("marks to add", change(CREATE, marks=Marks(add=("acrsync:other",)))),
    ("fields", change(UPDATE, fields=("labels",))),
    ("what a rename waits for", change(UPDATE, needs=())),
    ("`was`", change(RENAME, desired=replace(RENAME.desired, was=None))),
    ("`protect`", change(UPDATE, desired=replace(UPDATE.desired, protect=None))),
    ("marks that are wanted exactly", change(UPDATE, desired=replace(UPDATE.desired, marks=()))),
    ("another action", lambda plan: replace(plan, waves=(*plan.waves[:-1], (replace(CREATE, desired=desired("x")),)))),
    ("a change less", lambda plan: replace(plan, waves=plan.waves[:-1])),
    ("another order", lambda plan: replace(plan, waves=(plan.waves[1], plan.waves[0], *plan.waves[2:]))),
    ("two waves made one", lambda p: replace(p, waves=((*p.waves[0], *p.waves[1]), *p.waves[2:]))),
    ("uid", plan(uid=20)),
    ("endpoint", plan(endpoint="https://api-v2.acrcloud.cn")),
    ("an objection", plan(objections=(IN_USE,))),
    ("what an objection is about", lambda p: replace(p, objections=(replace(IN_USE, id=1), p.objections[1]))),
    (
        "what would approve an objection",
        lambda p: replace(p, objections=(replace(IN_USE, approval=""), p.objections[1])),
    ),
    ("an approval in force", plan(approved=())),
    ("an error", plan(diagnostics=(error("E202", "Two buckets in the account have this name", ""),))),
    ("the manifest's buckets", manifest(desired=())),
    ("the manifest's removals", manifest(removed=())),
    ("forget", manifest(removed=(Removed("ads-2019"), Removed("legacy", forget=False)))),
    ("the manifest's approvals", manifest(approvals=())),
    ("the reason of an approval", manifest(approvals=(Approval("replace", 1159, "OPS-1"), Approval("takeover", 3)))),
    ("stack", manifest(stack="tv")),
    ("account", manifest(account_uid=None)),
    ("ownership", manifest(ownership=False)),
    ("prune", manifest(prune=Prune.ACCOUNT)),
    ("the limit", manifest(deletes_limit=Limit(2))),
    ("a percentage is not a number", manifest(deletes_limit=Limit(1, percent=True))),
]

FACTS: list[tuple[str, Edit]] = [
    ("nothing", lambda plan: plan),
    ("`updated_at` of a bucket to delete", change(DELETE, live=with_facts(DELETE.live, updated_at="2026-01-01"))),
    ("`num` of a bucket to update", change(UPDATE, live=with_facts(UPDATE.live, num=7))),
    ("a live value that the manifest leaves out", change(RENAME, live=with_attrs(RENAME.live, net_type=2))),
    ("the place of an entry", change(CREATE, desired=replace(CREATE.desired, span=Span("tv.yaml", 1, 1)))),
    ("the words of a reason", change(DELETE, reason="not wanted")),
    ("what is left alone", plan(kept=unmanaged("newcomer"))),
    ("warnings and hints", plan(diagnostics=(Diagnostic(Severity.HINT, "H201", "", ""),))),
    ("notes", plan(notes=())),
    (
        "the words of an objection",
        lambda p: replace(p, objections=(replace(IN_USE, diagnostic=error("", "", "")), p.objections[1])),
    ),
    ("the order of objections", lambda plan: replace(plan, objections=plan.objections[::-1])),
    ("an empty wave", lambda plan: replace(plan, waves=((), *plan.waves))),
    ("file names", manifest(files=("a.yaml", "b.yaml"))),
    ("places of keys", manifest(spans={})),
    ("the order of entries", lambda p: manifest(desired=p.manifest.desired[::-1], removed=p.manifest.removed[::-1])(p)),
    ("the place of an approval", manifest(approvals=(Approval("takeover", 3), Approval("replace", 1159, "OPS-311")))),
    (
        "the order of keys in a template",
        change(
            CREATE,
            desired=with_attrs(
                CREATE.desired, metadata_template=dict(reversed(CREATE.desired.attrs["metadata_template"].items()))
            ),
        ),
    ),
]


@pytest.mark.parametrize(("reason", "edit"), MEANING, ids=[case[0] for case in MEANING])
def test_an_edit_of_the_meaning_changes_the_digest(reason: str, edit: Edit) -> None:
    assert edit(EVERYTHING) != EVERYTHING or reason == "true is not one"
    assert edit(EVERYTHING).digest != EVERYTHING.digest, reason


@pytest.mark.parametrize(("reason", "edit"), FACTS, ids=[case[0] for case in FACTS])
def test_volatile_values_are_not_in_the_digest(reason: str, edit: Edit) -> None:
    assert edit(EVERYTHING).digest == EVERYTHING.digest, reason


def test_the_digest_of_a_known_plan_never_changes() -> None:
    """A reviewer's approval must outlive an update of the program: a change here needs a new format version."""
    assert EVERYTHING.digest == "sha256:ec24f10b6ace3dd8532efdf787882071cc83aede2027713fa25efb0b929cee3a"
