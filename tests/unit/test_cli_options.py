"""Values on the command line, and what is understood of one that is wrong."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from acrsync.cli.options import Common, Planning, common, planning
from acrsync.cli.trouble import wants_json
from acrsync.model import Approval, Limit


def parsed(*arguments: str) -> Planning:
    """Return what `plan` and `apply` make of these."""
    found: list[Planning] = []

    @click.command()
    @common
    @planning
    def command(where: Common, asked: Planning) -> None:
        found.append(asked)

    command.main(list(arguments), standalone_mode=False)
    return found[0]


OUTPUTS = [
    ("plan.json", ("json", "plan.json"), "a saved plan is the default"),
    ("json:plan", ("json", "plan"), "a format and a file"),
    ("text:a:b", ("text", "a:b"), "only the first colon parts"),
    ("./a:b", ("json", "a:b"), "a path whose name has a colon"),
    ("C:plan", ("json", "C:plan"), "one letter is not a format"),
    ("out/plan:1", ("json", "out/plan:1"), "a folder is not a format"),
]


@pytest.mark.parametrize(("value", "expected", "reason"), OUTPUTS)
def test_out_is_a_format_and_a_file(value, expected, reason):
    assert parsed("--out", value).out == ((expected[0], Path(expected[1])),), reason


LIMITS = [("0", Limit(0)), ("12", Limit(12)), ("30%", Limit(30, percent=True)), ("0%", Limit(0, percent=True))]


@pytest.mark.parametrize(("value", "expected"), LIMITS)
def test_max_deletes_is_a_number_or_a_percentage(value, expected):
    assert parsed("--max-deletes", value).max_deletes == expected


def test_approvals_name_a_guard_and_a_bucket():
    allowed = parsed("--allow", "replace:8881", "--allow", "in-use:7").allow
    assert allowed == (Approval("replace", 8881, "--allow"), Approval("in-use", 7, "--allow"))


WRONG = [
    (("--out", "jsno:plan"), "no format"),
    (("--max-deletes", "-1"), "negative"),
    (("--max-deletes", "many"), "no number"),
    (("--max-deletes", "1.5"), "no whole number"),
    (("--max-deletes", "٣"), "a digit that is not ASCII"),
    (("--allow", "replace"), "no bucket"),
    (("--allow", "replace:x"), "no id"),
    (("--allow", "content:7"), "a guard that cannot be approved"),
    (("--timeout", "0"), "no time at all"),
    (("--timeout", "nan"), "not a number, and no comparison says so"),
    (("--timeout", "inf"), "for ever"),
    (("--settle", "inf"), "for ever"),
    (("--parallelism", "0"), "no worker"),
]


@pytest.mark.parametrize(("arguments", "reason"), WRONG)
def test_wrong_values_are_refused(arguments, reason):
    assert reason
    with pytest.raises(click.UsageError):
        parsed(*arguments)


JSON = [
    (("plan", "--format", "json"), True, "as two words"),
    (("plan", "--format=json"), True, "as one"),
    (("plan", "--format=text", "--format", "json"), True, "the last one counts"),
    (("plan", "--format", "json", "--format=text"), False, "the last one counts"),
    (("plan", "--format"), False, "the value is missing"),
    (("plan", "json"), False, "a path"),
]


@pytest.mark.parametrize(("arguments", "expected", "reason"), JSON)
def test_json_is_recognized_in_a_command_line_with_another_mistake(arguments, expected, reason):
    assert wants_json(arguments) is expected, reason
