"""Whole reports, one folder a case: what people read, character by character."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from acrsync.diagnostics import Diagnostic, Severity, Span
from acrsync.model import JSON, Approval, Live, Manifest
from acrsync.plan.changes import Create, Delete, Kept, Marks, Objection, Replace, Update, Work
from acrsync.plan.document import Plan
from acrsync.plan.outcome import ExitCode, Outcome, Status
from acrsync.report import COLOURED, FORMATS, PLAIN, diagnostics_text, plan_text
from acrsync.report.result import result_text
from report_plans import (
    CREATE,
    DELETE,
    EVERYTHING,
    IN_SYNC,
    REPLACE,
    RUN,
    TEMPLATE,
    TOO_MANY,
    UPDATE,
    desired,
    error,
    live,
    plan_of,
    unmanaged,
)

HERE = Path(__file__).parent
Golden = Callable[[Path, str], None]


def renamed(bucket_id: int, old: str, new: str, reason: str = "name differs", needs: tuple[int, ...] = ()) -> Update:
    return Update(desired(new), live(bucket_id, old), ("name",), reason, needs=needs)


def updated(before: JSON, after: JSON, *, key: str = "metadata_template") -> Update:
    return Update(desired("music", **{key: after}), live(1116, "music", **{key: before}), (key,), f"{key} differs")


REPLACE_OBJECTION = Objection(
    "replace",
    error(
        "E302",
        "Replacement needs approval",
        "Bucket us-bucket (id 1159): region cannot change in place; a replacement gets a new id, "
        "and whatever refers to 1159 loses it.",
        'undo the edit, or approve it by adding to the manifest:\nallow: [{guard: replace, id: 1159, reason: "..."}]',
        line=7,
    ),
    1159,
    "replace:1159",
)
FULL = replace(DELETE, live=live(12309, "ads-2019", type="LiveRec", num=7))
CONTENT_OBJECTION = Objection(
    "content",
    error(
        "E301",
        "Bucket is not empty",
        "Bucket ads-2019 (id 12309) holds 7 items. Deleted content cannot be restored, so the bucket is never deleted.",
        "empty it in the ACRCloud console first, or keep the bucket as it is.",
    ),
    12309,
)
HOSTILE = "x\n- music (id 1116)\x1b[2K\r"
AMBIGUOUS = error(
    "E202",
    "Two buckets in the account have this name",
    "2 buckets are named music: music (id 1116, eu-west-1, File, 7 items, created 2016-05-01 07:10:16); "
    "music (id 1159, global, File, 0 items, created 2016-05-11 06:49:55).",
    "select one of them: add `id: 1116` or `id: 1159`.",
    line=12,
)

PLANS: dict[str, Plan] = {
    "no-changes": plan_of(kept=(IN_SYNC, *unmanaged("left", "over"))),
    "no-changes-in-an-empty-account": Plan(endpoint="https://api-v2.acrcloud.com"),
    "creates": plan_of(
        (CREATE, Create(desired("talk", region="eu-west-1", type="File"), "not in the account")),
        kept=(IN_SYNC,),
    ),
    "update-of-labels-and-template-fields": plan_of(
        (
            updated(["Music", "Video"], ["Commercial", "Music", "my label"], key="labels"),
            updated(
                TEMPLATE | {"genre": {"default": "pop"}},
                {
                    "artist": {"default": "nobody"},
                    "album": {"type": "select", "default": "334", "options": ["123", "200", "334"]},
                    "my title": {"type": "text"},
                },
            ),
        )
    ),
    "update-clears-and-sets-a-template": plan_of(
        (updated(TEMPLATE, None), updated(None, {"a": {"default": "1"}}), updated("not {json", {"a": {}}))
    ),
    "rename": plan_of((renamed(8881, "old-archive", "archive"),)),
    "rename-with-labels": plan_of(
        (
            replace(
                UPDATE, desired=desired("tunes", labels=["TV"]), fields=("name", "labels"), reason="name, labels differ"
            ),
        )
    ),
    "swap-in-waves": plan_of(
        (renamed(1, "eu", "eu.acrsync-1", "frees its name for a swap"),),
        (renamed(2, "us", "eu", needs=(1,)),),
        (renamed(1, "eu.acrsync-1", "us", needs=(2,)),),
    ),
    "replace-with-objection": plan_of((REPLACE,), objections=(REPLACE_OBJECTION,)),
    "replace-approved": plan_of((REPLACE,), approved=(Approval("replace", 1159, "OPS-311"),)),
    "replace-of-several-fields": plan_of(
        (
            Replace(
                desired("us", region="us-west-2", type="Live", net_type=0, labels=["TV"], metadata_template=None),
                live(1159, "us-bucket", region="global", num=None),
                ("name", "region", "type", "net_type", "labels"),
                "region and type and net_type cannot change in place",
                Marks(add=("acrsync:radio",)),
            ),
        )
    ),
    "delete-with-content-objection": plan_of((FULL,), objections=(CONTENT_OBJECTION,)),
    "deletes-over-the-limit": plan_of(
        tuple(Delete(live(number, f"old-{number}"), "not in the manifest (`prune: stack`)") for number in (1, 2)),
        objections=(TOO_MANY,),
        manifest=Manifest(stack="radio"),
    ),
    "unmanaged-more-than-ten": plan_of(
        kept=(*unmanaged("theirs", kept=Kept.FOREIGN), *unmanaged(*(f"bucket-{number:02}" for number in range(13))))
    ),
    "hostile-names": plan_of(
        (
            Create(desired(HOSTILE, region="##[add-mask]eu", type="::error::x", labels=["a, b", "\u202etxt"]), "::x"),
            updated({"a\nb": {"default": "\u200b"}}, {"a\nb": {"default": "##vso[task.complete]"}}),
            Delete(live(6, "ok (id 7, eu-west-1, File, 0 items)\n  + fine"), "listed in `removed`"),
        ),
        kept=unmanaged("::error file=a::b", "x##[group]y"),
        notes=("first\n::error::second",),
        diagnostics=(error("E999", "Broken", "one\n   ::error::two", "##[error]three"),),
    ),
    "marks-added-and-removed": plan_of(
        (
            Update(desired("a"), live(1, "a"), (), "ownership", Marks(add=("acrsync:protected", "acrsync:radio"))),
            Update(desired("b"), live(2, "b"), (), "ownership", Marks(("acrsync:radio",), ("acrsync:tv",))),
            Update(
                desired("c"),
                live(3, "c"),
                (),
                "forget: removes the mark, keeps the bucket",
                Marks(remove=("acrsync:tv",)),
            ),
        ),
        manifest=Manifest(stack="radio"),
    ),
    "errors-with-places": plan_of(
        (CREATE,),
        diagnostics=(
            error("E201", "Bucket id is not listed", "Bucket talk has `id: 3`.", "remove `id`.", line=30),
            AMBIGUOUS,
            Diagnostic(
                Severity.WARNING, "W310", "This approval has no effect", "replace:3 names a bucket that is gone."
            ),
            Diagnostic(Severity.HINT, "H201", "This `was` has no effect", "", "remove it.", Span("radio.yaml", 3, 1)),
        ),
    ),
    "nothing-but-errors": plan_of(kept=(IN_SYNC,), diagnostics=(AMBIGUOUS,)),
    "everything": EVERYTHING,
}

LOST = error(
    "E505",
    "Not created again",
    "Bucket us-bucket (id 1159) is deleted; creating it again was refused.",
    "add this entry and run apply again:\n- {name: us-bucket, region: us-west-2, type: File}",
)
NO_ACCESS = error("E402", "No access", "https://api-v2.acrcloud.com answered 403.", "use a token that may write.")


def outcome_of_every_status() -> tuple[Plan, tuple[Outcome, ...]]:
    """Return a plan with one change for each status, in the order of the enum."""
    new = live(30358, "radio-live")
    ends: dict[Status, tuple[Work, Diagnostic | None, Live | None]] = {
        Status.CREATED: (CREATE, None, new),
        Status.ADOPTED: (replace(CREATE, desired=desired("adopted")), None, replace(new, id=30359)),
        Status.UPDATED: (renamed(8881, "old-archive", "archive"), None, live(8881, "archive")),
        Status.REPLACED: (REPLACE, None, live(30360, "us-bucket")),
        Status.DELETED: (DELETE, None, None),
        Status.ALREADY: (Delete(live(7, "gone"), ""), None, None),
        Status.KEPT: (Delete(live(8, "kept"), ""), None, None),
        Status.STALE: (Delete(live(9, "stale"), ""), None, None),
        Status.REFUSED: (replace(FULL, live=live(13, "full", num=7)), CONTENT_OBJECTION.diagnostic, None),
        Status.FAILED: (replace(REPLACE, live=live(10, "us-bucket")), LOST, None),
        Status.UNKNOWN: (replace(CREATE, desired=desired("lost")), None, None),
        Status.SKIPPED: (Delete(live(11, "later"), ""), NO_ACCESS, None),
    }
    outcomes = tuple(Outcome(change, status, message, seen) for status, (change, message, seen) in ends.items())
    again = Outcome(Delete(live(12, "much-later"), ""), Status.SKIPPED, NO_ACCESS)
    return plan_of(tuple(outcome.change for outcome in (*outcomes, again))), (*outcomes, again)


@pytest.mark.parametrize("case", PLANS)
def test_a_plan_reads_as_reviewed(case: str, golden: Golden) -> None:
    golden(HERE / case / "plan.txt", plan_text(PLANS[case], style=PLAIN))


def test_a_plan_in_colour_reads_as_reviewed(golden: Golden) -> None:
    golden(HERE / "everything" / "plan.ansi.txt", plan_text(EVERYTHING, style=COLOURED))


def test_a_document_reads_as_reviewed(golden: Golden) -> None:
    golden(HERE / "everything" / "plan.json", FORMATS["json"](EVERYTHING, RUN))


def test_an_apply_with_every_status_reads_as_reviewed(golden: Golden) -> None:
    plan, outcomes = outcome_of_every_status()
    run = replace(RUN, exit_code=ExitCode.INCOMPLETE, outcomes=outcomes)
    golden(HERE / "apply-every-status" / "result.txt", result_text(plan, run, style=PLAIN))


def test_an_apply_that_is_verified_reads_as_reviewed(golden: Golden) -> None:
    plan = plan_of((CREATE,), (UPDATE,))
    outcomes = (
        Outcome(CREATE, Status.CREATED, live=live(30358, "radio-live"), wrote=True),
        Outcome(UPDATE, Status.UPDATED, live=live(1116, "music"), wrote=True),
    )
    golden(
        HERE / "apply-verified" / "result.txt",
        result_text(plan, replace(RUN, outcomes=outcomes, verified=True), style=PLAIN),
    )


def test_an_interrupted_apply_lists_the_changes_that_did_not_begin(golden: Golden) -> None:
    plan = plan_of((CREATE,), (UPDATE, DELETE))
    outcomes = (Outcome(CREATE, Status.CREATED, live=live(30358, "radio-live"), wrote=True),)
    interrupted = error("E501", "Interrupted", "The run ended after what was in flight.", "run apply again.")
    run = replace(RUN, exit_code=ExitCode.INTERRUPTED, outcomes=outcomes, diagnostics=(interrupted,))
    golden(HERE / "apply-interrupted" / "result.txt", result_text(plan, run, style=PLAIN))


def test_messages_read_as_reviewed(golden: Golden) -> None:
    messages = (AMBIGUOUS, REPLACE_OBJECTION.diagnostic, NO_ACCESS)
    golden(HERE / "messages" / "messages.txt", diagnostics_text(messages, style=PLAIN))
    golden(HERE / "messages" / "messages.ansi.txt", diagnostics_text(messages, style=COLOURED))


def test_every_folder_is_a_case() -> None:
    cases = {*PLANS, "apply-every-status", "apply-verified", "apply-interrupted", "messages"}
    assert {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"} == cases
