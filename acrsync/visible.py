"""Text from outside made safe to show, and names made comparable as a person would read them."""

import re
import unicodedata

# Control, format (bidirectional, zero-width, soft hyphen), surrogate, line and paragraph ends, and all spaces but two.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
_SPACES = (" ", "\u3000")  # the second is as wide as a letter and ordinary in Chinese and Japanese names
# Letters and marks that nothing is drawn for (Unicode: Default_Ignorable_Code_Point), and the empty braille cell.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2065\u2800\u3164"
    "\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


# Source: actions/runner, ActionCommand: `::` counts after leading space too, `##[` anywhere in a line.
_BRACKET_COMMAND = re.compile(r"#(?=#(?:vso|teamcity)?\[)")
_COLON_COMMAND = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)


def visible(text: str) -> str:
    r"""Return the text with everything that prints nothing, or moves the cursor, written as `\xNN` or `\u{NNNN}`.

    A bucket name must not hide a delete or speak a terminal's or a pipeline's commands.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if _hidden(character) else character for character in text)


def lookalike(name: str) -> str:
    """Return one form for all names that differ only in case, space or Unicode form."""
    if name.isascii() and name.isprintable():
        return name.casefold().replace(" ", "")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    kept = "".join(character for character in folded if not (character.isspace() or _hidden(character)))
    return unicodedata.normalize("NFC", kept)


def _hidden(character: str) -> bool:
    if character in _SPACES:
        return False
    return unicodedata.category(character) in _HIDDEN or _BLANK.match(character) is not None


def _escaped(character: str) -> str:
    code = f"{ord(character):02x}"
    return f"\\x{code}" if character <= "\xff" else f"\\u{{{code}}}"


def harmless(text: str) -> str:
    """Return text with the beginning of what a pipeline's runner would take for a command written as an escape."""
    return _COLON_COMMAND.sub(r"\1\\x3a", _BRACKET_COMMAND.sub(r"\\x23", text))


def harmless_json(text: str) -> str:
    """Return JSON text that means the same and holds no such command; `##[` can only stand within its strings."""
    return _BRACKET_COMMAND.sub(r"\\u0023", text)
