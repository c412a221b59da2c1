"""What the client's own errors have in common, and those that end a call before anything is sent."""

from __future__ import annotations

import copyreg
from typing import Any

import requests

from acrsync.diagnostics import RemoteError


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


class InvalidProxy(ClientError, requests.exceptions.InvalidProxyURL):
    """The address of a proxy, which is not shown, cannot be used. Nothing was sent."""

    def __init__(self, detail: str, *, fix: str) -> None:
        super().__init__("E454", detail, fix=fix)


class InvalidCertificates(ClientError, requests.exceptions.SSLError):
    """A file of certificates cannot be used. Nothing was sent."""

    def __init__(self, detail: str, *, fix: str) -> None:
        super().__init__("E455", detail, fix=fix)
