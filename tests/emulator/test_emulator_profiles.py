"""Profiles: every switch can be seen from outside, and code, schema and documentation name the same ones."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import jsonschema
import pytest
import yaml

from acrsync.emulator import profile, serve
from acrsync.emulator.profile import NAMES, Profile


def is_list(hint: Any) -> bool:
    """Return whether a switch takes several of its values, in order."""
    return get_origin(hint) is tuple


ROOT = Path(__file__).parents[2]
HINTS = get_type_hints(Profile, include_extras=True)
CHOICES = {
    name: get_args(hint) if get_origin(hint) is Literal else get_args(get_args(hint)[0]) if is_list(hint) else ()
    for name, hint in HINTS.items()
}
UNKNOWNS = [switch for switch in fields(Profile) if switch.metadata["row"]]
BEYOND = [switch for switch in fields(Profile) if not switch.metadata["row"]]
WANTED = {"name": "radio", "region": "eu-west-1", "type": "File"}


@dataclass(frozen=True)
class Case:
    """A switch, a value other than the documented one, and what each of the two shows of itself."""

    switch: str
    value: str | int | list[str]
    look: Callable[[Any], Any]
    documented: Any
    changed: Any
    beside: dict[str, Any] = field(default_factory=dict)

    def values(self) -> list[Any]:
        return self.value if isinstance(self.value, list) else [self.value]


def status_of_create(**changes: Any) -> Callable[[Any], int]:
    return lambda api: api.post("/buckets", {**WANTED, **changes}).status_code


def status_of_change(**fields: Any) -> Callable[[Any], int]:
    return lambda api: api.put("/buckets/14791", fields).status_code


def shown_after(key: str, **fields: Any) -> Callable[[Any], Any]:
    return lambda api: api.put("/buckets/14791", fields).json()["data"][key]


def answer(api, method: str, path: str, **options: Any) -> tuple[int, Any]:
    got = api.call(method, path, **options)
    is_json = got.headers.get("Content-Type") == "application/json" and got.content
    return got.status_code, got.json() if is_json else got.headers.get("Content-Type")


def delete_with_content(api):
    api.control("POST", "buckets/1116/content", {"files": 1})
    return api.delete("/buckets/1116").status_code


def delete_referenced(api):
    api.control("POST", "references/fs-containers", {"buckets": ["offline-bucket"]})
    return api.delete("/buckets/1116").status_code


def bad_token(accept: str) -> Callable[[Any], tuple[int, Any]]:
    return lambda api: answer(api, "GET", "/api/buckets", headers={"Authorization": "Bearer x", "Accept": accept})


def narrow_token(api) -> tuple[int, Any]:
    now = api.control("GET", "profile")
    api.reset(accounts=[{"token": "narrow", "scopes": ["read-all"]}], profile=now)
    return answer(api, "DELETE", "/api/buckets/1116", headers={"Authorization": "Bearer narrow"})


def text_net_type(api) -> tuple[Any, Any]:
    row = api.create("radio", net_type="2")
    return row["net_type"], api.get(f"/buckets/{row['id']}")["data"]["net_type"]


def per_page(api) -> Any:
    return api.get("/buckets", per_page=3)["meta"]["per_page"]


def key_of_newest(key: str) -> Callable[[Any], Any]:
    return lambda api: api.get("/buckets/14791")["data"].get(key, "absent")


def listed_twice_after_create(api) -> list[bool]:
    new = api.create("radio")["id"]
    assert api.get(f"/buckets/{new}")["data"]["id"] == new
    return [new in api.ids() for _ in range(2)]


def num_after(**content: int) -> Callable[[Any], int]:
    def look(api):
        api.control("POST", "buckets/1116/content", content)
        return api.get("/buckets/1116")["data"]["num"]

    return look


def second_request(api) -> tuple[int, Any]:
    api.get("/buckets/1116")
    got = api.call("GET", "/api/buckets/1116")
    return got.status_code, got.headers["Content-Type"]


def statuses(count: int) -> Callable[[Any], list[int]]:
    return lambda api: [api.call("GET", "/api/buckets").status_code for _ in range(count)]


def lost_create(api) -> bool:
    api.control("DELETE", "requests")
    try:
        api.post("/buckets", WANTED)
    except OSError:
        return True
    return False


def moved(api) -> tuple[bool, bool]:
    def stamp() -> str:
        return str(api.get("/buckets/1116")["data"]["updated_at"])

    start = stamp()
    api.control("POST", "buckets/1116/content", {"files": 2})
    content = stamp()
    api.change(1116, name="offline-bucket")
    return content != start, stamp() != content


def names_of_doubles(api) -> tuple[str, str]:
    """Return the names of the two newest buckets after creates and a rename with a name that is taken."""
    for name in ("test", "test"):
        api.post("/buckets", {**WANTED, "name": name})
    if api.ids()[0] == 14791:
        api.create("radio")
    api.put(f"/buckets/{api.ids()[0]}", {"name": "test"})
    newest, second = api.get("/buckets", per_page=2)["data"]
    return newest["name"], second["name"]


def double_create(api) -> tuple[int, int | None, int]:
    got = api.post("/buckets", {**WANTED, "name": "test"})
    return got.status_code, got.json().get("data", {}).get("id"), len(api.ids())


def what_a_list_misses(api) -> list[bool]:
    """Return whether a list shows a create, an update, a deletion at once."""
    new = api.create("radio")["id"]
    api.change(14791, name="changed")
    api.delete("/buckets/1116")
    rows = {row["id"]: row["name"] for row in api.get("/buckets")["data"]}
    return [new in rows, rows[14791] == "changed", 1116 not in rows]


def got_after_writes(api, name: str = "b") -> list[Any]:
    """Return what GETs say of a bucket just created, renamed, deleted."""
    new = api.create(f"radio {name}")["id"]
    api.change(1159, name=name)
    api.delete("/buckets/1116")
    renamed = api.get("/buckets/1159")["data"]["name"]
    return [
        api.call("GET", f"/api/buckets/{new}").status_code,
        renamed,
        api.call("GET", "/api/buckets/1116").status_code,
    ]


def meta(key: str, **query: Any) -> Callable[[Any], Any]:
    return lambda api: api.get("/buckets", **query)["meta"][key]


def totals_around_create(api) -> list[int]:
    return [meta("total")(api), api.create("radio") and meta("total", page=1)(api)]


def pages_around_create(api) -> list[int]:
    before = len(api.ids())
    api.create("radio")
    return [before, len(api.ids()), len(api.ids(per_page=50))]


def past_end(api) -> tuple[int, list[int] | None]:
    got = api.call("GET", "/api/buckets?page=3&per_page=4")
    return got.status_code, [row["id"] for row in got.json()["data"]] if got.status_code == 200 else None


def hours_of_stamp(api) -> int:
    now = datetime.now(UTC).replace(tzinfo=None)
    return round((datetime.fromisoformat(api.create("radio")["created_at"]) - now).total_seconds() / 3600)


def hours_of_date(api) -> int:
    date = parsedate_to_datetime(api.call("GET", "/api/buckets").headers["Date"])
    return round((date - datetime.now(UTC)).total_seconds() / 3600)


def _data(got) -> Any:
    data = got.json()["data"] if got.content else "empty"
    return (data.get("name"), data["id"]) if isinstance(data, dict) else data or "null"


def data_of_create(api) -> Any:
    return _data(api.post("/buckets", {**WANTED, "name": "radio!"}))


def data_of_change(api) -> Any:
    return _data(api.put("/buckets/14791", {"name": "radio!"}))


def made_with(key: str) -> Callable[[Any], Any]:
    return lambda api: api.create("radio", **{key: SENT[key]})[key]


def still_there_after_rename(key: str) -> Callable[[Any], Any]:
    return lambda api: api.change(api.create("radio", **{key: SENT[key]})["id"], name="renamed")[key]


SENT: Any = {"name": "radio", "labels": ["A"], "metadata_template": "{}", "net_type": 2}
# What is sent, and what is stored of it, by form.
FORMS_SEEN = {
    "html_escaped": ("a & <b> \"c\" 'd'", "a &amp; &lt;b&gt; &quot;c&quot; &#039;d&#039;"),
    "tags_stripped": ("a <b>c</b> < d", "a c < d"),
    "quotes_escaped": ("it's", "it\\'s"),
    "trimmed": ("\u00a0a b\u00a0", "a b"),
    "lowered": ("Ab É", "ab é"),
    "slugged": ("My Radio & Ü!", "my-radio-u"),
    "spaces_collapsed": ("a   b", "a b"),
    "nfc": ("e\u0301", "é"),
    "nfd": ("é", "e\u0301"),
    "width_folded": ("ＲＡＤＩＯ１", "RADIO1"),
    "accents_dropped": ("Ünïcode", "Unicode"),
    "invisible_dropped": ("رادیو\u200cها", "رادیوها"),
    "four_bytes_replaced": ("Radio 😀 ❤", "Radio ? ❤"),
}
TEMPLATE = '{"b": {"default":"é"}, "a":{}}'
CASES = [
    Case("duplicate_names", "allow", status_of_create(name="test"), 422, 201),
    Case("name_scope", "account_and_region", status_of_create(name="test", region="us-west-2", type="Live"), 422, 201),
    Case("name_scope", "account_and_type", status_of_create(name="test"), 422, 201),
    *[
        Case("delete_with_content", value, delete_with_content, 422, status)
        for value, status in (("refuse_400", 400), ("refuse_403", 403), ("refuse_409", 409), ("cascade", 204))
    ],
    Case("delete_referenced", "refuse_422", delete_referenced, 204, 422),
    Case("unknown_id", "error_403", lambda api: answer(api, "GET", "/api/buckets/5"), (404, {"error": "Not Found"}),
         (403, {"error": "Forbidden"})),
    Case("unknown_id", "message_404", lambda api: answer(api, "DELETE", "/api/buckets/5"),
         (404, {"error": "Not Found"}), (404, {"message": "No query results for model [App\\Models\\Bucket] 5"})),
    Case("delete_unknown_id", "succeed_204", lambda api: api.delete("/buckets/5").status_code, 404, 204),
    Case("auth_failure", "message_401", bad_token("*/*"), (403, {"error": "Authentication Exception"}),
         (401, {"message": "Unauthenticated."})),
    Case("auth_failure", "redirect_302", bad_token("*/*"), (403, {"error": "Authentication Exception"}),
         (302, "text/html; charset=utf-8")),
    Case("auth_failure", "redirect_302", bad_token("application/json"), (403, {"error": "Authentication Exception"}),
         (401, {"message": "Unauthenticated."})),
    Case("missing_scope", "message_403", narrow_token, (403, {"error": "Authentication Exception"}),
         (403, {"message": "Invalid scope(s) provided."})),
    Case("validation_body", "error_text", lambda api: list(api.put("/buckets/1116", {"name": ""}).json()),
         ["message", "errors"], ["error"]),
    Case("validation_without_accept", "json_422",
         lambda api: api.put("/buckets/1116", {"name": ""}, headers={"Accept": "*/*"}).status_code, 302, 422),
    Case("put_immutable", "refuse_422", status_of_change(region="eu-west-1"), 200, 422),
    Case("put_immutable", "apply_net_type", shown_after("net_type", net_type=2, region="us-west-2"), 1, 2),
    Case("labels_as_text", "one_label", shown_after("labels", labels="A,B"), ["A", "B"], ["A,B"]),
    Case("labels_emptied", "empty_list", shown_after("labels", labels=[]), [""], []),
    Case("labels_emptied", "null", shown_after("labels", labels=""), [""], None),
    Case("labels_emptied", "ignored", shown_after("labels", labels=[]), [""], ["TV"]),
    Case("labels_order", "sorted", shown_after("labels", labels=["b", "c", "a"]), ["b", "c", "a"], ["a", "b", "c"]),
    Case("labels_order", "reversed", shown_after("labels", labels=["b", "c", "a"]), ["b", "c", "a"], ["a", "c", "b"]),
    Case("labels_repeated", "dropped", shown_after("labels", labels=["a", "b", "a"]), ["a", "b", "a"], ["a", "b"]),
    Case("label_comma", "preserved", shown_after("labels", labels=["a,b"]), ["a", "b"], ["a,b"]),
    Case("labels_omitted", "empty_list", lambda api: api.create("radio")["labels"], [""], []),
    Case("labels_omitted", "null", lambda api: api.create("radio")["labels"], [""], None),
    Case("template_invalid", "refuse_422", status_of_change(metadata_template="{"), 200, 422),
    Case("template_object", "encode", status_of_change(metadata_template={"a": {}}), 422, 200),
    Case("template_empty", "kept", shown_after("metadata_template", metadata_template=""), None, ""),
    Case("template_text", "indented", shown_after("metadata_template", metadata_template=TEMPLATE), TEMPLATE,
         '{\n    "b": {\n        "default": "\\u00e9"\n    },\n    "a": {}\n}'),
    Case("template_text", "compact", shown_after("metadata_template", metadata_template=TEMPLATE), TEMPLATE,
         '{"b":{"default":"é"},"a":{}}'),
    Case("template_text", "keys_sorted", shown_after("metadata_template", metadata_template=TEMPLATE), TEMPLATE,
         '{"a":{},"b":{"default":"\\u00e9"}}'),
    Case("name_spaces", "kept", shown_after("name", name=" x "), "x", " x "),
    Case("name_max_length", 3, status_of_change(name="four"), 200, 422),
    Case("name_too_long", "cut", shown_after("name", name="four"), "four", "fou", {"name_max_length": 3}),
    Case("name_characters", "ascii", status_of_change(name="é"), 200, 422),
    Case("name_equality", "exact", status_of_create(name="TEST"), 422, 201),
    Case("name_equality", "ignore_case_and_accents", status_of_create(name="Tést"), 201, 422),
    Case("net_type_default", 0, lambda api: api.create("radio")["net_type"], 1, 0),
    Case("net_type_shown", "text", text_net_type, (2, 2), ("2", "2")),
    Case("net_type_shown", "text_on_create", text_net_type, (2, 2), ("2", 2)),
    Case("per_page_cap", 2, per_page, "3", 2),
    Case("per_page_shown", "integer", per_page, "3", 3),
    Case("list_order", "id_ascending", lambda api: api.ids()[0], 14791, 1116),
    Case("search_rule", "prefix", lambda api: api.ids(search="S"), [14791, 14556, 12310, 12309, 1159], []),
    Case("search_rule", "ignored", lambda api: len(api.ids(search="zzz")), 0, 6),
    Case("node_shown", "empty", key_of_newest("node"), "absent", ""),
    Case("node_shown", "value", key_of_newest("node"), "absent", "10.12.12.236-850"),
    Case("tracker_shown", "empty", key_of_newest("tracker"), "absent", ""),
    Case("tracker_shown", "value", key_of_newest("tracker"), "absent", "10.12.12.236-871"),
    Case("extra_fields", "some", key_of_newest("tags"), "absent", {"plan": "trial"}),
    Case("size_shown", "integer", lambda api: api.get("/buckets/1159")["data"]["size"], "1487", 1487),
    Case("size_shown", "text", key_of_newest("size"), 0, "0"),
    Case("list_lag_seconds", 60, listed_twice_after_create, [True, True], [False, False]),
    Case("list_lag_reads", 1, listed_twice_after_create, [True, True], [False, True]),
    Case("num_lag_seconds", 60, num_after(files=3), 3, 0),
    Case("throttle_per_minute", 1, second_request, (200, "application/json"), (429, "application/json")),
    Case("throttle_body", "html", second_request, (200, "application/json"), (429, "text/html"),
         {"throttle_per_minute": 1}),
    Case("trouble", "first_call_500", statuses(2), [200, 200], [500, 200]),
    Case("trouble", "proxy_errors", statuses(3), [200, 200, 200], [502, 504, 200]),
    Case("trouble", "lost_create_answer", lost_create, False, True),
    Case("num_counts", "files", num_after(files=1, channels=2), 3, 1),
    Case("foreign_rows", "listed", lambda api: api.ids()[-1], 1116, 23),
    Case("updated_at_moves", "on_any_put", moved, (False, False), (False, True)),
    Case("updated_at_moves", "on_content_too", moved, (False, False), (True, False)),
    Case("bucket_quota", 6, status_of_create(), 201, 403),
    Case("duplicate_names", "refuse_409", status_of_create(name="test"), 422, 409),
    Case("duplicate_names", "numbered", names_of_doubles, ("radio", "test"), ("test (3)", "test (2)")),
    Case("duplicate_names", "answer_existing", double_create, (422, None, 6), (201, 14791, 6)),
    Case("name_equality", "exact_trimmed",
         lambda api: [status_of_create(name=name)(api) for name in ("TEST", " test ")],
         [422, 422], [201, 422], {"name_spaces": "kept"}),
    Case("per_page_shown", "as_asked", lambda api: [api.get("/buckets", per_page=4)["meta"][key] for key in
         ("per_page", "last_page")], ["4", 2], ["4", 2], {"per_page_cap": 2}),
    Case("list_order", "name", lambda api: [row["name"] for row in api.get("/buckets", per_page=2)["data"]],
         ["test", "adsfasdf"], ["adsfasdf", "eu_shared_bucket"]),
    Case("list_order", "updated_at", lambda api: (api.change(1116, name="newest")["id"], api.ids()[0]), (1116, 14791),
         (1116, 1116)),
    Case("list_order", "unstable", lambda api: len({tuple(api.ids()) for _ in range(20)}) > 1, False, True),
    Case("extra_fields", "every_type",
         lambda api: {type(value) for value in api.get("/buckets/14791")["data"].values()},
         {int, str, list, type(None)}, {int, str, list, type(None), bool, float, dict}),
    Case("size_shown", "null", key_of_newest("size"), 0, None),
    Case("size_shown", "absent", key_of_newest("size"), 0, "absent"),
    Case("list_lag_writes", ["create"], what_a_list_misses, [True] * 3, [False, True, True], {"list_lag_reads": 9}),
    Case("list_lag_writes", ["update"], what_a_list_misses, [True] * 3, [True, False, True], {"list_lag_reads": 9}),
    Case("list_lag_writes", "delete", what_a_list_misses, [True] * 3, [True, True, False], {"list_lag_reads": 9}),
    Case("list_lag_shown", "every_other_reading", listed_twice_after_create, [True, True], [False, True],
         {"list_lag_seconds": 60}),
    Case("get_lag_seconds", 60, got_after_writes, [200, "b", 404], [404, "us_bucket", 200]),
    Case("get_lag_reads", 1, lambda api: (got_after_writes(api), got_after_writes(api, "c")),
         ([200, "b", 404], [200, "c", 404]), ([404, "us_bucket", 200], [404, "b", 404])),
    Case("foreign_rows", "filtered", lambda api: [len(api.ids(per_page=3, page=page)) for page in (1, 2, 3)], [3, 3, 0],
         [3, 3, 0]),
    Case("total_off", -1, meta("total"), 6, 5),
    Case("total_off", 2, lambda api: [api.get("/buckets", per_page=2)["meta"][key] for key in ("total", "last_page")],
         [6, 3], [8, 4]),
    Case("total_counts", "before_filters", meta("total", type="LiveRec"), 2, 6),
    Case("total_counts", "with_filtered", meta("total"), 6, 7, {"foreign_rows": "filtered"}),
    Case("total_cap", 4, meta("total"), 6, 4),
    Case("total_cached_seconds", 60, totals_around_create, [6, 7], [6, 6]),
    Case("meta_shown", "text", meta("total"), 6, "6"),
    Case("meta_shown", "no_total", lambda api: sorted(api.get("/buckets")["meta"]),
         ["current_page", "from", "last_page", "path", "per_page", "to", "total"],
         ["current_page", "from", "path", "per_page", "to"]),
    Case("meta_shown", "absent", lambda api: list(api.get("/buckets")), ["data", "links", "meta"], ["data", "links"]),
    Case("page_rows_cap", 2, lambda api: [api.ids(per_page=3, page=page) for page in (1, 2)],
         [[14791, 14556, 12310], [12309, 1159, 1116]], [[14791, 14556], [12309, 1159]]),
    Case("page_past_end", "last", past_end, (200, []), (200, [1159, 1116])),
    Case("page_past_end", "first", past_end, (200, []), (200, [14791, 14556, 12310, 12309])),
    Case("page_past_end", "refuse_404", past_end, (200, []), (404, None)),
    Case("page_cache_seconds", 60, pages_around_create, [6, 7, 7], [6, 6, 7]),
    *[
        Case("name_stored", form, shown_after("name", name=text), text, stored)
        for form, (text, stored) in FORMS_SEEN.items() if form != "trimmed"
    ],
    Case("name_stored", ["tags_stripped", "trimmed"], shown_after("name", name="<b> a"), "<b> a", "a"),
    *[
        Case("label_stored", form, shown_after("labels", labels=[text, "x"]), [text, "x"], [stored, "x"])
        for form, (text, stored) in FORMS_SEEN.items()
    ],
    *[
        Case("template_stored", form, shown_after("metadata_template", metadata_template=text), text, stored)
        for form, (text, stored) in FORMS_SEEN.items()
    ],
    Case("name_stored", ["html_escaped", "lowered"], shown_after("name", name="A & B"), "A & B", "a &amp; b"),
    Case("name_compared", "sent", lambda api: [status_of_create(name="A&B")(api) for _ in range(2)], [201, 422],
         [201, 201], {"name_stored": "html_escaped"}),
    Case("label_max_length", 2, shown_after("labels", labels=["abc", "a"]), ["abc", "a"], ["ab", "a"]),
    Case("labels_limit", 2, shown_after("labels", labels=["c", "b", "a"]), ["c", "b", "a"], ["c", "b"]),
    Case("labels_over_limit", "refuse_422", lambda api: [status_of_change(labels=labels)(api) for labels in (["abc"],
         ["a"] * 3, ["a"])], [200, 200, 200], [422, 422, 200], {"label_max_length": 2, "labels_limit": 2}),
    *[
        Case("labels_shown", form, shown_after("labels", labels=["B", "A"]), ["B", "A"], shown)
        for form, shown in (("comma_text", "B,A"), ("json_text", '["B", "A"]'), ("object", {"0": "B", "1": "A"}),
        ("null", None))
    ],
    Case("template_shown", "object", shown_after("metadata_template", metadata_template=TEMPLATE), TEMPLATE,
         {"b": {"default": "é"}, "a": {}}),
    Case("template_shown", "text_of_text", shown_after("metadata_template", metadata_template=TEMPLATE), TEMPLATE,
         json.dumps(TEMPLATE)),
    Case("id_shown", "text", key_of_newest("id"), 14791, "14791"),
    Case("id_shown", "float", lambda api: repr(api.get("/buckets/14791")["data"]["id"]), "14791", "14791.0"),
    *[
        Case("num_shown", form, lambda api: api.get("/buckets/1159")["data"].get("num", "absent"), 7, shown)
        for form, shown in {"text": "7", "null": None, "absent": "absent", "negative": -1}.items()
    ],
    Case("stamps_shown", "iso", key_of_newest("created_at"), "2020-07-16 11:09:20", "2020-07-16T11:09:20.000000Z"),
    Case("stamps_off_seconds", 28800, hours_of_stamp, 0, 8),
    Case("stamps_off_seconds", -3600, hours_of_stamp, 0, -1),
    Case("create_status", 200, status_of_create(), 201, 200),
    Case("create_status", 202, status_of_create(), 201, 202),
    *[
        Case("create_answer", form, data_of_create, ("radio!", 14792), shown, {"name_stored": "slugged"})
        for form, shown in {"as_sent": ("radio!", 14792), "another_row": ("test", 14791), "id_only": (None, 14792),
        "null": "null", "empty": "empty"}.items()
    ],
    Case("update_status", 201, status_of_change(name="x"), 200, 201),
    Case("update_status", 202, status_of_change(name="x"), 200, 202),
    *[
        Case("update_answer", form, data_of_change, ("radio!", 14791), shown, {"name_stored": "slugged"})
        for form, shown in {"as_sent": ("radio!", 14791), "old_row": ("test", 14791), "id_only": (None, 14791),
        "another_row": ("adsfasdf", 14556), "null": "null", "empty": "empty"}.items()
    ],
    Case("delete_status", 200, lambda api: answer(api, "DELETE", "/api/buckets/1116"), (204, "application/json"),
         (200, {"message": "Deleted."})),
    Case("delete_status", 202, lambda api: api.delete("/buckets/1116").status_code, 204, 202),
    *[
        Case("create_ignores", key, made_with(key), SENT[key], unsent)
        for key, unsent in {"labels": [""], "metadata_template": None, "net_type": 1}.items()
    ],
    *[
        Case("put_ignores", key, shown_after(key, **{key: SENT[key]}), SENT[key], old)
        for key, old in {"name": "test", "labels": ["TV"], "metadata_template": None}.items()
    ],
    *[
        Case("put_resets", key, still_there_after_rename(key), SENT[key], unset)
        for key, unset in {"labels": [""], "metadata_template": None, "net_type": 1}.items()
    ],
    Case("date_off_seconds", -7200, hours_of_date, 0, -2),
    Case("date_off_seconds", 10800, hours_of_date, 0, 3),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.switch}-{case.value}")
def test_a_switch_changes_the_answers(api, case):
    assert case.look(api) == case.documented
    api.reset(profile={**case.beside, case.switch: case.value})
    assert case.look(api) == case.changed


def test_a_filtered_page_is_short_in_the_middle(api):
    rows = [{"id": number, "name": f"n{number}", "uid": 20 if number in (2, 5) else 19} for number in range(1, 8)]
    api.reset(rows=rows, profile={"foreign_rows": "filtered", "total_counts": "with_filtered"})
    assert [api.ids(per_page=3, page=page) for page in (1, 2, 3)] == [[7, 6], [4, 3], [1]]
    assert api.get("/buckets")["meta"]["total"] == 8  # with bucket 23 of the vendor
    assert api.call("GET", "/api/buckets/2").status_code == 404


def test_an_unreported_cap_gives_a_wrong_last_page(api):
    api.reset(seed={"buckets": 10}, profile={"per_page_cap": 2, "per_page_shown": "as_asked"})
    page = api.get("/buckets", per_page=5)
    assert (len(page["data"]), page["meta"]["per_page"], page["meta"]["last_page"]) == (2, "5", 2)
    assert len(api.ids(per_page=5, page=5)) == 2


def test_a_template_that_is_not_json_is_shown_as_it_is(api):
    api.reset(profile={"template_shown": "object", "template_text": "compact"})
    for text in ("{ not json", "[" * 100_000):
        assert api.change(1116, metadata_template=text)["metadata_template"] == text


def test_a_name_that_is_cut_is_made_again_each_time(api):
    api.reset(rows="empty", profile={"name_max_length": 4, "name_too_long": "cut", "name_compared": "sent"})
    assert [api.create("radio")["name"] for _ in range(2)] == ["radi", "radi"]


def test_every_value_of_every_switch_is_tested():
    seen = {(case.switch, value) for case in CASES for value in case.values()}
    choices = {(name, value) for name, values in CHOICES.items() for value in values}
    documented = {(switch.name, switch.default) for switch in fields(Profile) if not is_list(HINTS[switch.name])}
    assert choices - documented <= seen
    assert {switch.name for switch in fields(Profile)} == {case.switch for case in CASES}


def test_every_unknown_that_is_emulated_has_its_switch():
    emulated = set(range(1, 31)) - {23, 24, 25, 27}
    assert {switch.metadata["row"] for switch in UNKNOWNS} == emulated


def test_named_profiles_use_only_documented_unknowns():
    assert all(switch.metadata[name] == switch.default for switch in BEYOND for name in NAMES)
    assert all(profile.named(name).is_describable() for name in NAMES)


def test_strict_and_lenient_together_try_most_alternatives():
    names = [switch.name for switch in UNKNOWNS]
    tried = {(name, getattr(profile.named(base), name)) for base in NAMES for name in names}
    untried = {(name, value) for name in names for value in CHOICES[name]} - tried
    assert {name for name, _ in untried} == {
        "delete_with_content", "duplicate_names", "extra_fields", "foreign_rows", "labels_emptied", "list_lag_shown",
        "list_lag_writes", "list_order", "name_characters", "name_equality", "name_scope", "name_too_long",
        "per_page_shown", "size_shown", "template_text", "trouble",
    }  # fmt: skip


def test_the_schema_says_what_the_code_says():
    schema = json.loads((ROOT / "schemas/profile.v1.json").read_text())
    properties = schema["properties"]
    assert schema["$id"] == "urn:acrsync:profile:v1"
    assert properties.pop("base")["enum"] == list(NAMES)
    assert properties == {switch.name: schema_of(switch) for switch in fields(Profile)}


def schema_of(switch) -> dict[str, Any]:
    hint, facts = HINTS[switch.name], switch.metadata
    kind: dict[str, Any] = {"type": "integer"} if get_origin(hint) is Annotated else {"type": "integer", "minimum": 0}
    if choices := list(CHOICES[switch.name]):
        kind = {"enum": choices}
    if is_list(hint):
        kind = {"anyOf": [kind, {"type": "array", "items": kind}]}
    stands_for = f" Stands for: {facts['stands_for']}." if "stands_for" in facts else ""
    text = f"Row {facts['row']}: {facts['meaning']}." if facts["row"] else f"{facts['meaning']}.{stands_for}"
    default = list(switch.default) if is_list(hint) else switch.default
    return {"description": text[0].upper() + text[1:], **kind, "default": default}


def shown(value: Any) -> str:
    """Return a value as the tables of the documentation write it."""
    return " ".join(f"`{one}`" for one in value) or "none" if isinstance(value, tuple) else f"`{value}`"


def row_of(switch) -> str:
    """Return the line of a switch in the tables of the documentation."""
    named, facts = {name: shown(switch.metadata[name]) for name in NAMES}, switch.metadata
    others = [f"`{value}`" for value in CHOICES[switch.name] if f"`{value}`" not in " ".join(named.values())]
    columns = [f"`{switch.name}`", facts["meaning"]]
    if facts["row"]:
        columns = [str(facts["row"]), *columns, *named.values(), ", ".join(others)]
    else:
        columns += [named["documented"], ", ".join(others), facts["stands_for"]]
    return f"| {' | '.join(columns)} |".replace("|  |", "| |")


def test_the_documentation_says_what_the_code_says():
    text = (ROOT / "docs/emulator.md").read_text()
    assert [row for row in map(row_of, fields(Profile)) if row not in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_named_profile_is_a_valid_document(name):
    schema = json.loads((ROOT / "schemas/profile.v1.json").read_text())
    document = profile.to_document(profile.named(name))
    jsonschema.validate(document, schema)
    assert profile.from_document(document) == profile.named(name)


def test_strict_accepts_valid_requests_and_lenient_stores_them_completely(api):
    wanted = {"labels": ["A", "B"], "metadata_template": '{"artist":{"default":"é"}}', "net_type": 2}
    for name in ("strict", "lenient"):
        api.reset(profile=name)
        row = api.get(f"/buckets/{api.create('radio', **wanted)['id']}")["data"]
        assert sorted(row["labels"]) == ["A", "B"]
        assert json.loads(row["metadata_template"]) == {"artist": {"default": "é"}}
        assert int(row["net_type"]) == 2


def test_a_file_changes_single_switches_of_its_base(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("base: strict\nper_page_cap: 10\n")
    with serve(profile=file) as running:
        assert running.url
    assert profile.load(file) == profile.from_document(
        {**profile.to_document(profile.named("strict")), "per_page_cap": 10}
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: mild", "there is no profile 'mild'"), ("lables_order: sorted", "has no 'lables_order'"),
        ("labels_order: random", "labels_order must be one of as_sent, sorted, reversed"),
        ("per_page_cap: -1", "per_page_cap must not be negative"), ("per_page_cap: true", "must be a whole number"),
        ("per_page_cap: ten", "must be a whole number"), ("- a", "must be a mapping"), ("1: 2", "text keys"),
        ("a: [", "while parsing"), ("net_type_default: true", "must be one of"),
    ],
)  # fmt: skip
def test_a_profile_that_does_not_fit_is_refused_by_code_and_schema(tmp_path, text, message):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message), serve(profile=file):
        pass
    if message != "while parsing":
        document = json.loads(json.dumps(yaml.safe_load(text)))
        schema = json.loads((ROOT / "schemas/profile.v1.json").read_text())
        assert not jsonschema.Draft202012Validator(schema).is_valid(document)


def test_a_missing_profile_file_is_an_error(tmp_path):
    with (
        pytest.raises(ValueError, match=r"there is no profile .*; use documented, strict, lenient or a YAML file"),
        serve(profile=tmp_path / "none.yaml"),
    ):
        pass
