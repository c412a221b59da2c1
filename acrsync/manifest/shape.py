"""Which keys stand where and what kind of value they take: the schema's answer, in words for people.

jsonschema finds the mistakes. What it says about them is not shown: it names neither the place in the file nor what
to write instead.
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
from acrsync.manifest.wording import Mistake, told
from acrsync.model import JSON, Attrs

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

Path = tuple[str | int, ...]
Keyword = Callable[["Draft202012Validator", JSON, JSON, JSON], "Iterator[ValidationError]"]

REMEMBERED = 1000  # values of one property; where there are more, they are names and the like, which do not come again
LONG = 100  # a list that long is that of all buckets, which does not come again either


def check(trees: Iterable[Tree], *, variables: bool = False) -> Iterator[Diagnostic]:
    """Yield every mistake of shape; a value that reading the YAML has refused already is not told again.

    With `variables` a text that holds one stands for whatever it may become.
    """
    whole = _validator(inlined("manifest", variables=variables), properties=_Properties())
    template = _validator({**inlined("manifest", "metadata_template"), "type": ["object", "null"]})
    for tree in trees:
        known = {problem.span for problem in tree.problems}
        for mistake in _mistakes(whole, tree.data):
            yield from (problem for problem in told(mistake, tree.span) if plain(problem.span) not in known)
        for path, text in _template_texts(tree.data):
            if variables and "${" in text:
                continue
            yield from _text_mistakes(template, text, tree.span(path))


def attrs_checker() -> Callable[[Attrs], Mapping[str, str]]:
    """Return what tells which of a bucket's attributes a manifest cannot hold, and why."""
    validator = _validator(inlined("manifest", "bucket"))
    nowhere = Span("", 0, 0)

    def problems(attrs: Attrs) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for mistake in _mistakes(validator, attrs):
            for problem in told(mistake, lambda _path, _key=None: nowhere):
                found.setdefault(str(mistake.path[0]), problem.detail)
        return found

    return problems


def _validator(schema: Mapping[str, JSON], **keywords: Keyword) -> Draft202012Validator:
    """Return a validator in which some keywords are checked by others than jsonschema's own functions."""
    from jsonschema import Draft202012Validator, validators

    extend: Callable[..., type[Draft202012Validator]] = validators.extend  # jsonschema's stubs leave it untyped
    return extend(Draft202012Validator, keywords)(schema)


class _Properties:
    """jsonschema's `properties`, but a value that passed is not looked at again where the same one comes again.

    Why: ten thousand buckets have few regions, labels and templates between them, and jsonschema takes 100 µs to look
    at a template. What failed is not remembered, so that it is reported at each of its positions.
    """

    def __init__(self) -> None:
        self.passed: dict[int, set[str]] = {}  # texts of values by the schema that they passed
        self.shared: dict[tuple[int, int], JSON] = {}  # lists and mappings that passed, which entries may share

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
    """Yield the mistakes of what lies at a path; a value of the wrong kind has no other."""
    by_path: dict[Path, list[ValidationError]] = {}
    for found in validator.iter_errors(data):
        by_path.setdefault((*within, *found.absolute_path), []).append(found)
    for path, errors in by_path.items():
        wrong_kind = [found for found in errors if found.validator == "type"]
        for found in wrong_kind[:1] or errors:  # a conditional part of the schema may say it again
            schema = found.schema if isinstance(found.schema, Mapping) else {}
            inner = list(found.absolute_path)
            holder = reduce(getitem, inner[:-1], data)
            of_key = (holder[inner[-1]] if inner else data) is not found.instance
            yield Mistake(path, str(found.validator), found.validator_value, found.instance, schema, holder, of_key)


def _template_texts(data: JSON) -> Iterator[tuple[Path, str]]:
    """Yield the place and the text of each template that is written as JSON."""
    if not isinstance(data, PlacedMapping):
        return
    buckets = data.get("buckets")
    holders: list[tuple[Path, JSON]] = [(("defaults",), data.get("defaults"))]
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
        detail = f"`metadata_template` is a text, so it has to be JSON; {_why(problem)}."
        instead = "{artist: {default: unknown}}" if text.strip() else "{}"
        fix = f"write the template as a mapping: metadata_template: {instead}"
        yield error("E136", detail, fix=fix, span=span)
        return
    for mistake in _mistakes(validator, template, within=("metadata_template",)):
        yield from told(mistake, lambda _path, _key=None: span)


def _once(pairs: Sequence[tuple[str, JSON]]) -> Mapping[str, JSON]:
    data: dict[str, JSON] = {}
    for key, value in pairs:
        if key in data:
            message = f"the key {key} is there twice"
            raise ValueError(message)
        data[key] = value
    return data


def _no_number(name: str) -> JSON:
    message = f"{name} is not a JSON number"
    raise ValueError(message)


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
