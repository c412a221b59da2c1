"""The form of each line of a record. It is checked once, when a record is read, so that other code can rely on it.

Why not with the JSON Schema: reading a record must not load a validator, and keys of a newer acrsync are allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import NoneType

from acrsync.model import JSON
from acrsync.plan.changes import Action

Form = Callable[[JSON], bool]


def _any_of(*types: type) -> Form:
    return lambda value: type(value) in types  # not isinstance: True is not a number


TEXT, FLAG, NUMBER, MAPPING = _any_of(str), _any_of(bool), _any_of(int), _any_of(dict)
MAYBE_TEXT, MAYBE_NUMBER = _any_of(str, NoneType), _any_of(int, NoneType)


def _list_of(form: Form) -> Form:
    return lambda value: type(value) is list and all(map(form, value))


def _time(value: JSON) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _action(value: JSON) -> bool:
    return value in [*Action]


def _names(value: JSON) -> bool:
    return MAPPING(value) and all(key.isdecimal() and MAYBE_TEXT(name) for key, name in value.items())


def _attrs(value: JSON) -> bool:
    return MAPPING(value) and TEXT(value.get("name", ""))


def _bucket(value: JSON) -> bool:
    return value is None or _fits(value, {"id": NUMBER, "attrs": _attrs, "marks": _list_of(TEXT)})


def _who(value: JSON) -> bool:
    return MAPPING(value) and all(map(TEXT, value.values()))


def _plan(value: JSON) -> bool:
    return MAPPING(value) and MAPPING(value.get("summary", {}))


def _fits(value: JSON, forms: Mapping[str, Form]) -> bool:
    return MAPPING(value) and all(key in value and form(value[key]) for key, form in forms.items())


_CHANGE: Mapping[str, Form] = {"time": _time, "action": _action, "name": TEXT, "id": MAYBE_NUMBER}

# What later runs need of the lines of each event. A line of another event is from a later 1.x version.
REQUIRED: Mapping[str, Mapping[str, Form]] = {
    "run": {"id": TEXT, "time": _time, "endpoint": TEXT, "uid": MAYBE_NUMBER, "who": _who},
    "intent": {**_CHANGE, "verb": TEXT, "attrs": _attrs, "marks": _list_of(TEXT)},
    "outcome": {**_CHANGE, "status": TEXT, "wrote": FLAG, "after": _bucket},
    "end": {"time": _time, "exit_code": NUMBER, "verified": FLAG, "open": NUMBER, "changed": _names, "managed": _names},
    "closed": {"time": _time, "by": TEXT},
}
_OPTIONAL: Mapping[str, Mapping[str, Form]] = {
    "run": {
        "listed": _list_of(NUMBER),
        "plan": _plan,
        "stack": MAYBE_TEXT,
        "environment": MAYBE_TEXT,
        "files": _list_of(TEXT),
    },
    "outcome": {"lost": MAYBE_TEXT, "before": _bucket, "code": MAYBE_TEXT, "by": TEXT},
    "closed": {"reason": TEXT},
}


def check_forms(lines: Sequence[Mapping[str, JSON]]) -> None:
    """Raise ValueError that names the first line that is not as acrsync writes it."""
    for number, line in enumerate(lines, 1):
        event = line["event"]
        required = REQUIRED.get(event, {})
        if missing := required.keys() - line.keys():
            raise ValueError(f"line {number} has no {' and no '.join(sorted(missing))}")
        for key, form in (*required.items(), *_OPTIONAL.get(event, {}).items()):
            if key in line and not form(line[key]):
                raise ValueError(f"line {number} has a {key} that acrsync does not write")
