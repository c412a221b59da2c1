"""Reads a client's settings from environment variables; only `Client.from_env` and the command line use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from acrsync.client.address import checked_base_url
from acrsync.diagnostics import AcrsyncError

ENDPOINT = "https://api-v2.acrcloud.com"
TOKENS = ("ACRSYNC_TOKEN", "ACRCLOUD_ACCESS_TOKEN")


def arguments_from(environ: Mapping[str, str], *, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a client's arguments: the given ones, and the others from the environment.

    Raises: AcrsyncError if there is no token.
    """
    found = dict(given)
    if "bearer_token" not in found:
        found["bearer_token"] = token_from(environ)
    url = found.setdefault("base_url", environ.get("ACRSYNC_ENDPOINT") or ENDPOINT)
    if "proxies" not in found:
        found["proxies"] = proxies_from(environ, checked_base_url(url))
    found.setdefault("ca_bundle", environ.get("REQUESTS_CA_BUNDLE") or environ.get("SSL_CERT_FILE") or None)
    return found


def token_from(environ: Mapping[str, str]) -> str:
    """Return the token. A variable that is set but empty is an error: it was meant to contain a token."""
    fix = "set the environment variable ACRSYNC_TOKEN to a token: ACRCloud console, Account, Developer Settings."
    for name in TOKENS:
        if name in environ:
            if token := environ[name].strip():
                return token
            raise AcrsyncError("E013", f"The environment variable {name} is empty.", fix=fix)
    raise AcrsyncError("E013", f"Neither of the environment variables {' and '.join(TOKENS)} is set.", fix=fix)


def proxies_from(environ: Mapping[str, str], url: str) -> dict[str, str]:
    """Return the proxy of HTTPS_PROXY for an address, unless NO_PROXY contains its host."""
    lower = {name.lower(): value for name, value in environ.items() if value}
    proxy, no_proxy = lower.get("https_proxy"), lower.get("no_proxy")
    host = urlsplit(url).netloc.rpartition("@")[2]
    if proxy is None or (no_proxy and proxy_bypass_environment(host, {"no": no_proxy})):
        return {}
    return {"https": proxy}
