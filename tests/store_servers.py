"""Real servers for the run stores, on this machine: git over HTTP, S3 by moto, Azure Blob by Azurite.

For Google Cloud Storage there is no emulator to install that takes conditional writes over its XML API, which is what
obstore speaks; `GoogleDouble` below is our own, of the four answers that a run store needs. It shows that generations
travel as they should, and nothing about Google.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import pytest

from gitops.tools import node

AZURITE = "azurite@3.35.0"


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve with a handler on a free port; yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Quiet(BaseHTTPRequestHandler):
    """What our handlers share."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def git_backend(
    root: Path, allowed: Callable[[str, Message], int] = lambda _path, _headers: 200
) -> type[BaseHTTPRequestHandler]:
    """Return a handler that serves the repositories below a folder by git's own http-backend.

    `allowed` returns the status of a request: 200 to serve it.
    """

    class Handler(Quiet):
        asked: ClassVar[list[str]] = []

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.body()
            self.asked.append(f"{self.command} {path}{'?' if query else ''}{query}")
            status = allowed(self.path, self.headers)
            if status != 200:
                self.answer(status, WWW_Authenticate='Basic realm="git"')
                return
            done = subprocess.run(
                ["git", "-c", "http.receivepack=true", "http-backend"],
                input=body,
                capture_output=True,
                check=True,
                env={
                    "PATH": os.environ["PATH"],
                    "GIT_PROJECT_ROOT": str(root),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": unquote(path),
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "REMOTE_USER": "acrsync",
                },
            ).stdout
            head, _, answer = done.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            status_line = headers.pop("Status", "200 OK")
            self.answer(int(status_line[:3]), answer, **headers)

        do_POST = do_GET  # noqa: N815

    return Handler


def google_double() -> type[BaseHTTPRequestHandler]:
    """Return a handler that keeps objects as Google's XML API does, by generation."""
    objects: dict[str, tuple[int, bytes]] = {}
    lock = threading.Lock()

    class Handler(Quiet):
        def do_PUT(self) -> None:
            path, body, wanted = unquote(self.path), self.body(), self.headers.get("x-goog-if-generation-match")
            with lock:
                generation = objects[path][0] if path in objects else 0
                if wanted is not None and int(wanted) != generation:
                    self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                    return
                objects[path] = (time.time_ns(), body)
                self._headers(200, path)

        def do_GET(self) -> None:
            path, _, query = unquote(self.path).partition("?")
            if "list-type=2" in query:
                match = re.search(r"prefix=([^&]*)", query)
                start = f"{path.rstrip('/')}/{match[1] if match else ''}"
                rows = [
                    f"<Contents><Key>{name.split('/', 2)[2]}</Key><LastModified>2026-11-01T00:00:00.000Z</LastModified>"
                    f'<ETag>"{generation}"</ETag><Size>{len(body)}</Size></Contents>'
                    for name, (generation, body) in sorted(objects.items())
                    if name.startswith(start)
                ]
                self.answer(200, f"<ListBucketResult>{''.join(rows)}</ListBucketResult>".encode())
            elif path in objects:
                self._headers(200, path, objects[path][1])
            else:
                self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

        def _headers(self, status: int, path: str, body: bytes = b"") -> None:
            generation = str(objects[path][0])
            self.answer(
                status,
                body,
                ETag=f'"{generation}"',
                x_goog_generation=generation,
                Last_Modified="Sun, 01 Nov 2026 00:00:00 GMT",
            )

    return Handler


@contextmanager
def moto() -> Iterator[str]:
    """Run moto's server with a bucket `runs`; yield its address."""
    pytest.importorskip("moto", reason="moto is not installed: see the dev group")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port):
        import boto3

        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket="runs")
        yield url


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """Run Azurite with a container `runs`; yield its address."""
    port = free_port()
    main = azurite_installed() / "node_modules/azurite/dist/src/blob/main.js"
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent", "--skipApiVersionCheck"]
    options += ["--disableTelemetry", "--location", str(folder)]
    with running([str(node()), str(main), *options], port):
        url = f"http://127.0.0.1:{port}"
        _make_container(url)
        yield url


def azurite_installed() -> Path:
    """Return the folder that Azurite is installed in, by npm, once a machine."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "acrsync-tests" / AZURITE
    if not (cache / "done").exists():
        cache.mkdir(parents=True, exist_ok=True)
        npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix", str(cache)]
        subprocess.run([str(node()), str(npm), "install", *options, AZURITE], check=True)
        (cache / "done").touch()
    return cache


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """Run a server until it takes connections, and end it."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            yield
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _make_container(url: str) -> None:
    import base64
    import hashlib
    import hmac
    from email.utils import formatdate

    import requests

    account, date, version = "devstoreaccount1", formatdate(usegmt=True), "2021-08-06"
    text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n/{account}/{account}/runs\nrestype:container"
    signed = base64.b64encode(hmac.new(base64.b64decode(AZURITE_KEY), text.encode(), hashlib.sha256).digest()).decode()
    headers = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {account}:{signed}"}
    answer = requests.put(f"{url}/{account}/runs?restype=container", headers=headers, timeout=10)
    assert answer.status_code == 201, answer.text


# The well-known key of Azure's emulators, which every client has built in.
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
