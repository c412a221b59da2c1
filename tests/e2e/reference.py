"""The parts of docs/reference.md that are the code's own words: commands, flags and messages."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from acrsync.cli import acrsync
from acrsync.diagnostics import SUMMARIES
from e2e.commandline import ROOT

CODE = re.compile(r"[EWH]\d{3}")
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def generated(document: str) -> str:
    """Return the document with every generated block as the code has it today."""
    return _BLOCK.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}{found[3]}", document)


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def commands() -> dict[str, click.Command]:
    context = click.Context(acrsync)
    found = {name: acrsync.get_command(context, name) for name in acrsync.list_commands(context)}
    return {name: command for name, command in found.items() if command}


def _commands() -> str:
    def rows() -> Iterator[tuple[str, ...]]:
        for name, command in commands().items():
            paragraphs = [" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n")]
            said = (paragraph for paragraph in paragraphs if not paragraph.startswith("PATH"))
            yield f"`{_usage(name, command)}`", " ".join(said).strip()

    return _table(("command", "does"), rows())


def _usage(name: str, command: click.Command) -> str:
    arguments = [p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument)]
    return " ".join(["acrsync", name, *arguments])


def _flags() -> str:
    """One row a flag; where commands have one of the same name, they have it with the same meaning."""
    flags: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, command in commands().items():
        for option in command.params:
            if isinstance(option, click.Option):
                flags[_flag(option, click.Context(command))].append(name)

    def rows() -> Iterator[tuple[str, ...]]:
        for (flag, default, meaning), names in flags.items():
            yield flag, ", ".join(names), default, meaning

    return _table(("flag", "on", "default", "means"), rows())


def _flag(option: click.Option, context: click.Context) -> tuple[str, ...]:
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    if option.show_envvar:
        default = f"`{option.envvar}`"
    elif option.show_default:
        default = f"`{option.default}`"
    else:
        default = ""
    return f"`{option.opts[0]}{value}`", default, option.help or ""


def _codes() -> str:
    return _table(("code", "summary"), ((f"`{code}`", SUMMARIES[code]) for code in sorted(SUMMARIES)))


def mentioned_codes() -> set[str]:
    """Return every message code that stands in the code as a value, but in the table of summaries."""
    return {
        node.value
        for path in _sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
    }


def _sources() -> Iterator[Path]:
    for path in sorted((ROOT / "acrsync").rglob("*.py")):
        if "emulator" not in path.relative_to(ROOT).parts and path.name != "diagnostics.py":
            yield path


PARTS: Mapping[str, Callable[[], str]] = {"commands": _commands, "flags": _flags, "codes": _codes}
