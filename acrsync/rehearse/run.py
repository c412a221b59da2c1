"""Runs one case: the first apply is disrupted, and at most two more must reach the desired state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from acrsync import manifest as manifests
from acrsync.bucket import decode
from acrsync.frozen import frozen
from acrsync.model import Manifest, Prune, Snapshot
from acrsync.plan.changes import Create, Delete, Kept
from acrsync.plan.document import Plan
from acrsync.plan.planner import make_plan
from acrsync.rehearse.cases import JSON, Case, is_lasting, is_unsolvable
from acrsync.rehearse.harness import Harness, RunResult, manifest_folder
from acrsync.rehearse.promises import Goal, broken_promises, differences, duplicates, token_leaks

MORE_RUNS = 2
REPORTED = "error[E202]: Two buckets in the account have this name"


@frozen
class CaseResult:
    """The result of a case."""

    case: Case
    broken: tuple[str, ...]
    runs: int
    disrupted: bool
    requests: int  # of the first run
    codes: tuple[int, ...]
    unsolvable: bool  # a person must fix the account, and acrsync reported how
    sent: tuple[tuple[str, str], ...] = ()  # method and description of each request, if nothing disrupted the run


class CannotRehearse(ValueError):
    """acrsync refuses this scenario."""


def run_case(case: Case, harness: Harness) -> CaseResult:
    """Run a case and return all broken promises."""
    later = replace(case, scenario=case.scenario.later, disruption=None)
    with manifest_folder(case) as folder:
        first = harness.reset(case)
        goals = [goal_of(case, folder, first), goal_of(later, folder, first)]
        runs = [harness.run(folder, case, case.disruption)]
        if is_lasting(case.disruption):
            harness.clear_faults()
        while len(runs) <= MORE_RUNS and not (len(runs) > 1 and runs[-1].code == 0):
            runs.append(harness.run(folder, later, None))
    unsafe = [
        f"run {number}: {promise}"
        for number, run in enumerate(runs, start=1)
        for promise in broken_promises(
            run,
            first=first,
            goal=goals[number > 1],
            disruption=None if number > 1 else case.disruption,
            of_plan=case.runs != "folder",
        )
    ]
    unsafe += token_leaks(runs, harness.token)
    not_converged = list(_not_converged(runs, first, goals[1]))
    unsolvable = bool(not_converged) and is_unsolvable(case) and REPORTED in runs[-1].output
    broken = tuple(unsafe if unsolvable else unsafe + not_converged)
    codes = tuple(run.code for run in runs)
    sent = () if case.disruption else tuple((entry["method"], described(entry)) for entry in runs[0].log)
    return CaseResult(case, broken, len(runs), runs[0].disrupted, len(runs[0].log), codes, unsolvable, sent)


def described(entry: Mapping[str, JSON]) -> str:
    """Return the method, path and query of a logged request, and the bucket's name if it has one."""
    body = entry["body"] if isinstance(entry["body"], dict) else {}
    name = f" {body['name']}" if body.get("name") else ""
    query = f"?{entry['query']}" if entry["query"] else ""
    return f"{entry['method']} {entry['path'].removeprefix('/api')}{query}{name}"


def _not_converged(runs: list[RunResult], first: JSON, goal: Goal) -> Iterator[str]:
    last = runs[-1]
    if last.code != 0:
        yield f"not converged after {len(runs)} runs: the last one ended with {last.code}: {last.output[-800:]}"
    yield from differences(last.state, first, goal)
    yield from duplicates(last.state, first, goal)


def goal_of(case: Case, folder: Path, state: JSON) -> Goal:
    """Return the goal of a manifest for an account. Raises: CannotRehearse if it cannot be applied."""
    manifest, plan = planned(case, folder, state)
    if plan.errors:
        raise CannotRehearse("; ".join(f"{error.summary}: {error.detail}" for error in plan.errors))
    alone = {keep.live.id for keep in plan.kept if keep.kept in (Kept.UNMANAGED, Kept.FOREIGN)}
    origins = {
        change.desired.name: change.live.id
        for change in plan.changes
        if not isinstance(change, Create | Delete) and change.desired is not None
    }
    gone = {change.live.name for change in plan.work if isinstance(change, Delete)}
    wanted = tuple(entry.attrs for entry in manifest.desired)
    gone -= {entry["name"] for entry in wanted}
    return Goal(frozenset(alone), wanted, origins, frozenset(gone), manifest.mark, case.scenario.uid)


def planned(case: Case, folder: Path, state: JSON) -> tuple[Manifest, Plan]:
    """Return the manifest in the folder, and its plan for a state of the emulator. Raises: CannotRehearse."""
    loaded = manifests.load(tuple(folder / name for name in case.scenario.files))
    if loaded.manifest is None:
        raise CannotRehearse("; ".join(f"{found.summary}: {found.detail}" for found in loaded.diagnostics))
    manifest = _flagged(loaded.manifest, case.scenario.flags)
    rows = tuple(decode(_shown(row)) for row in reversed(state["buckets"]) if _is_listed(row, case.scenario.uid))
    return manifest, make_plan(manifest, Snapshot(rows))


def _flagged(manifest: Manifest, flags: Sequence[str]) -> Manifest:
    """Return the manifest with the flags that change the desired state."""
    if "--prune" not in flags:
        return manifest
    return replace(manifest, prune=Prune.STACK if manifest.ownership else Prune.ACCOUNT)


def _is_listed(row: Mapping[str, JSON], uid: int) -> bool:
    return uid in (row["uid"], row["shown_to"])


def _shown(row: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Return a stored row as the API shows it."""
    shown = {**row, "num": row["files"] + row["channels"], **row["show"]}
    return {key: value for key, value in shown.items() if key not in row["hide"] or key in ("id", "name")}
