"""Loading fails only with diagnostics, which are the same for every parser and order of files."""

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from acrsync.manifest import load_texts, schema
from acrsync.manifest.scalars import Trap, flow, plain, written
from acrsync.manifest.text import unreadable
from acrsync.manifest.tree import FASTEST, read
from acrsync.visible import visible

KEYS = [
    *schema("manifest")["properties"],
    *schema("manifest")["$defs"]["bucket"]["properties"],
    *schema("manifest")["$defs"]["descriptor"]["properties"],
    *("uid", "deletes", "forget", "guard", "reason"),
]
words = st.sampled_from(
    [*KEYS, "File", "eu-west-1", "label", "stack", "select", "replace", "30%", "a,b", "acrsync:x", " a", "no"]
)
texts = words | st.text(max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


@st.composite
def near_manifests(draw):
    """What has the outline of a manifest, with anything in any place."""

    def entries(keys):
        known = dict.fromkeys(keys, scalars | values)
        return st.lists(st.fixed_dictionaries({}, optional=known) | values, max_size=3)

    definitions = schema("manifest")["$defs"]
    sections = dict.fromkeys(schema("manifest")["properties"], values)
    sections |= {
        "version": st.just(1) | values,
        "buckets": entries(definitions["bucket"]["properties"]) | values,
        "removed": entries(definitions["removed"]["properties"]) | values,
        "allow": entries(definitions["approval"]["properties"]) | values,
    }
    return draw(st.fixed_dictionaries({}, optional=sections))


def checked(files):
    """Load, and check what holds for every result."""
    result = load_texts(files)
    assert (result.manifest is None) == bool(result.diagnostics)
    assert load_texts(files) == result
    for problem in result.diagnostics:
        assert problem.fix
        assert problem.span is not None
        assert problem.span.file in files
        assert problem.span.line >= 1
        assert problem.span.column >= 1
        assert visible(problem.detail) == problem.detail
        assert visible(problem.fix) == problem.fix
    return result


@given(near_manifests() | values)
def test_no_data_makes_loading_fail(data):
    checked({"a.yaml": flow(data).encode("utf-8", "surrogatepass")})


@given(st.lists(near_manifests(), max_size=3))
def test_no_files_together_make_loading_fail(manifests):
    result = load_texts({f"{at}.yaml": flow(data).encode() for at, data in enumerate(manifests)})
    assert (result.manifest is None) == bool(result.diagnostics)


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_make_loading_fail(data):
    checked({"a.yaml": data})


@given(near_manifests())
def test_data_that_the_schema_refuses_is_refused_by_the_loader(data):
    if not Draft202012Validator(schema("manifest")).is_valid(data):
        assert load_texts({"a.yaml": flow(data).encode()}).manifest is None


PIECES = [
    *("a", "b: ", "c:", "- ", "-", "? ", "?", ":", ": ", ",", ", ", "[", "]", "{", "}", "'", '"', "#", " #", "|", ">"),
    *("|-\n", "|2\n", "\n", "\n ", "\n  ", "\n    ", "\r\n", "\r", " ", "  ", "&a ", "*a", "*a ", "!x ", "!", "!!str "),
    *("---\n", "--- ", "...\n", "@", "`", "\\", "\\n", "\\x41", "\\ud800", "~", "null", "no", "012", "é", "''", '""'),
    *("://", "=", "<<: ", "name: x\n"),
]
SOUP = st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=16).map("".join)


@given(SOUP)
def test_libyaml_and_pyyaml_read_the_same_or_both_refuse(text):
    if any(unreadable(text, "f")):
        return
    fast, slow = read(text, "f", loader=FASTEST), read(text, "f", loader=yaml.BaseLoader)
    assert bool(fast.problems) == bool(slow.problems)
    if not fast.problems:
        assert fast.root == slow.root


@given(near_manifests())
def test_libyaml_and_pyyaml_agree_on_manifests_in_block_style(data):
    text = yaml.safe_dump(data, allow_unicode=True)
    if any(unreadable(text, "f")):
        return
    fast, slow = read(text, "f", loader=FASTEST), read(text, "f", loader=yaml.BaseLoader)
    assert [(problem.code, problem.span) for problem in fast.problems] == [
        (problem.code, problem.span) for problem in slow.problems
    ]
    assert fast.root == slow.root


safe_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(safe_text | words)
def test_written_text_survives_every_parser_in_every_position(text):
    one = written(text)
    for loader in (FASTEST, yaml.BaseLoader):
        for place, data in (
            (f"- {one}", [text]),
            (f"[{one}, {one}]", [text, text]),
            (f"a: {one} # b", {"a": text}),
            (f"{{a: {one}}}", {"a": text}),
            (f"{{{one}: 1}}", {text: 1}),
            (f"? {one}\n: 1", {text: 1}),
        ):
            tree = read(place, "f", loader=loader)
            assert tree.problems == ()
            assert tree.data == data
    assert visible(one) == one


@given(st.text("0123456789abcdefxobXO_+-.:eEtTyYnN~ ", max_size=12) | words)
def test_a_plain_value_that_is_read_means_the_same_to_a_yaml_1_1_reader(text):
    value = plain(text)
    if not isinstance(value, Trap):
        reader = yaml.SafeLoader("")
        tag = reader.resolve(yaml.ScalarNode, text, (True, False))
        assert reader.construct_object(yaml.ScalarNode(tag, text)) == value


@given(st.permutations(["a", "b", "c"]), st.lists(st.sampled_from(["x", "y", "z"]), min_size=3, max_size=3))
def test_the_order_of_files_does_not_change_the_diagnostics(order, names):
    files = {
        "a": f"version: 1\nstack: s\nbuckets: [{{name: {names[0]}1, region: global, type: File}}]",
        "b": f"defaults: {{region: global}}\nbuckets: [{{name: {names[1]}, type: Live}}]\nremoved: [{{name: x}}]",
        "c": f"defaults: {{type: LiveRec}}\nbuckets: [{{name: {names[2]}, region: us-west-2}}]",
    }
    one = load_texts({name: files[name].encode() for name in files})
    other = load_texts({name: files[name].encode() for name in order})
    assert (one.manifest is None) == (other.manifest is None)
    if one.manifest and other.manifest:
        assert set(map(repr, one.manifest.desired)) == set(map(repr, other.manifest.desired))
        assert set(one.manifest.removed) == set(other.manifest.removed)
        assert one.manifest.stack == other.manifest.stack
    else:
        assert {problem.code for problem in one.diagnostics} == {problem.code for problem in other.diagnostics}


@given(st.dictionaries(safe_text, st.dictionaries(st.just("default"), safe_text), max_size=3))
def test_a_template_means_the_same_as_mapping_and_as_json_text(template):
    def attrs(value):
        bucket = {"name": "m", "region": "eu-west-1", "type": "File", "metadata_template": value}
        result = load_texts({"a": flow({"version": 1, "buckets": [bucket]}).encode()})
        assert result.diagnostics == ()
        assert result.manifest is not None
        return result.manifest.desired[0].attrs["metadata_template"]

    assert (
        attrs(template)
        == attrs(json.dumps(template))
        == attrs(json.dumps(template, ensure_ascii=False))
        == (template or None)
    )
