"""The client and the account against the emulator: documented answers, its profiles and its faults."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from acrsync.acrcloud import Account
from acrsync.client import Client
from acrsync.diagnostics import AccessDenied, NoAnswer, RemoteError, UnknownOutcome
from acrsync.emulator import Running, serve
from acrsync.model import Reference
from hostile import error_of

ATTRS: Mapping[str, Any] = {
    "name": "music",
    "region": "eu-west-1",
    "type": "File",
    "net_type": 1,
    "labels": ["Commercial", "Music"],
    "metadata_template": {"artist": {"default": "abc"}, "album": {"type": "select", "default": "1", "options": ["1"]}},
}


@pytest.fixture(params=["documented", "strict", "lenient"])
def emulator(request: pytest.FixtureRequest) -> Iterator[Running]:
    with serve(profile=request.param) as running:
        yield running


@pytest.fixture
def client(emulator: Running) -> Iterator[Client]:
    with Client(emulator.token, emulator.url, Client.Config(retries=3, backoff_factor=0.01), timeout_s=2) as client:
        yield client


@pytest.fixture
def account(client: Client) -> Account:
    return Account(client)


def control(emulator: Running, method: str, path: str, body: Any = None) -> Any:
    answer = requests.request(method, f"{emulator.url}/_emulator/{path}", json=body, timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.json()


def faults(emulator: Running, *lines: dict[str, Any]) -> None:
    control(emulator, "DELETE", "requests")
    control(emulator, "PUT", "faults", {"faults": lines})


def asked(emulator: Running) -> list[str]:
    return [f"{entry['method']} {entry['path']}" for entry in control(emulator, "GET", "requests")["requests"]]


def test_the_documented_rows_are_observed(account: Account) -> None:
    rows = account.observe().rows
    assert {live.id for live in rows} >= {14791, 14556, 12310, 12309, 1159, 1116}
    by_id = {live.id: live for live in rows}
    assert by_id[14556].attrs["labels"] == []
    assert by_id[1159].attrs["region"] == "global"
    assert by_id[1159].facts["num"] == 7


def test_a_bucket_is_created_changed_and_deleted(account: Account) -> None:
    created = account.create(ATTRS, marks=("acrsync:radio",))
    live = account.read(created.id)
    assert live is not None
    assert live.attrs == ATTRS
    assert live.marks == ("acrsync:radio",)
    account.update(live.id, {"name": "songs", "labels": [], "metadata_template": None})
    live = account.read(live.id)
    assert live is not None
    assert live.attrs == {**ATTRS, "name": "songs", "labels": [], "metadata_template": None}
    assert live.marks == ()
    account.delete(live.id)
    assert live.id not in {row.id for row in account.observe().rows}


def test_deleting_twice_succeeds_if_missing_is_404() -> None:
    with serve() as emulator, Client(emulator.token, emulator.url) as client:
        account = Account(client)
        created = account.create(ATTRS)
        account.delete(created.id)
        account.delete(created.id)
        assert account.read(created.id) is None


def test_contents_and_references_are_found(emulator: Running, account: Account) -> None:
    control(emulator, "POST", "buckets/1159/content", {"files": 3})
    control(emulator, "POST", "buckets/14791/content", {"channels": 2})
    for number, name in enumerate(("base-projects", "bm-cs-projects", "bm-bd-projects", "fs-containers"), 1):
        control(emulator, "POST", f"references/{name}", {"id": number, "name": f"user-{number}", "buckets": [1159, 23]})
    control(emulator, "POST", "references/fs-containers", {"id": 9, "name": "by-name", "buckets": ["test"]})
    touched = [live for live in account.observe().rows if live.id in (1159, 14791, 1116)]
    found = account.evidence(touched, references=True)
    assert found.contents == {1159: 3, 14791: 2, 1116: 0}
    assert {str(reference) for reference in found.references[1159]} == {
        "base-project user-1 (id 1)", "bm-cs-project user-2 (id 2)",
        "bm-bd-project user-3 (id 3)", "fs-container user-4 (id 4)",
    }  # fmt: skip
    assert found.references[14791] == (Reference("fs-container", 9, "by-name"),)
    assert 1116 not in found.references
    assert found.unreadable == ()


def test_a_token_without_the_scope_leaves_references_unknown() -> None:
    with serve() as emulator:
        scopes = {"token": "poor-token", "scopes": ["read-buckets"]}
        control(emulator, "POST", "reset", {"accounts": [scopes]})
        with Client("poor-token", emulator.url, read_only=True) as client:
            account = Account(client)
            found = account.evidence(account.observe().rows[:1], references=True)
            assert set(found.unreadable) == {"base-projects", "bm-cs-projects", "bm-bd-projects", "fs-containers"}


@pytest.mark.parametrize("changes", [("shift_create",), ("shift_delete",), ("shift_create", "shift_delete")])
@pytest.mark.parametrize("cap", [0, 50])
def test_no_bucket_is_missed_while_the_list_shifts(changes: tuple[str, ...], cap: int) -> None:
    """Others create and delete during the first walks; what was there throughout is all there in the one accepted."""
    with serve() as emulator, Client(emulator.token, emulator.url) as client:
        control(emulator, "POST", "reset", {"rows": "empty", "seed": {"buckets": 330}})
        control(emulator, "PUT", "profile", {"per_page_cap": cap})
        lines = [
            {"kind": kind, "method": ["GET"], "path": "/api/buckets", "nth": nth}
            for nth, kind in zip((2, 3, 4, 9, 10), changes * 5, strict=False)
        ]
        faults(emulator, *lines)
        rows = Account(client).observe().rows
        assert [live.id for live in rows if live.id <= 20_330] == list(range(20_330, 20_000, -1))


@pytest.mark.parametrize("kind", ["reset_after", "error_after", "hang_after", "cut_body"])
def test_a_create_whose_answer_is_lost_exists_once_and_is_unknown(kind: str) -> None:
    with serve() as emulator:
        faults(emulator, {"kind": kind, "method": ["POST"], "path": "/api/buckets"})
        with Client(emulator.token, emulator.url, Client.Config(backoff_factor=0), timeout_s=0.5) as client:
            account = Account(client)
            error_of(UnknownOutcome, account.create, ATTRS)
            assert [live.name for live in account.observe().rows].count("music") == 1
        assert asked(emulator).count("POST /api/buckets") == 1


@pytest.mark.parametrize(
    "kind", ["reset_before", "reset_after", "error_before", "error_after", "hang_after", "cut_body"]
)
def test_a_write_that_is_safe_to_retry_succeeds(kind: str) -> None:
    config = Client.Config(backoff_factor=0)
    with serve() as emulator, Client(emulator.token, emulator.url, config, timeout_s=0.5) as client:
        account = Account(client)
        created = account.create(ATTRS)
        faults(emulator, *({"kind": kind, "method": [method], "nth": 1} for method in ("PUT", "DELETE")))
        assert account.update(created.id, {"name": "songs"}).name == "songs"
        account.delete(created.id)
        assert account.read(created.id) is None


def test_a_throttled_account_is_read_in_the_end() -> None:
    with serve() as emulator, Client(emulator.token, emulator.url) as client:
        control(emulator, "POST", "reset", {"rows": "empty", "seed": {"buckets": 500}})
        faults(emulator, {"kind": "throttle", "path": "/api/buckets", "nth": 3, "retry_after": 1})
        begun = time.monotonic()
        assert len(Account(client).observe().rows) == 500
        assert 1.0 <= time.monotonic() - begun < 2.0


def test_a_token_that_expires_during_a_run_ends_it() -> None:
    with serve() as emulator, Client(emulator.token, emulator.url) as client:
        control(emulator, "POST", "reset", {"rows": "empty", "seed": {"buckets": 500}})
        faults(emulator, {"kind": "expire_token", "path": "/api/buckets", "nth": 3})
        error = error_of(AccessDenied, Account(client).observe)
    assert "Authentication Exception" in error.diagnostic.detail
    assert emulator.token not in str(error)


def test_a_wrong_token_is_one_clear_message(emulator: Running) -> None:
    with Client("wrong", emulator.url) as client:
        error = error_of(RemoteError, Account(client).observe)
    assert error.diagnostic.code in {"E403", "E407"}


def test_a_slow_answer_is_abandoned() -> None:
    with serve() as emulator:
        faults(emulator, {"kind": "drip_body", "path": "/api/buckets", "seconds": 5})
        with Client(emulator.token, emulator.url, Client.Config(retries=0), timeout_s=0.5) as client:
            begun = time.monotonic()
            error_of(NoAnswer, Account(client).observe)
            assert time.monotonic() - begun < 1.0
