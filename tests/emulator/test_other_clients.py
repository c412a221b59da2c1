"""Clients that others wrote, unchanged, against the emulator: if they work here as on the service, it is a likeness.

Never the official command line's `buckets files`: it ignores the base URL and asks the real service.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

COMMAND = Path(sys.executable).with_name("acrcloud")
Client = pytest.importorskip("acrclient.client", reason="acrclient is not installed: see the dev group").Client


@pytest.fixture
def cli(api, tmp_path):
    """Return the official command line, logged in to the emulator the way its documentation says."""
    env = {"HOME": str(tmp_path), "PATH": os.defpath, "PYTHONIOENCODING": "utf-8", "NO_PROXY": "127.0.0.1"}

    def run(*arguments, check=True):
        done = subprocess.run([COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout if check else done.stderr

    run("config", "set", "base_url", f"{api.url}/api")
    run("config", "set", "access_token", api.token)
    return run


def test_the_official_command_line_lists_and_gets(api, cli):
    listed = json.loads(cli("buckets", "list", "--output", "json", "--per-page", "2", "--page", "3"))
    assert listed == api.get("/buckets", per_page=2, page=3)
    table = cli("buckets", "list", "--region", "global", "--type", "File").splitlines()
    assert [line.split() for line in table[2:]] == [["1159", "us_bucket", "File", "global", "7", "Music"]]
    assert "  Size: 1487\n" in cli("buckets", "get", "1159")


def test_the_official_command_line_creates_changes_and_deletes(api, cli):
    made = cli("buckets", "create", "-n", "radio", "-t", "Live", "-r", "us-west-2", "--net-type", "2", "-l", "A, B",
               "-m", '{"a": {}}')  # fmt: skip
    assert "ID: 14792" in made
    row = api.get("/buckets/14792")["data"]
    assert (row["labels"], row["net_type"], row["metadata_template"], row["type"]) == (
        ["A", "B"],
        2,
        '{"a": {}}',
        "Live",
    )
    cli("buckets", "update", "14792")
    assert api.get("/buckets/14792")["data"] == row
    cli("buckets", "update", "14792", "-n", "tv", "-l", "C")
    assert api.get("/buckets/14792")["data"] == {
        **row, "name": "tv", "labels": ["C"], "updated_at": api.get("/buckets/14792")["data"]["updated_at"],
    }  # fmt: skip
    assert "deleted" in cli("buckets", "delete", "14792", "--yes")
    assert 14792 not in api.ids()


def test_the_official_command_line_reports_each_refusal(api, cli):
    assert "HTTP Error 422: The given data was invalid." in cli(
        "buckets", "create", "-n", "test", "-r", "eu-west-1", check=False
    )
    assert "HTTP Error 422: You need to clean" in cli("buckets", "delete", "1159", "--yes", check=False)
    assert "HTTP Error 404: Not Found" in cli("buckets", "get", "5", check=False)
    assert "HTTP Error 403: Authentication Exception" in cli("-t", "wrong", "buckets", "list", check=False)
    assert "HTTP Error 405" in cli(
        "buckets", "channels", "create", "-b", "14791", "-n", "x", "-u", "udp://192.0.2.1", check=False
    )


def test_the_official_command_line_reads_related_objects_of_a_bucket(api, cli):
    api.control("POST", "buckets/14791/content", {"channels": 1})
    assert "udp://192.0.2.10:1" in cli("buckets", "channels", "list", "--bucket-id", "14791")
    for command, kind in (
        (("base-projects", "list"), "base-projects"),
        (("bm-cs-projects", "list"), "bm-cs-projects"),
        (("bm-bd-projects", "list"), "bm-bd-projects"),
        (("filescan", "list-containers"), "fs-containers"),
    ):
        api.control("POST", f"references/{kind}", {"name": f"mine-{kind}", "buckets": [1116]})
        assert f"mine-{kind}" in cli(*command)


@pytest.fixture
def monitor(api):
    entry = {"metadata": {"timestamp_utc": "2021-01-07 10:18:45", "played_duration": 232, "music": [{"title": "x"}]}}
    api.control("POST", "results", {"project_id": 7, "stream_id": "s-AbCd", "results": [entry]})
    client = Client(api.token, base_url=api.url, config=Client.Config(retries=1, backoff_factor=0.0))
    yield client, entry
    client._session.close()


def test_acrclient_reads_monitoring_results(monitor):
    client, entry = monitor
    params = {"type": "day", "date": "20210107", "min_duration": 10, "max_duration": None, "isrc_country": None}
    assert client.get_bm_cs_projects_results(7, "s-AbCd", params=params) == [entry]
    assert client.get_bm_cs_projects_results(7, "s-AbCd", params={"type": "last", "date": ""}) == [entry]
    assert client.json("/api/buckets", params={"per_page": 1})["meta"]["total"] == 6


def test_acrclient_raises_on_an_error(monitor):
    client, _ = monitor
    with pytest.raises(requests.HTTPError, match="404"):
        client.get_bm_cs_projects_results(8, "s-AbCd")


@pytest.fixture
def public_client(api, monkeypatch):
    module = pytest.importorskip("acrcloud.client", reason="acrcloudclient is not installed: see the dev group")
    monkeypatch.setattr(module, "ACR_API", api.url)  # it has no other way to be pointed elsewhere
    with module.ACRCloudClient(token=api.token) as client:
        yield client


def test_acrcloudclient_reads_pages_of_rows_with_a_tracker_and_no_node(api, public_client):
    api.reset(
        rows=[{"id": 100 + n, "name": f"my-bucket-{n:02}", "region": "us-west-2"} for n in range(25)],
        profile={"tracker_shown": "empty"},
    )
    assert [row.name for row in public_client.list_buckets(search="my-bucket-")] == [
        f"my-bucket-{n:02}" for n in reversed(range(25))
    ]
    assert public_client.get_bucket_by_name("my-bucket-07").id == 107


def test_acrcloudclient_creates_and_lists_content(api, public_client, capsys):
    answer = public_client.create_bucket("radio", labels=["A"], region="us-west-2")
    assert (answer.status_code, answer.json()["data"]["labels"]) == (201, ["A"])
    api.control("POST", "buckets/14792/content", {"files": 2})
    bucket = public_client.get_bucket(14792)
    assert {audio.title for audio in bucket.list_audios()} == {"file 1", "file 2"}
    bucket.clear()
    assert api.get("/buckets/14792")["data"]["num"] == 2
    capsys.readouterr()


def test_acrcloudclient_is_redirected_into_a_loop_by_a_name_that_is_taken(public_client):
    with pytest.raises(requests.TooManyRedirects):
        public_client.create_bucket("test", region="eu-west-1")
