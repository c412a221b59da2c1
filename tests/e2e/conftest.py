"""A folder to start the command in, bare or pointed at a running emulator that is back at its start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from acrsync.emulator import Running, serve
from e2e.commandline import Place
from emulator.api import Api


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    with serve() as started:
        yield started


@pytest.fixture
def api(running: Running) -> Iterator[Api]:
    client = Api(running)
    client.reset()
    yield client
    client.session.close()


@pytest.fixture
def bare(tmp_path: Path) -> Place:
    """A folder without endpoint and token."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Place(folder)


@pytest.fixture
def place(bare: Place, api: Api) -> Place:
    """A folder whose environment names the emulator that `api` speaks to."""
    bare.environment |= {"ACRSYNC_ENDPOINT": api.url, "ACRSYNC_TOKEN": api.token}
    bare.secrets.add(api.token)
    return bare
