"""A command in a message works when it is pasted: it is complete, and the parser of the command line accepts it."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from acrsync.cli import acrsync

PACKAGE = Path(__file__).parents[2] / "acrsync"
# In backticks, or behind a colon up to the end of the sentence.
COMMANDS = re.compile(r"`(acrsync(?: [^`]*)?)`|: (acrsync [a-z].*?)(?=[.;]?$|[.;] |\n| > )", re.MULTILINE)
# What a person writes in place of a word in capitals; a value of the message itself is VALUE.
PLACEHOLDERS = {"UID": "19", "CODE": "E302", "COMMAND": "plan", "VALUE": "plan"}


def texts(source: str) -> Iterator[str]:
    """Yield the texts of a module, with VALUE in place of what is filled in, without docstrings."""
    tree = ast.parse(source)
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if node not in docstrings | parts:
                yield text
            case ast.JoinedStr(values=values):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "VALUE" for part in values)


def commands() -> Iterator[tuple[str, str]]:
    """Yield each command in a message or an explanation, with its place."""
    found = [(path.relative_to(PACKAGE).as_posix(), text) for path in sorted(PACKAGE.rglob("*.py"))
             for text in texts(path.read_text(encoding="utf-8"))]  # fmt: skip
    table = tomllib.loads((PACKAGE / "explanations.toml").read_text(encoding="utf-8"))
    found += [(code, entry[key]) for code, entry in table.items() for key in ("fix", "means") if key in entry]
    # That of E002 is to be refused.
    found += [(code, f"`{entry['command']}`") for code, entry in table.items() if "command" in entry and code != "E002"]
    for place, text in found:
        for match in COMMANDS.finditer(text):
            yield place, match[1] or match[2]


CASES = sorted(set(commands()))


def accept(command: click.Command, words: list[str]) -> None:
    """Parse a command line without running it. Raises: click.UsageError."""
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(click.Context(command), words[0])
        if inner is None:
            raise click.UsageError(f"no command {words[0]}")
        accept(inner, words[1:])
        return
    try:
        command.make_context(str(command.name), words)
    except click.exceptions.Exit:  # of --help
        return


@pytest.mark.parametrize(("place", "line"), CASES, ids=[f"{place}: {line}" for place, line in CASES])
def test_a_command_in_a_message_is_accepted(place, line, capsys):
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line.partition(" > ")[0])]
    accept(acrsync, words[words.index("acrsync") + 1 :])


def test_most_commands_are_found():
    assert len(CASES) >= 60
    assert ("plan/file.py", "acrsync plan --out plan.json") in CASES


@pytest.mark.parametrize("line", ["runs close", "plan --no-such-option", "no-such-command", "probe --account UID"])
def test_a_command_that_does_not_work_is_refused(line):
    with pytest.raises(click.UsageError):
        accept(acrsync, line.split())
