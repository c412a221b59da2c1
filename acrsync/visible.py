"""Text from outside made safe to show, and names made comparable as a person would read them.

Some characters that print nothing are part of a word: the joiners of Persian and of Indic scripts, the selectors and
joiners of emoji, the tags of a flag. Unicode's rules for identifiers (UAX #31) and IDNA's (RFC 5892) allow joiners in
fewer places than people write them: Persian has one after letters that never join. The rules here are wider, because a
word must not be refused or changed; two names that differ only in such characters look alike for `lookalike`.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

# Control, format (bidirectional, zero-width, soft hyphen), surrogate, line and paragraph ends, and all spaces but two.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
_SPACES = (" ", "\u3000")  # the second is as wide as a letter and ordinary in Chinese and Japanese names
# Letters and marks that nothing is drawn for (Unicode: Default_Ignorable_Code_Point), the empty braille cell, and
# numbers that are no character.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2065\u2800\u3164"
    "\ufdd0-\ufdef\ufe00-\ufe0f\uffa0\ufff0-\ufff8\ufffe\uffff\U000e0000-\U000e0fff]"
)
# Format characters that are drawn (Unicode: Prepended_Concatenation_Mark), as the sign before a year in Arabic.
_DRAWN = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")

_NON_JOINER = "\u200c"
_JOINERS = re.compile("[\u200c\u200d]+")  # a second one does nothing
# What keeps letters apart that would join, as a non-joiner does: a space without width, and isolated directions.
_SEPARATOR = re.compile("[\u200b\u2066-\u2069]")
_VIRAMA = 9  # the combining class of the sign that takes an Indic consonant's vowel away
_TEXT_OR_EMOJI = "\ufe0e\ufe0f"
_KEYCAP = "\u20e3"
# A flag of a part of a country: a black flag, the country and the part in tag characters, and their end.
_TAGGED_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
# Scripts in which a letter's form depends on its neighbours, by the first word of their characters' names.
_CURSIVE = ("ADLAM", "ARABIC", "CHORASMIAN", "HANIFI", "MANDAIC", "MANICHAEAN", "MONGOLIAN", "NKO", "OLD", "PHAGS-PA",
            "PSALTER", "SOGDIAN", "SYRIAC")  # fmt: skip


# Source: actions/runner, ActionCommand: `::` counts after leading space too, `##[` anywhere in a line.
_BRACKET_COMMAND = re.compile(r"#(?=#(?:vso|teamcity)?\[)")
_COLON_COMMAND = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)


def visible(text: str) -> str:
    r"""Return the text with everything that prints nothing, or moves the cursor, written as `\xNN` or `\u{NNNN}`.

    A bucket name must not hide a delete or speak a terminal's or a pipeline's commands.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if hidden else character for character, hidden in characters(text))


def lookalike(name: str) -> str:
    """Return one form for all names that differ only in case, space, Unicode form, joiners or variation selectors."""
    if name.isascii() and name.isprintable():
        return name.casefold().replace(" ", "")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    kept = _kept_when_compared(folded)
    return unicodedata.normalize("NFC", kept)


