"""Runs the real command in a child process against an emulator in another process, and disrupts it.

The child is forked from a process that has imported everything and has one thread, so an apply starts within
milliseconds and thousands of runs take minutes.
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from acrsync.frozen import frozen
from acrsync.rehearse.cases import JSON, Case, Disruption, Interrupt, Kill, fault_plan

Command = Callable[[Sequence[str]], int]  # the command line: arguments in, exit code out
POLL_S = 0.002
ACTING_S = 0.05  # the server has acted on a request by then
LATENCY_MS = 15  # while a signal is sent
DEADLINE_S = 120
MEMORY = Path("/dev/shm")  # noqa: S108 - only for a new folder with a random name
CRASHED = 99  # the command raised an exception
HUNG = 98


@frozen
class RunResult:
    """One run of the command, seen from both sides."""

    code: int  # negative if a signal ended it
    output: str
    log: tuple[JSON, ...]  # of the emulator
    record: tuple[JSON, ...]  # the lines of the run record, if the run wrote one
    state: JSON  # the account afterwards
    disrupted: bool  # the disruption happened


@dataclass
class Harness:
    """One emulator, on which cases run one after the other."""

    url: str
    token: str
    control: http.client.HTTPConnection
    command: Command

    def request(self, method: str, path: str, body: JSON = None) -> JSON:
        """Send a request to the emulator's control API."""
        self.control.request(method, f"/_emulator/{path}", None if body is None else json.dumps(body))
        answer = self.control.getresponse()
        content = answer.read()
        if answer.status != HTTPStatus.OK:
            raise ValueError(content.decode())
        return json.loads(content)

    def reset(self, case: Case) -> JSON:
        """Set the account and the faults of a case, and return the account.

        Nothing is reset between its runs: a list that lags after the first run still lags when the second one begins.
        """
        faults, scenario = fault_plan(case.disruption), case.scenario
        account = {"rows": scenario.rows} if scenario.copy is None else {"copy": scenario.copy}
        self.request("POST", "reset", {**account, "profile": case.profile, "faults": faults})
        for name, entries in case.scenario.references.items():
            for entry in entries:
                self.request("POST", f"references/{name}", entry)
        return self.request("GET", "state")

    def run(self, folder: Path, case: Case, disruption: Disruption | None) -> RunResult:
        """Apply the manifest in the folder, once."""
        self.request("POST", "latency", {"latency_ms": LATENCY_MS if isinstance(disruption, Interrupt) else 0})
        if case.runs != "folder":
            _wipe(folder, case)
        sent, records = len(self.log()), _records(folder, case)
        child = self._start(folder, case)
        disrupted = self._disrupt(child, disruption)
        code = _ended(child)
        if disrupted:
            time.sleep(ACTING_S)  # the server may still act on a request
        # A request that was cut off before its body does not count.
        log = [
            entry for entry in self.log()[sent:] if entry["body"] is not None or entry["method"] in ("GET", "DELETE")
        ]
        (*_, record) = [(), *(lines for name, lines in _records(folder, case).items() if name not in records)]
        output = (folder / "output").read_text(encoding="utf-8", errors="replace")
        disrupted = disrupted or any(entry["fault"] for entry in log)
        return RunResult(code, output, tuple(log), record, self.request("GET", "state"), disrupted)

    def clear_faults(self) -> None:
        """Remove all faults; an expired token is valid again."""
        self.request("PUT", "faults", {"faults": []})

    def log(self) -> list[JSON]:
        log: list[JSON] = self.request("GET", "requests")["requests"]
        return log

    def _start(self, folder: Path, case: Case) -> int:
        where = "runs" if case.runs == "folder" else f"git:file://{_store(folder)}"
        arguments = ["apply", "--yes", "--runs", where, "--color", "never", *case.scenario.files]
        arguments += case.scenario.flags
        arguments += [
            f"--parallelism={case.parallelism}",
            f"--settle={case.settle_s}",
            "--landing=0",
            f"--timeout={case.timeout_s}",
        ]
        child = os.fork()
        if child:
            return child
        code = CRASHED
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.chdir(folder)
            path = os.environ.get("PATH", os.defpath)  # git must be found
            os.environ.clear()  # without the proxy and the CA bundle of this machine
            os.environ.update(ACRSYNC_ENDPOINT=self.url, ACRSYNC_TOKEN=self.token, PATH=path)
            tempfile.tempdir = str(folder)
            output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            code = self.command(arguments)
        finally:  # the child must not run code of its parent
            os._exit(code)

    def _disrupt(self, child: int, disruption: Disruption | None) -> bool:
        """Send the signals of a disruption when its request has arrived; return whether they were sent."""
        if not isinstance(disruption, Kill | Interrupt) or not self._arrived(child, disruption):
            return False
        if isinstance(disruption, Kill):
            os.kill(child, signal.SIGKILL)
            return True
        for _ in range(disruption.times):
            os.kill(child, disruption.number)
            time.sleep(POLL_S)
        return True

    def _arrived(self, child: int, disruption: Kill | Interrupt) -> bool:
        deadline = time.monotonic() + DEADLINE_S
        acts_until = None
        while time.monotonic() < deadline and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            log = self.log()
            if len(log) >= disruption.at:
                entry = log[disruption.at - 1]
                acts_until = acts_until or time.monotonic() + ACTING_S
                if isinstance(disruption, Interrupt) or (entry["fault"] and not disruption.acted):
                    return True
                if entry["acted"] or time.monotonic() > acts_until:
                    return True
            time.sleep(POLL_S)
        return False


