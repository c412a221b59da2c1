"""The stage of a case: an emulator in a process of its own, and the real command in a child that may be killed.

The child is forked from a process that has imported everything and runs no thread: starting an apply costs some
milliseconds, so that thousands of runs take minutes.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from acrsync.rehearse.cases import JSON, Case, Interrupt, Kill, Misfortune, faults_of

Command = Callable[[Sequence[str]], int]  # the command line: arguments in, exit code out
POLL_S = 0.002
ACTING_S = 0.05  # what acts has acted by then
LATENCY_MS = 15  # while a signal is sent
DEADLINE_S = 120
MEMORY = Path("/dev/shm")  # noqa: S108 - a fresh folder in it, whose name nobody can guess
FELL = 99  # an exception that the command let out
HUNG = 98


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the command, and what came of it on both sides."""

    code: int  # negative where a signal ended it
    output: str
    log: tuple[JSON, ...]  # the emulator's
    record: tuple[JSON, ...]  # the lines of the run record that it wrote, none where it wrote none
    state: JSON  # the account afterwards
    struck: bool  # the misfortune met it


@dataclass
class Stage:
    """One emulator, and the folders of one case after the other."""

    url: str
    token: str
    control: http.client.HTTPConnection
    command: Command

    def ask(self, method: str, path: str, body: JSON = None) -> JSON:
        self.control.request(method, f"/_emulator/{path}", None if body is None else json.dumps(body))
        answer = self.control.getresponse()
        content = answer.read()
        if answer.status != HTTPStatus.OK:
            raise ValueError(content.decode())
        return json.loads(content)

    def set(self, case: Case) -> JSON:
        """Bring the account to its start, with the misfortune to come, and return it.

        From here on nothing is reset: a list that lags behind the first run still does when the second one begins.
        """
        faults, scenario = faults_of(case.misfortune), case.scenario
        account = {"rows": scenario.rows} if scenario.copy is None else {"copy": scenario.copy}
        self.ask("POST", "reset", {**account, "profile": case.profile, "faults": faults})
        for name, entries in case.scenario.references.items():
            for entry in entries:
                self.ask("POST", f"references/{name}", entry)
        return self.ask("GET", "state")

    def run(self, folder: Path, case: Case, misfortune: Misfortune | None) -> Ran:
        """Apply the manifest in the folder, once."""
        self.ask("POST", "latency", {"latency_ms": LATENCY_MS if isinstance(misfortune, Interrupt) else 0})
        sent, records = len(self.log()), set(folder.glob("runs/*.jsonl"))
        child = self._start(folder, case)
        struck = self._strike(child, misfortune)
        code = _ended(child)
        if struck:
            time.sleep(ACTING_S)  # what it had sent may still be acted upon
        # A request that was cut off before its body was there is none.
        log = [
            entry for entry in self.log()[sent:] if entry["body"] is not None or entry["method"] in ("GET", "DELETE")
        ]
        (*_, record) = [(), *(_lines(path) for path in set(folder.glob("runs/*.jsonl")) - records)]
        output = (folder / "output").read_text(encoding="utf-8", errors="replace")
        struck = struck or any(entry["fault"] for entry in log)
        return Ran(code, output, tuple(log), record, self.ask("GET", "state"), struck)

    def calm(self) -> None:
        """End all misfortune; an expired token is good again."""
        self.ask("PUT", "faults", {"faults": []})

    def log(self) -> list[JSON]:
        log: list[JSON] = self.ask("GET", "requests")["requests"]
        return log

    def _start(self, folder: Path, case: Case) -> int:
        arguments = ["apply", "--yes", "--runs", "runs", "--color", "never", *case.scenario.files]
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
        code = FELL
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.chdir(folder)
            os.environ.clear()  # a proxy or a CA bundle of this machine has no part in it
            os.environ.update(ACRSYNC_ENDPOINT=self.url, ACRSYNC_TOKEN=self.token)
            output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            code = self.command(arguments)
        finally:  # nothing may go on here that belongs to the process it was forked from
            os._exit(code)

    def _strike(self, child: int, misfortune: Misfortune | None) -> bool:
        """Send the signals of a misfortune when its request has arrived; tell whether that came to pass."""
        if not isinstance(misfortune, Kill | Interrupt) or not self._arrived(child, misfortune):
            return False
        if isinstance(misfortune, Kill):
            os.kill(child, signal.SIGKILL)
            return True
        for _ in range(misfortune.times):
            os.kill(child, misfortune.number)
            time.sleep(POLL_S)
        return True

    def _arrived(self, child: int, misfortune: Kill | Interrupt) -> bool:
        deadline = time.monotonic() + DEADLINE_S
        acts_until = None
        while time.monotonic() < deadline and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            log = self.log()
            if len(log) >= misfortune.at:
                entry = log[misfortune.at - 1]
                acts_until = acts_until or time.monotonic() + ACTING_S
                if isinstance(misfortune, Interrupt) or (entry["fault"] and not misfortune.acted):
                    return True
                if entry["acted"] or time.monotonic() > acts_until:
                    return True
            time.sleep(POLL_S)
        return False


def _ended(child: int) -> int:
    """Wait for a child and return its exit code; one that hangs is killed."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(POLL_S)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HUNG


def _lines(path: Path) -> tuple[JSON, ...]:
    """Return the whole lines of a run record; a crash may have cut the last one short."""
    return tuple(json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n"))


# What the command imports only when it needs it, so that no child has to.
IMPORTED_LATE = (
    "acrsync.cli.apply",
    "acrsync.apply.reconcile",
    "acrsync.acrcloud",
    "acrsync.client",
    "deepdiff",
    "jsonschema",
)


@contextmanager
def stage(command: Command) -> Iterator[Stage]:
    """Start an emulator for as long as the block lasts; `command` is what is run on it."""
    for name in IMPORTED_LATE:
        importlib.import_module(name)
    emulate = [sys.executable, "-m", "acrsync", "emulator", "--port", "0"]
    # This interpreter, and nothing from outside.
    with subprocess.Popen(emulate, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as emulator:  # noqa: S603
        assert emulator.stdout is not None
        said = emulator.stdout.readline() + emulator.stdout.readline()
        settings = dict(re.findall(r"(ACRSYNC_[A-Z]+)=(\S+)", said))
        url = settings["ACRSYNC_ENDPOINT"]
        control = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        try:
            yield Stage(url, settings["ACRSYNC_TOKEN"], control, command)
        finally:
            control.close()
            emulator.terminate()


@contextmanager
def folder_of(case: Case) -> Iterator[Path]:
    """Make a folder with the manifest in it."""
    folder = Path(tempfile.mkdtemp(prefix="rehearse-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        for name, text in {**case.scenario.files, **case.scenario.second}.items():
            (folder / name).write_text(text, encoding="utf-8")
        yield folder
    finally:
        shutil.rmtree(folder)
