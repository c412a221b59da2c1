"""Access to an account: endpoint, token, proxy and certificates, from flags and the environment."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import acrsync
from acrsync.cli import environment, output
from acrsync.cli.options import Common
from acrsync.diagnostics import AccessDenied, AcrsyncError
from acrsync.extras import installing
from acrsync.frozen import frozen

DEFAULT_ENDPOINT = "https://api-v2.acrcloud.com"
EMULATOR = "emulator:"
VENDOR_DOMAINS = ("acrcloud.com", "acrcloud.cn")


@frozen
class Credentials:
    """A token, and the endpoint that its source sets."""

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
    """Yield the account; with `read_only` its transport can only send GET requests.

    Without `retries`, each request is sent once. `token` replaces the token of the flags and the environment.
    Raises: AcrsyncError if the address or the token is unusable; if the API refuses the token, with its source.
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
    """Return the source of the token, for people."""
    return "emulator" if (common.endpoint or "").startswith(EMULATOR) else _credentials(common).source


def _endpoint(given: str | None, credentials: Credentials) -> str:
    """Return the endpoint: the given one, or that of the credentials if it is ACRCloud's or this machine."""
    from acrsync.client.address import checked_base_url

    if given is not None:
        return checked_base_url(given)
    if credentials.base_url is None:
        return DEFAULT_ENDPOINT
    url = checked_base_url(credentials.base_url)
    if not is_vendors(url) and not is_this_machine(url):
        raise AcrsyncError(
            "E012",
            f"{credentials.source} sets base_url to {url}, which is neither ACRCloud's nor this machine.",
            fix=f"if this is intended, set it for this run: --endpoint {url}",
        )
    return url


def is_vendors(url: str) -> bool:
    """Return whether an address belongs to ACRCloud."""
    host = urlsplit(url).hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in VENDOR_DOMAINS)


def is_this_machine(url: str) -> bool:
    """Return whether an address can only be this machine."""
    from acrsync.client.address import is_loopback

    return is_loopback(urlsplit(url).hostname or "")


def _credentials(common: Common) -> Credentials:
    """Return the token: the manifest's variable, `--token-file`, the environment, or the official tool's login."""
    token_file = common.token_file
    if common.token_env is not None:
        value = (os.environ.get(common.token_env) or "").strip()
        if not value:
            detail = f"The manifest sets `token_env: {common.token_env}`, but this variable is not set, or empty."
            raise AcrsyncError("E013", detail, fix=f"set {common.token_env} to the token of that account.")
        return Credentials(value, common.token_env)
    if token_file is not None:
        return Credentials(_read(token_file).strip(), f"--token-file {token_file}")
    for name in ("ACRSYNC_TOKEN", "ACRCLOUD_ACCESS_TOKEN"):
        if (token := os.environ.get(name)) is not None:
            if not token.strip():
                # A pipeline whose secret is missing must not continue with someone's login.
                raise AcrsyncError("E013", f"{name} is set, but empty.", fix=f"set {name} to a token, or unset it.")
            return Credentials(token.strip(), name)
    if (config := _official_login()) is not None:
        return _from_official_login(config)
    raise AcrsyncError(
        "E013",
        "Neither --token-file, ACRSYNC_TOKEN, ACRCLOUD_ACCESS_TOKEN nor ~/.acrcloud/config.json has a token.",
        fix="create a personal access token in the ACRCloud console (Account, Developer Settings) and set the "
        "environment variable ACRSYNC_TOKEN to it; or try acrsync without an account: --endpoint emulator:",
    )


def _official_login() -> Path | None:
    """Return the login file of the official command line; None if there is none, or no home folder."""
    try:
        config = Path.home() / ".acrcloud" / "config.json"
        return config if config.exists() else None
    except (OSError, RuntimeError):  # an unreadable home folder, or a user without a passwd entry and HOME
        return None


def _from_official_login(config: Path) -> Credentials:
    try:
        values = json.loads(_read(config))
    except ValueError as error:
        raise AcrsyncError("E014", f"{config} is not JSON.", fix="run `acrcloud login`.") from error
    token = values.get("access_token") if isinstance(values, dict) else None
    if not isinstance(token, str) or not token.strip():
        raise AcrsyncError("E013", f"{config} has no access_token.", fix="set the environment variable ACRSYNC_TOKEN.")
    base_url = values.get("base_url")
    return Credentials(token.strip(), str(config), base_url if isinstance(base_url, str) and base_url else None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise AcrsyncError("E015", f"{path}: {reason}.", fix="name a file that contains only the token.") from error


def _proxies(url: str) -> Mapping[str, str]:
    """Return the proxy for https from HTTPS_PROXY, unless NO_PROXY lists the host. No other proxy is used."""
    proxy = environment("HTTPS_PROXY") or environment("https_proxy")
    if proxy is None:
        return {}
    from urllib.request import proxy_bypass

    host = urlsplit(url).netloc.rpartition("@")[2]
    return {} if proxy_bypass(host) else {"https": proxy}


def _ca_bundle() -> str | None:
    """Return the file or folder of certificates to trust, None for the default ones."""
    bundle = environment("REQUESTS_CA_BUNDLE") or environment("SSL_CERT_FILE")
    if bundle is None:
        return None
    import ssl

    kind = "capath" if Path(bundle).is_dir() else "cafile"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**{kind: bundle})
    except OSError as error:
        reason = "it contains no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise AcrsyncError(
            "E016",
            f"REQUESTS_CA_BUNDLE or SSL_CERT_FILE is {bundle}: {reason}.",
            fix="correct it, or unset it to use the default certificates.",
        ) from error
    return bundle


def _trust_the_system() -> None:
    """Trust the certificate authorities of the operating system, if ACRSYNC_TRUSTSTORE is set."""
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
            "ACRSYNC_TRUSTSTORE is set, but the package that reads the system's certificates is not installed.",
            fix=f"install it: {installing('truststore')}",
        ) from error
    truststore.inject_into_ssl()
