"""Profiles: every switch can be seen from outside, and code, schema and documentation name the same ones."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import jsonschema
import pytest
import yaml

from acrsync.emulator import profile, serve
from acrsync.emulator.profile import NAMES, Profile

ROOT = Path(__file__).parents[2]
CHOICES = {name: get_args(hint) for name, hint in get_type_hints(Profile).items()}
WANTED = {"name": "radio", "region": "eu-west-1", "type": "File"}


@dataclass(frozen=True)
class Case:
    """A switch, a value other than the documented one, and what each of the two shows of itself."""

    switch: str
    value: str | int
    look: Callable[[Any], Any]
    documented: Any
    changed: Any
    beside: dict[str, Any] = field(default_factory=dict)


def status_of_create(**changes: Any) -> Callable[[Any], int]:
    return lambda api: api.post("/buckets", {**WANTED, **changes}).status_code


def status_of_change(**fields: Any) -> Callable[[Any], int]:
    return lambda api: api.put("/buckets/14791", fields).status_code


def shown_after(key: str, **fields: Any) -> Callable[[Any], Any]:
    return lambda api: api.put("/buckets/14791", fields).json()["data"][key]


def answer(api, method: str, path: str, **options: Any) -> tuple[int, Any]:
    got = api.call(method, path, **options)
    is_json = got.headers.get("Content-Type") == "application/json" and got.content
    return got.status_code, got.json() if is_json else got.headers.get("Content-Type")


def delete_with_content(api):
    api.control("POST", "buckets/1116/content", {"files": 1})
    return api.delete("/buckets/1116").status_code


def delete_referenced(api):
    api.control("POST", "references/fs-containers", {"buckets": ["offline-bucket"]})
    return api.delete("/buckets/1116").status_code


def bad_token(accept: str) -> Callable[[Any], tuple[int, Any]]:
    return lambda api: answer(api, "GET", "/api/buckets", headers={"Authorization": "Bearer x", "Accept": accept})


def narrow_token(api) -> tuple[int, Any]:
    now = api.control("GET", "profile")
    api.reset(accounts=[{"token": "narrow", "scopes": ["read-all"]}], profile=now)
    return answer(api, "DELETE", "/api/buckets/1116", headers={"Authorization": "Bearer narrow"})


def text_net_type(api) -> tuple[Any, Any]:
    row = api.create("radio", net_type="2")
    return row["net_type"], api.get(f"/buckets/{row['id']}")["data"]["net_type"]


def per_page(api) -> Any:
    return api.get("/buckets", per_page=3)["meta"]["per_page"]


def key_of_newest(key: str) -> Callable[[Any], Any]:
    return lambda api: api.get("/buckets/14791")["data"].get(key, "absent")


def listed_twice_after_create(api) -> list[bool]:
    new = api.create("radio")["id"]
    assert api.get(f"/buckets/{new}")["data"]["id"] == new
    return [new in api.ids() for _ in range(2)]


def num_after(**content: int) -> Callable[[Any], int]:
    def look(api):
        api.control("POST", "buckets/1116/content", content)
        return api.get("/buckets/1116")["data"]["num"]

    return look


def second_request(api) -> tuple[int, Any]:
    api.get("/buckets/1116")
    got = api.call("GET", "/api/buckets/1116")
    return got.status_code, got.headers["Content-Type"]


def statuses(count: int) -> Callable[[Any], list[int]]:
    return lambda api: [api.call("GET", "/api/buckets").status_code for _ in range(count)]


def lost_create(api) -> bool:
    api.control("DELETE", "requests")
    try:
        api.post("/buckets", WANTED)
    except OSError:
        return True
    return False


def moved(api) -> tuple[bool, bool]:
    def stamp() -> str:
        return str(api.get("/buckets/1116")["data"]["updated_at"])

    start = stamp()
    api.control("POST", "buckets/1116/content", {"files": 2})
    content = stamp()
    api.change(1116, name="offline-bucket")
    return content != start, stamp() != content


TEMPLATE = '{"b": {"default":"é"}, "a":{}}'
CASES = [
    Case("duplicate_names", "allow", status_of_create(name="test"), 422, 201),
    Case("name_scope", "account_and_region", status_of_create(name="test", region="us-west-2", type="Live"), 422, 201),
    Case("name_scope", "account_and_type", status_of_create(name="test"), 422, 201),
    *[
        Case("delete_with_content", value, delete_with_content, 422, status)
        for value, status in (("refuse_400", 400), ("refuse_403", 403), ("refuse_409", 409), ("cascade", 204))
    ],
    Case("delete_referenced", "refuse_422", delete_referenced, 204, 422),
    Case("unknown_id", "error_403", lambda api: answer(api, "GET", "/api/buckets/5"), (404, {"error": "Not Found"}),
         (403, {"error": "Forbidden"})),
    Case("unknown_id", "message_404", lambda api: answer(api, "DELETE", "/api/buckets/5"),
         (404, {"error": "Not Found"}), (404, {"message": "No query results for model [App\\Models\\Bucket] 5"})),
    Case("delete_unknown_id", "succeed_204", lambda api: api.delete("/buckets/5").status_code, 404, 204),
    Case("auth_failure", "message_401", bad_token("*/*"), (403, {"error": "Authentication Exception"}),
         (401, {"message": "Unauthenticated."})),
    Case("auth_failure", "redirect_302", bad_token("*/*"), (403, {"error": "Authentication Exception"}),
         (302, "text/html; charset=utf-8")),
    Case("auth_failure", "redirect_302", bad_token("application/json"), (403, {"error": "Authentication Exception"}),
         (401, {"message": "Unauthenticated."})),
    Case("missing_scope", "message_403", narrow_token, (403, {"error": "Authentication Exception"}),
         (403, {"message": "Invalid scope(s) provided."})),
    Case("validation_body", "error_text", lambda api: list(api.put("/buckets/1116", {"name": ""}).json()),
         ["message", "errors"], ["error"]),
    Case("validation_without_accept", "json_422",
         lambda api: api.put("/buckets/1116", {"name": ""}, headers={"Accept": "*/*"}).status_code, 302, 422),
    Case("put_immutable", "refuse_422", status_of_change(region="eu-west-1"), 200, 422),
    Case("put_immutable", "apply_net_type", shown_after("net_type", net_type=2, region="us-west-2"), 1, 2),
    Case("labels_as_text", "one_label", shown_after("labels", labels="A,B"), ["A", "B"], ["A,B"]),
    Case("labels_emptied", "empty_list", shown_after("labels", labels=[]), [""], []),
    Case("labels_emptied", "null", shown_after("labels", labels=""), [""], None),
    Case("labels_emptied", "ignored", shown_after("labels", labels=[]), [""], ["TV"]),
    Case("labels_order", "sorted", shown_after("labels", labels=["b", "c", "a"]), ["b", "c", "a"], ["a", "b", "c"]),
    Case("labels_order", "reversed", shown_after("labels", labels=["b", "c", "a"]), ["b", "c", "a"], ["a", "c", "b"]),
    Case("labels_repeated", "dropped", shown_after("labels", labels=["a", "b", "a"]), ["a", "b", "a"], ["a", "b"]),
    Case("labels_case", "lowered", shown_after("labels", labels=["Ab"]), ["Ab"], ["ab"]),
    Case("label_comma", "preserved", shown_after("labels", labels=["a,b"]), ["a", "b"], ["a,b"]),
    Case("labels_omitted", "empty_list", lambda api: api.create("radio")["labels"], [""], []),
    Case("labels_omitted", "null", lambda api: api.create("radio")["labels"], [""], None),
    Case("template_invalid", "refuse_422", status_of_change(metadata_template="{"), 200, 422),
    Case("template_object", "encode", status_of_change(metadata_template={"a": {}}), 422, 200),
    Case("template_empty", "kept", shown_after("metadata_template", metadata_template=""), None, ""),
    Case("template_text", "indented", shown_after("metadata_template", metadata_template=TEMPLATE), TEMPLATE,
         '{\n    "b": {\n        "default": "\\u00e9"\n    },\n    "a": {}\n}'),
    Case("template_text", "compact", shown_after("metadata_template", metadata_template=TEMPLATE), TEMPLATE,
         '{"b":{"default":"é"},"a":{}}'),
    Case("template_text", "keys_sorted", shown_after("metadata_template", metadata_template=TEMPLATE), TEMPLATE,
         '{"a":{},"b":{"default":"\\u00e9"}}'),
    Case("name_spaces", "kept", shown_after("name", name=" x "), "x", " x "),
    Case("name_max_length", 3, status_of_change(name="four"), 200, 422),
    Case("name_too_long", "cut", shown_after("name", name="four"), "four", "fou", {"name_max_length": 3}),
    Case("name_characters", "ascii", status_of_change(name="é"), 200, 422),
    Case("name_equality", "exact", status_of_create(name="TEST"), 422, 201),
    Case("name_equality", "ignore_case_and_accents", status_of_create(name="Tést"), 201, 422),
    Case("net_type_default", 0, lambda api: api.create("radio")["net_type"], 1, 0),
    Case("net_type_shown", "text", text_net_type, (2, 2), ("2", "2")),
    Case("net_type_shown", "text_on_create", text_net_type, (2, 2), ("2", 2)),
    Case("per_page_cap", 2, per_page, "3", 2),
    Case("per_page_shown", "integer", per_page, "3", 3),
    Case("list_order", "id_ascending", lambda api: api.ids()[0], 14791, 1116),
    Case("search_rule", "prefix", lambda api: api.ids(search="S"), [14791, 14556, 12310, 12309, 1159], []),
    Case("search_rule", "ignored", lambda api: len(api.ids(search="zzz")), 0, 6),
    Case("node_shown", "empty", key_of_newest("node"), "absent", ""),
    Case("node_shown", "value", key_of_newest("node"), "absent", "10.12.12.236-850"),
    Case("tracker_shown", "empty", key_of_newest("tracker"), "absent", ""),
    Case("tracker_shown", "value", key_of_newest("tracker"), "absent", "10.12.12.236-871"),
    Case("extra_fields", "some", key_of_newest("tags"), "absent", {"plan": "trial"}),
    Case("size_shown", "integer", lambda api: api.get("/buckets/1159")["data"]["size"], "1487", 1487),
    Case("size_shown", "text", key_of_newest("size"), 0, "0"),
    Case("list_lag_seconds", 60, listed_twice_after_create, [True, True], [False, False]),
    Case("list_lag_reads", 1, listed_twice_after_create, [True, True], [False, True]),
    Case("num_lag_seconds", 60, num_after(files=3), 3, 0),
    Case("throttle_per_minute", 1, second_request, (200, "application/json"), (429, "application/json")),
    Case("throttle_body", "html", second_request, (200, "application/json"), (429, "text/html"),
         {"throttle_per_minute": 1}),
    Case("trouble", "first_call_500", statuses(2), [200, 200], [500, 200]),
    Case("trouble", "proxy_errors", statuses(3), [200, 200, 200], [502, 504, 200]),
    Case("trouble", "lost_create_answer", lost_create, False, True),
    Case("num_counts", "files", num_after(files=1, channels=2), 3, 1),
    Case("foreign_rows", "listed", lambda api: api.ids()[-1], 1116, 23),
    Case("updated_at_moves", "on_any_put", moved, (False, False), (False, True)),
    Case("updated_at_moves", "on_content_too", moved, (False, False), (True, False)),
    Case("bucket_quota", 6, status_of_create(), 201, 403),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.switch}-{case.value}")
def test_a_switch_changes_what_is_seen(api, case):
    assert case.look(api) == case.documented
    api.reset(profile={**case.beside, case.switch: case.value})
    assert case.look(api) == case.changed


def test_every_alternative_of_every_switch_is_looked_at():
    seen = {(case.switch, case.value) for case in CASES}
    choices = {(name, value) for name, values in CHOICES.items() for value in values}
    documented = {(switch.name, switch.default) for switch in fields(Profile)}
    assert choices - documented <= seen
    assert {switch.name for switch in fields(Profile)} == {case.switch for case in CASES}


def test_every_unknown_that_is_emulated_has_its_switch():
    emulated = set(range(1, 31)) - {23, 24, 25, 27}
    assert {switch.metadata["row"] for switch in fields(Profile)} == emulated


def test_strict_and_lenient_together_try_most_alternatives():
    tried = {(name, getattr(profile.named(base), name)) for base in NAMES for name in CHOICES}
    untried = {(name, value) for name, values in CHOICES.items() for value in values} - tried
    assert {name for name, _ in untried} == {
        "delete_with_content", "labels_case", "labels_emptied", "name_characters", "name_scope", "name_too_long",
        "template_text", "trouble",
    }  # fmt: skip


def test_the_schema_says_what_the_code_says():
    schema = json.loads((ROOT / "schemas/profile.v1.json").read_text())
    properties = schema["properties"]
    assert schema["$id"] == "urn:acrsync:profile:v1"
    assert properties.pop("base")["enum"] == list(NAMES)
    assert properties == {
        switch.name: {
            "description": f"Row {switch.metadata['row']}: {switch.metadata['meaning']}.",
            **({"enum": list(CHOICES[switch.name])} if CHOICES[switch.name] else {"type": "integer", "minimum": 0}),
            "default": switch.default,
        }
        for switch in fields(Profile)
    }


def test_the_documentation_says_what_the_code_says():
    text = (ROOT / "docs/emulator.md").read_text()
    for switch in fields(Profile):
        named = {name: f"`{switch.metadata[name]}`" for name in NAMES}
        others = [f"`{value}`" for value in CHOICES[switch.name] if f"`{value}`" not in named.values()]
        columns = [f"`{switch.name}`", switch.metadata["meaning"], *named.values(), ", ".join(others)]
        assert f"| {switch.metadata['row']} | {' | '.join(columns)} |".replace("|  |", "| |") in text


@pytest.mark.parametrize("name", NAMES)
def test_a_named_profile_is_a_valid_document(name):
    schema = json.loads((ROOT / "schemas/profile.v1.json").read_text())
    document = profile.to_document(profile.named(name))
    jsonschema.validate(document, schema)
    assert profile.from_document(document) == profile.named(name)


def test_strict_takes_what_is_right_and_lenient_forgets_nothing_of_it(api):
    wanted = {"labels": ["A", "B"], "metadata_template": '{"artist":{"default":"é"}}', "net_type": 2}
    for name in ("strict", "lenient"):
        api.reset(profile=name)
        row = api.get(f"/buckets/{api.create('radio', **wanted)['id']}")["data"]
        assert sorted(row["labels"]) == ["A", "B"]
        assert json.loads(row["metadata_template"]) == {"artist": {"default": "é"}}
        assert int(row["net_type"]) == 2


def test_a_file_changes_single_switches_of_its_base(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("base: strict\nper_page_cap: 10\n")
    with serve(profile=file) as running:
        assert running.url
    assert profile.load(file) == profile.from_document(
        {**profile.to_document(profile.named("strict")), "per_page_cap": 10}
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: mild", "no profile is called 'mild'"), ("lables_order: sorted", "has no 'lables_order'"),
        ("labels_order: random", "labels_order must be one of as_sent, sorted, reversed"),
        ("per_page_cap: -1", "per_page_cap must not be negative"), ("per_page_cap: true", "must be a whole number"),
        ("per_page_cap: ten", "must be a whole number"), ("- a", "must be a mapping"), ("1: 2", "text keys"),
        ("a: [", "while parsing"), ("net_type_default: true", "must be one of"),
    ],
)  # fmt: skip
def test_a_profile_that_does_not_fit_is_refused_by_code_and_schema(tmp_path, text, message):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message), serve(profile=file):
        pass
    if message != "while parsing":
        document = json.loads(json.dumps(yaml.safe_load(text)))
        schema = json.loads((ROOT / "schemas/profile.v1.json").read_text())
        assert not jsonschema.Draft202012Validator(schema).is_valid(document)


def test_a_profile_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="No such file"), serve(profile=tmp_path / "none.yaml"):
        pass
