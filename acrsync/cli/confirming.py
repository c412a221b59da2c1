"""The question before a command writes to an account."""

from __future__ import annotations

import re
import sys
import time

import click

from acrsync.diagnostics import AcrsyncError


def require_terminal(verb: str) -> None:
    """Raise AcrsyncError if no one can answer; `verb` is what the command does."""
    if not sys.stdin.isatty():
        raise AcrsyncError("E007", "stdin is not a terminal.", fix=f"add --yes to {verb} without asking.")


def confirm(question: str) -> float:
    """Ask on stderr and return how many seconds the answer took. Raises: AcrsyncError unless the answer is `yes`."""
    started = time.monotonic()
    click.echo(f"{question}\nType `yes` to apply; anything else cancels: ", nl=False, err=True)
    if not re.fullmatch(r"yes\r?\n?", sys.stdin.readline()):
        raise AcrsyncError("E008", "Nothing was written.")
    return time.monotonic() - started
