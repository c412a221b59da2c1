"""A matrix to its combinations, as GitHub's workflows define them, and to buckets."""

import pytest

from acrsync.diagnostics import Span
from acrsync.manifest import load_texts
from acrsync.manifest.matrix import MAX_BUCKETS, Matrix
from acrsync.manifest.scalars import flow
from acrsync.manifest.tree import read

# Source: GitHub, "Running variations of jobs in a workflow", its own examples.
GITHUB = [
    (
        "{fruit: [apple, pear], animal: [cat, dog], include: [{color: green}, {color: pink, animal: cat}, "
        "{fruit: apple, shape: circle}, {fruit: banana}, {fruit: banana, animal: cat}]}",
        [
            {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
            {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
            {"fruit": "pear", "animal": "cat", "color": "pink"},
            {"fruit": "pear", "animal": "dog", "color": "green"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ],
        "the example of GitHub's own documentation",
    ),
    (
        "{os: [windows, ubuntu], node: [14, 16], include: [{os: windows, node: 16, npm: 6}]}",
        [
            {"os": "windows", "node": 14},
            {"os": "windows", "node": 16, "npm": 6},
            {"os": "ubuntu", "node": 14},
            {"os": "ubuntu", "node": 16},
        ],
        "a combination is made larger",
    ),
    (
        "{os: [mac, windows], version: [12, 14, 16], include: [{os: windows, version: 17}]}",
        [
            *({"os": "mac", "version": version} for version in (12, 14, 16)),
            *({"os": "windows", "version": version} for version in (12, 14, 16)),
            {"os": "windows", "version": 17},
        ],
        "a combination is added",
    ),
    (
        "{include: [{site: production, dc: a}, {site: staging, dc: b}]}",
        [{"site": "production", "dc": "a"}, {"site": "staging", "dc": "b"}],
        "only included ones",
    ),
    (
        "{os: [mac, windows], version: [12, 14, 16], env: [staging, prod], "
        "exclude: [{os: mac, version: 12, env: prod}, {os: windows, version: 16}]}",
        [
            {"os": "mac", "version": 12, "env": "staging"},
            *({"os": "mac", "version": version, "env": env} for version in (14, 16) for env in ("staging", "prod")),
            *({"os": "windows", "version": version, "env": env} for version in (12, 14) for env in ("staging", "prod")),
        ],
        "what is excluded in part",
    ),
    ("{a: [1, 2], exclude: [{a: 1}], include: [{a: 1, b: 3}]}", [{"a": 2}, {"a": 1, "b": 3}], "excluded, included"),
    ("{a: [1], include: [{b: 1}, {b: 2}]}", [{"a": 1, "b": 2}], "what was added can be overwritten"),
    ("{a: [1, true, '1'], exclude: [{a: 1}]}", [{"a": True}, {"a": "1"}], "one, true and a text are three"),
    ("{a: [], b: [1]}", [], "nothing of one key"),
    ("{a: [x], exclude: [{a: x}]}", [], "nothing is left"),
    ("{a: [[1, 2], {b: c}]}", [{"a": [1, 2]}, {"a": {"b": "c"}}], "lists and mappings are values"),
]


@pytest.mark.parametrize(("text", "combinations", "reason"), GITHUB)
def test_a_matrix_has_the_same_combinations_as_on_github(text, combinations, reason):
    matrix = Matrix(read(text, "f").data, "f")
    assert list(matrix.problems()) == []
    assert list(matrix.combinations()) == combinations, reason


def manifest(buckets, **more):
    text = flow({"version": 1, "defaults": {"region": "eu-west-1", "type": "File"}, **more, "buckets": buckets})
    return load_texts({"f": text.encode()})


def names(buckets, **more):
    loaded = manifest(buckets, **more)
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    return [entry.name for entry in loaded.manifest.desired]


def codes(buckets, **more):
    return [problem.code for problem in manifest(buckets, **more).diagnostics]


def test_an_entry_with_a_matrix_is_one_bucket_for_each_combination():
    loaded = load_texts(
        {
            "f": b"version: 1\nbuckets:\n  - name: ${station}-${region}\n    region: ${region}\n    type: Live\n"
            b"    labels: [Radio, '${station}']\n    matrix:\n      station: [one, two]\n"
            b"      region: [eu-west-1, us-west-2]\n      exclude: [{station: two, region: us-west-2}]\n"
        }
    )
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    assert [(one.name, one.attrs["region"], one.attrs["labels"], one.span) for one in loaded.manifest.desired] == [
        (f"{station}-{region}", region, ["Radio", station], Span("f", 3, 5))
        for station, region in (("one", "eu-west-1"), ("one", "us-west-2"), ("two", "eu-west-1"))
    ]
    assert all(type(one.span) is Span for one in loaded.manifest.desired)


@pytest.mark.parametrize(
    ("bucket", "attrs", "reason"),
    [
        ({"net_type": "${x}"}, {"net_type": 1}, "a number stays one"),
        ({"labels": "${list}"}, {"labels": ["a", "b"]}, "a whole list"),
        ({"labels": ["${x}"]}, "E131", "a number is not a label"),
        ({"labels": ["v${x}"]}, {"labels": ["v1"]}, "a number inside a text"),
        ({"labels": ["${yes}!"]}, {"labels": ["true!"]}, "a truth value inside a text"),
        ({"labels": ["$${x}"]}, {"labels": ["${x}"]}, "the text itself"),
        ({"labels": ["$$${x}", "$ {x}", "$x", "{x}"]}, {"labels": ["$ {x}", "$${x}", "$x", "{x}"]}, "dollars"),
        ({"labels": ["${word}${word}"]}, {"labels": ["ww"]}, "two of them"),
        (
            {"metadata_template": {"${word}_title": {"default": "${word}"}}},
            {"metadata_template": {"w_title": {"default": "w"}}},
            "a key of a template",
        ),
        ({"metadata_template": "${template}"}, {"metadata_template": {"t": {}}}, "a whole template"),
        ({"metadata_template": '{"${word}": {}}'}, {"metadata_template": {"w": {}}}, "a template as JSON text"),
        ({"metadata_template": {"a": "${descriptor}"}}, {"metadata_template": {"a": {"default": "d"}}}, "a descriptor"),
        ({"metadata_template": {"${word}": {}, "w": {}}}, "E164", "two keys become one"),
        ({"labels": ["${list}!"]}, "E164", "a list inside a text"),
        ({"labels": ["${nothing}!"]}, "E164", "null inside a text"),
        ({"labels": ["${"]}, "E164", "half of a reference"),
        ({"labels": ["${a b}"]}, "E164", "no name"),
        ({"labels": ["${wrd}"]}, "E162", "no such variable"),
        ({"region": "${nested}"}, {"region": "us-west-2"}, "a variable of a variable"),
        ({"id": "${x}"}, {}, "an id"),
        ({"protect": "${word}"}, "E131", "a text is not a boolean"),
        ({"labels": "\\u0024{list}"}, {"labels": ["a", "b"]}, "an escape"),
    ],
)
def test_variables_stand_for_values_in_any_text_of_a_bucket(bucket, attrs, reason):
    variables = {
        "x": 1, "list": ["b", "a"], "yes": True, "word": "w", "template": {"t": {}}, "descriptor": {"default": "d"},
        "nothing": None, "nested": "${other}-2", "other": "us-west",
    }  # fmt: skip
    text = flow(
        {"version": 1, "variables": variables, "buckets": [{"name": "n", "type": "File", "region": "global", **bucket}]}
    )
    loaded = load_texts({"f": text.replace("\\\\u0024", "\\u0024").encode()})
    codes = [problem.code for problem in loaded.diagnostics if problem.code != "W160"]
    if isinstance(attrs, str):
        assert codes == [attrs], reason
        return
    assert codes == [], reason
    assert loaded.manifest is not None
    (desired,) = loaded.manifest.desired
    assert {key: desired.attrs[key] for key in attrs} == attrs, reason


def test_variables_stand_in_defaults_and_in_removed():
    loaded = manifest(
        [{"name": "a"}],
        variables={"r": "us-west-2", "p": "stg-"},
        defaults={"region": "${r}", "type": "File"},
        removed=[{"name": "${p}old"}],
    )
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    assert loaded.manifest.desired[0].attrs["region"] == "us-west-2"
    assert loaded.manifest.removed[0].name == "stg-old"


def test_a_key_of_a_matrix_takes_precedence_over_a_variable():
    assert names([{"name": "${x}", "matrix": {"x": ["m"]}}, {"name": "${x}"}], variables={"x": "v"}) == ["m", "v"]


def test_a_plain_entry_replaces_the_combination_of_its_name():
    buckets = [
        {"name": "s-${x}", "labels": ["a"], "matrix": {"x": ["one", "two"]}},
        {"name": "s-one", "id": 7, "was": "x"},
    ]
    loaded = manifest(buckets)
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    assert [(one.name, one.id, one.was, "labels" in one.attrs) for one in loaded.manifest.desired] == [
        ("s-two", None, None, True),
        ("s-one", 7, "x", False),
    ]


def test_a_plain_entry_in_another_file_replaces_it_too():
    files = {
        "a": b"version: 1\nbuckets: [{name: 's-${x}', region: global, type: File, matrix: {x: [one, two]}}]",
        "b": b"buckets: [{name: s-two, region: global, type: File, protect: false}]",
    }
    loaded = load_texts(files)
    assert loaded.manifest is not None
    assert [(one.name, one.protect) for one in loaded.manifest.desired] == [("s-one", None), ("s-two", False)]


@pytest.mark.parametrize(
    ("matrix", "code"),
    [
        ({"x": "one"}, "E131"),
        ({"x": "${word}"}, "E165"),
        ({"x": ["a"], "exclude": [{"y": 1}]}, "E165"),
        ({"x": ["a"], "exclude": [{}]}, "E134"),
        ({"x": ["a"], "include": "${word}"}, "E165"),
        ({"x": ["a"], "include": "${list}"}, "E165"),
        ({}, "E134"),
        ({"x": ["a", "a"]}, "E141"),
        ({"x": ["a", "A"]}, "E142"),
        ({"x": [["a"]]}, "E131"),
    ],
)
def test_a_matrix_that_cannot_be_expanded_is_reported(matrix, code):
    bucket = {"name": "${x}", "matrix": matrix} if "x" in matrix else {"name": "b", "matrix": matrix}
    found = [one for one in codes([bucket], variables={"word": "w", "list": ["a"]}) if one not in ("W160", "E162")]
    assert found == [code]


def test_two_combinations_with_one_name_are_reported_with_their_values():
    bucket = {"name": "s-${station}", "matrix": {"station": ["one"], "region": ["eu-west-1", "us-west-2"]}}
    warning, problem = sorted(manifest([bucket]).diagnostics, key=lambda one: one.code, reverse=True)
    assert (problem.code, warning.code) == ("E141", "W160")
    assert "already at f:1:67 (station: one, region: eu-west-1)" in problem.detail
    assert problem.detail.endswith("This is the bucket of station: one, region: us-west-2.")
    assert "`exclude`" in problem.fix


def test_a_mistake_in_a_matrix_entry_is_reported_once():
    bucket = {"name": "s-${x}", "region": "mars", "labels": [" ${x}"], "matrix": {"x": [f"l{n}" for n in range(20)]}}
    region, label = manifest([bucket]).diagnostics
    assert (region.code, label.code) == ("E132", "E135")
    assert "This is" not in region.detail, "it is the same for all, and written once"
    assert label.detail == 'The label " l0" begins or ends with a space. This is the bucket of x: l0, and 19 more.'
    assert label.fix == "change the entry, its `matrix` or its variables to get l0"


def test_at_most_ten_thousand_buckets():
    hundred = [f"n{n}" for n in range(100)]
    bucket = {"name": "${a}-${b}", "matrix": {"a": hundred, "b": hundred}}
    assert len(names([bucket])) == MAX_BUCKETS
    assert codes([bucket, {"name": "x-${a}", "matrix": {"a": ["one"]}}]) == ["E166"]
    assert codes([{"name": "${a}-${b}", "matrix": {"a": hundred, "b": [*hundred, "more"]}}]) == ["E166"]


def test_a_manifest_without_a_matrix_has_no_such_limit():
    assert len(names([{"name": f"n{n}"} for n in range(MAX_BUCKETS + 1)])) == MAX_BUCKETS + 1


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"a": "${a}"}, "E163"),
        ({"a": "${b}", "b": ["${a}"]}, "E163"),
        ({"a": "${b}", "b": {"x": "-${c}"}, "c": "${a}"}, "E163"),
        ({"a": "${b}"}, "E162"),
        ({"a": "${"}, "E164"),
    ],
)
def test_a_mistake_in_a_variable_is_reported_once_at_the_variable(variables, code):
    assert codes([{"name": "x-${a}"}, {"name": "y-${a}"}], variables=variables) == [code]


@pytest.mark.parametrize("count", [40, 5000])
def test_variables_can_refer_to_each_other_in_any_order(count):
    chain = {f"v{n}": f"${{v{n + 1}}}" for n in range(count)} | {f"v{count}": "end"}
    assert names([{"name": "${v0}"}], variables=chain) == ["end"]


def test_an_unused_variable_is_a_warning_and_the_manifest_is_loaded():
    loaded = manifest([{"name": "a"}], variables={"prefix": "x"})
    assert [(one.code, str(one.severity)) for one in loaded.diagnostics] == [("W160", "warning")]
    assert loaded.manifest is not None


def test_a_suggestion_names_the_nearest_variable():
    (problem,) = (
        one for one in manifest([{"name": "${statoin}"}], variables={"station": "x"}).diagnostics if one.code == "E162"
    )
    assert problem.fix == "write ${station} instead."
