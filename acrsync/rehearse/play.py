"""One case from curtain to curtain: the first run meets its misfortune, up to two more must put all right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acrsync import manifest as manifests
from acrsync.bucket import decode
from acrsync.model import Manifest, Prune, Snapshot
from acrsync.plan.changes import Create, Delete, Kept
from acrsync.plan.document import Plan
from acrsync.plan.planner import make_plan
from acrsync.rehearse.cases import JSON, Case, is_beyond_the_assumptions, lasts
from acrsync.rehearse.promises import Aim, broken_by, duplicates, not_as_wanted, spilled
from acrsync.rehearse.stage import Ran, Stage, folder_of

MORE_RUNS = 2
TOLD = "error[E202]: Two buckets in the account have this name"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a case came to."""

    case: Case
    broken: tuple[str, ...]
    runs: int
    struck: bool
    requests: int  # of the first run
    codes: tuple[int, ...]
    beyond: bool  # of the assumptions: a person must put it right, and was told how
    sent: tuple[tuple[str, str], ...] = ()  # of an undisturbed first run: method and description of each request


class Unplayable(ValueError):
    """A scenario that acrsync refuses, so that there is nothing to rehearse."""


def play(case: Case, stage: Stage) -> Verdict:
    """Play a case and return every promise that was broken."""
    later = replace(case, scenario=case.scenario.later, misfortune=None)
    with folder_of(case) as folder:
        first = stage.set(case)
        aims = [aim_of(case, folder, first), aim_of(later, folder, first)]
        runs = [stage.run(folder, case, case.misfortune)]
        if lasts(case.misfortune):
            stage.calm()
        while len(runs) <= MORE_RUNS and not (len(runs) > 1 and runs[-1].code == 0):
            runs.append(stage.run(folder, later, None))
    unsafe = [
        f"run {number}: {promise}"
        for number, run in enumerate(runs, start=1)
        for promise in broken_by(run, first=first, aim=aims[number > 1], case=case, calm=number > 1)
    ]
    unsafe += spilled(runs, stage.token)
    unmade = list(_unmade(runs, first, aims[1]))
    beyond = bool(unmade) and is_beyond_the_assumptions(case) and TOLD in runs[-1].output
    broken = tuple(unsafe if beyond else unsafe + unmade)
    codes = tuple(run.code for run in runs)
    sent = () if case.misfortune else tuple((entry["method"], described(entry)) for entry in runs[0].log)
    return Verdict(case, broken, len(runs), runs[0].struck, len(runs[0].log), codes, beyond, sent)


def described(entry: Mapping[str, JSON]) -> str:
    """Return a request of the log for people: method, path and, if it has one, the bucket's name."""
    body = entry["body"] if isinstance(entry["body"], dict) else {}
    name = f" {body['name']}" if body.get("name") else ""
    query = f"?{entry['query']}" if entry["query"] else ""
    return f"{entry['method']} {entry['path'].removeprefix('/api')}{query}{name}"


def _unmade(runs: list[Ran], first: JSON, aim: Aim) -> Iterator[str]:
    last = runs[-1]
    if last.code != 0:
        yield f"not converged after {len(runs)} runs: the last one ended with {last.code}: {last.output[-800:]}"
    yield from not_as_wanted(last.state, first, aim)
    yield from duplicates(last.state, first, aim)


def aim_of(case: Case, folder: Path, state: JSON) -> Aim:
    """Return what the manifest asks of the account at the start. Raises: Unplayable where it cannot be applied."""
    manifest, plan = planned(case, folder, state)
    if plan.errors:
        raise Unplayable("; ".join(f"{error.summary}: {error.detail}" for error in plan.errors))
    alone = {keep.live.id for keep in plan.kept if keep.kept in (Kept.UNMANAGED, Kept.FOREIGN)}
    origins = {
        change.desired.name: change.live.id
        for change in plan.changes
        if not isinstance(change, Create | Delete) and change.desired is not None
    }
    gone = {change.live.name for change in plan.work if isinstance(change, Delete)}
    wanted = tuple(entry.attrs for entry in manifest.desired)
    gone -= {entry["name"] for entry in wanted}
    return Aim(frozenset(alone), wanted, origins, frozenset(gone), manifest.mark, case.scenario.uid)


def planned(case: Case, folder: Path, state: JSON) -> tuple[Manifest, Plan]:
    """Return the manifest in the folder, and its plan for a state of the emulator. Raises: Unplayable."""
    loaded = manifests.load(tuple(folder / name for name in case.scenario.files))
    if loaded.manifest is None:
        raise Unplayable("; ".join(f"{found.summary}: {found.detail}" for found in loaded.diagnostics))
    manifest = _flagged(loaded.manifest, case.scenario.flags)
    rows = tuple(decode(_shown(row)) for row in reversed(state["buckets"]) if _is_listed(row, case.scenario.uid))
    return manifest, make_plan(manifest, Snapshot(rows))


def _flagged(manifest: Manifest, flags: Sequence[str]) -> Manifest:
    """Return the manifest as the flags that matter to what is wanted change it."""
    if "--prune" not in flags:
        return manifest
    return replace(manifest, prune=Prune.STACK if manifest.ownership else Prune.ACCOUNT)


def _is_listed(row: Mapping[str, JSON], uid: int) -> bool:
    return uid in (row["uid"], row["shown_to"])


def _shown(row: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Return a stored row as the API shows it."""
    shown = {**row, "num": row["files"] + row["channels"], **row["show"]}
    return {key: value for key, value in shown.items() if key not in row["hide"] or key in ("id", "name")}
