"""Explains the errors that the schema finds, with fixes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from acrsync.bucket import FACTS
from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.frozen import frozen
from acrsync.manifest.problems import quoted, short
from acrsync.manifest.scalars import flow, literal, written
from acrsync.model import JSON, MARK
from acrsync.visible import cleaned, without_login

_KINDS: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
# Guards that `allow` cannot approve, and the fix.
_UNAPPROVABLE: Mapping[str, str] = {
    "content": "empty the bucket first, or keep it.",
    "deletes": "raise the limit: limits: {deletes: 5}",
    "empty": "name at least one bucket, or remove `prune`.",
    "protected": "set `protect: false` and apply that first.",
    "account": "correct `account: {uid: ...}`.",
}
# Required keys: why, and how to write them.
_WITHOUT: Mapping[str, tuple[str, str]] = {
    "name": ("acrsync finds a bucket by its name", "name: ... with the bucket's name."),
    "uid": ("it identifies the account", "uid: NUMBER, which every bucket shows and `acrsync export` writes."),
    "guard": ("an approval is for one guard", "guard: replace, or the guard of the objection."),
    "id": ("an approval is for one bucket", "id: NUMBER, as the objection shows it."),
    "reason": ("later readers must know why", 'reason: "..."'),
    "options": ("there is nothing to select from", 'options: ["...", "..."]'),
}
# Texts of a certain form: the error, and how to write them.
_FORMS: Mapping[str, tuple[str, str]] = {
    "endpoint": (
        "which is not https with a host of acrcloud.com or acrcloud.cn, an address of this machine, or `emulator:`",
        "write it as in endpoint: https://api-v2.acrcloud.com",
    ),
    "token_env": (
        "which is not ACRSYNC_TOKEN_ followed by upper-case letters, digits or `_`",
        "write it as in token_env: ACRSYNC_TOKEN_STAGING",
    ),
    "runs": (
        "which is not a folder inside the project, `git:NAME` of a remote, or an s3://, gs:// or az:// address",
        "write it as in runs: .acrsync/runs or runs: git:origin",
    ),
}
SERVER_KEYS = frozenset(FACTS) | {"node", "tracker"}


@frozen
class Mistake:
    """One error that the schema finds."""

    path: tuple[str | int, ...]
    keyword: str  # of the schema
    wanted: JSON  # the value of the keyword in the schema
    value: JSON
    schema: Mapping[str, JSON]  # the schema of the value
    holder: JSON = None  # the list or mapping with the value
    of_key: bool = False  # the value is a key of the mapping at the path

    @property
    def what(self) -> str:
        """The name of the value in a sentence."""
        match self.path:
            case []:
                return "The manifest"
            case [*_, str(key), int()]:
                return f"An item of `{short(key)}`"
            case _:
                return f"`{short(str(self.path[-1]))}`"

    def as_entry(self, text: str) -> str:
        """Return how a value is written at this position."""
        match self.path:
            case [*_, str(key)]:
                return f"{written(key)}: {text}"
            case [*_, int()]:
                return f"- {text}"
            case _:
                return text


class Locate(Protocol):
    """Returns the position of the value at a path, or of one of its keys."""

    def __call__(self, path: Iterable[str | int], key: str | None = None, /) -> Span: ...


def explained(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    """Yield the diagnostics for one error of the schema. It can be about several keys or items."""
    return EXPLAINING[mistake.keyword](mistake, locate)


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
            yield _missing_key(mistake, key, locate)


def _missing_key(mistake: Mistake, key: str, locate: Locate) -> Diagnostic:
    why, fix = _WITHOUT[key]
    return error("E133", f"{mistake.what} has no `{key}`; {why}.", fix=f"add {fix}", span=locate(mistake.path))


def _not_one_key(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    """Yield the error if a mapping must have exactly one of several keys."""
    keys = [key for alternative in mistake.wanted for key in alternative["required"]]
    found = [key for key in keys if key in mistake.value]
    if found:
        detail = f"{mistake.what} has `{'` and `'.join(found)}`, but only one of them is allowed."
        yield error("E132", detail, fix=f"keep only `{found[0]}`.", span=locate(mistake.path, found[1]))
    else:
        yield _missing_key(mistake, keys[0], locate)


def _repeated(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    for at, label in enumerate(mistake.value):
        if label in mistake.value[:at]:
            detail = f"The label {quoted(label)} is listed twice; labels are a set."
            yield error("E135", detail, fix="remove one of the two.", span=locate((*mistake.path, at)))


def _wrong_kind(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    wanted = [mistake.wanted] if isinstance(mistake.wanted, str) else mistake.wanted
    words = " or ".join(_KINDS[kind] for kind in wanted)
    found = "a mapping" if isinstance(mistake.value, dict) else "a list" if isinstance(mistake.value, list) else None
    detail = f"{mistake.what} is {found or quoted(mistake.value)}, but must be {words}."
    yield error("E131", detail, fix=_right_kind(mistake, wanted[0], words), span=locate(mistake.path))


def _right_kind(mistake: Mistake, wanted: str, words: str) -> str:
    """Return what to write: the same value in the right kind, if that is obvious."""
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
            return f"begin each entry with `- `, as in - {flow(of['examples'][0])}"
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
        detail = f"The objections of the guard {value} cannot be approved."
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
    detail = f"{mistake.what} is {quoted(mistake.value)}; the minimum is {mistake.wanted}."
    yield error("E132", detail, fix=f"write {mistake.wanted} or more.", span=locate(mistake.path))


def _reserved(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    value = mistake.value
    if mistake.of_key:
        detail = "`all` cannot be the name of an environment: `--env all` means all environments."
        yield error("E132", detail, fix="choose another name.", span=locate(mistake.path, value))
        return
    detail = f"{mistake.what} is {quoted(value)}; the label `acrsync:{value}` is the mark of protected buckets."
    yield error("E132", detail, fix="choose another name, as in stack: radio-prod", span=locate(mistake.path))


def _too_short(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    fix = "add a value, or remove it."
    yield error("E134", f"{mistake.what} is empty.", fix=fix, span=locate(mistake.path))


def _too_long(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    detail = f"{mistake.what} has {len(mistake.value)} characters; the maximum is {mistake.wanted}."
    yield error("E134", detail, fix="shorten it.", span=locate(mistake.path))


def _wrong_form(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    value, span = mistake.value, locate(mistake.path)
    shown = f"{mistake.what} is {quoted(without_login(value))}"
    match mistake.path[-1]:
        case _ if mistake.of_key:
            yield from _wrong_key(mistake, locate)
        case "token_env" if not re.fullmatch("[A-Z_]+", value):
            detail = (
                f"{mistake.what} has a value that is not shown because it may be a token, and {_FORMS['token_env'][0]}."
            )
            yield error("E132", detail, fix=_FORMS["token_env"][1], span=span)
        case "endpoint" | "token_env" | "runs" as key:
            yield error("E132", f"{shown}, {_FORMS[key][0]}.", fix=_FORMS[key][1], span=span)
        case "stack":
            detail = (
                f"{shown}; the name of a stack has up to 63 lower-case letters, digits, dots, underscores and hyphens."
            )
            yield error("E132", detail, fix="write it as in stack: radio-prod", span=span)
        case "deletes":
            fix = 'write a number or a percentage, as in deletes: 5 or deletes: "30%"'
            yield error("E132", f"{shown}, which is not a number or a percentage.", fix=fix, span=span)
        case _ if "," in value:
            detail = f"The label {quoted(value)} has a comma, and the server separates labels by commas."
            yield error("E135", detail, fix=f"write each label separately: {_labels(mistake.holder)}", span=span)
        case _:
            detail = f"The label {quoted(value)} begins with the prefix of acrsync's own marks."
            fix = "remove it; `ownership: label` and `protect: true` write such labels."
            yield error("E135", detail, fix=fix, span=span)


def _wrong_key(mistake: Mistake, locate: Locate) -> Iterator[Diagnostic]:
    """Yield the error for the name of a variable or an environment, which the schema checks as a key."""
    if mistake.path[-1] == "environments":
        form = "an environment has at most 63 letters, digits, `.`, `_` and `-`, and begins with a letter or digit"
    else:
        form = "a variable has letters, digits, `_` and `-`, and begins with a letter or `_`"
    detail = f"{quoted(mistake.value)} cannot be a name. The name of {form}."
    yield error("E132", detail, fix="choose another name.", span=locate(mistake.path, mistake.value))


def _labels(found: Iterable[JSON]) -> str:
    """Return labels as they can be in a manifest: separate, and without invalid ones."""
    texts = [text if isinstance(text, str) else quoted(text) for text in found]
    labels = dict.fromkeys(cleaned(part) for text in texts for part in text.split(","))
    return f"labels: {flow([literal(label) for label in labels if label and not label.startswith(MARK)])}"


EXPLAINING: Mapping[str, Callable[[Mistake, Locate], Iterator[Diagnostic]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing_keys,
    "oneOf": _not_one_key,
    "uniqueItems": _repeated,
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
