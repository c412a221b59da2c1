"""Every environment of a manifest as one task of Prefect, for fleets that outgrow one process.

    pip install acrsync prefect
    ACRSYNC_RUNS=s3://my-runs/acrsync python prefect_flow.py

Prefect distributes the tasks to workers and shows their results. If a worker dies, other workers get its tasks. The
lease in the run store makes that safe: the new task waits until no request of the dead worker can still arrive, and
then creates only what is missing. All workers need the same store; a folder works only on one machine. For workers on
several machines, use another task runner, for example prefect-dask's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from prefect import flow, task
from prefect.task_runners import ProcessPoolTaskRunner

import acrsync

MANIFEST = Path(os.environ.get("ACRSYNC_MANIFEST", "acrsync.yaml"))
RUNS = os.environ.get("ACRSYNC_RUNS", ".acrsync/runs")
ENDPOINT = "https://api-v2.acrcloud.com"
ROUNDS = 3  # how many times an environment is given to a worker


@task(task_run_name="apply {environment}")
def apply(environment: str) -> str:
    """Make one account match the manifest; return how that ended."""
    manifest = acrsync.load(MANIFEST, env=environment)
    assert manifest.token_env, f"{environment} names no variable for its token"
    token = os.environ[manifest.token_env]
    with acrsync.connect(manifest.endpoint or ENDPOINT, token, read_only=False) as account:
        plan = acrsync.plan(manifest, account)
        if not plan.can_apply:  # a guard refuses, and would again
            return "refused"
        # Also if there are no changes: what an earlier run left open is settled.
        result = acrsync.apply(plan, account, runs=manifest.runs or RUNS)
        return "verified" if result.verified else f"exit code {int(result.exit_code)}"


@flow(name="acrsync round", task_runner=ProcessPoolTaskRunner(max_workers=4))
def one_round(names: list[str]) -> dict[str, str]:
    """Apply some environments, each in a separate process; return the exit codes of those that did not fail."""
    futures = {name: apply.submit(name) for name in names}
    ended = {}
    for name, future in futures.items():
        future.wait()
        if future.state.is_completed():
            ended[name] = future.result()
    return ended


@flow(name="acrsync")
def every_environment() -> dict[str, str]:
    """Apply all environments; the next round repeats those that failed or whose worker died."""
    ended: dict[str, str] = {}
    names = acrsync.environments(MANIFEST)
    for number in range(1, ROUNDS + 1):
        left = [name for name in names if name not in ended]
        if left:
            print(f"round {number}: {', '.join(left)}", flush=True)  # noqa: T201 - for people
            found = one_round(left, return_state=True)
            ended |= found.result() if found.is_completed() else {}
    return ended | {name: "failed" for name in names if name not in ended}


if __name__ == "__main__":
    found = every_environment()
    for name, end in found.items():
        print(f"{name}: {end}")  # noqa: T201 - the answer
    sys.exit(any(end != "verified" for end in found.values()))
