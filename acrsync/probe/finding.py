"""What evidence says of one switch of a profile: every value that it leaves possible.

A value is said only if all others contradict what was answered, whatever the other switches are. If several values
answer alike, the first of them is shown as `like`: a server that behaves so, not a claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from acrsync.manifest.schemas import schema
from acrsync.model import JSON
from acrsync.probe.wire import Answer

Sureness = Literal["certain", "alike", "nothing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The values of a switch that explain what was seen, the plainest first; none: nothing was seen of it."""

    possible: tuple[JSON, ...] = ()
    why: str = ""
    seen: tuple[int, ...] = ()  # numbers of requests
    more: bool = False  # values that are not listed are possible, too
    at_least: int | None = None  # so is every number from here on

    @property
    def told(self) -> bool:
        return len(self.possible) == 1 and not self.more and self.at_least is None

    @property
    def value(self) -> JSON:
        """The value. Raises: ValueError if it is unknown."""
        if not self.told:
            raise ValueError("this switch is untold")
        return self.possible[0]

    @property
    def sure(self) -> Sureness:
        return "certain" if self.told else "alike" if self.possible else "nothing"

    def allows(self, value: JSON) -> bool:
        """Tell whether a server with this value could have answered so."""
        if not self.possible or self.more or value in self.possible:
            return True
        return self.at_least is not None and isinstance(value, int) and value >= self.at_least


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch, as the schema of profiles describes it."""

    name: str
    meaning: str
    values: tuple[JSON, ...]  # of a choice, or those that a list may hold; none for a number
    is_list: bool
    usual: JSON  # its value in the profile `documented`


def switches() -> Mapping[str, Switch]:
    """Return all switches of an emulator's profile, in the order of the schema."""
    properties: Mapping[str, Mapping[str, JSON]] = schema("profile")["properties"]
    return {name: _switch(name, described) for name, described in properties.items() if name != "base"}


def _switch(name: str, described: Mapping[str, JSON]) -> Switch:
    lists = [part for part in described.get("anyOf", ()) if part.get("type") == "array"]
    values = lists[0]["items"]["enum"] if lists else described.get("enum", ())
    return Switch(name, described["description"], tuple(values), bool(lists), described["default"])


@dataclass(frozen=True, slots=True)
class Sieve:
    """Values of a switch that are struck out as evidence contradicts them."""

    left: tuple[JSON, ...]
    seen: tuple[int, ...] = ()
    used: bool = False

    def strike(self, keep: Callable[[JSON], bool], *answers: Answer) -> Sieve:
        """Return what is left of the values after these answers."""
        left = tuple(value for value in self.left if keep(value))
        return Sieve(left, (*self.seen, *(answer.number for answer in answers)), used=True)

    def found(self, why: str) -> Finding:
        """Return the finding; values that all contradict the evidence mean that something else was going on."""
        if not self.used or not self.left:
            return UNSEEN if not self.used else Finding(why=f"what was answered fits no value: {why}", seen=self.seen)
        return Finding(self.left, why, self.seen)


UNSEEN = Finding()


def one(value: JSON, why: str, *answers: Answer) -> Finding:
    """Return the finding of the only value that is possible."""
    return Finding((value,), why, numbers(answers))


def some(values: Iterable[JSON], why: str, *answers: Answer, more: bool = False) -> Finding:
    """Return the finding of several possible values, the plainest first."""
    return Finding(tuple(values), why, numbers(answers), more)


def numbers(answers: Iterable[Answer]) -> tuple[int, ...]:
    """Return the numbers of requests, each once."""
    return tuple(dict.fromkeys(answer.number for answer in answers))


def both(first: Finding, second: Finding) -> Finding:
    """Return what two findings of one switch say together; if they contradict each other, nothing."""
    if not first.possible or not second.possible:
        return first if first.possible else second
    left = tuple(value for value in second.possible if first.allows(value))
    if not left:
        return Finding(why=f"{first.why}, but also: {second.why}", seen=(*first.seen, *second.seen))
    return Finding(left, second.why, (*first.seen, *second.seen), second.more and first.more)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something measured that is not a switch: for people, and for who reports it to us."""

    name: str
    value: JSON
    seen: tuple[int, ...] = field(default=())
