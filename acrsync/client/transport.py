"""The session and the adapter below `requests`: they block forbidden requests and limit the size of answers.

The session is one of `requests`, so that tools that replace its adapters in tests (requests-mock, responses) see and
answer each request. Its automatic behaviour is disabled: it does not read the environment or `.netrc`, keep cookies or
follow redirects. A request does not change it, so threads can share it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3.util import Timeout

from acrsync.client.address import origin
from acrsync.client.wire import LastLook, UnusableCertificates, pools
from acrsync.diagnostics import RemoteError

POOL_SIZE = 100  # idle connections: more than readers and writers together, or urllib3 logs discarded ones
ANSWER_MAX = 64 * 2**20  # bytes of an answer, after decompression
_READ = 65_536


class TooLong(Exception):
    """An answer that is too long. Not a class that requests or urllib3 handle."""


class _NoCookies(RequestsCookieJar):
    def extract_cookies(self, *_: Any) -> None:
        """Keep no cookies."""


class Session(requests.Session):
    """A session without automatic behaviour."""

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies = _NoCookies()
        for prefix in ("https://", "http://"):
            self.mount(prefix, transport)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: no redirect is followed or prepared."""


class Transport(HTTPAdapter):
    """Sends only to one origin and, if it is read-only, only GET; also when mounted on another session.

    The server may close an idle connection while a POST is sent, and then it is unknown whether the POST was read. So
    each POST gets a new connection.
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
            raise UnusableCertificates(str(e)) from e

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

        `timeout`: seconds in all, of which connecting may take a third for each address of the host, and the TLS
        handshake another third; or a pair of seconds for connecting and for the rest. The operating system limits the
        time to resolve the host. Raises: errors of requests, urllib3 and the socket; Stopped, UnusableCertificates,
        TooLong.
        """
        if self._read_only:
            check_reading(request.method)
        if origin(request.url or "") != self._origin:
            raise RemoteError("E452", "The token is only sent to the endpoint; nothing was sent.")
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
    """Raises: RemoteError for every method except GET."""
    if method != "GET":
        raise RemoteError("E451", f"{method} was not sent.")


def read(response: requests.Response) -> requests.Response:
    """Return the answer, read to its last byte. Raises: TooLong; errors of requests if the connection breaks."""
    kept: Any = response  # requests has no public way to limit the size of an answer that it keeps
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
    """Return a timeout of urllib3 with a limit for the whole attempt."""
    match timeout:
        case (connect, rest):
            return Timeout(total=None if connect is None or rest is None else connect + rest, connect=connect)
        case int() | float():
            return Timeout(total=timeout, connect=timeout / 3)
        case _:
            return timeout
