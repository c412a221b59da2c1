"""WHERE, as people write it, and the key of an account."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from threading import Event

import pytest

from acrsync.clock import WallClock
from acrsync.diagnostics import AcrsyncError
from acrsync.runs.where import Folder, Git, Memory, Objects, Where, account_key, open_store, parse_where
from acrsync.visible import without_login
from store_places import KEY, bare

ANYWHERE: list[tuple[str, Where]] = [
    ("git:origin", Git("origin")),
    ("git:up.stream-2", Git("up.stream-2")),
    ("s3://bucket", Objects("s3://bucket")),
    ("s3://my.bucket-1/acrsync/prod/", Objects("s3://my.bucket-1/acrsync/prod")),
    ("gs://bucket/env=prod", Objects("gs://bucket/env=prod")),
    ("az://container/x", Objects("az://container/x")),
    (".acrsync/runs", Folder(".acrsync/runs")),
    ("runs", Folder("runs")),
    ("./with space", Folder("./with space")),
    ("a..b", Folder("a..b")),
]
NOT_IN_A_MANIFEST: list[tuple[str, Where]] = [
    ("git:https://example.test/x.git", Git("https://example.test/x.git")),
    ("https://example.test/x.git", Git("https://example.test/x.git")),
    ("git:ssh://git@example.test/x.git", Git("ssh://git@example.test/x.git")),
    ("git:git@example.test:team/x.git", Git("git@example.test:team/x.git")),
    ("git@example.test:team/x.git", Git("git@example.test:team/x.git")),
    ("git:file:///srv/x.git", Git("file:///srv/x.git")),
    ("git:http://localhost:8080/x.git", Git("http://localhost:8080/x.git")),
    ("git:HTTPS://example.test/x.git", Git("HTTPS://example.test/x.git")),
    ("git:/srv/x.git", Git("/srv/x.git")),
    ("git:../x.git", Git("../x.git")),
    ("git:team/x.git", Git("team/x.git")),
    ("/var/acrsync", Folder("/var/acrsync")),
    ("../elsewhere", Folder("../elsewhere")),
    ("a/../../b", Folder("a/../../b")),
    ("~/runs", Folder("~/runs")),
    ("C:\\runs", Folder("C:\\runs")),
    ("\\\\server\\share", Folder("\\\\server\\share")),
    ("..\\elsewhere", Folder("..\\elsewhere")),
]
NOWHERE = [
    ("", "empty"),
    (" git:origin", "spaces"),
    ("git:origin\n", "spaces"),
    ("git:ori\x07gin", "cannot be printed"),
    ("git:", "not a name"),
    ("git:--upload-pack=x", "not a name"),
    ("-x", "not a name"),
    ("git:ext::sh -c x", "not a supported URL"),
    ("git:fd::3", "not a supported URL"),
    ("git:git:origin", "not a supported URL"),
    ("git:http://example.test/x.git", "unencrypted"),
    ("http://127.0.0.1.example.test/x.git", "unencrypted"),
    ("ftp://example.test/x", "not a supported URL"),
    ("gcs://bucket", "not a supported URL"),
    ("https:example.test", "not a supported URL"),
    ("s3:bucket", "bucket and prefix"),
    ("s3://", "bucket and prefix"),
    ("s3://bucket/../other", "bucket and prefix"),
    ("s3://bucket/a/./b", "bucket and prefix"),
    ("s3://key:secret@bucket/x", "bucket and prefix"),
    ("s3://bucket?endpoint=https://example.test", "bucket and prefix"),
    ("az://bucket/a b", "bucket and prefix"),
    ("git:https://[::1/x", "not a valid URL"),
    ("https://example.test:99999/x", "not a valid URL"),
    ("https://me:pa/secret@example.test/x", "not a valid URL"),
]


@pytest.mark.parametrize(("text", "where"), ANYWHERE + NOT_IN_A_MANIFEST)
def test_a_flag_or_a_variable_may_name_every_place(text: str, where: Where):
    assert parse_where(text, in_manifest=False) == where


@pytest.mark.parametrize(("text", "where"), ANYWHERE)
def test_a_manifest_may_name_a_folder_in_the_project_a_remote_or_an_object_store(text: str, where: Where):
    assert parse_where(text, in_manifest=True) == where


@pytest.mark.parametrize("text", [text for text, _ in NOT_IN_A_MANIFEST])
def test_a_manifest_cannot_set_the_host_or_an_outside_folder_for_runs(text: str):
    with pytest.raises(AcrsyncError) as caught:
        parse_where(text, in_manifest=True)
    assert caught.value.diagnostic.code == "E082"


@pytest.mark.parametrize(("text", "why"), NOWHERE)
@pytest.mark.parametrize("in_manifest", [False, True])
def test_an_invalid_store_is_reported_with_all_valid_forms(text: str, why: str, in_manifest: bool):
    with pytest.raises(AcrsyncError) as caught:
        parse_where(text, in_manifest=in_manifest)
    assert caught.value.diagnostic.code == "E080"
    assert why in caught.value.diagnostic.detail
    assert "git:origin" in caught.value.diagnostic.fix


def test_a_password_is_not_shown():
    for text, in_manifest in [("git:https://me:secret@example.test/x", True), ("git:http://me:secret@x.test/x", False)]:
        with pytest.raises(AcrsyncError) as caught:
            parse_where(text, in_manifest=in_manifest)
        assert "secret" not in str(caught.value)
        assert "***@" in caught.value.diagnostic.detail


LOGINS = [
    ("https://me:secret@example.test/x", "https://***@example.test/x"),
    ("https://secret@example.test/x", "https://***@example.test/x"),
    ("https://me:pa/secret@example.test/x", "https://***@example.test/x"),
    ("https://me:p@secret@example.test/x", "https://***@example.test/x"),
    ("git:me:secret@example.test/path", "git:***@example.test/path"),
    ("me:secret@example.test:path", "***@example.test:path"),
    ("s3://KEY:sec/secret@bucket/x", "s3://***@bucket/x"),
    ("https://example.test/x?private_token=secret", "https://example.test/x?***"),
    ("fatal: 'https://me:secret@a/b' and 'https://c/d'", "fatal: 'https://***@a/b' and 'https://c/d'"),
    ("git:git@example.test:team/x.git", "git:git@example.test:team/x.git"),
    ("https://example.test/a@b", "https://example.test/a@b"),
    ("ssh: connect to host a port 22: refused", "ssh: connect to host a port 22: refused"),
]


@pytest.mark.parametrize(("text", "shown"), LOGINS)
def test_a_login_is_hidden_also_in_an_address_with_mistakes(text: str, shown: str):
    assert without_login(text) == shown


@pytest.mark.parametrize(
    ("endpoint", "key"),
    [
        ("https://api-v2.acrcloud.com", "acrcloud.com/19"),
        ("https://eu-api-v2.acrcloud.com/api/", "acrcloud.com/19"),
        ("https://EU-API-V2.ACRCLOUD.COM:443", "acrcloud.com/19"),
        ("https://api-v2.acrcloud.com.", "acrcloud.com/19"),
        ("https://cn-api-v2.acrcloud.cn", "acrcloud.cn/19"),
        ("https://acrcloud.com.example.test", "acrcloud.com.example.test_443/19"),
        ("https://notacrcloud.com", "notacrcloud.com_443/19"),
        ("http://127.0.0.1:8080", "127.0.0.1_8080/19"),
        ("http://localhost", "localhost_80/19"),
        ("http://[::1]:8080/api", "_1_8080/19"),
        ("emulator:", "emulator_/19"),
        ("emulator:.state/my.lock", "emulator_state_my_lock/19"),
    ],
)
def test_the_key_of_an_account_is_its_deployment_and_uid(endpoint: str, key: str):
    assert account_key(endpoint, 19) == key
    subprocess.run(["git", "check-ref-format", f"refs/acrsync/{key}"], check=True)


def test_without_a_uid_the_fix_is_the_line_to_paste():
    with pytest.raises(AcrsyncError) as caught:
        account_key("https://api-v2.acrcloud.com", None)
    assert caught.value.diagnostic.code == "E081"
    assert (
        caught.value.diagnostic.fix
        == "add to the manifest: account: {uid: UID} (UID is the number in the ACRCloud console)"
    )


def test_a_relative_path_of_a_repository_starts_at_the_working_directory(tmp_path: Path):
    bare(tmp_path / "remote.git")
    for folder in (tmp_path / "project", tmp_path / "project" / "below"):
        folder.mkdir()
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "project")], check=True)
    where = parse_where("git:../../remote.git", in_manifest=False)
    assert isinstance(where, Git)

    store = open_store(where, KEY, project=tmp_path / "project" / "below", environment=os.environ)
    store.swap(b"one", expected=None, note="one")
    refs = subprocess.run(["git", "for-each-ref"], cwd=tmp_path / "remote.git", check=True, capture_output=True).stdout
    assert f"refs/acrsync/{KEY}\n".encode() in refs


@pytest.mark.parametrize("path", ["a" * 300, "~no-such-user/x"])
def test_a_folder_that_cannot_exist_is_refused(path: str):
    with pytest.raises(AcrsyncError) as caught:
        Memory(Folder(path)).opened(WallClock(Event()), endpoint=None, uid=None, settle_s=0, landing_s=0)
    assert caught.value.diagnostic.code == "E080"


@pytest.mark.parametrize("endpoint", ["http://[::1", "https://me:secret/x@host", "https://host:port"])
def test_an_endpoint_that_is_no_address_has_no_key(endpoint: str):
    with pytest.raises(AcrsyncError) as caught:
        account_key(endpoint, 19)
    assert caught.value.diagnostic.code == "E401"
    assert "secret" not in str(caught.value)
