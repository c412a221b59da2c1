"""Converts frozen data to JSON and back. One description of a type serves both directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Generic, TypeVar

from acrsync.frozen import frozen
from acrsync.model import JSON
from acrsync.visible import visible

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Mismatch(Exception):
    """A value of the wrong kind."""


@frozen
class At:
    """One value of a document, and its path for messages."""

    value: JSON
    path: str = ""

    def __getitem__(self, key: str) -> At:
        """Return the value of a key. The key must exist, but the value can be null."""
        values = self.mapping()
        if key not in values:
            raise self.mismatch(f"an object with `{visible(key)}`")
        return At(values[key], f"{self.path}.{visible(key)}".lstrip("."))

    def items(self) -> tuple[At, ...]:
        if not isinstance(self.value, list):
            raise self.mismatch("a list")
        return tuple(At(value, f"{self.path}[{index}]") for index, value in enumerate(self.value))

    def mapping(self) -> Mapping[str, JSON]:
        if not isinstance(self.value, dict):
            raise self.mismatch("an object")
        return self.value

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.mismatch("a text")
        return self.value

    def number(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.mismatch("a whole number")
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.mismatch("true or false")
        return self.value

    def mismatch(self, expected: str) -> Mismatch:
        return Mismatch(f"At `{self.path or 'the top'}` there must be {expected}")


@frozen
class Codec(Generic[T]):
    """Writes and reads the values of one type. Reading raises: Mismatch."""

    write: Callable[[T], JSON]
    read: Callable[[At], T]


TEXT: Codec[str] = Codec(str, At.text)
NUMBER: Codec[int] = Codec(int, At.number)
FLAG: Codec[bool] = Codec(bool, At.flag)
MAPPING: Codec[Mapping[str, JSON]] = Codec(dict, At.mapping)


def by_key(inner: Codec[T]) -> Codec[Mapping[str, T]]:
    """Return the codec of a mapping from any key to such a value."""
    return Codec(
        lambda values: {key: inner.write(value) for key, value in values.items()},
        lambda at: {key: inner.read(at[key]) for key in at.mapping()},
    )


def maybe(inner: Codec[T]) -> Codec[T | None]:
    """Return the codec of such a value or None."""
    return Codec(
        lambda value: None if value is None else inner.write(value),
        lambda at: None if at.value is None else inner.read(at),
    )


def each(inner: Codec[T]) -> Codec[tuple[T, ...]]:
    """Return the codec of a list of such values."""
    return Codec(
        lambda values: [inner.write(value) for value in values],
        lambda at: tuple(inner.read(item) for item in at.items()),
    )


def choice(kind: type[E]) -> Codec[E]:
    """Return the codec of an enum, by its values."""

    def read(at: At) -> E:
        try:
            return kind(at.text())
        except ValueError as e:
            raise at.mismatch(f"one of {', '.join(kind)}") from e

    return Codec(str, read)


def record(kind: Callable[..., T], **keys: tuple[str, Codec[Any]] | Codec[Any]) -> Codec[T]:
    """Return the codec of a dataclass: for each JSON key a codec, with the attribute's name if it differs."""
    attributes = {key: value if isinstance(value, tuple) else (key, value) for key, value in keys.items()}
    return Codec(
        lambda value: {key: codec.write(getattr(value, name)) for key, (name, codec) in attributes.items()},
        lambda at: kind(**{name: codec.read(at[key]) for key, (name, codec) in attributes.items()}),
    )
