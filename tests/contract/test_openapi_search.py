"""A search for answers of the emulator that the description of the API does not have, call sequences included."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from acrsync.emulator import serve
from conformance import ROOT

COMMAND = Path(sys.executable).with_name("schemathesis")
DESCRIPTION = ROOT / "docs" / "acrcloud-openapi.yaml"
SETTINGS = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["documented", "strict", "lenient"])
def test_the_search_finds_nothing_under(profile, tmp_path):
    if not COMMAND.exists():
        pytest.skip("schemathesis is not installed")
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    environment = {key: value for key, value in os.environ.items() if key.upper() not in proxies}
    with serve(profile=profile) as emulator:
        headers = ["-H", f"Authorization: Bearer {emulator.token}", "-H", "Accept: application/json"]
        found = subprocess.run(
            [COMMAND, "--config-file", SETTINGS, "run", DESCRIPTION, "--url", emulator.url, *headers],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]
