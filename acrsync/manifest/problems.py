"""Quotes values of a manifest in messages."""

from __future__ import annotations

import json

from acrsync.model import JSON
from acrsync.visible import visible

LONGEST = 80  # characters of a user's text in a message


def quoted(value: JSON) -> str:
    """Return a value for a message: JSON, in one short line."""
    return short(json.dumps(value[:LONGEST] if isinstance(value, str) else value, ensure_ascii=False))


def short(text: str) -> str:
    """Return a text that is safe to show, in one short line."""
    shown = visible(text[: LONGEST + 1])
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 3] + "..."
