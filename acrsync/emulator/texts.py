"""The ways in which a server may change a text before storing it, and how it compares names."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Literal

Form = Literal[
    "html_escaped",  # & as &amp;
    "tags_stripped",  # HTML tags are removed
    "quotes_escaped",  # a backslash before quotes and backslashes
    "trimmed",
    "lowered",
    "slugged",  # My Radio as my-radio
    "spaces_collapsed",  # several spaces as one
    "nfc",
    "nfd",  # a composed letter as letter and accent
    "width_folded",  # full-width letters as ASCII
    "accents_dropped",
    "invisible_dropped",  # joiners and direction marks, also those that a word or an emoji needs
    "four_bytes_replaced",  # an emoji as ?: a column with three bytes per character
]


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", _without_accents(text).encode("ascii", "ignore").decode().lower()).strip("-")


def _without_accents(text: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFKD", text) if not unicodedata.combining(part))


def _width_folded(text: str) -> str:
    return re.sub("[\u3000\uff01-\uff5e]", lambda wide: unicodedata.normalize("NFKC", wide[0]), text)


FORMS: Mapping[Form, Callable[[str], str]] = {
    "html_escaped": lambda text: html.escape(text).replace("&#x27;", "&#039;"),  # as PHP writes it
    "tags_stripped": lambda text: re.sub("<[^>]*>", "", text),
    "quotes_escaped": lambda text: re.sub(r"""(["'\\])""", r"\\\1", text),
    "trimmed": str.strip,
    "lowered": str.lower,
    "slugged": _slug,
    "spaces_collapsed": lambda text: re.sub(r"\s+", " ", text),
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "nfd": lambda text: unicodedata.normalize("NFD", text),
    "width_folded": _width_folded,
    "accents_dropped": _without_accents,
    "invisible_dropped": lambda text: "".join(char for char in text if unicodedata.category(char) != "Cf"),
    "four_bytes_replaced": lambda text: re.sub("[^\u0000-\uffff]", "?", text),
}


def stored(text: str, forms: Iterable[Form]) -> str:
    """Return a text after these forms, in order."""
    for form in forms:
        text = FORMS[form](text)
    return text


@lru_cache(maxsize=100_000)
def folded(name: str, equality: str) -> str:
    """Return the form in which names are compared. MySQL's usual collations ignore case and trailing space."""
    if equality == "exact":
        return name
    if equality == "exact_trimmed":
        return name.strip()
    if equality == "ignore_case":
        return name.rstrip().casefold()
    return _without_accents(name.rstrip()).casefold()
