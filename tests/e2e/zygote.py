"""A process that has imported everything and forks for each command: starting one costs milliseconds.

Most tests ask what a command does, not how it starts; those that do start the installed command itself.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
IMPORTED = (
    "acrsync.acrcloud", "acrsync.apply.reconcile", "acrsync.apply.verify", "acrsync.apply.waves", "acrsync.client",
    "acrsync.connecting", "acrsync.cli.apply", "acrsync.cli.ci", "acrsync.cli.endpoint", "acrsync.cli.environments",
    "acrsync.cli.export", "acrsync.cli.interrupt", "acrsync.cli.list", "acrsync.cli.plan", "acrsync.cli.planning",
    "acrsync.cli.progress", "acrsync.cli.runs", "acrsync.cli.saved", "acrsync.cli.show", "acrsync.cli.trouble",
    "acrsync.cli.validate", "acrsync.emulator", "acrsync.manifest.overlap", "acrsync.manifest.rendering",
    "acrsync.manifest.shape", "acrsync.plan.file", "acrsync.plan.guards", "acrsync.plan.undo", "acrsync.report.fleet",
    "acrsync.report.result", "acrsync.runs.lease", "acrsync.runs.origin", "deepdiff", "filelock", "jsonschema", "yaml",
)  # fmt: skip


@dataclass
class Zygote:
    """One such process; it ends with the one that started it."""

    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        line = [sys.executable, str(Path(__file__))]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(line, text=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **pipes)

    def run(self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> tuple[int, str, str]:
        """Run the command to its end and return its exit code and both outputs."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with tempfile.TemporaryDirectory() as outputs:
            order = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
            self.process.stdin.write(json.dumps(order | {"outputs": outputs}) + "\n")
            self.process.stdin.flush()
            code = int(self.process.stdout.readline())
            out, err = ((Path(outputs) / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return code, out, err

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def serve() -> None:
    """Fork for each order that comes as a line, and answer with the exit code."""
    for name in IMPORTED:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            become(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def become(order: Mapping[str, Any]) -> None:
    """Be the command that was ordered, with everything as a new process finds it; never returns."""
    code = 98
    try:
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(Path(order["outputs"]) / name, os.O_WRONLY | os.O_CREAT), number)
        sys.stdin, sys.stdout, sys.stderr = (
            io.TextIOWrapper(open(number, mode, closefd=False), encoding="utf-8")  # noqa: SIM115
            for number, mode in ((0, "rb"), (1, "wb"), (2, "wb"))
        )
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["acrsync", *order["arguments"]]
        from acrsync.cli import main

        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
