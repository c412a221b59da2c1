"""A process that holds an account: `python lease_holder.py WHERE KEY TTL_S`, then `look` or `end`, a line each."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from acrsync.clock import WallClock
from acrsync.model import Desired
from acrsync.plan.changes import Create
from acrsync.plan.document import Plan
from acrsync.runs import LeaseLost, LostRace
from acrsync.runs.lease import LeasedRuns
from acrsync.runs.record import Wanted, Who
from acrsync.runs.store import Store
from acrsync.runs.where import Folder, open_store, parse_where


def runs_on(store: Store, *, ttl_s: float, name: str) -> LeasedRuns:
    """Return the runs on a store where what is sent lands at once."""
    clock = WallClock(threading.Event())
    return LeasedRuns(store, clock, who=Who(user=name), settle_s=0, landing_s=0, ttl_s=ttl_s)


def one_bucket() -> Wanted:
    attrs = {"name": "talk", "region": "eu-west-1", "type": "File"}
    return Wanted(Plan(waves=((Create(Desired(attrs), "missing"),),)), {}, frozenset())


def main() -> None:
    where = parse_where(sys.argv[1], in_manifest=False)
    assert not isinstance(where, Folder)
    store = open_store(where, sys.argv[2], project=Path(), environment=os.environ)
    runs = runs_on(store, ttl_s=float(sys.argv[3]), name=f"process {os.getpid()}")
    runs.wait_until_free(lock_timeout_s=0, notify=_say)
    try:
        run = runs.begin(one_bucket(), rows=())
    except LostRace:
        _say("moved")
        return
    _say("holds")
    for line in sys.stdin:
        try:
            if line == "look\n":
                run.before_write()
                _say("may write")
            else:
                run.end(exit_code=0, verified=True, rows=(), managed={})
                _say("ended")
        except LeaseLost:
            _say("lost")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
