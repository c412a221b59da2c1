"""Reads fields from a request body, in the three encodings that the vendor's samples use (reference 1.1)."""

import json
import re

from werkzeug.wrappers import Request


def fields_of(request: Request, content: bytes) -> dict[str, object]:
    """Return the fields of a body; none if it cannot be read, as in PHP. GUESS: the API does the same."""
    if request.mimetype.endswith(("/json", "+json")):
        return _json_fields(content)
    found: dict[str, object] = {}
    for key, values in request.form.lists():
        if listed := re.fullmatch(r"(.+?)\[[0-9]*\]", key):
            before = found.get(listed[1])
            found[listed[1]] = [*(before if isinstance(before, list) else []), *values]
        else:
            found[key] = values[-1]  # PHP: the last of several equal keys counts
    return found


def _json_fields(content: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
        json.dumps(parsed, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is not text, as in PHP
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
