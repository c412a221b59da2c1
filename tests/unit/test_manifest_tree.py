"""YAML to data with places: the same with libyaml and without."""

import subprocess
import sys

import pytest
import yaml

from acrsync.manifest.tree import FASTEST, MAX_ALIASED, MAX_DEPTH, read

LOADERS = list(dict.fromkeys((yaml.BaseLoader, FASTEST)))
parsers = pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.__name__)


def problems_of(text, loader):
    problems = read(text, "f", loader=loader).problems
    return [(problem.code, problem.span.line, problem.span.column) for problem in problems if problem.span]


@parsers
def test_every_value_and_key_has_its_position(loader):
    text = "version: 1\nbuckets:\n  - name: music\n    labels: [Music, 'TV']\n  - {name: b, id: 7}\n"
    tree = read(text, "f", loader=loader)
    assert tree.problems == ()
    assert tree.data == {
        "version": 1,
        "buckets": [{"name": "music", "labels": ["Music", "TV"]}, {"name": "b", "id": 7}],
    }
    places = {
        (): "f:1:1",
        ("version",): "f:1:10",
        ("buckets",): "f:3:3",
        ("buckets", 0): "f:3:5",
        ("buckets", 0, "name"): "f:3:11",
        ("buckets", 0, "labels", 1): "f:4:21",
        ("buckets", 1, "id"): "f:5:19",
    }
    assert {path: str(tree.span(path)) for path in places} == places
    assert str(tree.span((), key="buckets")) == "f:2:1"
    assert str(tree.span(("buckets", 1), key="id")) == "f:5:15"


@parsers
def test_a_path_into_a_text_has_the_position_of_the_text(loader):
    tree = read("a: '{}'", "f", loader=loader)
    assert str(tree.span(("a", "artist", "default"))) == "f:1:4"


@parsers
def test_columns_count_characters_as_editors_do(loader):
    assert str(read("{é🎧: 1, b: 2}", "f", loader=loader).span(("b",))) == "f:1:12"


@parsers
def test_an_alias_is_the_value_of_its_anchor(loader):
    tree = read("a: &x {b: [1]}\nc: *x\nd: &y text\ne: *y\n", "f", loader=loader)
    assert tree.problems == ()
    assert tree.data == {"a": {"b": [1]}, "c": {"b": [1]}, "d": "text", "e": "text"}
    assert str(tree.span(("c", "b", 0))) == "f:1:12"


@parsers
@pytest.mark.parametrize(
    ("text", "expected", "reason"),
    [
        ("a: 1\na: 2\n", ("E115", 2, 1), "one of the two would be lost"),
        ("a: 1\n'a': 2\n", ("E115", 2, 1), "quotes make no other key"),
        ("1: a", ("E116", 1, 1), "a number"),
        ("~: a", ("E116", 1, 1), "null"),
        ("true: a", ("E116", 1, 1), "a truth value"),
        ("[a]: b", ("E116", 1, 1), "a list"),
        ("? {a: b}\n: c", ("E116", 1, 3), "a mapping"),
        ("a: &x 1\n*x : 2", ("E116", 2, 1), "a number behind an alias"),
        ("no: a", ("E117", 1, 1), "a trap as a key"),
        ("a: {b: 012}", ("E117", 1, 8), "a trap as a value"),
        ("- yes", ("E117", 1, 3), "a trap as an item"),
        ("a: &x {b: c}\nd:\n  <<: *x", ("E114", 3, 3), "merge"),
        ("a: !x b", ("E113", 1, 4), "a tag of one's own"),
        ("a: !!int '1'", ("E113", 1, 4), "a tag of YAML"),
        ("a: ! b", ("E113", 1, 4), "the empty tag"),
        ("!x {a: b}", ("E113", 1, 1), "a tag on everything"),
        ("a: *x", ("E118", 1, 4), "no such anchor"),
        ("a: *x\nb: &x c", ("E118", 1, 4), "the anchor comes later"),
        ("a: &x {b: *x}", ("E118", 1, 11), "a value inside itself"),
        ("a: &x [[*x]]", ("E118", 1, 9), "a list inside itself"),
        ("a: &x 1\nb: &x 2", ("E118", 2, 4), "one anchor twice"),
        ("a: b\n---\nc: d\n", ("E111", 2, 1), "two documents"),
        ("a: b\n...\n---\nc: d\n", ("E111", 3, 1), "two documents, the first one closed"),
        ("[" * (MAX_DEPTH + 1), ("E120", 1, MAX_DEPTH + 1), "deep, and not even complete"),
    ],
)
def test_yaml_features_that_a_manifest_does_not_allow_are_reported_with_their_position(loader, text, expected, reason):
    assert problems_of(text, loader) == [expected], reason


