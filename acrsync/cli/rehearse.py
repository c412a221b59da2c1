"""`acrsync rehearse`: applies a plan to a copy of the account, once for each disruption at each request."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acrsync.cli.commands import Command
from acrsync.cli.options import Common, Planning, approvals, common, limit, output_format, paths, profile

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync import Account, ExitCode, Manifest, Plan
    from acrsync.model import JSON, Approval, Limit
    from acrsync.rehearse.cases import Case
    from acrsync.rehearse.copying import AccountCopy
    from acrsync.rehearse.report import Rehearsal
    from acrsync.rehearse.run import CaseResult

FAILURES = "rehearsals"
SMALLER_TRIES = 150  # cases to try in search of a smaller one that fails


@click.command("rehearse", cls=Command)
@common
@paths
@click.option("--prune", is_flag=True, help="As in `acrsync apply`.")
@click.option("--max-deletes", callback=limit, metavar="N|P%", help="As in `acrsync apply`.")
@click.option("--allow", multiple=True, callback=approvals, metavar="GUARD:ID", help="As in `acrsync apply`.")
@profile("How the copy behaves; a file that `acrsync probe --out FILE` wrote.")
@click.option("--replay", type=click.Path(path_type=Path), metavar="FILE", help="Run one failed case again.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Parallel applies, by default one more than there are cores.",
)
@output_format("text", "json")
def command(  # noqa: PLR0913 - one for each option
    where: Common,
    *,
    paths: tuple[Path, ...],
    prune: bool,
    max_deletes: Limit | None,
    allow: tuple[Approval, ...],
    profile: str,
    replay: Path | None,
    workers: int | None,
    format_: str,
) -> ExitCode:
    """Try the plan on a copy of the account.

    Sends only GET requests to the account. The copy is an emulator on this machine. The plan is applied there once for
    each disruption at each request: the apply is killed, loses responses, is throttled, or reads lists that lag. Each
    time at most two further runs must repair everything: no duplicate bucket, no lost content, and no change of what
    the manifest does not mention.

    PATH is a manifest file, acrsync.yaml by default. Several files are one manifest.
    """
    workers = workers or 1 + (os.cpu_count() or 1)
    if replay is not None:
        return _replay(_loaded(replay))
    planning = Planning(paths, prune, max_deletes, allow, 4, 0, 0, None, format_, (), False)
    return _rehearse(where, planning, _profile(profile), workers=workers)


def _loaded(path: Path) -> Case:
    from acrsync.diagnostics import AcrsyncError
    from acrsync.rehearse.cases import load

    try:
        case = load(path)
    except (OSError, LookupError, TypeError, ValueError) as e:
        fix = "name a file below .acrsync/rehearsals."
        raise AcrsyncError("E656", f"{path}: it is not a rehearsed case.", fix=fix) from e
    return case


def _profile(named: str) -> JSON:
    from acrsync.probe.profile import BASES, document

    return named if named in BASES else document(Path(named))


def _replay(case: Case) -> ExitCode:
    from acrsync import ExitCode, cli
    from acrsync.cli import output
    from acrsync.rehearse.workers import worker

    with worker(cli.run) as run:
        result = run(case)
    output.answer(f"{case}: exit codes {', '.join(map(str, result.codes))}\n")
    for promise in result.broken:
        output.answer(f"  {promise}\n")
    return ExitCode.FAILED if result.broken else ExitCode.DONE


def _rehearse(where: Common, planning: Planning, profile: JSON, *, workers: int) -> ExitCode:
    import acrsync
    from acrsync.cli import output
    from acrsync.cli.endpoint import opened
    from acrsync.cli.planning import show_plan, targets_of
    from acrsync.diagnostics import error
    from acrsync.rehearse.copying import copy_account

    targets = targets_of(where, planning)
    if len(targets) > 1:
        raise click.UsageError("This command takes one environment: write --env NAME once.")
    manifest, where = targets[0].manifest, targets[0].where
    began = time.monotonic()
    with opened(where, read_only=True) as account:
        plan = acrsync.plan(manifest, account)
        if not plan.can_apply:
            return show_plan(plan, account, where, planning)
        if not plan.work:
            fix = "change the manifest, or do nothing."
            output.say_all((error("E655", "The account matches the manifest.", fix=fix),))
            return acrsync.ExitCode.DONE
        copy = copy_account(account.client, uid=plan.uid)
        files = _files(manifest, plan, account, copy, profile)
    case = _case(files, copy, profile)
    done, smaller = _tried(case, plan, copy, account.endpoint, workers=workers, began=began)
    return _shown(done, smaller, format_=planning.format)


def _files(manifest: Manifest, plan: Plan, account: Account, copy: AccountCopy, profile: JSON) -> Mapping[str, str]:
    """Return the manifest as one file of plain data. Raises: AcrsyncError if the plan on the copy differs.

    The plan on the copy is for the endpoint of the account, so both digests must be equal.
    """
    import acrsync
    from acrsync.acrcloud import Account as Copy
    from acrsync.connecting import emulated, fill
    from acrsync.diagnostics import AcrsyncError
    from acrsync.manifest import load_texts
    from acrsync.rehearse.manifests import manifest_text

    text = manifest_text(manifest)
    again = load_texts({"acrsync.json": text.encode()}).manifest
    with emulated(profile=_named(profile)) as running:
        fill(running, copy.document)
        with acrsync.connect(running.url, running.token) as connected:
            digest = "" if again is None else acrsync.plan(again, Copy(connected.client, account.endpoint)).digest
    if digest != plan.digest:
        raise AcrsyncError(
            "E653",
            f"The account gives the plan {plan.digest}, its copy {digest or 'none'}. The account may have changed.",
            fix="run it again; if the result is the same, report this: it is a bug in acrsync.",
        )
    return {"acrsync.json": text}


def _named(profile: JSON) -> str:
    """Return the base of a profile, which is enough to read the buckets of a copy."""
    return profile if isinstance(profile, str) else str(profile["base"])


def _case(files: Mapping[str, str], copy: AccountCopy, profile: JSON) -> Case:
    from acrsync.rehearse.cases import Case, Scenario

    return Case(Scenario("this plan", files, copy=copy.document), profile)


def _tried(
    undisrupted: Case, plan: Plan, copy: AccountCopy, endpoint: str, *, workers: int, began: float
) -> tuple[Rehearsal, Case | None]:
    """Run every case, and return the results and the smallest case that fails."""
    from acrsync import cli
    from acrsync.cli import output
    from acrsync.rehearse.report import Rehearsal
    from acrsync.rehearse.sweep import Summary, TriedCase, cases, smallest
    from acrsync.rehearse.workers import rehearse, worker

    with worker(cli.run) as run:
        first = run(undisrupted)
    every = list(cases(undisrupted, first.sent))
    tried = [TriedCase("nothing", "no request", first)]
    if not first.broken:
        output.say(f"Rehearsing {len(every)} cases.")
        results = _by_case(rehearse((case for _, _, case in every), workers=workers, command=cli.run))
        tried = [TriedCase(disruption, request, results[str(case.disruption)]) for disruption, request, case in every]
    summary = Summary(tuple(tried))
    smaller = None
    if summary.broken:
        with worker(cli.run) as run:
            smaller = smallest(summary.broken[0].result.case, run, tries=SMALLER_TRIES)
    uid, buckets = copy.document["uid"], len(copy.document["buckets"])
    seconds = time.monotonic() - began
    done = Rehearsal(plan.digest, uid, endpoint, buckets, len(plan.work), first.requests, seconds, summary)
    return done, smaller


def _by_case(results: Iterable[CaseResult]) -> Mapping[str, CaseResult]:
    """Return the results by disruption: they arrive in the order in which they end."""
    return {str(result.case.disruption): result for result in results}


def _shown(done: Rehearsal, smaller: Case | None, *, format_: str) -> ExitCode:
    from acrsync import ExitCode
    from acrsync.cli import output
    from acrsync.connecting import STATE, private_folder
    from acrsync.rehearse.cases import to_json
    from acrsync.rehearse.report import rehearsal_document, rehearsal_text

    code = ExitCode.FAILED if done.summary.broken else ExitCode.DONE
    kept = ""
    if smaller is not None:
        private_folder(STATE / FAILURES)
        path = STATE / FAILURES / f"{output.now():%Y%m%dT%H%M%SZ}.json"
        output.save(path, to_json(smaller))
        kept = str(path)
    if format_ == "json":
        output.answer(json.dumps(rehearsal_document(done, exit_code=code, kept=kept), indent=2) + "\n")
    else:
        output.answer(rehearsal_text(done, kept=kept, smaller="" if smaller is None else "; ".join(_size(smaller))))
    return code


def _size(case: Case) -> Iterator[str]:
    """Yield the size of a case, for people."""
    document = json.loads(next(iter(case.scenario.files.values())))
    for key in ("buckets", "removed"):
        if entries := document.get(key):
            yield f"{len(entries)} of `{key}`"
    yield f"{len(case.scenario.copy['buckets'])} buckets in the account"
    yield str(case.disruption.kind) if case.disruption else "no disruption"
