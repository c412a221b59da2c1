"""Environments, variables and matrices: what they stand for, written out by hand, is the same; and nothing crashes."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from acrsync.diagnostics import Severity
from acrsync.manifest import Loaded, Source, load_texts
from acrsync.manifest.rendering import rendered
from acrsync.manifest.scalars import flow, literal
from acrsync.model import Snapshot
from acrsync.plan.planner import make_plan
from acrsync.visible import visible
from examples import examples

WORDS = ["one", "two", "eu", "us", "", "a b", "$", "${", "$${x}", "é", "رادیو\u200cها", "🎧", '"', "1", "no"]
NAMES = ["prefix", "station", "region", "list", "n-1"]
word = st.sampled_from(WORDS)
scalars = word | st.integers(-3, 3) | st.booleans()
combinations = st.dictionaries(st.sampled_from(NAMES), scalars, min_size=1, max_size=2)


def reference(name):
    return f"${{{name}}}"


@st.composite
def matrices(draw):
    keys = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=3))
    matrix = {key: draw(st.lists(scalars, max_size=3)) for key in keys}
    if draw(st.booleans()):
        partial = st.lists(st.sampled_from(keys), unique=True, min_size=1).flatmap(
            lambda some: st.fixed_dictionaries(
                {key: st.sampled_from(matrix[key]) if matrix[key] else scalars for key in some}
            )
        )
        matrix["exclude"] = draw(st.lists(partial, max_size=2))
    if draw(st.booleans()):
        matrix["include"] = draw(st.lists(combinations, max_size=2))
    return matrix


def same(one, other):
    return type(one) is type(other) and one == other


def written_out(matrix):
    """Return the combinations exactly as the documentation of GitHub's workflows says."""
    keys = [key for key in matrix if key not in ("include", "exclude")]
    original = [dict(zip(keys, row, strict=True)) for row in itertools.product(*(matrix[key] for key in keys))]
    original = [
        one
        for one in original
        if not any(all(same(one[key], item[key]) for key in item) for item in matrix.get("exclude", []))
    ]
    result = [dict(one) for one in original]
    for item in matrix.get("include", []):
        fits = [at for at, one in enumerate(original) if all(same(one[key], item[key]) for key in item if key in one)]
        for at in fits:
            result[at] |= item
        if not fits:
            result.append(dict(item))
    return result


def as_text(value):
    return "true" if value is True else "false" if value is False else str(value)


def names_of(loaded):
    return [one.code for one in loaded.diagnostics if one.severity is Severity.ERROR]


@given(matrices(), st.lists(st.sampled_from(["one", "two"]), max_size=2))
def test_a_matrix_equals_its_expanded_manifest(matrix, more):
    whole = written_out(matrix)
    keys = sorted({key for one in whole for key in one})
    if any(set(one) != set(keys) for one in whole):
        return  # a text would refer to what one of them does not have
    short = {"region": "global", "type": "File"}
    template = {"name": "x" + "-".join(map(reference, keys)), "labels": [f"l{reference(key)}" for key in keys], **short}
    plain = [
        {
            "name": literal("x" + "-".join(as_text(one[key]) for key in keys)),
            "labels": [literal(f"l{as_text(one[key])}") for key in keys],
            **short,
        }
        for one in whole
    ]
    extra = [{"name": name, **short} for name in more]
    matrix = {key: literal(value) for key, value in json.loads(json.dumps(matrix)).items()}
    with_matrix = load_texts({"f": flow({"version": 1, "buckets": [{**template, "matrix": matrix}, *extra]}).encode()})
    without = load_texts({"f": flow({"version": 1, "buckets": [*plain, *extra]}).encode()})
    assert set(names_of(with_matrix)) == set(names_of(without))
    if with_matrix.manifest is not None:
        assert without.manifest is not None
        assert [one.attrs for one in with_matrix.manifest.desired] == [one.attrs for one in without.manifest.desired]


