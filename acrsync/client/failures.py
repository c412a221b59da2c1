"""What a bad answer, or none, means: one clear exception, and whether the request may be sent again.

Each exception is one of `acrsync.diagnostics` and, for those who come from `acrclient`, one of `requests` as well.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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
from acrsync.client.wire import Body, Untrusting
from acrsync.model import JSON

SUCCESS = range(200, 300)
REDIRECTS = range(300, 400)
REFUSED = range(400, 500)  # the server says no and has done nothing; except 408, which does not tell
RETRIED = frozenset({429, 500, 502, 503, 504})
WORDS_MAX = 500  # characters of the server's own words that a message shows
# What sending and reading may raise: requests wraps most of it, urllib3 and the socket the rest.
TROUBLE = (
    requests.RequestException, urllib3.HTTPError, http.client.HTTPException, OSError, Untrusting, TooLong,
)  # fmt: skip
_UNCONNECTED = (
    urllib3.ConnectTimeoutError, urllib3.NewConnectionError, urllib3.ProxyError, ssl.SSLCertVerificationError,
    requests.ConnectTimeout,
)  # fmt: skip
# What is set up wrongly, here or on the proxy, stays so.
_SETUP = (
    ssl.SSLCertVerificationError, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema,
    requests.exceptions.InvalidURL, urllib3.LocationValueError, urllib3.ProxySchemeUnknown,
    urllib3.ProxySchemeUnsupported, urllib3.URLSchemeUnknown,
)  # fmt: skip
_PROXY_REFUSED = re.compile(r"Tunnel connection failed: 4(?!08|29)\d\d")
_JSON_READ = 2**20  # bytes of an answer up to which it is searched for the server's own words


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt, as messages name it."""

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

    def named(self, error: ClientError) -> None:
        """Let an error say which call it is about."""
        error.method, error.path = self.method, self.redacted(self.path)


@dataclass(frozen=True, slots=True)
class Failure:
    """How one attempt failed."""

    error: ClientError
    again: bool  # it may be sent again
    acted: bool = False  # the server may have carried it out
    wait_s: float = 0.0  # what the server asked for before the next attempt
    throttled: bool = False  # and that is meant for all


def of_answer(call: Call, response: requests.Response, *, redirects: bool = False) -> Failure | None:
    """Return how an answer is a failure, None for 2xx; with `redirects` also for 3xx."""
    status = response.status_code
    if status in SUCCESS or (redirects and status in REDIRECTS):
        return None
    # GUESS: 429 says that the request was not carried out, also to a POST.
    refused = status in REFUSED and status != requests.codes.request_timeout
    acted = call.method != "GET" and not refused
    if acted and call.method == "POST":
        error: ClientError = _unknown(call, f"the answer was {status}: {words(call, response)}", status)
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


def of_trouble(call: Call, trouble: Exception, *, request: requests.PreparedRequest) -> Failure:
    """Return what it means that sending or reading raised; whatever was raised keeps this request."""
    if isinstance(trouble, Untrusting):
        fix = "name a file of certificates, as in REQUESTS_CA_BUNDLE=/path/to/ca.pem."
        refused = InvalidCertificates(f"{call}: {trouble}.", fix=fix)
        call.named(refused)
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
        why = _ENDLESS if endless else f"no whole answer came: {call.redacted(_reason(chain))}"
        error: ClientError = _unknown(call, why, None)
    else:
        error = _too_much(call) if endless else _no_answer(call, chain)
        error.request = request
        error.may_have_acted = acted
    if not any(call.secrets.shown_in(f"{one} {one!r}") for one in chain):
        error.__cause__ = trouble
    return Failure(error, again=not wrong and not endless and not (acted and call.method == "POST"), acted=acted)


def unusable(call: Call, response: requests.Response, what: str, *, cause: ValueError | None = None) -> ClientError:
    """Return the error for a success whose body is not what it must be."""
    said = f"the answer is {what}: {words(call, response)}"
    if call.method == "POST":
        return _unknown(call, said, response.status_code)
    kind = NotJson if cause else Unusable
    error = kind(
        "E416",
        f"{call}: {said}",
        fix="check that the endpoint is the ACRCloud Console API, and whether a proxy answers in its place.",
        status=response.status_code,
    )
    if isinstance(error, NotJson) and isinstance(cause, json.JSONDecodeError):
        error.msg, error.doc, error.pos = cause.msg, cause.doc, cause.pos
        error.lineno, error.colno = cause.lineno, cause.colno
    error.response, error.request = response, response.request
    error.may_have_acted = call.method != "GET"
    call.named(error)
    return error


