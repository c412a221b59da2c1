"""`@frozen` does what `@dataclass(frozen=True, slots=True)` does."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from acrsync.frozen import frozen

standard = dataclass(frozen=True, slots=True)


def made(decorator: Callable[[type], type]) -> Any:
    class Song:
        title: str
        labels: list[str] = field(default_factory=list)
        seconds: float = 0.0
        secret: str = field(default="", repr=False)
        read_at: int = field(default=0, compare=False)

        def longer(self: Any) -> Any:
            return replace(self, seconds=self.seconds + 1)

    return decorator(Song)


@frozen
class Point:
    """Two numbers."""

    x: int
    y: int = 0


@frozen
class Named(Point):
    """A point with a name."""

    name: str = ""


BOTH = pytest.mark.parametrize("decorator", [frozen, standard])


def values(song: Any) -> tuple[object, ...]:
    return tuple(getattr(song, one.name) for one in fields(song))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("a",), {}), (("a", ["x"], 2.0), {}), (("a",), {"read_at": 5}), ((), {"title": "a", "secret": "s"})],
)
def test_it_has_the_same_signature_and_repr(arguments, named):
    ours, theirs = (made(decorator)(*arguments, **named) for decorator in (frozen, standard))
    assert values(ours) == values(theirs)
    assert repr(ours) == repr(theirs)
    assert asdict(ours) == asdict(theirs)
    assert values(ours.longer()) == values(theirs.longer())


@BOTH
@pytest.mark.parametrize(("arguments", "named"), [((), {}), (("a", [], 0.0, "", 0, 6), {}), (("a",), {"other": 1})])
def test_wrong_arguments_are_refused(decorator, arguments, named):
    with pytest.raises(TypeError):
        made(decorator)(*arguments, **named)


@BOTH
def test_objects_share_no_default(decorator):
    song = made(decorator)
    assert song("a").labels is not song("b").labels


@BOTH
def test_equality_compares_the_fields_that_count(decorator):
    song = made(decorator)
    assert song("a", read_at=1) == song("a", read_at=2)
    assert song("a") != song("b")
    assert song("a") != ("a", [], 0.0, "", 0)


def test_another_class_is_never_equal():
    assert Named(1, 2) != Point(1, 2)
    assert Point(1, 2).__eq__((1, 2)) is NotImplemented


def test_equal_objects_have_one_hash():
    assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2
    assert hash(Point(1, 2)) != hash(Point(2, 1))


@BOTH
def test_an_object_cannot_be_changed(decorator):
    song = made(decorator)("a")
    with pytest.raises(FrozenInstanceError):
        song.title = "b"
    with pytest.raises(FrozenInstanceError):
        del song.title
    with pytest.raises((FrozenInstanceError, TypeError)):  # the standard library's own slip
        song.other = 1
    assert not hasattr(song, "__dict__")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_is_equal(copied):
    assert copied(Named(1, name="a")) == Named(1, 0, "a")


def test_pattern_matching_works():
    match Named(1, 2, "a"):
        case Point(x, y):
            assert (x, y) == (1, 2)
    assert Named.__match_args__ == ("x", "y", "name")


def test_a_method_of_the_class_counts():
    @frozen
    class Loud:
        """It has a text of its own."""

        word: str

        def __repr__(self) -> str:
            return self.word.upper()

    assert repr(Loud("a")) == "A"


def test_a_class_without_fields_has_equal_objects():
    @frozen
    class Nothing:
        """It says all by being there."""

    assert Nothing() == Nothing()
    assert len({Nothing(), Nothing()}) == 1
