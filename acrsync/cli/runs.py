"""`acrsync runs`: earlier runs, what they left open, and how a person closes them."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acrsync.cli import options
from acrsync.cli.commands import Group

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.model import Manifest
    from acrsync.plan.outcome import ExitCode
    from acrsync.runs import Runs
    from acrsync.runs.memory import PastRun
    from acrsync.runs.record import Lines

LAST = "last"


def location(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select the runs."""
    endpoint = options.endpoint("Address of the API, if runs are not kept in a folder.")
    return options.env(options.runs(endpoint(function)))


@click.group("runs", cls=Group, invoke_without_command=True)
@location
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@click.pass_context
def command(
    context: click.Context, *, runs: str | None, endpoint: str | None, envs: tuple[str, ...], format_: str
) -> ExitCode | None:
    """List the runs, and show or close one.

    The list shows id, result, changes, stack and user of each run; the newest is last. A run store other than a folder
    needs the uid of the account, from acrsync.yaml.
    """
    if context.invoked_subcommand is not None:
        return None
    from acrsync.cli import output
    from acrsync.plan.outcome import ExitCode
    from acrsync.report.table import table
    from acrsync.runs.memory import past_run

    opened = runs_of(runs, endpoint, envs)
    holder = opened.peek().holder
    found = [past_run(lines) for _, lines in opened.history() if lines]
    if format_ == "json":
        output.answer(json.dumps([_facts(run, holder.run if holder else "") for run in found], indent=2) + "\n")
    else:
        rows = [_row(run, holder.run if holder else "") for run in found]
        shown = table(("id", "result", "changes", "stack", "who"), rows, style=output.style("auto", sys.stdout))
        output.answer(shown if rows else "There are no runs.\n")
    return ExitCode.DONE


@command.command("show")
@click.argument("run_id", metavar="ID|last")
@location
def show(run_id: str, *, runs: str | None, endpoint: str | None, envs: tuple[str, ...]) -> ExitCode:
    """Show one run and its open changes."""
    from acrsync.cli import output
    from acrsync.plan.outcome import ExitCode
    from acrsync.report import PLAIN
    from acrsync.report.record import record_text
    from acrsync.runs.memory import past_run
    from acrsync.visible import visible

    lines = lines_of(run_id, lambda: runs_of(runs, endpoint, envs))
    left = "".join(f"Open: {visible(left.description)}.\n" for left in past_run(lines).open)
    output.answer(record_text(lines, style=PLAIN) + left)
    return ExitCode.DONE


@command.command("close")
@click.argument("run_id", metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="Why its open changes need no attention.")
@location
def close(run_id: str, *, reason: str, runs: str | None, endpoint: str | None, envs: tuple[str, ...]) -> ExitCode:
    """Close a run that left something open.

    Later runs then ignore what it left open. Check the account first: a create with an unknown outcome may have created
    a bucket, and only the record describes a bucket that a replacement lost.
    """
    from acrsync.cli import output
    from acrsync.plan.outcome import ExitCode

    opened = runs_of(runs, endpoint, envs, writes=True)
    try:
        opened.wait_until_free(lock_timeout_s=0, notify=output.say, in_flight=False)
        opened.close(run_id, reason=reason)
    finally:
        opened.release()
    output.say(f"Closed run {run_id}.")
    return ExitCode.DONE


def runs_of(runs: str | None, endpoint: str | None, envs: Sequence[str] = (), *, writes: bool = False) -> Runs:
    """Return all runs of a folder, or those of the account of the manifest in this folder."""
    from acrsync.cli.endpoint import DEFAULT_ENDPOINT
    from acrsync.cli.planning import memory_of
    from acrsync.clock import WallClock
    from acrsync.runs.where import Folder

    manifest = _manifest_here(envs)
    memory = memory_of(runs, "" if writes else None, in_manifest=manifest.runs if manifest else None)
    in_folder = isinstance(memory.where, Folder)
    own = manifest.endpoint if envs and manifest else None
    return memory.opened(
        WallClock(threading.Event()),
        endpoint=None if in_folder else own or endpoint or DEFAULT_ENDPOINT,
        uid=None if in_folder or manifest is None else manifest.account_uid,
        settle_s=0,
        landing_s=0,
    )


def lines_of(run_id: str, opened: Callable[[], Runs]) -> Lines:
    """Return the record of a run, given as an id, as `last`, or as a file. Raises: AcrsyncError.

    `opened` returns all runs. A file needs none of them, so they are not opened for it.
    """
    from acrsync.diagnostics import AcrsyncError
    from acrsync.runs.recordfile import read_named
    from acrsync.visible import visible

    if run_id.endswith(".jsonl"):
        return read_named(Path(run_id))
    runs = opened()
    found = [lines for known, lines in runs.history() if run_id in (known, LAST)]
    if not found or not found[-1]:
        raise AcrsyncError("E078", f"{visible(run_id)} is not in {runs.where}.", fix="`acrsync runs` lists them.")
    return found[-1]


def _manifest_here(envs: Sequence[str]) -> Manifest | None:
    """Return the manifest of this folder for the requested environment. Raises: Invalid if that has errors."""
    from acrsync import manifest as manifests
    from acrsync.cli.environments import single
    from acrsync.diagnostics import Invalid

    env = single(envs)
    if env is None and not options.default_paths()[0].is_file():
        return None
    loaded = manifests.load((), env)
    if loaded.manifest is None and env is not None:
        raise Invalid(loaded.diagnostics)
    return loaded.manifest


def _result(run: PastRun, running: str) -> str:
    if run.id == running:
        return "running"
    if run.end is None:
        return "cut off, settled" if run.done else "cut off"
    ended = "verified" if run.end["verified"] else f"exit code {run.end['exit_code']}"
    return ended if run.done else f"{ended}, something is open"


def _facts(run: PastRun, running: str) -> dict[str, object]:
    header = run.header
    return {
        "id": run.id,
        "time": header["time"],
        "result": _result(run, running),
        "open": [{"action": left.action, "name": left.name} for left in run.open],
        "changes": dict(run.counts),
        **{key: header.get(key) for key in ("endpoint", "uid", "stack", "environment", "who")},
    }


def _row(run: PastRun, running: str) -> tuple[str, ...]:
    from acrsync.visible import visible

    stack = visible(str(run.header.get("stack") or ""))
    return run.id, _result(run, running), _counts(run), stack, visible(str(run.who))


def _counts(run: PastRun) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(run.counts.items())) or "no changes"
