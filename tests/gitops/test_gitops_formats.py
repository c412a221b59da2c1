"""The formats that pipelines read: whole, hostile names in them, and what happens where there is too much."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from acrsync.bucket import FIELDS
from acrsync.diagnostics import Diagnostic, Severity, Span
from acrsync.model import Manifest
from acrsync.plan.changes import Create, Delete, Objection, Update
from acrsync.plan.document import Plan
from acrsync.plan.outcome import ExitCode, Outcome, Run, Status
from acrsync.report import FORMATS
from acrsync.report.annotations import code_quality_text, github_text
from acrsync.report.markdown import LIMIT_BYTES
from acrsync.visible import visible
from examples import examples
from report_plans import (
    CREATE,
    DELETE,
    EVERYTHING,
    IN_SYNC,
    RENAME,
    REPLACE,
    RUN,
    desired,
    error,
    live,
    plan_of,
    unmanaged,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "gitops"
HOSTILE = (
    "\n::error::x",
    "##[error]x",
    "##vso[task.complete]",
    "x\u202etxt.exe",
    "a\u200bb",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></details><!-- -->",
    "```\n# heading",
    "````",
    "`code`",
    "[link](javascript:alert(1))",
    "![](https://example.com/x.png)",
    "@everyone",
    "#1",
    "| a | b |",
    "**bold**",
    "\x1b[31mred\x1b[0m",
    "%0A::error::x",
    "a,b:c=d",
    "${{ secrets.TOKEN }}",
    "\x1b[0Ksection_start:1:x\r\x1b[0K",
    "-",
    "&amp;",
    "אבג",
)


def hostile_plan(names: tuple[str, ...] = HOSTILE) -> Plan:
    """Every name in every position of a name."""
    creates = tuple(
        Create(desired(name, labels=[name], metadata_template={name: {"default": name}}), name) for name in names
    )
    renames = tuple(Update(desired(name), live(i, f"{name}-old"), ("name",), name) for i, name in enumerate(names, 100))
    deletes = tuple(Delete(live(i, name, region=name, type=name), name) for i, name in enumerate(names, 500))
    messages = tuple(Diagnostic(Severity.WARNING, "W999", "A warning", name, name) for name in names)
    objections = tuple(
        Objection("content", error("E301", "Not empty", name, name, line=3), 500 + i) for i, name in enumerate(names)
    )
    return plan_of(renames, creates, deletes, kept=unmanaged(*names), diagnostics=messages, objections=objections,
                   notes=names, manifest=Manifest(stack="--><b>x"))  # fmt: skip


def outcomes() -> tuple[Outcome, ...]:
    trouble = error("E405", "The API refused the request", "The name has been taken.", "choose another name.", line=7)
    return (
        Outcome(RENAME, Status.UPDATED, live=live(8881, "archive"), wrote=True),
        Outcome(CREATE, Status.FAILED, trouble, wrote=True),
        Outcome(REPLACE, Status.REPLACED, live=live(30359, "us-bucket"), wrote=True),
        Outcome(DELETE, Status.DELETED, wrote=True),
    )


FAILED = replace(RUN, exit_code=ExitCode.FAILED, diagnostics=(error("E110", "YAML cannot be read", "x", line=3),))
CASES: dict[str, tuple[Plan | None, Run]] = {
    "everything": (EVERYTHING, replace(RUN, exit_code=ExitCode.REFUSED)),
    "no-changes": (plan_of(kept=(IN_SYNC,)), RUN),
    "hostile": (hostile_plan(), RUN),
    "applied": (EVERYTHING, replace(RUN, exit_code=ExitCode.INCOMPLETE, outcomes=outcomes())),
    "no-plan": (None, FAILED),
}
SUFFIXES = {"markdown": "md", "html": "html", "gitlab": "gitlab.json", "terraform-json": "tf.json"}


@pytest.mark.parametrize("name", SUFFIXES)
@pytest.mark.parametrize("case", CASES)
def test_every_format_matches_its_golden_file(case: str, name: str, golden: Callable[[Path, str], None]):
    plan, run = CASES[case]
    text = FORMATS[name](plan, run)
    assert text == FORMATS[name](plan, run)
    golden(GOLDEN / case / f"plan.{SUFFIXES[name]}", text)


@pytest.mark.parametrize("name", SUFFIXES)
def test_no_line_of_any_format_is_a_command_for_a_runner(name: str):
    for line in FORMATS[name](hostile_plan(), RUN).splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert "##vso[" not in line
        assert "\x1b" not in line
        assert visible(line) == line or name == "terraform-json"


# Markdown


def tokens(text: str) -> list[str]:
    """What a reader of GitHub's markdown makes of a text, without what stands in code."""
    found = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)
    inline = [child for token in found for child in token.children or ()]
    return [f"{t.type}:{t.content.strip()}" if t.type.startswith("html") else t.type for t in (*found, *inline)]


