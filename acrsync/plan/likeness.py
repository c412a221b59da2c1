"""Whether one name may be what a server, or a person, made of another.

Servers cut names, escape them, strip what looks like a tag, write them in lower case, turn them into slugs, take away
accents or characters of four bytes, or put a number behind them. People put words before or behind a name.
"""

from __future__ import annotations

import html
import re
import unicodedata

from acrsync.model import Attrs
from acrsync.visible import lookalike

SHORTEST = 3  # letters that the beginning of another name must have to say anything
LONG = 16  # characters up to which no server cuts a name
_TAG = re.compile(r"<[^<>]*>")
_ESCAPE = re.compile(r"\\(['\"\\])")


def resembles(name: str, other: str, *, shortest: int = SHORTEST) -> bool:
    """Tell whether two names are spelled alike, or one of them is the beginning of the other.

    A beginning of fewer letters than `shortest` does not count.
    """
    if lookalike(name) == lookalike(other):
        return True
    forms, others = _forms(name), _forms(other)
    return bool(forms & others) or any(
        len(short) >= shortest and long.startswith(short)
        for form in forms
        for another in others
        for short, long in ((form, another), (another, form))
    )


def is_stored(sent: str, stored: str) -> bool:
    """Tell whether a name is so plainly what a server stores of another that nobody would have written both."""
    escaped = {html.escape(sent), html.escape(sent, quote=False), html.escape(sent).replace("&#x27;", "&#039;")}
    is_cut = len(stored) >= LONG and sent.startswith(stored)
    return stored != sent and (stored in escaped or is_cut)


def same_place(attrs: Attrs, other: Attrs) -> bool:
    """Tell whether two buckets have the same region and type."""
    return all(attrs.get(key) == other.get(key) for key in ("region", "type"))


def shares_values(attrs: Attrs, other: Attrs) -> bool:
    """Tell whether two buckets have the same region and type, and the same labels or template that is not empty."""
    shared = (bool(other.get(key)) and attrs.get(key) == other[key] for key in ("labels", "metadata_template"))
    return same_place(attrs, other) and any(shared)


def _forms(name: str) -> set[str]:
    """Return the letters of a name, with and without what servers strip from it."""
    plain = _ESCAPE.sub(r"\1", html.unescape(html.unescape(name)))  # some servers escape twice
    return {letters for text in (plain, _TAG.sub("", plain)) if (letters := _letters(text))}


def _letters(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", lookalike(text))
    return "".join(character for character in decomposed if character.isalnum())
