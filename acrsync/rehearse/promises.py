"""The promises that must hold after every disruption, checked against the account, the requests and the run records.

The checks do not use acrsync's code. Only the buckets that a manifest leaves alone come from its planner, for the
account before the first run.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from acrsync.frozen import frozen
from acrsync.rehearse.cases import JSON, Disruption, Fault, Interrupt, Kill
from acrsync.rehearse.harness import CRASHED, HUNG, RunResult

VERBS = {"POST": "create", "PUT": "update", "DELETE": "delete"}
WROTE = ("created", "adopted", "updated", "replaced", "deleted")
THROTTLED = 429
MARK = "acrsync:"
BUCKET = re.compile(r"/api/buckets(/[0-9]+)?")


@frozen
class Goal:
    """The desired state of this account."""

    alone: frozenset[int]  # ids of buckets that the manifest leaves alone
    wanted: tuple[Mapping[str, JSON], ...]  # its entries, defaults applied
    origins: Mapping[str, int]  # the id of the existing bucket for an entry, by the entry's name
    gone: frozenset[str]  # names that must not exist in the end
    mark: str | None
    uid: int  # of the account


def broken_promises(
    run: RunResult, *, first: JSON, goal: Goal, disruption: Disruption | None, of_plan: bool = False
) -> Iterator[str]:
    """Yield every promise that one run broke. `first` is the account before the first run.

    `of_plan`: runs are kept in a store, which has the intents of the whole plan.
    """
    if "Traceback" in run.output or run.code in (CRASHED, HUNG):
        yield f"acrsync crashed ({run.code}): {run.output[-500:]}"
    twice = isinstance(disruption, Fault) and disruption.rule["kind"] == "duplicate"
    yield from _touched(run, first, goal)
    yield from _sent_twice(run)
    may_be_cut = isinstance(disruption, Kill | Interrupt)
    yield from _recorded(run, may_be_cut=may_be_cut, twice=twice, of_plan=of_plan)
    writes = [entry for entry in run.log if entry["method"] in VERBS and entry["acted"]]
    if run.code == 1 and writes and not twice:
        yield f"exit code 1, but {writes[0]['method']} {writes[0]['path']} was carried out"
    if run.code == 0 and (wrong := list(differences(run.state, first, goal))):
        yield f"exit code 0, but the account is not as desired: {'; '.join(wrong)}"


def _own(state: JSON, goal: Goal) -> list[JSON]:
    return [row for row in state["buckets"] if row["uid"] == goal.uid]


def shown(row: JSON, key: str) -> JSON:
    """Return a field as the API shows it: as copied, until a PUT sets it."""
    return row["show"].get(key, row[key])


def _touched(run: RunResult, first: JSON, goal: Goal) -> Iterator[str]:
    """Yield changes to unmanaged buckets, and lost contents."""
    now = {row["id"]: row for row in run.state["buckets"]}
    for row in first["buckets"]:
        if row["id"] in goal.alone and now.get(row["id"]) != row:
            yield f"unmanaged bucket {row['name']} (id {row['id']}) was touched"
        kept = now.get(row["id"], {"files": None, "channels": None})
        if row["files"] + row["channels"] and (kept["files"], kept["channels"]) != (row["files"], row["channels"]):
            yield f"content of bucket {row['name']} (id {row['id']}) was lost"
    for entry in run.log:
        if entry["method"] in VERBS and not BUCKET.fullmatch(entry["path"]):
            yield f"{entry['method']} {entry['path']} is not a write to a bucket"


def _sent_twice(run: RunResult) -> Iterator[str]:
    """Yield names for which a second POST was sent in one run. A throttled POST does not count."""
    posts = Counter(e["body"].get("name") for e in run.log if e["method"] == "POST" and e["status"] != THROTTLED)
    for name, times in posts.items():
        if times > 1:
            yield f"POST for {name} was sent {times} times in one run"


def _recorded(run: RunResult, *, may_be_cut: bool, twice: bool, of_plan: bool) -> Iterator[str]:
    """Yield contradictions between the record and the requests.

    `of_plan`: the intents are those of the whole plan, one for each change, as in a run store.
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
            yield f"the record says that {line['name']} was {line['status']}, but no write was carried out"
    if not may_be_cut and any(_change(intent) not in outcomes for intent in intents):
        yield "the record has an intent without an outcome, although nothing stopped the run"
    if run.record and not may_be_cut and [end["exit_code"] for end in ends] != [run.code]:
        yield f"the run ended with {run.code}, its record with {[end['exit_code'] for end in ends]}"
    if not run.record and any(entry["method"] in VERBS for entry in run.log):
        yield "there were writes without any record"


