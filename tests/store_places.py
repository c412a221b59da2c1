"""Fresh places for run stores, each on a real server on this machine, and what opens them as another machine would."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from acrsync.runs.git import GitStore
from acrsync.runs.objects import ObjectStore
from acrsync.runs.store import Store
from memory_store import MemoryStore
from store_servers import azurite, git_backend, google_double, listening, moto

Open = Callable[[], Store]  # another handle on the same place, as another machine has
KEY = "acrcloud.com/19"
REF = f"refs/acrsync/{KEY}"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with azurite(tmp_path_factory.mktemp("azurite")) as url:
        yield url


@pytest.fixture(scope="session")
def google_server() -> Iterator[str]:
    with listening(google_double()) as url:
        yield url


def in_memory(_request: pytest.FixtureRequest) -> Open:
    store = MemoryStore()
    return lambda: store


def in_a_git_folder(request: pytest.FixtureRequest) -> Open:
    folder: Path = request.getfixturevalue("tmp_path")
    bare(folder / "remote.git")
    return lambda: GitStore(str(folder / "remote.git"), REF, project=folder, environment=os.environ)


def in_git_over_http(request: pytest.FixtureRequest) -> Open:
    return git_at(git_server(request), request)


def git_server(request: pytest.FixtureRequest) -> str:
    """Return the address of a new, empty repository."""
    folder: Path = request.getfixturevalue("tmp_path")
    bare(folder / "remote.git")
    server = listening(git_backend(folder))
    request.addfinalizer(lambda: server.__exit__(None, None, None))
    return server.__enter__()


def git_at(server: str, request: pytest.FixtureRequest) -> Open:
    folder: Path = request.getfixturevalue("tmp_path")
    return lambda: GitStore(f"{server}/remote.git", REF, project=folder, environment=os.environ, timeout_s=10)


def in_s3(request: pytest.FixtureRequest) -> Open:
    return objects("s3", request.getfixturevalue("s3_server"), request)


def in_azure(request: pytest.FixtureRequest) -> Open:
    return objects("az", request.getfixturevalue("azure_server"), request)


def in_google(request: pytest.FixtureRequest) -> Open:
    return objects("gs", request.getfixturevalue("google_server"), request)


PLACES = [
    pytest.param(in_memory, id="memory"),
    pytest.param(in_a_git_folder, id="git-folder"),
    pytest.param(in_git_over_http, id="git-http"),
    pytest.param(in_s3, id="s3"),
    pytest.param(in_google, id="gs-double"),
    pytest.param(in_azure, id="az", marks=pytest.mark.slow),  # Azurite is installed by npm
]


def objects(scheme: str, server: str, request: pytest.FixtureRequest) -> Open:
    """Return a function that opens an unused folder in the bucket `runs` of a server."""
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in credentials(scheme, server, request.getfixturevalue("tmp_path")).items():
        monkeypatch.setenv(name, value)
    url = f"{scheme}://runs/{uuid4().hex}"
    return lambda: ObjectStore(url, KEY)


def credentials(scheme: str, server: str, folder: Path) -> dict[str, str]:
    """Return the environment in which obstore finds a server of ours."""
    match scheme:
        case "s3":
            keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
            return {"AWS_ENDPOINT_URL": server, **keys}
        case "az":
            return {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": server}
        case _:
            account = {"gcs_base_url": server, "disable_oauth": True, "client_email": ""}
            file = folder / "google.json"
            file.write_text(json.dumps(account | {"private_key": "", "private_key_id": ""}))
            return {"GOOGLE_SERVICE_ACCOUNT": str(file)}


def bare(path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)


@dataclass(frozen=True)
class Far:
    """A place that `store_proxy.Between` can stand before: its server, what a swap is there, and what opens it."""

    server: Callable[[pytest.FixtureRequest], str]
    is_swap: Callable[[str, str], bool]
    opened: Callable[[str, pytest.FixtureRequest], Open]


def fixture(name: str) -> Callable[[pytest.FixtureRequest], str]:
    return lambda request: str(request.getfixturevalue(name))


def _put(method: str, path: str) -> bool:
    return method == "PUT" and "account.jsonl" in path.replace("%2E", ".")


def _push(method: str, path: str) -> bool:
    return method == "POST" and path.endswith("/git-receive-pack")


FAR = [
    pytest.param(Far(git_server, _push, git_at), id="git-http"),
    pytest.param(Far(fixture("s3_server"), _put, partial(objects, "s3")), id="s3"),
    pytest.param(Far(fixture("google_server"), _put, partial(objects, "gs")), id="gs-double"),
    pytest.param(Far(fixture("azure_server"), _put, partial(objects, "az")), id="az", marks=pytest.mark.slow),
]
