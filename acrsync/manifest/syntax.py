"""Explains what a YAML parser cannot read, or only one of two parsers, and how to change it."""

from __future__ import annotations

import re

import yaml

from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.manifest.problems import quoted
from acrsync.manifest.scalars import written
from acrsync.visible import visible

# Part of a message of libyaml or PyYAML: what it usually means, and the fix.
_ADVICE: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "a colon is in a wrong place",
        'indent the line like the lines around it, or quote text with a colon: "a: b".',
    ),
    (
        "could not find expected ':'",
        "a line that should be `key: value` has no `:`",
        "add the colon, or indent it.",
    ),
    ("unexpected end of stream", "a quote is not closed", "close the quote."),
    ("cannot start any token", "text cannot begin with this character", 'put it in quotes: "@..."'),
    ("expected ',' or", "a bracket is not closed, or a comma is missing", "close the bracket."),
    ("<block end>", "the indentation differs from the lines around it", "indent it like the lines around it."),
    (
        "did not find expected key",
        "the indentation differs from the lines around it",
        "indent it like the lines around it.",
    ),
    ("did not find expected '-'", "the indentation differs from the list", "begin it with `- ` or indent it."),
    (
        "block sequence entries are not allowed",
        "a list begins on the same line as its key",
        "begin a new line with `- `.",
    ),
    ("escape", "text in double quotes has an escape that YAML does not have", "double the backslash: \\\\"),
)


# Differences between libyaml and PyYAML's own parser. The header of a text block, which can follow its anchor.
_COMMENT_IN_HEADER = re.compile(r"(&\S+\s+(#[^\r\n]*[\r\n]\s*)*)?[|>][-+0-9]*#")
_TIGHT_COLON = re.compile(r"\s*:[],{}[]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def syntax_error(problem: yaml.MarkedYAMLError, file: str) -> Diagnostic:
    """Return the error that stopped the parser, at its position."""
    reason = ", ".join(part for part in (problem.context, problem.problem) if part)
    mark = problem.problem_mark
    assert mark is not None, "A syntax error without a position. This is a bug in acrsync."
    span = Span(file, mark.line + 1, mark.column + 1)
    for part, meaning, fix in _ADVICE:
        if part in reason:
            return error("E110", f"Probably {meaning} ({visible(reason)}).", fix=fix, span=span)
    return error("E110", f"The text is not YAML ({visible(reason)}).", fix="correct the text here.", span=span)


def one_parser_only(event: yaml.ScalarEvent, value: str, text: str, *, key: bool) -> tuple[str, str, str] | None:
    """Return code, detail and fix for a scalar that only one of the two parsers reads: both must accept the same files.

    The scalar with the value `value` is quoted, a block, or in brackets. `text` is the whole text. `key`: it is a key.
    """
    style = event.style
    if not style:
        if "?" in value:
            detail = f"{quoted(value)} is in brackets without quotes; some readers read ? as the sign of a key."
            return "E110", detail, f"write {written(value)}."
        assert event.end_mark is not None
        if key and _TIGHT_COLON.match(text, event.end_mark.index):
            detail = "A colon in brackets or braces has neither a space nor text after it, which some readers refuse."
            return "E110", detail, f"put a space after the colon: {written(value)}: ..."
    elif style == '"':
        if not value.isascii() and _SURROGATE.search(value):
            detail = "An escape in this text is half of a surrogate pair, which is not a character."
            return "E105", detail, "write the character itself."
    elif style in "|>":
        assert event.start_mark is not None
        if _COMMENT_IN_HEADER.match(text, event.start_mark.index):
            return "E110", "A comment begins directly after the sign of a text block.", "put a space before the #."
    return None
