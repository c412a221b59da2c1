"""Every kind of mistake that a manifest can hold: its code and the constant text beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from acrsync.diagnostics import Diagnostic, Severity, Span
from acrsync.model import JSON
from acrsync.visible import visible

SUMMARIES: Mapping[str, str] = {
    # The file
    "E100": "Manifest file is missing",
    "E101": "Manifest path is a directory",
    "E102": "Manifest file cannot be read",
    "E103": "Manifest file is empty",
    "E104": "Manifest file is not UTF-8",
    "E105": "Character that has no place in a manifest",
    "E106": "Tab in a manifest",
    "E107": "Unresolved merge conflict",
    "E108": "Indentation with a character that is not a space",
    # YAML
    "E110": "YAML cannot be read",
    "E111": "More than one document in a file",
    "E112": "YAML directive",
    "E113": "YAML tag",
    "E114": "Merge key",
    "E115": "Key is said twice",
    "E116": "Key is not text",
    "E117": "Value needs quotes or another spelling",
    "E118": "Anchor or alias leads nowhere",
    "E119": "Aliases stand for too much",
    "E120": "Nested too deep",
    # Shape
    "E130": "Unknown key",
    "E131": "Wrong kind of value",
    "E132": "Value is not allowed",
    "E133": "Required key is missing",
    "E134": "Text is empty or too long",
    "E135": "Label cannot be used",
    "E136": "Template text is not JSON",
    # Names and references
    "E140": "Name cannot be used",
    "E141": "Name is used twice",
    "E142": "Names look alike",
    "E143": "Id is used twice",
    "E144": "Name is both kept and removed",
    "E145": "Bucket was never named otherwise",
    "E146": "Renames go round in a circle",
    "E147": "Guard cannot be approved",
    # The manifest as a whole
    "E150": "Key may be said only once",
    "E151": "Version is missing",
    "E152": "Ownership needs a stack",
    "E153": "Marks are needed and not written",
    # Environments
    "E160": "Environment is not chosen",
    "E161": "Environment is unknown",
    "E162": "Variable is not defined",
    "E163": "Variable refers to itself",
    "E164": "Variable cannot stand here",
    "E165": "Matrix cannot be expanded",
    "E166": "Matrix or variables stand for too much",
    "E167": "Two environments can change one bucket",
    "W160": "Variable is not used",
}

LONGEST = 80  # characters of a user's text in a message


def error(code: str, detail: str, *, fix: str, span: Span | None) -> Diagnostic:
    """Return an error with the summary of its code."""
    return Diagnostic(Severity.ERROR, code, SUMMARIES[code], detail, fix, span)


def warning(code: str, detail: str, *, fix: str, span: Span | None) -> Diagnostic:
    """Return a warning with the summary of its code."""
    return Diagnostic(Severity.WARNING, code, SUMMARIES[code], detail, fix, span)


def quoted(value: JSON) -> str:
    """Return a value as it is shown in a message: JSON, in one line of bounded length."""
    return short(json.dumps(value[:LONGEST] if isinstance(value, str) else value, ensure_ascii=False))


def short(text: str) -> str:
    """Return a text safe to show, in one line of bounded length."""
    shown = visible(text[: LONGEST + 1])
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 3] + "..."
