"""Every environment of a manifest as one task of Prefect, for fleets that outgrow one machine.

    pip install acrsync prefect
    ACRSYNC_RUNS=s3://my-runs/acrsync python prefect_flow.py

Prefect spreads the tasks over workers, retries them and shows how they ended. What makes a retry safe is not Prefect
but the lease in the run store: the task that takes over waits until nothing of the one that died can arrive any more,
and then creates only what is not there. All workers need the same store; a folder works only on one machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from prefect import flow, task

import acrsync

MANIFEST = Path(os.environ.get("ACRSYNC_MANIFEST", "acrsync.yaml"))
RUNS = os.environ.get("ACRSYNC_RUNS", ".acrsync/runs")
ENDPOINT = "https://api-v2.acrcloud.com"


@task(retries=3, retry_delay_seconds=5, task_run_name="apply {environment}")
def apply(environment: str) -> str:
    """Make one account match the manifest; return how that ended."""
    manifest = acrsync.load(MANIFEST, env=environment)
    assert manifest.token_env, f"{environment} names no variable for its token"
    token = os.environ[manifest.token_env]
    with acrsync.connect(manifest.endpoint or ENDPOINT, token, read_only=False) as account:
        plan = acrsync.plan(manifest, account)
        if not plan.can_apply:
            # A guard refuses: a retry would not change that, so it is a result and not an exception.
            return "refused"
        # Also without changes: what an earlier run left open is settled.
        result = acrsync.apply(plan, account, runs=manifest.runs or RUNS)
        if result.exit_code:
            raise RuntimeError(f"{environment} ended with exit code {int(result.exit_code)}")
        return "verified"


@flow(name="acrsync")
def every_environment() -> dict[str, str]:
    """Apply all environments; one that fails stops no other."""
    names = acrsync.environments(MANIFEST)
    futures = apply.map(list(names))
    ended = {name: future.result(raise_on_failure=False) for name, future in zip(names, futures, strict=True)}
    return {name: end if isinstance(end, str) else f"failed: {end}" for name, end in ended.items()}


if __name__ == "__main__":
    found = every_environment()
    for name, end in found.items():
        print(f"{name}: {end}")  # noqa: T201 - the answer
    sys.exit(any(end != "verified" for end in found.values()))
