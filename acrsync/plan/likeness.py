"""Decides whether two names may be the same name, changed by a server or a person.

Servers cut names off, escape them, strip tags, convert them to lower case or slugs, remove accents or characters of
four bytes, or append a number. People add words at the start or the end.
"""

from __future__ import annotations

import html
import re
import unicodedata

from acrsync.model import Attrs
from acrsync.visible import lookalike

SHORTEST = 3  # letters; a shorter beginning of a name proves nothing
LONG = 16  # characters; no server cuts names off below this length
_TAG = re.compile(r"<[^<>]*>")
_ESCAPE = re.compile(r"\\(['\"\\])")


def resembles(name: str, other: str, *, shortest: int = SHORTEST) -> bool:
    """Return whether two names are spelled alike, or one is the beginning (`shortest` letters or more) of the other."""
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
    """Return whether a name is surely another name as a server stored it: escaped or cut off."""
    escaped = {html.escape(sent), html.escape(sent, quote=False), html.escape(sent).replace("&#x27;", "&#039;")}
    is_cut = len(stored) >= LONG and sent.startswith(stored)
    return stored != sent and (stored in escaped or is_cut)


def same_place(attrs: Attrs, other: Attrs) -> bool:
    """Return whether two buckets have the same region and type."""
    return all(attrs.get(key) == other.get(key) for key in ("region", "type"))


def shares_values(attrs: Attrs, other: Attrs) -> bool:
    """Return whether two buckets have the same region and type, and the same labels or template that is not empty."""
    shared = (bool(other.get(key)) and attrs.get(key) == other[key] for key in ("labels", "metadata_template"))
    return same_place(attrs, other) and any(shared)


def _forms(name: str) -> set[str]:
    """Return the letters of a name, with and without the parts that servers strip."""
    plain = _ESCAPE.sub(r"\1", html.unescape(html.unescape(name)))  # some servers escape twice
    return {letters for text in (plain, _TAG.sub("", plain)) if (letters := _letters(text))}


def _letters(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", lookalike(text))
    return "".join(character for character in decomposed if character.isalnum())
