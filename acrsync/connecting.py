"""Connects to an account: the one at an address, or an emulator that it starts."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from acrsync.acrcloud import Account
from acrsync.client import Client
from acrsync.diagnostics import AcrsyncError
from acrsync.extras import as_owner, installing, make_private
from acrsync.remote import Guard

if TYPE_CHECKING:
    from acrsync.emulator import Running

EMULATOR = "emulator:"
STATE = Path(".acrsync")
COPY_S = 60.0


@contextmanager
def connect(  # noqa: PLR0913 - all but two are options of the client
    endpoint: str,
    token: str | None = None,
    *,
    read_only: bool = True,
    timeout_s: float = 60.0,
    proxies: Mapping[str, str] | None = None,
    ca_bundle: str | None = None,
    cancel: threading.Event | None = None,
    debug: Callable[[str], None] | None = None,
    retries: bool = True,
) -> Iterator[Account]:
    """Yield the account at an address. Connecting sends nothing.

    `emulator:PATH` starts the emulator for the `with` block and keeps its buckets in that file; `emulator:` keeps them
    in `.acrsync/emulator.db`. With `read_only`, only GET can be sent. Without `retries`, each request is sent once.
    Reads no environment variable. The other options are those of `acrsync.client.Client`.
    Raises: AcrsyncError if the address or the token cannot be used.
    """
    with ExitStack() as stack:
        url = endpoint
        if endpoint.startswith(EMULATOR):
            running = stack.enter_context(_emulator_at(endpoint, read_only=read_only))
            url, token, proxies = running.url, running.token, {}
        last_look = Guard()
        client = Client(
            token or "",
            url,
            Client.Config() if retries else Client.Config(retries=False),
            read_only=read_only,
            timeout_s=timeout_s,
            proxies=proxies,
            ca_bundle=ca_bundle,
            cancel=cancel,
            debug=debug,
            last_look=last_look,
        )
        stack.enter_context(client)
        yield Account(client, "" if url == endpoint else endpoint, last_look)


@contextmanager
def _emulator_at(endpoint: str, *, read_only: bool) -> Iterator[Running]:
    state = endpoint.removeprefix(EMULATOR)
    if not state and not read_only:
        private_folder(STATE)
    with emulated(state=state or str(STATE / "emulator.db")) as running:
        yield running


@contextmanager
def emulated(**options: Any) -> Iterator[Running]:
    """Run the emulator, an extra. Raises: AcrsyncError if it is not installed or cannot start."""
    try:
        from acrsync.emulator import serve
    except ImportError as e:
        raise AcrsyncError(
            "E010", f"It needs the package {e.name}.", fix=f"install it: {installing('werkzeug')}"
        ) from e
    with ExitStack() as stack:
        try:
            running = stack.enter_context(serve(**options))
        except (ValueError, OSError) as e:
            raise AcrsyncError("E017", f"{e}.", fix="correct the file, folder or port that this names.") from e
        yield running


def fill(running: Running, copy: Mapping[str, Any]) -> None:
    """Replace the buckets of an emulator by a copy of an account. Raises: AcrsyncError if it refuses the copy."""
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=COPY_S)
    try:
        connection.request("POST", "/_emulator/reset", json.dumps({"copy": copy}))
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise AcrsyncError("E017", f"It refuses the copy: {text}.", fix="report this: it is a bug in acrsync.")


def private_folder(path: Path) -> None:
    """Create `.acrsync/`, which git ignores, or a folder in it. Raises: AcrsyncError if that is not possible."""
    try:
        make_private(path)
    except OSError as e:
        raise AcrsyncError(
            "E011", f"{path}: {e.strerror}.", fix=f"work in a folder that you can write to{as_owner(path)}."
        ) from e
