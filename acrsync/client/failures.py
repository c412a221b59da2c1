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
from dataclasses import dataclass, field

import requests
from urllib3 import exceptions as urllib3

from acrsync.client.pace import retry_after
from acrsync.client.transport import Body
from acrsync.diagnostics import AccessDenied, NoAnswer, NotFound, RemoteError, UnknownOutcome
from acrsync.model import JSON
from acrsync.visible import visible

SUCCESS = range(200, 300)
REFUSED = range(400, 500)  # the server says no and has done nothing; except 408, which says nothing at all
RETRIED = frozenset({429, 500, 502, 503, 504})
WORDS_MAX = 500  # characters of the server's own words that a message shows
# What sending and reading may raise: requests wraps most of it, urllib3 and the socket the rest.
TROUBLE = (requests.RequestException, urllib3.HTTPError, http.client.HTTPException, OSError)
_UNCONNECTED = (urllib3.ConnectTimeoutError, urllib3.NewConnectionError, ssl.SSLCertVerificationError)
_SECRET = re.compile(r"(access_secret\W{1,6})[^\s\"'&,}]+")


class HttpError(RemoteError, requests.HTTPError):
    """An answer that is not a success."""


class HttpAccessDenied(AccessDenied, HttpError):
    """401 or 403."""


class HttpNotFound(NotFound, HttpError):
    """404."""


class HttpNoAnswer(NoAnswer, HttpError):
    """The server could not answer: 429, 408 or 5xx."""


class Unusable(RemoteError, requests.exceptions.InvalidJSONError):
    """A success whose body cannot be used."""


class Lost(NoAnswer, requests.ConnectionError):
    """No connection, or one that broke."""


class TimedOut(NoAnswer, requests.Timeout):
    """No whole answer in time."""


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt, as messages name it."""

    method: str
    path: str  # with the query
    body: Body | None
    attempt: int
    token: str = field(repr=False)

    def __str__(self) -> str:
        return self.redacted(f"{self.method} {self.path}") + (f" (attempt {self.attempt})" if self.attempt > 1 else "")

    def redacted(self, text: str) -> str:
        """Return text from outside without the token and project secrets, and safe to show."""
        return visible(_SECRET.sub(r"\1[secret]", text.replace(self.token, "[token]")))


@dataclass(frozen=True, slots=True)
class Failure:
    """How one attempt failed."""

    error: RemoteError
    again: bool  # it may be sent again
    acted: bool = False  # the server may have carried it out
    wait_s: float = 0.0  # what the server asked for before the next attempt
    throttled: bool = False  # and that is meant for all


def of_answer(call: Call, response: requests.Response) -> Failure | None:
    """Return how an answer is a failure, None for 2xx."""
    status = response.status_code
    if status in SUCCESS:
        return None
    # GUESS: 429 says that the request was not carried out, also to a POST.
    refused = status in REFUSED and status != requests.codes.request_timeout
    acted = call.method != "GET" and not refused
    if acted and call.method == "POST":
        error: RemoteError = _unknown(call, f"the answer was {status}: {words(call, response)}", status)
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


def of_trouble(call: Call, trouble: Exception) -> Failure:
    """Return what it means that sending or reading raised."""
    chain = tuple(_chain(trouble))
    sent = call.body.taken if call.body is not None else not any(isinstance(one, _UNCONNECTED) for one in chain)
    acted = sent and call.method != "GET"
    if acted and call.method == "POST":
        error: RemoteError = _unknown(call, f"no whole answer came: {call.redacted(_reason(chain))}", None)
    else:
        error = _no_answer(call, chain)
        error.may_have_acted = acted
    error.__cause__ = trouble
    distrusted = any(isinstance(one, ssl.SSLCertVerificationError) for one in chain)
    return Failure(error, again=not distrusted and not (acted and call.method == "POST"), acted=acted)


def unusable(call: Call, response: requests.Response, what: str) -> RemoteError:
    """Return the error for a success whose body is not what it must be."""
    said = f"the answer is {what}: {words(call, response)}"
    if call.method == "POST":
        return _unknown(call, said, response.status_code)
    error = Unusable(
        "E416",
        f"{call}: {said}",
        fix="check that the endpoint is the ACRCloud Console API, and whether a proxy answers in its place.",
        status=response.status_code,
    )
    error.response = response
    error.may_have_acted = call.method != "GET"
    return error


def parsed(call: Call, response: requests.Response) -> JSON:
    """Return the JSON of a success. Raises: RemoteError where it holds none."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as e:
        raise unusable(call, response, "no JSON") from e


def words(call: Call, response: requests.Response) -> str:
    """Return the server's own words, bounded and safe to show: `message`, `error` and `errors`, else the raw text."""
    text = response.content.decode("utf-8", "replace")
    try:
        said = "; ".join(_said(json.loads(text)))
    except (ValueError, RecursionError):
        said = ""
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
    error.response = response
    return error


# What broke, the first that fits: code, fix.
_CAUSES: tuple[tuple[type[BaseException], str, str], ...] = (
    (urllib3.ProxyError, "E413", "check HTTPS_PROXY and NO_PROXY."),
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
    code, fix = next(cause[1:] for cause in _CAUSES if any(isinstance(one, cause[0]) for one in chain))
    kind = TimedOut if code == "E408" else Lost
    return kind(code, f"{call}: {call.redacted(_reason(chain))}.", fix=fix)


def _unknown(call: Call, why: str, status: int | None) -> UnknownOutcome:
    return UnknownOutcome(
        "E430",
        f"{call}: {why}. The server may have acted on it, so it is not sent again.",
        fix="look whether it is there before you try again.",
        status=status,
    )


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
