"""Where the token comes from, where it goes, and that it is shown nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e.commandline import TOKEN, Place
from emulator.api import Api
from hostile import Hostile, answered, hostile, listing, ok, row

MANIFEST = "version: 1\nbuckets:\n  - {name: bucket-8881, region: eu-west-1, type: File, labels: [Music]}\n"


@pytest.fixture
def ready(bare: Place) -> Place:
    bare.write("acrsync.yaml", MANIFEST)
    return bare


@pytest.fixture
def server() -> Iterator[Hostile]:
    """An API that lists one bucket and accepts every token."""
    with hostile(ok(listing(row()))) as running:
        yield running


def token_sent(server: Hostile) -> str:
    return server.requests[-1].headers["authorization"].removeprefix("Bearer ")


def login(place: Place, **values: str) -> None:
    """What the official command line leaves behind."""
    (place.home / ".acrcloud").mkdir()
    (place.home / ".acrcloud" / "config.json").write_text(json.dumps(values))


def test_the_order_of_the_sources(ready: Place, server: Hostile):
    environment = {"ACRSYNC_ENDPOINT": server.url}
    login(ready, access_token="from-the-login")
    assert ready.acrsync("plan", environment=environment).code == 0
    assert token_sent(server) == "from-the-login"
    environment["ACRCLOUD_ACCESS_TOKEN"] = "from-the-vendors-variable"
    ready.acrsync("plan", environment=environment)
    assert token_sent(server) == "from-the-vendors-variable"
    environment["ACRSYNC_TOKEN"] = "from-our-variable"
    ready.acrsync("plan", environment=environment)
    assert token_sent(server) == "from-our-variable"
    ready.write("token", "from-a-file\n")
    ready.acrsync("plan", "--token-file", "token", environment=environment)
    assert token_sent(server) == "from-a-file"


@pytest.mark.parametrize("name", ["ACRSYNC_TOKEN", "ACRCLOUD_ACCESS_TOKEN"])
def test_an_empty_variable_is_a_missing_token_without_fallback(ready: Place, server, name):
    login(ready, access_token="from-the-login")
    done = ready.acrsync("plan", environment={"ACRSYNC_ENDPOINT": server.url, name: ""})
    assert (done.code, done.codes, server.requests) == (1, ["E013"], [])
    assert f"  {name} is set, but empty.\n" in done.err


def test_a_refused_token_is_the_only_error(ready: Place, api: Api):
    environment = {"ACRSYNC_ENDPOINT": api.url, "ACRSYNC_TOKEN": "wrong"}
    for command in ("plan", "apply --yes", "export", "list", "show test"):
        done = ready.acrsync(*command.split(), environment=environment)
        assert (done.code, done.codes, done.out) == (1, ["E403"], "")
        assert done.err.splitlines()[1].startswith("  The API does not accept the token from ACRSYNC_TOKEN: "), command
    assert {entry["status"] for entry in api.requests()} <= {401, 403}


NO_TOKEN = {
    "nothing anywhere": (None, (), {}, "E013"),
    "a file that is missing": (None, ("--token-file", "missing"), {}, "E015"),
    "a file that is a folder": (None, ("--token-file", "."), {}, "E015"),
    "a file that is not text": (None, ("--token-file", "bytes"), {}, "E015"),
    "an empty file": (None, ("--token-file", "/dev/null"), {}, "E402"),
    "a token with a space": (None, (), {"ACRSYNC_TOKEN": f"{TOKEN} {TOKEN}"}, "E402"),
    "a token with a line break": (None, (), {"ACRSYNC_TOKEN": f"{TOKEN}\n{TOKEN}"}, "E402"),
    "a login that is not JSON": ("{", (), {}, "E014"),
    "a login that is a list": ("[]", (), {}, "E013"),
    "a login without a token": ('{"access_token": ""}', (), {}, "E013"),
}


@pytest.mark.parametrize(("config", "arguments", "environment", "code"), NO_TOKEN.values(), ids=NO_TOKEN)
def test_without_a_usable_token_nothing_is_sent(ready: Place, server: Hostile, config, arguments, environment, code):
    (ready.folder / "bytes").write_bytes(b"\xff\xfe")
    if config is not None:
        login(ready)
        (ready.home / ".acrcloud" / "config.json").write_text(config)
    done = ready.acrsync("plan", *arguments, environment={"ACRSYNC_ENDPOINT": server.url, **environment})
    assert (done.code, done.codes, server.requests) == (1, [code], [])


def test_there_is_no_option_that_takes_a_token(ready: Place):
    assert ready.acrsync("plan", "--token", "x").codes == ["E002"]


def test_the_logins_base_url_is_the_default_endpoint(ready: Place, server: Hostile):
    login(ready, access_token="t", base_url=f"{server.url}/api")
    document = ready.acrsync("plan", "--format", "json").document
    assert (document["exit_code"], document["account"]["endpoint"]) == (0, server.url)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://example.org",
        "https://acrcloud.com.example.org",
        "https://notacrcloud.com",
        "https://127.0.0.1.example.org",
    ],
)
def test_a_foreign_base_url_gets_no_token(ready: Place, base_url):
    login(ready, access_token=TOKEN, base_url=base_url)
    done = ready.acrsync("plan")
    assert (done.code, done.codes) == (1, ["E012"])
    assert f"fix: if this is intended, set it for this run: --endpoint {base_url}\n" in done.err


@pytest.mark.parametrize(
    "url", ["http://example.org", "http://api-v2.acrcloud.com", "ftp://127.0.0.1", "https://", "x", ""]
)
def test_an_unsafe_or_invalid_endpoint_is_refused(ready: Place, url):
    done = ready.acrsync("plan", "--endpoint", url, environment={"ACRSYNC_TOKEN": TOKEN})
    assert (done.code, done.codes) == (1, ["E401"])


def test_an_endpoint_may_be_written_with_api_and_a_slash(ready: Place, server: Hostile):
    environment = {"ACRSYNC_TOKEN": "t"}
    plans = [
        ready.acrsync("plan", "--endpoint", f"{server.url}{end}", environment=environment).out
        for end in ("", "/", "/api", "/api/")
    ]
    assert len(set(plans)) == 1, "one account, one name, one digest"
    assert {request.path.partition("?")[0] for request in server.requests} == {"/api/buckets"}


def test_a_netrc_and_a_plain_proxy_are_ignored(ready: Place, server: Hostile):
    (ready.home / ".netrc").write_text("machine 127.0.0.1 login me password stolen\ndefault login me password stolen\n")
    with hostile(answered(200, "proxied")) as proxy:
        environment = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"), proxy.url)
        environment |= {"ACRSYNC_ENDPOINT": server.url, "ACRSYNC_TOKEN": "t", "NETRC": str(ready.home / ".netrc")}
        assert ready.acrsync("plan", environment=environment).code == 0
        assert (token_sent(server), proxy.requests) == ("t", [])


def test_the_emulator_never_gets_the_token_and_needs_none(ready: Place):
    for environment in ({}, {"ACRSYNC_TOKEN": TOKEN}, {"ACRSYNC_TOKEN": "not one\nat all", "HTTPS_PROXY": "http://x"}):
        done = ready.acrsync("plan", "--endpoint", "emulator:", "--debug", environment=environment)
        assert done.code == 0


def test_read_only_commands_send_nothing_but_get_also_at_the_socket(ready: Place, server: Hostile):
    ready.write(
        "acrsync.yaml", MANIFEST.replace("Music", "Other") + "  - {name: news, region: eu-west-1, type: File}\n"
    )
    environment = {"ACRSYNC_ENDPOINT": server.url, "ACRSYNC_TOKEN": "t"}
    for command in (("plan",), ("export",), ("apply", "--dry-run"), ("apply", "--dry-run", "--yes"), ("validate",)):
        assert ready.acrsync(*command, environment=environment if command != ("validate",) else {}).code == 0
    assert set(server.methods) == {"GET"}
    assert len(server.methods) == 4


def test_the_token_is_in_no_output_and_no_file(place: Place, api: Api):
    """`Place.ended` looks for every secret in both outputs; here are the ways on which one might slip through."""
    place.write("acrsync.yaml", MANIFEST)
    assert "POST /api/buckets: 201" in place.acrsync("apply", "--yes", "--debug").err
    api.faults({"kind": "expire_token", "method": "PUT"})
    place.write("acrsync.yaml", MANIFEST.replace("Music", "Other"))
    assert place.acrsync("apply", "--yes", "--debug", "--settle", "0").code in (1, 6)
    assert "403" in place.acrsync("export", "--debug", "--format", "json").out + place.acrsync("export", "--debug").err
    place.secrets.add(TOKEN)
    echo = answered(500, {"error": f"your token {TOKEN} is odd"}, Location=f"https://example.org/?t={TOKEN}")
    redirect = answered(302, {"error": TOKEN}, Location=f"https://example.org/?t={TOKEN}")
    for answer in (echo, redirect, answered(200, TOKEN), answered(404, f"<p>{TOKEN}</p>")):
        with hostile(answer) as server:
            environment = {"ACRSYNC_ENDPOINT": server.url, "ACRSYNC_TOKEN": TOKEN}
            assert place.acrsync("plan", "--debug", "--timeout", "2", environment=environment).code == 1
            assert token_sent(server) == TOKEN
    assert not any(secret in place.everything_written() for secret in place.secrets)
