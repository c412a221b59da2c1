"""The HTTP server: loopback only, one thread per connection, persistent connections.

Why not Werkzeug's request handler: it closes every connection after one answer, prints each request, and does not let
faults choose how a connection ends (see `wire`).
"""

import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import get_input_stream

from acrsync.emulator import control, web
from acrsync.emulator.faults import Plan
from acrsync.emulator.faults import load as load_faults
from acrsync.emulator.profile import load as load_profile
from acrsync.emulator.seeds import VENDOR_ROWS
from acrsync.emulator.state import Account, Emulator, Setup
from acrsync.emulator.store import Store

HOST = "127.0.0.1"
POLL_S = 0.02  # how soon a closing server notices


class _Handler(WSGIRequestHandler):
    """Serves the requests of one connection, silently."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two packets; the second must not wait 40 ms

    def run_wsgi(self) -> None:
        """Answer one request; keep the connection open unless the client, a fault or an error ended it."""
        try:
            environ = self.make_environ()
        except ValueError:  # a target such as "//[" is not a URL
            self.send_error(400)
            return
        body = environ["wsgi.input"] = get_input_stream(environ)
        environ["wsgi.input_terminated"] = True
        try:
            for piece in self.server.app(environ, self._begin_answer):
                self.wfile.write(piece)
            while body.read(2**16):  # an unread body would be parsed as the next request
                pass
        except (OSError, ClientDisconnected):
            self.close_connection = True

    def _begin_answer(
        self, status: str, headers: Iterable[tuple[str, str]], _: object = None
    ) -> Callable[[bytes], object]:
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        self.send_header("Server", self.version_string())
        for key, value in headers:
            self.send_header(key, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        return self.wfile.write

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the name is Werkzeug's
        """Print nothing: the requests are in the request log."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


class _Server(ThreadedWSGIServer):
    """Tracks its open connections, so that closing it ends them."""

    def __init__(self, listener: socket.socket, emulator: Emulator) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            request = Request(environ)
            part = control if request.path.startswith(control.PREFIX) else web
            answer: Response = part.handle(emulator, request)
            answer.headers["Date"] = formatdate(emulator.clock() + emulator.setup.profile.date_off_seconds, usegmt=True)
            return answer(environ, start_response)

        port = listener.getsockname()[1]
        super().__init__(HOST, port, application, _Handler, fd=listener.fileno())
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection, with a reset if a fault asks for one."""
        self._open.discard(request)
        lingers = struct.unpack("ii", request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))[0]
        if lingers:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def end_connections(self) -> None:
        """End every open connection, also one that hangs because of a fault."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Running:
    """A running emulator: its URL, and a token that it accepts."""

    def __init__(self, emulator: Emulator, listener: socket.socket, token: str) -> None:
        self.token = token
        self._emulator = emulator
        self._server = _Server(listener, emulator)
        self.url = f"http://{HOST}:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[POLL_S], daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, end all connections, and close the state. Safe to call again."""
        self._server.shutdown()
        self._thread.join()
        self._server.end_connections()
        self._emulator.close()


@contextmanager
def serve(
    *,
    port: int = 0,
    state: str = ":memory:",
    profile: str | Path = "documented",
    faults: str | Path | None = None,
    latency_ms: float = 0.0,
    token: str | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[Running]:
    """Run an emulator in threads of this process for the duration of the `with` block.

    `state` is a file or ":memory:"; a missing file counts as the vendor's six rows and is created by the first write.
    `profile` is a name or a YAML file, `faults` a YAML file. Without a `token` a random one is generated.
    Raises: ValueError if a file is invalid, OSError if the port is taken.
    """
    token = token or secrets.token_hex(16)  # never begins like an option
    plan = Plan() if faults is None else load_faults(Path(faults))
    setup = Setup(accounts=(Account(token=token),), profile=load_profile(profile), plan=plan, latency_ms=latency_ms)
    with socket.create_server((HOST, port), backlog=128) as listener:
        running = Running(Emulator(Store(state, VENDOR_ROWS), setup, clock), listener, token)
    try:
        yield running
    finally:
        running.close()
