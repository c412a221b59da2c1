"""The small promises of the texts for people; whole reports are golden files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acrsync.diagnostics import Diagnostic, Severity, Span
from acrsync.plan.changes import Delete
from acrsync.plan.document import Plan
from acrsync.plan.outcome import Outcome, Status
from acrsync.report import COLOURED, FORMATS, PLAIN, diagnostics_text, plan_text
from acrsync.report.result import REMARKS, outcome_line
from acrsync.report.style import shown, shown_path
from acrsync.visible import harmless
from report_plans import CREATE, DELETE, RENAME, REPLACE, RUN, UPDATE, error, live, plan_of, unmanaged

NAMES = [
    ("music", "music", "a plain word stands as it is"),
    ("eu-west-1", "eu-west-1", "hyphens are plain"),
    ("Ünïcode", "Ünïcode", "letters of any script are plain"),
    ("my bucket", '"my bucket"', "a space could pretend to be two names"),
    ("a -> b", '"a -> b"', "an arrow could pretend to be a rename"),
    ("x (id 1)", '"x (id 1)"', "brackets could pretend to be facts"),
    ("a, b", '"a, b"', "a comma could pretend to be a list"),
    ("-", '"-"', "a sign could pretend to be a delete"),
    ("", '""', "nothing is shown as nothing"),
    ('q"uote', '"q\\"uote"', "quotes are escaped"),
    ("a\nb", '"a\\nb"', "a line end stays on the line"),
    ("a\u202eb", '"a\\u{202e}b"', "nothing turns the direction of reading"),
    ("a\u200bb", '"a\\u{200b}b"', "nothing hides between letters"),
    (None, "null", "null is not the word null"),
    (True, "true", "values are JSON"),
    (1, "1", "numbers are numbers"),
]


@pytest.mark.parametrize(("value", "expected", "reason"), NAMES, ids=[case[2] for case in NAMES])
def test_a_value_is_shown_unambiguously(value: str | None, expected: str, reason: str) -> None:
    assert shown(value) == expected, reason


COMMANDS = [
    ("::error::x", "\\x3a:error::x", "GitHub reads a line that begins so"),
    ("ok\n   ::add-mask::x", "ok\n   \\x3a:add-mask::x", "and trims it first"),
    ("name ##[error]x", "name \\x23#[error]x", "the older form counts anywhere"),
    ("name ##vso[task.complete]", "name \\x23#vso[task.complete]", "Azure"),
    ("##teamcity[x]", "\\x23#teamcity[x]", "TeamCity"),
    ("emulator::memory:", "emulator::memory:", "colons within a line are only colons"),
    ("## heading", "## heading", "number signs are only number signs"),
]


@pytest.mark.parametrize(("text", "expected", "reason"), COMMANDS, ids=[case[2] for case in COMMANDS])
def test_no_line_is_a_command_of_a_pipeline(text: str, expected: str, reason: str) -> None:
    assert harmless(text) == expected, reason


def test_a_path_reads_as_in_a_program() -> None:
    assert shown_path(("album", "options", 1)) == "album.options[1]"
    assert shown_path(("my field", "default")) == '"my field".default'


def test_every_status_has_a_text() -> None:
    assert set(REMARKS) == set(Status)


LINES = [
    (Outcome(CREATE, Status.CREATED, live=live(30358, "radio-live")), "created   + radio-live (id 30358)"),
    (Outcome(RENAME, Status.UPDATED, live=live(8881, "archive")), "updated   ~ old-archive -> archive (id 8881)"),
    (Outcome(REPLACE, Status.REPLACED, live=live(9, "us-bucket")), "replaced  ± us-bucket (id 1159 -> 9)"),
    (Outcome(DELETE, Status.DELETED), "deleted   - ads-2019 (id 12309)"),
    (Outcome(UPDATE, Status.FAILED, error("E1", "No", "long")), "failed    ~ music (id 1116)  # No"),
    (Outcome(UPDATE, Status.ALREADY), "already   ~ music (id 1116)  # already as desired; nothing was sent"),
    (
        Outcome(CREATE, Status.ALREADY, live=live(30358, "radio-live"), wrote=True),
        "already   + radio-live (id 30358)  # as wanted, though the request for it was refused",
    ),
]


@pytest.mark.parametrize(("outcome", "line"), LINES, ids=[case[0].status for case in LINES])
def test_an_outcome_is_one_line(outcome: Outcome, line: str) -> None:
    assert outcome_line(outcome, style=PLAIN) == line


def test_a_refused_write_that_was_done_is_not_reported_as_not_sent() -> None:
    before, refused = (
        outcome_line(Outcome(DELETE, Status.ALREADY, wrote=wrote), style=PLAIN) for wrote in (False, True)
    )
    assert before.endswith("# already as desired; nothing was sent")
    assert refused.endswith("# as wanted, though the request for it was refused")


def test_a_message_has_place_severity_code_summary_detail_and_fix() -> None:
    late = Diagnostic(
        Severity.ERROR, "E302", "Replacement needs approval", "why", "do:\nthis", Span("radio.yaml", 7, 5)
    )
    early = Diagnostic(Severity.HINT, "H201", "This `was` has no effect", "", span=Span("radio.yaml", 3, 1))
    assert diagnostics_text((late, early), style=PLAIN) == (
        "radio.yaml:3:1: hint[H201]: This `was` has no effect\n"
        "\n"
        "radio.yaml:7:5: error[E302]: Replacement needs approval\n"
        "  why\n"
        "  fix: do:\n"
        "       this\n"
    )
    assert diagnostics_text((), style=PLAIN) == ""


def test_without_colour_there_is_no_escape_code_and_with_colour_the_sign_has_one() -> None:
    plan = plan_of((DELETE,))
    assert "\x1b" not in plan_text(plan, style=PLAIN)
    assert "\x1b[38;5;196m-\x1b[0m \x1b[1mads-2019\x1b[0m" in plan_text(plan, style=COLOURED)


def test_a_name_cannot_hide_a_delete_behind_an_escape_code() -> None:
    text = plan_text(plan_of((Delete(live(1, "x\x1b[2K\r+ y"), ""),)), style=PLAIN)
    assert '  - "x\\u001b[2K\\r+ y" (id 1, eu-west-1, File, 0 items)\n' in text


def test_up_to_ten_unmanaged_buckets_are_named() -> None:
    names = [f"b{number}" for number in range(12)]
    assert "Unmanaged: 10 buckets, left alone: b0, b1, b2, b3, b4, b5, b6, b7, b8, b9.\n" in plan_text(
        plan_of(kept=unmanaged(*names[:10])), style=PLAIN
    )
    assert "b8, b9 and 2 more.\n" in plan_text(plan_of(kept=unmanaged(*names)), style=PLAIN)


def test_the_text_format_reports_everything_about_a_run() -> None:
    given = error("E001", "No such option", "--colour")
    message = "error[E001]: No such option\n  --colour\n"
    failed = replace(RUN, diagnostics=(given,))
    assert FORMATS["text"](None, failed) == message
    assert FORMATS["text"](Plan(), RUN) == plan_text(Plan(), style=PLAIN)
    assert FORMATS["text"](Plan(), failed) == f"{plan_text(Plan(), style=PLAIN)}\n{message}"
    applied = FORMATS["text"](Plan(), replace(failed, outcomes=()))
    assert applied.index("No changes.") < applied.index("error[E001]") < applied.index("Applied: nothing.")
