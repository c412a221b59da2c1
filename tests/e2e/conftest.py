"""A folder to start the command in, bare or pointed at a running emulator that is back at its start."""

from pathlib import Path

import pytest

from e2e.commandline import Place
from emulator.api import Api
from emulator.conftest import api, running

__all__ = ["api", "bare", "place", "running"]


@pytest.fixture
def bare(tmp_path: Path) -> Place:
    """A folder without endpoint and token."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Place(folder)


@pytest.fixture
def place(bare: Place, api: Api) -> Place:
    """A folder whose environment names the emulator that `api` uses."""
    bare.environment |= {"ACRSYNC_ENDPOINT": api.url, "ACRSYNC_TOKEN": api.token}
    bare.secrets.add(api.token)
    return bare
