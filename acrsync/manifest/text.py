"""Decodes bytes to text, and refuses characters that YAML parsers treat differently."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.manifest.problems import short
from acrsync.visible import visible

LINE_END = re.compile("\r\n|\r|\n")
# Characters that YAML forbids, that end a line in YAML but not in editors, and that change the direction of a text.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_BEYOND_UNICODE = re.compile(r"\\U(?!000|0010)[0-9A-Fa-f]{8}")  # PyYAML without libyaml fails on such an escape
# Conflict markers of git (also diff3's for the common base), Mercurial and Subversion.
_CONFLICT = re.compile(r"([<=>|])(?<![^\r\n].)\1{6,}(?=[ \r\n]|\Z)")
_ODD_SPACES = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000"
_ODD_SPACE = re.compile(f"[{_ODD_SPACES}]")
_ODD_INDENTATION = re.compile(rf"(?:\A|(?<=[\r\n])) *(?:- *)*(?P<odd>[{_ODD_SPACES}])")
_ODD_AFTER_COLON = re.compile(rf"(?:\A|(?<=[\r\n])) *(?:- +)*[\w\"']+:(?P<odd>[{_ODD_SPACES}])")
_BEFORE_ANY_DOCUMENT = re.compile(r"(?: *(?:#[^\r\n]*)?[\r\n]|\.\.\. *(?:#[^\r\n]*)?(?:[\r\n]|\Z))*")
_DOCUMENT_END = re.compile(r"(?:\A|(?<=[\r\n]))\.\.\.(?=[ \r\n]|\Z)")
_DIRECTIVE = re.compile(r"%(?<![^\r\n]%)[^\r\n]*")  # a line that begins with %


def decoded(data: bytes, file: str) -> str | Diagnostic:
    """Return a file's text without its byte order mark."""
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as problem:
        before = problem.object[: problem.start].decode("utf-8")
        utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        byte = f"the byte 0x{problem.object[problem.start]:02x} is not part of a character"
        detail = f"A manifest is UTF-8 text; {'the file looks like UTF-16' if utf_16 else byte}."
        return error("E104", detail, fix="save the file as UTF-8.", span=span_after(before, file))


def unreadable(text: str, file: str) -> Iterator[Diagnostic]:
    """Yield the errors that make parsing impossible, each kind at its first position."""
    if found := _CONFLICT.search(text):
        detail = f"The line begins with {found[0][:7]}, the marker of a merge conflict."
        fix = "keep the right lines of both versions, and remove the markers."
        yield error("E107", detail, fix=fix, span=span_after(text[: found.start()], file))
        return
    if found := _FORBIDDEN.search(text):
        detail = f"{visible(found[0])} is invisible and can hide something, so it is not allowed unescaped."
        fix = f'remove it, or write it in double quotes as "\\u{ord(found[0]):04x}".'
        yield error("E105", detail, fix=fix, span=span_after(text[: found.start()], file))
    if found := _BEYOND_UNICODE.search(text):
        detail = f"The escape {found[0]} is not that of a character."
        fix = "write the character itself, or its number in Unicode."
        yield error("E105", detail, fix=fix, span=span_after(text[: found.start()], file))
    if "\t" in text:
        lines = sum("\t" in line for line in LINE_END.split(text))
        detail = f"YAML readers differ on tabs, and this file has them in {lines} line{'s' * (lines > 1)}."
        fix = 'replace them with spaces, or inside text with "\\t" in double quotes.'
        yield error("E106", detail, fix=fix, span=span_after(text[: text.index("\t")], file))
    for directive in _DIRECTIVE.finditer(text):
        detail = f"A line that begins with % is a directive to the YAML reader: {short(directive[0])}."
        fix = "remove the line; inside text, put spaces before the %."
        yield error("E112", detail, fix=fix, span=span_after(text[: directive.start()], file))


def odd_indentation(text: str) -> Iterator[int]:
    """Yield the positions of indentation with other spaces than U+0020, such as in text from a web page."""
    if _ODD_SPACE.search(text):  # few files have any, and this pattern finds that out ten times as fast
        yield from (found.start("odd") for found in _ODD_INDENTATION.finditer(text))


def odd_after_colon(text: str) -> Iterator[int]:
    """Yield the positions of such spaces after a possible key: they are errors if the text cannot be read."""
    yield from (found.start("odd") for found in _ODD_AFTER_COLON.finditer(text))


def without_leading_end(text: str) -> str:
    """Return a text with `...` before the first document as a comment. All positions stay the same.

    YAML allows such an end of a document before it begins; the parsers do not.
    """
    before = _BEFORE_ANY_DOCUMENT.match(text)
    assert before is not None, "A pattern that always matches did not match. This is a bug in acrsync."
    return _DOCUMENT_END.sub("#  ", before[0]) + text[before.end() :] if "..." in before[0] else text


def span_after(before: str, file: str) -> Span:
    """Return the position after this beginning of a text."""
    lines = LINE_END.split(before)
    return Span(file, len(lines), len(lines[-1]) + 1)
