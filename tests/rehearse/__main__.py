"""Rehearse every disruption: `make rehearse`, or one case from its file: `cd tests && python -m rehearse FILE`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from acrsync.rehearse.cases import Case, load, to_json
from acrsync.rehearse.harness import start
from acrsync.rehearse.run import CaseResult, run_case
from acrsync.rehearse.workers import rehearse
from rehearse import command, report, storm
from rehearse.cases import PROFILES
from rehearse.scenarios import examples, generated
from rehearse.sweep import ephemeral, everything, lagging

FAILURES = Path(__file__).parents[2] / ".rehearsal"
LAGGED = ("approvals", "labels")  # a replacement, creates and updates
SWAP = "generated 1/0"


def main() -> int:
    """Return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="rehearse", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="play this one case, and say what happens")
    parser.add_argument("--seed", type=int, default=1, help="of the generated manifests and of the storm")
    parser.add_argument(
        "--generated",
        type=int,
        default=3,
        metavar="N",
        help="how many manifests to generate in addition to the examples",
    )
    parser.add_argument("--sample", type=float, default=1.0, metavar="SHARE", help="play this share, drawn by the seed")
    parser.add_argument("--workers", type=int, default=1 + (os.cpu_count() or 1), metavar="N")
    asked = parser.parse_args()
    console = Console(stderr=True)
    if asked.file is not None:
        return _one(load(asked.file), console)
    scenarios = [*examples(), *(generated(asked.seed, number) for number in range(asked.generated))]
    calm, cases = everything(scenarios, workers=asked.workers)
    for result in calm:
        if result.case.scenario.name in LAGGED and result.case.profile == "documented":
            cases += lagging(result.case.scenario, requests=result.requests)
        if result.case.scenario.name in (*LAGGED, SWAP) and result.case.profile == "documented":
            cases += ephemeral(result.case.scenario, result.sent)
    every = len(cases)
    if asked.sample < 1:
        cases = Random(asked.seed).sample(cases, round(asked.sample * every))
    results = [*calm, *_shown(rehearse(cases, workers=asked.workers, command=command.run), len(cases), console)]
    storms = [storm.weather(profile, seed=asked.seed) for profile in PROFILES]
    drawn = (
        f"{len(cases):,} of {every:,} cases were played, drawn with seed {asked.seed}." if len(cases) < every else ""
    )
    text = report.tables(results, storms, scenarios=len(scenarios), drawn=drawn)
    console.print(text, markup=False, highlight=False)
    broken = [result for result in results if result.broken]
    _keep(broken, console)
    for one in storms:
        for promise in one.broken:
            console.print(f"storm, {one.profile}: {promise}", style="red", markup=False)
    if broken or any(one.broken or one.duplicates for one in storms):
        return 1
    report.write(text)
    return 0


def _one(case: Case, console: Console) -> int:
    with start(command.run) as on:
        result = run_case(case, on)
    console.print(f"{case}: exit codes {', '.join(map(str, result.codes))}", markup=False)
    for promise in result.broken:
        console.print(promise, style="red", markup=False, highlight=False)
    return 1 if result.broken else 0


def _shown(results: Iterable[CaseResult], total: int, console: Console) -> Iterator[CaseResult]:
    columns = (TextColumn("Rehearsing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("cases", total=total)
        for result in results:
            bar.advance(task)
            if result.broken:
                bar.console.print(f"{result.case}: {result.broken[0][:200]}", style="red", markup=False)
            yield result


def _keep(broken: Iterable[CaseResult], console: Console) -> None:
    """Write each failing case to a file that reproduces it."""
    for number, result in enumerate(broken, start=1):
        FAILURES.mkdir(exist_ok=True)
        path = FAILURES / f"{number:03}.json"
        path.write_text(to_json(result.case), encoding="utf-8")
        console.print(f"{result.case}: cd tests && python -m rehearse {path}", markup=False)


if __name__ == "__main__":
    raise SystemExit(main())
