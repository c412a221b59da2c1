"""One request with its retries: what may be sent again, when, and what it means when no attempt succeeds."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import requests
from requests.structures import CaseInsensitiveDict

from acrsync.client.address import checked_path
from acrsync.client.failures import TROUBLE, Call, Failure, of_answer, of_trouble
from acrsync.client.pace import Pace, attempts_of, backoff
from acrsync.client.shapes import GetOptions
from acrsync.client.transport import POOL_SIZE, Body, LastLook, Stopped, Transport, exchange
from acrsync.diagnostics import NoAnswer, RemoteError
from acrsync.model import JSON
from acrsync.version import __version__

BUDGET_S = 300.0  # for one request with all its retries and pauses
TIMEOUT_MAX_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How requests are sent; addresses and token are checked already."""

    base_url: str
    token: str = field(repr=False)
    read_only: bool
    timeout_s: float
    retries: bool | int | None
    backoff_factor: float
    proxies: dict[str, str]
    verify: bool | str
    debug: Callable[[str], None] | None
    last_look: LastLook | None


class Sender:
    """Sends for any number of threads."""

    def __init__(self, settings: Settings, *, cancel: threading.Event | None) -> None:
        self._settings = settings
        self._pace = Pace(cancel)
        self._sent: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._shared = self._transport(connections=POOL_SIZE)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, JSON] | None = None,
        body: Mapping[str, JSON] | None = None,
        options: GetOptions | None = None,
    ) -> tuple[Call, requests.Response]:
        """Return the first answer that is a success, read to its last byte, and the attempt that got it.

        Raises: a RemoteError; `may_have_acted` is true if any attempt of a write may have been carried out. Also raises
        what the last look raised.
        """
        timeout_s, headers = _checked(options or {}, self._settings.timeout_s)
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        deadline = time.monotonic() + max(BUDGET_S, timeout_s)
        failure: Failure | None = None
        wait_s, acted = 0.0, False
        for attempt in range(1, attempts_of(self._settings.retries) + 1):
            # An interrupt stops retries, never a new request: what is begun, as a replacement, must come to its end.
            if not self._pace.wait(wait_s, deadline=deadline) or (failure and self._pace.cancelled):
                break
            left_s = min(timeout_s, max(0.001, deadline - time.monotonic()))
            payload = None if data is None else Body(data, last_look=self._settings.last_look)
            request = self._request(method, path, params, headers=headers, payload=payload)
            call = Call(method, request.path_url, payload, attempt, self._settings.token)
            match self._attempt(call, request, timeout_s=left_s):
                case Stopped(error=stop):
                    if isinstance(stop, RemoteError):
                        stop.may_have_acted = acted  # by an earlier attempt; this one was not sent
                    raise stop
                case Failure() as failure:
                    acted = acted or failure.acted
                case response:
                    return call, response
            wait_s = max(failure.wait_s, backoff(attempt, self._settings.backoff_factor))
            if failure.throttled:
                self._pace.pause(wait_s)
            if not failure.again:
                break
        error = failure.error if failure else self._never_sent(method, path)
        error.may_have_acted = error.may_have_acted or acted
        try:
            raise error
        finally:
            del error, failure  # or the exception and this frame would keep each other, and the connection, alive

    def sent(self) -> Mapping[str, int]:
        with self._lock:
            return dict(sorted(self._sent.items()))

    def close(self) -> None:
        self._shared.close()

    def _attempt(
        self, call: Call, request: requests.PreparedRequest, *, timeout_s: float
    ) -> requests.Response | Failure | Stopped:
        # The server may close a kept connection while a POST is on its way, and nobody could tell whether it was read.
        # A POST therefore gets a connection of its own, so that its failing means what it seems to mean.
        transport = self._transport(connections=1) if call.method == "POST" else self._shared
        begun = time.monotonic()
        try:
            response = exchange(
                transport, request, timeout_s=timeout_s, verify=self._settings.verify, proxies=self._settings.proxies
            )
        except Stopped as stopped:
            return stopped
        except TROUBLE as trouble:
            return self._told(call, of_trouble(call, trouble), begun=begun)
        finally:
            request.headers.pop("Authorization", None)  # answers and exceptions keep their request
            if transport is not self._shared:
                transport.close()
        return self._told(call, of_answer(call, response) or response, begun=begun)

    def _told(self, call: Call, answer: requests.Response | Failure, *, begun: float) -> requests.Response | Failure:
        """Return the answer, once it is told to whoever debugs."""
        match answer:
            case Failure(error=error):
                became = f"{error.status or 'no answer'}, {error.diagnostic.summary}"
            case _:
                became = f"{answer.status_code}, {len(answer.content)} bytes"
        if self._settings.debug:
            self._settings.debug(f"{call}: {became}, {(time.monotonic() - begun) * 1000:.0f} ms")
        return answer

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, JSON] | None,
        *,
        headers: Mapping[str, str],
        payload: Body | None,
    ) -> requests.PreparedRequest:
        sent = CaseInsensitiveDict(headers)
        sent.setdefault("Accept", "application/json")  # without it a refusal may be a redirect to a page
        sent["Accept-Encoding"] = "gzip"
        sent["User-Agent"] = f"acrsync/{__version__}"
        sent["Authorization"] = f"Bearer {self._settings.token}"
        if payload is not None:
            sent["Content-Type"] = "application/json"
        url = self._settings.base_url + checked_path(path)
        return requests.Request(method, url, headers=sent, params=params, data=payload).prepare()

    def _transport(self, *, connections: int) -> Transport:
        settings = self._settings
        return Transport(
            settings.base_url,
            read_only=settings.read_only,
            count=self._count,
            connections=connections,
            last_look=settings.last_look,
        )

    def _count(self, method: str) -> None:
        with self._lock:
            self._sent[method] += 1

    def _never_sent(self, method: str, path: str) -> NoAnswer:
        detail = f"{method} {path} was not sent: the API asks for a pause longer than {BUDGET_S:.0f} s."
        return NoAnswer("E420", detail, fix="try again later.")


def _checked(options: GetOptions, default_s: float) -> tuple[float, Mapping[str, str]]:
    """Return timeout and headers. Raises: TypeError and ValueError, as a wrong call does."""
    unknown = sorted(options.keys() - {"timeout", "headers"})
    if unknown:
        raise TypeError(f"only timeout and headers can be given with a request, not {', '.join(unknown)}")
    timeout_s = options.get("timeout")
    timeout_s = default_s if timeout_s is None else timeout_s
    if not 0 < timeout_s <= TIMEOUT_MAX_S:
        raise ValueError(f"a timeout is more than 0 and at most {TIMEOUT_MAX_S:.0f} seconds, not {timeout_s}")
    return timeout_s, options.get("headers") or {}
