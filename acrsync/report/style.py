"""Colour or none, and values as they are shown: nothing from outside can move the cursor, hide text or give orders."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from acrsync.model import JSON
from acrsync.report.diff import Path
from acrsync.visible import visible

# Words that need no quotes: with them, a name cannot pretend to be two, or to be followed by an id of its choice.
_PLAIN_WORD = re.compile(r"\w[\w.:/@+&-]*")


class Tone(StrEnum):
    """What a colour stands for; the value is its SGR code.

    Why of the 256 colours and not of the first 16: those look different in each terminal, and its yellow cannot be read
    on white. These can be read on white and on black (a contrast of 3 at least), and on what is usual between.
    """

    GOOD = "38;5;64"
    CHANGED = "38;5;136"
    BAD = "38;5;196"
    REPLACED = "38;5;134"
    ADVICE = "38;5;31"
    STRONG = "1"
    FAINT = "38;5;244"


@dataclass(frozen=True, slots=True)
class Style:
    """With colour or without; the signs and words are the same, so nothing is lost without."""

    colour: bool = False
    width: int | None = None  # columns of the screen; None: no screen, so no line is broken

    def paint(self, text: str, tone: Tone) -> str:
        return f"\x1b[{tone}m{text}\x1b[0m" if self.colour and text else text


PLAIN = Style()
COLOURED = Style(colour=True)


def shown(value: JSON) -> str:
    """Return one value on one line: a plain word as it is, everything else as JSON."""
    if isinstance(value, str) and _PLAIN_WORD.fullmatch(value):
        return visible(value)
    return as_json(value)


def as_json(value: JSON) -> str:
    """Return one value as JSON on one line, with nothing in it that hides."""
    return visible(json.dumps(value, ensure_ascii=False))


def shown_all(values: Sequence[str]) -> str:
    """Return a list on one line."""
    return ", ".join(map(shown, values)) or "none"


def shown_path(path: Path) -> str:
    """Return a path as `album.options[1]`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{shown(step)}" for step in path)
    return "".join(steps).removeprefix(".")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, as "1 bucket" or "2 buckets"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
