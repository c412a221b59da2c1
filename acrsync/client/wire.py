"""Connections that limit the time of an attempt, track what was sent, and are only reused after a correct exchange.

These classes extend those of urllib3 and `http.client` for three reasons: one attempt has a time limit to its last
byte; it is known which part of a request was handed to the network; and no answer is taken for the answer to another
request.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
import ssl
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import requests
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util import wait_for_read
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs
from urllib3.util.ssltransport import SSLTransport

from acrsync.diagnostics import AcrsyncError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_EMPTY = (http.client.NO_CONTENT, http.client.NOT_MODIFIED)

LastLook = Callable[[], None]  # raises if a write must not be sent


def is_real(response: requests.Response) -> bool:
    """Return whether an answer came over a connection of this module, not from a replacement in a test."""
    return isinstance(getattr(response.raw, "_original_response", None), _Response)


class Stopped(Exception):
    """`last_look` raised, so a write was not sent. Not a class that requests or urllib3 handle."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class UnusableCertificates(Exception):
    """The certificates cannot be read, so nothing was sent. Not a class that requests or urllib3 handle."""


class Body(bytes):
    """A request body that records whether it was handed to the network.

    Headers are sent first, and only on an open connection. If the body was not handed over, the server has at most half
    a request and cannot have acted. Then a POST is safe to send again.
    """

    held = False  # by a connection pool of this module: only its connections can send it
    taken = False  # handed to the network

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        return bytes, (bytes(self),)

    @property
    def unsent(self) -> bool:
        """Whether the server certainly has nothing of the body."""
        return self.held and not self.taken


class _DeadlineSocket(io.RawIOBase):
    """A socket with a deadline for all reads. Its own timeout restarts with each byte."""

    def __init__(self, sock: socket.socket) -> None:
        left_s = sock.gettimeout()
        self._deadline = math.inf if left_s is None else time.monotonic() + left_s
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self.ended = False  # the answer is complete

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self.ended:
            return 0
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the time limit of this attempt is reached")
        self._sock.settimeout(left_s if left_s < math.inf else None)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer whose headers and body together must arrive within the socket's timeout."""

    surplus = False  # more bytes came than the answer has

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self._deadline_socket = _DeadlineSocket(sock)
        self.fp = io.BufferedReader(self._deadline_socket)

    def _read_status(self) -> tuple[str, int, str]:
        # http.client only skips 100. Every other 1xx is also followed by the real answer, which must not be read as the
        # answer to the next request.
        version, status, reason = super()._read_status()  # type: ignore[misc]
        while http.client.CONTINUE < status < http.client.OK:
            http.client.parse_headers(self.fp)
            version, status, reason = super()._read_status()  # type: ignore[misc]
        return version, status, reason

    def begin(self) -> None:
        begun = bool(self.headers)
        super().begin()
        if begun:
            return
        self.will_close = self.will_close or self._is_ambiguous()
        if self.headers.defects:  # urllib3 would log invalid headers, which may contain secrets
            self.headers.defects.clear()
            self.headers.set_payload("")
        if self.status in _EMPTY:
            # There is no body, whatever the headers say; waiting for chunks would take until the timeout.
            del self.headers["Transfer-Encoding"]
            self.chunked = False

    def _is_ambiguous(self) -> bool:
        """Return whether another HTTP implementation could see the end of this answer at another position."""
        lengths, coding = self.headers.get_all("Content-Length", []), self.headers.get("Transfer-Encoding")
        empty = self.status in _EMPTY
        return bool(
            self.headers.defects
            or len(lengths) > 1
            or not all(length.isascii() and length.isdigit() for length in lengths)
            or (coding is not None and (lengths or empty or coding.lower() != "chunked"))
            or (empty and lengths not in ([], ["0"]))
        )

    def _close_conn(self) -> None:
        # Bytes that were read ahead are lost with the buffer, so the next answer would be incomplete.
        self._deadline_socket.ended = True
        self.surplus = bool(self.fp.peek(1))
        super()._close_conn()  # type: ignore[misc]


