"""Which account is meant: the endpoint, the token and the way there, from flags and the environment."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import acrsync
from acrsync.cli import environment, output
from acrsync.cli.options import Common
from acrsync.diagnostics import AccessDenied, AcrsyncError
from acrsync.extras import installing

DEFAULT_ENDPOINT = "https://api-v2.acrcloud.com"
EMULATOR = "emulator:"
VENDOR_DOMAINS = ("acrcloud.com", "acrcloud.cn")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token, and the endpoint that its source names."""

    token: str
    source: str
    base_url: str | None = None

    def __repr__(self) -> str:
        return f"Credentials(source={self.source!r})"


@contextmanager
def opened(
    common: Common,
    *,
    read_only: bool,
    cancel: threading.Event | None = None,
    retries: bool = True,
    token: str | None = None,
) -> Iterator[acrsync.Account]:
    """Yield the account; with `read_only` its transport can send nothing but GET.

    Without `retries` each request is sent once. `token` is sent instead of the one that flags and environment name.
    Raises: AcrsyncError if the address or the token cannot be used; if the API refuses the token, it says which one.
    """
    ca_bundle = _ca_bundle()
    if ca_bundle is None:
        _trust_the_system()  # before the client and its libraries are imported
    endpoint, source = common.endpoint or "", ""
    proxies: Mapping[str, str] = {}
    if not endpoint.startswith(EMULATOR):
        credentials = Credentials(token, "this program") if token else _credentials(common)
        endpoint, token, source = _endpoint(common.endpoint, credentials), credentials.token, credentials.source
        proxies = _proxies(endpoint)
    connection = acrsync.connect(
        endpoint,
        token,
        read_only=read_only,
        timeout_s=common.timeout_s,
        proxies=proxies,
        ca_bundle=ca_bundle,
        cancel=cancel,
        debug=output.say if common.debug else None,
        retries=retries,
    )
    with connection as account:
        try:
            yield account
        except AccessDenied as error:
            detail = f"The API does not accept the token from {source}: {error.diagnostic.detail}"
            raise AccessDenied("E403", detail, fix=error.diagnostic.fix, status=error.status) from error


def source_of_token(common: Common) -> str:
    """Return where the token comes from, for people."""
    return "emulator" if (common.endpoint or "").startswith(EMULATOR) else _credentials(common).source


def _endpoint(named: str | None, credentials: Credentials) -> str:
    """Return where the token goes: a host that was named for this run, or one of the vendor's, or this machine."""
    from acrsync.client.address import checked_base_url

    if named is not None:
        return checked_base_url(named)
    if credentials.base_url is None:
        return DEFAULT_ENDPOINT
    url = checked_base_url(credentials.base_url)
    if not is_vendors(url) and not is_this_machine(url):
        raise AcrsyncError(
            "E012",
            f"{credentials.source} names {url} as base_url, which is neither ACRCloud's nor this machine.",
            fix=f"name it for this run, if you mean it: --endpoint {url}",
        )
    return url


def is_vendors(url: str) -> bool:
    """Tell whether an address is one of ACRCloud's."""
    host = urlsplit(url).hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in VENDOR_DOMAINS)


def is_this_machine(url: str) -> bool:
    """Tell whether an address can only be this machine."""
    from acrsync.client.address import is_loopback

    return is_loopback(urlsplit(url).hostname or "")


def _credentials(common: Common) -> Credentials:
    """Return the token: the manifest's variable, `--token-file`, the environment, or the official tool's login."""
    token_file = common.token_file
    if common.token_env is not None:
        named = (os.environ.get(common.token_env) or "").strip()
        if not named:
            detail = f"The manifest names {common.token_env} for it, which is not set, or empty."
            raise AcrsyncError("E013", detail, fix=f"put the token of that account into {common.token_env}.")
        return Credentials(named, common.token_env)
    if token_file is not None:
        return Credentials(_read(token_file).strip(), f"--token-file {token_file}")
    for name in ("ACRSYNC_TOKEN", "ACRCLOUD_ACCESS_TOKEN"):
        if (token := os.environ.get(name)) is not None:
            if not token.strip():
                # A pipeline whose secret is missing must not go on with somebody's login.
                raise AcrsyncError("E013", f"{name} is set, but empty.", fix=f"give {name} a token, or unset it.")
            return Credentials(token.strip(), name)
    if (config := _official_login()) is not None:
        return _from_official_login(config)
    raise AcrsyncError(
        "E013",
        "Neither --token-file, ACRSYNC_TOKEN, ACRCLOUD_ACCESS_TOKEN nor ~/.acrcloud/config.json has one.",
        fix="create a personal access token in the ACRCloud console (Account, Developer Settings) and put it into the "
        "environment variable ACRSYNC_TOKEN; or try acrsync without an account: --endpoint emulator:",
    )


def _official_login() -> Path | None:
    """Return the file of the official command line's login; None if there is none, or no home to look in."""
    try:
        config = Path.home() / ".acrcloud" / "config.json"
        return config if config.exists() else None
    except (OSError, RuntimeError):  # a home that may not be read, or a user without an entry and without HOME
        return None


def _from_official_login(config: Path) -> Credentials:
    try:
        values = json.loads(_read(config))
    except ValueError as error:
        raise AcrsyncError("E014", f"{config} is not JSON.", fix="run `acrcloud login`.") from error
    token = values.get("access_token") if isinstance(values, dict) else None
    if not isinstance(token, str) or not token.strip():
        raise AcrsyncError(
            "E013", f"{config} holds no access_token.", fix="set the environment variable ACRSYNC_TOKEN."
        )
    base_url = values.get("base_url")
    return Credentials(token.strip(), str(config), base_url if isinstance(base_url, str) and base_url else None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise AcrsyncError(
            "E015", f"{path}: {reason}.", fix="name a file that holds the token and nothing else."
        ) from error


def _proxies(url: str) -> Mapping[str, str]:
    """Return the proxy for https from HTTPS_PROXY, unless NO_PROXY names the host; nothing else is ever used."""
    proxy = environment("HTTPS_PROXY") or environment("https_proxy")
    if proxy is None:
        return {}
    from urllib.request import proxy_bypass

    host = urlsplit(url).netloc.rpartition("@")[2]
    if proxy_bypass(host):
        return {}
    return {"https": proxy}


def _ca_bundle() -> str | None:
    """Return the file or folder of certificates to trust, None for the usual ones."""
    bundle = environment("REQUESTS_CA_BUNDLE") or environment("SSL_CERT_FILE")
    if bundle is None:
        return None
    import ssl

    kind = "capath" if Path(bundle).is_dir() else "cafile"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**{kind: bundle})
    except OSError as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise AcrsyncError(
            "E016",
            f"REQUESTS_CA_BUNDLE or SSL_CERT_FILE names {bundle}: {reason}.",
            fix="correct it, or unset it to use the usual certificates.",
        ) from error
    return bundle


def _trust_the_system() -> None:
    """Trust the authorities of the operating system, if ACRSYNC_TRUSTSTORE asks for that."""
    import click

    try:
        if not click.BOOL.convert(environment("ACRSYNC_TRUSTSTORE") or "0", None, None):
            return
    except click.BadParameter as error:
        raise click.BadParameter(error.message, param_hint="ACRSYNC_TRUSTSTORE") from error
    try:
        import truststore
    except ImportError as error:
        raise AcrsyncError(
            "E018",
            "ACRSYNC_TRUSTSTORE is set, and it needs that package to read the system's certificates.",
            fix=f"install it: {installing('truststore')}",
        ) from error
    truststore.inject_into_ssl()
