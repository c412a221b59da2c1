"""The meaning of each message, an example that provokes it, and what to do: the table in explanations.toml.

`acrsync explain` reads it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files

from acrsync.diagnostics import SUMMARIES
from acrsync.frozen import frozen


@frozen
class Explanation:
    """The explanation of one message. `manifest`, `command`, or both provoke it; else `when` says what does."""

    code: str
    summary: str
    means: str
    fix: str
    manifest: str = ""  # the text of an acrsync.yaml
    command: str = ""  # a command line; without one, `acrsync plan`
    when: str = ""


def explanations() -> Mapping[str, Explanation]:
    """Return the explanation of every code, in the order of the data."""
    data = tomllib.loads((files("acrsync") / "explanations.toml").read_text(encoding="utf-8"))
    return {code: Explanation(code, SUMMARIES[code], **entry) for code, entry in data.items() if code in SUMMARIES}
