"""Deciders: how writes behave: statuses and answers, fields that are ignored or reset, taken names, deletions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import product

from acrsync.probe.evidence import Evidence, Row, Trial, id_of, whole_number
from acrsync.probe.finding import UNSEEN, Finding, both, one, some
from acrsync.probe.labels import set_labels
from acrsync.probe.names import name_of
from acrsync.probe.samples import LABELS
from acrsync.probe.shapes import labels_of, labels_shown
from acrsync.probe.wire import INVALID, Answer

SETTABLE = ("name", "region", "type", "labels", "metadata_template", "net_type")
CREATES = ("minimal", "rich", "bare")
STATUSES = (200, 201, 202, 204)
NET_TYPE = 2  # what trials set; not a default value


def _status(answers: Sequence[Answer], allowed: Sequence[int]) -> Finding:
    sent = [answer for answer in answers if answer.ok]
    if not sent or sent[0].status not in allowed:
        return UNSEEN
    return one(sent[0].status, f"answered {sent[0].status}", sent[0])


def _puts(seen: Evidence) -> list[Trial]:
    return [trial for trial in seen.trials.values() if trial.answer.method == "PUT"]


# Answers to writes.


def _without_row(answer: Answer) -> str | None:
    """Return the kind of an answer without a bucket; None if it has one."""
    if not answer.body.strip():
        return "empty"
    match answer.json:
        case {"data": None}:
            return "null"
        case {"data": {"id": _, **rest}} if not rest:
            return "id_only"
        case _:
            return None


def _as_sent(row: Row, sent: Row) -> Row:
    return {**row, **{key: value for key, value in sent.items() if key in SETTABLE}}


def _create_answer(seen: Evidence) -> Finding:
    found = UNSEEN
    for role in CREATES:
        trial = seen.trials.get(role)
        if trial is not None and trial.answer.ok:
            found = both(found, _one_create(seen, trial))
    return found


def _one_create(seen: Evidence, trial: Trial) -> Finding:
    kind, shown = _without_row(trial.answer), trial.answer.row
    if kind is not None:
        body = trial.answer.body[:60].decode(errors="replace")
        return one(kind, f"a create is answered with {body!r}", trial.answer)
    if shown is None or trial.after is None:
        return UNSEEN
    if id_of(shown) != id_of(trial.after):
        known = id_of(shown) in {id_of(row) for row in seen.rows} | seen.own
        return one("another_row", "a create is answered with another bucket", *trial.answers) if known else UNSEEN
    plain = [trial.after]
    if isinstance(trial.sent.get("net_type"), str):  # some servers repeat the text, and show a number afterwards
        plain.append({**trial.after, "net_type": trial.sent["net_type"]})
    ways = ["row"] if shown in plain else []
    ways += ["as_sent"] if shown == _as_sent(trial.after, trial.sent) else []
    alone = trial.role == "minimal" and not any(row.get("uid") == seen.uid for row in seen.rows)
    ways += ["another_row"] if alone and ways else []  # there is no other bucket that the answer could show
    return some(ways, "the answer to a create, compared with the bucket that was read", *trial.answers)


def _update_answer(seen: Evidence) -> Finding:
    found = UNSEEN
    alone = not any(row.get("uid") == seen.uid for row in seen.rows)
    roles = list(seen.trials)
    for trial in _puts(seen):
        has_other = not alone or ("touched" in roles and roles.index(trial.role) >= roles.index("touched"))
        if trial.answer.ok and has_other:
            found = both(found, _one_update(trial))
    return found


def _one_update(trial: Trial) -> Finding:
    kind, shown = _without_row(trial.answer), trial.answer.row
    if kind is not None:
        return one(kind, f"a PUT is answered with {trial.answer.body[:60].decode(errors='replace')!r}", trial.answer)
    if shown is None or trial.after is None or trial.before is None:
        return UNSEEN
    if id_of(shown) != id_of(trial.after):
        return one("another_row", "a PUT is answered with another bucket", trial.answer)
    predicted = {"row": trial.after, "as_sent": _as_sent(trial.after, trial.sent), "old_row": trial.before}
    ways = [way for way, row in predicted.items() if shown == row]
    return some(ways, "answers to PUTs, compared with the bucket before and after", *trial.answers)


# Fields that are accepted.


def net_type_shown(seen: Evidence) -> Finding:
    """Return the JSON type of net_type, and whether the answer to a create repeats a text."""
    found = UNSEEN
    for row, answer in seen.shown():
        shown = row.get("net_type")
        if isinstance(shown, str):
            found = both(found, one("text", f"net_type is the text {shown!r}", answer))
        elif isinstance(shown, int):
            found = both(found, some(("integer", "text_on_create"), f"net_type is the number {shown}", answer))
    trial = seen.trial("rich")
    if trial is None or not isinstance(trial.sent.get("net_type"), str) or trial.answer.row is None:
        return found
    shown = trial.answer.row.get("net_type")
    own = id_of(trial.answer.row) == id_of(trial.after or {})
    if own and isinstance(shown, int):
        return both(found, some(("integer",), "a net_type sent as text is answered as a number", *trial.answers))
    if own and shown == trial.sent["net_type"] and _create_answer(seen).possible == ("row",):
        return both(
            found, some(("text_on_create", "text"), "a net_type sent as text is answered as text", *trial.answers)
        )
    return found


def _net_type_default(seen: Evidence) -> Finding:
    trial = seen.trial("minimal")
    number = None if trial is None or trial.after is None else whole_number(trial.after.get("net_type"))
    if trial is None or number not in (0, 1):
        return UNSEEN
    return one(number, f"a bucket created without net_type has {number}", *trial.answers)


def _set(known: Mapping[str, bool | None], why: str, answers: Sequence[Answer]) -> Finding:
    """Return every set of keys that fits `known`; None there: unknown whether the key is in the set."""
    if not answers or all(value is None for value in known.values()):
        return UNSEEN
    choices = [((True, False) if value is None else (value,)) for value in known.values()]
    ways = [[key for key, is_in in zip(known, way, strict=True) if is_in] for way in product(*choices)]
    return some(sorted(ways, key=len), why, *answers)


def _create_ignores(seen: Evidence) -> Finding:
    rich, bare = seen.trial("rich"), seen.trial("minimal")
    if rich is None or bare is None or rich.after is None or bare.after is None or not rich.answer.ok:
        return UNSEEN
    net_type = whole_number(rich.after.get("net_type"))
    is_default = net_type == whole_number(bare.after.get("net_type"))
    known = {
        "labels": _ignored_labels(seen, bare.after, rich.after),
        "metadata_template": bool(rich.after.get("metadata_template") == bare.after.get("metadata_template")),
        "net_type": True if is_default else False if net_type == NET_TYPE else None,
    }
    return _set(known, "a bucket created with labels, template and net_type", rich.answers)


def _ignored_labels(seen: Evidence, before: Row, after: Row) -> bool | None:
    """Return whether labels that were sent were ignored; None if rows do not show labels."""
    labels = labels_of(after.get("labels"))
    if labels is not None and set(LABELS) & set(labels):
        return False
    shown = labels_shown(seen)
    visible = shown.is_certain and shown.value != "null"
    return True if visible and before.get("labels") == after.get("labels") else None


def _put_ignores(seen: Evidence) -> Finding:
    answers: list[Answer] = []
    known: dict[str, bool | None] = dict.fromkeys(("name", "labels", "metadata_template"))
    trial = seen.trial("renamed_alike") or seen.trial("renamed")
    if trial is not None and trial.answer.ok and trial.before and trial.after:
        known["name"] = trial.after.get("name") == trial.before.get("name")
        answers += trial.answers
    if (trial := set_labels(seen)) is not None and trial.answer.ok and trial.before and trial.after:
        known["labels"] = _ignored_labels(seen, trial.before, trial.after)
        answers += trial.answers
    for role in ("set", "set_template"):
        trial = seen.trial(role)
        if trial is not None and trial.answer.ok and trial.before and trial.after:
            known["metadata_template"] = trial.after.get("metadata_template") == trial.before.get("metadata_template")
            answers += trial.answers
    return _set(known, "PUTs that set a name, labels and a template", answers)


def put_resets(seen: Evidence) -> Finding:
    """Return which fields a PUT of the name alone resets. A field that had its default value shows nothing."""
    bare = seen.trial("minimal")
    trials = [trial for role in ("renamed", "only_name") if (trial := seen.trial(role)) is not None and trial.answer.ok]
    if bare is None or bare.after is None or not trials:
        return UNSEEN
    known: dict[str, bool | None] = dict.fromkeys(("labels", "metadata_template", "net_type"))
    for trial in trials:
        for key, value in known.items():
            before, after = (trial.before or {}).get(key), (trial.after or {}).get(key)
            usual = None if key == "metadata_template" else bare.after.get(key)
            # An empty template may be the result of a reset, or may never have been set.
            if value is None and before not in (usual, None, ""):
                known[key] = True if after == usual else False if after == before else None
    return _set(known, "PUTs of the name alone", [answer for trial in trials for answer in trial.answers])


def _put_immutable(seen: Evidence) -> Finding:
    trial = seen.trial("immutable")
    if trial is None or trial.before is None or trial.after is None:
        return UNSEEN
    before, after = (whole_number(row.get("net_type")) for row in (trial.before, trial.after))
    if before == NET_TYPE:
        return UNSEEN
    if trial.answer.status == INVALID:
        return one("refuse_422", "a PUT of net_type is refused", trial.answer)
    if trial.answer.ok and after == NET_TYPE:
        return one("apply_net_type", "a PUT of net_type changes it", *trial.answers)
    if trial.answer.ok and after == before:
        return one("ignore", "a PUT of net_type changes nothing", *trial.answers)
    return UNSEEN


def _updated_at_moves(seen: Evidence) -> Finding:
    trial = seen.trial("again")
    if trial is None or trial.before is None or trial.after is None or not trial.answer.ok:
        return UNSEEN
    if any(trial.before.get(key) != trial.after.get(key) for key in SETTABLE):
        return UNSEEN
    if trial.before.get("updated_at") != trial.after.get("updated_at"):
        return one("on_any_put", "repeating a PUT changes updated_at", *trial.answers)
    return some(("on_changing_put", "on_content_too"), "repeating a PUT does not change updated_at", *trial.answers)


# Taken names, and deletions.


def _twin_way(seen: Evidence, role: str) -> str | None:
    """Return the effect of a create with a taken name."""
    trial, name = seen.trials.get(role), (seen.trials[role].sent.get("name") if role in seen.trials else None)
    if trial is None:
        return None
    if f"{role}_existing" in seen.trials:
        return "answer_existing"
    if trial.answer.status == INVALID:
        return "refuse"
    if trial.answer.status == 409:  # noqa: PLR2004
        return "refuse_409"
    kept = name_of(trial)
    if kept == name and kept is not None:
        return "allow"
    return "numbered" if kept is not None and re.fullmatch(re.escape(str(name)) + r" \(\d+\)", kept) else None


def _duplicate_names(seen: Evidence) -> Finding:
    way, first = _twin_way(seen, "twin"), seen.trial("minimal")
    if way is None or first is None or name_of(first) != first.sent.get("name"):
        return UNSEEN
    return one(way, "a second bucket with the same name", *seen.trials["twin"].answers)


def name_scope(seen: Evidence) -> Finding:
    """Return the scope in which a name must be unique. Type is not tried: a probe creates one type only."""
    twin, other = seen.trials.get("twin"), seen.trials.get("elsewhere")
    way, there = _twin_way(seen, "twin"), _twin_way(seen, "elsewhere")
    if twin is None or other is None or way in (None, "allow") or not _duplicate_names(seen).is_certain:
        return UNSEEN
    if there == "allow":
        return one("account_and_region", "the name is free in another region", *other.answers)
    if there == way and (there not in ("refuse", "refuse_409") or other.answer.json == twin.answer.json):
        return some(("account", "account_and_type"), "the name is taken in another region, too", *other.answers)
    return UNSEEN


def _bucket_quota(seen: Evidence) -> Finding:
    own = sum(row.get("uid") == seen.uid for row in seen.rows)
    for answer in seen.refused:
        if answer.method == "POST" and answer.status == 403:  # noqa: PLR2004
            number = re.search(r"([0-9]+) buckets?\b", json.dumps(answer.json))
            if number and 0 < int(number[1]) <= own + 1:
                return one(int(number[1]), "a create was refused, and the answer contains the limit", answer)
    created = [trial.answer for role, trial in seen.trials.items() if role in CREATES and trial.answer.ok]
    if not created:
        return UNSEEN
    at_once = 2 if len(created) > 1 else 1
    return Finding((0,), "no create was refused because of a limit", (created[-1].number,), at_least=own + at_once)


def _delete_unknown_id(seen: Evidence) -> Finding:
    answer = seen.deleted_again
    if answer is None or answer.status is None:
        return UNSEEN
    if answer.ok:
        return one("succeed_204", "deleting a deleted bucket succeeds", answer)
    return one("refuse", "deleting a deleted bucket is refused", answer) if answer.status in (404, 403) else UNSEEN


def decide(seen: Evidence) -> dict[str, Finding]:
    """Return the findings about writes."""
    creates = [seen.trials[role].answer for role in CREATES if role in seen.trials]
    return {
        "create_status": _status(creates, STATUSES[:3]),
        "update_status": _status([trial.answer for trial in _puts(seen)], STATUSES[:3]),
        "delete_status": _status(seen.deleted, (204, 200, 202)),
        "create_answer": _create_answer(seen),
        "update_answer": _update_answer(seen),
        "create_ignores": _create_ignores(seen),
        "put_ignores": _put_ignores(seen),
        "put_resets": put_resets(seen),
        "put_immutable": _put_immutable(seen),
        "net_type_shown": net_type_shown(seen),
        "net_type_default": _net_type_default(seen),
        "updated_at_moves": _updated_at_moves(seen),
        "duplicate_names": _duplicate_names(seen),
        "name_scope": name_scope(seen),
        "bucket_quota": _bucket_quota(seen),
        "delete_unknown_id": _delete_unknown_id(seen),
    }
