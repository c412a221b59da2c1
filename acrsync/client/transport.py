"""The way of one request below `requests`: what must never pass, and how much of an answer is read.

The session is one of `requests`, so that whatever replaces its adapters in a test (requests-mock, responses) sees each
request, and answers it. What a session does by itself is taken away: it reads no environment, no `.netrc`, keeps no
cookies and follows no redirect. What is left of it is not changed by a request, so threads can share it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3.util import Timeout

from acrsync.client.address import origin
from acrsync.client.wire import LastLook, Untrusting, pools
from acrsync.diagnostics import RemoteError

POOL_SIZE = 100  # connections kept: more than readers and writers together, or urllib3 logs what it discards
ANSWER_MAX = 64 * 2**20  # bytes of an answer, after decompression
_READ = 65_536


class TooLong(Exception):
    """An answer that goes on and on. No library on the way handles this class."""


class _NoCookies(RequestsCookieJar):
    def extract_cookies(self, *_: Any) -> None:
        """Keep none."""


class Session(requests.Session):
    """A session that does nothing by itself."""

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies = _NoCookies()
        for prefix in ("https://", "http://"):
            self.mount(prefix, transport)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Find nothing to follow, and nothing to prepare for it."""


class Transport(HTTPAdapter):
    """Sends to one origin only, and if it is read-only nothing but GET: also for a session it is mounted on.

    The server may close a kept connection while a POST is on its way, and nobody could tell whether it was read. A POST
    therefore gets a connection of its own, so that its failing means what it seems to mean.
    """

    def __init__(
        self,
        base_url: str,
        *,
        read_only: bool,
        count: Callable[[str], None],
        connections: int = POOL_SIZE,
        last_look: LastLook | None = None,
    ) -> None:
        self._base_url = base_url
        self._origin = origin(base_url)
        self._read_only = read_only
        self._count = count
        self._last_look = last_look
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = pools(self._last_look)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if proxy.lower().startswith("socks"):
            from acrsync.client import socks

            manager.pool_classes_by_scheme = socks.pools(self._last_look)
        else:
            manager.pool_classes_by_scheme = pools(self._last_look)
        return manager

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().cert_verify(*args, **kwargs)  # type: ignore[no-untyped-call]
        except OSError as e:
            raise Untrusting(str(e)) from e

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send once and return the answer, read to its last byte unless `stream`.

        `timeout`: seconds for all of it, of which connecting may take a third for each address of the host, and the TLS
        handshake another third; or a pair of seconds for connecting and for the rest. Looking up the host's name takes
        as long as the operating system lets it. Raises what requests, urllib3 and the socket raise; Stopped,
        Untrusting, TooLong.
        """
        if self._read_only:
            check_reading(request.method)
        if origin(request.url or "") != self._origin:
            raise RemoteError("E452", "The token goes to the endpoint only; nothing was sent.")
        self._count(request.method or "")
        how = {"timeout": _clock(timeout), "verify": verify, "cert": cert, "proxies": proxies}
        if request.method != "POST":
            return self._send(request, stream=stream, **how)
        with Transport(
            self._base_url, read_only=False, count=self._count, connections=1, last_look=self._last_look
        ) as own:
            return own._send(request, stream=False, **how)

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, request: requests.PreparedRequest, *, stream: bool, **how: Any) -> requests.Response:
        response = super().send(request, stream=True, **how)
        return response if stream else read(response)


def check_reading(method: str | None) -> None:
    """Let nothing but GET pass. Raises: RemoteError."""
    if method != "GET":
        raise RemoteError("E451", f"It was asked to send {method}; it did not.")


def read(response: requests.Response) -> requests.Response:
    """Return the answer, read to its last byte. Raises: TooLong, and what requests raises for a stream that broke."""
    kept: Any = response  # requests has no public way to bound an answer and to keep it
    if not kept._content_consumed:
        pieces, size = [], 0
        try:
            for piece in response.iter_content(_READ):
                pieces.append(piece)
                size += len(piece)
                if size > ANSWER_MAX:
                    raise TooLong
        finally:
            response.close()
        kept._content = b"".join(pieces)
    return response


def _clock(timeout: Any) -> Any:
    """Return a timeout as urllib3 takes it, with a limit to all of it."""
    match timeout:
        case (connect, rest):
            return Timeout(total=None if connect is None or rest is None else connect + rest, connect=connect)
        case int() | float():
            return Timeout(total=timeout, connect=timeout / 3)
        case _:
            return timeout
