"""All switches: those of `unknowns`, and behaviour of other servers that this API may share.

The class below has the second kind: each switch with its meaning and an example of that behaviour. The named profiles
use none of them. `schemas/profile.v1.json` and docs/emulator.md contain both kinds; tests compare them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from acrsync.emulator.documents import SIGNED, decode, mapping, read_yaml
from acrsync.emulator.texts import Form
from acrsync.emulator.unknowns import Unknowns

Value = TypeVar("Value")
NAMES = ("documented", "strict", "lenient")
NOTHING: tuple[()] = ()
SHAPES_ANSWERS = ("_shown", "_status", "_answer", "_past_end")


def _switch(meaning: str, stands_for: str, default: Value) -> Value:
    """Return a dataclass field for a switch that belongs to no row of the unknowns."""
    facts = {"row": 0, "meaning": meaning, "stands_for": stands_for, **dict.fromkeys(NAMES, default)}
    switch: Value = field(default=default, metadata=facts)
    return switch


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Unknowns):
    """A value for every switch. The number 0 means: no limit, no delay, nothing added."""

    total_off: Annotated[int, SIGNED] = _switch(
        "added to `meta.total`", "a count kept in a counter column that is off by one", 0
    )
    total_counts: Literal["matching", "before_filters", "with_filtered"] = _switch(
        "rows that `meta.total` counts; with_filtered: also those that `foreign_rows: filtered` removes",
        "a count made before region, type, search or permission are applied",
        "matching",
    )
    total_cap: int = _switch("largest `meta.total`", "a search index that stops counting at 10,000", 0)
    total_cached_seconds: int = _switch("seconds that `meta.total` is cached", "a cached count with current rows", 0)
    meta_shown: Literal["full", "text", "no_total", "absent"] = _switch(
        "the form of `meta`; no_total: neither total nor last_page",
        "Laravel's simplePaginate, a driver that returns numbers as text, a bare list",
        "full",
    )
    page_rows_cap: int = _switch(
        "rows that a page has at most; its other rows are on no page",
        "a LIMIT of the database below the requested page size",
        0,
    )
    page_past_end: Literal["empty", "last", "first", "refuse_404"] = _switch(
        "a page past the end", "paginators that clamp the page number, or answer not found", "empty"
    )
    page_cache_seconds: int = _switch(
        "seconds that a page is cached, for each token owner and query",
        "a cache in front of lists, which no write invalidates",
        0,
    )
    name_stored: tuple[Form, ...] = _switch(
        "how a name is changed before it is stored, one form after the other",
        "input filters, slugs, and columns that hold less than what is sent",
        NOTHING,
    )
    name_compared: Literal["stored", "sent"] = _switch(
        "which form of a new name is compared with the existing names",
        "a check for taken names that runs before the name is changed, and so never finds it",
        "stored",
    )
    label_stored: tuple[Form, ...] = _switch(
        "how a label is changed before it is stored, one form after the other", "the same filters on labels", NOTHING
    )
    label_max_length: int = _switch("longest label, in characters", "a column of 50 characters", 0)
    labels_limit: int = _switch("labels that a bucket may have", "a plan's limit, or a column that is full", 0)
    labels_over_limit: Literal["cut", "refuse_422"] = _switch(
        "what happens to longer or more labels", "databases that cut, and rules that refuse", "cut"
    )
    labels_shown: Literal["list", "comma_text", "json_text", "object", "null"] = _switch(
        "the form of labels in answers",
        "a column shown as it is; PHP, which writes a list with a gap as an object",
        "list",
    )
    template_stored: tuple[Form, ...] = _switch(
        "how a template is changed before it is stored, one form after the other",
        "the same filters on templates",
        NOTHING,
    )
    template_shown: Literal["text", "object", "text_of_text"] = _switch(
        "the form of a template that is JSON, in answers", "a JSON column, decoded or encoded once more", "text"
    )
    id_shown: Literal["integer", "text", "float"] = _switch(
        "the form of a bucket's id in answers", "drivers that return numbers as text or as floats", "integer"
    )
    num_shown: Literal["integer", "text", "null", "absent", "negative"] = _switch(
        "the form of `num`; negative: always -1", "a count that is joined, cached or not yet known", "integer"
    )
    stamps_shown: Literal["plain", "iso"] = _switch(
        "the form of created_at and updated_at", "Laravel from version 7 on, as in the lists of files", "plain"
    )
    stamps_off_seconds: Annotated[int, SIGNED] = _switch(
        "seconds that timestamps are ahead of UTC", "a database that writes local time", 0
    )
    create_status: Literal[201, 200, 202] = _switch(
        "the status of a create", "frameworks that answer 200, and queues that answer 202", 201
    )
    create_answer: Literal["row", "as_sent", "another_row", "id_only", "null", "empty"] = _switch(
        "the body of a create; another_row: the newest bucket that existed before",
        "answers that are cached, mixed up, reduced to the id, or built from the request",
        "row",
    )
    update_status: Literal[200, 201, 202] = _switch("the status of a PUT", "the same frameworks and queues", 200)
    update_answer: Literal["row", "as_sent", "old_row", "another_row", "id_only", "null", "empty"] = _switch(
        "the body of a PUT; old_row: as it was before",
        "an answer from a replica that lags, or built from the request",
        "row",
    )
    delete_status: Literal[204, 200, 202] = _switch(
        "the status of a deletion; with a body if it is not 204", "the same frameworks and queues", 204
    )
    create_ignores: tuple[Literal["labels", "metadata_template", "net_type"], ...] = _switch(
        "fields that a create ignores", "a field that is not fillable in the model", NOTHING
    )
    put_ignores: tuple[Literal["name", "labels", "metadata_template"], ...] = _switch(
        "fields that a PUT ignores, and answers 200", "a field that the update does not accept", NOTHING
    )
    put_resets: tuple[Literal["labels", "metadata_template", "net_type"], ...] = _switch(
        "fields that a PUT resets if they are not sent", "a PUT that replaces the whole row", NOTHING
    )
    date_off_seconds: Annotated[int, SIGNED] = _switch(
        "seconds that the Date header is ahead", "a server without time synchronisation", 0
    )

    def is_describable(self) -> bool:
        """Return whether docs/acrcloud-openapi.yaml describes the forms of all answers."""
        odd = [
            switch.name
            for switch in fields(self)
            if switch.name.endswith(SHAPES_ANSWERS)
            and not switch.metadata["row"]
            and getattr(self, switch.name) != switch.default
        ]
        return not odd and self.size_shown not in ("null", "absent") and self.duplicate_names != "refuse_409"


def named(name: str) -> Profile:
    """Return `documented`, `strict` or `lenient`.

    Raises: ValueError if there is no such profile.
    """
    if name not in NAMES:
        raise ValueError(f"there is no profile {name!r}; use {', '.join(NAMES)} or a YAML file")
    return Profile(**{switch.name: switch.metadata[name] for switch in fields(Profile)})


def from_document(document: object, where: str = "profile") -> Profile:
    """Return the profile in a document: `base` (a name) with single switches changed.

    Raises: ValueError if the document is invalid.
    """
    given = dict(mapping(document, where))
    base = given.pop("base", "documented")
    return changed(named(str(base)), given, where)


def changed(profile: Profile, switches: Mapping[str, object], where: str = "switches") -> Profile:
    """Return the profile with single switches changed.

    Raises: ValueError if one is invalid.
    """
    return decode(Profile, {**to_document(profile), **switches}, where)


def load(source: str | Path) -> Profile:
    """Return the profile of that name, or the one in that YAML file.

    Raises: ValueError if there is neither, or the file is invalid.
    """
    if source in NAMES or not Path(source).exists():
        return named(str(source))
    return from_document(read_yaml(Path(source)), str(source))


def to_document(profile: Profile) -> Mapping[str, object]:
    """Return every switch and its value, as `from_document` reads them."""
    values = {switch.name: getattr(profile, switch.name) for switch in fields(Profile)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
