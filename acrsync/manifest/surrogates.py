r"""Characters that JSON writes as two escapes, `\ud83c\udfb5`, which YAML parsers refuse.

YAML 1.2 includes JSON, and most programs write JSON like that. So each of these escapes is replaced by the escape of a
private character of the same width before parsing, and restored in the values afterwards. The parsers do not give the
positions of escapes, and in a text without double quotes it is not an escape, so both forms are restored. This is
exact, because a text that has such private characters itself is not changed.
"""

from __future__ import annotations

import re

from acrsync.frozen import frozen

_ESCAPE = re.compile(r"\\u([dD])([89a-fA-F][0-9a-fA-F]{2})")
_MASK = re.compile(r"\\u([eE])([89a-fA-F][0-9a-fA-F]{2})")
_SHIFT = 0x1000  # from a surrogate, U+D800 and up, to its mask, U+E800 and up
_PRIVATE = re.compile("[\ue800-\uefff]")
_AMBIGUOUS = re.compile("[\ue800-\uefff]|\\\\[uU](?:0000)?[eE][89a-fA-F]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


@frozen
class Masked:
    """A text for the parser, and how to restore its values."""

    text: str
    escaped: bool  # whether values must be restored
    by_any_parser: bool = True  # False: the escapes are not replaced, and only PyYAML's own parser reads them

    @classmethod
    def of(cls, text: str) -> Masked:
        """Return the text for the parser, with the same positions."""
        if not _ESCAPE.search(text):
            return cls(text, escaped=False)
        if _AMBIGUOUS.search(text):
            return cls(text, escaped=True, by_any_parser=False)
        return cls(_ESCAPE.sub(_masked, text), escaped=True)

    def value(self, parsed: str) -> str:
        """Return a parsed text with its own characters. Half of a pair stays half of a pair."""
        if self.by_any_parser:
            parsed = _MASK.sub(_unmasked, _PRIVATE.sub(lambda found: chr(ord(found[0]) - _SHIFT), parsed))
        return _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), parsed)


def _masked(escape: re.Match[str]) -> str:
    return f"\\u{chr(ord(escape[1]) + 1)}{escape[2]}"


def _unmasked(mask: re.Match[str]) -> str:
    return f"\\u{chr(ord(mask[1]) - 1)}{mask[2]}"
