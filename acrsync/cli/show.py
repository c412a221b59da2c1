"""`acrsync show`: a saved plan as `plan` showed it, a run from its record, or one bucket with all its facts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli import options
from acrsync.cli.commands import Command
from acrsync.cli.options import Common, common, compared, offered, output_format
from acrsync.cli.runs import LAST

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.plan.outcome import ExitCode

RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")
FORMATS = ("text", "json", "markdown", "html", "gitlab", "terraform-json")


@click.command("show", cls=Command)
@common
@click.argument("what", metavar="FILE|RUN|NAME", shell_complete=offered("shown"))
@compared
@options.runs
@output_format(*FORMATS, help_text="Output format; a run and a bucket have text and json.")
def command(where: Common, *, what: str, manifests: tuple[Path, ...], runs: str | None, format_: str) -> ExitCode:
    """Show a saved plan, a run, or one bucket.

    A saved plan is shown as by `acrsync plan`, a run from its record, a bucket with all facts and users.

    FILE is a saved plan or a run record, RUN the id of a run or `last`, NAME the name or id of a bucket.
    """
    path = Path(what)
    if what == LAST or RUN_ID.fullmatch(what) or (path.suffix == ".jsonl" and path.is_file()):
        return _run(where, what, runs, format_)
    if path.is_file():
        return _plan(where, path, format_)
    if path.suffix in (".json", ".jsonl"):
        from shlex import quote

        from acrsync.diagnostics import AcrsyncError
        from acrsync.visible import visible

        saved = quote(visible(what)) if path.suffix == ".json" else "plan.json"
        fix = f"save a plan: acrsync plan --out {saved}"
        raise AcrsyncError("E023", f"There is no file {visible(what)}.", fix=fix)
    return _bucket(where, what, manifests, format_)


def _plan(where: Common, path: Path, format_: str) -> ExitCode:
    from acrsync.cli import output
    from acrsync.cli.planning import style_for
    from acrsync.cli.saved import read
    from acrsync.plan.outcome import ExitCode, Run
    from acrsync.report import FORMATS as REPORTS
    from acrsync.report import plan_text

    text, saved = read(path)
    plan = saved.plan
    match format_:
        case "text":
            output.answer(plan_text(plan, style=style_for(where.color)))
            output.say(
                f"Saved at {saved.created_at:%Y-%m-%d %H:%M} UTC by acrsync {saved.acrsync_version}. "
                f"To apply it: acrsync apply --plan {path}"
            )
        case "json":
            output.answer(text)
        case _:
            run = Run(saved.created_at, plan.exit_code(), version=saved.acrsync_version)
            output.answer(REPORTS[format_](plan, run))
    return ExitCode.DONE


def _run(where: Common, run: str, runs: str | None, format_: str) -> ExitCode:
    import json

    from acrsync.cli import output
    from acrsync.cli.planning import style_for
    from acrsync.cli.runs import lines_of, runs_of
    from acrsync.plan.outcome import ExitCode
    from acrsync.report.record import record_text

    _only_text_and_json(format_, "A run")
    lines = lines_of(run, lambda: runs_of(runs, where.endpoint))
    if format_ == "json":
        output.answer(json.dumps({"format_version": "1.0", "events": lines}, indent=2) + "\n")
    else:
        output.answer(record_text(lines, style=style_for(where.color)))
    return ExitCode.DONE


def _bucket(where: Common, name: str, manifests: tuple[Path, ...], format_: str) -> ExitCode:
    from acrsync.cli import output
    from acrsync.cli.endpoint import opened
    from acrsync.cli.environments import access_to_one, single
    from acrsync.cli.planning import style_for
    from acrsync.cli.viewing import matching, users_of, view
    from acrsync.plan.outcome import ExitCode
    from acrsync.report.buckets import bucket_text, known, list_json

    _only_text_and_json(format_, "A bucket")
    where = access_to_one(where, manifests)
    with opened(where, read_only=True) as account:
        seen = view(account, manifests, single(where.envs))
        rows = matching(seen.snapshot.rows, name)
        buckets = known(rows, seen.plan, users_of(account, rows))
    if format_ == "json":
        output.answer(list_json(buckets, uid=seen.uid, endpoint=account.endpoint))
    else:
        style = style_for(where.color)
        output.answer("\n".join(bucket_text(bucket, seen.plan, style=style) for bucket in buckets))
    return ExitCode.DONE


def _only_text_and_json(format_: str, what: str) -> None:
    if format_ not in ("text", "json"):
        raise click.UsageError(f"{what} is shown as text or json; {format_} is a format of plans.")
