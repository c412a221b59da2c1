"""The ways in which a server may transform a text before storing it, and which of them explain a stored text.

The names are those of the emulator's switches `name_stored`, `label_stored` and `template_stored`. The code is a
second implementation, because no test would find a mistake in shared code.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import permutations

LONGEST_CHAIN = 3  # forms that are applied one after the other


def _bare(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def _slug(text: str) -> str:
    ascii_only = _bare(text).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")


def _narrow(text: str) -> str:
    return "".join(
        unicodedata.normalize("NFKC", char) if char == "\u3000" or "\uff01" <= char <= "\uff5e" else char
        for char in text
    )


FORMS: Mapping[str, Callable[[str], str]] = {
    "html_escaped": lambda text: html.escape(text).replace("&#x27;", "&#039;"),
    "tags_stripped": lambda text: re.sub(r"<[^>]*>", "", text),
    "quotes_escaped": lambda text: re.sub(r"[\"'\\]", lambda found: "\\" + found[0], text),
    "trimmed": lambda text: text.strip(),
    "lowered": lambda text: text.lower(),
    "slugged": _slug,
    "spaces_collapsed": lambda text: re.sub(r"\s+", " ", text),
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "nfd": lambda text: unicodedata.normalize("NFD", text),
    "width_folded": _narrow,
    "accents_dropped": _bare,
    "invisible_dropped": lambda text: "".join(char for char in text if unicodedata.category(char) != "Cf"),
    "four_bytes_replaced": lambda text: "".join("?" if char > "\uffff" else char for char in text),
}

# Something that each form changes and the others do not. No comma, which may split a label.
SAMPLES = (
    'Aa  &amp; <i>q</i> "z" o\'k b\\s',  # case, spaces, escapes, tags, quotes
    "é e\u0301 Ａ",  # composed, decomposed, full-width
    "na\u200dn \U0001f4fb",  # an invisible joiner, four bytes
)


def stored(text: str, forms: Iterable[str]) -> str:
    """Return a text after these forms, in order."""
    for form in forms:
        text = _formed(text, form)
    return text


@lru_cache(maxsize=100_000)  # chains share their beginnings
def _formed(text: str, form: str) -> str:
    return FORMS[form](text)


@lru_cache(maxsize=4)
def chains(longest: int = LONGEST_CHAIN) -> tuple[tuple[str, ...], ...]:
    """Return all chains of different forms, the shortest first."""
    return tuple(chain for length in range(longest + 1) for chain in permutations(FORMS, length))


def explaining(pairs: Sequence[tuple[str, str]], *, before: Callable[[str], str] = str) -> tuple[tuple[str, ...], ...]:
    """Return the chains that turn the first text of each pair into the second, after `before`."""
    return tuple(_explaining(tuple((before(sent), kept) for sent, kept in pairs), LONGEST_CHAIN))


def _explaining(pairs: tuple[tuple[str, str], ...], longest: int) -> Iterator[tuple[str, ...]]:
    """Yield the chains, built step by step: a common beginning is computed once."""
    found: list[tuple[str, ...]] = []
    made: dict[tuple[str, ...], tuple[str, ...]] = {(): tuple(sent for sent, _ in pairs)}
    wanted = tuple(kept for _, kept in pairs)
    for length in range(longest + 1):
        found += [chain for chain, texts in made.items() if texts == wanted]
        if length < longest:
            made = {
                (*chain, form): tuple(_formed(text, form) for text in texts)
                for chain, texts in made.items()
                for form in FORMS
                if form not in chain
            }
    yield from found


def may_be(kept: str, sent: str, *, least: int) -> bool:
    """Return whether a server may have stored the name `sent` as `kept`.

    That is: unchanged, changed by one or two known forms, cut after at least `least` characters, or numbered.
    """
    if kept == sent or (len(kept) >= least and sent.startswith(kept)):
        return True
    numbered = re.fullmatch(r"(.*) \(\d+\)", kept, re.DOTALL)
    bare = numbered[1] if numbered else kept
    return any(stored(sent, chain).startswith(bare) and len(bare) >= least for chain in chains(2))
