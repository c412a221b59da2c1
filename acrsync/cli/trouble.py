"""The report of a run that ended with an exception."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import click

from acrsync.apply.reconcile import CrashedDuringApply
from acrsync.cli import ci, environment, output
from acrsync.diagnostics import AcrsyncError, Diagnostic, Invalid, error
from acrsync.plan.outcome import ExitCode
from acrsync.runs import Held

_MAY_HAVE_WRITTEN = error(
    "W514",
    "Its record has what it wrote before the bug. That was not read back.",
    fix="run plan, and then apply again.",
)


def report_failure(failure: BaseException, arguments: Sequence[str]) -> ExitCode:
    """Report what ended the run, and return its exit code."""
    match failure:
        case output.Unwritten():
            return ExitCode.FAILED
        case click.ClickException():
            return _failed((_usage(failure, arguments),), ExitCode.FAILED, arguments)
        case _:
            return _failed(*ended_by(failure), arguments)


def ended_by(failure: BaseException) -> tuple[tuple[Diagnostic, ...], ExitCode]:
    """Return the messages about an exception that ended a run, and the exit code."""
    match failure:
        case KeyboardInterrupt() | click.Abort():
            return (error("E001", "Nothing was written."),), ExitCode.INTERRUPTED
        case Invalid():
            return failure.diagnostics, ExitCode.FAILED
        case Held():
            return (failure.diagnostic,), ExitCode.HELD
        case AcrsyncError():
            return (failure.diagnostic,), ExitCode.FAILED
        case CrashedDuringApply(__cause__=Exception() as cause):
            return (_bug(cause), _MAY_HAVE_WRITTEN), ExitCode.INCOMPLETE
        case _:
            return (_bug(failure),), ExitCode.FAILED


def _bug(failure: BaseException) -> Diagnostic:
    sys.stderr.write("".join(traceback.format_exception(failure)))
    detail = f"{type(failure).__name__}. This is a bug in acrsync; the lines above show where."
    return error("E000", detail, fix="report it with the lines above.")


def _usage(failure: click.ClickException, arguments: Sequence[str]) -> Diagnostic:
    from acrsync.cli.usage import advice

    detail, fix = advice(failure, arguments)
    return error("E002", detail, fix=fix)


def _failed(diagnostics: Sequence[Diagnostic], code: ExitCode, arguments: Sequence[str]) -> ExitCode:
    """Report a run that ended without a result, in the requested format, and return the code."""
    from acrsync.plan.outcome import Run
    from acrsync.report import FORMATS

    run = Run(timestamp=output.now(), exit_code=code, diagnostics=tuple(diagnostics))
    if wants_json(arguments):
        output.last_answer(FORMATS["json"](None, run))
    else:
        output.say_all(diagnostics, style=output.style(_colour_of(arguments), sys.stderr))
    ci.report(None, run, environment=_last(arguments, "--env") or environment("ACRSYNC_ENV") or "")
    return code


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether JSON is requested, also if the rest of the command line is wrong."""
    return (_last(arguments, "--format") or environment("ACRSYNC_FORMAT")) == "json"


def _colour_of(arguments: Sequence[str]) -> str:
    given = _last(arguments, "--color") or environment("ACRSYNC_COLOR")
    return given if given in ("always", "never") else "auto"


def _last(arguments: Sequence[str], option: str) -> str | None:
    value = None
    for position, argument in enumerate(arguments):
        if argument.startswith(f"{option}="):
            value = argument.partition("=")[2]
        elif argument == option and position + 1 < len(arguments):
            value = arguments[position + 1]
    return value
