"""What is said of a run that ended in an exception; imported only when one did."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import click

from acrsync.cli import output
from acrsync.diagnostics import Diagnostic, Severity
from acrsync.errors import AcrsyncError, Invalid
from acrsync.outcome import ExitCode


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
        case _:
            sys.stderr.write("".join(traceback.format_exception(error)))
            detail = f"{type(error).__name__}. This is a bug in acrsync; the lines above say where."
            diagnostic = Diagnostic(Severity.ERROR, "E000", "acrsync failed", detail, "report it with the lines above.")
            return output.failed((diagnostic,), ExitCode.FAILED, arguments)


def _usage(error: click.ClickException) -> Diagnostic:
    context = error.ctx if isinstance(error, click.UsageError) else None
    help_of = context.command_path if context else "acrsync"
    return Diagnostic(Severity.ERROR, "E002", "Wrong usage", error.format_message(), f"see `{help_of} --help`.")
