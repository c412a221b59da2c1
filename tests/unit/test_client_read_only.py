"""A read-only client cannot write: shown by what reaches the server."""

import pytest
import requests

from acrsync.acrcloud import Account
from acrsync.bucket import decode
from acrsync.client import Client
from acrsync.client.transport import Transport
from acrsync.diagnostics import RemoteError
from hostile import TOKEN, answered, error_of, hostile, listing, ok, row

WRITES = ("POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "get", "GET ")


def test_no_write_of_the_client_or_the_account_reaches_the_server() -> None:
    with hostile(ok({"data": row()})) as server, Client(TOKEN, server.url, read_only=True) as client:
        account = Account(client)
        client.get_bucket(1)
        for write in (
            lambda: client.create_bucket({}),
            lambda: client.update_bucket(1, {}),
            lambda: client.delete_bucket(1),
            lambda: account.create(decode(row()).attrs),
            lambda: account.update(1, {"name": "x"}),
            lambda: account.delete(1),
        ):
            error = error_of(RemoteError, write)
            assert error.diagnostic.code == "E451"
            assert not error.may_have_acted
        assert client.sent == {"GET": 1}
    assert server.methods == ["GET"]


@pytest.mark.parametrize("method", WRITES)
def test_the_transport_refuses_to_write_for_any_session_that_it_is_mounted_on(method: str) -> None:
    with hostile(answered(307, "", Location="/again"), ok(listing())) as server, requests.Session() as session:
        session.mount(server.url, Transport(server.url, read_only=True, count=lambda _: None))
        session.get(server.url, timeout=2)
        request = requests.Request("GET", server.url).prepare()
        request.method = method
        with pytest.raises(RemoteError, match="only reads"):
            session.send(request, timeout=2)
    assert server.methods == ["GET", "GET"]


def test_a_redirect_cannot_turn_a_read_into_a_write() -> None:
    for status in (301, 302, 303, 307, 308):
        with hostile(answered(status, "", Location="/api/buckets/1")) as server:
            with Client(TOKEN, server.url, read_only=True) as client, pytest.raises(RemoteError):
                client.get("/api/x")
            assert server.methods == ["GET"]


def test_everything_that_reads_still_works() -> None:
    with hostile(ok(listing(row()))) as server, Client(TOKEN, server.url, read_only=True) as client:
        account = Account(client)
        (live,) = account.observe().rows
        assert account.contents(live) == 1
        assert account.evidence([live], references=True).unreadable
    assert set(server.methods) == {"GET"}
