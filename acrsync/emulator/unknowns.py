"""The undocumented behaviour of the API, as switches for each row of the list of unknowns.

The class below has for each switch: name, row (section 9 of docs/acrcloud-api.md), meaning, values, and the value in
each named profile. Every default is a GUESS: the most likely behaviour, not an observed one.

Why `strict` and `lenient` leave some switches at their default: a correct client must succeed under both. Behaviour
that no client can work around (labels that cannot be cleared, a quota, a throttle, a lag) must be set by name.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeVar

Value = TypeVar("Value")
Write = Literal["create", "update", "delete"]
WRITES: tuple[Write, ...] = ("create", "update", "delete")


def unknown(row: int, meaning: str, documented: Value, strict: Value, lenient: Value) -> Value:
    """Return a dataclass field for a switch, with the default of the `documented` profile."""
    facts = {"row": row, "meaning": meaning, "documented": documented, "strict": strict, "lenient": lenient}
    switch: Value = field(default=documented, metadata=facts)
    return switch


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknowns:
    """A value for each unknown. The number 0 means: no limit, no delay."""

    duplicate_names: Literal["refuse", "refuse_409", "allow", "numbered", "answer_existing"] = unknown(
        1,
        "a name that is taken, on create or rename; numbered: stored with a number after it; answer_existing: a create "
        "creates nothing and answers with the bucket that has the name, a rename is refused",
        "refuse",
        "refuse",
        "allow",
    )
    name_scope: Literal["account", "account_and_region", "account_and_type"] = unknown(
        1, "the scope in which a name must be unique", "account", "account", "account_and_type"
    )
    delete_with_content: Literal["refuse_422", "refuse_400", "refuse_403", "refuse_409", "cascade"] = unknown(
        2, "deletion of a bucket that holds files or channels", "refuse_422", "refuse_409", "cascade"
    )
    delete_referenced: Literal["detach", "refuse_422"] = unknown(
        3, "deletion of a bucket that a project or container refers to", "detach", "refuse_422", "detach"
    )
    unknown_id: Literal["error_404", "error_403", "message_404"] = unknown(
        4, "an id that does not exist or is not ours", "error_404", "error_403", "message_404"
    )
    delete_unknown_id: Literal["refuse", "succeed_204"] = unknown(
        4, "deletion of an id that does not exist", "refuse", "refuse", "succeed_204"
    )
    auth_failure: Literal["error_403", "message_401", "redirect_302"] = unknown(
        5,
        "a missing or wrong token; redirect_302 sends HTML to clients that do not ask for JSON, and 401 to the others",
        "error_403",
        "message_401",
        "redirect_302",
    )
    missing_scope: Literal["as_auth_failure", "message_403"] = unknown(
        6, "a valid token without the scope", "as_auth_failure", "message_403", "as_auth_failure"
    )
    validation_body: Literal["laravel", "error_text"] = unknown(
        7, "the body of a 422", "laravel", "error_text", "laravel"
    )
    validation_without_accept: Literal["redirect_302", "json_422"] = unknown(
        7, "an invalid write from a client that does not ask for JSON", "redirect_302", "redirect_302", "json_422"
    )
    put_immutable: Literal["ignore", "refuse_422", "apply_net_type"] = unknown(
        8, "region, type or net_type in a PUT", "ignore", "refuse_422", "apply_net_type"
    )
    labels_as_text: Literal["split", "one_label"] = unknown(9, "labels sent as one text", "split", "one_label", "split")
    labels_emptied: Literal["empty_text", "empty_list", "null", "ignored"] = unknown(
        9, "how [] or an empty text reads back; ignored: the old labels stay", "empty_text", "null", "empty_list"
    )
    labels_order: Literal["as_sent", "sorted", "reversed"] = unknown(
        9, "the order in which labels read back", "as_sent", "reversed", "sorted"
    )
    labels_repeated: Literal["kept", "dropped"] = unknown(9, "a label given twice", "kept", "dropped", "kept")
    label_comma: Literal["split", "preserved"] = unknown(10, "a comma in a label", "split", "split", "preserved")
    labels_omitted: Literal["empty_text", "empty_list", "null"] = unknown(
        11, "how labels read back that were not sent in a create", "empty_text", "null", "empty_list"
    )
    template_invalid: Literal["accept", "refuse_422"] = unknown(
        12, "a metadata_template that is not JSON", "accept", "refuse_422", "accept"
    )
    template_object: Literal["refuse_422", "encode"] = unknown(
        12, "a metadata_template sent as an object, not as text", "refuse_422", "refuse_422", "encode"
    )
    template_empty: Literal["null", "kept"] = unknown(
        12, "how an empty metadata_template reads back", "null", "null", "kept"
    )
    template_text: Literal["verbatim", "indented", "compact", "keys_sorted"] = unknown(
        12, "how the JSON text of a template reads back", "verbatim", "indented", "keys_sorted"
    )
    name_spaces: Literal["trimmed", "kept"] = unknown(13, "space around a name", "trimmed", "trimmed", "kept")
    name_max_length: int = unknown(13, "longest name, in characters", 255, 255, 0)
    name_too_long: Literal["refuse_422", "cut"] = unknown(13, "a longer name", "refuse_422", "refuse_422", "refuse_422")
    name_characters: Literal["any", "ascii"] = unknown(13, "characters that a name may have", "any", "any", "any")
    name_equality: Literal["ignore_case", "ignore_case_and_accents", "exact", "exact_trimmed"] = unknown(
        13,
        "when two names are equal; all except exact ignore space at the end, exact_trimmed only space around",
        "ignore_case",
        "ignore_case_and_accents",
        "exact",
    )
    net_type_default: Literal[0, 1] = unknown(14, "net_type when it is not sent", 1, 0, 1)
    net_type_shown: Literal["integer", "text", "text_on_create"] = unknown(
        14,
        "the type of net_type; text_on_create: the answer to a POST repeats a text",
        "integer",
        "text",
        "text_on_create",
    )
    per_page_cap: int = unknown(15, "largest page; a larger per_page is lowered to it silently", 0, 50, 0)
    per_page_shown: Literal["text_when_sent", "integer", "as_asked"] = unknown(
        16,
        "meta.per_page; as_asked: as sent, also if pages are smaller, and last_page is computed from it",
        "text_when_sent",
        "text_when_sent",
        "integer",
    )
    list_order: Literal["id_descending", "id_ascending", "name", "updated_at", "unstable"] = unknown(
        17,
        "order of lists; of buckets also by name, the last changed first, or a new order at each reading",
        "id_descending",
        "id_descending",
        "id_ascending",
    )
    search_rule: Literal["substring", "prefix", "ignored"] = unknown(
        17, "how search compares names", "substring", "ignored", "prefix"
    )
    node_shown: Literal["absent", "empty", "value"] = unknown(
        18, "node of a bucket without one", "absent", "value", "empty"
    )
    tracker_shown: Literal["absent", "empty", "value"] = unknown(18, "tracker", "absent", "value", "empty")
    extra_fields: Literal["none", "some", "every_type"] = unknown(
        18, "undocumented keys; every_type: one of each JSON type", "none", "some", "none"
    )
    size_shown: Literal["mixed", "integer", "text", "null", "absent"] = unknown(
        19, "size; mixed: the number 0, else text", "mixed", "text", "integer"
    )
    list_lag_seconds: int = unknown(20, "seconds until lists show a write", 0, 0, 0)
    list_lag_reads: int = unknown(20, "readings of the bucket list until it shows a write", 0, 0, 0)
    list_lag_writes: tuple[Write, ...] = unknown(20, "the writes that lists show late", WRITES, WRITES, WRITES)
    list_lag_shown: Literal["always", "every_other_reading"] = unknown(
        20,
        "which readings of the bucket list lag; every_other_reading: two replicas, and the second one is up to date",
        "always",
        "always",
        "always",
    )
    get_lag_seconds: int = unknown(
        20, "seconds until a GET of one bucket, or of its content, shows a write: 404 after a create", 0, 0, 0
    )
    get_lag_reads: int = unknown(20, "such GETs until they show a write", 0, 0, 0)
    num_lag_seconds: int = unknown(20, "seconds until num shows a change of content", 0, 0, 0)
    throttle_per_minute: int = unknown(21, "requests per minute and token, then 429", 0, 0, 0)
    throttle_body: Literal["json", "html"] = unknown(21, "the body of that 429", "json", "html", "json")
    trouble: Literal["none", "first_call_500", "proxy_errors", "lost_create_answer"] = unknown(
        22, "a predefined fault plan, after the configured one", "none", "none", "none"
    )
    num_counts: Literal["files_and_channels", "files"] = unknown(
        26, "what num counts", "files_and_channels", "files", "files_and_channels"
    )
    foreign_rows: Literal["hidden", "listed", "filtered"] = unknown(
        28,
        "buckets of other accounts, among them the vendor's bucket 23; filtered: removed from each page afterwards, so "
        "that pages in the middle are short",
        "hidden",
        "listed",
        "hidden",
    )
    updated_at_moves: Literal["on_changing_put", "on_any_put", "on_content_too"] = unknown(
        29, "when updated_at changes", "on_changing_put", "on_content_too", "on_any_put"
    )
    bucket_quota: int = unknown(30, "buckets that an account may have", 0, 0, 0)
