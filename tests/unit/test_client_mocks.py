"""What people replace the network with in their tests answers every request, up to a whole plan and apply."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock
import responses
from responses import matchers

import acrsync
from acrsync.client import Client
from acrsync.diagnostics import NoAnswer, NotFound, RemoteError, UnknownOutcome
from hostile import TOKEN, error_of, hostile, ok, row

URL = "https://eu-api-v2.acrcloud.com"
AT_ONCE = Client.Config(retries=0)
QUICK = Client.Config(retries=2, backoff_factor=0)
MANIFEST = """\
version: 1
account: {uid: 19}
limits: {deletes: 9}
buckets:
- {name: kept, region: eu-west-1, type: File, labels: [New]}
- {name: fresh, region: eu-west-1, type: File}
removed: [{name: gone}]
"""


class Account:
    """An account in a few lines, as a user's test has it."""

    def __init__(self) -> None:
        self.rows = [row(2, name="kept"), row(1, name="gone")]
        self.asked: list[str] = []

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        number = int(path.rpartition("/")[2]) if re.fullmatch(r"/api/buckets/\d+", path) else None
        found = next((one for one in self.rows if one["id"] == number), {})
        match method, path:
            case "GET", "/api/buckets":
                return 200, {"data": self.rows, "meta": {"total": len(self.rows), "per_page": 100}}
            case "GET", _ if path.endswith("/files"):
                return 200, {"data": [], "meta": {"total": 0}}
            case "POST", "/api/buckets":
                self.rows.insert(0, row(3) | json.loads(body))
                return 201, {"data": self.rows[0]}
            case "GET", _ if found:
                return 200, {"data": found}
            case "PUT", _ if found:
                found.update(json.loads(body))
                return 200, {"data": found}
            case "DELETE", _ if found:
                self.rows.remove(found)
                return 204, None
        return 404, {"error": "Not Found"}


@pytest.fixture(params=["requests-mock", "responses"])
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """An account behind each library, for every address."""
    account = Account()
    if request.param == "requests-mock":

        def reply(asked: Any, context: Any) -> Any:
            context.status_code, answer = account.answer(asked.method, asked.path, asked.body)
            return answer

        with requests_mock.Mocker() as mock:
            mock.register_uri(requests_mock.ANY, requests_mock.ANY, json=reply)
            yield account
    else:

        def call(asked: Any) -> tuple[int, dict[str, str], str]:
            status, answer = account.answer(asked.method, asked.path_url.partition("?")[0], asked.body)
            return status, {}, "" if answer is None else json.dumps(answer)

        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            for method in (mock.GET, mock.POST, mock.PUT, mock.DELETE):
                mock.add_callback(method, re.compile(".*"), callback=call, content_type="application/json")
            yield account


def test_a_whole_plan_and_apply_are_intercepted(account: Account, tmp_path: Path) -> None:
    (tmp_path / "acrsync.yaml").write_text(MANIFEST)
    with acrsync.connect("https://api-v2.acrcloud.com", TOKEN, read_only=False) as connected:
        plan = acrsync.plan(acrsync.load(tmp_path / "acrsync.yaml"), connected)
        assert {change.name for change in plan.work} == {"kept", "fresh", "gone"}
        result = acrsync.apply(plan, connected, runs=str(tmp_path / "runs"), settle_s=0)
        assert result.verified
        assert {one["name"]: one["labels"] for one in account.rows} == {"fresh": ["Music"], "kept": ["New"]}
        assert not acrsync.plan(acrsync.load(tmp_path / "acrsync.yaml"), connected).work
    assert {line.split()[0] for line in account.asked} == {"GET", "POST", "PUT", "DELETE"}


def test_a_read_only_client_writes_to_no_mock_either(account: Account) -> None:
    with Client(TOKEN, read_only=True) as client:
        for write in (lambda: client.create_bucket({}), lambda: client.delete_bucket(1)):
            assert error_of(RemoteError, write).diagnostic.code == "E451"
    assert account.asked == []


