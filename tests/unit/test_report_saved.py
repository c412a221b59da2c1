"""A saved plan comes back as it was planned, or is refused with one message."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from acrsync.diagnostics import AcrsyncError, Diagnostic, Severity, Span
from acrsync.model import Approval, Attrs, Desired, Live, Manifest, Removed
from acrsync.plan.changes import Create, Delete, Keep, Marks, Objection, Replace, Update
from acrsync.plan.document import Plan, checksum
from acrsync.plan.file import load_plan
from acrsync.plan.outcome import ExitCode, Run
from acrsync.report import FORMATS
from report_plans import CREATE, EVERYTHING, RUN, UPDATE, error, plan_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Edit = Callable[[Any], Any]


def text_of(plan: Plan | None, run: Run = RUN) -> str:
    return FORMATS["json"](plan, run)


def edited(edit: Edit, *, sealed: bool) -> str:
    """Return a saved plan after an edit of its document; `sealed` with a new checksum."""
    document = json.loads(text_of(EVERYTHING))
    edit(document)
    return json.dumps(document | {"checksum": checksum(document)} if sealed else document)


def code_of(text: str | bytes) -> str:
    with pytest.raises(AcrsyncError) as caught:
        load_plan(text)
    return caught.value.diagnostic.code


def test_a_saved_plan_survives_a_round_trip() -> None:
    saved = load_plan(text_of(EVERYTHING).encode())
    assert saved.plan == EVERYTHING
    assert saved.created_at == datetime(2026, 8, 1, 9, 30, tzinfo=UTC)
    assert saved.plan.digest == EVERYTHING.digest
    assert saved.acrsync_version == "0.0.0"


def test_absent_null_and_empty_stay_different() -> None:
    wanted: list[Attrs] = [
        {"name": "a"},
        {"name": "a", "metadata_template": None},
        {"name": "a", "metadata_template": {}},
    ]
    for attrs in wanted:
        plan = plan_of((Create(Desired(attrs), ""),))
        [[change]] = load_plan(text_of(plan)).plan.waves
        assert isinstance(change, Create)
        assert change.desired.attrs == attrs


def test_a_refused_plan_is_still_refused_after_loading() -> None:
    plan = load_plan(text_of(EVERYTHING)).plan
    assert not plan.can_apply


def test_an_error_of_the_run_that_saved_it_refuses_the_plan_too() -> None:
    run = replace(RUN, exit_code=ExitCode.FAILED, diagnostics=(error("E401", "No access", ""),))
    saved = load_plan(text_of(plan_of((CREATE,)), run))
    assert [diagnostic.code for diagnostic in saved.plan.errors] == ["E401"]


def test_reformatting_is_not_an_edit() -> None:
    document = json.loads(text_of(EVERYTHING))
    shuffled = dict(reversed(document.items()))
    assert load_plan(json.dumps(shuffled, ensure_ascii=False, separators=(",", ":"))).plan == EVERYTHING


def later_minor(document: Any) -> None:
    document.update(format_version="1.7", news={"a": 1})
    document["resource_changes"][0]["news"] = True
    document["manifest"]["news"] = []


def test_a_later_minor_version_is_read_and_its_new_keys_are_ignored() -> None:
    assert load_plan(edited(later_minor, sealed=True)).plan == EVERYTHING


UNREADABLE = [
    ("empty", b"", "E050"),
    ("not JSON", b"version: 1\n", "E050"),
    ("not UTF-8", text_of(EVERYTHING).encode().replace(b"OPS-311", b"OPS-\xff"), "E053"),
    ("NaN is not JSON", b'{"a": NaN}', "E050"),
    ("a number beyond all bounds", b'{"a": 1e999}', "E050"),
    ("more digits than can be read", b"9" * 5000, "E050"),
    ("a list", b"[]", "E051"),
    ("any other JSON", b'{"version": 4, "resources": []}', "E051"),
    ("a Terraform plan", b'{"format_version": "1.2", "planned_values": {}}', "E051"),
    ("no version", b'{"format_version": 1.0, "resource_changes": []}', "E051"),
    ("nested without end", b"[" * 100_000, "E054"),
    ("a newer format", b'{"format_version": "2.0", "resource_changes": []}', "E052"),
    ("an older format", b'{"format_version": "0.9", "resource_changes": []}', "E052"),
    ("no checksum", b'{"format_version": "1.0", "resource_changes": []}', "E053"),
    ("a run without a plan", text_of(None, replace(RUN, diagnostics=(error("E1", "", ""),))).encode(), "E051"),
    ("the report of an apply", text_of(EVERYTHING, replace(RUN, outcomes=())).encode(), "E051"),
]


@pytest.mark.parametrize(("reason", "text", "code"), UNREADABLE, ids=[case[0] for case in UNREADABLE])
def test_a_file_that_is_not_a_saved_plan_is_refused(reason: str, text: bytes, code: str) -> None:
    assert code_of(text) == code, reason


def test_a_truncated_plan_is_refused() -> None:
    text = text_of(plan_of((CREATE,))).rstrip()
    assert {code_of(text[:end]) for end in range(len(text))} == {"E050"}
    with pytest.raises(AcrsyncError, match="cut off"):
        load_plan(text[: len(text) // 2])


def first(document: Any) -> Any:
    return document["resource_changes"][0]


EDITS: list[tuple[str, Edit]] = [
    ("a desired value", lambda d: first(d)["desired"]["attributes"].update(labels=["x"])),
    ("an id", lambda d: first(d)["live"].update(id=1)),
    ("an objection taken away", lambda d: d.update(objections=[])),
    ("a limit", lambda d: d["manifest"]["limits"].update(deletes=99)),
    ("`num` of a bucket to delete", lambda d: d["resource_changes"][4]["live"]["facts"].update(num=0 - 1)),
    ("a change taken away", lambda d: d["resource_changes"].pop(1)),
]
FACTS: list[tuple[str, Edit]] = [
    ("the time", lambda d: d.update(timestamp="2030-01-01T00:00:00Z")),
    ("what is shown but not applied", lambda d: first(d)["change"].update(actions=["no-op"])),
    ("a place", lambda d: first(d)["desired"]["source"].update(line=1)),
    ("a key more", lambda d: d.update(more=1)),
]


@pytest.mark.parametrize(("reason", "edit"), EDITS + FACTS, ids=[case[0] for case in EDITS + FACTS])
def test_every_edit_is_detected(reason: str, edit: Edit) -> None:
    assert code_of(edited(edit, sealed=False)) == "E053", reason


@pytest.mark.parametrize(("reason", "edit"), EDITS, ids=[case[0] for case in EDITS])
def test_an_edit_of_the_meaning_is_detected_despite_a_new_checksum(reason: str, edit: Edit) -> None:
    assert code_of(edited(edit, sealed=True)) == "E053", reason


MISFITS: list[tuple[str, Edit, str]] = [
    ("a key is missing", lambda d: d.pop("notes"), "notes"),
    ("a text for a number", lambda d: first(d)["live"].update(id="8881"), "resource_changes[0].live.id"),
    ("true for a number", lambda d: first(d)["live"].update(id=True), "resource_changes[0].live.id"),
    ("a text for a list", lambda d: d.update(notes="x"), "notes"),
    ("an unknown action", lambda d: first(d).update(action="move"), "resource_changes[0].action"),
    ("keep is not a change", lambda d: first(d).update(action="keep"), "resource_changes[0].wave"),
    ("an attribute we could not send", lambda d: first(d)["desired"]["attributes"].update(colour=1), "(not colour)"),
    ("a bucket without a name", lambda d: first(d)["desired"]["attributes"].pop("name"), "attributes"),
    ("labels that are no list", lambda d: first(d)["desired"]["attributes"].update(labels="a,b"), "attributes.labels"),
    ("a field that is not desired", lambda d: first(d).update(fields=["region"]), "resource_changes[0].fields"),
    ("waves out of order", lambda d: first(d).update(wave=9), "resource_changes"),
    ("another way to write the time", lambda d: d.update(timestamp="yesterday"), "timestamp"),
    (
        "a limit that is not a number",
        lambda d: d["manifest"]["limits"].update(deletes="all"),
        "manifest.limits.deletes",
    ),
    ("a list for an object", lambda d: d.update(account=[]), "account"),
    ("a severity that there is not", lambda d: d["diagnostics"][0].update(severity="fatal"), "diagnostics[0].severity"),
]


@pytest.mark.parametrize(("reason", "edit", "place"), MISFITS, ids=[case[0] for case in MISFITS])
def test_a_value_that_does_not_fit_the_format_is_refused_with_its_path(reason: str, edit: Edit, place: str) -> None:
    with pytest.raises(AcrsyncError) as caught:
        load_plan(edited(edit, sealed=True))
    assert caught.value.diagnostic.code == "E054", reason
    assert place in caught.value.diagnostic.detail


# What a document carries of each noun. Where a noun grows, the document, the digest and the schema must decide on it.
CARRIED: dict[type[DataclassInstance], str] = {
    Plan: "waves kept manifest uid endpoint diagnostics objections approved notes open made_at",
    Create: "desired reason marks",
    Update: "desired live fields reason marks needs",
    Replace: "desired live fields reason marks",
    Delete: "live reason",
    Keep: "live kept desired",
    Marks: "add remove",
    Objection: "guard diagnostic id approval stack",
    Manifest: "desired removed approvals stack account_uid ownership prune deletes_limit files spans "
    "environment endpoint token_env runs",
    Desired: "attrs span id was protect marks",
    Removed: "name forget span id",
    Approval: "guard id reason span stack",
    Live: "id attrs marks facts unreadable",
    Diagnostic: "severity code summary detail fix span",
    Span: "file line column",
}


@pytest.mark.parametrize("noun", CARRIED, ids=str)
def test_every_part_of_a_plan_is_saved(noun: type[DataclassInstance]) -> None:
    assert " ".join(field.name for field in fields(noun)) == CARRIED[noun]


def test_a_message_has_a_fix() -> None:
    with pytest.raises(AcrsyncError) as caught:
        load_plan("{}")
    diagnostic = caught.value.diagnostic
    assert diagnostic.severity is Severity.ERROR
    assert "acrsync plan --out" in diagnostic.fix


def test_an_update_of_marks_only_survives_a_round_trip() -> None:
    plan = plan_of((replace(UPDATE, fields=()),))
    assert load_plan(text_of(plan)).plan == plan
