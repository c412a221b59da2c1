"""Checks addresses and tokens before anything is sent."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from acrsync.client.errors import InvalidCall
from acrsync.diagnostics import RemoteError
from acrsync.visible import visible

_GRAPHIC = re.compile(r"[!-~]+")  # printable ASCII without the space
_HOST = re.compile(r"[0-9a-z]([0-9a-z._-]*[0-9a-z])?|[0-9a-f:]*::?[0-9a-f.:]*")  # a name, IPv4, or IPv6


def checked_base_url(url: object) -> str:
    """Return the address in the form `https://host`: without `/api`, which paths contain, and trailing slashes.

    Raises: RemoteError if the token would be sent unencrypted, or the address is invalid.
    """
    if not isinstance(url, str):
        raise _refused(f"It is {type(url).__name__}, not text.")
    parts = _split(url.strip())
    if parts is None:
        raise _refused(f"{visible(url.rpartition('@')[2])!r} is not an http or https address.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise _refused(f"The address of {parts.hostname} has more than scheme, host, port and path.")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise _refused(f"Plain http to {parts.hostname} would send the token unencrypted; only loopback may use it.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/api').rstrip('/')}"


def checked_token(token: object) -> str:
    """Return the token, also from one of acrclient's objects.

    Raises: RemoteError if it cannot be part of a header; the error does not show the token.
    """
    token = getattr(token, "bearer_token", token)
    if isinstance(token, str) and _GRAPHIC.fullmatch(token):
        return token
    if not isinstance(token, str):
        what = f"is {type(token).__name__}, not text"
    else:
        what = "contains a space, a line break or a character that is not ASCII" if token else "is empty"
    raise RemoteError(
        "E402",
        f"The token {what}, so it was not copied correctly.",
        fix="copy the token again from the ACRCloud console, Account, Developer Settings.",
    )


def checked_path(path: object) -> str:
    """Return the path. Raises: InvalidCall if it could lead to another host."""
    if not isinstance(path, str) or not path.startswith("/") or path.startswith("//") or "\\" in path:
        raise InvalidCall(f"A path begins with one slash, as in '/api/buckets', not {visible(repr(path))[:100]}.")
    return path


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine; names other than `localhost` are not resolved."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(url: str) -> SplitResult | None:
    """Return the parts of an address; None if it is invalid."""
    if not _GRAPHIC.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is not a number
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and _HOST.fullmatch(parts.hostname or "") else None


def _refused(detail: str) -> RemoteError:
    return RemoteError("E401", detail, fix="use an https address, as in --endpoint https://api-v2.acrcloud.com.")
