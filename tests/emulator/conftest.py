"""A running emulator, back at its start for every test."""

from collections.abc import Iterator

import pytest

from acrsync.emulator import Running, serve
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
