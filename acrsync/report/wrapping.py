"""Wraps text to a screen: lines break between words, and the next line is indented to the start of the text.

Text to paste stays valid: YAML allows a deeper indented next line, and text in backticks only breaks if it is wider
than the screen.
"""

from __future__ import annotations

import re
import unicodedata

NARROWEST = 40  # columns; with fewer, the indent leaves no room for words
_PAINT = re.compile(r"\x1b\[[0-9;]*m")
# The text of a line begins after its indent and a sign, a word such as `fix:`, or a name in a column.
_LEAD = re.compile(r" *(?:(?:fix|note|for example): |(?:[+~±-] )+|[\w.]+ {2,}(?:[+~±-] )?)?")
_YAML = re.compile(r" *(?!fix:|note:)(?:- )*(?:[{\[]|[\w.-]+:(?: |$))")
_WORDS = re.compile(r"(?:`[^`]*`|[^ `])+|`[^ ]*| +")


def wrapped(text: str, width: int | None) -> str:
    """Return the text with lines of at most `width` columns, if its words allow it; with None as it is."""
    if width is None:
        return text
    return "\n".join(_broken(line, max(width, NARROWEST)) for line in text.split("\n"))


def columns(text: str) -> int:
    """Return the number of columns of a text on a screen: two for a wide character, none for a combining mark."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _broken(line: str, width: int) -> str:
    bare = _PAINT.sub("", line)
    if columns(bare) <= width:
        return line
    hang = _hang(bare, width)
    lines, current, at, space = [], "", 0, ""
    for word in _WORDS.findall(line):
        if word.isspace():
            space = word
            continue
        size = columns(_PAINT.sub("", word))
        # Lines only break at a single space: several spaces have a meaning in YAML and in columns.
        if len(space) == 1 and current.strip() and at + 1 + size > width:
            lines.append(current)
            at = hang if hang + size <= width else 0  # a digest needs the whole line
            current, space = " " * at, ""
        current, at, space = current + space + word, at + len(space) + size, ""
    return "\n".join((*lines, current))


def _hang(bare: str, width: int) -> int:
    indent = len(bare) - len(bare.lstrip(" "))
    if _YAML.match(bare):
        return indent + 4
    lead = _LEAD.match(bare)
    return min(max(len(lead[0]) if lead else 0, 0 if indent else 2), width // 2)
