"""Deciders: how templates are stored and shown."""

from __future__ import annotations

import json

from acrsync.model import JSON
from acrsync.probe.evidence import Evidence, Trial
from acrsync.probe.finding import UNSEEN, Finding, numbers, one, some
from acrsync.probe.forms import explaining
from acrsync.probe.samples import TEMPLATE
from acrsync.probe.wire import INVALID


def _template(trial: Trial | None) -> JSON:
    return None if trial is None or trial.after is None else trial.after.get("metadata_template")


def set_template(seen: Evidence) -> Trial | None:
    """Return a trial that set a template and changed the one that is shown."""
    for role in ("set", "set_template", "template"):
        trial = seen.trial(role)
        if trial is not None and trial.answer.ok and trial.before is not None:
            changed = _template(trial) != trial.before.get("metadata_template")
            if changed and _template(trial) is not None:
                return trial
    return None


def _inner(shown: JSON) -> str | None:
    """Return the text of a template, decoded once more if the server encodes it twice."""
    if not isinstance(shown, str):
        return None
    try:
        parsed = json.loads(shown)
    except (ValueError, RecursionError):
        return shown
    return parsed if isinstance(parsed, str) else shown


def _template_text(seen: Evidence) -> Finding:
    trial = set_template(seen)
    text = _inner(_template(trial))
    if trial is None or text is None:
        return UNSEEN
    value = json.loads(TEMPLATE)
    ways = {
        TEMPLATE: "verbatim",
        json.dumps(value, indent=4): "indented",
        json.dumps(value, separators=(",", ":"), ensure_ascii=False): "compact",
        json.dumps(value, separators=(",", ":"), sort_keys=True): "keys_sorted",
    }
    if text not in ways:
        return Finding(why=f"{TEMPLATE} reads back as {text}", seen=numbers(trial.answers))
    return one(ways[text], f"{TEMPLATE} reads back as {text}", *trial.answers)


def _accepted_or_refused(seen: Evidence, role: str, ways: tuple[str, str], what: str) -> Finding:
    """Return the first way if this template was accepted, the second if it was refused."""
    trial = seen.trials.get(role)
    if trial is None or trial.before is None or trial.after is None or set_template(seen) is None:
        return UNSEEN
    if trial.answer.status == INVALID:
        return one(ways[1], f"{what} is refused", trial.answer)
    if trial.answer.ok and _template(trial) != trial.before.get("metadata_template"):
        return one(ways[0], f"{what} is accepted", *trial.answers)
    return UNSEEN


def _template_empty(seen: Evidence) -> Finding:
    trial = seen.trial("blank")
    if trial is None or trial.before is None or not trial.answer.ok or not trial.before.get("metadata_template"):
        return UNSEEN
    match _template(trial):
        case None:
            return one("null", "an empty template reads back as null", *trial.answers)
        case "":
            return one("kept", "an empty template reads back as it was sent", *trial.answers)
        case _:
            return UNSEEN


def template_stored(seen: Evidence) -> Finding:
    """Return the forms of templates: from one that is not JSON, which servers do not reformat, else from JSON."""
    odd = seen.trial("not_json")
    if odd is not None and odd.answer.ok and _changed(odd):
        trials = [odd]
    elif _template_text(seen).possible == ("verbatim",) and isinstance(_template(set_template(seen)), str):
        if _inner(_template(set_template(seen))) != _template(set_template(seen)):
            return UNSEEN
        trials = [trial for role in ("template_forms", "template_padded") if (trial := seen.trial(role)) is not None]
    else:
        return UNSEEN
    pairs = [(str(trial.sent["metadata_template"]), _template(trial)) for trial in trials if trial.answer.ok]
    if not pairs or any(not isinstance(kept, str) for _, kept in pairs):
        return UNSEEN
    ways = explaining([(sent, str(kept)) for sent, kept in pairs])
    answers = trials[0].answers
    return some(map(list, ways[:12]), "templates with special characters", *answers, more=len(ways) > 12)  # noqa: PLR2004


def _changed(trial: Trial) -> bool:
    return trial.before is not None and _template(trial) != trial.before.get("metadata_template")


def decide(seen: Evidence) -> dict[str, Finding]:
    """Return the findings about templates."""
    return {
        "template_text": _template_text(seen),
        "template_invalid": _accepted_or_refused(
            seen, "not_json", ("accept", "refuse_422"), "a template that is not JSON"
        ),
        "template_object": _accepted_or_refused(seen, "object", ("encode", "refuse_422"), "an object"),
        "template_empty": _template_empty(seen),
        "template_stored": template_stored(seen),
    }
