"""The command line: it connects the parts, and only here acrsync prints, exits and reads the environment."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

import click

from acrsync.cli import output
from acrsync.cli.commands import Group
from acrsync.version import __version__

COMMANDS = (
    *("validate", "render", "plan", "apply", "list", "show", "export", "runs", "explain", "schema", "emulator"),
    *("probe", "rehearse"),
)


def _signals() -> Iterator[int]:
    """Yield the signals that end a command: also SIGHUP, unless `nohup` ignores it."""
    yield from (signal.SIGINT, signal.SIGTERM)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        yield signal.SIGHUP


SIGNALS = tuple(_signals())
WAKE_DELAY_S = 0.05  # time for the main thread to begin a wait that it was about to begin
INTERRUPTED = 130  # ExitCode.INTERRUPTED, without importing its module
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 120}
EPILOG = """\b
Try it without an account:  acrsync export --endpoint emulator: --out acrsync.yaml
                            acrsync plan --endpoint emulator:
Start with your account:    acrsync export --out acrsync.yaml

\b
Each option has an environment variable: --max-deletes is ACRSYNC_MAX_DELETES.
"""


class Commands(Group):
    """The commands, each imported only when it is used: start-up counts in a pipeline."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        return [*COMMANDS]  # not `list()`: here that is the module of a command

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 - click's interface
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"acrsync.cli.{name}").command
        for option in command.params:
            if isinstance(option, click.Option) and option.envvar is None:
                option.envvar = variable(option)
        return command


def variable(option: click.Option) -> str:
    """Return the environment variable of an option, one name for all commands: `--max-deletes`: ACRSYNC_MAX_DELETES."""
    return f"ACRSYNC_{option.opts[0].lstrip('-').upper().replace('-', '_')}"


@click.group(cls=Commands, context_settings=CONTEXT, invoke_without_command=True, epilog=EPILOG)
@click.option("--version", is_flag=True, help="Print the version, with --format json as JSON.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), hidden=True)
@click.pass_context
def acrsync(context: click.Context, *, version: bool, format_: str | None) -> None:
    """ACRCloud buckets as code.

    Describe your buckets in acrsync.yaml, show the changes with `acrsync plan`, and make them with `acrsync apply`.
    """
    if version:
        _print_version(as_json=format_ == "json")
        context.exit()
    if format_ is not None:
        raise click.UsageError("--format must follow the command, as in `acrsync plan --format json`.")
    if context.invoked_subcommand is None:
        output.answer(context.get_help() + "\n")


def _print_version(*, as_json: bool) -> None:
    if not as_json:
        output.answer(f"acrsync, version {__version__}\n")
        return
    import json
    import platform

    facts = {"acrsync_version": __version__, "python_version": platform.python_version()}
    output.answer(json.dumps({**facts, "formats": {"manifest": 1, "plan": 1, "run": 1}}) + "\n")


def main() -> None:
    """Run the program and exit with its code."""
    # A command creates many objects, few of them garbage, and ends soon: garbage collection would take a tenth of its
    # time, and the final collection at exit another tenth.
    gc.set_threshold(100_000)
    _notice_signals()
    code = run(sys.argv[1:])
    for number in SIGNALS:  # a signal from now on would only change the exit code
        signal.signal(number, signal.SIG_IGN)
    output.close()
    if code == INTERRUPTED:  # a thread may hang in a socket, and a normal exit would wait for it
        os._exit(code)
    gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. Every failure ends with one message."""
    handler = _interrupts()
    for number in SIGNALS:
        signal.signal(number, handler)
    output.prepare()
    try:
        code = acrsync.main([*arguments], prog_name="acrsync", standalone_mode=False)
        return int(code or 0)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the only handler: also a bug ends with a message
        from acrsync.cli.trouble import report_failure

        return report_failure(error, arguments)


def _interrupts() -> Callable[[int, FrameType | None], None]:
    """Return a handler: the first signal ends the command with one message, the second ends the process immediately.

    It counts signals instead of installing a second handler: if two signals arrive together, Python runs this handler
    twice, one call inside the other, and the second signal would count as the first.
    """
    interrupted = False

    def handle(_signum: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            os._exit(INTERRUPTED)
        interrupted = True
        raise KeyboardInterrupt

    return handle


def _notice_signals() -> None:
    """Wake the main thread after each signal. Otherwise a signal right before a wait would not end that wait.

    Python runs handlers in the main thread, and a wait runs them only if a signal interrupts it.
    """
    if not hasattr(signal, "pthread_kill"):
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    waker, main_thread = signal.SIGURG, threading.main_thread().ident
    assert main_thread is not None

    def wake() -> None:
        while received := os.read(reading, 1):
            if received[0] != waker:
                time.sleep(WAKE_DELAY_S)
                signal.pthread_kill(main_thread, waker)

    signal.signal(waker, lambda *_: None)  # an ignored signal would not interrupt the wait
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=wake, name="signals", daemon=True).start()


def environment(name: str) -> str | None:
    """Return an environment variable, None if it is unset or empty."""
    return os.environ.get(name) or None
