"""Buckets as a run store: credentials, and what is said when something is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from acrsync.diagnostics import AcrsyncError
from acrsync.runs.objects import ObjectStore
from acrsync.runs.store import Store, StoreError, Unanswered
from store_places import KEY, credentials
from store_proxy import between
from store_servers import Quiet, google_double, listening, moto

SECRET = "s3cr3tKey"


@pytest.fixture(scope="module")
def s3_server():
    with moto() as url:
        yield url


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cloud's service for its machines is looked for outside this one."""
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")


def at(scheme: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: str = "runs") -> Store:
    for name, value in credentials(scheme, server, tmp_path).items():
        monkeypatch.setenv(name, value)
    return ObjectStore(f"{scheme}://{bucket}/{tmp_path.name}", KEY, timeout_s=2)


def refused(action: Callable[[], object]) -> StoreError:
    with pytest.raises(StoreError) as caught:
        action()
    assert not isinstance(caught.value, Unanswered)
    return caught.value


def test_a_missing_store_bucket_is_not_an_empty_one(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = at("s3", s3_server, tmp_path, monkeypatch, bucket="missing")

    for action in (store.read, store.record_ids, lambda: store.swap(b"x", expected=None, note="no")):
        error = refused(action).diagnostic
        assert error.code == "E071"
        assert error.fix == "create the bucket missing, or correct its name."


@pytest.mark.parametrize("scheme", ["s3", "gs"])
@pytest.mark.parametrize(("status", "code"), [(403, "E071"), (401, "E071"), (503, "E070"), (429, "E070")])
def test_a_refusal_is_distinguished_from_a_server_error(
    scheme: str, status: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Refusing(Quiet):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            self.body()
            text = f"<Error><Code>AccessDenied</Code><Message>{SECRET} is wrong</Message></Error>"
            self.answer(status, text.encode())

        do_PUT = do_GET  # noqa: N815

    with listening(Refusing) as url:
        store = at(scheme, url, tmp_path, monkeypatch)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        error = refused(store.read)
        assert error.diagnostic.code == code
        assert "(AccessDenied)" in error.diagnostic.detail
        assert SECRET not in str(error)
        with pytest.raises(StoreError) as caught:
            store.swap(b"x", expected='1 "0"', note="no")
        assert isinstance(caught.value, Unanswered) == (code == "E070")
        assert SECRET not in str(caught.value)


def test_without_credentials_the_variables_are_named(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    at("s3", s3_server, tmp_path, monkeypatch)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    error = refused(ObjectStore("s3://runs/x", KEY, timeout_s=2).read).diagnostic
    assert error.code == "E071"
    assert "AWS_ACCESS_KEY_ID" in error.fix


def test_azure_needs_the_name_of_an_account():
    error = refused(lambda: ObjectStore("az://runs/x", KEY)).diagnostic
    assert error.code == "E071"
    assert "AZURE_STORAGE_ACCOUNT_NAME" in error.fix


def test_an_unreachable_server_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    error = refused(at("s3", "http://127.0.0.1:9", tmp_path, monkeypatch).read).diagnostic
    assert error.code == "E070"
    assert "nothing was changed" in error.fix


def test_an_object_that_acrsync_did_not_write_is_damage(
    s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import obstore
    from obstore.store import from_url

    store = at("s3", s3_server, tmp_path, monkeypatch)
    bucket = from_url(f"{store.where}/{KEY}", client_options={"allow_http": True})
    for data in (b"", b"{}", b"{}\n", b'{"a": 1}\n{"swap": "12"'):
        obstore.put(bucket, "account.jsonl", data)
        assert refused(store.read).diagnostic.code == "E072", data


def test_without_obstore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "obstore", None)

    with pytest.raises(AcrsyncError) as caught:
        ObjectStore("s3://runs/x", KEY)
    assert caught.value.diagnostic.code == "E083"
    assert caught.value.diagnostic.fix.endswith('-m pip install "obstore>=0.11"')


@pytest.mark.parametrize("run_id", ["../account", "../../x", "a/../../account", "/etc/passwd", "", "x" * 2000])
def test_a_run_id_cannot_point_outside_the_prefix(run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with listening(google_double()) as url:
        store = at("gs", url, tmp_path, monkeypatch)
        store.swap(b"x", expected=None, note="x")
        assert store.record(run_id) is None


@pytest.mark.parametrize("header", ["If-None-Match", "If-Match"])
def test_a_server_that_ignores_conditions_is_refused_for_a_lease(
    header: str, s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with between(s3_server, lambda _method, _path: False) as way:
        way.ignored = header
        store = at("s3", way.url, tmp_path, monkeypatch)
        error = refused(lambda: store.swap(b"x", expected=None, note="x")).diagnostic
        assert error.code == "E071"
        assert "ignores conditional writes" in error.detail
        assert store.read() is None


def test_a_read_and_a_swap_are_one_request_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    double = google_double()

    class Counting(double):  # type: ignore[valid-type, misc]
        def parse_request(self) -> bool:
            parsed: bool = super().parse_request()
            asked.append(self.command)
            return parsed

    with listening(Counting) as url:
        store = at("gs", url, tmp_path, monkeypatch)
        version = store.swap(b"x", expected=None, note="the first one, which tries the server, too")
        assert asked == ["PUT"] * 4
        asked.clear()
        store.read()
        version = store.swap(b"y", expected=version, note="y")
        assert asked == ["GET", "PUT"]
        store.swap(b"z", expected=version, note="z", records={"20260101T000000Z-aaaaaa": b"lines"})
        assert asked == ["GET", "PUT", "PUT", "PUT"]
