"""The schema that editors and the loader share."""

import json
import re
from collections.abc import Iterator

import pytest
from jsonschema import Draft202012Validator

from acrsync.bucket import CHINA, FIELDS, LEGACY_REGIONS, LEGACY_TYPES, REGIONS, TYPES
from acrsync.manifest import load_texts, schema, schema_text
from acrsync.manifest.schemas import inlined
from acrsync.manifest.wording import EXPLAINING

SCHEMA = schema("manifest")
# Keywords that lead to others and are never what a mistake is about.
STRUCTURE = {"properties", "items", "if", "anyOf", "propertyNames", "additionalProperties"}


def parts(value) -> Iterator[dict]:
    """Yield every schema inside a schema."""
    for inner in [*value.get("properties", {}).values(), *value.get("$defs", {}).values(), *value.get("anyOf", ())]:
        yield inner
        yield from parts(inner)
    for key in ("items", "additionalProperties"):
        if isinstance(value.get(key), dict):
            yield value[key]
            yield from parts(value[key])


def test_the_schema_is_a_valid_schema_with_its_own_name():
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "https://www.schemastore.org/acrsync.json"
    assert json.loads(schema_text("manifest")) == SCHEMA


def test_everything_is_described():
    bare = [part for part in parts(SCHEMA) if "description" not in part and "$ref" not in part]
    assert bare == []


def test_every_mapping_of_the_schema_refuses_unknown_keys():
    free = {"include", "exclude"}  # of a matrix; its other keys are free
    for part in parts(SCHEMA):
        if "properties" in part and set(part["properties"]) != free:
            assert part["additionalProperties"] is False


def test_every_value_of_an_enum_is_described_in_both_ways_that_editors_know():
    for part in parts(SCHEMA):
        if "enum" in part:
            assert len(part["enum"]) == len(part["enumDescriptions"]) == len(part["markdownEnumDescriptions"])


def test_patterns_mean_the_same_in_every_dialect():
    found = [*parts(SCHEMA), *(part["propertyNames"] for part in parts(SCHEMA) if "propertyNames" in part)]
    patterns = [part["pattern"] for part in found if "pattern" in part]
    assert len(patterns) == 11
    for pattern in patterns:
        assert not re.search(r"\\[dDsSwWbBAZ]", pattern)


def test_every_example_and_default_is_valid():
    for part in parts(SCHEMA):
        validator = Draft202012Validator({**part, "$defs": SCHEMA["$defs"]})
        for example in [*part.get("examples", ()), *([part["default"]] if "default" in part else ())]:
            validator.validate(example)


def test_every_keyword_of_the_schema_has_a_message():
    used = {key for part in [SCHEMA, *parts(SCHEMA)] for key in part if key in Draft202012Validator.VALIDATORS}
    assert used - STRUCTURE - {"$ref"} <= set(EXPLAINING)  # alternatives are merged: see `inlined`


def test_the_schema_knows_the_fields_regions_and_types_of_a_bucket():
    definitions = SCHEMA["$defs"]
    assert list(definitions["bucket"]["properties"])[: len(FIELDS)] == list(FIELDS)
    assert set(definitions["defaults"]["properties"]) == set(FIELDS) - {"name"}
    assert definitions["region"]["anyOf"][0]["enum"] == [*REGIONS, CHINA, *LEGACY_REGIONS]
    assert definitions["type"]["anyOf"][0]["enum"] == [*TYPES, *LEGACY_TYPES]


@pytest.mark.parametrize(
    ("stack", "fine"),
    [
        ("a", True),
        ("radio-prod", True),
        ("0.1_2-x", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("-a", False),
        ("Radio", False),
        ("ra dio", False),
        ("radio\n", False),  # in Python `$` also stands before a last newline
        ("protected", False),
        ("protected2", True),
        ("", False),
    ],
)
def test_a_stack_is_named_like_a_host(stack, fine):
    text = f"version: 1\nstack: {json.dumps(stack)}\n"
    assert (load_texts({"a.yaml": text.encode()}).manifest is not None) is fine


ANY_KIND = [None, True, 0, -1, 5, 1.5, "", "30%", "101%", "x", [], ["x"], {}, {"artist": {"default": "x"}}, {"a": 1}]


@pytest.mark.parametrize("value", ANY_KIND, ids=repr)
def test_merged_alternatives_accept_the_same_values(value):
    """The loader merges what strict validators want apart: see `inlined`."""
    document = {"version": 1, "limits": {"deletes": value}, "defaults": {"metadata_template": value}}
    found = [
        {tuple(error.absolute_path)[:2] for error in Draft202012Validator(schema).iter_errors(document)}
        for schema in (SCHEMA, inlined("manifest"))
    ]
    assert found[0] == found[1]