def _ended(child: int) -> int:
    """Wait for a child and return its exit code; kill it if it hangs."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(POLL_S)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HUNG


def _records(folder: Path, case: Case) -> Mapping[str, tuple[JSON, ...]]:
    """Return the lines of each recorded run, by its id."""
    if case.runs == "folder":
        return {path.stem: _lines(path.read_bytes()) for path in folder.glob("runs/*.jsonl")}
    ref = _git(folder, "for-each-ref", "--format=%(refname)", "refs/acrsync").decode().strip()
    if not ref:
        return {}
    account = json.loads(_git(folder, "show", f"{ref}:account.json"))
    names = _git(folder, "ls-tree", "--name-only", ref, "runs/").decode().split()
    kept = {Path(name).stem: _lines(_git(folder, "show", f"{ref}:{name}")) for name in names}
    return {run["id"]: tuple(run["lines"]) for run in account["runs"]} | kept


def _lines(content: bytes) -> tuple[JSON, ...]:
    """Return the complete lines of a run record; a crash may have cut the last one short."""
    return tuple(json.loads(line) for line in content.splitlines(keepends=True) if line.endswith(b"\n"))


def _store(folder: Path) -> Path:
    return folder.parent / "store.git"


def _git(folder: Path, *arguments: str) -> bytes:
    command = ["git", f"--git-dir={_store(folder)}", *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - no argument is from outside


def _wipe(folder: Path, case: Case) -> None:
    """Leave only the manifest, as on a new runner. A process that a killed run started may still write there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    _write(folder, case)


def _write(folder: Path, case: Case) -> None:
    for name, text in {**case.scenario.files, **case.scenario.second}.items():
        (folder / name).write_text(text, encoding="utf-8")


# Modules that the command imports late: imported before the fork, so that no child has to.
IMPORTED_LATE = (
    "acrsync.cli.apply",
    "acrsync.apply.reconcile",
    "acrsync.acrcloud",
    "acrsync.client",
    "deepdiff",
    "jsonschema",
)


@contextmanager
def start(command: Command) -> Iterator[Harness]:
    """Start an emulator for the duration of the block; `command` runs on it."""
    for name in IMPORTED_LATE:
        importlib.import_module(name)
    emulate = [sys.executable, "-m", "acrsync", "emulator", "--port", "0"]
    # The arguments contain only this interpreter and constants.
    with subprocess.Popen(emulate, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as emulator:  # noqa: S603
        assert emulator.stdout is not None
        lines = emulator.stdout.readline() + emulator.stdout.readline()
        settings = dict(re.findall(r"(ACRSYNC_[A-Z]+)=(\S+)", lines))
        url = settings["ACRSYNC_ENDPOINT"]
        control = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        try:
            yield Harness(url, settings["ACRSYNC_TOKEN"], control, command)
        finally:
            control.close()
            emulator.terminate()


@contextmanager
def manifest_folder(case: Case) -> Iterator[Path]:
    """Create a folder with the manifest, and the git store if the case uses one; remove both afterwards."""
    place = Path(tempfile.mkdtemp(prefix="rehearse-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        folder = place / "work"
        folder.mkdir()
        _write(folder, case)
        if case.runs == "git":
            _git(folder, "init", "--quiet", "--bare")
        yield folder
    finally:
        shutil.rmtree(place, ignore_errors=True)
