"""`@frozen` is what `@dataclass(frozen=True, slots=True)` is, defined in a third of the time.

Why: `dataclass` compiles each method by itself. A plan needs a hundred classes, and defining them took half of the time
in which acrsync's own modules start. Here only `__init__` is compiled; the other methods look up the fields.
`dataclasses.field`, `fields`, `replace` and `asdict`, `match`, `copy` and `pickle` work as with any dataclass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[Class]) -> type[Class]:
    """Return the class as one whose objects have these attributes, no other ones, and keep them."""
    own = cls.__dict__
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    all_fields = fields(made)
    methods = {
        "__init__": _init(made, all_fields),
        "__repr__": _repr,
        **_comparing(tuple(one.name for one in all_fields if one.compare)),
        "__setattr__": _refused,
        "__delattr__": _refused,
        "__getstate__": _state,
        "__setstate__": _restored,
    }
    for name, method in methods.items():
        if name not in own:
            setattr(made, name, method)
    frozen_class: type[Class] = made
    return frozen_class


def _init(cls: Any, all_fields: Sequence[Field[Any]]) -> Callable[..., None]:
    """Return `__init__`, which stores each value through the descriptor of its slot: `__setattr__` refuses."""
    names: dict[str, Any] = {"MISSING": MISSING}
    parameters, body = ["self"], []
    for one in all_fields:
        parameter, value = one.name, one.name
        if one.default_factory is not MISSING:
            names[f"make_{one.name}"] = one.default_factory
            parameter, value = f"{one.name}=MISSING", f"make_{one.name}() if {one.name} is MISSING else {one.name}"
        elif one.default is not MISSING:
            names[f"default_{one.name}"] = one.default
            parameter = f"{one.name}=default_{one.name}"
        names[f"set_{one.name}"] = getattr(cls, one.name).__set__
        parameters.append(parameter)
        body.append(f"set_{one.name}(self, {value})")
    exec(f"def __init__({', '.join(parameters)}):\n {'; '.join(body) or 'pass'}", names)  # noqa: S102 - names of fields
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _comparing(names: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """Return the methods that compare objects by these fields."""
    values: Callable[[object], object] = attrgetter(*names) if names else lambda _: ()

    def __eq__(self: object, other: object) -> bool:  # noqa: N807 - its name in messages
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: object) -> int:  # noqa: N807 - its name in messages
        return hash(values(self))

    return {"__eq__": __eq__, "__hash__": __hash__}


def _repr(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refused(_self: object, name: str, *_value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to or delete {name}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _restored(self: Any, state: Sequence[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
