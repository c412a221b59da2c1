"""Classifies failed attempts: which exception to raise, and whether the request may be sent again."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping

import requests
from urllib3 import exceptions as urllib3

from acrsync.client.errors import (
    ClientError,
    HttpAccessDenied,
    HttpError,
    HttpNoAnswer,
    HttpNotFound,
    InvalidCertificates,
    Lost,
    NotJson,
    TimedOut,
    TooMuch,
    Unknown,
    Unusable,
)  # fmt: skip
from acrsync.client.pace import retry_after
from acrsync.client.secrets import TEXT_MAX, Secrets
from acrsync.client.transport import ANSWER_MAX, TooLong
from acrsync.client.wire import Body, UnusableCertificates
from acrsync.frozen import frozen
from acrsync.model import JSON

SUCCESS = range(200, 300)
REDIRECTS = range(300, 400)
REFUSED = range(400, 500)  # the server has not acted; except for 408, which does not say
RETRIED = frozenset({429, 500, 502, 503, 504})
MESSAGE_MAX = 500  # characters of the server's text in a message
# What sending and reading can raise: requests wraps most of it, but not all of urllib3 and the socket.
TRANSPORT_ERRORS = (
    requests.RequestException, urllib3.HTTPError, http.client.HTTPException, OSError, UnusableCertificates, TooLong,
)  # fmt: skip
_UNCONNECTED = (
    urllib3.ConnectTimeoutError, urllib3.NewConnectionError, urllib3.ProxyError, ssl.SSLCertVerificationError,
    requests.ConnectTimeout,
)  # fmt: skip
# A wrong configuration, here or on the proxy: trying again does not help.
_SETUP = (
    ssl.SSLCertVerificationError, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema,
    requests.exceptions.InvalidURL, urllib3.LocationValueError, urllib3.ProxySchemeUnknown,
    urllib3.ProxySchemeUnsupported, urllib3.URLSchemeUnknown,
)  # fmt: skip
_PROXY_REFUSED = re.compile(r"Tunnel connection failed: 4(?!08|29)\d\d")
_JSON_READ = 2**20  # bytes of an answer up to which its JSON is searched for a message


@frozen
class Call:
    """One attempt, as shown in messages."""

    method: str
    path: str  # with the query
    body: Body | None
    attempt: int
    secrets: Secrets

    def __str__(self) -> str:
        return self.redacted(f"{self.method} {self.path}") + (f" (attempt {self.attempt})" if self.attempt > 1 else "")

    def redacted(self, text: str) -> str:
        """Return text from outside without secrets, and safe to show."""
        return self.secrets.redacted(text)

    def label(self, error: ClientError) -> None:
        """Set the method and path of an error."""
        error.method, error.path = self.method, self.redacted(self.path)


@frozen
class Failure:
    """How one attempt failed."""

    error: ClientError
    again: bool  # it may be sent again
    acted: bool = False  # the server may have carried it out
    wait_s: float = 0.0  # the pause that the server asked for
    throttled: bool = False  # the pause applies to all requests


def answer_failure(call: Call, response: requests.Response, *, redirects: bool = False) -> Failure | None:
    """Return the failure that an answer means; None for 2xx, with `redirects` also for 3xx."""
    status = response.status_code
    if status in SUCCESS or (redirects and status in REDIRECTS):
        return None
    # GUESS: 429 means that the request was not carried out, also a POST.
    refused = status in REFUSED and status != requests.codes.request_timeout
    acted = call.method != "GET" and not refused
    if acted and call.method == "POST":
        error: ClientError = _unknown(call, f"the answer was {status}: {server_message(call, response)}", status)
    else:
        error = _http_error(call, response)
        error.may_have_acted = acted
    return Failure(
        error,
        again=status in RETRIED and not (acted and call.method == "POST"),
        acted=acted,
        wait_s=retry_after(response.headers.get("Retry-After")),
        throttled=status == requests.codes.too_many_requests,
    )


def transport_failure(call: Call, trouble: Exception, *, request: requests.PreparedRequest) -> Failure:
    """Return the failure that an exception of sending or reading means; each exception gets `request`."""
    if isinstance(trouble, UnusableCertificates):
        fix = "set the path of a file with certificates: REQUESTS_CA_BUNDLE=/path/to/ca.pem."
        refused = InvalidCertificates(f"{call}: {trouble}.", fix=fix)
        call.label(refused)
        return Failure(refused, again=False)
    chain = tuple(_chain(trouble))
    for one in chain:
        if isinstance(one, requests.RequestException):
            one.request = request
    unsent = (call.body is not None and call.body.unsent) or any(isinstance(one, _UNCONNECTED) for one in chain)
    wrong = any(isinstance(one, _SETUP) or _PROXY_REFUSED.search(str(one)) for one in chain)
    acted = call.method != "GET" and not unsent and not wrong
    endless = isinstance(trouble, TooLong)
    if acted and call.method == "POST":
        why = _ENDLESS if endless else f"no complete answer came: {call.redacted(_reason(chain))}"
        error: ClientError = _unknown(call, why, None)
    else:
        error = _too_much(call) if endless else _no_answer(call, chain)
        error.request = request
        error.may_have_acted = acted
    if not any(call.secrets.is_in(f"{one} {one!r}") for one in chain):
        error.__cause__ = trouble
    return Failure(error, again=not wrong and not endless and not (acted and call.method == "POST"), acted=acted)


def unusable(call: Call, response: requests.Response, what: str, *, cause: ValueError | None = None) -> ClientError:
    """Return the error for a success with an unusable body."""
    detail = f"the answer is {what}: {server_message(call, response)}"
    if call.method == "POST":
        return _unknown(call, detail, response.status_code)
    kind = NotJson if cause else Unusable
    error = kind(
        "E416",
        f"{call}: {detail}",
        fix="check that the endpoint is the ACRCloud Console API, and whether a proxy answers instead.",
        status=response.status_code,
    )
    if isinstance(error, NotJson) and isinstance(cause, json.JSONDecodeError):
        error.msg, error.doc, error.pos = cause.msg, cause.doc, cause.pos
        error.lineno, error.colno = cause.lineno, cause.colno
    error.response, error.request = response, response.request
    error.may_have_acted = call.method != "GET"
    call.label(error)
    return error


def parsed(call: Call, response: requests.Response) -> JSON | Failure:
    """Return the JSON of a success, or a failure if the body is not JSON.

    If the body begins as JSON and ends too early, it is incomplete: a lost connection that the HTTP library missed.
    """
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as e:
        cause = e if isinstance(e, ValueError) else ValueError("nested too deep")
        error = unusable(call, response, "no JSON", cause=cause)
        cut, acted = _is_cut(response, cause), call.method != "GET"
        return Failure(error, again=cut and call.method != "POST", acted=acted)


def _is_cut(response: requests.Response, error: ValueError) -> bool:
    """Return whether the body is only the beginning of JSON."""
    content = response.content.strip()
    if not content:  # and its length was not given
        return response.status_code == requests.codes.ok and not response.headers.keys() & _FRAMES
    if content[:1] not in _CLOSED_BY:
        return False
    at_end = isinstance(error, json.JSONDecodeError) and error.pos >= len(error.doc.rstrip())
    return at_end or content[-1:] != _CLOSED_BY[content[:1]]


def server_message(call: Call, response: requests.Response) -> str:
    """Return the server's message, bounded and safe to show: `message`, `error` and `errors`, else the raw text."""
    content = response.content
    try:
        message = "; ".join(_message_parts(json.loads(content))) if len(content) <= _JSON_READ else ""
    except (ValueError, RecursionError):
        message = ""
    text = content[: 4 * TEXT_MAX].decode("utf-8", "replace")
    if "html" in response.headers.get("Content-Type", ""):
        text = "an HTML page: " + re.sub("<[^>]*>", " ", text)
    shown = call.redacted(" ".join((message or text).split())) or "empty"
    return shown if len(shown) <= MESSAGE_MAX else f"{shown[:MESSAGE_MAX]}..."


