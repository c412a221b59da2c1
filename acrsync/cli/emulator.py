"""`acrsync emulator`: serves the emulator of the API on this machine."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.options import Finite

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.plan.outcome import ExitCode


@click.command("emulator")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port on 127.0.0.1, by default a free one."
)
@click.option("--state", default=":memory:", show_default=True, metavar="PATH", help="Where its buckets are kept.")
@click.option(
    "--profile",
    default="documented",
    show_default=True,
    metavar="NAME|FILE",
    help="Behavior where the real API is undocumented: documented, strict, lenient, or a file.",
)
@click.option("--faults", type=click.Path(path_type=Path), metavar="FILE", help="A file of faults to inject.")
@click.option("--latency", type=Finite(0, 60_000), default=0, metavar="MS", help="Milliseconds before each answer.")
def command(port: int, state: str, profile: str, faults: Path | None, latency: float) -> ExitCode:
    """Serve an emulator of the API, until interrupted.

    It listens on 127.0.0.1 and prints its address and a token, as shell assignments.
    """
    from acrsync.cli import output
    from acrsync.connecting import emulated
    from acrsync.plan.outcome import ExitCode

    try:
        with emulated(port=port, state=state, profile=profile, faults=faults, latency_ms=latency) as running:
            output.answer(f"export ACRSYNC_ENDPOINT={running.url}\nexport ACRSYNC_TOKEN={running.token}\n")
            threading.Event().wait()
    except KeyboardInterrupt:
        output.say("Stopped.")
    return ExitCode.DONE
