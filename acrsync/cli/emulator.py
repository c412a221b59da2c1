"""`acrsync emulator`: serves the emulator of the API on this machine."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.commands import Command
from acrsync.cli.options import Common, Finite, common, profile

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.plan.outcome import ExitCode
    from acrsync.rehearse.copying import AccountCopy


MEMORY = ":memory:"


@click.command("emulator", cls=Command)
@common
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port on 127.0.0.1, by default a free one."
)
@click.option("--state", default=MEMORY, show_default=True, metavar="PATH", help="Where its buckets are kept.")
@profile("Behavior where the real API is undocumented: documented, strict, lenient, or a file.")
@click.option("--faults", type=click.Path(path_type=Path), metavar="FILE", help="A file of faults to inject.")
@click.option("--latency", type=Finite(0, 60_000), default=0, metavar="MS", help="Milliseconds before each response.")
@click.option("--copy", is_flag=True, help="Start with a copy of the account, read with GET requests.")
def command(
    where: Common, *, port: int, state: str, profile: str, faults: Path | None, latency: float, copy: bool
) -> ExitCode:
    """Serve an emulator of the API, until interrupted.

    It listens on 127.0.0.1 and prints its address and a token as shell assignments. With --copy it starts with the
    buckets of the account, the size of their content, and their references. The other options for an account require
    --copy.
    """
    from acrsync.cli import output
    from acrsync.connecting import emulated, fill
    from acrsync.diagnostics import AcrsyncError
    from acrsync.plan.outcome import ExitCode

    if copy and state != MEMORY and Path(state).exists():
        detail = f"The copy would overwrite {state}."
        raise AcrsyncError("E006", detail, fix="use another file with --state, or remove --copy to use this one.")
    begin = _copied(where) if copy else None
    try:
        with emulated(port=port, state=state, profile=profile, faults=faults, latency_ms=latency) as running:
            if begin is not None:
                fill(running, begin.document)
            output.answer(f"export ACRSYNC_ENDPOINT={running.url}\nexport ACRSYNC_TOKEN={running.token}\n")
            threading.Event().wait()
    except KeyboardInterrupt:
        output.say("Stopped.")
    return ExitCode.DONE


def _copied(where: Common) -> AccountCopy:
    """Return a copy of the account, and print what could not be copied."""
    from acrsync.cli import output
    from acrsync.cli.endpoint import opened
    from acrsync.cli.viewing import uid_of_manifest
    from acrsync.diagnostics import error
    from acrsync.rehearse.copying import copy_account

    with opened(where, read_only=True) as account:
        copy = copy_account(account.client, uid=uid_of_manifest())
        sent = account.sent.get("GET", 0)
    buckets = len(copy.document["buckets"])
    output.say(f"Copied {buckets} buckets of account {copy.document['uid']} with {sent} requests.")
    if copy.missing:
        detail = f"These lists could not be read, so the copy has none: {'; '.join(copy.missing)}."
        fix = "use a token that may read them, if your plan deletes, renames or replaces buckets."
        output.say_all((error("W652", detail, fix=fix),))
    return copy
