"""What a mistake of shape is called, and what to write instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from acrsync.bucket import FACTS
from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.manifest.problems import quoted, short
from acrsync.manifest.scalars import flow, literal, written
from acrsync.model import JSON, MARK
from acrsync.visible import cleaned

_KINDS: Mapping[str, str] = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
# Guards that the manifest cannot approve by `allow`, and what helps instead.
_UNAPPROVABLE: Mapping[str, str] = {
    "content": "empty the bucket first, or keep it.",
    "deletes": "raise the limit: limits: {deletes: 5}",
    "empty": "name at least one bucket, or remove `prune`.",
    "protected": "set `protect: false` and apply that first.",
    "account": "correct `account: {uid: ...}`.",
}
# Keys that are required: why, and how they are written.
_WITHOUT: Mapping[str, tuple[str, str]] = {
    "name": ("it is by its name that a bucket is found", "name: ... with the bucket's name."),
    "uid": ("an account is known by it", "uid: NUMBER, which every bucket shows and `acrsync export` writes."),
    "guard": ("an approval is for one guard", "guard: replace, or whichever objects."),
    "id": ("an approval is for one bucket", "id: NUMBER, as the objection shows it."),
    "reason": ("those who read it later must know why", 'reason: "..."'),
    "options": ("there is nothing to select from", 'options: ["...", "..."]'),
}
# Texts of a certain form: what is wrong with another one, and what to write.
_FORMS: Mapping[str, tuple[str, str]] = {
    "endpoint": (
        "which is not https with a host of acrcloud.com or acrcloud.cn, an address of this machine, or `emulator:`",
        "write it as in endpoint: https://api-v2.acrcloud.com",
    ),
    "token_env": (
        "and has to begin with ACRSYNC_TOKEN_ and go on with upper-case letters, digits or `_`",
        "write it as in token_env: ACRSYNC_TOKEN_STAGING",
    ),
    "runs": (
        "which is not a folder inside the project, `git:NAME` of a remote, or an s3://, gs:// or az:// address",
        "write it as in runs: .acrsync/runs or runs: git:origin",
    ),
}
SERVER_KEYS = frozenset(FACTS) | {"node", "tracker"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that the schema refuses."""

    path: tuple[str | int, ...]
    keyword: str  # of the schema
    wanted: JSON  # what the schema says under the keyword
    value: JSON
    schema: Mapping[str, JSON]  # what the value is checked against
    holder: JSON = None  # the list or mapping that the value lies in
    of_key: bool = False  # the value is a key of the mapping at the path

    @property
    def what(self) -> str:
        """The value's name in a sentence."""
        match self.path:
            case []:
                return "The manifest"
            case [*_, str(key), int()]:
                return f"An item of `{short(key)}`"
            case _:
                return f"`{short(str(self.path[-1]))}`"

    def as_entry(self, text: str) -> str:
        """Return how a value is written at this place."""
        match self.path:
            case [*_, str(key)]:
                return f"{written(key)}: {text}"
            case [*_, int()]:
                return f"- {text}"
            case _:
                return text


class Locate(Protocol):
    """Says where the value at a path, or one of its keys, is written."""

    def __call__(self, path: Iterable[str | int], key: str | None = None, /) -> Span: ...


