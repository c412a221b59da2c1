"""What every test runs under: golden files that can be rewritten, and no connection to anywhere but this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from conformance import (  # noqa: F401 - fixtures for every test
    _complaints,
    records_fit_their_schema,
    requests_and_answers_fit_the_description,
)

# Machines are noisy; time is for benchmarks. What fails a change is the change: the default run tries the same examples
# each time, and `make test-slow` new ones.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True, max_examples=35)
hypothesis.settings.register_profile("new", deadline=None)
hypothesis.settings.load_profile("same")

TESTS = Path(__file__).parent
REPEATING = ("e2e", "gitops", "property", "simulate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what is, instead of comparing with it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage in suites that run the same code many times or in processes: it would double their time."""
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in REPEATING:
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a file; with --update-golden write the file, so that review reads the difference."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        assert path.is_file(), f"{path} is missing: run pytest --update-golden and review it"
        assert text == path.read_bytes().decode()

    return compare


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Fail any connection that would leave this machine; an AssertionError, which no code under test may catch."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, *args: Any) -> Any:
        address = args[-1]  # also of sendto(data, flags, address)
        assert _is_here(self, address), f"a test tried to reach {address!r}: only loopback is allowed"
        return method(self, *args)

    return guarded


def _is_here(connection: socket.socket, address: Any) -> bool:
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = str(address[0])
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
