"""The options of one request: acrclient's keyword arguments, checked."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import unquote

from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from acrsync.client.errors import InvalidCall, InvalidProxy
from acrsync.visible import visible

TIMEOUT_MAX_S = 86_400.0
Timeout = float | tuple[float, float]  # seconds for one attempt; or for connecting, and for the rest
Hook = Callable[..., Any]
_PROXY_SCHEMES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})
_PAIR = 2
_REFUSED = {
    "auth": "the token is the only login",
    "data": "a GET has no body",
    "json": "a GET has no body",
    "files": "a GET has no body",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of one request."""

    timeout: Timeout
    headers: Mapping[str, str | bytes] = field(default_factory=dict)
    verify: bool | str = True
    cert: str | tuple[str, str] | None = None
    proxies: dict[str, str] = field(default_factory=dict, repr=False)
    stream: bool = False
    cookies: Mapping[str, str] | CookieJar | None = None
    hooks: tuple[Hook, ...] = ()
    redirects: bool = False  # return a redirect instead of raising; it is never followed

    @property
    def total_s(self) -> float:
        """The seconds that one attempt may take."""
        return sum(self.timeout) if isinstance(self.timeout, tuple) else self.timeout

    def timeout_within(self, left_s: float) -> Timeout:
        """Return the timeout, at most `left_s` in all."""
        if not isinstance(self.timeout, tuple):
            return min(self.timeout, left_s)
        connect = min(self.timeout[0], left_s)
        return connect, max(0.001, min(self.timeout[1], left_s - connect))

    def changed_by(self, options: Mapping[str, Any], *, base_url: str) -> Options:
        """Return the options with a call's keyword arguments applied; None changes nothing. Raises: InvalidCall."""
        changes: dict[str, Any] = {}
        for name, value in options.items():
            if name == "allow_redirects":
                why = "redirects are never followed, so that the token is not sent to another host"
                if value:
                    raise _unusable("allow_redirects", why)
                changes["redirects"] = value is not None
            elif check := _CHECKS.get(name):
                if value is not None:
                    changes[name] = check(value, self)
            elif name in _REFUSED:
                raise InvalidCall(f"The option {name} cannot be given: {_REFUSED[name]}.", fix=f"leave {name} out.")
            else:
                known = ", ".join(sorted(_CHECKS))
                raise InvalidCall(f"There is no option {visible(str(name))}.", fix=f"use one of {known}.")
        if "proxies" in changes:
            changes["proxies"] = {**self.proxies, **checked_proxies(changes["proxies"], base_url=base_url)}
        return replace(self, **changes) if changes else self


def checked_timeout(value: Any, *, default: Timeout) -> Timeout:
    """Return a timeout in the form of requests; 0 means the default, as in acrclient. Raises: InvalidCall."""
    if isinstance(value, tuple | list):
        if len(value) != _PAIR:
            raise _unusable("timeout", f"it has {len(value)} parts instead of two (for connecting, and for the rest)")
        total = sum(default) if isinstance(default, tuple) else default
        connect, rest = (None if part is None else _seconds(part) for part in value)
        rest = total if rest is None else rest
        return rest / 3 if connect is None else connect, rest
    if not isinstance(value, bool) and value == 0:
        return default
    return _seconds(value)


def checked_proxies(proxies: Any, *, base_url: str) -> dict[str, str]:
    """Return the proxies for the endpoint: none for plain http, which is only allowed on this machine.

    Raises: InvalidProxy; the error does not show the address, which may contain a password.
    """
    if proxies is None:
        return {}
    if not isinstance(proxies, Mapping):
        raise _unusable("proxies", "it is not a mapping such as {'https': 'http://proxy:3128'}")
    if not base_url.startswith("https:"):
        return {}
    return {
        key: _proxy(key, url) if url else ""  # an empty one means no proxy, as in requests
        for key, url in proxies.items()
        if str(key).partition(":")[0] in ("https", "all")
    }


