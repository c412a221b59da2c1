"""Words of any script: what is shown is what is there, and every fix keeps what is seen and works when it is pasted."""

import json

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from acrsync.manifest import load_texts
from acrsync.manifest.scalars import flow, written
from acrsync.manifest.tree import FASTEST, read
from acrsync.visible import characters, cleaned, lookalike, pasteable, visible

PIECES = [
    *("a", "B", " ", "ß", "1", "#", "é", "e\u0301", "ر", "م", "ه", "۱", "\u064e", "क", "्", "ി", "ന", "ක", "্", "র"),
    *("ᠠ", "ᠪ", "ܐ", "葛", "한", "ᄀ", "\u1160", "\u3164", "\u3000", "\u00a0", "\u202f", "\t", "\n", "\r\n", "\u2028"),
    *("\u200b", "\u200c", "\u200d", "\u200e", "\u202e", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u180b", "\u180e"),
    *(
        "\ufe00",
        "\ufe0e",
        "\ufe0f",
        "\U000e0100",
        "\U000e0067",
        "\U000e007f",
        "❤",
        "🏴",
        "👩",
        "🏽",
        "🚀",
        "🇩",
        "\u20e3",
    ),
    *(
        "\u06dd",
        "\u2800",
        "\x00",
        "\x1b",
        "\x85",
        "\ufffe",
        '"',
        "\\",
        "'",
        ",",
        "↔",
        "ℹ",
        "\U0001faf8",
        "\u0f71\u0f72",
    ),
]
words = st.lists(st.sampled_from(PIECES), max_size=10).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)


def problems_of(bucket):
    return load_texts({"f": flow({"version": 1, "buckets": [bucket]}).encode()}).diagnostics


@given(words.filter(bool))
@example("e\u200b\u0301")
@example("क\u200d\u200d्")
def test_every_fix_of_a_name_works_and_keeps_the_visible_text(name):
    bucket = {"name": name, "region": "eu-west-1", "type": "File"}
    for problem in problems_of(bucket):
        assert problem.code == "E140"
        if cleaned(name):
            fixed = read(problem.fix.removeprefix("write "), "f").data
            assert problems_of(bucket | fixed) == ()
            assert lookalike(fixed["name"]) == lookalike(name)
            seen = [one for one, hidden in characters(name) if not hidden]
            assert lookalike("".join(seen)) == lookalike(fixed["name"])
    assert problems_of(bucket | {"id": 7}) == ()


@given(st.lists(words, max_size=3))
def test_every_fix_of_a_label_works(labels):
    labels = [label for label in labels if label and "," not in label]
    bucket = {"name": "a", "region": "eu-west-1", "type": "File", "labels": labels}
    for _ in range(len(labels) + 1):
        problems = [problem for problem in problems_of(bucket) if problem.code == "E135"]
        if not problems:
            break
        last = problems[-1]
        at = next(at for at in reversed(range(len(bucket["labels"]))) if wrong(bucket["labels"], at))
        if last.fix.startswith("write "):
            bucket["labels"][at] = read(last.fix.removeprefix("write "), "f").data
        else:
            del bucket["labels"][at]
    assert problems_of(bucket) == ()


def wrong(labels, at):
    return labels[at] != cleaned(labels[at]) or labels[at] in labels[:at]


@given(st.lists(words, max_size=4).map(",".join))
def test_the_fix_of_labels_as_text_works(text):
    bucket = {"name": "a", "region": "eu-west-1", "type": "File", "labels": text}
    (problem,) = problems_of(bucket)
    fixed = read(problem.fix[problem.fix.index("labels: ") :], "f").data
    assert problems_of(bucket | fixed) == ()


@given(words)
def test_cleaning_and_showing_are_idempotent(word):
    assert visible(visible(word)) == visible(word)
    assert cleaned(cleaned(word)) == cleaned(word)
    assert visible(cleaned(word)) == cleaned(word)
    assert lookalike(lookalike(word)) == lookalike(word)


@example("\u1160")
@example("new ")
@example("yes")
@example("#1: a")
@given(words)
def test_written_text_is_read_back_and_shows_all_characters(word):
    for text in (written(word), pasteable(word)):
        assert visible(text) == text
        for loader in (FASTEST, yaml.BaseLoader):
            tree = read(f"a: {text}", "f", loader=loader)
            assert (tree.data, tree.problems) == ({"a": word}, ())


json_texts = st.lists(
    st.sampled_from(["\ue83c", "\\", "\\ue83c", "\\ud83c", "🎵", "é", "a", '"', "\uefff"]), max_size=6
)


@given(st.dictionaries(json_texts.map("".join), json_texts.map("".join) | st.lists(json_texts.map("".join))))
def test_any_json_text_is_read_correctly(data):
    for loader in (FASTEST, yaml.BaseLoader):
        tree = read(json.dumps({"x": data}), "f", loader=loader)
        assert (tree.data, tree.problems) == ({"x": data}, ())
