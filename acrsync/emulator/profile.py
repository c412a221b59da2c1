"""What nobody outside the vendor knows about the API, as switches.

The class below is the one table: name, row in the list of unknowns (section 9 of docs/acrcloud-api.md), meaning,
alternatives, and the value under each named profile. `schemas/profile.v1.json` and docs/emulator.md repeat it, and
tests hold them to it. Every default is a GUESS: the likeliest answer, not an observed one.

Why `strict` and `lenient` leave some switches alone: a right client must end well under both. What no client can work
around (labels that cannot be cleared, a quota, a throttle, a lag) is for a test that asks for it by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, TypeVar

from acrsync.emulator.documents import decode, mapping, read_yaml

Value = TypeVar("Value")
NAMES = ("documented", "strict", "lenient")


def _switch(row: int, meaning: str, documented: Value, strict: Value, lenient: Value) -> Value:
    """Return a dataclass field with the default of the `documented` profile and the facts of its switch."""
    facts = {"row": row, "meaning": meaning, "documented": documented, "strict": strict, "lenient": lenient}
    switch: Value = field(default=documented, metadata=facts)
    return switch


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One full set of answers to the unknowns. A whole number of 0 means: no limit, no delay."""

    duplicate_names: Literal["refuse", "allow"] = _switch(
        1, "a name that is taken, on create or rename", "refuse", "refuse", "allow"
    )
    name_scope: Literal["account", "account_and_region", "account_and_type"] = _switch(
        1, "within what a name must be unique", "account", "account", "account_and_type"
    )
    delete_with_content: Literal["refuse_422", "refuse_400", "refuse_403", "refuse_409", "cascade"] = _switch(
        2, "deletion of a bucket that holds files or channels", "refuse_422", "refuse_409", "cascade"
    )
    delete_referenced: Literal["detach", "refuse_422"] = _switch(
        3, "deletion of a bucket that a project or container refers to", "detach", "refuse_422", "detach"
    )
    unknown_id: Literal["error_404", "error_403", "message_404"] = _switch(
        4, "an id that does not exist or is not ours", "error_404", "error_403", "message_404"
    )
    delete_unknown_id: Literal["refuse", "succeed_204"] = _switch(
        4, "deletion of an id that does not exist", "refuse", "refuse", "succeed_204"
    )
    auth_failure: Literal["error_403", "message_401", "redirect_302"] = _switch(
        5,
        "a missing or wrong token; redirect_302 sends HTML to who does not ask for JSON, and 401 to who does",
        "error_403",
        "message_401",
        "redirect_302",
    )
    missing_scope: Literal["as_auth_failure", "message_403"] = _switch(
        6, "a good token without the scope", "as_auth_failure", "message_403", "as_auth_failure"
    )
    validation_body: Literal["laravel", "error_text"] = _switch(
        7, "the body of a 422", "laravel", "error_text", "laravel"
    )
    validation_without_accept: Literal["redirect_302", "json_422"] = _switch(
        7, "an invalid write from who does not ask for JSON", "redirect_302", "redirect_302", "json_422"
    )
    put_immutable: Literal["ignore", "refuse_422", "apply_net_type"] = _switch(
        8, "region, type or net_type in a PUT", "ignore", "refuse_422", "apply_net_type"
    )
    labels_as_text: Literal["split", "one_label"] = _switch(9, "labels sent as one text", "split", "one_label", "split")
    labels_emptied: Literal["empty_text", "empty_list", "null", "ignored"] = _switch(
        9, "what [] or an empty text reads back as; ignored: the old labels stay", "empty_text", "null", "empty_list"
    )
    labels_order: Literal["as_sent", "sorted", "reversed"] = _switch(
        9, "the order that labels read back in", "as_sent", "reversed", "sorted"
    )
    labels_repeated: Literal["kept", "dropped"] = _switch(9, "a label given twice", "kept", "dropped", "kept")
    labels_case: Literal["kept", "lowered"] = _switch(9, "the case of labels read back", "kept", "kept", "kept")
    label_comma: Literal["split", "preserved"] = _switch(10, "a comma in a label", "split", "split", "preserved")
    labels_omitted: Literal["empty_text", "empty_list", "null"] = _switch(
        11, "what a bucket created without labels reads back", "empty_text", "null", "empty_list"
    )
    template_invalid: Literal["accept", "refuse_422"] = _switch(
        12, "a metadata_template that is not JSON", "accept", "refuse_422", "accept"
    )
    template_object: Literal["refuse_422", "encode"] = _switch(
        12, "a metadata_template sent as an object, not as text", "refuse_422", "refuse_422", "encode"
    )
    template_empty: Literal["null", "kept"] = _switch(
        12, "what an empty metadata_template reads back as", "null", "null", "kept"
    )
    template_text: Literal["verbatim", "indented", "compact", "keys_sorted"] = _switch(
        12, "how the JSON text of a template reads back", "verbatim", "indented", "keys_sorted"
    )
    name_spaces: Literal["trimmed", "kept"] = _switch(13, "space around a name", "trimmed", "trimmed", "kept")
    name_max_length: int = _switch(13, "longest name, in characters", 255, 255, 0)
    name_too_long: Literal["refuse_422", "cut"] = _switch(13, "a longer name", "refuse_422", "refuse_422", "refuse_422")
    name_characters: Literal["any", "ascii"] = _switch(13, "characters that a name may have", "any", "any", "any")
    name_equality: Literal["ignore_case", "ignore_case_and_accents", "exact"] = _switch(
        13, "when two names are the same", "ignore_case", "ignore_case_and_accents", "exact"
    )
    net_type_default: Literal[0, 1] = _switch(14, "net_type when it is not sent", 1, 0, 1)
    net_type_shown: Literal["integer", "text", "text_on_create"] = _switch(
        14,
        "how net_type reads; text_on_create: a text is repeated in the answer to its POST",
        "integer",
        "text",
        "text_on_create",
    )
    per_page_cap: int = _switch(15, "largest page; more is lowered to it without a word", 0, 50, 0)
    per_page_shown: Literal["text_when_sent", "integer"] = _switch(
        16, "meta.per_page", "text_when_sent", "text_when_sent", "integer"
    )
    list_order: Literal["id_descending", "id_ascending"] = _switch(
        17, "order of lists", "id_descending", "id_descending", "id_ascending"
    )
    search_rule: Literal["substring", "prefix", "ignored"] = _switch(
        17, "how search compares names", "substring", "ignored", "prefix"
    )
    node_shown: Literal["absent", "empty", "value"] = _switch(
        18, "node of a bucket without one", "absent", "value", "empty"
    )
    tracker_shown: Literal["absent", "empty", "value"] = _switch(18, "tracker", "absent", "value", "empty")
    extra_fields: Literal["none", "some"] = _switch(18, "keys that nobody has documented", "none", "some", "none")
    size_shown: Literal["mixed", "integer", "text"] = _switch(
        19, "size; mixed: the number 0, else text", "mixed", "text", "integer"
    )
    list_lag_seconds: int = _switch(20, "seconds until lists show a write", 0, 0, 0)
    list_lag_reads: int = _switch(20, "readings of the bucket list until it shows a write", 0, 0, 0)
    num_lag_seconds: int = _switch(20, "seconds until num shows a change of content", 0, 0, 0)
    throttle_per_minute: int = _switch(21, "requests a minute and token, then 429", 0, 0, 0)
    throttle_body: Literal["json", "html"] = _switch(21, "the body of that 429", "json", "html", "json")
    trouble: Literal["none", "first_call_500", "proxy_errors", "lost_create_answer"] = _switch(
        22, "a ready fault plan, behind the one that was given", "none", "none", "none"
    )
    num_counts: Literal["files_and_channels", "files"] = _switch(
        26, "what num counts", "files_and_channels", "files", "files_and_channels"
    )
    foreign_rows: Literal["hidden", "listed"] = _switch(
        28, "rows of other accounts, among them bucket 23 of the vendor", "hidden", "listed", "hidden"
    )
    updated_at_moves: Literal["on_changing_put", "on_any_put", "on_content_too"] = _switch(
        29, "when updated_at moves", "on_changing_put", "on_content_too", "on_any_put"
    )
    bucket_quota: int = _switch(30, "buckets an account may have", 0, 0, 0)


def named(name: str) -> Profile:
    """Return `documented`, `strict` or `lenient`.

    Raises: ValueError when there is no such profile.
    """
    if name not in NAMES:
        raise ValueError(f"no profile is called {name!r}; there are {', '.join(NAMES)}, or give a YAML file")
    return Profile(**{switch.name: switch.metadata[name] for switch in fields(Profile)})


def from_document(document: object, where: str = "profile") -> Profile:
    """Return the profile that a document describes: `base` (a name) with single switches changed.

    Raises: ValueError when the document does not fit.
    """
    given = dict(mapping(document, where))
    base = given.pop("base", "documented")
    start = {switch.name: getattr(named(str(base)), switch.name) for switch in fields(Profile)}
    return decode(Profile, {**start, **given}, where)


def load(source: str | Path) -> Profile:
    """Return the profile of that name, or the one in that YAML file.

    Raises: ValueError when neither is there or the file does not fit.
    """
    if source in NAMES:
        return named(str(source))
    return from_document(read_yaml(Path(source)), str(source))


def to_document(profile: Profile) -> Mapping[str, object]:
    """Return every switch and its value."""
    return {switch.name: getattr(profile, switch.name) for switch in fields(Profile)}
