"""The JSON document: what programs read."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from acrsync.diagnostics import Diagnostic, Severity
from acrsync.plan.changes import Update, Work
from acrsync.plan.document import Plan, plan_document
from acrsync.plan.outcome import ExitCode, Outcome, Run, Status
from acrsync.report import FORMATS
from report_plans import CREATE, DELETE, EVERYTHING, IN_SYNC, RENAME, REPLACE, RUN, UPDATE, desired, live, plan_of

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "plan.v1.json").read_text(encoding="utf-8"))
USAGE = Diagnostic(Severity.ERROR, "E001", "No such option", "--colour", "write `--color`.")


def strict(schema: Any) -> Any:
    """Return the schema with every key refused that it does not describe."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return closed | {key: strict(value) for key, value in schema.items()}


def schemas_of_values(schema: Any) -> Any:
    """Yield every property's schema and every definition, each with its name."""
    if isinstance(schema, list):
        for item in schema:
            yield from schemas_of_values(item)
    elif isinstance(schema, dict):
        for key in ("properties", "$defs"):
            yield from schema.get(key, {}).items()
        for value in schema.values():
            yield from schemas_of_values(value)


def document(plan: Plan | None, run: Run = RUN) -> Any:
    """Return the document as a program gets it."""
    return json.loads(FORMATS["json"](plan, run))


def outcomes_of_everything() -> tuple[Outcome, ...]:
    return (
        Outcome(RENAME, Status.UPDATED, live=live(8881, "archive"), wrote=True),
        Outcome(CREATE, Status.UNKNOWN, USAGE, wrote=True, lost="create"),
        Outcome(REPLACE, Status.REPLACED, live=live(30359, "us-bucket"), wrote=True),
        Outcome(DELETE, Status.SKIPPED),
    )


DOCUMENTS = [
    ("a plan with everything in it", EVERYTHING, RUN),
    ("an empty plan", Plan(), RUN),
    ("a run that ended before there was a plan", None, replace(RUN, exit_code=ExitCode.FAILED, diagnostics=(USAGE,))),
    (
        "an apply",
        EVERYTHING,
        replace(RUN, exit_code=ExitCode.INCOMPLETE, outcomes=outcomes_of_everything(), requests={"GET": 3, "PUT": 1}),
    ),
    ("a template that is text", plan_of(kept=(replace(IN_SYNC, live=live(3, "test", metadata_template="{")),)), RUN),
]


@pytest.mark.parametrize(("reason", "plan", "run"), DOCUMENTS, ids=[case[0] for case in DOCUMENTS])
def test_every_key_is_described_by_the_schema(reason: str, plan: Plan | None, run: Run) -> None:
    errors = [error.message for error in Draft202012Validator(strict(SCHEMA)).iter_errors(document(plan, run))]
    assert errors == [], reason


def test_the_schema_is_a_schema_and_describes_every_property() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "urn:acrsync:plan:v1"
    assert [name for name, schema in schemas_of_values(SCHEMA) if not schema.get("description")] == []


def test_a_reader_of_the_schema_accepts_keys_of_a_later_version() -> None:
    later = document(EVERYTHING) | {"format_version": "1.7", "news": 1}
    later["summary"]["news"] = 1
    assert Draft202012Validator(SCHEMA).is_valid(later)


ACTIONS = [
    (RENAME, ["update"], "rename", "bucket.old-archive"),
    (CREATE, ["create"], "create", None),
    (UPDATE, ["update"], "update", None),
    (REPLACE, ["delete", "create"], "replace", None),
    (DELETE, ["delete"], "delete", None),
]


@pytest.mark.parametrize(("change", "actions", "action", "previous"), ACTIONS, ids=[case[2] for case in ACTIONS])
def test_actions_use_the_terms_of_terraform(
    change: Work, actions: list[str], action: str, previous: str | None
) -> None:
    [entry] = document(plan_of((change,)))["resource_changes"]
    assert entry["change"]["actions"] == actions
    assert (entry["action"], entry["previous_address"], entry["wave"]) == (action, previous, 1)
    assert entry["address"] == f"bucket.{change.name}"