def _message_parts(answer: JSON) -> Iterator[str]:
    if isinstance(answer, Mapping):
        for key in ("message", "error", "errors"):
            yield from _flat(answer.get(key))


def _flat(value: JSON) -> Iterator[str]:
    match value:
        case None | "":
            pass
        case Mapping():
            for key, inner in value.items():
                yield f"{key}: {', '.join(_flat(inner))}"
        case list():
            for inner in value:
                yield from _flat(inner)
        case _:
            yield str(value)


def _http_error(call: Call, response: requests.Response) -> HttpError:
    status = response.status_code
    detail = f"{call} was answered with {status}: {server_message(call, response)}"
    kind, code, fix = HttpError, "E406", "correct the value that the message names."
    match status, status // 100:
        case 401 | 403, _:
            kind, code = HttpAccessDenied, "E403"
            fix = "use a token of this account with the needed scope: ACRCloud console, Account, Developer Settings."
        case 404, _:
            kind, code = HttpNotFound, "E405"
            fix = "check the id and the endpoint."
        case 429, _:
            kind, code = HttpNoAnswer, "E420"
            fix = "try again later, or with a lower --parallelism."
        case (408, _) | (_, 5):
            kind, code, fix = HttpNoAnswer, "E421", "try again later."
        case _, 3:
            code, fix = "E407", "check the endpoint."
            target = call.redacted(response.headers.get("Location", "nowhere"))[:MESSAGE_MAX]
            detail = f"{call} was answered with {status}, to {target}. Redirects are not followed."
        case _:
            pass
    error = kind(code, detail, fix=fix, status=status)
    error.response, error.request = response, response.request
    call.label(error)
    return error