def _change(line: JSON) -> tuple[JSON, ...]:
    return line["action"], line["name"], line["id"]


def _is_of(entry: JSON, line: JSON) -> bool:
    """Return whether a request is a write for a change."""
    if entry["method"] == "POST":
        return line["action"] in ("create", "replace") and bool(entry["body"].get("name") == line["name"])
    if (entry["body"] or {}).get("name", line["name"]) != line["name"]:  # the other step of a swap
        return False
    return entry["method"] in VERBS and bool(entry["path"] == f"/api/buckets/{line['id']}")


def _announces(intent: JSON, entry: JSON, *, of_plan: bool) -> bool:
    """Return whether an intent contains all that a request sent. A plan's intent lacks the labels besides a mark."""
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
    """Return whether a field of a body equals the intent's."""
    intended = intent["attrs"].get(key)
    if key == "labels":
        return sorted(value) == sorted([*(intended or []), *intent["marks"]])
    if key == "metadata_template":
        value = json.loads(value) if value else None
    return bool(value == intended)


def differences(state: JSON, first: JSON, goal: Goal) -> Iterator[str]:
    """Yield the differences between the account and the manifest, without acrsync's planner."""
    own = _own(state, goal)
    named: dict[str, list[JSON]] = {}
    for row in own:
        named.setdefault(row["name"], []).append(row)
    start = {row["id"]: row for row in first["buckets"]}
    for entry in goal.wanted:
        rows = named.get(entry["name"], [])
        if len(rows) != 1:
            yield f"{len(rows)} buckets have the name {entry['name']}"
            continue
        origin = start.get(goal.origins.get(entry["name"], 0), {})
        # What the manifest leaves out stays unchanged, also in a replacement.
        expected = {key: shown(origin, key) for key in ("net_type", "labels", "metadata_template") if origin}
        expected |= {key: value for key, value in entry.items() if key in rows[0] and key != "id"}
        for key, value in expected.items():
            if _plain(key, shown(rows[0], key)) != _plain(key, value):
                yield f"{key} of {entry['name']} is {shown(rows[0], key)!r}, not {value!r}"
        if goal.mark and goal.mark not in (rows[0]["labels"] or ()):
            yield f"{entry['name']} does not have the label {goal.mark}"
    for name in goal.gone & named.keys():
        yield f"{name} still exists"


def _plain(key: str, value: JSON) -> JSON:
    if key == "labels":
        value = value.split(",") if isinstance(value, str) else value
        return {label for label in value or () if label and not label.startswith(MARK)}
    if key == "metadata_template":
        return (json.loads(value) if isinstance(value, str) and value else value) or None
    return value


def duplicates(state: JSON, first: JSON, goal: Goal) -> Iterator[str]:
    """Yield names that more buckets have now than at the start."""
    before = Counter(row["name"].casefold() for row in _own(first, goal))
    for name, count in Counter(row["name"].casefold() for row in _own(state, goal)).items():
        if count > max(1, before[name]):
            yield f"{count} buckets have the name {name}"


def token_leaks(runs: Sequence[RunResult], token: str) -> Iterator[str]:
    """Yield a text if the output or the record contains the token."""
    for run in runs:
        if token in run.output or token in json.dumps(run.record):
            yield "the token was shown"