environments = st.dictionaries(
    st.sampled_from(["staging", "prod", "test"]),
    st.fixed_dictionaries(
        {"account": st.integers(1, 9).map(lambda uid: {"uid": uid})},
        optional={
            "stack": st.sampled_from(["radio", "tv"]),
            "ownership": st.just("label"),
            "prune": st.sampled_from(["never", "stack", "account"]),
            "limits": st.sampled_from([{}, {"deletes": 3}, {"deletes": "0%"}]),
            "endpoint": st.sampled_from(["https://api-v2.acrcloud.com", "emulator:"]),
            "token_env": st.just("ACRSYNC_TOKEN_X"),
            "runs": st.sampled_from(["git:origin", ".acrsync/runs"]),
            "defaults": st.just({"region": "us-west-2", "type": "Live"}),
            "removed": st.lists(st.sampled_from(["gone", "old $${x}"]), unique=True).map(
                lambda all_: [{"name": one} for one in all_]
            ),
            "allow": st.just([{"guard": "replace", "id": 3, "reason": "a ${b}"}]),
            "variables": st.dictionaries(st.sampled_from(["prefix", "label"]), st.sampled_from(["stg-", "a", "é"])),
        },
    ),
    min_size=1,
    max_size=3,
)
buckets = st.lists(
    st.sampled_from(
        [
            {"name": "${prefix}music"},
            {"name": "${prefix}${station}", "labels": ["${label}"], "matrix": {"station": ["one", "two"]}},
            {"name": "$${x}", "metadata_template": {"$${k}": {"default": "${label}"}}, "protect": False},
            {"name": "tv", "was": "old-tv", "net_type": 1, "labels": []},
            {"name": "bad\u200bname", "id": 7, "metadata_template": {}},
        ]
    ),
    unique_by=lambda one: str(one["name"]),  # type: ignore[index]
)


@given(environments, buckets)
def test_rendering_keeps_the_plan_and_is_idempotent(envs, entries):
    data = {
        "version": 1, "variables": {"prefix": "", "label": "l"}, "environments": envs,
        "defaults": {"region": "eu-west-1", "type": "File"}, "buckets": entries,
    }  # fmt: skip
    files = {"f.yaml": flow(data).encode()}
    found = Source(files).all()
    for name, loaded in found.environments.items():
        assert loaded == load_texts(files, name)
        text = rendered(Source(files), name)
        assert (loaded.manifest is None) == isinstance(text, Loaded)
        if isinstance(text, str) and loaded.manifest is not None:
            assert rendered(Source({"g.yaml": text.encode()}), None) == text
            plain = load_texts({"g.yaml": text.encode()}).manifest
            assert plain is not None
            account = Snapshot((), "https://api.example")
            assert make_plan(plain, account).digest == make_plan(loaded.manifest, account).digest
            assert comparable(plain) == comparable(loaded.manifest)


def comparable(manifest):
    """Return all of a manifest but the places, which rendering cannot keep."""
    unplaced = {
        key: tuple(replace(one, span=None) for one in getattr(manifest, key))
        for key in ("desired", "removed", "approvals")
    }
    return replace(manifest, files=(), spans={}, environment=None, **unplaced)


KEYS = [
    *(
        "version",
        "environments",
        "variables",
        "buckets",
        "defaults",
        "removed",
        "allow",
        "stack",
        "account",
        "uid",
        "prune",
    ),
    *(
        "endpoint",
        "token_env",
        "runs",
        "matrix",
        "include",
        "exclude",
        "name",
        "region",
        "type",
        "labels",
        "id",
        "x",
        "all",
    ),
]
tokens = st.sampled_from(
    [
        *KEYS,
        "${x}",
        "${y}",
        "${",
        "$${",
        "a${x}b${y}",
        "${x}${x}",
        "prod",
        "eu-west-1",
        "File",
        "label",
        "1",
        "\u200d",
        "é",
    ]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 300) | tokens,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(tokens, inner, max_size=4),
    max_leaves=15,
)


