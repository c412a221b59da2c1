"""`acrsync runs`: what was applied before, what is still open of it, and how a person gives that up."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acrsync.cli import options

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.model import Manifest
    from acrsync.plan.outcome import ExitCode
    from acrsync.runs import Runs
    from acrsync.runs.memory import Past
    from acrsync.runs.record import Lines

LAST = "last"


def place(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say whose runs are meant."""
    function = click.option(
        "--endpoint",
        envvar="ACRSYNC_ENDPOINT",
        show_envvar=True,
        metavar="URL|emulator:...",
        help="Address of the API, if runs are not kept in a folder.",
    )(function)
    return options.env(options.runs(function))


@click.group("runs", invoke_without_command=True)
@place
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@click.pass_context
def command(
    context: click.Context, *, runs: str | None, endpoint: str | None, envs: tuple[str, ...], format_: str
) -> ExitCode | None:
    """List the runs, and show or close one.

    The list shows the id, the result, the changes, who ran it and where; the newest comes last. A run store other
    than a folder needs the account's uid, from acrsync.yaml.
    """
    if context.invoked_subcommand is not None:
        return None
    from acrsync.cli import output
    from acrsync.plan.outcome import ExitCode
    from acrsync.report.table import table
    from acrsync.runs.memory import past

    opened = place_of(runs, endpoint, envs)
    holder = opened.look().holder
    found = [past(lines) for _, lines in opened.history() if lines]
    if format_ == "json":
        output.answer(json.dumps([_facts(run, holder.run if holder else "") for run in found], indent=2) + "\n")
    else:
        rows = [_row(run, holder.run if holder else "") for run in found]
        shown = table(("id", "result", "changes", "stack", "who"), rows, style=output.style("auto", sys.stdout))
        output.answer(shown if rows else "There are no runs.\n")
    return ExitCode.DONE


@command.command("show")
@click.argument("run_id", metavar="ID|last")
@place
def show(run_id: str, *, runs: str | None, endpoint: str | None, envs: tuple[str, ...]) -> ExitCode:
    """Show one run, and what is still open of it."""
    from acrsync.cli import output
    from acrsync.plan.outcome import ExitCode
    from acrsync.report import PLAIN
    from acrsync.report.record import record_text
    from acrsync.runs.memory import past
    from acrsync.visible import visible

    lines = lines_of(run_id, place_of(runs, endpoint, envs))
    left = "".join(f"Open: {visible(left.words)}.\n" for left in past(lines).open)
    output.answer(record_text(lines, style=PLAIN) + left)
    return ExitCode.DONE


@command.command("close")
@click.argument("run_id", metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="Why nothing of it needs attention any more.")
@place
def close(run_id: str, *, reason: str, runs: str | None, endpoint: str | None, envs: tuple[str, ...]) -> ExitCode:
    """Give up what a run left open.

    Later runs no longer take it into account. Look at the account first: a create whose end is not known may have made
    a bucket, and a bucket that a replacement lost is described nowhere else.
    """
    from acrsync.cli import output
    from acrsync.plan.outcome import ExitCode

    opened = place_of(runs, endpoint, envs, writes=True)
    try:
        opened.take(lock_timeout_s=0, tell=output.say, landed=False)
        opened.close(run_id, reason=reason)
    finally:
        opened.release()
    output.say(f"Closed run {run_id}.")
    return ExitCode.DONE


def place_of(runs: str | None, endpoint: str | None, envs: Sequence[str] = (), *, writes: bool = False) -> Runs:
    """Return the runs that are meant: of a folder all, otherwise those of the account of the manifest that is here."""
    from acrsync.cli.endpoint import DEFAULT_ENDPOINT
    from acrsync.cli.planning import memory_of
    from acrsync.clock import WallClock
    from acrsync.runs.where import Folder

    here = _manifest_here(envs)
    memory = memory_of(runs, "" if writes else None, in_manifest=here.runs if here else None)
    in_folder = isinstance(memory.where, Folder)
    named = endpoint if not envs or here is None else here.endpoint or endpoint
    return memory.opened(
        WallClock(threading.Event()),
        endpoint=None if in_folder else named or DEFAULT_ENDPOINT,
        uid=None if in_folder or here is None else here.account_uid,
        settle_s=0,
        landing_s=0,
    )


def lines_of(run_id: str, runs: Runs) -> Lines:
    """Return the record of a run, by its id, as `last`, or in a file. Raises: AcrsyncError."""
    from acrsync.diagnostics import AcrsyncError
    from acrsync.runs.folder import read_named
    from acrsync.visible import visible

    if run_id.endswith(".jsonl"):
        return read_named(Path(run_id))
    found = [lines for known, lines in runs.history() if run_id in (known, LAST)]
    if not found or not found[-1]:
        raise AcrsyncError("E078", f"{visible(run_id)} is not in {runs.where}.", fix="`acrsync runs` lists them.")
    return found[-1]


def _manifest_here(envs: Sequence[str]) -> Manifest | None:
    """Return the manifest of this folder, for the environment that is asked for. Raises: Invalid if that has errors."""
    from acrsync import manifest as manifests
    from acrsync.diagnostics import Invalid

    if len(set(envs)) > 1 or "all" in envs:
        raise click.UsageError("This command takes one environment: write --env NAME once.")
    if not envs and not options.default_paths()[0].is_file():
        return None
    loaded = manifests.load((), envs[0] if envs else None)
    if loaded.manifest is None and envs:
        raise Invalid(loaded.diagnostics)
    return loaded.manifest


def _result(run: Past, running: str) -> str:
    if run.id == running:
        return "running"
    if run.end is None:
        return "cut off, settled" if run.done else "cut off"
    ended = "verified" if run.end["verified"] else f"exit code {run.end['exit_code']}"
    return ended if run.done else f"{ended}, something is open"


def _facts(run: Past, running: str) -> dict[str, object]:
    header = run.header
    return {
        "id": run.id,
        "time": header["time"],
        "result": _result(run, running),
        "open": [{"action": left.action, "name": left.name} for left in run.open],
        "changes": dict(run.counts),
        **{key: header.get(key) for key in ("endpoint", "uid", "stack", "environment", "who")},
    }


def _row(run: Past, running: str) -> tuple[str, ...]:
    from acrsync.runs.record import Who
    from acrsync.visible import visible

    stack = visible(str(run.header.get("stack") or ""))
    return run.id, _result(run, running), _counts(run), stack, visible(str(Who(**run.header["who"])))


def _counts(run: Past) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(run.counts.items())) or "no changes"
