"""What the evidence shows about one switch of a profile: every value that is still possible.

A value is certain only if every other value contradicts an answer, whatever the other switches are. If several values
fit, the report shows the first as `like`: a server that behaves this way, not a claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Literal

from acrsync.frozen import frozen
from acrsync.manifest.schemas import schema
from acrsync.model import JSON
from acrsync.probe.wire import Answer

Sureness = Literal["certain", "alike", "nothing"]


@frozen
class Finding:
    """The values of a switch that fit the answers, the simplest first; empty if there is no evidence."""

    possible: tuple[JSON, ...] = ()
    why: str = ""
    seen: tuple[int, ...] = ()  # numbers of requests
    more: bool = False  # unlisted values are possible, too
    at_least: int | None = None  # every number from this one on is possible, too

    @property
    def is_certain(self) -> bool:
        return len(self.possible) == 1 and not self.more and self.at_least is None

    @property
    def is_ambiguous(self) -> bool:
        return bool(self.possible) and not self.is_certain

    @property
    def value(self) -> JSON:
        """The value. Raises: ValueError if it is unknown."""
        if not self.is_certain:
            raise ValueError("this switch is not certain")
        return self.possible[0]

    @property
    def sure(self) -> Sureness:
        return "certain" if self.is_certain else "alike" if self.possible else "nothing"

    def allows(self, value: JSON) -> bool:
        """Return whether this value fits the answers."""
        if not self.possible or self.more or value in self.possible:
            return True
        return self.at_least is not None and isinstance(value, int) and value >= self.at_least


@frozen
class Switch:
    """One switch, as the schema of profiles describes it."""

    name: str
    meaning: str
    values: tuple[JSON, ...]  # the choices, or the items that a list may hold; empty for a number
    is_list: bool
    usual: JSON  # its value in the profile `documented`


def switches() -> Mapping[str, Switch]:
    """Return all switches of a profile, in the order of the schema."""
    properties: Mapping[str, Mapping[str, JSON]] = schema("profile")["properties"]
    return {name: _switch(name, described) for name, described in properties.items() if name != "base"}


def _switch(name: str, described: Mapping[str, JSON]) -> Switch:
    lists = [part for part in described.get("anyOf", ()) if part.get("type") == "array"]
    values = lists[0]["items"]["enum"] if lists else described.get("enum", ())
    return Switch(name, described["description"], tuple(values), bool(lists), described["default"])


@frozen
class Sieve:
    """The values of a switch that no evidence contradicts so far."""

    left: tuple[JSON, ...]
    seen: tuple[int, ...] = ()
    used: bool = False

    def strike(self, keep: Callable[[JSON], bool], *answers: Answer) -> Sieve:
        """Return the sieve without the values that these answers contradict."""
        left = tuple(value for value in self.left if keep(value))
        return Sieve(left, (*self.seen, *(answer.number for answer in answers)), used=True)

    def found(self, why: str) -> Finding:
        """Return the finding. If the evidence contradicts every value, none is possible and `why` says so."""
        if not self.used:
            return UNSEEN
        return Finding(self.left, why if self.left else f"the answers fit no value: {why}", self.seen)


UNSEEN = Finding()


def one(value: JSON, why: str, *answers: Answer) -> Finding:
    """Return a finding with one possible value."""
    return Finding((value,), why, numbers(answers))


def some(values: Iterable[JSON], why: str, *answers: Answer, more: bool = False) -> Finding:
    """Return a finding with several possible values, the simplest first."""
    return Finding(tuple(values), why, numbers(answers), more)


def numbers(answers: Iterable[Answer]) -> tuple[int, ...]:
    """Return the request numbers, without duplicates."""
    return tuple(dict.fromkeys(answer.number for answer in answers))


def both(first: Finding, second: Finding) -> Finding:
    """Return the values that two findings of one switch allow; none if they contradict each other."""
    if not first.possible or not second.possible:
        return first if first.possible else second
    left = tuple(value for value in second.possible if first.allows(value))
    if not left:
        return Finding(why=f"{first.why}, but also: {second.why}", seen=(*first.seen, *second.seen))
    return Finding(left, second.why, (*first.seen, *second.seen), second.more and first.more)


@frozen
class Fact:
    """Something measured that is not a switch."""

    name: str
    value: JSON
    seen: tuple[int, ...] = field(default=())
