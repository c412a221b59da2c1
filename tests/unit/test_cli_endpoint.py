"""Where the token goes if no endpoint is set; opening one sends nothing."""

from __future__ import annotations

import json

import pytest

from acrsync.cli.endpoint import opened
from acrsync.cli.options import Common
from acrsync.diagnostics import AcrsyncError


@pytest.fixture
def login(tmp_path, monkeypatch):
    """Write what the official command line leaves behind, with nothing in the environment that beats it."""
    for name in ("ACRSYNC_TOKEN", "ACRCLOUD_ACCESS_TOKEN", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".acrcloud").mkdir()
    return lambda **values: (tmp_path / ".acrcloud" / "config.json").write_text(json.dumps(values))


def endpoint_of(named: str | None = None) -> str:
    with opened(Common(named, None, 60.0, "never", False), read_only=True) as access:
        return access.endpoint


ACCEPTED = [
    ({}, None, "https://api-v2.acrcloud.com", "nothing is named: the documented address"),
    ({"base_url": ""}, None, "https://api-v2.acrcloud.com", "an empty one is none"),
    ({"base_url": 7}, None, "https://api-v2.acrcloud.com", "a number is none"),
    ({"base_url": "https://eu-api-v2.acrcloud.com/api"}, None, "https://eu-api-v2.acrcloud.com", "a subdomain"),
    ({"base_url": "https://acrcloud.cn/"}, None, "https://acrcloud.cn", "the domain of the deployment in China"),
    ({"base_url": "http://localhost:8899/api"}, None, "http://localhost:8899", "this machine, where http is fine"),
    ({"base_url": "http://[::1]:8899"}, None, "http://[::1]:8899", "this machine, as IPv6 has it"),
    ({"base_url": "https://example.org"}, "https://a.example.org/api/", "https://a.example.org", "named for this run"),
]


@pytest.mark.parametrize(("values", "named", "endpoint", "reason"), ACCEPTED)
def test_the_token_goes_to(login, values, named, endpoint, reason):
    login(access_token="t", **values)
    assert endpoint_of(named) == endpoint, reason


REFUSED = [
    ("https://example.org", "E012", "neither the vendor's nor this machine"),
    ("https://acrcloud.com.example.org", "E012", "only begins like the vendor's"),
    ("https://notacrcloud.com", "E012", "only ends like the vendor's"),
    ("https://localhost.example.org", "E012", "only begins like this machine"),
    ("http://api-v2.acrcloud.com", "E401", "the token would be sent unencrypted"),
    ("https://user:word@api-v2.acrcloud.com", "E401", "an address holds no password"),
    ("https://[", "E401", "no address"),
]


@pytest.mark.parametrize(("base_url", "code", "reason"), REFUSED)
def test_the_token_does_not_go_to(login, base_url, code, reason):
    login(access_token="t", base_url=base_url)
    with pytest.raises(AcrsyncError) as caught:
        endpoint_of()
    assert caught.value.diagnostic.code == code, reason


def test_the_repr_of_credentials_does_not_show_the_token(login):
    from acrsync.cli.endpoint import Credentials

    assert "secret" not in repr(Credentials("secret", "ACRSYNC_TOKEN"))
