"""Checks keys and kinds of values with the schema, and explains the errors to people.

jsonschema finds the errors. Its own messages are not shown: they have neither the position in the file nor a fix.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import TYPE_CHECKING

from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.manifest.problems import short
from acrsync.manifest.schemas import inlined
from acrsync.manifest.spots import plain
from acrsync.manifest.tree import PlacedList, PlacedMapping, Tree
from acrsync.manifest.wording import Mistake, explained
from acrsync.model import JSON, Attrs

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

Path = tuple[str | int, ...]
Keyword = Callable[["Draft202012Validator", JSON, JSON, JSON], "Iterator[ValidationError]"]

REMEMBERED = 1000  # values of one property; if there are more, they are names and do not repeat
LONG = 100  # items; a longer list is the list of all buckets and does not repeat either


def check(trees: Iterable[Tree], *, variables: bool = False) -> Iterator[Diagnostic]:
    """Yield all errors that the schema finds, except for values that the YAML reader has already refused.

    With `variables`, a text with a variable can stand for any value.
    """
    whole = _validator(inlined("manifest", variables=variables), properties=_Properties())
    template = _validator({**inlined("manifest", "metadata_template"), "type": ["object", "null"]})
    for tree in trees:
        known = {problem.span for problem in tree.problems}
        for mistake in _mistakes(whole, tree.data):
            yield from (problem for problem in explained(mistake, tree.span) if plain(problem.span) not in known)
        for path, text in _template_texts(tree.top):
            if variables and "${" in text:
                continue
            yield from _text_mistakes(template, text, tree.span(path))


def attrs_checker() -> Callable[[Attrs], Mapping[str, str]]:
    """Return a function that gives the attributes that a manifest cannot have, and why."""
    validator = _validator(inlined("manifest", "bucket"))
    nowhere = Span("", 0, 0)

    def problems(attrs: Attrs) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for mistake in _mistakes(validator, attrs):
            for problem in explained(mistake, lambda _path, _key=None: nowhere):
                found.setdefault(str(mistake.path[0]), problem.detail)
        return found

    return problems


def _validator(schema: Mapping[str, JSON], **keywords: Keyword) -> Draft202012Validator:
    """Return a validator with other functions for some keywords."""
    from jsonschema import Draft202012Validator, validators

    extend: Callable[..., type[Draft202012Validator]] = validators.extend  # jsonschema's stubs leave it untyped
    return extend(Draft202012Validator, keywords)(schema)


class _Properties:
    """jsonschema's `properties`, but without checking a valid value again if it repeats.

    Why: ten thousand buckets have few different regions, labels and templates, and jsonschema needs 100 µs to check a
    template. Invalid values are checked again, so that each position is reported.
    """

    def __init__(self) -> None:
        self.passed: dict[int, set[str]] = {}  # texts of valid values, by schema
        self.shared: dict[tuple[int, int], JSON] = {}  # valid lists and mappings, which entries may share

    def __call__(
        self, validator: Draft202012Validator, wanted: JSON, instance: JSON, _: JSON
    ) -> Iterator[ValidationError]:
        for key, schema in wanted.items() if isinstance(instance, dict) else ():
            if key not in instance:
                continue
            value = instance[key]
            passed = self.passed.setdefault(id(schema), set())
            if (id(value), id(schema)) in self.shared:
                continue
            text = "" if isinstance(value, list) and len(value) > LONG else repr(value)
            if text in passed:
                continue
            failed = False
            for found in validator.descend(value, schema, path=key, schema_path=key):
                failed = True
                yield found
            if text and not failed and len(passed) < REMEMBERED:
                passed.add(text)
            if not failed and isinstance(value, PlacedList | PlacedMapping):
                self.shared[id(value), id(schema)] = value


def _mistakes(validator: Draft202012Validator, data: JSON, *, within: Path = ()) -> Iterator[Mistake]:
    """Yield the errors in a value, with their paths. A value of the wrong kind has only this error."""
    by_path: dict[Path, list[ValidationError]] = {}
    for found in validator.iter_errors(data):
        by_path.setdefault((*within, *found.absolute_path), []).append(found)
    for path, errors in by_path.items():
        wrong_kind = [found for found in errors if found.validator == "type"]
        for found in wrong_kind[:1] or errors:  # a conditional part of the schema may repeat it
            schema = found.schema if isinstance(found.schema, Mapping) else {}
            inner = list(found.absolute_path)
            holder = reduce(getitem, inner[:-1], data)
            of_key = (holder[inner[-1]] if inner else data) is not found.instance
            yield Mistake(path, str(found.validator), found.validator_value, found.instance, schema, holder, of_key)


def _template_texts(top: PlacedMapping) -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each template that is written as JSON."""
    buckets = top.get("buckets")
    holders: list[tuple[Path, JSON]] = [(("defaults",), top.get("defaults"))]
    holders += [(("buckets", at), entry) for at, entry in enumerate(buckets if isinstance(buckets, PlacedList) else ())]
    for path, holder in holders:
        text = holder.get("metadata_template") if isinstance(holder, PlacedMapping) else None
        if isinstance(text, str):
            yield (*path, "metadata_template"), text


def _text_mistakes(validator: Draft202012Validator, text: str, span: Span) -> Iterator[Diagnostic]:
    try:
        template = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        json.dumps(template, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as problem:
        detail = f"`metadata_template` is text, so it must be JSON; {_why(problem)}."
        instead = "{artist: {default: unknown}}" if text.strip() else "{}"
        fix = f"write the template as a mapping: metadata_template: {instead}"
        yield error("E136", detail, fix=fix, span=span)
        return
    for mistake in _mistakes(validator, template, within=("metadata_template",)):
        yield from explained(mistake, lambda _path, _key=None: span)


def _once(pairs: Sequence[tuple[str, JSON]]) -> Mapping[str, JSON]:
    data: dict[str, JSON] = {}
    for key, value in pairs:
        if key in data:
            raise ValueError(f"the key {key} is there twice")
        data[key] = value
    return data


def _no_number(name: str) -> JSON:
    raise ValueError(f"{name} is not a JSON number")


def _why(problem: ValueError | RecursionError) -> str:
    match problem:
        case json.JSONDecodeError():
            return f"at line {problem.lineno}, column {problem.colno} of the text: {problem.msg}"
        case UnicodeEncodeError():
            return "an escape in it is half of a surrogate pair, which is not a character"
        case RecursionError():
            return "it is nested too deep"
        case _:
            return short(str(problem))
