"""Makes text from outside safe to show, and compares names as a person reads them.

Some invisible characters are part of a word: the joiners of Persian and of Indic scripts, the selectors and joiners of
emoji, the tags of a flag. Unicode's rules for identifiers (UAX #31) and IDNA's (RFC 5892) allow joiners in fewer places
than people write them: Persian has one after letters that never join. The rules here are wider, because acrsync must
not refuse or change a word. Two names that differ only in such characters are equal for `lookalike`.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

# Control, format (bidirectional, zero-width, soft hyphen), surrogate, line and paragraph ends, and all spaces but two.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
_SPACES = (" ", "\u3000")  # the second is as wide as a letter and ordinary in Chinese and Japanese names
# Invisible letters and marks (Unicode: Default_Ignorable_Code_Point), the empty braille cell, and numbers that are not
# characters.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2065\u2800\u3164"
    "\ufdd0-\ufdef\ufe00-\ufe0f\uffa0\ufff0-\ufff8\ufffe\uffff\U000e0000-\U000e0fff]"
)
# Visible format characters (Unicode: Prepended_Concatenation_Mark), such as the sign before a year in Arabic.
_DRAWN = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")

_NON_JOINER = "\u200c"
_JOINERS = re.compile("[\u200c\u200d]+")  # a second one has no effect
# These separate letters that would join, as a non-joiner does: a space without width, and isolated directions.
_SEPARATOR = re.compile("[\u200b\u2066-\u2069]")
_VIRAMA = 9  # the combining class of the sign that removes the vowel of an Indic consonant
_SELECTOR = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_TEXT_OR_EMOJI = "\ufe0e\ufe0f"
_KEYCAP = "\u20e3"
# The flag of a part of a country: a black flag, the country and the part in tag characters, and an end tag.
_TAGGED_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
# Scripts in which a letter's form depends on its neighbours, by the first word of their characters' names.
_CURSIVE = ("ADLAM", "ARABIC", "CHORASMIAN", "HANIFI", "MANDAIC", "MANICHAEAN", "MONGOLIAN", "NKO", "OLD", "PHAGS-PA",
            "PSALTER", "SOGDIAN", "SYRIAC")  # fmt: skip


_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}  # escapes of YAML

# A text that every YAML reader reads as it is: it begins with a letter, and does not mean true, false or null.
_PLAIN = re.compile(
    r"(?!(?:y|n|yes|no|on|off|true|false|null|inf|nan)\Z)[^\W\d_](?:[\w ./&;()+!?'-]*[\w./&;()+!?'-])?", re.IGNORECASE
)

# Source: actions/runner, ActionCommand: `::` is a command also after leading space, `##[` anywhere in a line.
_BRACKET_COMMAND = re.compile(r"#(?=#(?:vso|teamcity)?\[)")
_COLON_COMMAND = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)


_LOGINS = (
    (re.compile(r"""(\w://)(?:[^\s'"/]*|[^\s'"/]*:[^\s'"]*)@"""), r"\1***@"),
    (re.compile(r"""(\w://[^\s'"?]*\?)[^\s'"]+"""), r"\1***"),
    # Without a scheme, as in the short form of git. A user without a password, as in `git@host:path`, is shown.
    (re.compile(r"""(?<![\w:/.@*-])((?:git:)?+)[^\s'":/@]+:(?!/)[^\s'"]*@"""), r"\1***@"),
)


def visible(text: str) -> str:
    r"""Return the text with invisible characters, and those that move the cursor, as `\xNN` or `\u{NNNN}`.

    A bucket name must not hide a delete, or contain a command to a terminal or pipeline.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if hidden else character for character, hidden in characters(text))


def pasteable(text: str) -> str:
    """Return a text as a value to paste into a manifest: in quotes if it needs them, with hidden characters escaped."""
    if _PLAIN.fullmatch(text) and visible(text) == text:
        return text
    return in_quotes(text)


def in_quotes(text: str) -> str:
    """Return a text in double quotes as YAML reads it, with hidden characters escaped."""
    inside = (
        _yaml_escape(character) if hidden else _SHORT.get(character, character)
        for character, hidden in characters(text)
    )
    return f'"{"".join(inside)}"'


def _yaml_escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    code = f"{ord(character):X}"
    letter, width = next((letter, width) for letter, width in (("x", 2), ("u", 4), ("U", 8)) if len(code) <= width)
    return f"\\{letter}{code.zfill(width)}"


def without_login(text: str) -> str:
    """Return a text with `***` instead of the login and the query of each address in it.

    An address with mistakes, such as a `/` in a password that is not encoded, hides too much rather than too little.
    """
    for pattern, hidden in _LOGINS:
        text = pattern.sub(hidden, text)
    return text


def lookalike(name: str) -> str:
    """Return the same form for names that differ only in case, space, Unicode form, joiners or variation selectors."""
    if name.isascii() and name.isprintable():
        return name.casefold().replace(" ", "")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    kept = _compared(folded)
    return unicodedata.normalize("NFC", kept)


def characters(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each character, and whether it is hidden: invisible, and not part of a word here."""
    for at, character in enumerate(text):
        yield character, _is_invisible(character) and not _in_word(text, at)


