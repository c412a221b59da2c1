"""Sends one request with its retries."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import requests
from requests.structures import CaseInsensitiveDict

from acrsync.client.address import checked_path
from acrsync.client.errors import ClientError, InvalidCall, Throttled
from acrsync.client.failures import SUCCESS, TRANSPORT_ERRORS, Call, Failure, answer_failure, parsed, transport_failure
from acrsync.client.options import Options, logins_of
from acrsync.client.pace import Pace, attempts_of, backoff
from acrsync.client.secrets import Secrets
from acrsync.client.transport import Session, Transport, check_reading, read
from acrsync.client.wire import Body, LastLook, Stopped, is_real
from acrsync.diagnostics import RemoteError
from acrsync.model import JSON
from acrsync.version import __version__

BUDGET_S = 300.0  # for one request with all its retries and pauses


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The checked settings of a client."""

    base_url: str
    token: str = field(repr=False)
    read_only: bool
    retries: bool | int | None
    backoff_factor: float
    defaults: Options
    debug: Callable[[str], None] | None
    last_look: LastLook | None


class Answer(NamedTuple):
    """A success, and the attempt that got it."""

    call: Call
    response: requests.Response
    content: JSON  # None unless requested


class Sender:
    """Sends requests for any number of threads."""

    def __init__(self, settings: Settings, *, cancel: threading.Event | None) -> None:
        self._settings = settings
        self._pace = Pace(cancel)
        self._sent: Counter[str] = Counter()
        self._lock = threading.Lock()
        transport = Transport(
            settings.base_url, read_only=settings.read_only, count=self._count, last_look=settings.last_look
        )
        self.session = Session(transport)
        self._secrets = _secrets(settings.token, settings.defaults)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Any = None,
        body: Mapping[str, JSON] | None = None,
        changes: Mapping[str, Any] | None = None,
        parse: bool = False,
    ) -> Answer:
        """Return the first successful answer, read to its last byte; with `parse` also its JSON.

        Raises: RemoteError; `may_have_acted` is true if any attempt of a write may have been carried out. Also raises
        the errors of `last_look` and of hooks.
        """
        settings, options, secrets = self._settings, *self._options_of(method, changes)
        data = None if body is None else _json(body)
        budget_s = max(BUDGET_S, options.total_s)
        deadline = time.monotonic() + budget_s
        failure: Failure | None = None
        wait_s, acted = 0.0, False
        for attempt in range(1, attempts_of(settings.retries) + 1):
            # An interrupt stops retries, but not new requests: a replacement that was started must finish.
            if not self._pace.wait(wait_s, deadline=deadline) or (failure and self._pace.cancelled):
                break
            left_s = max(0.001, deadline - time.monotonic())
            payload = None if data is None else Body(data)
            request = self._request(method, path, params, options=options, payload=payload)
            call = Call(method, request.path_url, payload, attempt, secrets)
            match self._attempt(call, request, options=options, left_s=left_s, parse=parse):
                case Stopped(error=stop):
                    if isinstance(stop, RemoteError):
                        stop.may_have_acted = acted  # by an earlier attempt; this one was not sent
                    raise stop
                case Failure() as failure:
                    acted = acted or failure.acted
                case answer:
                    return self._hooked(answer, options=options, parse=parse) if options.hooks else answer
            wait_s = max(failure.wait_s, backoff(attempt, settings.backoff_factor))
            if failure.throttled:
                self._pace.pause(wait_s)
            if not failure.again:
                break
        error = failure.error if failure else self._never_sent(method, path, budget_s=budget_s)
        error.may_have_acted = error.may_have_acted or acted
        if options.hooks and getattr(error, "response", None) is not None:
            self._run_hooks(error.response, options=options)  # type: ignore[attr-defined]
        try:
            raise error
        finally:
            del error, failure  # else the exception and this frame keep each other, and the connection, alive

    def sent(self) -> Mapping[str, int]:
        with self._lock:
            return dict(sorted(self._sent.items()))

    def close(self) -> None:
        self.session.close()

    def _options_of(self, method: str, changes: Mapping[str, Any] | None) -> tuple[Options, Secrets]:
        """Return the options of a call, and its secrets.

        Raises: InvalidCall; RemoteError if only GET can be sent.
        """
        settings = self._settings
        if settings.read_only:
            check_reading(method)  # as the transport does, which a test may replace
        if not changes:
            return settings.defaults, self._secrets
        options = settings.defaults.changed_by(changes, base_url=settings.base_url)
        return options, self._secrets if options.proxies is settings.defaults.proxies else _secrets(
            settings.token, options
        )

    def _attempt(
        self, call: Call, request: requests.PreparedRequest, *, options: Options, left_s: float, parse: bool
    ) -> Answer | Failure | Stopped:
        begun = time.monotonic()
        try:
            response = self.session.send(
                request,
                timeout=options.timeout_within(left_s),
                stream=options.stream,
                verify=options.verify,
                cert=options.cert,
                proxies=options.proxies,
                allow_redirects=False,
            )
            if options.stream and (parse or response.status_code not in SUCCESS):
                read(response)
        except Stopped as stopped:
            return stopped
        except TRANSPORT_ERRORS as trouble:
            return self._logged(call, transport_failure(call, trouble, request=_without_token(request)), begun=begun)
        if is_real(response):
            request.headers.pop("Authorization", None)
        else:  # a test may check what was sent
            response.request = _without_token(request)
        failure = answer_failure(call, response, redirects=options.redirects)
        if failure is None and parse:
            content = parsed(call, response)
            return self._logged(
                call, content if isinstance(content, Failure) else Answer(call, response, content), begun=begun
            )
        return self._logged(call, failure or Answer(call, response, None), begun=begun, stream=options.stream)

    def _logged(self, call: Call, answer: Answer | Failure, *, begun: float, stream: bool = False) -> Answer | Failure:
        """Return the answer after logging it for --debug."""
        if self._settings.debug:
            match answer:
                case Failure(error=error):
                    result = f"{error.status or 'no answer'}, {error.diagnostic.summary}"
                case Answer(response=response):
                    result = f"{response.status_code}, "
                    result += "not read yet" if stream else f"{len(response.content)} bytes"
            self._settings.debug(f"{call}: {result}, {(time.monotonic() - begun) * 1000:.0f} ms")
        return answer

    def _hooked(self, answer: Answer, *, options: Options, parse: bool) -> Answer:
        """Return the answer after the call's hooks."""
        response = self._run_hooks(answer.response, options=options)
        content = parsed(answer.call, response) if parse else None
        if isinstance(content, Failure):
            raise content.error
        return Answer(answer.call, response, content)

    def _run_hooks(self, response: requests.Response, *, options: Options) -> requests.Response:
        # Not in the session: an error of a hook must not count as a failed connection.
        given = {
            "timeout": options.timeout,
            "verify": options.verify,
            "proxies": options.proxies,
            "stream": options.stream,
        }
        for hook in options.hooks:
            response = hook(response, cert=options.cert, **given) or response
        return response

    def _request(
        self, method: str, path: str, params: Any, *, options: Options, payload: Body | None
    ) -> requests.PreparedRequest:
        sent: CaseInsensitiveDict[str | bytes] = CaseInsensitiveDict(options.headers)
        sent.setdefault("User-Agent", f"acrsync/{__version__}")
        sent.setdefault("Accept", "application/json")  # else an error may be a redirect to an HTML page
        sent["Accept-Encoding"] = "gzip"
        sent["Authorization"] = f"Bearer {self._settings.token}"
        if payload is not None:
            sent["Content-Type"] = "application/json"
        request = requests.PreparedRequest()
        try:
            request.prepare_method(method)
            request.prepare_url(self._settings.base_url + checked_path(path), params)
            request.prepare_headers(sent)
            if options.cookies:
                request.prepare_cookies(options.cookies)
            request.prepare_body(payload, None)
        except ClientError:
            raise
        except (TypeError, ValueError) as e:
            message = self._secrets.redacted(str(e))
            raise InvalidCall(f"{method} cannot be prepared: {message}") from None
        return request

    def _count(self, method: str) -> None:
        with self._lock:
            self._sent[method] += 1

    def _never_sent(self, method: str, path: str, *, budget_s: float) -> ClientError:
        detail = f"{method} {path} was not sent: the API asks for a pause longer than {budget_s:.0f} s."
        error = Throttled("E420", detail, fix="try again later.")
        error.method, error.path = method, self._secrets.redacted(path)
        return error


def _secrets(token: str, options: Options) -> Secrets:
    return Secrets({**dict.fromkeys(logins_of(options.proxies), "[proxy-login]"), token: "[token]"})


def _without_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return a request without its token, for answers and exceptions."""
    kept = request.copy()
    kept.headers.pop("Authorization", None)
    return kept


def _json(body: Mapping[str, JSON]) -> bytes:
    """Return the encoded body. Raises: InvalidCall if it is not JSON."""
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as e:
        raise InvalidCall(f"The body is not JSON: {e}.") from e
