"""Bytes to and from the server: one exchange on one connection, its clock, and when the connection can be kept.

These classes stand on urllib3's and `http.client`'s own, so that one attempt can be bounded to its last byte, so that
it is known what of a request was handed to the network, and so that no answer is ever taken for that to another
request. A connection is kept only after an exchange without a flaw.
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
    """Tell whether an answer came over a connection of this module, and not from a test that replaced it."""
    return isinstance(getattr(response.raw, "_original_response", None), _Response)


class Stopped(Exception):
    """A last look raised, so a write was not sent. No library on the way handles this class."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Untrusting(Exception):
    """The certificates to use cannot be read, so nothing was sent. No library on the way handles this class."""


class Body(bytes):
    """A request body that records whether it was handed to the network.

    Headers go first, and only on an open connection. If the body was not handed on, the server has at most half a
    request and cannot have acted, whatever went wrong. So a POST is known to be safe to send again.
    """

    held = False  # by a connection pool of this module: nothing but its connections can hand it on
    taken = False

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        return bytes, (bytes(self),)

    @property
    def unsent(self) -> bool:
        """Whether it is certain that the server has none of it."""
        return self.held and not self.taken


class _Clocked(io.RawIOBase):
    """A socket that is read until a deadline; its own timeout starts anew with each byte, so a drip would never end."""

    def __init__(self, sock: socket.socket) -> None:
        left_s = sock.gettimeout()
        self._deadline = math.inf if left_s is None else time.monotonic() + left_s
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self.ended = False  # nothing more belongs to this answer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self.ended:
            return 0
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

    surplus = False  # more came than the answer

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self._clocked = _Clocked(sock)
        self.fp = io.BufferedReader(self._clocked)

    def _read_status(self) -> tuple[str, int, str]:
        # http.client skips 100 only. Every other 1xx, too, is followed by the answer, which must not be left for the
        # next request.
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
        if self.headers.defects:  # urllib3 would log what could not be read, with whatever secrets it holds
            self.headers.defects.clear()
            self.headers.set_payload("")
        if self.status in _EMPTY:
            # There is no body, whatever the headers say; waiting for chunks would take all the time there is.
            del self.headers["Transfer-Encoding"]
            self.chunked = False

    def _is_ambiguous(self) -> bool:
        """Tell whether somebody else could see the end of this answer elsewhere."""
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
        # What was read ahead is lost with the buffer, and the next answer would begin in its middle.
        self._clocked.ended = True
        self.surplus = bool(self.fp.peek(1))
        super()._close_conn()  # type: ignore[misc]


class Sending(HTTPConnection):
    """A connection that knows what it handed on, and whether it can be used again."""

    response_class = _Response
    last_look: LastLook | None = None
    _look_first = False  # the request has no body, so the look is due before its head
    _flawed = False
    _answer: Any = None  # the last one on this connection, as http.client has it

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
        if self._answer is None or isinstance(data, Body):  # else the pool has just looked
            self._flawed = self._flawed or self._is_answered_already()
        super().send(data)

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._answer = response._original_response
        return response

    @property
    def reusable(self) -> bool:
        """Whether the last exchange had no flaw."""
        if self._flawed or (self._answer is not None and self._answer.surplus):
            return False
        return not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())

    def _is_answered_already(self) -> bool:
        """Tell whether the server sends before it has the whole request. A new TLS connection says much of its own."""
        if self.sock is None or (self._answer is None and isinstance(self.sock, ssl.SSLSocket | SSLTransport)):
            return False
        return wait_for_read(self.sock, timeout=0)

    def _look(self) -> None:
        if self.last_look is None:
            return
        try:
            self.last_look()
        except (AcrsyncError, OSError, HTTPError, http.client.HTTPException) as e:  # else taken for a lost connection
            raise Stopped(e) from e


class _Connection(Sending):
    pass


class TlsSending(Sending, HTTPSConnection):
    """The same over TLS."""

    def connect(self) -> None:
        # urllib3 reads the bundle for each connection, which may take half as long as the answer, and each POST has a
        # connection of its own. By way of a proxy that itself speaks TLS, urllib3 needs the files.
        if self.ssl_context is None and resolve_cert_reqs(self.cert_reqs) == ssl.CERT_REQUIRED:
            context = _trusting(self.ca_certs, self.ca_cert_dir, self.cert_file, self.key_file)
            if self.proxy is None or self.proxy.scheme != "https":
                self.ssl_context = context
                self.ca_certs = self.ca_cert_dir = self.cert_file = self.key_file = None
        super().connect()


@lru_cache(maxsize=8)
def _trusting(file: str | None, folder: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Return what trusts the authorities in a file or folder; contexts are safe to share between threads.

    Raises: Untrusting.
    """
    context = create_urllib3_context()
    named = file or folder
    try:
        context.load_verify_locations(file, folder)
        if certificate:
            named = certificate
            context.load_cert_chain(certificate, key, password="")  # without one it would ask on the terminal
    except OSError as e:
        reason = "it holds none, or one that cannot be read" if isinstance(e, ssl.SSLError) else e.strerror
        message = f"{named}: {reason}"
        raise Untrusting(message) from e
    return context


class Holding(HTTPConnectionPool):
    """A pool of such connections."""

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


class _Pool(Holding):
    ConnectionCls = _Connection


class _TlsPool(Holding, HTTPSConnectionPool):
    ConnectionCls = TlsSending


Pools = dict[str, Callable[..., HTTPConnectionPool]]


def pools(last_look: LastLook | None) -> Pools:
    """Return what makes connection pools, by scheme, as a pool manager takes it."""
    return {"http": partial(_Pool, last_look=last_look), "https": partial(_TlsPool, last_look=last_look)}
