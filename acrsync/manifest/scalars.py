"""The meaning of plain (unquoted) YAML scalars, and how to write a text.

Why not the rules of one YAML version: for a YAML 1.1 reader `no` is false, `012` is ten and `1:30` is ninety; for a
YAML 1.2 reader all three are something else. Editors, linters and people read a manifest, too. So a value is refused if
readers do not agree on it, and so is a number that does not fit in 64 bits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache

from acrsync.frozen import frozen
from acrsync.model import JSON
from acrsync.visible import in_quotes, visible


@frozen
class Trap:
    """Why a plain scalar is refused, and what to write if it is not a text."""

    why: str
    otherwise: str = ""

    def fix(self, text: str) -> str:
        return f"write {written(text)} if text is meant{self.otherwise}."


_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_YES_AND_NO = frozenset(
    form for word in ("y", "n", "yes", "no", "on", "off") for form in (word, word.capitalize(), word.upper())
)
_SIGNS = frozenset("0123456789+-.")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = ", or a plain decimal number if that is meant"
_DIFFER = "it is a number for some YAML readers and text for others"
# The first pattern that matches explains.
_TRAPS: tuple[tuple[re.Pattern[str], Trap], ...] = (
    (re.compile(r"[-+]?0[0-9]+"), Trap("YAML 1.1 readers read a number that begins with 0 as octal", _NUMBER)),
    (re.compile(r"[-+]?[0-9]+"), Trap("a number with more than 18 digits does not fit in 64 bits")),
    (re.compile(r"[-+]?[0-9][0-9_]*"), Trap(_DIFFER, _NUMBER)),
    (re.compile(r"[-+]?0[bBoOxX][0-9a-fA-F_]+"), Trap(_DIFFER, _NUMBER)),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), Trap("YAML 1.1 readers read it as base 60")),
    (
        re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?", re.DOTALL),
        Trap("it is a date for some YAML readers and text for others"),
    ),
    (
        re.compile(r"[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"),
        Trap("a manifest has whole numbers only", _NUMBER),
    ),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), Trap("JSON has no such number")),
)
_TRUTH = Trap("it is true or false for YAML 1.1 readers and text for others", ", or true or false if that is meant")
_OPERATOR = Trap("it has a special meaning for YAML 1.1 readers")


@lru_cache(maxsize=4096)  # keys and labels repeat, and each is kept only once
def plain(text: str) -> JSON | Trap:
    """Return null, a boolean, a whole number or the text itself; a Trap if readers do not agree."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _SIGNS:
        if _INTEGER.fullmatch(text):
            return int(text)
        return next((trap for pattern, trap in _TRAPS if pattern.fullmatch(text)), text)
    if text in _YES_AND_NO:
        return _TRUTH
    return _OPERATOR if text in ("=", "<<") else text


def flow(value: JSON) -> str:
    """Return a value as YAML on one line, as people write it."""
    match value:
        case str():
            return written(value)
        case Mapping():
            return "{" + ", ".join(f"{written(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(map(flow, value))}]"
        case _:
            return json.dumps(value)


def literal(value: JSON) -> JSON:
    """Return a value with `${` escaped, so that it does not begin a variable."""
    match value:
        case str():
            return value.replace("${", "$${")
        case Mapping():
            return {literal(key): literal(inner) for key, inner in value.items()}
        case list():
            return [literal(inner) for inner in value]
        case _:
            return value


def written(text: str) -> str:
    """Return a text for block and flow context, without quotes if all readers read it as this text.

    Hidden characters are escaped, so that a reviewer sees them.
    """
    ordinary = all(character.isalnum() or character in " _-./" for character in text)
    if ordinary and visible(text) == text and text[:1].isalpha() and not text.endswith(" ") and plain(text) == text:
        return text
    return in_quotes(text)
