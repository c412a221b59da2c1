"""Bytes to and from the server: one attempt, its clock, and what must never pass.

Why no `requests.Session`: a session is what follows redirects, reads `.netrc` and the environment, keeps cookies and
is not documented as safe to share between threads. None of that is wanted. An adapter alone sends a prepared request,
and its urllib3 connection pool is documented as thread-safe, so all threads share one and reuse its connections.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout
from urllib3.util.ssl_ import create_urllib3_context

from acrsync.client.address import origin
from acrsync.diagnostics import AcrsyncError, RemoteError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

POOL_SIZE = 100  # connections kept: more than readers and writers together, or urllib3 logs what it discards


LastLook = Callable[[], None]  # raises if a write must not be sent


class Stopped(Exception):
    """A last look raised, so a write was not sent. No library on the way handles this class."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Body:
    """A request body that records whether any of it was handed to the network.

    Headers go first, and only on an open connection. If the body was not taken, the server has at most half a request
    and cannot have acted, whatever went wrong. So a POST is known to be safe to send again.
    """

    def __init__(self, data: bytes, *, last_look: LastLook | None = None) -> None:
        self._data = data
        self._last_look = last_look
        self.taken = False

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[bytes]:
        _look(self._last_look)
        self.taken = True
        yield self._data


def _look(last_look: LastLook | None) -> None:
    """Run the last look. Raises: Stopped."""
    if last_look is None:
        return
    try:
        last_look()
    except (AcrsyncError, OSError, HTTPError, http.client.HTTPException) as e:  # or it would count as a lost connection
        raise Stopped(e) from e


class _Clocked(io.RawIOBase):
    """A socket that is read until a deadline; its own timeout starts anew with each byte, so a drip would never end."""

    def __init__(self, sock: socket.socket) -> None:
        left_s = sock.gettimeout()
        self._deadline = math.inf if left_s is None else time.monotonic() + left_s
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the time for this attempt is over")
        self._sock.settimeout(left_s if left_s < math.inf else None)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer whose headers and body together must arrive before the socket's timeout has passed once."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Clocked(sock))


class _Sending(HTTPConnection):
    """Takes the last look at a write without a body, a DELETE: when the connection is open, before the first byte."""

    response_class = _Response
    last_look: LastLook | None = None
    _pending: LastLook | None = None

    def request(self, method: str, url: str, body: Any = None, *args: Any, **kwargs: Any) -> None:
        self._pending = self.last_look if body is None and method != "GET" else None
        super().request(method, url, body, *args, **kwargs)

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        if self._pending is not None:
            if self.sock is None:
                self.connect()
            _look(self._pending)
        super().endheaders(*args, **kwargs)


class _Connection(_Sending):
    pass


class _TlsConnection(_Sending, HTTPSConnection):
    def connect(self) -> None:
        # urllib3 reads the bundle for each connection, which may take half as long as the answer, and each POST has a
        # connection of its own. One by way of a proxy keeps the bundle: it may speak TLS to that, too.
        if self.ssl_context is None and self.proxy is None:
            self.ssl_context = _trusting(self.ca_certs, self.ca_cert_dir)
            self.ca_certs = self.ca_cert_dir = None
        super().connect()


@lru_cache(maxsize=4)
def _trusting(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Return what trusts the authorities in a file or folder; contexts are safe to share between threads."""
    context = create_urllib3_context()
    context.load_verify_locations(file, folder)
    return context


class _Looking(HTTPConnectionPool):
    def __init__(self, *args: Any, last_look: LastLook | None, **kwargs: Any) -> None:
        self._last_look = last_look
        super().__init__(*args, **kwargs)

    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()
        connection.last_look = self._last_look
        return connection


class _Pool(_Looking):
    ConnectionCls = _Connection


class _TlsPool(_Looking, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: dict[str, type[_Looking]] = {"http": _Pool, "https": _TlsPool}


class Transport(HTTPAdapter):
    """Sends to one origin only, and where it is read-only nothing but GET: also for a session it is mounted on."""

    def __init__(
        self,
        base_url: str,
        *,
        read_only: bool,
        count: Callable[[str], None],
        connections: int = POOL_SIZE,
        last_look: LastLook | None = None,
    ) -> None:
        self._origin = origin(base_url)
        self._read_only = read_only
        self._count = count
        self._pools = {scheme: partial(pool, last_look=last_look) for scheme, pool in _POOLS.items()}
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if self._read_only and request.method != "GET":
            raise RemoteError("E451", f"It was asked to send {request.method}; it did not.")
        if origin(request.url or "") != self._origin:
            raise RemoteError("E452", "The token goes to the endpoint only; nothing was sent.")
        self._count(request.method or "")
        return super().send(request, *args, **kwargs)


def exchange(
    transport: Transport, request: requests.PreparedRequest, *, timeout_s: float, verify: bool | str,
    proxies: dict[str, str],
) -> requests.Response:  # fmt: skip
    """Send once and return the answer, read to its last byte within `timeout_s`.

    Connecting may take a third of it for each address of the host, and the TLS handshake another third. Looking up the
    host's name takes as long as the operating system lets it. Raises what requests, urllib3 and the socket raise.
    """
    # requests documents urllib3's Timeout here; its type stubs do not.
    options: dict[str, Any] = {"timeout": Timeout(total=timeout_s, connect=timeout_s / 3)}
    response = transport.send(request, stream=True, verify=verify, proxies=proxies, **options)
    try:
        _ = response.content
    finally:
        response.close()
    return response
