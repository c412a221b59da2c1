"""The client's errors. Each is one of `acrsync.diagnostics` and, as in `acrclient`, one of `requests`."""

from __future__ import annotations

import copyreg
from typing import Any

import requests

from acrsync.diagnostics import AccessDenied, NoAnswer, NotFound, RemoteError, UnknownOutcome


class ClientError(RemoteError):
    """An error of one call, with its `method` and `path` if a request was prepared. It can be pickled."""

    method = ""
    path = ""  # with the query, and without secrets

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructor has other arguments than `args`.
        return copyreg.__newobj__, (type(self),), {**self.__dict__, "args": self.args}  # type: ignore[attr-defined]


class InvalidCall(ClientError, ValueError):
    """An argument that is invalid, or that would break a promise of the client. Nothing was sent."""

    def __init__(self, detail: str, *, fix: str = "") -> None:
        super().__init__("E453", detail, fix=fix)


class InvalidAnswer(ClientError):
    """A success whose JSON has an undocumented form."""

    def __init__(self, detail: str) -> None:
        super().__init__("E417", detail, fix="check that the endpoint is the ACRCloud Console API.")


class InvalidProxy(ClientError, requests.exceptions.InvalidProxyURL):
    """The address of a proxy is invalid; it is not shown. Nothing was sent."""

    def __init__(self, detail: str, *, fix: str) -> None:
        super().__init__("E454", detail, fix=fix)


class InvalidCertificates(ClientError, requests.exceptions.SSLError):
    """A file of certificates cannot be used. Nothing was sent."""

    def __init__(self, detail: str, *, fix: str) -> None:
        super().__init__("E455", detail, fix=fix)


class HttpError(ClientError, requests.HTTPError):
    """An answer that is not a success."""


class HttpAccessDenied(AccessDenied, HttpError):
    """401 or 403."""


class HttpNotFound(NotFound, HttpError):
    """404."""


class HttpNoAnswer(NoAnswer, HttpError):
    """The server did not process the request: 429, 408 or 5xx."""


class Unusable(ClientError, requests.exceptions.InvalidJSONError):
    """A success whose body cannot be used."""


class _Undecoded(requests.exceptions.JSONDecodeError):
    def __init__(self, message: str) -> None:
        super().__init__(message, "", 0)
        self.args = (message,)


class NotJson(Unusable, _Undecoded):
    """A success whose body is not JSON: `doc` and `pos` give the position."""


class Throttled(ClientError, NoAnswer):
    """Not sent, because the API asked for too long a pause."""


class Unknown(ClientError, UnknownOutcome):
    """A POST whose answer was lost or is unusable."""


class TooMuch(ClientError, requests.exceptions.ChunkedEncodingError):
    """An answer that is too long."""


class Lost(ClientError, NoAnswer, requests.ConnectionError):
    """No connection, or a broken one."""


class TimedOut(ClientError, NoAnswer, requests.Timeout):
    """No complete answer in time."""
