"""The product's own loop in the simulated world: it takes, lists, plans, guards, applies, reads back and ends."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from acrsync.apply.reconcile import Reconciler, Result
from acrsync.apply.terms import Seen, Settings
from acrsync.model import Approval, Desired, Limit, Manifest, Removed
from acrsync.plan.undo import undo
from acrsync.runs.memory import Known
from simulate.play import SETTLE_S, Play, Revision, WatchedRuns
from simulate.servers import Network, SimRemote
from simulate.world import Process, SimClock


def manifest_of(revision: Revision) -> Manifest:
    return Manifest(
        desired=tuple(Desired({"name": name, **dict(attrs)}) for name, attrs in revision.entries),
        removed=tuple(Removed(name) for name in revision.removed),
        account_uid=19,
        deletes_limit=Limit(100, percent=True),
        stack="radio",
    )


def apply(process: Process, revision: Revision, play: Play) -> bool:
    """Apply one revision of the manifest; with `undoes`, take the last run back instead."""
    runs = WatchedRuns(play, process)
    remote = SimRemote(Network(play.world, process), play.server, when_sent=play.check_premise)
    loop = Reconciler(
        remote,
        SimClock(play.world, process),
        runs,
        Settings(parallelism=revision.parallelism, settle_s=SETTLE_S, lock_timeout_s=1000),
        threading.Event(),
        play.world.tell,
    )
    if revision.does == "plan":
        loop.observe_and_plan(manifest_of(revision))
        return True

    def look(known: Known) -> Seen:
        manifest, hints = manifest_of(revision), ()
        if revision.does == "undo" and (lines := _last(runs)):
            play.undoing[process.name] = frozenset(lines[0]["listed"])
            manifest = replace(undo(lines, remote.observe()).manifest, deletes_limit=Limit(100, percent=True))
        seen = loop.observe_and_plan(manifest, known=known, hints=hints)
        approvals = tuple(Approval(o.guard, o.id) for o in seen.plan.objections if o.approval)
        if approvals:
            manifest = replace(manifest, approvals=approvals)
            seen = loop.observe_and_plan(manifest, known=known, snapshot=seen.snapshot)
        return seen

    result = loop.reconcile(look)
    if result.verified and revision.does == "apply":
        play.check_verified(process, revision, listed=remote.listed)
    return said(play, result)


def said(play: Play, result: Result) -> bool:
    words = [f"{o.change.name} {o.status}" for o in result.outcomes]
    trouble = [
        d.code for d in (*result.plan.errors, *(o.diagnostic for o in result.plan.objections), *result.diagnostics)
    ]
    play.world.tell(f"ends with {int(result.exit_code)}: {', '.join(words) or 'nothing to do'} {' '.join(trouble)}")
    return result.verified


def _last(runs: WatchedRuns) -> Any:
    found = [lines for _, lines in runs.history() if "plan" in lines[0]]
    return found[-1] if found else ()