HARMLESS = re.compile(
    r"(paragraph|heading|strong|inline|text|softbreak|fence|code_inline)(_open|_close)?"
    r"|html_block:(<!-- acrsync:[a-z0-9._-]* -->|<details( open)?><summary>[A-Z][a-z]+ \(\d+\)</summary>|</details>)"
)


def bad_tokens(plan: Plan) -> list[str]:
    return [token for token in tokens(FORMATS["markdown"](plan, RUN)) if not HARMLESS.fullmatch(token)]


def test_nothing_from_the_account_becomes_markdown():
    assert bad_tokens(hostile_plan()) == []
    assert bad_tokens(EVERYTHING) == []


@examples(50)
@given(st.lists(st.text(), min_size=1, max_size=3))
def test_no_text_becomes_markdown(names: list[str]):
    assert bad_tokens(hostile_plan(tuple(names))) == []


def test_the_test_for_markdown_can_fail():
    assert [t for t in tokens("<b>x</b> [a](b) @c\n\n| a |\n|---|\n") if not HARMLESS.fullmatch(t)]


STACKS = [("radio-prod", "radio-prod"), (None, ""), ("x --><script>", "x--script")]


@pytest.mark.parametrize(("stack", "mark"), STACKS)
def test_the_first_line_of_markdown_is_the_marker_for_bots(stack: str | None, mark: str):
    text = FORMATS["markdown"](plan_of(manifest=Manifest(stack=stack)), RUN)
    assert text.splitlines()[0] == f"<!-- acrsync:{mark} -->"


LONG = "ö" * 255
TOO_MUCH = [
    ("many creates", 0, 3000, "x"),
    ("many creates with long names", 0, 500, LONG),
    ("one that alone is too long, and some that are not", 0, 3, "x" * 70_000),
    ("some deletes and many creates", 50, 3000, "x"),
    ("only deletes", 700, 0, "x"),
    ("deletes with names that are too long to repeat", 200, 10, LONG),
    ("more deletes than fit with more than their ids", 5000, 100, LONG),
    ("more deletes than ids fit", 30_000, 100, "x"),
]


@pytest.mark.parametrize(("reason", "deletes", "creates", "name"), TOO_MUCH, ids=[case[0] for case in TOO_MUCH])
def test_overlong_parts_are_counted_and_deletions_are_never_cut(reason: str, deletes: int, creates: int, name: str):
    gone = tuple(Delete(live(10_000 + i, f"{name}{i}"), "not in the manifest") for i in range(deletes))
    new = tuple(Create(desired(f"n{i}-{name}" if i % 2 or creates > 3 else "n"), "new") for i in range(creates))
    text = FORMATS["markdown"](plan_of(gone, new), RUN)
    assert len(text.encode()) <= LIMIT_BYTES
    shown = len(re.findall(r"^\+ ", text, re.MULTILINE))
    left_out = int(found[1]) if (found := re.search(r"^(\d+) more did not fit here\.$", text, re.MULTILINE)) else 0
    assert shown + left_out == creates
    assert deletes == 0 or f"### Destroys {deletes} buckets" in text
    ids = set(re.findall(r"\b[1-9]\d{4}\b", text))
    assert ids >= {str(change.live.id) for change in gone} or "There are too many to list here" in text
    assert ("There are too many to list here" in text) == (deletes == 30_000)