_ENDLESS = f"the answer is longer than {ANSWER_MAX // 2**20} MiB"
_FRAMES = frozenset({"content-length", "transfer-encoding"})
_CLOSED_BY = {b"{": b"}", b"[": b"]"}
_PROXY = ("E413", "check HTTPS_PROXY and NO_PROXY.")
# The first class that matches gives code and fix.
_CAUSES: tuple[tuple[type[BaseException], str, str], ...] = (
    (urllib3.ProxyError, *_PROXY),
    (
        ssl.SSLCertVerificationError,
        "E412",
        "check the endpoint, or use the certificate of your own authority: REQUESTS_CA_BUNDLE=/path/to/ca.pem.",
    ),
    (ssl.SSLError, "E415", "check the endpoint's scheme and port."),
    (socket.gaierror, "E410", "check the endpoint's spelling and the network."),
    (urllib3.LocationValueError, "E410", "check the endpoint's spelling and the network."),
    (urllib3.NewConnectionError, "E411", "check the endpoint and the network."),
    (TimeoutError, "E408", "try again later, or with a longer --timeout."),
    (urllib3.TimeoutError, "E408", "try again later, or with a longer --timeout."),
    (BaseException, "E414", "try again later."),
)


def _no_answer(call: Call, chain: tuple[BaseException, ...]) -> Lost | TimedOut:
    fits = (cause[1:] for cause in _CAUSES if any(isinstance(one, cause[0]) for one in chain))
    code, fix = _PROXY if any(type(one).__module__ == "socks" for one in chain) else next(fits)
    kind = TimedOut if code == "E408" else Lost
    error = kind(code, f"{call}: {call.redacted(_reason(chain))}.", fix=fix)
    call.label(error)
    return error


def _too_much(call: Call) -> TooMuch:
    error = TooMuch("E418", f"{call}: {_ENDLESS}.", fix="check the endpoint.")
    call.label(error)
    return error


def _unknown(call: Call, why: str, status: int | None) -> Unknown:
    error = Unknown(
        "E430",
        f"{call}: {why}. The server may have acted, so the request is not sent again.",
        fix="check whether the bucket exists before you try again.",
        status=status,
    )
    call.label(error)
    return error


def _reason(chain: tuple[BaseException, ...]) -> str:
    """Return the message of the innermost cause."""
    last = chain[-1]
    return (last.strerror if isinstance(last, OSError) else None) or str(last) or type(last).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes, outermost first. Libraries also wrap causes in arguments."""
    yield error
    inner = next((one for one in (error.__cause__, *error.args) if isinstance(one, BaseException)), None)
    inner = inner or getattr(error, "reason", None) or error.__context__
    if isinstance(inner, BaseException):
        yield from _chain(inner)