def parsed(call: Call, response: requests.Response) -> JSON | Failure:
    """Return the JSON of a success; how it is a failure if it holds none.

    If it begins as JSON and ends too early, it was cut on its way: that is a lost connection that nobody noticed.
    """
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as e:
        cause = e if isinstance(e, ValueError) else ValueError("nested too deep")
        error = unusable(call, response, "no JSON", cause=cause)
        cut, acted = _is_cut(response, cause), call.method != "GET"
        return Failure(error, again=cut and call.method != "POST", acted=acted)


def _is_cut(response: requests.Response, error: ValueError) -> bool:
    """Tell whether this is the beginning of JSON."""
    content = response.content.strip()
    if not content:  # also no length was told
        return response.status_code == requests.codes.ok and not response.headers.keys() & _FRAMES
    if content[:1] not in _CLOSED_BY:
        return False
    at_end = isinstance(error, json.JSONDecodeError) and error.pos >= len(error.doc.rstrip())
    return at_end or content[-1:] != _CLOSED_BY[content[:1]]


def words(call: Call, response: requests.Response) -> str:
    """Return the server's own words, bounded and safe to show: `message`, `error` and `errors`, else the raw text."""
    content = response.content
    try:
        said = "; ".join(_said(json.loads(content))) if len(content) <= _JSON_READ else ""
    except (ValueError, RecursionError):
        said = ""
    text = content[: 4 * TEXT_MAX].decode("utf-8", "replace")
    if "html" in response.headers.get("Content-Type", ""):
        text = "an HTML page: " + re.sub("<[^>]*>", " ", text)
    shown = call.redacted(" ".join((said or text).split())) or "nothing"
    return shown if len(shown) <= WORDS_MAX else f"{shown[:WORDS_MAX]}..."


def _said(answer: JSON) -> Iterator[str]:
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
    said = f"{call} was answered {status}: {words(call, response)}"
    kind, code, fix = HttpError, "E406", "change what it complains about."
    match status, status // 100:
        case 401 | 403, _:
            kind, code = HttpAccessDenied, "E403"
            fix = "use a token of this account that may do this: ACRCloud console, Account, Developer Settings."
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
            target = call.redacted(response.headers.get("Location", "nowhere"))[:WORDS_MAX]
            said = f"{call} was answered {status}, to {target}. No redirect is followed: the token stays with its host."
        case _:
            pass
    error = kind(code, said, fix=fix, status=status)
    error.response, error.request = response, response.request
    call.named(error)
    return error


_ENDLESS = f"the answer is longer than {ANSWER_MAX // 2**20} MiB"
_FRAMES = frozenset({"content-length", "transfer-encoding"})
_CLOSED_BY = {b"{": b"}", b"[": b"]"}
_PROXY = ("E413", "check HTTPS_PROXY and NO_PROXY.")
# What broke, the first that fits: code, fix.
_CAUSES: tuple[tuple[type[BaseException], str, str], ...] = (
    (urllib3.ProxyError, *_PROXY),
    (
        ssl.SSLCertVerificationError,
        "E412",
        "check the endpoint, or name your own authority's file: REQUESTS_CA_BUNDLE=/path/to/ca.pem.",
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
    call.named(error)
    return error


def _too_much(call: Call) -> TooMuch:
    error = TooMuch("E418", f"{call}: {_ENDLESS}.", fix="check the endpoint.")
    call.named(error)
    return error


def _unknown(call: Call, why: str, status: int | None) -> Unknown:
    error = Unknown(
        "E430",
        f"{call}: {why}. The server may have acted on it, so it is not sent again.",
        fix="check whether it exists before you try again.",
        status=status,
    )
    call.named(error)
    return error


def _reason(chain: tuple[BaseException, ...]) -> str:
    """Return the innermost cause in the operating system's or the library's own words."""
    last = chain[-1]
    return (last.strerror if isinstance(last, OSError) else None) or str(last) or type(last).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it was made of, outermost first: libraries wrap in arguments, not only in causes."""
    yield error
    inner = next((one for one in (error.__cause__, *error.args) if isinstance(one, BaseException)), None)
    inner = inner or getattr(error, "reason", None) or error.__context__
    if isinstance(inner, BaseException):
        yield from _chain(inner)
