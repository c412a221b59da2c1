"""Servers in processes of their own, so that what is measured shares no interpreter with them."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).parent
ACRSYNC = Path(sys.executable).parent / "acrsync"


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs; `env` is what points acrsync at it."""

    env: Mapping[str, str]

    @property
    def url(self) -> str:
        return self.env["ACRSYNC_ENDPOINT"]

    def control(self, method: str, path: str, body: bytes = b"{}") -> Any:
        """Ask the emulator below its control prefix."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc)
        try:
            connection.request(method, f"/_emulator/{path}", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status < 300, text
            return json.loads(text) if text else None
        finally:
            connection.close()


@contextmanager
def emulator(*, latency_ms: int = 0) -> Iterator[Server]:
    with _running([str(ACRSYNC), "emulator", "--latency", str(latency_ms)]) as server:
        yield server


@contextmanager
def static(rows: Path) -> Iterator[Server]:
    with _running([sys.executable, str(HERE / "static_server.py"), str(rows)]) as server:
        yield server


@contextmanager
def _running(command: list[str]) -> Iterator[Server]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = (process.stdout.readline().strip().removeprefix("export ").partition("=") for _ in range(2))
        yield Server({key: value for key, _, value in lines})
    finally:
        process.terminate()
        process.communicate()
