"""Words that texts for people do not use: readers are engineers whose first language is often another one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.yaml")),
    *sorted((ROOT / "schemas").glob("*.json")),
    *sorted((ROOT / "acrsync").rglob("*.py")),
    *sorted((ROOT / "acrsync").rglob("*.toml")),
    ROOT / "RELEASING.md",
    ROOT / "SECURITY.md",
    ROOT / "action.yml",
    ROOT / "docs" / "acrcloud-openapi.yaml",
    *sorted((ROOT / "templates").glob("*.yml")),
)
# The code: its comments, docstrings and names are plain, too. Tests and pipelines are code.
PLAIN = [
    *sorted((ROOT / "acrsync").rglob("*.py")),
    *(
        path
        for pattern in ("*.py", "*.md", "*.toml", "survivors.txt", "golden/**/*.yaml")
        for path in sorted((ROOT / "tests").rglob(pattern))
        if path != Path(__file__)
    ),
    *sorted(path for path in (ROOT / ".github").rglob("*") if path.suffix in {".py", ".yml"}),
    *sorted(path for path in (ROOT / "examples").rglob("*") if path.suffix in {".py", ".yml", ".rego", ".yaml", ".md"}),
    *sorted((ROOT / "templates").glob("*.yml")),
    ROOT / "action.yml",
    ROOT / "Makefile",
    ROOT / "pyproject.toml",
    ROOT / "acrsync" / "explanations.toml",
]
# What is not used: what is written instead.
WORDS = {
    r"\bshall\b": "must, will, to",
    r"\bwhoever\b": "if you ..., everyone who",
    r"\bmake it so\b": "apply it",
    r"\b(that|as) it is so\b": "check the result",
    r"(?<![Tt]here )\bis no (?!longer)(such )?[a-z]+": "is not a",
    r"\b(is|are) none of\b": "is not one of",
    r"\bsaid (once|twice|at)\b": "set, duplicate",
    r"\bwhere (a|the|it|no) [a-z]+ (is|are|has|cannot|does)\b": "if, when",
    r"\bwho likes to know\b": "if you",
    r"\bNobody can be asked\b": "Cannot ask for confirmation",
    r"\bbears? (one|the|a|another|that) [a-z]* ?name\b": "has this name",
    r"\bnamed otherwise\b": "was equals name",
    r"\bdoes not go there\b": "is not sent to this host",
    r"\bapproves nothing any more\b": "has no effect",
    r"\ba fuse\b|\bthe fuse\b": "a safety check",
    r"\baccount without an account\b": "a test account",
    r"\b(what|all that) there is\b": "existing, current",
    r"\bso many\b": "at most this many",
    r"\bwhere nobody knows\b": "if it is undocumented",
    r"\btold at once\b|\bis told\b|\bare told\b|\bsays nothing\b": "reports, sets, is empty",
    r"\bnevertheless\b|\bwhatsoever\b|\bhenceforth\b|\bthereof\b|\bnought\b": "still, anyway",
    r"\bfor one wish\b": "never sent twice",
    r"\bstdout carries\b": "output format",
    r"\bPlanning it gives\b": "running plan shows",
    r"\bword for word\b": "unchanged, exactly",
    r"\bwithout a word\b": "silently",
    r"\bwho (likes|asks|comes|does not|reads|prefers)\b": "a client that, users who, if you",
    r"\bone (object|line|file) a [a-z]+\b": "one object per line",
    r"\bin the works\b": "in progress",
    r"\bsays no\b": "refuses",
    r"\bhangs on\b|\bits like\b|\blikewise\b": "depends on, the same",
    r"\bcurtain\b|\bcomes? to pass\b|\bfell over\b": "begin, end, happens, crashed",
    r"\bin its place\b|\bthrown away\b|\bgood again\b": "instead, dropped, valid again",
    r"\bbeyond the\b|\blest\b|\bhitherto\b|\bsave for\b": "more than, so that not, until now, except",
    r"\bborne\b|\bslip of the pen\b|\bin one another\b|\bout of the way\b|\bwhichever\b": "simple verbs",
}
# The same for the code of `PLAIN`.
CODE_WORDS = {
    r"\btold\b": "reported, given, set",
    r"\bTell whether\b": "Return whether",
    r"\bmisfortunes?\b(?![\"`])": "fault, disruption",
    r"\banew\b|\bany more\b": "again, no longer",
    r"(?<![\"'-])\b(nobody|somebody)\b": "no one, someone; better: passive or the actor",
    r"\bso (much|long|often)\b": "this number, this long",
    r"\bnothing but\b|\bthe one door\b": "only",
    r"\bspeaks? (to|for)\b|\bgoes by\b": "uses, belongs to",
    r"\bin clear\b": "unencrypted",
    r"\bwhere (nothing|none|nobody|it|an? [a-z]+|the [a-z]+) (is|are|was|has|cannot|can|does|may)\b": "if, when",
    r"\bputs? all right\b|\bset the stage\b": "reaches the desired state, sets",
}
# The same for the names of tests and functions.
NAME_WORDS = {
    r"told|nobody|somebody|whoever|whichever|shall|bears?|borne|anew|misfortunes?": "reported, no one, has, again",
    r"(so|nor)_(do|does|is|are|from|where)": "a complete sentence",
    r"where_(a|an|the|no|nothing|none|it)": "if",
    r"(without|with)_a_word|needs_no_word": "silently, with a message",
    r"whatever|in_whatever_way|all_the_same|ends_well": "every, still, succeeds",
}
PATTERN = re.compile("|".join(f"(?:{word})" for word in WORDS), re.IGNORECASE)
CODE_PATTERN = re.compile("|".join(f"(?:{word})" for word in CODE_WORDS), re.IGNORECASE)
NAME_PATTERN = re.compile("|".join(f"(?<=_)(?:{word})(?=[_(])" for word in NAME_WORDS))


def found(pattern: re.Pattern[str], paths: Iterable[Path]) -> Iterator[str]:
    """Yield each use with its place and its line."""
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for match in pattern.finditer(line):
                yield f"{path.relative_to(ROOT)}:{number}: {match[0]!r} in: {line.strip()}"


def test_texts_use_plain_words():
    assert list(found(PATTERN, TEXTS)) == []


def test_code_uses_plain_words():
    assert list(found(CODE_PATTERN, PLAIN)) == []
    assert list(found(PATTERN, PLAIN)) == []


def test_tests_have_plain_names():
    names = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for name in re.findall(r"def (\w+\()", path.read_text("utf-8"))
        if NAME_PATTERN.search(name)
    ]
    assert names == []


@pytest.mark.parametrize(
    "name", ["test_a_loss_is_told(", "so_does_a_write(", "test_nor_does_it(", "test_where_a_run_ends("]
)
def test_a_name_that_is_not_plain_is_found(name):
    assert NAME_PATTERN.search(f"_{name}")


@pytest.mark.parametrize(
    "phrase",
    [
        "it shall be",
        "Key is said twice",
        "where the record is missing",
        "this is no list",
        "shown word for word",
        "one object a line",
    ],
)
def test_a_phrase_that_is_not_plain_is_found(phrase):
    assert PATTERN.search(phrase)


@pytest.mark.parametrize("phrase", ["There is no bucket", "it is no longer listed", "the folder where a file lies"])
def test_a_plain_phrase_is_not_found(phrase):
    assert not PATTERN.search(phrase)


@pytest.mark.parametrize("phrase", ["Tell whether it is", "a token that nobody has", "where it cannot be read"])
def test_a_phrase_that_is_not_plain_is_found_in_code(phrase):
    assert CODE_PATTERN.search(phrase)
