"""The example for Prefect, with the real one and its own server: a worker that is killed costs a round, no bucket."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from acrsync.emulator import serve
from e2e.commandline import ROOT
from emulator.api import Api

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("prefect") is None, reason="Prefect is not installed: pip install prefect"),
]
BUCKETS = 12
NAMES = ("a", "b", "c")


def test_the_task_of_a_killed_worker_is_done_by_another_one_without_duplicates(tmp_path: Path):
    with ExitStack() as stack:
        apis = {name: Api(stack.enter_context(serve(latency_ms=300))) for name in NAMES}
        text = "version: 1\nenvironments:\n"
        environment = {
            **os.environ,
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
            "PREFECT_LOGGING_LEVEL": "WARNING",
        }
        for name, api in apis.items():
            stack.callback(api.session.close)
            environment[f"ACRSYNC_TOKEN_{name.upper()}"] = api.token
            text += (
                f"  {name}: {{account: {{uid: 19}}, endpoint: '{api.url}', token_env: ACRSYNC_TOKEN_{name.upper()}}}\n"
            )
        matrix = f"matrix: {{number: {[*range(BUCKETS)]}}}"
        text += f"buckets:\n  - {{name: 'music-${{number}}', region: eu-west-1, type: File, {matrix}}}\n"
        (tmp_path / "acrsync.yaml").write_text(text)
        log = tmp_path / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "examples" / "fleet" / "prefect_flow.py")],
                cwd=tmp_path,
                env=environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            while not any(entry["method"] == "POST" for entry in apis["b"].requests()):
                assert process.poll() is None, "it ended before it wrote"
                time.sleep(0.1)
            killed = worker_for(process.pid, "ACRSYNC_TOKEN_B")
            os.kill(killed, signal.SIGKILL)
            process.wait(timeout=900)
        finally:
            # Each worker started a server of its own, which outlives the one that was killed.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out = log.read_text()
        assert process.returncode == 0, out
        assert "round 2: " in out
        for name, api in apis.items():
            assert f"{name}: verified" in out
            names = [row["name"] for row in api.control("GET", "state")["buckets"] if row["name"].startswith("music-")]
            assert sorted(names) == sorted(f"music-{number}" for number in range(BUCKETS)), "none is there twice"
            api.reset()


def worker_for(parent: int, variable: str) -> int:
    """Return a process of the pool below this one; that of any environment takes the whole pool down with it."""
    workers = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat, line = (path / "stat").read_text(), (path / "cmdline").read_bytes()
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) == parent and b"spawn_main" in line:
            workers.append(int(path.name))
    assert workers, f"no worker, and {variable} is written to"
    return max(workers)
