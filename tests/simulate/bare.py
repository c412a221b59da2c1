"""The lease by itself: a runner that takes, lists, begins, creates what is missing, and ends."""

from __future__ import annotations

from acrsync.diagnostics import RemoteError, UnknownOutcome
from acrsync.model import Desired
from acrsync.plan.changes import Create
from acrsync.plan.document import Plan
from acrsync.plan.outcome import Outcome, Status
from acrsync.runs import LeaseLost, LostRace
from acrsync.runs.record import Wanted
from simulate.play import SETTLE_S, Play, Revision, WatchedRuns
from simulate.servers import Network, SimRemote
from simulate.world import Process, SimClock


def apply(process: Process, revision: Revision, play: Play) -> bool:
    clock = SimClock(play.world, process)
    remote = SimRemote(Network(play.world, process), play.server, when_sent=play.check_premise)
    runs = WatchedRuns(play, process)
    if revision.does == "plan":
        runs.peek()
        return True
    for _ in range(4):
        known = runs.wait_until_free(lock_timeout_s=1000, notify=play.world.tell)
        rows = remote.observe().rows
        if not known.shown_by(rows, now=clock.wall()):
            clock.wait(SETTLE_S)
            rows = remote.observe().rows
        missing = [name for name in sorted(revision.names) if name not in {row.name for row in rows}]
        creates = tuple(
            Create(Desired({"name": name, "region": "eu-west-1", "type": "File"}), "missing") for name in missing
        )
        try:
            if not creates:
                runs.settle(rows=rows)
                return True
            wanted = Wanted(Plan(waves=(creates,)), {}, frozenset(row.id for row in rows))
            run = runs.begin(wanted, rows=rows)
        except LostRace:
            continue
        remote.last_look = run.before_write
        ended_well = True
        for create in creates:
            try:
                live = remote.create(create.desired.attrs)
                run.outcome(Outcome(create, Status.CREATED, live=live, wrote=True))
            except UnknownOutcome as error:
                ended_well = False
                run.outcome(Outcome(create, Status.UNKNOWN, error.diagnostic, wrote=True, lost="create"))
            except RemoteError as error:
                ended_well = False
                run.outcome(Outcome(create, Status.FAILED, error.diagnostic))
            except LeaseLost as error:
                run.outcome(Outcome(create, Status.FAILED, error.diagnostic))
                raise
        run.end(exit_code=0 if ended_well else 6, verified=ended_well, rows=None, managed={})
        return ended_well
    return False
