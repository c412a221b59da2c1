"""Colors, and safe values: text from outside cannot move the cursor, hide text, or contain commands."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from enum import StrEnum

from acrsync.frozen import frozen
from acrsync.model import JSON
from acrsync.report.diff import Path
from acrsync.visible import visible

# Words that need no quotes. In all others, quotes show where a name ends, so it cannot fake an id after it.
_PLAIN_WORD = re.compile(r"\w[\w.:/@+&-]*")


class Tone(StrEnum):
    """The meaning of a color. The value is its SGR code.

    Why not one of the first 16 colors: they look different in each terminal, and yellow is unreadable on white. These
    are readable on white, on black (contrast 3 or more), and on common backgrounds between them.
    """

    GOOD = "38;5;64"
    CHANGED = "38;5;136"
    BAD = "38;5;196"
    REPLACED = "38;5;134"
    ADVICE = "38;5;31"
    STRONG = "1"
    FAINT = "38;5;244"


@frozen
class Style:
    """With or without color. Signs and words are the same, so no information is lost without it."""

    colour: bool = False
    width: int | None = None  # columns of the screen; None: no screen, so lines are not wrapped

    def paint(self, text: str, tone: Tone) -> str:
        return f"\x1b[{tone}m{text}\x1b[0m" if self.colour and text else text


PLAIN = Style()
COLOURED = Style(colour=True)


def shown(value: JSON) -> str:
    """Return one value on one line: a plain word as it is, any other value as JSON."""
    if isinstance(value, str) and _PLAIN_WORD.fullmatch(value):
        return visible(value)
    return as_json(value)


def as_json(value: JSON) -> str:
    """Return one value as JSON on one line, without hidden characters."""
    return visible(json.dumps(value, ensure_ascii=False))


def shown_all(values: Sequence[str]) -> str:
    """Return a list on one line."""
    return ", ".join(map(shown, values)) or "none"


def shown_path(path: Path) -> str:
    """Return a path, such as `album.options[1]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{shown(step)}" for step in path)
    return "".join(steps).removeprefix(".")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as "1 bucket" or "2 buckets"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
