"""A fix line works when it is pasted: the text that a message prints goes into the file, and the message is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from acrsync.diagnostics import Diagnostic, Severity, Span
from acrsync.manifest import Source

GOLDEN = Path(__file__).parent.parent / "golden" / "manifest"
FILES = sorted(GOLDEN.rglob("*.yaml"))
ASKED_FOR = re.compile(r"^(?:write|put it in quotes:|remove the quotes:|write it as a list:) (?P<pair>[\w-]+: .+)$")
RENAMED = re.compile(r"^write (?P<key>[\w-]+): \.\.\. instead\.$")
QUOTED_KEY = re.compile(r"^write the key in quotes: (?P<key>\".+\")$")
ADDED = re.compile(r"^add (?:the line )?(?P<pair>[\w-]+: [^.,]+?)(?:, here or under `defaults:`\.)?$")
TEXT = re.compile(r"^write (?P<text>\"[^\"]+\") if text is meant")
ITEM = re.compile(r"^put it in quotes: - (?P<text>\".+\")$")


@dataclass(frozen=True)
class Place:
    """A node of a file: where it begins and ends, as offsets, and whether it is a mapping in braces."""

    start: int
    end: int
    flow: bool
    mapping: bool


def places(text: str) -> Iterator[tuple[int, int, Place]]:
    """Yield each node with its line and column, as messages count them."""
    waiting = [yaml.compose(text, Loader=yaml.BaseLoader)]
    seen = set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        mapping = isinstance(node, yaml.MappingNode)
        if mapping:
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
        mark, end = node.start_mark, node.end_mark
        flow = bool(getattr(node, "flow_style", False))
        yield mark.line + 1, mark.column + 1, Place(mark.index, end.index, flow, mapping)


def pasted(text: str, diagnostic: Diagnostic) -> str | None:
    """Return the file with the printed text pasted at the message's place, None if the fix prints no text."""
    span = diagnostic.span
    assert span
    there = [place for line, column, place in places(text) if (line, column) == (span.line, span.column)]
    if added := ADDED.match(diagnostic.fix):
        mapping = next((place for place in there if place.mapping), None)
        if mapping is None or span.column == 1:
            return f"{text.rstrip()}\n{added['pair']}\n"
        if mapping.flow:
            return f"{text[: mapping.start + 1]}{added['pair']}, {text[mapping.start + 1 :]}"
        return f"{text[: mapping.start]}{added['pair']}\n{' ' * (span.column - 1)}{text[mapping.start :]}"
    value = next((place for place in there if not place.mapping), next(iter(there), None))
    if value is None:
        return None
    for pattern in (RENAMED, QUOTED_KEY, TEXT, ITEM):
        if found := pattern.match(diagnostic.fix):
            return f"{text[: value.start]}{found[1]}{text[value.end :]}"
    if found := ASKED_FOR.match(diagnostic.fix):
        if "..." in found["pair"]:
            return None
        new = found["pair"].partition(": ")[2]
        return f"{text[: value.start]}{new}{text[value.end :]}"
    return None


def problems(name: str, text: str) -> tuple[Diagnostic, ...]:
    return Source({name: text.encode()}).all().diagnostics


def composes(text: str) -> bool:
    try:
        yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        return False
    return True


def cases() -> Iterator[tuple[str, str, Diagnostic]]:
    for path in FILES:
        text = path.read_bytes().decode("utf-8", "replace")
        if composes(text):
            for diagnostic in problems(path.name, text):
                if diagnostic.span and pasted(text, diagnostic) is not None:
                    yield path.name, text, diagnostic


CASES = [
    pytest.param(*case, id=f"{case[0]}:{case[2].span.line if case[2].span else 0}-{case[2].code}") for case in cases()
]


@pytest.mark.parametrize(("name", "text", "diagnostic"), CASES)
def test_a_pasted_fix_line_ends_its_message(name, text, diagnostic):
    fixed = pasted(text, diagnostic)
    assert fixed is not None
    left = {(found.code, found.detail, found.fix) for found in problems(name, fixed)}
    assert (diagnostic.code, diagnostic.detail, diagnostic.fix) not in left, fixed


def test_most_fix_lines_with_text_are_tried():
    assert len(CASES) >= 40


def test_a_text_is_pasted_over_the_value_that_the_message_points_at():
    fix = "write type: File"
    wrong = Diagnostic(Severity.ERROR, "E132", "", "", fix, Span("f", 2, 19))
    assert pasted("buckets:\n- {name: a, type: Fiel}\n", wrong) == "buckets:\n- {name: a, type: File}\n"
