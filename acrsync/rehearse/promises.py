"""What must hold whatever happens: read off the account, the requests and the run records, without acrsync's own code.

Only which buckets a manifest leaves alone is asked of acrsync's planner, on the account as it was at the start.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from acrsync.rehearse.cases import JSON, Case, Fault, Interrupt, Kill
from acrsync.rehearse.stage import FELL, HUNG, Ran

VERBS = {"POST": "create", "PUT": "update", "DELETE": "delete"}
WROTE = ("created", "adopted", "updated", "replaced", "deleted")
THROTTLED = 429
MARK = "acrsync:"
BUCKET = re.compile(r"/api/buckets(/[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Aim:
    """What the manifest asks of this account."""

    alone: frozenset[int]  # ids of buckets that it leaves alone
    wanted: tuple[Mapping[str, JSON], ...]  # its entries, defaults applied
    origins: Mapping[str, int]  # which bucket an entry means, by the entry's name, where one was there at the start
    gone: frozenset[str]  # names that must not be there in the end
    mark: str | None
    uid: int  # of the account


def broken_by(run: Ran, *, first: JSON, aim: Aim, case: Case, calm: bool) -> Iterator[str]:
    """Yield every promise that one run broke. `first` is the account at the start; in a calm run nothing happens."""
    if "Traceback" in run.output or run.code in (FELL, HUNG):
        yield f"acrsync fell over ({run.code}): {run.output[-500:]}"
    twice = isinstance(case.misfortune, Fault) and case.misfortune.rule["kind"] == "duplicate" and not calm
    yield from _touched(run, first, aim)
    yield from _sent_twice(run)
    may_be_cut = not calm and isinstance(case.misfortune, Kill | Interrupt)
    yield from _recorded(run, may_be_cut=may_be_cut, twice=twice, of_plan=case.runs != "folder")
    writes = [entry for entry in run.log if entry["method"] in VERBS and entry["acted"]]
    if run.code == 1 and writes and not twice:
        yield f"exit code 1, but {writes[0]['method']} {writes[0]['path']} was carried out"
    if run.code == 0 and (wrong := list(not_as_wanted(run.state, first, aim))):
        yield f"exit code 0 says that all is as wanted: {'; '.join(wrong)}"


def _own(state: JSON, aim: Aim) -> list[JSON]:
    return [row for row in state["buckets"] if row["uid"] == aim.uid]


def shown(row: JSON, key: str) -> JSON:
    """Return a field as the API shows it: word for word in a copy, until a PUT sets it."""
    return row["show"].get(key, row[key])


def _touched(run: Ran, first: JSON, aim: Aim) -> Iterator[str]:
    """Yield what happened to buckets that are not ours to touch, and to contents."""
    now = {row["id"]: row for row in run.state["buckets"]}
    for row in first["buckets"]:
        if row["id"] in aim.alone and now.get(row["id"]) != row:
            yield f"unmanaged bucket {row['name']} (id {row['id']}) was touched"
        kept = now.get(row["id"], {"files": None, "channels": None})
        if row["files"] + row["channels"] and (kept["files"], kept["channels"]) != (row["files"], row["channels"]):
            yield f"content of bucket {row['name']} (id {row['id']}) was lost"
    for entry in run.log:
        if entry["method"] in VERBS and not BUCKET.fullmatch(entry["path"]):
            yield f"{entry['method']} {entry['path']} is not a write to a bucket"


def _sent_twice(run: Ran) -> Iterator[str]:
    """Yield names for which a second POST was sent in one run; one that was throttled away was not carried out."""
    posts = Counter(e["body"].get("name") for e in run.log if e["method"] == "POST" and e["status"] != THROTTLED)
    for name, times in posts.items():
        if times > 1:
            yield f"POST for {name} was sent {times} times in one run"


def _recorded(run: Ran, *, may_be_cut: bool, twice: bool, of_plan: bool) -> Iterator[str]:
    """Yield where the record and the requests do not tell the same story.

    `of_plan`: the intents are those of the whole plan, one for each change, as a store has them.
    """
    intents = [line for line in run.record if line["event"] == "intent"]
    outcomes = {_change(line): line for line in run.record if line["event"] == "outcome"}
    ends = [line for line in run.record if line["event"] == "end"]
    for entry in run.log:
        if entry["method"] in VERBS and not any(_announces(intent, entry, of_plan=of_plan) for intent in intents):
            yield f"{entry['method']} {entry['path']} was sent without an intent in the record"
    for line in outcomes.values():
        done = [entry for entry in run.log if entry["acted"] and _is_of(entry, line)]
        if line["wrote"] is False and done and not twice:
            yield f"the record says that {line['name']} was not written, but {done[0]['method']} was carried out"
        if line["status"] in WROTE and not done:
            yield f"the record says that {line['name']} was {line['status']}, but no write for it was carried out"
    if not may_be_cut and any(_change(intent) not in outcomes for intent in intents):
        yield "the record has an intent without an outcome, though the run ended by itself"
    if run.record and not may_be_cut and [end["exit_code"] for end in ends] != [run.code]:
        yield f"the run ended with {run.code}, its record with {[end['exit_code'] for end in ends]}"
    if not run.record and any(entry["method"] in VERBS for entry in run.log):
        yield "there were writes without any record"


def _change(line: JSON) -> tuple[JSON, ...]:
    return line["action"], line["name"], line["id"]


def _is_of(entry: JSON, line: JSON) -> bool:
    """Tell whether a request is a write for a change."""
    if entry["method"] == "POST":
        return line["action"] in ("create", "replace") and bool(entry["body"].get("name") == line["name"])
    if (entry["body"] or {}).get("name", line["name"]) != line["name"]:  # the other step of a swap
        return False
    return entry["method"] in VERBS and bool(entry["path"] == f"/api/buckets/{line['id']}")


def _announces(intent: JSON, entry: JSON, *, of_plan: bool) -> bool:
    """Tell whether an intent says all that a request carried. That of a plan does not know the labels beside a mark."""
    if not _is_of(entry, intent):
        return False
    body = dict(entry["body"] or {})
    if not of_plan:
        return bool(intent["verb"] == VERBS[entry["method"]]) and all(same(key, body[key], intent) for key in body)
    if intent["action"] in ("rename", "update") and "labels" not in intent["attrs"]:
        sent = {label for label in body.pop("labels", ()) if label.startswith(MARK)}
        return sent == set(intent["marks"] if sent else ()) and all(same(key, body[key], intent) for key in body)
    return all(same(key, body[key], intent) for key in body)


def same(key: str, value: JSON, intent: JSON) -> bool:
    """Tell whether a field of a body is what an intent announced."""
    said = intent["attrs"].get(key)
    if key == "labels":
        return sorted(value) == sorted([*(said or []), *intent["marks"]])
    return bool((json.loads(value) if value else None) == said) if key == "metadata_template" else bool(value == said)


def not_as_wanted(state: JSON, first: JSON, aim: Aim) -> Iterator[str]:
    """Yield how the account differs from what the manifest asks for; no word of it is acrsync's planner's."""
    own = _own(state, aim)
    named: dict[str, list[JSON]] = {}
    for row in own:
        named.setdefault(row["name"], []).append(row)
    start = {row["id"]: row for row in first["buckets"]}
    for entry in aim.wanted:
        rows = named.get(entry["name"], [])
        if len(rows) != 1:
            yield f"{len(rows)} buckets are named {entry['name']}"
            continue
        origin = start.get(aim.origins.get(entry["name"], 0), {})
        # What the manifest leaves out stays as it was, also through a replacement.
        expected = {key: shown(origin, key) for key in ("net_type", "labels", "metadata_template") if origin}
        expected |= {key: value for key, value in entry.items() if key in rows[0] and key != "id"}
        for key, value in expected.items():
            if _plain(key, shown(rows[0], key)) != _plain(key, value):
                yield f"{key} of {entry['name']} is {shown(rows[0], key)!r}, not {value!r}"
        if aim.mark and aim.mark not in (rows[0]["labels"] or ()):
            yield f"{entry['name']} does not carry {aim.mark}"
    for name in aim.gone & named.keys():
        yield f"{name} is still there"


def _plain(key: str, value: JSON) -> JSON:
    if key == "labels":
        value = value.split(",") if isinstance(value, str) else value
        return {label for label in value or () if label and not label.startswith(MARK)}
    if key == "metadata_template":
        return (json.loads(value) if isinstance(value, str) and value else value) or None
    return value


def duplicates(state: JSON, first: JSON, aim: Aim) -> Iterator[str]:
    """Yield names that more buckets bear now than at the start."""
    before = Counter(row["name"].casefold() for row in _own(first, aim))
    for name, count in Counter(row["name"].casefold() for row in _own(state, aim)).items():
        if count > max(1, before[name]):
            yield f"{count} buckets are named {name}"


def spilled(runs: Sequence[Ran], token: str) -> Iterator[str]:
    """Yield where a token was shown."""
    for run in runs:
        if token in run.output or token in json.dumps(run.record):
            yield "the token was shown"