def logins_of(proxies: Mapping[str, str]) -> frozenset[str]:
    """Return the logins and passwords in proxy addresses, encoded and decoded: they must not be shown."""
    logins = [url.partition("://")[2].rpartition("@")[0] for url in proxies.values()]
    hidden = [part for login in logins for part in (login, login.partition(":")[2])]
    return frozenset({*hidden, *map(unquote, hidden)} - {""})


def _proxy(key: str, url: Any) -> str:
    """Return a proxy's address with its scheme."""
    of = f"The proxy for {visible(str(key))}"
    login = "in user and password, write / ? # @ as %2F %3F %23 %40"
    fix = f"write it, or HTTPS_PROXY, as http://user:password@proxy.example:3128; {login}."
    if not isinstance(url, str):
        raise InvalidProxy(f"{of} is {type(url).__name__}, not text.", fix=fix)
    address = url.strip() if "://" in url else f"http://{url.strip()}"
    try:
        parts = parse_url(address)
    except (HTTPError, ValueError):
        raise InvalidProxy(f"{of} is not a valid address.", fix=fix) from None
    if parts.scheme not in _PROXY_SCHEMES:
        raise InvalidProxy(f"{of} does not use http, https or socks.", fix=fix)
    spaced = any(map(str.isspace, address))  # old versions of urllib3 accept a host with a space
    if spaced or not parts.host or parts.path not in (None, "", "/") or parts.query or parts.fragment:
        raise InvalidProxy(f"{of} is not a scheme, a login, a host and a port.", fix=fix)
    if parts.scheme.startswith("socks") and importlib.util.find_spec("socks") is None:
        raise InvalidProxy(f"{of} uses SOCKS, which needs the package PySocks.", fix="install it: pip install PySocks")
    return address


def _seconds(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= TIMEOUT_MAX_S:
        return float(value)
    limits = f"more than 0 and at most {TIMEOUT_MAX_S:.0f} seconds, or a pair of such numbers"
    raise InvalidCall(f"A timeout is {limits}, not {visible(repr(value))[:50]}.")


def _unusable(name: str, why: str) -> InvalidCall:
    return InvalidCall(f"The option {name} cannot be used: {why}.")


def _headers(value: Any, _: Options) -> Mapping[str, str | bytes]:
    if not isinstance(value, Mapping):
        raise _unusable("headers", "it is not a mapping")
    return {name: content for name, content in value.items() if content is not None}


def _verify(value: Any, _: Options) -> bool | str:
    if not isinstance(value, bool | str) or value == "":
        raise _unusable("verify", "it is neither true nor false nor a path")
    return value


def _cert(value: Any, _: Options) -> str | tuple[str, str]:
    if isinstance(value, tuple | list) and len(value) == _PAIR and all(isinstance(part, str) for part in value):
        return value[0], value[1]
    if not isinstance(value, str) or value == "":
        raise _unusable("cert", "it is neither a path nor a pair of paths")
    return value


def _cookies(value: Any, _: Options) -> Mapping[str, str] | CookieJar:
    if not isinstance(value, Mapping | CookieJar):
        raise _unusable("cookies", "it is neither a mapping nor a CookieJar")
    return value


def _hooks(value: Any, _: Options) -> tuple[Hook, ...]:
    if not isinstance(value, Mapping) or not value.keys() <= {"response"}:
        raise _unusable("hooks", "the only event is `response`")
    found = value.get("response") or ()
    hooks = (found,) if callable(found) else tuple(found)
    if not all(map(callable, hooks)):
        raise _unusable("hooks", "one of them cannot be called")
    return hooks


_CHECKS: Mapping[str, Callable[[Any, Options], Any]] = {
    "timeout": lambda value, options: checked_timeout(value, default=options.timeout),
    "headers": _headers,
    "verify": _verify,
    "cert": _cert,
    "proxies": lambda value, _: value,
    "stream": lambda value, _: bool(value),
    "cookies": _cookies,
    "hooks": _hooks,
}
assert _CHECKS.keys() | {"redirects"} == {one.name for one in fields(Options)}, "This is a bug in acrsync."
