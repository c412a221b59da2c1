"""The description of the API: what it has, what it must never have, and that the checks held against it can fail."""

from __future__ import annotations

import re

import pytest
import yaml
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from acrsync.acrcloud import Account
from acrsync.acrcloud.users import LISTS
from acrsync.bucket import FIELDS, REGIONS, TYPES
from acrsync.client import Client
from acrsync.emulator import serve
from acrsync.emulator.routes import ROUTES
from conformance import ROOT, complaint

DESCRIPTION = yaml.safe_load((ROOT / "docs" / "acrcloud-openapi.yaml").read_text())
SCHEMAS = DESCRIPTION["components"]["schemas"]
METHODS = ("get", "post", "put", "patch", "delete")


def operations():
    return {
        (method, path): operation
        for path, item in DESCRIPTION["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def request(method="POST", path="/api/buckets", **rest):
    headers = [("Authorization", "Bearer t")]
    return Request(EnvironBuilder(path, "http://127.0.0.1:8899", method=method, headers=headers, **rest).get_environ())


def test_only_buckets_are_written_by_its_operations():
    writing = {(method, path) for method, path in operations() if method != "get"}
    assert writing == {("post", "/api/buckets"), ("put", "/api/buckets/{id}"), ("delete", "/api/buckets/{id}")}


def test_every_operation_names_its_source():
    for where, operation in operations().items():
        assert operation["x-evidence"], where
        assert set(operation["x-evidence"]) <= {"docs", "cli", "code", "inferred"}, where
        assert operation["x-confidence"] in ("high", "medium", "low"), where


def test_the_emulator_serves_exactly_the_described_operations():
    served = {
        (method.lower(), re.sub("<[a-z]+>", "{}", rule.rule))
        for rule in ROUTES.iter_rules()
        for method in rule.methods or ()
        if method.lower() in METHODS
    }
    assert served == {(method, re.sub("{[a-z]+}", "{}", path)) for method, path in operations()}


def test_the_description_and_acrsync_agree_on_fields_values_and_lists():
    create, update = SCHEMAS["BucketCreate"]["properties"], SCHEMAS["BucketUpdate"]["properties"]
    assert set(create) == set(FIELDS)
    assert set(update) == {name for name, field in FIELDS.items() if not field.immutable}
    assert (tuple(create["region"]["enum"]), tuple(create["type"]["enum"])) == (REGIONS, TYPES)
    assert {f"/api/{name}" for name in LISTS} <= {path for _, path in operations()}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"json": {"name": "a", "region": "eu-west-1"}}, "a missing field"),
        ({"json": {"name": "a", "region": "eu-west-1", "type": "File", "num": 0}}, "a field of the server's"),
        ({"json": {"name": "a", "region": "mars", "type": "File"}}, "a value that there is not"),
        ({"json": {"name": "a", "region": "eu-west-1", "type": "File", "labels": "A,B"}}, "labels as text"),
        ({"json": {"name": "a", "region": "eu-west-1", "type": "File", "metadata_template": {}}}, "not text"),
        ({"method": "PUT", "path": "/api/buckets/7", "json": {"net_type": 1}}, "a field that cannot change"),
        ({"method": "PUT", "path": "/api/buckets/seven", "json": {}}, "an id that is none"),
        ({"method": "GET", "query_string": "per_page=many"}, "a number that is none"),
        ({"method": "DELETE", "path": "/api/buckets/7/files/1"}, "audio"),
        ({"method": "POST", "path": "/api/buckets/7/channels", "json": {}}, "a channel"),
    ],
)
def test_a_request_outside_the_description_is_detected(wrong, reason):
    assert complaint(request(**wrong), None), reason


def test_a_described_request_is_accepted():
    whole = {
        "name": "a",
        "region": "eu-west-1",
        "type": "File",
        "net_type": 0,
        "labels": ["A"],
        "metadata_template": "",
    }
    assert complaint(request(json=whole), None) is None


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, '{"data": {}}', "a create is answered 201"),
        (201, '{"data": {"id": 7}}', "a bucket with only its id"),
        (201, "<html>", "no JSON"),
        (418, "{}", "an unexpected status"),
    ],
)
def test_an_answer_outside_the_description_is_detected(status, body, reason):
    assert complaint(request(json={}), Response(body, status, content_type="application/json")), reason


@pytest.mark.parametrize("profile", ["documented", "strict", "lenient"])
def test_every_request_of_acrsync_is_described(profile):
    """Each verb once; the checks themselves are those of every test."""
    with serve(profile=profile) as emulator, Client(emulator.token, emulator.url) as client:
        account = Account(client)
        seen = account.observe()
        template = {"a": {"type": "text", "default": "ü"}}
        made = account.create({"name": "new", "region": "eu-west-1", "type": "File"}, marks=("acrsync:radio",))
        account.update(made.id, {"labels": ["A", "B"], "metadata_template": template})
        account.update(made.id, {"metadata_template": None})
        account.evidence(seen.rows, references=True)
        account.read(made.id)
        account.delete(made.id)
