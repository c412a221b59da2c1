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
from collections.abc import Callable, Iterator, Mapping, Sequence
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
        if case.runs != "folder":
            _wipe(folder, case)
        sent, records = len(self.log()), _records(folder, case)
        child = self._start(folder, case)
        struck = self._strike(child, misfortune)
        code = _ended(child)
        if struck:
            time.sleep(ACTING_S)  # what it had sent may still be acted upon
        # A request that was cut off before its body was there is none.
        log = [
            entry for entry in self.log()[sent:] if entry["body"] is not None or entry["method"] in ("GET", "DELETE")
        ]
        (*_, record) = [(), *(lines for name, lines in _records(folder, case).items() if name not in records)]
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
        code = FELL
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.chdir(folder)
            path = os.environ.get("PATH", os.defpath)  # git is there
            os.environ.clear()  # a proxy or a CA bundle of this machine has no part in it
            os.environ.update(ACRSYNC_ENDPOINT=self.url, ACRSYNC_TOKEN=self.token, PATH=path)
            tempfile.tempdir = str(folder)
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


def _records(folder: Path, case: Case) -> Mapping[str, tuple[JSON, ...]]:
    """Return the lines of each run that is kept, by its id."""
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
    """Return the whole lines of a run record; a crash may have cut the last one short."""
    return tuple(json.loads(line) for line in content.splitlines(keepends=True) if line.endswith(b"\n"))


def _store(folder: Path) -> Path:
    return folder.parent / "store.git"


def _git(folder: Path, *arguments: str) -> bytes:
    command = ["git", f"--git-dir={_store(folder)}", *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - no word of it is from outside


def _wipe(folder: Path, case: Case) -> None:
    """Leave nothing but the manifest, as on a fresh runner. What a killed run had begun may still write there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    _write(folder, case)


def _write(folder: Path, case: Case) -> None:
    for name, text in {**case.scenario.files, **case.scenario.second}.items():
        (folder / name).write_text(text, encoding="utf-8")


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
    """Make a folder with the manifest in it, and the store beside it if the case keeps its runs elsewhere."""
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
