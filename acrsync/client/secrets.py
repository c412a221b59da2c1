"""Finds secrets in text from outside, also encoded ones, and removes them.

A server may echo a request in an error page, a proxy its own login, a library the URL that it could not parse. The
search decodes percent-encoding and the escapes of JSON, Python and HTML, up to three layers in any combination, and
ignores case and line breaks. It finds a secret in plain text, in base64 (at each of the three possible offsets) and in
hexadecimal. Eight consecutive characters are enough.
"""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from acrsync.visible import visible

TEXT_MAX = 20_000  # characters of a text; the rest is cut off
_PIECE = 8  # consecutive characters of a secret that reveal it
_SHORT = 4  # a shorter secret occurs in ordinary words
_LAYERS = 3
_HEADERS = (
    re.compile(r"""(?i)(\bauthorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic|digest|token)\s+)?)[^\s"',;<>&]+"""),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)(?!auth|token|realm|scheme|error|access)(?=\S*[A-Z0-9._=-])[\w.~+/=-]{6,}"),
)
_NAMED = re.compile(r"(access_secret\W{1,6})[^\s\"'&,}]+")
_UNIT = re.compile(
    r"%([0-9a-f]{2})|\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|&#x([0-9a-f]{1,6});|&#([0-9]{1,7});|(&(?:amp|lt|gt|quot|apos);)"
    r"|\\([/\\\"'])|[\s\S]",
    re.IGNORECASE,
)
_NAMES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}

# A decoded character, and its begin and end in the text.
_Decoded = list[tuple[str, int, int]]


class Secrets:
    """The secrets of one client, each with the text to show instead."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = dict(secrets)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(sorted(set(self._secrets.values())))})"

    def redacted(self, text: str) -> str:
        """Return text from outside without secrets, bounded, and safe to show."""
        text = self._without(text[:TEXT_MAX])
        for secret in (*_HEADERS, _NAMED):
            text = secret.sub(r"\1[secret]", text)
        return visible(text)

    def is_in(self, text: str) -> bool:
        """Return whether a text contains a secret."""
        return self._without(text[:TEXT_MAX]) != text[:TEXT_MAX]

    def _without(self, text: str) -> str:
        parts, at = [], 0
        for begin, end, name in _merged(self._found(text)):
            parts += [text[at:begin], name]
            at = end
        return "".join((*parts, text[at:]))

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield each piece of a secret: its begin and end in the text, and the text to show instead."""
        decoded: _Decoded = [(character, at, at + 1) for at, character in enumerate(_folded(text))]
        for _ in range(_LAYERS + 1):
            kept = [unit for unit in decoded if not unit[0].isspace()]
            plain = "".join(character for character, *_ in kept)
            for length, pieces in self._pieces.items():
                for at in range(len(plain) - length + 1):
                    if name := pieces.get(plain[at : at + length]):
                        yield kept[at][1], kept[at + length - 1][2], name
            outer = _without_layer(decoded)
            if len(outer) == len(decoded):
                return
            decoded = outer

    @cached_property
    def _pieces(self) -> Mapping[int, Mapping[str, str]]:
        """The pieces that reveal a secret, by length."""
        found: dict[int, dict[str, str]] = {}
        for secret, name in self._secrets.items():
            for form in _forms(secret):
                length = min(_PIECE, len(form))
                pieces = found.setdefault(length, {})
                for at in range(len(form) - length + 1):
                    pieces.setdefault(form[at : at + length], name)
        return found


def _forms(secret: str) -> Iterable[str]:
    """Yield a secret in each encoding, in lower case and without spaces."""
    data = secret.encode("utf-8", "surrogatepass")
    encoded = [data.hex()]
    for shift, lead in ((0, 0), (1, 2), (2, 3)):
        whole = (shift + len(data)) * 8 // 6  # the last character that does not depend on what follows
        encoded.append(b64encode(bytes(shift) + data).decode()[lead:whole])
    encoded += [form.replace("+", "-").replace("/", "_") for form in encoded]
    plain = (secret, secret.replace(" ", "+"), data.decode("latin-1"))
    return {form for form in ("".join(_folded(each).split()) for each in (*plain, *encoded)) if len(form) >= _SHORT}


def _folded(text: str) -> str:
    """Return the text in lower case, with every character at the same position."""
    return "".join(character.lower()[:1] for character in text) if not text.isascii() else text.lower()


def _without_layer(units: _Decoded) -> _Decoded:
    """Return the text with one layer of escapes decoded; each unit keeps its position."""
    text = "".join(character for character, *_ in units)
    return [
        (_unescaped(match), units[match.start()][1], units[match.end() - 1][2])
        for match in _UNIT.finditer(text)
    ]  # fmt: skip


def _unescaped(match: re.Match[str]) -> str:
    percent, u, x, html_hex, html, name, escaped = match.groups()
    digits = percent or u or x or html_hex
    if digits or html:
        number = int(digits, 16) if digits else int(html)
        return _folded(chr(number)) if number <= sys.maxunicode else "?"
    return _NAMES[name] if name else escaped or match[0]


def _merged(found: Iterable[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """Yield the pieces; adjacent and overlapping ones are merged."""
    last: tuple[int, int, str] | None = None
    for begin, end, name in sorted(found):
        if last is None or begin > last[1]:
            if last:
                yield last
            last = (begin, end, name)
        else:
            last = (last[0], max(last[1], end), last[2])
    if last:
        yield last
