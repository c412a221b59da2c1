"""`acrsync probe`: measures how the API behind an account behaves if that is undocumented."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.commands import Command
from acrsync.cli.options import DAY_S, Common, common, output_format, paths, runs, seconds

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync import Account, ExitCode
    from acrsync.model import Live
    from acrsync.probe import Report
    from acrsync.probe.profile import Changed
    from acrsync.runs import Runs
    from acrsync.runs.where import Memory

UNAUTHORIZED = "acrsync-probe-a-token-that-nobody-has"
TIMEOUT_S = 30.0


@click.command("probe", cls=Command)
@common
@paths
@click.option("--write", is_flag=True, help="Also create, change and delete throw-away buckets.")
@click.option("--account", type=click.IntRange(1), metavar="UID", help="The account, if no manifest sets `account:`.")
@click.option("--yes", is_flag=True, help="With --write: do not ask.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write a profile for `acrsync emulator`.")
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Exit with 2 if the API no longer matches this profile.",
)
@output_format("text", "json")
@runs
@seconds("--lock-timeout", most=DAY_S, default=300, help_text="With --write: seconds to wait for another run.")
def command(  # noqa: PLR0913 - one for each option
    where: Common,
    *,
    paths: tuple[Path, ...],
    write: bool,
    account: int | None,
    yes: bool,
    out: Path | None,
    compare: Path | None,
    format_: str,
    runs: str | None,
    lock_timeout: float,
) -> ExitCode:
    """Measure how the API behaves.

    Measures what the documentation does not define. Sends only GET requests. With --write it also creates throw-away
    buckets in the account: at most two at a time, named acrsync-probe-NONCE-N. Each is recorded before it is created,
    and deleted at the end, or by the next probe if this one is killed.

    PATH is a manifest that sets the account, acrsync.yaml if it exists.
    """
    from acrsync.cli.viewing import uid_of_manifest
    from acrsync.diagnostics import AcrsyncError
    from acrsync.probe.profile import changed_switches, load

    before = load(compare) if compare else None
    uid = account or uid_of_manifest(paths)
    if write and uid is None:
        raise AcrsyncError(
            "E608",
            "A token does not show its account, and buckets must not be created in another account.",
            fix="add `account: {uid: UID}` to acrsync.yaml, or run `acrsync probe --write --account UID`.",
        )
    if write and not yes:
        from acrsync.cli.confirming import confirm, require_terminal

        require_terminal("probe")
        confirm(f"Create, change and delete throw-away buckets in account {uid}?")
    return _probe(
        where, uid, write=write, out=out, format_=format_, runs=runs, lock_timeout_s=lock_timeout,
        changed=None if before is None else lambda report: tuple(changed_switches(before, report.findings)),
    )  # fmt: skip


def _probe(
    where: Common,
    uid: int | None,
    *,
    write: bool,
    out: Path | None,
    format_: str,
    runs: str | None,
    lock_timeout_s: float,
    changed: Callable[[Report], tuple[Changed, ...]] | None,
) -> ExitCode:
    from acrsync import ExitCode
    from acrsync.cli import output
    from acrsync.cli.endpoint import opened
    from acrsync.cli.interrupt import in_two_stages
    from acrsync.clock import WallClock
    from acrsync.probe import ClientSender, probe
    from acrsync.probe.profile import profile_text
    from acrsync.probe.report import probe_document, probe_text

    stop = threading.Event()
    clock = WallClock(stop)
    with ExitStack() as stack:
        account = stack.enter_context(opened(where, read_only=not write, cancel=stop, retries=False))
        same = replace(where, endpoint=account.client.base_url)
        bad_token = stack.enter_context(opened(same, read_only=True, cancel=stop, retries=False, token=UNAUTHORIZED))
        hold, folder = None, Path()
        if write:
            memory, folder = _memory(where, runs)
            store = memory.opened(clock, endpoint=account.endpoint, uid=uid, settle_s=TIMEOUT_S, landing_s=TIMEOUT_S)
            stack.callback(store.release)
            store.wait_until_free(lock_timeout_s=lock_timeout_s, notify=output.say)
            stack.enter_context(in_two_stages(stop))
            hold = lambda: _held(store, account, uid)  # noqa: E731
        sender = ClientSender(account.client, bad_token.client)
        report = probe(sender, clock, endpoint=account.endpoint, runs=folder, uid=uid, hold=hold, timeout_s=TIMEOUT_S)
    found = None if changed is None else changed(report)
    code = ExitCode.CHANGES if found else ExitCode.DONE
    code = ExitCode.INTERRUPTED if stop.is_set() else code if report.clean else ExitCode.INCOMPLETE
    if out is not None:
        output.save(out, profile_text(report.findings, where=account.endpoint))
    if format_ == "json":
        output.last_answer(json.dumps(probe_document(report, exit_code=code, changed=found), indent=2) + "\n")
    else:
        output.last_answer(probe_text(report, found))
    if report.messages:
        output.say_all(report.messages)
    return code


def _memory(where: Common, runs: str | None) -> tuple[Memory, Path]:
    """Return where runs are kept, and the folder of this machine in which throw-away buckets are recorded."""
    from acrsync.cli.endpoint import source_of_token
    from acrsync.cli.planning import memory_of
    from acrsync.runs.where import DEFAULT, Folder

    memory = memory_of(runs, source_of_token(where))
    folder = memory.where.path if isinstance(memory.where, Folder) else DEFAULT
    return memory, Path(folder).expanduser()


@contextmanager
def _held(store: Runs, account: Account, uid: int | None) -> Iterator[None]:
    """Hold the account like an apply, and check the lease before each write. Raises: AcrsyncError."""
    from acrsync.cli import output
    from acrsync.plan.document import Plan, plan_document
    from acrsync.plan.outcome import ExitCode, Run
    from acrsync.runs.record import Wanted

    plan = Plan(uid=uid, endpoint=account.endpoint)
    document = plan_document(plan, Run(output.now(), ExitCode.DONE))
    rows = _rows(store, account)
    run = store.begin(Wanted(plan, document, frozenset(row.id for row in rows)), rows=rows)
    account.guard(run.before_write)
    yield
    run.end(exit_code=ExitCode.DONE, verified=False, rows=None, managed={})


def _rows(store: Runs, account: Account) -> tuple[Live, ...]:
    """Return the list that settles earlier runs, or nothing if no run is unfinished."""
    from acrsync.diagnostics import RemoteError

    if not store.peek().unfinished:
        return ()
    try:
        return account.observe().rows
    except RemoteError as e:
        e.diagnostic = replace(e.diagnostic, fix="finish the earlier run first: run `acrsync apply`.")
        raise
