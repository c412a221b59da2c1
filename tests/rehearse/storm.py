"""A thousand buckets to create while one request in twenty fails in a random way: what that takes."""

from __future__ import annotations

import json
from dataclasses import dataclass

from acrsync import cli
from acrsync.rehearse.cases import JSON, Case, RandomFaults, Scenario
from acrsync.rehearse.harness import RunResult, manifest_folder, start
from acrsync.rehearse.promises import broken_promises, differences, duplicates
from acrsync.rehearse.run import goal_of

BUCKETS = 1000
RUNS_MAX = 10
RATE = 0.05
WAYS: tuple[dict[str, JSON], ...] = (
    {"kind": "throttle", "retry_after": 1},
    {"kind": "error_before", "status": 500},
    {"kind": "error_before", "status": 503, "body": "html"},
    {"kind": "error_after", "status": 500},
    {"kind": "error_after", "status": 502, "body": "html"},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "hang_before", "seconds": 3},
    {"kind": "hang_after", "seconds": 3},
    {"kind": "cut_body"},
)
MANIFEST = {
    "version": 1,
    "account": {"uid": 19},
    "defaults": {"region": "eu-west-1", "type": "File", "labels": ["Music"]},
    "buckets": [{"name": f"bucket-{number:04}"} for number in range(BUCKETS)],
}


@dataclass(frozen=True, slots=True)
class Weathered:
    """What one storm came to."""

    profile: str
    runs: int
    requests: int
    failed: int  # requests that met a fault
    minimum: int  # requests of an undisturbed run
    duplicates: int
    broken: tuple[str, ...]


def weather(profile: str, *, seed: int) -> Weathered:
    """Apply until all is as wanted; the storm goes on all the time."""
    scenario = Scenario("storm", {"acrsync.yaml": json.dumps(MANIFEST)}, "empty")
    share = 1 - (1 - RATE) ** (1 / len(WAYS))  # the first rule that fires has the request
    storm = RandomFaults(tuple({**way, "rate": share} for way in WAYS), seed)
    calm = Case(scenario, profile, settle_s=2, timeout_s=2)
    case = Case(scenario, profile, storm, settle_s=2, timeout_s=2)
    with start(cli.run) as on:
        with manifest_folder(calm) as folder:
            on.reset(calm)
            minimum = len(on.run(folder, calm, None).log)
        with manifest_folder(case) as folder:
            first = on.reset(case)
            goal = goal_of(case, folder, first)
            runs: list[RunResult] = []
            while len(runs) < RUNS_MAX and not (runs and runs[-1].code == 0):
                runs.append(on.run(folder, case, storm))
    log = [entry for run in runs for entry in run.log]
    last = runs[-1].state
    broken = [one for run in runs for one in broken_promises(run, first=first, goal=goal, disruption=None)]
    broken += differences(last, first, goal)
    twice = sum(1 for _ in duplicates(last, first, goal))
    return Weathered(
        profile, len(runs), len(log), sum(bool(entry["fault"]) for entry in log), minimum, twice, tuple(broken)
    )