def told(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    """Yield the diagnostics for one mistake; several keys or items can be wrong in one."""
    return TELLERS[mistake.keyword](mistake, locate)


def _unknown_keys(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    known = mistake.schema["properties"]
    for key in mistake.value:
        if key in known:
            continue
        span = locate(mistake.path, key)
        close = difflib.get_close_matches(key, known, n=1)
        if key in SERVER_KEYS:
            yield error("E130", f"`{key}` is set by the server; you cannot set it.", fix="remove it.", span=span)
        elif close:
            detail = f"`{short(key)}` is not a key here; did you mean `{close[0]}`?"
            yield error("E130", detail, fix=f"write {close[0]}: ... instead.", span=span)
        else:
            detail = f"`{short(key)}` is not a key here; the keys are {', '.join(known)}."
            yield error("E130", detail, fix="remove it, or indent it as the section that it belongs to.", span=span)


def _missing_keys(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    for key in mistake.wanted:
        if key not in mistake.value:
            detail = f"{mistake.what} has no `{key}`; {_WITHOUT[key][0]}."
            yield error("E133", detail, fix=f"add {_WITHOUT[key][1]}", span=locate(mistake.path))


def _not_one_key(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    """Yield what is wrong if exactly one of several keys must be there."""
    keys = [key for alternative in mistake.wanted for key in alternative["required"]]
    there = [key for key in keys if key in mistake.value]
    if there:
        detail = f"{mistake.what} has `{'` and `'.join(there)}`; one of them says what is meant."
        yield error("E132", detail, fix=f"keep only `{there[0]}`.", span=locate(mistake.path, there[1]))
        return
    key = keys[0]
    detail = f"{mistake.what} has no `{key}`; {_WITHOUT[key][0]}."
    yield error("E133", detail, fix=f"add {_WITHOUT[key][1]}", span=locate(mistake.path))


def _said_twice(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    for at, label in enumerate(mistake.value):
        if label in mistake.value[:at]:
            detail = f"The label {quoted(label)} is listed twice; labels are a set."
            yield error("E135", detail, fix="remove one of the two.", span=locate((*mistake.path, at)))


def _wrong_kind(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    wanted = [mistake.wanted] if isinstance(mistake.wanted, str) else mistake.wanted
    words = " or ".join(_KINDS[kind] for kind in wanted)
    found = "a mapping" if isinstance(mistake.value, dict) else "a list" if isinstance(mistake.value, list) else None
    detail = f"{mistake.what} is {found or quoted(mistake.value)}, and has to be {words}."
    yield error("E131", detail, fix=_right_kind(mistake, wanted[0], words), span=locate(mistake.path))


def _right_kind(mistake: Mistake, wanted: str, words: str) -> str:
    """Return what to write; the value itself in the right kind, where that can be guessed."""
    schema, as_entry = mistake.schema, mistake.as_entry
    match wanted, mistake.value:
        case _, None if mistake.path and mistake.path[-1] == "labels":
            return "write labels: [] for no labels, or remove the key to leave labels as they are."
        case "string", _ if "enum" in schema:
            return f"write one of {', '.join(schema['enum'])}."
        case "string", bool() | int():
            return f"put it in quotes: {as_entry(written(quoted(mistake.value)))}"
        case "array", _ if (fix := _as_list(mistake)) is not None:
            return fix
        case "object", str() as text if "name" in schema.get("properties", ()):
            return f"give it its key: - name: {written(text)}"
        case "object", str() | int() if "options" in schema.get("properties", ()):
            return f"write a descriptor: {as_entry(flow({'default': str(mistake.value)}))}"
        case "integer", str() as text if re.fullmatch("[1-9]?[0-9]{1,14}", text):
            return f"remove the quotes: {as_entry(text)}"
        case _ if "examples" in schema:
            return f"write it as in {as_entry(flow(schema['examples'][0]))}"
        case _:
            return f"write {words} here."


def _as_list(mistake: Mistake) -> str | None:
    """Return the list to write instead, None if the value does not suggest one."""
    of = mistake.schema.get("items", {})
    match of.get("type"), mistake.value:
        case "object", _:
            return f"begin every entry with `- `, as in - {flow(of['examples'][0])}"
        case "string" | None, str() as text if mistake.path[-1] == "labels":
            return f"write it as a list: {_labels([text])}"
        case "string" | None, str() as text:
            return f"write it as a list: {mistake.as_entry(f'[{written(text)}]')}"
        case None, int() | None as one:
            return f"write it as a list: {mistake.as_entry(f'[{flow(one)}]')}"
        case _:
            return None


def _not_one_of(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    value, span = mistake.value, locate(mistake.path)
    if mistake.path[-1] == "guard" and value in _UNAPPROVABLE:
        detail = f"What the guard {value} objects to cannot be approved, however good the reason."
        yield error("E147", detail, fix=f"remove this approval; {_UNAPPROVABLE[value]}", span=span)
        return
    allowed = [str(one) for one in mistake.wanted]
    close = difflib.get_close_matches(str(value), allowed, n=1, cutoff=0.5)
    guess = f"; did you mean {close[0]}?" if close else "."
    detail = f"{mistake.what} is {quoted(value)}; it can be {', '.join(allowed)}{guess}"
    fix = f"write {mistake.as_entry(close[0])}" if close else "write one of these."
    yield error("E132", detail, fix=fix, span=span)


def _other_version(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    detail = f"{mistake.what} is {quoted(mistake.value)}; this acrsync reads version {mistake.wanted}."
    fix = f"write {mistake.as_entry(str(mistake.wanted))}, or use an acrsync that reads this version."
    yield error("E132", detail, fix=fix, span=locate(mistake.path))


def _too_small(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    detail = f"{mistake.what} is {quoted(mistake.value)}; the least is {mistake.wanted}."
    yield error("E132", detail, fix=f"write {mistake.wanted} or more.", span=locate(mistake.path))


def _reserved(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    value = mistake.value
    if mistake.of_key:
        detail = "`all` cannot be the name of an environment: `--env all` means every one."
        yield error("E132", detail, fix="choose another name.", span=locate(mistake.path, value))
        return
    detail = f"{mistake.what} is {quoted(value)}; the label `acrsync:{value}` already means that a bucket is protected."
    yield error("E132", detail, fix="choose another name, as in stack: radio-prod", span=locate(mistake.path))


def _too_short(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    fix = "write something into it, or remove it."
    yield error("E134", f"{mistake.what} is empty.", fix=fix, span=locate(mistake.path))


def _too_long(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    detail = f"{mistake.what} has {len(mistake.value)} characters; the most is {mistake.wanted}."
    yield error("E134", detail, fix="shorten it.", span=locate(mistake.path))


def _wrong_form(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    value, span = mistake.value, locate(mistake.path)
    shown = f"{mistake.what} is {quoted(value)}"
    match mistake.path[-1]:
        case _ if mistake.of_key:
            yield from _wrong_key(mistake, locate)
        case "endpoint" | "token_env" | "runs" as key:
            yield error("E132", f"{shown}, {_FORMS[key][0]}.", fix=_FORMS[key][1], span=span)
        case "stack":
            detail = f"{shown}; a stack is named by up to 63 lower-case letters, digits, dots, underscores and hyphens."
            yield error("E132", detail, fix="write it as in stack: radio-prod", span=span)
        case "deletes":
            fix = 'write a number or a percentage, as in deletes: 5 or deletes: "30%"'
            yield error("E132", f"{shown}, which is neither a number nor a percentage.", fix=fix, span=span)
        case _ if "," in value:
            detail = f"The label {quoted(value)} holds a comma, which the server takes for the end of a label."
            yield error("E135", detail, fix=f"write each label by itself: {_labels(mistake.holder)}", span=span)
        case _:
            detail = f"The label {quoted(value)} begins like the marks that acrsync itself writes and removes."
            fix = "remove it; `ownership: label` and `protect: true` write such labels."
            yield error("E135", detail, fix=fix, span=span)


def _wrong_key(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    """Tell about a name that a person chooses: the schema checks it as the name of a property."""
    what = "An environment" if mistake.path[-1] == "environments" else "A variable"
    form = "letters, digits, `_` and `-`, and begins with a letter or `_`"
    if mistake.path[-1] == "environments":
        form = "at most 63 letters, digits, `.`, `_` and `-`, and begins with a letter or digit"
    detail = f"{quoted(mistake.value)} cannot be a name. {what} has a name of {form}."
    yield error("E132", detail, fix="choose another name.", span=locate(mistake.path, mistake.value))


def _labels(found: Iterable[JSON]) -> str:
    """Return labels as they can stand in a manifest, each by itself, without those that cannot."""
    texts = [text if isinstance(text, str) else quoted(text) for text in found]
    labels = dict.fromkeys(cleaned(part) for text in texts for part in text.split(","))
    return f"labels: {flow([literal(label) for label in labels if label and not label.startswith(MARK)])}"


TELLERS: Mapping[str, Callable[[Mistake, Locate], Iterator[Diagnostic]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing_keys,
    "oneOf": _not_one_key,
    "uniqueItems": _said_twice,
    "type": _wrong_kind,
    "enum": _not_one_of,
    "const": _other_version,
    "minimum": _too_small,
    "not": _reserved,
    "minLength": _too_short,
    "minItems": _too_short,
    "minProperties": _too_short,
    "maxLength": _too_long,
    "pattern": _wrong_form,
}
