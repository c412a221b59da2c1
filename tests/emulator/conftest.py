"""A running emulator, back at its start for every test."""

from collections.abc import Iterator

import pytest

from acrsync.emulator import Running, serve
from emulator.api import Api


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    with serve() as started:
        yield started


@pytest.fixture(autouse=True)
def requests_and_answers_fit_the_description(_complaints: list[str], running: Running) -> Iterator[None]:
    """Hold answers to the API's description, as in every test, unless the emulator answers otherwise on purpose."""
    _complaints.clear()
    yield
    assert _complaints == [] or not running._emulator.answers_as_described()


@pytest.fixture
def api(running: Running) -> Iterator[Api]:
    client = Api(running)
    client.reset()
    yield client
    client.session.close()
