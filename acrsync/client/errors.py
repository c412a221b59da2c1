"""The client's errors: each is one of `acrsync.diagnostics` and, for who comes from `acrclient`, one of `requests`."""

from __future__ import annotations

import copyreg
from typing import Any

import requests

from acrsync.diagnostics import AccessDenied, NoAnswer, NotFound, RemoteError, UnknownOutcome


class ClientError(RemoteError):
    """An error of one call: `method` and `path` say which, empty before there is one. It can be pickled."""

    method = ""
    path = ""  # with the query, and without secrets

    def __reduce__(self) -> tuple[Any, ...]:
        # The arguments that made it are not those that it keeps.
        return copyreg.__newobj__, (type(self),), {**self.__dict__, "args": self.args}  # type: ignore[attr-defined]


class InvalidCall(ClientError, ValueError):
    """An argument that means nothing here, or that would undo what the client promises. Nothing was sent."""

    def __init__(self, detail: str, *, fix: str = "") -> None:
        super().__init__("E453", detail, fix=fix)


class InvalidAnswer(ClientError):
    """A success whose JSON has another form than the API documents."""

    def __init__(self, detail: str) -> None:
        super().__init__("E417", detail, fix="check that the endpoint is the ACRCloud Console API.")


class InvalidProxy(ClientError, requests.exceptions.InvalidProxyURL):
    """The address of a proxy, which is not shown, cannot be used. Nothing was sent."""

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
    """The server could not answer: 429, 408 or 5xx."""


class Unusable(ClientError, requests.exceptions.InvalidJSONError):
    """A success whose body cannot be used."""


class _Undecoded(requests.exceptions.JSONDecodeError):
    def __init__(self, message: str) -> None:
        super().__init__(message, "", 0)
        self.args = (message,)


class NotJson(Unusable, _Undecoded):
    """A success whose body is not JSON: `doc` and `pos` give the position."""


class Throttled(ClientError, NoAnswer):
    """Not sent, because the API asked for a pause that is too long."""


class Unknown(ClientError, UnknownOutcome):
    """A POST whose answer was lost, or is empty."""


class TooMuch(ClientError, requests.exceptions.ChunkedEncodingError):
    """An answer that is longer than any list can be."""


class Lost(ClientError, NoAnswer, requests.ConnectionError):
    """No connection, or one that broke."""


class TimedOut(ClientError, NoAnswer, requests.Timeout):
    """No whole answer in time."""
