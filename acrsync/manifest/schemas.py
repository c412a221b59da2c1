"""The JSON Schemas that acrsync ships."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files

from acrsync.model import JSON


def schema_text(name: str) -> str:
    """Return the text of `schemas/<name>.v1.json`."""
    package = files("acrsync")
    shipped = package / "schemas"
    folder = shipped if shipped.is_dir() else package / ".." / "schemas"  # beside the package in an editable install
    return (folder / f"{name}.v1.json").read_text(encoding="utf-8")


def schema(name: str) -> Mapping[str, JSON]:
    """Return a schema as data."""
    loaded: Mapping[str, JSON] = json.loads(schema_text(name))
    return loaded


def inlined(name: str, part: str | None = None, *, variables: bool = False) -> Mapping[str, JSON]:
    """Return a schema, or one of its `$defs`, without references: a validator is slower with them.

    The values of a manifest can be variables. Allowed is only the value itself; with `variables`, both.
    """
    whole = schema(name)
    definitions: Mapping[str, JSON] = whole["$defs"]
    result: Mapping[str, JSON] = _resolved(definitions[part] if part else whole, definitions, variables=variables)
    return result


_VARIABLE = {"$ref": "#/$defs/reference"}


def _resolved(value: JSON, definitions: Mapping[str, JSON], *, variables: bool) -> JSON:
    """Return a part of a schema without references, and with `if` instead of `anyOf`, which gives no useful error."""

    def resolved(inner: JSON) -> JSON:
        return _resolved(inner, definitions, variables=variables)

    match value:
        case {"$ref": str(reference)}:
            return resolved(definitions[reference.removeprefix("#/$defs/")])
        case {"anyOf": [wanted, variable], **rest} if variable == _VARIABLE:
            plain = resolved({**rest, **resolved(wanted)})
            return {"if": resolved(variable), "else": plain} if variables else plain
        case {"anyOf": list(alternatives), **rest}:
            return resolved(_merged(alternatives) | rest)
        case dict():
            return {key: resolved(inner) for key, inner in value.items() if key != "$defs"}
        case list():
            return [resolved(inner) for inner in value]
        case _:
            return value


def _merged(alternatives: Sequence[Mapping[str, JSON]]) -> dict[str, JSON]:
    """Return alternatives, each of one type, as one schema with all these types. It has the same meaning.

    Why: each keyword here applies to one type and ignores the others, and only the errors of a single schema can be
    explained. Strict validators refuse a list of types, so the file has alternatives.
    """
    merged: dict[str, JSON] = {"type": [alternative["type"] for alternative in alternatives]}
    for alternative in alternatives:
        merged |= {key: value for key, value in alternative.items() if key not in ("type", "description")}
    return merged