def cleaned(text: str) -> str:
    """Return the text as a person sees it: without hidden characters, or with a space if they leave a gap.

    It is in Unicode form NFC, without spaces at its ends; empty if nothing is visible.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    before = None
    while before != text:  # a removed character may have separated two that belong together
        before = text
        text = _SEPARATOR.sub(_NON_JOINER, text.replace("\r\n", "\n"))
        text = "".join(_seen(one) if hidden else one for one, hidden in characters(text))
        text = _JOINERS.sub(lambda joiners: joiners[0][0], text)
        text = "".join(one for one, hidden in characters(text) if not hidden)
        text = unicodedata.normalize("NFC", text).strip()
    return text


def _seen(hidden: str) -> str:
    """Return what a person sees of a hidden character. Joiners stay: only the final text tells if they are hidden."""
    if _JOINERS.match(hidden):
        return hidden
    return " " if hidden.isspace() or hidden in "\u115f\u1160\u2800\u3164\uffa0" else ""


def _compared(text: str) -> str:
    """Return the characters that count when names are compared. The tags in a flag are visible, so they count."""
    return "".join(
        character
        for at, character in enumerate(text)
        if not (character.isspace() or _is_invisible(character)) or _in_flag(text, at)
    )


@lru_cache(maxsize=4096)
def _is_invisible(character: str) -> bool:
    if character in _SPACES or _DRAWN.match(character):
        return False
    return unicodedata.category(character) in _HIDDEN or _BLANK.match(character) is not None


def _in_word(text: str, at: int) -> bool:
    """Return whether an invisible character is part of a word, or of an emoji, at this position."""
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
        case character if _SELECTOR.match(character):
            return _varies(text, at)
        case _:
            return _in_flag(text, at)


def _in_conjunct(text: str, at: int) -> bool:
    """Return whether a joiner is beside a virama, so that it selects the form of the consonant.

    Source: RFC 5892, A.1 and A.2. It comes before the virama in Bengali ra-ya, and ends a word in Malayalam chillus.
    """
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if before and unicodedata.combining(before) == _VIRAMA:
        return _letter_before(text, at - 1) != ""
    return bool(after) and unicodedata.combining(after) == _VIRAMA and _letter_before(text, at) != ""


def _between_letters(text: str, at: int) -> bool:
    """Return whether a joiner is between letters or digits, at least one of them of a cursive script."""
    before, after = _letter_before(text, at), _letter(text[at + 1 : at + 1 + _MOST_MARKS])
    return bool(before and after) and (_script(before) in _CURSIVE or _script(after) in _CURSIVE)


def _shapes(before: str, after: str) -> bool:
    """Return whether a joiner gives an Arabic letter beside it the form for the inside of a word."""
    return before in _forms("<initial>") or after in _forms("<final>")


def _varies(text: str, at: int) -> bool:
    """Return whether a variation selector follows a character that has variants."""
    before = text[at - 1 : at]
    if not before or _is_invisible(before):
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


def _in_flag(text: str, at: int) -> bool:
    if not "\U000e0020" <= text[at] <= "\U000e007f":
        return False
    start = text.rfind("\U0001f3f4", max(0, at - 7), at)
    flag = _TAGGED_FLAG.match(text, start) if start >= 0 else None
    return flag is not None and at < flag.end()


def _is_picture(character: str) -> bool:
    """Return whether an emoji can be, or end in, this character. Python's tables do not have all emoji."""
    if "\U0001f000" <= character <= "\U0001faff":
        return True
    if _is_invisible(character):
        return False
    return character in "\u203c\u2049\u2139\u2194\u3030\u303d" or unicodedata.category(character) == "So"


def _letter_before(text: str, at: int) -> str:
    """Return the letter or digit before this position, without the marks on it."""
    return _letter(reversed(text[max(0, at - _MOST_MARKS) : at]))


def _letter(characters: Iterable[str]) -> str:
    """Return the first character that is not a mark if it is a letter or digit, else an empty text."""
    first = next((character for character in characters if not _is_mark(character)), "")
    return first if first.isalnum() and not _is_invisible(first) else ""


_MOST_MARKS = 8  # on one letter: a text of only marks and joiners is read in linear time


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc") and not _is_invisible(character)


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """Return the script of a letter: the first word of the character's name. "" if it is not a letter."""
    if not character or not character.isalpha():
        return ""
    return unicodedata.name(character, "").partition(" ")[0]


@lru_cache(maxsize=2)
def _forms(form: str) -> frozenset[str]:
    """Return the letters that have this form, from Unicode's presentation forms for old software."""
    pages = (*range(0xFB50, 0xFDD0), *range(0xFE70, 0xFEFF))
    parts = (unicodedata.decomposition(chr(page)).partition(" ") for page in pages)
    return frozenset(chr(int(letters, 16)) for tag, _, letters in parts if tag == form and " " not in letters)


def _escaped(character: str) -> str:
    code = f"{ord(character):02x}"
    return f"\\x{code}" if character <= "\xff" else f"\\u{{{code}}}"


def harmless(text: str) -> str:
    """Return the text with the start of each command to a pipeline's runner escaped."""
    return _COLON_COMMAND.sub(r"\1\\x3a", _BRACKET_COMMAND.sub(r"\\x23", text))


def harmless_json(text: str) -> str:
    """Return JSON text of the same value without such commands. `##[` is only possible inside its strings."""
    return _BRACKET_COMMAND.sub(r"\\u0023", text)
