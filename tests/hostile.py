"""A server on loopback with configured faults, for tests of the client at the socket."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

Error = TypeVar("Error", bound=Exception)

CERTIFICATE = Path(__file__).with_name("e2e") / "loopback.pem"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.very-secret_token.0123456789"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    at: float


# What happens to one request; a true result leaves the connection open for another.
Answer = Callable[[socket.socket, Request], bool | None]


@dataclass
class Hostile:
    """What it was asked, and what it does: the answers one after another, the last one for ever."""

    answers: list[Answer]
    listener: socket.socket
    context: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    halves: list[Request] = field(default_factory=list)  # their body was announced and did not come
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)
    connections: int = 0

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    def accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.secured, args=(connection, self.connections), daemon=True).start()

    def secured(self, connection: socket.socket, number: int) -> None:
        try:
            self.serve(self.context.wrap_socket(connection, server_side=True) if self.context else connection, number)
        except OSError:  # the handshake broke off
            connection.close()

    def serve(self, connection: socket.socket, number: int) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                while request := read(stream, number):
                    if len(request.body) < int(request.headers.get("content-length", 0)):
                        self.halves.append(request)
                        return
                    with self.lock:
                        self.requests.append(request)
                        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    if not answer(connection, request):
                        return
            except (OSError, ValueError):  # gone, or no HTTP at all
                return


def read(stream: Any, number: int) -> Request | None:
    line = stream.readline().decode("latin-1")
    if not line:
        return None
    headers = {}
    while (header := stream.readline().decode("latin-1").rstrip("\r\n")) != "":
        key, _, value = header.partition(":")
        headers[key.strip().lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    method, path, _ = line.split()
    return Request(method, path, headers, body, number, time.monotonic())


@contextmanager
def hostile(*answers: Answer, tls: bool = False) -> Iterator[Hostile]:
    """Serve these answers, each once and the last one for ever; with `tls` under the certificate CERTIFICATE."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
    if context:
        context.load_cert_chain(CERTIFICATE)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    server = Hostile(list(answers), listener, context)
    thread = threading.Thread(target=server.accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


def error_of(kind: type[Error], call: Callable[..., object], *args: Any, **kwargs: Any) -> Error:
    """Return the error that a call must end in."""
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    return caught.value


def raw(data: bytes, *, keep: bool = False) -> Answer:
    """Answer these bytes."""

    def answer(connection: socket.socket, _: Request) -> bool:
        connection.sendall(data)
        return keep

    return answer


def answered(status: int, body: Any = None, **headers: str) -> Answer:
    """Answer as a decent server does, and keep the connection."""
    data = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Some Reason", f"Content-Length: {len(data)}"]
    lines += ["Content-Type: text/html" if isinstance(body, str) else "Content-Type: application/json"]
    lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + data, keep=True)


def routed(routes: Mapping[str, Answer]) -> Answer:
    """Answer each path, without its query, in its own way; every other one with 404."""

    def answer(connection: socket.socket, request: Request) -> bool | None:
        return routes.get(request.path.partition("?")[0], answered(404, {"error": "Not Found"}))(connection, request)

    return answer


def ok(body: Any) -> Answer:
    return answered(200, body)


def reset(connection: socket.socket, _: Request) -> None:
    """Read the request and cut the connection hard."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def silence(seconds: float, *, after: bytes = b"") -> Answer:
    """Say nothing for that long, then close."""

    def answer(connection: socket.socket, _: Request) -> None:
        connection.sendall(after)
        time.sleep(seconds)

    return answer


def drip(data: bytes, *, every: float, after: bytes = b"") -> Answer:
    """Answer one byte at a time."""

    def answer(connection: socket.socket, _: Request) -> None:
        connection.sendall(after)
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(every)

    return answer


def row(id_: Any = 8881, **more: Any) -> dict[str, Any]:
    """A bucket as the API shows it."""
    return {
        "id": id_, "uid": 19, "name": f"bucket-{id_}", "type": "File", "region": "eu-west-1", "net_type": 1,
        "labels": ["Music"], "metadata_template": "", "num": 0, "size": 0, "state": 1, "access_permission": "private",
        "created_at": "2020-07-16 11:09:20", "updated_at": "2020-07-16 11:09:20",
    } | more  # fmt: skip


def listing(*rows: Any, total: Any = None, per_page: Any = "100") -> dict[str, Any]:
    """A page of a list."""
    return {
        "data": list(rows),
        "links": {},
        "meta": {"total": len(rows) if total is None else total, "per_page": per_page},
    }


@contextmanager
def blunt(data: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Read once from each connection, say this whatever it was, and hang up; yields the port and what was heard."""
    heard: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1]), heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(2)


@contextmanager
def scripted(*serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve each connection by the function at its place, each from its first byte on; yields the address."""

    def accept() -> None:
        for one in serve:
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(5)
                    one(connection)
            except OSError:
                continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(2)
