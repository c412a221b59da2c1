"""Advice for options and commands that do not exist."""

from __future__ import annotations

import os

import click
import pytest

from acrsync.cli import COMMANDS as OURS
from acrsync.cli import acrsync
from acrsync.cli.usage import CAREFUL, COMMANDS, OPTIONS, advice


def advice_for(*arguments: str) -> str:
    """Return the advice for a wrong command line, as one text."""
    with pytest.raises(click.ClickException) as failure:
        acrsync.main(list(arguments), prog_name="acrsync", standalone_mode=False)
    return "\n".join(advice(failure.value, arguments))


OPTIONS_OF_OTHERS = [
    ("plan --dry-run", "run `acrsync plan`.", "most tools"),
    ("plan -target=bucket.a", "always covers the whole account", "Terraform, of which a parser only sees -t"),
    ("apply --target a", "always covers the whole account", "Pulumi"),
    ("apply -auto-approve", "apply exactly that", "Terraform"),
    ("plan --var x=y", "set in the manifest", "Terraform"),
    ("plan -var-file=x", "set in the manifest", "Terraform"),
    ("plan --workspace prod", "`--env NAME`", "Terraform"),
    ("apply -f acrsync.yaml", "`acrsync apply FILE`", "kubectl"),
    ("plan --filename a.yaml", "`acrsync plan FILE`", "kubectl"),
    ("apply --force", "each is approved separately", "many"),
    ("plan -o json", "`--format json`", "kubectl"),
    ("plan -no-color", "--color never", "Terraform"),
    ("plan -parallelism=4", "write --parallelism, with two hyphens", "ours, as Terraform writes options"),
    ("plan --detailed", "write --detailed-exitcode", "the beginning of ours"),
    ("plan --endpiont x", "write --endpoint", "a slip"),
    ("plan --expect x", "It is an option of `acrsync apply`", "of another command"),
    ("plan --prun", "see `acrsync plan --help`", "the nearest option deletes, so no other one is suggested"),
    ("plan --approve replace:1", "each is approved separately", "a guess at --allow"),
    ("plan --out", "see `acrsync plan --help`", "without its argument"),
    ("plan --token x", "set ACRSYNC_TOKEN", "a secret does not go on a command line"),
]


@pytest.mark.parametrize(("line", "expected", "reason"), OPTIONS_OF_OTHERS, ids=[case[0] for case in OPTIONS_OF_OTHERS])
def test_an_unknown_option_gets_a_suggestion(line, expected, reason):
    assert expected in advice_for(*line.split()), reason


NEVER = ["--purge", "--prun", "--destroy", "--delete", "--force", "-y", "--yess", "--alow", "--max-delete", "-prune"]


@pytest.mark.parametrize("command", ["plan", "list"])
def test_a_misspelt_option_never_suggests_one_that_deletes_or_approves(command):
    for option in (*NEVER, *(f"--{word}" for word in OPTIONS if word != "help")):
        text = advice_for(command, option).partition("\n")[2]
        assert not any(careful in text.split() for careful in CAREFUL - {"--yes"}), option
        assert "--yes" not in text or "--plan plan.json" in text, option


COMMANDS_OF_OTHERS = [
    ("plna", "run `acrsync plan`", "a slip"),
    ("diff", "run `acrsync plan`", "kubectl"),
    ("import", "run `acrsync export NAME`", "Terraform"),
    ("destroy", "No command deletes", "Terraform"),
    ("help", "run `acrsync --help`", "many"),
    ("history", "run `acrsync runs`", "Helm"),
]


@pytest.mark.parametrize(
    ("command", "expected", "reason"), COMMANDS_OF_OTHERS, ids=[case[0] for case in COMMANDS_OF_OTHERS]
)
def test_an_unknown_command_gets_a_suggestion(command, expected, reason):
    assert expected in advice_for(command), reason


def test_the_table_of_other_tools_commands_has_no_acrsync_command():
    assert not set(COMMANDS) & set(OURS)


def test_a_wrong_value_in_the_environment_names_the_variable(monkeypatch):
    monkeypatch.setenv("ACRSYNC_SETTLE", "soon")
    assert advice_for("plan") == (
        "ACRSYNC_SETTLE is set. Invalid value for '--settle': 'soon' is not a valid number.\n"
        "correct ACRSYNC_SETTLE, or unset it."
    )
    assert "ACRSYNC" not in advice_for("plan", "--settle", "later")


def test_each_option_of_each_command_has_one_variable():
    context = click.Context(acrsync)
    for name in OURS:
        command = acrsync.get_command(context, name)
        assert command
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.envvar == "ACRSYNC_" + option.opts[0].lstrip("-").upper().replace("-", "_")
    assert "ACRSYNC_SETTLE" not in os.environ


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("apply --strict-runs=1", "acrsync apply"),
        ("plan --out", "acrsync plan"),
        ("runs close x --reason", "acrsync runs close"),
        ("--version=1", "acrsync"),
    ],
)
def test_wrong_usage_of_an_option_names_the_help_of_its_command(line, command):
    assert advice_for(*line.split()).endswith(f"see `{command} --help`.")
