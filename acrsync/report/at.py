"""Values taken out of a JSON document with the type that is expected, each knowing its place for the message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from acrsync.model import JSON
from acrsync.visible import visible

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Mismatch(Exception):
    """A value that is not what its place asks for."""


@dataclass(frozen=True, slots=True)
class At:
    """One value of a document and the path that leads to it."""

    value: JSON
    path: str = ""

    def __getitem__(self, key: str) -> At:
        """Return what is under a key; the key must be there, null or not."""
        values = self.mapping()
        if key not in values:
            raise self.mismatch(f"an object with `{visible(key)}`")
        return At(values[key], f"{self.path}.{visible(key)}".lstrip("."))

    def items(self) -> tuple[At, ...]:
        if not isinstance(self.value, list):
            raise self.mismatch("a list")
        return tuple(At(value, f"{self.path}[{index}]") for index, value in enumerate(self.value))

    def each(self, read: Callable[[At], T]) -> tuple[T, ...]:
        return tuple(read(item) for item in self.items())

    def maybe(self, read: Callable[[At], T]) -> T | None:
        """Return None for null, else what `read` returns."""
        return None if self.value is None else read(self)

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

    def choice(self, values: type[E]) -> E:
        try:
            return values(self.text())
        except ValueError as e:
            raise self.mismatch(f"one of {', '.join(values)}") from e

    def mismatch(self, expected: str) -> Mismatch:
        return Mismatch(f"At `{self.path or 'the top'}` there must be {expected}")