class TrackedConnection(HTTPConnection):
    """A connection that tracks what it sent, and whether it can be reused."""

    response_class = _Response
    last_look: LastLook | None = None
    _look_first = False  # the request has no body, so `last_look` must be called before the headers
    _flawed = False
    _answer: Any = None  # http.client's last answer on this connection

    def connect(self) -> None:
        self._flawed, self._answer = False, None
        super().connect()

    def request(self, method: str, url: str, body: Any = None, *args: Any, **kwargs: Any) -> None:
        self._look_first = self.last_look is not None and body is None and method != "GET"
        super().request(method, url, body, *args, **kwargs)

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        if self._look_first:
            self._look()
        super().endheaders(*args, **kwargs)

    def send(self, data: Any) -> None:
        if isinstance(data, Body):
            self._look()
            data.taken = True
        if self._answer is None or isinstance(data, Body):  # else the pool has just checked
            self._flawed = self._flawed or self._is_answered_already()
        super().send(data)

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._answer = response._original_response
        return response

    @property
    def reusable(self) -> bool:
        """Whether the last exchange was correct."""
        if self._flawed or (self._answer is not None and self._answer.surplus):
            return False
        return not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())

    def _is_answered_already(self) -> bool:
        """Return whether the server sends before it has the whole request. A new TLS connection always does."""
        if self.sock is None or (self._answer is None and isinstance(self.sock, ssl.SSLSocket | SSLTransport)):
            return False
        return wait_for_read(self.sock, timeout=0)

    def _look(self) -> None:
        if self.last_look is None:
            return
        try:
            self.last_look()
        except (
            AcrsyncError,
            OSError,
            HTTPError,
            http.client.HTTPException,
        ) as e:  # else they would count as a lost connection
            raise Stopped(e) from e


class _Connection(TrackedConnection):
    pass


class TrackedTlsConnection(TrackedConnection, HTTPSConnection):
    """The same over TLS."""

    def connect(self) -> None:
        # urllib3 reads the CA bundle for each connection, which may take half as long as the answer, and each POST has
        # a new connection. For a proxy that itself uses TLS, urllib3 needs the files.
        if self.ssl_context is None and resolve_cert_reqs(self.cert_reqs) == ssl.CERT_REQUIRED:
            context = _trusting(self.ca_certs, self.ca_cert_dir, self.cert_file, self.key_file)
            if self.proxy is None or self.proxy.scheme != "https":
                self.ssl_context = context
                self.ca_certs = self.ca_cert_dir = self.cert_file = self.key_file = None
        super().connect()


@lru_cache(maxsize=8)
def _trusting(file: str | None, folder: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Return a context that trusts the authorities in a file or folder. Threads can share it.

    Raises: UnusableCertificates.
    """
    context = create_urllib3_context()
    named = file or folder
    try:
        context.load_verify_locations(file, folder)
        if certificate:
            named = certificate
            context.load_cert_chain(certificate, key, password="")  # else it would ask on the terminal
    except OSError as e:
        reason = "it has no readable certificate" if isinstance(e, ssl.SSLError) else e.strerror
        message = f"{named}: {reason}"
        raise UnusableCertificates(message) from e
    return context


class TrackedPool(HTTPConnectionPool):
    """A pool of tracked connections."""

    def __init__(self, *args: Any, last_look: LastLook | None, **kwargs: Any) -> None:
        self._last_look = last_look
        super().__init__(*args, **kwargs)

    def urlopen(self, method: str, url: str, body: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(body, Body):
            body.held = True
        return super().urlopen(method, url, body, *args, **kwargs)

    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()
        connection.last_look = self._last_look
        return connection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None and not conn.reusable:
            conn.close()
        super()._put_conn(conn)


class _Pool(TrackedPool):
    ConnectionCls = _Connection


class _TlsPool(TrackedPool, HTTPSConnectionPool):
    ConnectionCls = TrackedTlsConnection


Pools = dict[str, Callable[..., HTTPConnectionPool]]


def pools(last_look: LastLook | None) -> Pools:
    """Return the constructors of connection pools, by scheme, for a pool manager."""
    return {"http": partial(_Pool, last_look=last_look), "https": partial(_TlsPool, last_look=last_look)}
