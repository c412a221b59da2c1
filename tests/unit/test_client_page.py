"""Every example of the client's page runs, against the emulator or what it puts in the place of the network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from acrsync.client import Client
from acrsync.client.options import _CHECKS
from acrsync.emulator import serve

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PRINTED = {
    0: r"(\d+ \S+\n)+",
    1: r'\{"artist": \{"default": "unknown"\}\}\n',
    2: r"\d+\n",
    3: r"404 GET /api/buckets/999999 E405\n",
    4: r"232\nBearer bearer-token\n",
    5: r"7\n",
}


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_example_runs(number: int) -> None:
    with serve() as emulator:
        environment = {"ACRSYNC_TOKEN": emulator.token, "ACRSYNC_ENDPOINT": emulator.url, "PATH": os.defpath}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", EXAMPLES[number]], env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    assert done.stderr == ""
    assert re.fullmatch(PRINTED[number], done.stdout)


def test_every_public_call_and_every_option_is_on_the_page() -> None:
    names = {name for name in vars(Client) if not name.startswith("_")} | set(_CHECKS)
    assert {name for name in names - {"close"} if not re.search(rf"[`.(]{name}\b", PAGE)} == set()
