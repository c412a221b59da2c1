"""The installed command as a user starts it: in an empty folder, with an empty home and nothing else inherited."""

from __future__ import annotations

import atexit
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from e2e.zygote import Zygote

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("acrsync")
TOKEN = "secret-0123456789-token"  # what tests with a server of their own use; no output may ever show it
DEADLINE_S = 120  # for one command: a test that hangs says so


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((ROOT / "schemas" / f"{name}.v1.json").read_text()))


@cache
def zygote() -> Zygote:
    """Return the process that forks for this one."""
    started = Zygote()
    atexit.register(started.close)
    return started


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout: valid, and of one mind with the exit code."""
        document = json.loads(self.out)
        validator("plan").validate(document)
        assert document["exit_code"] == self.code
        return document

    @property
    def codes(self) -> list[str]:
        """The codes of all messages, wherever they were written."""
        return re.findall(r"\b(?:error|warning|hint)\[([EWH]\d{3})\]", self.out + self.err)


@dataclass
class Place:
    """A folder and an environment to start the command in."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=lambda: {TOKEN})

    def __post_init__(self) -> None:
        home = self.folder.with_name(f"{self.folder.name}-home")
        home.mkdir()
        self.environment = {
            "PATH": f"{COMMAND.parent}:/usr/bin:/bin",
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            # Lets coverage measure what the command runs, if the tests run under it.
            **{key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")},
            **self.environment,
        }

    @property
    def home(self) -> Path:
        return Path(self.environment["HOME"])

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start the command; stdin is empty, both outputs are pipes, unless the options say otherwise."""
        return self.begin([COMMAND, *arguments], **options)

    def begin(self, line: Sequence[Any], **options: Any) -> subprocess.Popen[str]:
        """Start any program as `start` starts the command."""
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = self.environment | dict(options.pop("environment", {}))
        return subprocess.Popen(line, cwd=self.folder, env=environment, text=True, **(pipes | options))

    def ended(self, process: subprocess.Popen[str]) -> Done:
        """Wait for the command; whatever it did, it showed no secret and did not fall over."""
        try:
            out, err = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
        return self.checked(Done(process.returncode, out or "", err or ""))

    def checked(self, done: Done) -> Done:
        for secret in self.secrets:
            assert secret not in done.out + done.err
        assert "Traceback" not in done.err, done.err
        return done

    def acrsync(self, *arguments: str, environment: Mapping[str, str] | None = None, **options: Any) -> Done:
        """Run the command to its end, in a fork of a process that has imported it; with options, as it is installed."""
        whole = self.environment | dict(environment or {})
        if options or any(name.startswith(("PYTHON", "LC_", "LANG")) for name in whole if whole[name] != "C.UTF-8"):
            return self.ended(self.start(*arguments, environment=environment or {}, **options))
        return self.checked(Done(*zygote().run(arguments, folder=self.folder, environment=whole)))

    def records(self) -> list[list[dict[str, Any]]]:
        """The events of every run record, by age."""
        paths = sorted(self.folder.glob(".acrsync/runs/*.jsonl"))
        return [[json.loads(line) for line in path.read_text().splitlines()] for path in paths]

    def everything_written(self) -> str:
        """The content of every file below the folder, for what must not be in any of them."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in files)