def characters(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each character, and whether it shows nothing and is not a part of a word at its place."""
    for at, character in enumerate(text):
        yield character, _prints_nothing(character) and not _in_word(text, at)


def cleaned(text: str) -> str:
    """Return the text as it is seen: a space for what leaves a gap, nothing for what shows nothing.

    It is in Unicode form NFC, without spaces at its ends; empty if it shows nothing at all.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    before = None
    while before != text:  # what is taken away may have separated two characters that belong together
        before = text
        text = _SEPARATOR.sub(_NON_JOINER, text.replace("\r\n", "\n"))
        text = "".join(_instead(one) if hidden else one for one, hidden in characters(text))
        text = _JOINERS.sub(lambda joiners: joiners[0][0], text)
        text = "".join(one for one, hidden in characters(text) if not hidden)
        text = unicodedata.normalize("NFC", text).strip()
    return text


def _instead(hidden: str) -> str:
    """Return what is seen of a character that is not a part of a word; whether joiners are is known at the end only."""
    if _JOINERS.match(hidden):
        return hidden
    return " " if hidden.isspace() or hidden in "\u115f\u1160\u2800\u3164\uffa0" else ""


def _kept_when_compared(text: str) -> str:
    """Return what two names are compared by; the tags that tell one flag from another are seen, so they stay."""
    return "".join(
        character
        for at, character in enumerate(text)
        if not (character.isspace() or _prints_nothing(character)) or _in_flag(text, at)
    )


@lru_cache(maxsize=4096)
def _prints_nothing(character: str) -> bool:
    if character in _SPACES or _DRAWN.match(character):
        return False
    return unicodedata.category(character) in _HIDDEN or _BLANK.match(character) is not None


def _in_word(text: str, at: int) -> bool:
    """Tell whether a character that prints nothing by itself is part of a word, or of an emoji, at this place."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    match text[at]:
        case "\u200c":
            return _in_conjunct(text, at) or _between_letters(text, at)
        case "\u200d":
            joins_emoji = _is_picture(before or " ") or (before in [*_TEXT_OR_EMOJI] and _varies(text, at - 1))
            if joins_emoji and after and _is_picture(after):
                return True
            return _in_conjunct(text, at) or _between_letters(text, at) or _shapes(before, after)
        case "\u180e" | "\u202f":  # the vowel separator and the narrow space before a suffix
            return _script(before) == _script(after) == "MONGOLIAN"
        case character if _is_selector(character):
            return _varies(text, at)
        case _:
            return _in_flag(text, at)


def _in_conjunct(text: str, at: int) -> bool:
    """Tell whether a joiner stands beside the sign without vowel of a consonant, whose form it chooses.

    Source: RFC 5892, A.1 and A.2; before the sign as in Bengali ra-ya; at the end of a word as in Malayalam chillus.
    """
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if before and unicodedata.combining(before) == _VIRAMA:
        return _letter_before(text, at - 1) != ""
    return bool(after) and unicodedata.combining(after) == _VIRAMA and _letter_before(text, at) != ""


def _between_letters(text: str, at: int) -> bool:
    """Tell whether a joiner stands between letters or digits of which one, at least, is of a cursive script."""
    before, after = _letter_before(text, at), _letter_after(text, at)
    return bool(before and after) and (_script(before) in _CURSIVE or _script(after) in _CURSIVE)


def _shapes(before: str, after: str) -> bool:
    """Tell whether a joiner gives the Arabic letter beside it the form that it has inside a word."""
    return before in _forms("<initial>") or after in _forms("<final>")


def _varies(text: str, at: int) -> bool:
    """Tell whether a variation selector stands behind a character that has variants."""
    before = text[at - 1 : at]
    if not before or _prints_nothing(before):
        return False
    match text[at]:
        case "\ufe0e" | "\ufe0f" if before in "0123456789#*":
            return text[at + 1 : at + 2] == _KEYCAP
        case "\ufe0e" | "\ufe0f":
            return _is_picture(before)
        case selector if selector < "\ufe00":
            return _script(before) == "MONGOLIAN"
        case selector if selector <= "\ufe0f":  # of mathematical signs, Han characters, Phags-pa, Myanmar
            return unicodedata.category(before) in ("Sm", "So", "Lo", "Po")
        case _:
            return _script(before) == "CJK"


def _is_selector(character: str) -> bool:
    return (
        "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
        or character in "\u180b\u180c\u180d\u180f"
    )


def _in_flag(text: str, at: int) -> bool:
    if not "\U000e0020" <= text[at] <= "\U000e007f":
        return False
    start = text.rfind("\U0001f3f4", max(0, at - 7), at)
    flag = _TAGGED_FLAG.match(text, start) if start >= 0 else None
    return flag is not None and at < flag.end()


def _is_picture(character: str) -> bool:
    """Tell whether an emoji may consist of, or end in, this character; Python's tables know fewer than there are."""
    if "\U0001f000" <= character <= "\U0001faff":
        return True
    if _prints_nothing(character):
        return False
    return character in "\u203c\u2049\u2139\u2194\u3030\u303d" or unicodedata.category(character) == "So"


def _letter_before(text: str, at: int) -> str:
    """Return the letter or digit that stands before this place; the marks on it are passed over."""
    for character in reversed(text[max(0, at - _MOST_MARKS) : at]):
        if not _is_mark(character):
            return character if character.isalnum() and not _prints_nothing(character) else ""
    return ""


def _letter_after(text: str, at: int) -> str:
    for character in text[at + 1 : at + 1 + _MOST_MARKS]:
        if not _is_mark(character):
            return character if character.isalnum() and not _prints_nothing(character) else ""
    return ""


_MOST_MARKS = 8  # on one letter; so that a text of nothing but marks and joiners is read in linear time


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc") and not _prints_nothing(character)


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """Return the first word of a character's name, which is its script; "" if it has none, or is a digit or a sign."""
    if not character or not character.isalpha():
        return ""
    return unicodedata.name(character, "").partition(" ")[0]


@lru_cache(maxsize=2)
def _forms(form: str) -> frozenset[str]:
    """Return the letters that have this form, from the forms that Unicode keeps for old software."""
    pages = (*range(0xFB50, 0xFDD0), *range(0xFE70, 0xFEFF))
    parts = (unicodedata.decomposition(chr(page)).partition(" ") for page in pages)
    return frozenset(chr(int(letters, 16)) for tag, _, letters in parts if tag == form and " " not in letters)


def _escaped(character: str) -> str:
    code = f"{ord(character):02x}"
    return f"\\x{code}" if character <= "\xff" else f"\\u{{{code}}}"


def harmless(text: str) -> str:
    """Return text with the beginning of what a pipeline's runner would take for a command written as an escape."""
    return _COLON_COMMAND.sub(r"\1\\x3a", _BRACKET_COMMAND.sub(r"\\x23", text))


def harmless_json(text: str) -> str:
    """Return JSON text that means the same and holds no such command; `##[` can only stand within its strings."""
    return _BRACKET_COMMAND.sub(r"\\u0023", text)
