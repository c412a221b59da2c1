"""What a YAML parser cannot read, or only one of the two, said so that one knows what to change."""

from __future__ import annotations

import re

import yaml

from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.manifest.problems import quoted
from acrsync.manifest.scalars import written
from acrsync.visible import visible

# A part of what libyaml or PyYAML says: what it mostly means, and what to do.
_ADVICE: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "a colon stands where none can stand",
        'indent the line as its neighbours, or quote a text that holds a colon: "a: b".',
    ),
    (
        "could not find expected ':'",
        "a line that ought to be `key: value` has no `:`",
        "add the colon, or indent it.",
    ),
    ("unexpected end of stream", "a quote is opened and never closed", "close the quote."),
    ("cannot start any token", "a text cannot begin with this character", 'put the text in quotes: "@..."'),
    ("expected ',' or", "a bracket is opened and not closed, or a comma is missing", "close the bracket."),
    ("<block end>", "the line is indented unlike its neighbours", "indent it as the lines around it."),
    ("did not find expected key", "the line is indented unlike its neighbours", "indent it as the lines around it."),
    ("did not find expected '-'", "the line is indented unlike its list", "begin it with `- ` or indent it."),
    (
        "block sequence entries are not allowed",
        "a list begins on the line of its key",
        "begin a new line with `- `.",
    ),
    ("escape", "a double-quoted text holds an escape that YAML does not know", "double the backslash: \\\\"),
)


# Where libyaml and PyYAML's own parser differ. A text block's header; it may follow its anchor.
_COMMENT_IN_HEADER = re.compile(r"(&\S+\s+(#[^\r\n]*[\r\n]\s*)*)?[|>][-+0-9]*#")
_TIGHT_COLON = re.compile(r"\s*:[],{}[]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def syntax_error(problem: yaml.MarkedYAMLError, file: str) -> Diagnostic:
    """Return what stopped the parser, at the place where it noticed."""
    said = ", ".join(part for part in (problem.context, problem.problem) if part)
    mark = problem.problem_mark
    assert mark is not None, "A syntax error without a place. This is a bug in acrsync."
    span = Span(file, mark.line + 1, mark.column + 1)
    for part, meaning, fix in _ADVICE:
        if part in said:
            return error("E110", f"Probably {meaning} ({visible(said)}).", fix=fix, span=span)
    return error("E110", f"The text is not YAML ({visible(said)}).", fix="correct the text at this place.", span=span)


def one_parser_only(event: yaml.ScalarEvent, value: str, text: str, *, key: bool) -> tuple[str, str, str] | None:
    """Return code, detail and fix for a scalar that only one of the two parsers reads, so that both accept the same.

    The scalar, whose value is `value`, is quoted, a block, or in brackets; `text` is the whole text, `key` says that
    it is in the place of a key.
    """
    style = event.style
    if not style:
        if "?" in value:
            detail = f"{quoted(value)} stands in brackets without quotes; some readers take ? for a key."
            return "E110", detail, f"write {written(value)}."
        assert event.end_mark is not None
        if key and _TIGHT_COLON.match(text, event.end_mark.index):
            detail = "A colon in brackets or braces is followed by no space and no text, which some readers refuse."
            return "E110", detail, f"put a space after the colon: {written(value)}: ..."
    elif style == '"':
        if not value.isascii() and _SURROGATE.search(value):
            detail = "An escape in this text is half of a surrogate pair, which is not a character and cannot be sent."
            return "E105", detail, "write the character itself."
    elif style in "|>":
        assert event.start_mark is not None
        if _COMMENT_IN_HEADER.match(text, event.start_mark.index):
            return "E110", "A comment begins right after the sign for a block of text.", "put a space before the #."
    return None