def test_a_bucket_in_sync_is_a_no_op_and_one_without_an_entry_is_unmanaged() -> None:
    found = document(EVERYTHING)
    assert [entry["name"] for entry in found["resource_changes"] if entry["change"]["actions"] == ["no-op"]] == ["test"]
    assert [(entry["name"], entry["kept"]) for entry in found["unmanaged"]] == [
        ("theirs", "foreign"),
        ("left", "unmanaged"),
        ("over", "unmanaged"),
    ]


def test_before_and_after_are_complete_and_a_replacement_names_its_cause() -> None:
    [entry] = document(plan_of((REPLACE,)))["resource_changes"]
    assert entry["change"]["before"]["region"] == "global"
    assert entry["change"]["after"] == dict(REPLACE.desired.attrs)
    assert entry["change"]["replace_paths"] == [["region"]]
    [entry] = document(plan_of((DELETE,)))["resource_changes"]
    assert (entry["change"]["before"]["name"], entry["change"]["after"]) == ("ads-2019", None)


def test_after_keeps_what_the_manifest_leaves_out() -> None:
    change = Update(desired("music", labels=["TV"]), live(1, "music", metadata_template={"a": {}}), ("labels",), "")
    [entry] = document(plan_of((change,)))["resource_changes"]
    assert entry["change"]["after"]["metadata_template"] == {"a": {}}
    assert "metadata_template" not in entry["desired"]["attributes"]


def test_a_delete_points_to_the_line_that_asks_for_it() -> None:
    deleted = next(entry for entry in document(EVERYTHING)["resource_changes"] if entry["action"] == "delete")
    assert deleted["source"] == {"file": "radio.yaml", "line": 30, "column": 12}


def test_the_summary_says_whether_anything_is_destroyed() -> None:
    summary = document(EVERYTHING)["summary"]
    counts = {"rename": 1, "create": 1, "update": 1, "replace": 1, "delete": 1}
    kept = {"unchanged": 1, "unmanaged": 2, "foreign": 1, "unreadable": 0}
    assert summary == counts | kept | {"can_apply": False, "destructive": True}
    assert document(plan_of((CREATE,), (UPDATE,)))["summary"]["destructive"] is False


def test_a_run_without_a_plan_is_still_one_document() -> None:
    found = document(None, replace(RUN, exit_code=ExitCode.FAILED, diagnostics=(USAGE,)))
    assert (found["exit_code"], found["resource_changes"], found["manifest"], found["digest"]) == (1, [], None, None)
    assert [entry["code"] for entry in found["diagnostics"]] == ["E001"]
    assert "outcomes" not in found


def test_an_apply_adds_its_outcomes_with_the_id_that_a_bucket_has_now() -> None:
    found = document(EVERYTHING, replace(RUN, outcomes=outcomes_of_everything(), verified=True))
    listed = [(entry["name"], entry["status"], entry["id"]) for entry in found["outcomes"]]
    assert listed == [
        ("archive", "updated", 8881),
        ("radio-live", "unknown", None),
        ("us-bucket", "replaced", 30359),
        ("ads-2019", "skipped", 12309),
    ]
    assert found["verified"] is True


def test_the_text_is_ascii_without_pipeline_commands() -> None:
    name = "x\u202e##[add-mask]y ##vso[task.complete]\n::error::z ü"
    text = FORMATS["json"](plan_of((Update(desired(name), live(1, "x"), ("name",), ""),)), RUN)
    assert text.isascii()
    assert "##[" not in text
    assert "##vso[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert json.loads(text)["resource_changes"][0]["name"] == name


def test_the_document_and_its_text_are_the_same() -> None:
    assert document(EVERYTHING) == json.loads(json.dumps(plan_document(EVERYTHING, RUN)))