@st.composite
def near_environments(draw):
    bucket = st.fixed_dictionaries(
        {"name": tokens | anything},
        optional={
            "region": tokens, "type": tokens, "labels": anything, "id": anything, "metadata_template": anything,
            "matrix": st.dictionaries(tokens, st.lists(anything, max_size=4) | anything, max_size=4) | anything,
            "environments": st.lists(tokens, max_size=2) | anything,
        },
    )  # fmt: skip
    own = st.fixed_dictionaries(
        {}, optional=dict.fromkeys(KEYS[:15], anything) | {"variables": st.dictionaries(tokens, anything)}
    )
    return draw(
        st.fixed_dictionaries(
            {"version": st.just(1)},
            optional={
                "environments": st.dictionaries(tokens, own | anything, max_size=3) | anything,
                "variables": st.dictionaries(tokens, anything, max_size=4) | anything,
                "buckets": st.lists(bucket | anything, max_size=4) | anything,
                "defaults": anything,
                "removed": anything,
            },
        )
    )


def survives(files):
    """Load for every environment, and check what holds for every result."""
    found = Source(files).all()
    assert found == Source(files).all()
    for name, loaded in found.environments.items():
        errors = [one for one in loaded.diagnostics if one.severity is Severity.ERROR]
        assert (loaded.manifest is None) == bool(errors)
        assert loaded == load_texts(files, name or None)
        for problem in (*loaded.diagnostics, *found.diagnostics):
            assert problem.fix
            assert type(problem.span).__name__ == "Span"
            assert problem.span is not None
            assert problem.span.file in files
            assert visible(problem.detail) == problem.detail
            assert visible(problem.fix) == problem.fix
        if loaded.manifest is not None:
            assert isinstance(rendered(Source(files), name or None), str)


@given(near_environments() | anything)
def test_no_structure_makes_loading_fail(data):
    survives({"a.yaml": flow(data).encode("utf-8", "surrogatepass")})


@given(st.lists(near_environments(), min_size=1, max_size=3))
def test_no_files_together_make_loading_fail(files):
    survives({f"{at}.yaml": flow(data).encode() for at, data in enumerate(files)})


PIECES = [
    *(
        "version: 1\n",
        "environments:\n",
        "variables:\n",
        "buckets:\n",
        "  prod: {}\n",
        "  x: y\n",
        "  - name: ${x}\n",
        "    ",
    ),
    *(
        "    matrix: {x: [1, 2]}\n",
        "matrix: ",
        "${x}",
        "${",
        "$${",
        "}",
        "{",
        "[",
        "]",
        ", ",
        ": ",
        "\n",
        "- ",
        "&a ",
        "*a",
        "'",
    ),
    *(
        '"',
        "\\u0024{x}",
        "include: ",
        "exclude: ",
        "---\n",
        "...\n",
        "\u00a0",
        "<<<<<<< a\n",
        "\t",
        "%",
        "#",
        "\\ud83c",
        "~",
    ),
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=25).map("".join))
def test_no_tokens_make_loading_fail(text):
    survives({"a.yaml": text.encode("utf-8", "surrogatepass")})


@given(st.binary(max_size=80))
def test_no_bytes_make_loading_fail(data):
    survives({"a.yaml": b"version: 1\nvariables: {x: [1]}\n" + data})


@given(
    st.integers(1, 30),
    st.integers(2, 12),
    st.sampled_from(["'${%s}${%s}'", "['${%s}', '${%s}']", "{a: '${%s}', b: ['${%s}']}"]),
    st.sampled_from(
        ["name: '${v0}'", "name: b, labels: '${v0}'", "name: '${m}', metadata_template: '${v0}', matrix: {m: '${v0}'}"]
    ),
)
@examples(35)
def test_no_alias_bomb_grows(depth, width, shape, bucket):
    variables = (
        "".join(f"  v{n}: {shape % ((f'v{n + 1}',) * 2)}\n" for n in range(depth)) + f"  v{depth}: {'x' * width}\n"
    )
    text = f"version: 1\nvariables:\n{variables}buckets: [{{{bucket}, region: global, type: File}}]\n"
    found = load_texts({"a.yaml": text.encode()})
    size = sum(len(str(one.attrs)) for one in found.manifest.desired) if found.manifest else 0
    assert size < 5_000_000
