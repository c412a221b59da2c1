"""What is said of a run that ended in an exception."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import click

from acrsync.cli import output
from acrsync.diagnostics import Diagnostic, Severity
from acrsync.errors import AcrsyncError, Invalid
from acrsync.outcome import ExitCode

_MAY_HAVE_WRITTEN = Diagnostic(
    Severity.WARNING,
    "W514",
    "The apply did not end by itself",
    "What it wrote before is in its record, and was not read back.",
    "run plan, and then apply again.",
)


class FellWhileWriting(Exception):
    """An exception that nobody expected, its cause, ended an apply that had begun to write."""


def told(error: BaseException, arguments: Sequence[str]) -> ExitCode:
    """Say in one message what ended the run, and return its exit code."""
    match error:
        case KeyboardInterrupt() | click.Abort():
            diagnostic = Diagnostic(Severity.ERROR, "E001", "Interrupted", "Nothing was written.")
            return output.failed((diagnostic,), ExitCode.INTERRUPTED, arguments)
        case output.Unwritten():
            return ExitCode.FAILED
        case Invalid():
            return output.failed(error.diagnostics, ExitCode.FAILED, arguments)
        case AcrsyncError():
            return output.failed((error.diagnostic,), ExitCode.FAILED, arguments)
        case click.ClickException():
            return output.failed((_usage(error),), ExitCode.FAILED, arguments)
        case FellWhileWriting(__cause__=Exception() as cause):
            return output.failed((_bug(cause), _MAY_HAVE_WRITTEN), ExitCode.INCOMPLETE, arguments)
        case _:
            return output.failed((_bug(error),), ExitCode.FAILED, arguments)


def _bug(error: BaseException) -> Diagnostic:
    sys.stderr.write("".join(traceback.format_exception(error)))
    detail = f"{type(error).__name__}. This is a bug in acrsync; the lines above say where."
    return Diagnostic(Severity.ERROR, "E000", "acrsync failed", detail, "report it with the lines above.")


def _usage(error: click.ClickException) -> Diagnostic:
    context = error.ctx if isinstance(error, click.UsageError) else None
    help_of = context.command_path if context else "acrsync"
    return Diagnostic(Severity.ERROR, "E002", "Wrong usage", error.format_message(), f"see `{help_of} --help`.")