@parsers
@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: b: c", 1, "a colon too many"),
        ("a: 'b", 1, "a quote that is not closed"),
        ('a: "b\nc: d', 2, "a quote that is not closed"),
        ("a: [b, c\nd: e", 2, "a bracket that is not closed"),
        ("a:\n  - b\n - c\n", 3, "indented less"),
        ("a:\n    b: c\n  d: e\n", 3, "indented less"),
        ("a: b\n  c: d\n", 2, "indented more"),
        ("a: @b", 1, "a reserved character"),
        ("a: `b", 1, "a reserved character"),
        ("a\nb: c\n", 2, "no colon"),
        ("a: - b", 1, "a list on the line of its key"),
        ('a: "\\q"', 1, "an unknown escape"),
        ('a: "\\ud800"', 1, "half of a surrogate pair"),
        ("a: [x:]", 1, "only PyYAML reads this"),
        ("a: {x:[1]}", 1, "only PyYAML reads this"),
        ("a: [b :,c]", 1, "only PyYAML reads this"),
        ("a: [who?]", 1, "only libyaml reads this"),
        ("a: {b ? c: d}", 1, "only libyaml reads this"),
        ("a: |#\n  b\n", 1, "only libyaml reads this"),
        ("a: &x # y\n  >2-#\n  b\n", 1, "only libyaml reads this"),
    ],
)
def test_text_that_one_parser_refuses_is_refused_by_both(loader, text, line, reason):
    last = problems_of(text, loader)[-1]
    assert last[0] in ("E110", "E105"), reason
    if not text.startswith('a: "'):  # where in a long text an escape stands, the parsers tell differently
        assert abs(last[1] - line) <= 1, reason


@parsers
@pytest.mark.parametrize("text", ["", "# nothing\n", "\n\n", "---\n", "---\n# nothing\n...\n"])
def test_a_text_without_a_value_has_no_data_and_no_problem(loader, text):
    tree = read(text, "f", loader=loader)
    assert (tree.data, tree.problems) == (None, ())


@parsers
def test_problems_before_a_syntax_error_are_also_reported(loader):
    assert [code for code, _, _ in problems_of("a: no\nb: 1\nb: 2\nc: 'd", loader)] == ["E117", "E115", "E110"]


@parsers
def test_a_refused_value_does_not_disturb_its_neighbours(loader):
    text = "a: no\n1: {x: y}\n? [p]\n: q\nb: 1\nb: {z: 3}\n<<: {m: n}\nc: *x\nd: e\n"
    tree = read(text, "f", loader=loader)
    assert tree.data == {"a": "no", "b": 1, "c": None, "d": "e"}
    assert str(tree.span((), key="d")) == "f:9:1"
    assert str(tree.span(("d",))) == "f:9:4"


@parsers
def test_an_alias_bomb_is_refused_before_it_grows(loader):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    tree = read("\n".join(lines), "f", loader=loader)
    assert [problem.code for problem in tree.problems] == ["E119"]
    assert tree.data is None


@parsers
def test_many_small_aliases_are_not_a_bomb(loader):
    count = 1000
    text = "t: &t {artist: {default: x}}\nb:\n" + "- {m: *t}\n" * count
    tree = read(text, "f", loader=loader)
    assert count * 3 < MAX_ALIASED
    assert tree.problems == ()
    assert tree.data["b"][-1] == {"m": {"artist": {"default": "x"}}}


def test_loading_works_without_libyaml():
    program = (
        "import sys; sys.modules['yaml._yaml'] = None\n"
        "from acrsync.manifest import load_texts, tree\n"
        "print(tree.FASTEST.__name__, load_texts({'a': b'version: 1'}).diagnostics)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "BaseLoader ()\n"


@parsers
def test_explicit_keys_blocks_of_text_and_several_lines_are_plain_yaml(loader):
    text = '? a\n: |\n  {"b": 1}\n\nc: >-\n  x\n  y\nd: x\n  y\n\'e\': "\\u00e9\\\n  f"\ng: [http://a:1/b#c, a:b]\n'
    tree = read(text, "f", loader=loader)
    assert tree.problems == ()
    assert tree.data == {"a": '{"b": 1}\n', "c": "x y", "d": "x y", "e": "éf", "g": ["http://a:1/b#c", "a:b"]}