@pytest.mark.parametrize("count", range(700, 760, 7))
def test_the_limit_holds_for_every_size(count: int):
    new = tuple(Create(desired(f"n{i}", labels=["x" * (count - 650)]), "new") for i in range(count + 1000))
    size = len(FORMATS["markdown"](plan_of(new), RUN).encode())
    assert LIMIT_BYTES - 500 < size <= LIMIT_BYTES


def test_changes_that_do_not_fit_with_their_objections_are_at_least_named():
    gone = tuple(Delete(live(10_000 + i, f"gone-{i}"), "") for i in range(300))
    objections = tuple(Objection("content", error("E301", "No", "x" * 300), change.live.id) for change in gone)
    text = FORMATS["markdown"](plan_of(gone, objections=objections), RUN)
    assert all(f"- gone-{i} (id {10_000 + i}, eu-west-1, File, 0 items)\n" in text for i in range(300))
    assert "error[E301]" not in text


def test_deletions_come_first():
    text = FORMATS["markdown"](EVERYTHING, RUN)
    assert text.index("- ads-2019") < text.index("<details")
    assert text.index("± us-bucket") < text.index("<details")


def test_the_lines_of_an_apply_begin_with_a_diff_sign():
    text = FORMATS["markdown"](*CASES["applied"])
    blocks = re.findall(r"^```diff\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line and not line.startswith(" ")]
    assert [line.split()[:2] for line in lines] == [
        ["±", "replaced"],
        ["-", "deleted"],
        ["!", "failed"],
        ["~", "updated"],
        ["!", "skipped"],
    ]


# HTML


class Page(HTMLParser):
    """Every element with its attributes, and the text of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[tuple[str, str]] = set()
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements |= {(tag, f"{key}={value}") for key, value in attrs} or {(tag, "")}
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def test_no_name_adds_an_element_or_an_attribute_to_the_page():
    tame = hostile_plan(tuple(f"name {i}" for i in range(len(HOSTILE))))
    assert Page(FORMATS["html"](hostile_plan(), RUN)).elements == Page(FORMATS["html"](tame, RUN)).elements


@examples(50)
@given(st.lists(st.text(), min_size=1, max_size=3))
def test_no_text_adds_an_element_to_the_page(names: list[str]):
    tame = hostile_plan(tuple(f"name {i}" for i in range(len(names))))
    assert Page(FORMATS["html"](hostile_plan(tuple(names)), RUN)).elements <= Page(FORMATS["html"](tame, RUN)).elements


def test_the_page_has_everything_in_the_text():
    words = " ".join(Page(FORMATS["html"](EVERYTHING, RUN)).words.split())
    for line in FORMATS["text"](EVERYTHING, RUN).splitlines():
        for part in re.split(r"\s{2,}", line.strip()):
            assert part in words


def test_the_titles_of_sections_have_counts():
    titles = re.findall("<h2>(.*?)</h2>", FORMATS["html"](EVERYTHING, RUN))
    assert titles == ["Destroys 2 buckets", "Messages (5)", "Create (1)", "Rename (1)", "Update (1)"]


@pytest.mark.parametrize(("count", "indexed"), [(0, False), (30, False), (31, True), (300, True)])
def test_more_than_thirty_changes_have_an_index_in_the_order_of_the_page(count: int, indexed: bool):
    gone = tuple(Delete(live(i, f"gone-{i}"), "") for i in range(count // 3))
    new = tuple(Create(desired(f"new-{i}"), "") for i in range(count - len(gone)))
    text = FORMATS["html"](plan_of(gone, new), RUN)
    links = re.findall(r'<a href="#(.*?)">(.*?)</a>', text)
    places = re.findall(r'<article id="(.*?)"><h3>(.*?)</h3>', text)
    assert len(places) == len({place for place, _ in places}) == count
    assert [place for place, _ in links] == ([place for place, _ in places] if indexed else [])
    assert all(head.startswith(name) for (_, name), (_, head) in zip(links, places, strict=False))
    assert (f"<h2>Index ({count})</h2>" in text) == indexed


VERDICTS = [
    ("a plan that is refused", CASES["everything"], '<p class="strong bad">Refused: 2 objections.'),
    ("a run that failed", CASES["no-plan"], '<p class="strong bad">Failed: 1 message.</p>'),
    ("an apply that was not verified", CASES["applied"], '<p class="strong changed">Not verified.'),
    ("a plan that may be applied", CASES["no-changes"], '<p class="strong">No changes.'),
]


@pytest.mark.parametrize(("reason", "case", "line"), VERDICTS, ids=[case[0] for case in VERDICTS])
def test_the_verdict_has_a_color(reason: str, case: tuple[Plan | None, Run], line: str):
    assert line in FORMATS["html"](*case)


def test_the_policy_of_the_page_allows_its_own_style_and_nothing_else():
    text = FORMATS["html"](EVERYTHING, RUN)
    [style] = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    hashed = b64encode(sha256(style.encode()).digest()).decode()
    [policy] = re.findall('http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy == f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"<script|<link|<img|\sstyle=|\son\w+=|https?://(?!api-v2)|url\(|@import", text)


# GitLab's numbers and Terraform's shape


def test_a_replacement_counts_as_a_create_and_a_delete():
    assert json.loads(FORMATS["gitlab"](EVERYTHING, RUN)) == {"create": 2, "update": 2, "delete": 2}


SWAP = plan_of(
    (Update(desired("eu.acrsync-1"), live(1, "eu"), ("name",), "frees its name"),),
    (Update(desired("eu"), live(2, "us"), ("name",), "name differs"),),
    (Update(desired("us"), live(1, "eu.acrsync-1"), ("name",), "name differs"),),
)


def test_terraform_json_has_one_change_for_each_bucket():
    document = json.loads(FORMATS["terraform-json"](SWAP, RUN))
    found = {c["address"]: (c["change"]["before"]["name"], c["change"]["after"]) for c in document["resource_changes"]}
    assert {address: before for address, (before, _) in found.items()} == {
        "acrcloud_bucket.eu": "us",
        "acrcloud_bucket.us": "eu",
    }
    resources = document["planned_values"]["root_module"]["resources"]
    assert {r["address"]: r["values"] for r in resources} == {address: after for address, (_, after) in found.items()}


def test_terraform_json_is_one_line_with_versions_and_every_managed_bucket():
    text = FORMATS["terraform-json"](EVERYTHING, RUN)
    document = json.loads(text)
    assert (text.count("\n"), document["format_version"]) == (1, "1.2")
    assert re.fullmatch(r"1\.\d+\.\d+", document["terraform_version"])
    actions = {c["name"]: c["change"]["actions"] for c in document["resource_changes"]}
    assert actions == {
        "archive": ["update"],
        "radio-live": ["create"],
        "music": ["update"],
        "us-bucket": ["delete", "create"],
        "ads-2019": ["delete"],
        "test": ["no-op"],
    }
    planned = {r["name"] for r in document["planned_values"]["root_module"]["resources"]}
    assert planned == set(actions) - {"ads-2019"}
    by_name = {c["name"]: c for c in document["resource_changes"]}
    assert by_name["us-bucket"]["change"]["replace_paths"] == [["region"]]
    assert by_name["us-bucket"]["action_reason"] == "replace_because_cannot_update"
    assert by_name["radio-live"]["change"]["after_unknown"] == {"id": True, "net_type": True}
    assert by_name["music"]["change"]["after"]["id"] == 1116


BARE = plan_of(
    (Create(desired("new"), ""), Update(desired("old"), replace(live(1, "old"), attrs={"name": "old"}), (), "")),
    (Delete(replace(live(2, "gone"), attrs={"name": "gone"}), ""),),
)


@pytest.mark.parametrize(
    "plan", [EVERYTHING, SWAP, BARE, hostile_plan()], ids=["everything", "swap", "bare", "hostile"]
)
def test_terraform_json_has_every_attribute_or_null(plan: Plan):
    document = json.loads(FORMATS["terraform-json"](plan, RUN))
    values = [resource["values"] for resource in document["planned_values"]["root_module"]["resources"]]
    sides = [change["change"][side] for change in document["resource_changes"] for side in ("before", "after")]
    found = [*values, *(side for side in sides if side is not None)]
    assert {tuple(sorted(side)) for side in found} == {tuple(sorted(("id", *FIELDS)))}
    unknown = [
        (change["change"]["after"], change["change"]["after_unknown"]) for change in document["resource_changes"]
    ]
    assert all(after[key] is None for after, keys in unknown for key in keys)


@example(["\u3164", "a\u115fb"])  # letters that nothing is drawn for
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True, min_size=1, max_size=4))
def test_different_names_have_different_plain_addresses(names: list[str]):
    plan = plan_of(tuple(Create(desired(name), "") for name in names))
    text = FORMATS["terraform-json"](plan, RUN)
    found = [(c["address"], c["change"]["after"]["name"]) for c in json.loads(text)["resource_changes"]]
    assert [name for _, name in found] == names
    assert len({address for address, _ in found}) == len(names)
    assert all(re.fullmatch(r"acrcloud_bucket\.[\w.%~-]*", a) and visible(a) == a for a, _ in found)
    assert not re.search(r"\\ud[89a-f]", text)


# Messages at their lines


def as_the_runner_reads_it(line: str) -> tuple[str, dict[str, str], str]:
    """Source: actions/runner, ActionCommand.TryParseV2 and its table of escapes."""
    match = re.fullmatch(r"::([a-z]+)(?: (.*?))?::(.*)", line)
    assert match, line
    properties = dict(pair.split("=", 1) for pair in (match[2] or "").split(",") if pair)
    escapes = {"%3A": ":", "%2C": ",", "%0D": "\r", "%0A": "\n", "%25": "%"}

    def unescaped(text: str) -> str:
        for escape, character in escapes.items():
            text = text.replace(escape, character)
        return text

    return match[1], {key: unescaped(value) for key, value in properties.items()}, unescaped(match[3])


def test_an_annotation_has_the_message_and_its_line():
    place = Span("a,b::c=%2C.yaml", 7, 5)
    diagnostic = Diagnostic(Severity.ERROR, "E302", "Replacement needs approval", "100%0A, or: not", "do\nthis", place)
    [line] = github_text([diagnostic]).splitlines()
    kind, properties, text = as_the_runner_reads_it(line)
    assert (kind, properties) == (
        "error",
        {"file": place.file, "line": "7", "col": "5", "title": "acrsync E302: Replacement needs approval"},
    )
    assert text == "100%0A, or: not\nfix: do\nthis"


def test_every_message_is_exactly_one_command():
    messages = [replace(d, detail=name, fix=name) for name in HOSTILE for d in (error("E1", "Broken", "", line=2),)]
    messages += [Diagnostic(Severity.HINT, "H1", "Look", name) for name in HOSTILE]
    lines = github_text(messages).splitlines()
    assert len(lines) == len(messages)
    assert {as_the_runner_reads_it(line)[0] for line in lines} == {"error", "notice"}
    assert all(visible(line) == line for line in lines)


def test_the_code_quality_report_names_each_problem_once_and_the_same_when_lines_move():
    messages = [error("E1", "Broken", name, "mend it", line=line) for line, name in enumerate(HOSTILE, 1)]
    messages += [
        error("E1", "Broken", "twice", line=90),
        error("E1", "Broken", "twice", line=91),
        error("E2", "x", "y"),
    ]
    issues = json.loads(code_quality_text(messages))
    prints = [issue["fingerprint"] for issue in issues]
    assert len(set(prints)) == len(messages)
    assert {issue["severity"] for issue in issues} == {"critical"}
    assert issues[-1]["location"] == {"path": "acrsync.yaml", "lines": {"begin": 1}}
    moved = [replace(d, span=replace(d.span, line=d.span.line + 10)) if d.span else d for d in messages]
    assert [issue["fingerprint"] for issue in json.loads(code_quality_text(moved))] == prints