def test_a_mock_may_refuse_redirect_and_lose_connections() -> None:
    with requests_mock.Mocker() as mock, Client(TOKEN, config=QUICK) as client:
        mock.get(f"{URL}/api/buckets/1", [{"status_code": 503}, {"status_code": 429}, {"json": {"data": row()}}])
        assert client.get_bucket(1)["id"] == 8881
        mock.get(f"{URL}/api/buckets/2", status_code=404, json={"error": "none"})
        error_of(NotFound, client.get_bucket, 2)
        mock.get(f"{URL}/api/buckets/3", status_code=302, headers={"Location": "https://evil.example/"})
        assert error_of(RemoteError, client.get_bucket, 3).diagnostic.code == "E407"
        mock.get(f"{URL}/api/buckets/4", exc=requests.exceptions.ReadTimeout)
        error_of(NoAnswer, client.get_bucket, 4)
        assert mock.call_count == 3 + 1 + 1 + 3


@pytest.mark.parametrize(
    ("trouble", "sent"), [(requests.exceptions.ConnectTimeout, 3), (requests.ConnectionError, 1), (requests.Timeout, 1)]
)
def test_a_create_that_a_mock_loses_is_sent_again_only_if_there_was_no_connection(
    trouble: type[Exception], sent: int
) -> None:
    with requests_mock.Mocker() as mock, Client(TOKEN, config=QUICK) as client:
        mock.post(f"{URL}/api/buckets", exc=trouble)
        error = error_of(NoAnswer if sent == 3 else UnknownOutcome, client.create_bucket, {"name": "x"})
        assert (mock.call_count, error.may_have_acted) == (sent, sent == 1)


def test_headers_bodies_and_timeouts_can_be_matched_and_inspected() -> None:
    with requests_mock.Mocker() as mock, Client(TOKEN, config=AT_ONCE) as client:
        mock.post(f"{URL}/api/buckets", json={"data": row()}, request_headers={"Authorization": f"Bearer {TOKEN}"})
        client.create_bucket({"name": "ä"})
        assert mock.last_request is not None
        assert (mock.last_request.json(), mock.last_request.timeout) == ({"name": "ä"}, 60)
        assert mock.last_request.headers["Authorization"] == f"Bearer {TOKEN}"
        mock.get(f"{URL}/api/x", json={})
        client.get("/api/x", timeout=(1, 2), verify=False, cookies={"a": "b"})
        assert (mock.last_request.timeout, mock.last_request.verify) == ((1.0, 2.0), False)
        assert mock.last_request.headers["Cookie"] == "a=b"
    with responses.RequestsMock() as fake, Client(TOKEN, config=AT_ONCE) as client:
        match = [
            matchers.json_params_matcher({"name": "x"}),
            matchers.header_matcher({"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}),
        ]
        fake.put(f"{URL}/api/buckets/7", json={"data": row()}, match=match)
        client.update_bucket(7, {"name": "x"})


def test_a_request_that_is_not_mocked_is_reported() -> None:
    begun = time.monotonic()
    with requests_mock.Mocker(), Client(TOKEN) as client, pytest.raises(requests_mock.NoMockAddress):
        client.get_bucket(1)
    with responses.RequestsMock(), Client(TOKEN, config=AT_ONCE) as client, pytest.raises(NoAnswer, match="match any"):
        client.get_bucket(1)
    assert time.monotonic() - begun < 2


def test_real_requests_beside_a_mock_keep_all_promises() -> None:
    with hostile(ok({"data": row()})) as server, requests_mock.Mocker(real_http=True) as mock:
        mock.get(f"{server.url}/api/buckets/1", json={"data": row(1)})
        with Client(TOKEN, server.url, AT_ONCE) as client:
            assert [client.get_bucket(number)["id"] for number in (1, 2)] == [1, 8881]
            client.create_bucket({})
    assert [request.method for request in server.requests] == ["GET", "POST"]
    assert [request.connection for request in server.requests] == [1, 2]
    with hostile(ok({"data": row()})) as server, responses.RequestsMock() as fake:
        fake.add_passthru(server.url)
        with Client(TOKEN, server.url, AT_ONCE) as client:
            assert client.get_bucket(2)["id"] == 8881
    assert len(server.requests) == 1
