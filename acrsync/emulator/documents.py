"""Decodes plain data into frozen dataclasses: profiles, fault plans and bodies of control requests.

The annotations of a dataclass define the allowed keys and values; a message names the position of a mistake.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")
SIGNED = "may be negative"  # annotates a number
GREATEST = 2**53


def read_yaml(path: Path) -> object:
    """Return the content of a YAML file.

    Raises: ValueError when the file cannot be read or is not YAML.
    """
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from error


def mapping(document: object, where: str) -> Mapping[str, object]:
    """Return `document` as a mapping with text keys; None is an empty one.

    Raises: ValueError for anything else.
    """
    if document is None:
        return {}
    if isinstance(document, Mapping) and all(isinstance(key, str) for key in document):
        return document
    raise ValueError(f"{where} must be a mapping with text keys")


def decode(kind: type[Record], document: object, where: str) -> Record:
    """Return a `kind` built from a mapping, with each value checked against the annotation of its field.

    Raises: ValueError if a key is unknown or missing, or a value is invalid.
    """
    given = mapping(document, where)
    hints = get_type_hints(kind, include_extras=True)
    if unknown := sorted(set(given) - set(hints)):
        raise ValueError(f"{where} has no {unknown[0]!r}; it knows {', '.join(sorted(hints))}")
    required = {field.name for field in fields(kind) if field.default is field.default_factory is MISSING}
    if missing := sorted(required - set(given)):
        raise ValueError(f"{where} needs {missing[0]!r}")
    return kind(**{key: _fit(value, hints[key], f"{where}, {key}") for key, value in given.items()})


def _fit(value: object, hint: Any, where: str) -> object:
    """Return the value in the annotated type. Lists become tuples; a single item counts as a list."""
    if get_origin(hint) is Literal:
        if any(value == choice and type(value) is type(choice) for choice in get_args(hint)):
            return value
        raise ValueError(f"{where} must be one of {', '.join(str(choice) for choice in get_args(hint))}")
    if get_origin(hint) is UnionType:
        inner = next(part for part in get_args(hint) if part is not type(None))
        return None if value is None else _fit(value, inner, where)
    if get_origin(hint) is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(_fit(item, get_args(hint)[0], where) for item in items)
    if get_origin(hint) is Mapping:
        return mapping(value, where)
    if hint is float and type(value) is int:
        value = float(value)
    wanted, least = (int, 1 - GREATEST) if get_origin(hint) is Annotated else (hint, 0)
    if type(value) is not wanted:
        raise ValueError(f"{where} must be {'a whole number' if wanted is int else wanted.__name__}")
    if isinstance(value, int | float) and not least <= value < GREATEST:
        raise ValueError(f"{where} must not be {'' if least else 'negative, nor '}beyond 2**53")
    return value
