"""A folder with the emulator in its environment, as the tests of the command line have it."""

from __future__ import annotations

from e2e.conftest import api, bare, place, running

__all__ = ["api", "bare", "place", "running"]
