"""Deciders: how names, labels and templates are stored and shown."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache

from acrsync.model import JSON
from acrsync.probe.evidence import Evidence, Trial
from acrsync.probe.finding import UNSEEN, Finding, numbers, one, some
from acrsync.probe.forms import SAMPLES, chains, explaining, stored
from acrsync.probe.shapes import labels_of, labels_shown
from acrsync.probe.writing import LABELS, LONG_LABEL, LONGEST_NAME, MANY_LABELS, TEMPLATE

TAKEN = (409, 422)
INVALID = 422


# Labels.


def _labels(trial: Trial | None) -> tuple[str, ...] | None:
    """Return the labels after a write that was taken."""
    if trial is None or trial.after is None or not trial.answer.ok:
        return None
    return labels_of(trial.after.get("labels"))


def set_labels(seen: Evidence) -> Trial | None:
    """Return the trial that set three labels."""
    whole = seen.trial("set")
    return whole if whole is not None and whole.answer.ok else seen.trial("set_labels")


def _labels_order(seen: Evidence) -> Finding:
    trial = set_labels(seen)
    labels = _labels(trial)
    if trial is None or labels is None or sorted(labels) != sorted(LABELS):
        return UNSEEN
    ways = {tuple(LABELS): "as_sent", tuple(sorted(LABELS)): "sorted", tuple(reversed(LABELS)): "reversed"}
    if labels not in ways:
        return Finding(why=f"labels {LABELS} come back as {list(labels)}", seen=numbers(trial.answers))
    return one(ways[labels], f"labels {LABELS} come back as {list(labels)}", *trial.answers)


def _labels_repeated(seen: Evidence) -> Finding:
    trial, three = seen.trial("repeated"), _labels(set_labels(seen))
    labels = _labels(trial)
    if trial is None or labels is None or three is None or len(three) != len(LABELS):
        return UNSEEN
    ways = {("a", "b", "b"): "kept", ("a", "b"): "dropped"}
    way = ways.get(tuple(sorted(labels)))
    return UNSEEN if way is None else one(way, f"labels b, a, b come back as {list(labels)}", *trial.answers)


def _split(seen: Evidence, role: str, sent: str, ways: tuple[str, str]) -> Finding:
    """Return which way a label with a comma was stored: as two, or as one."""
    trial = seen.trial(role)
    labels = _labels(trial)
    if trial is None or labels is None or labels_shown(seen).possible == ("comma_text",):
        return UNSEEN
    if tuple(sorted(labels)) == tuple(sent.split(",")):
        return one(ways[0], f"{sent!r} comes back as two labels", *trial.answers)
    return one(ways[1], f"{sent!r} comes back as one label", *trial.answers) if labels == (sent,) else UNSEEN


def _none(shown: JSON) -> tuple[str, ...]:
    """Return what a bucket without labels stores if it is shown so, in whatever form labels have."""
    match shown:
        case None:
            return ("null",)
        case "":
            return ("empty_text", "empty_list")  # the form is one text, in which both look alike
        case [""] | {"0": ""} | '[""]':
            return ("empty_text",)
        case "[]":
            return ("empty_list",)
        case list() | dict() if not shown:
            return ("empty_list",)
        case _:
            return ()


def _labels_emptied(seen: Evidence) -> Finding:
    trial = seen.trial("emptied")
    after = _labels(trial)
    if trial is None or trial.before is None or trial.after is None or not trial.answer.ok:
        return UNSEEN
    if labels_of(trial.before.get("labels")) != ("c",):
        return UNSEEN
    shown = trial.after.get("labels")
    if after == ("c",):
        return one("ignored", "the old labels stay where [] was sent", *trial.answers)
    return some(_none(shown), f"labels [] read back as {shown!r}", *trial.answers)


def _labels_omitted(seen: Evidence) -> Finding:
    trial = seen.trial("minimal")
    if trial is None or trial.after is None:
        return UNSEEN
    shown = trial.after.get("labels")
    if shown is None and not (labels_shown(seen).told and labels_shown(seen).value != "null"):
        return UNSEEN
    return some(_none(shown), f"a bucket created without labels shows {shown!r}", *trial.answers)


@lru_cache(maxsize=8)
def _forms_of_labels(longest: int) -> Mapping[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return which chains of forms make which labels, sorted, out of the samples."""
    found: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for chain in chains(longest):
        made = tuple(sorted(stored(sample.strip(), chain) for sample in SAMPLES))
        found.setdefault(made, []).append(chain)
    return {made: tuple(ways) for made, ways in found.items()}


def _label_stored(seen: Evidence) -> Finding:
    trial, padded = seen.trial("label_forms"), seen.trial("label_padded")
    labels, kept = _labels(trial), _labels(padded)
    if trial is None or labels is None or padded is None or kept is None or len(kept) != 1:
        return UNSEEN
    ways = [chain for chain in _forms_of_labels(3).get(tuple(sorted(labels)), ()) if stored(" p ", chain) == kept[0]]
    return some(map(list, ways[:12]), "labels of every kind", *trial.answers, more=len(ways) > 12)  # noqa: PLR2004


def _longest(
    seen: Evidence, role: str, prefix: str, *, most: int, size: Callable[[Trial], int | None]
) -> tuple[Finding, Finding]:
    """Return a limit, and what happens beyond it, from one large trial and, if it was refused, smaller ones."""
    trial = seen.trials.get(role)
    if trial is None or trial.after is None:
        return UNSEEN, UNSEEN
    kept = size(trial)
    if trial.answer.ok and kept == most:
        return Finding((0,), f"{most} were kept", numbers(trial.answers), at_least=most), UNSEEN
    if trial.answer.ok and kept:
        return one(kept, f"{most} became {kept}", *trial.answers), one("cut", f"{most} became {kept}", *trial.answers)
    if trial.answer.status != INVALID:
        return UNSEEN, UNSEEN
    tries = {int(name.rpartition("_")[2]): one for name, one in seen.trials.items() if name.startswith(prefix)}
    taken = max((length for length, one in tries.items() if one.answer.ok and size(one) == length), default=0)
    refused = min((length for length, one in tries.items() if one.answer.status == INVALID), default=most)
    if not taken:
        return UNSEEN, UNSEEN
    over = one("refuse_422", f"{most} are refused, {taken} are not", *trial.answers)
    if refused != taken + 1:
        return UNSEEN, over
    answers = (*tries[taken].answers, tries.get(refused, trial).answer)
    return one(taken, f"{taken} are taken, {refused} are not", *answers), over


def _length_of_label(trial: Trial) -> int | None:
    labels = _labels(trial)
    return len(labels[0]) if labels is not None and len(labels) == 1 and set(labels[0]) == {"x"} else None


def _number_of_labels(trial: Trial) -> int | None:
    labels = _labels(trial)
    if labels is None or sorted(labels) != sorted(MANY_LABELS[: len(labels)]):
        return None
    return len(labels)


def of_labels(seen: Evidence) -> dict[str, Finding]:
    """Return what labels tell."""
    length, over_length = _longest(seen, "long_label", "label_of_", most=LONG_LABEL, size=_length_of_label)
    number, over_number = _longest(seen, "many", "labels_of_", most=len(MANY_LABELS), size=_number_of_labels)
    return {
        "labels_order": _labels_order(seen),
        "labels_repeated": _labels_repeated(seen),
        "label_comma": _split(seen, "comma", "x,y", ("split", "preserved")),
        "labels_as_text": _split(seen, "text", "x,z", ("split", "one_label")),
        "labels_emptied": _labels_emptied(seen),
        "labels_omitted": _labels_omitted(seen),
        "label_stored": _label_stored(seen),
        "label_max_length": length,
        "labels_limit": number,
        "labels_over_limit": over_length if over_length.told else over_number,
    }


# Templates.


def _template(trial: Trial | None) -> JSON:
    return None if trial is None or trial.after is None else trial.after.get("metadata_template")


def set_template(seen: Evidence) -> Trial | None:
    """Return a trial that set a template, and changed what is shown of it."""
    for role in ("set", "set_template", "template"):
        trial = seen.trial(role)
        if trial is not None and trial.answer.ok and trial.before is not None:
            changed = _template(trial) != trial.before.get("metadata_template")
            if changed and _template(trial) is not None:
                return trial
    return None


def _inner(shown: JSON) -> str | None:
    """Return the text of a template, without the second layer that some servers put around it."""
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


def _taken_or_refused(seen: Evidence, role: str, ways: tuple[str, str], what: str) -> Finding:
    """Return which way a template was taken that not every server takes."""
    trial = seen.trials.get(role)
    if trial is None or trial.before is None or trial.after is None or set_template(seen) is None:
        return UNSEEN
    if trial.answer.status == INVALID:
        return one(ways[1], f"{what} is refused", trial.answer)
    if trial.answer.ok and _template(trial) != trial.before.get("metadata_template"):
        return one(ways[0], f"{what} is taken", *trial.answers)
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
    """Return the forms of templates: seen on one that is not JSON, which nothing writes anew, else on one that is."""
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
    return some(map(list, ways[:12]), "templates of every kind", *trials[0].answers, more=len(ways) > 12)  # noqa: PLR2004


def _changed(trial: Trial) -> bool:
    return trial.before is not None and _template(trial) != trial.before.get("metadata_template")


def of_templates(seen: Evidence) -> dict[str, Finding]:
    """Return what templates tell."""
    return {
        "template_text": _template_text(seen),
        "template_invalid": _taken_or_refused(
            seen, "not_json", ("accept", "refuse_422"), "a template that is not JSON"
        ),
        "template_object": _taken_or_refused(seen, "object", ("encode", "refuse_422"), "an object"),
        "template_empty": _template_empty(seen),
        "template_stored": template_stored(seen),
    }


# Names.


def name_of(trial: Trial | None) -> str | None:
    """Return the name after a write that was taken."""
    if trial is None or trial.after is None or not trial.answer.ok:
        return None
    name = trial.after.get("name")
    return name if isinstance(name, str) else None


def renames(seen: Evidence) -> bool:
    """Tell whether a plain name was taken and stored as it was sent."""
    trial = seen.trial("renamed")
    return trial is not None and name_of(trial) == trial.sent.get("name")


def name_length(seen: Evidence) -> tuple[Finding, Finding]:
    """Return the longest name, and what happens to a longer one."""
    tries = {int(role.removeprefix("name_of_")): t for role, t in seen.trials.items() if role.startswith("name_of_")}
    if not renames(seen):
        return UNSEEN, UNSEEN
    for length, trial in tries.items():
        kept = name_of(trial)
        if kept is not None and len(kept) < length and str(trial.sent["name"]).startswith(kept) and "xxx" in kept:
            why = f"a name of {length} characters was cut to {len(kept)}"
            return one(len(kept), why, *trial.answers), one("cut", why, *trial.answers)
    taken = max((length for length, trial in tries.items() if name_of(trial) == trial.sent["name"]), default=0)
    refused = min((length for length, trial in tries.items() if trial.answer.status == INVALID), default=0)
    if taken == LONGEST_NAME:
        return Finding((0,), f"{taken} characters were taken", numbers(tries[taken].answers), at_least=taken), UNSEEN
    if not taken or not refused:
        return UNSEEN, UNSEEN
    over = one("refuse_422", f"{refused} characters are refused", tries[refused].answer)
    if refused != taken + 1:
        return UNSEEN, over
    return one(taken, f"{taken} characters are taken, {refused} are not", *tries[taken].answers), over


def _name_characters(seen: Evidence) -> Finding:
    trial = seen.trials.get("accented")
    if trial is None or not renames(seen):
        return UNSEEN
    if trial.answer.ok and name_of(trial) != (trial.before or {}).get("name"):
        return one("any", "a name with é was taken", *trial.answers)
    return one("ascii", "a name with é was refused", trial.answer) if trial.answer.status == INVALID else UNSEEN


def name_spaces(seen: Evidence) -> Finding:
    """Return what becomes of space around a name.

    A later filter may trim, too. A name distinguishes the two: as long as names may be, and a space after it: if
    only the filter trims, that is too long.
    """
    trial, edge = seen.trial("padded"), seen.trials.get("padded_edge")
    kept = name_of(trial)
    if trial is None or kept is None or not renames(seen):
        return UNSEEN
    sent = str(trial.sent["name"])
    if kept == sent:
        return one("kept", "space around a name is kept", *trial.answers)
    if kept != sent.strip():
        return UNSEEN
    length, over = name_length(seen)
    if edge is not None and length.told and length.value and over.possible == ("refuse_422",):
        if edge.answer.ok and name_of(edge) == str(edge.sent["name"]).strip():
            return one("trimmed", "space around the longest name does not make it too long", *edge.answers)
        if edge.answer.status == INVALID:
            return one("kept", "space around the longest name makes it too long", edge.answer)
    return some(("trimmed", "kept"), "space around a name is dropped, by this or by a later filter", *trial.answers)


def _name_stored(seen: Evidence) -> Finding:
    roles = ("accented", "padded", *(f"name_forms_{place}" for place in range(len(SAMPLES))))
    trials = [trial for role in roles if (trial := seen.trial(role)) is not None and trial.answer.ok]
    pairs = [(str(trial.sent["name"]), name_of(trial) or "") for trial in trials]
    if not pairs or not renames(seen):
        return UNSEEN
    spaces = name_spaces(seen).possible
    ways: list[tuple[str, ...]] = []
    if spaces != ("kept",):
        ways += explaining(pairs, before=str.strip)
    if spaces != ("trimmed",):
        ways += explaining(pairs)
    distinct = sorted(set(ways), key=lambda chain: (len(chain), chain))
    answers = [answer for trial in trials for answer in trial.answers]
    return some(map(list, distinct[:12]), "names of every kind", *answers, more=len(distinct) > 12)  # noqa: PLR2004


def collides(trial: Trial | None) -> bool | None:
    """Tell whether a name was taken already; None if that cannot be said."""
    if trial is None or trial.after is None:
        return None
    sent, kept = str(trial.sent.get("name")), name_of(trial)
    if trial.answer.status in TAKEN:
        return True
    if kept is not None and kept == f"{sent.strip()} (2)":
        return True
    return False if kept is not None and kept.strip() == sent.strip() else None


def _name_equality(seen: Evidence) -> Finding:
    if collides(seen.trial("same_name")) is not True:
        return UNSEEN
    case, accent, space = (seen.trial(f"same_but_{what}") for what in ("case", "accent", "space"))
    if collides(case) is None or not _keeps(seen, "name_forms_0"):
        return UNSEEN
    assert case is not None
    if collides(case):
        ways: tuple[str, ...] = ("ignore_case", "ignore_case_and_accents")
        first = seen.trial("accent_of_first")
        plain = first is not None and name_of(first) == first.sent.get("name")
        if accent is None or collides(accent) is None or not plain or not _keeps(seen, "accented"):
            return some(ways, "names that differ in case only are one", case.answer)
        return one(
            ways[1 if collides(accent) else 0], "names that differ in case, or an accent", case.answer, accent.answer
        )
    exact = ("exact", "exact_trimmed")
    padded = seen.trial("padded")
    if space is None or collides(space) is None or name_of(padded) != (padded.sent["name"] if padded else None):
        return some(exact, "names that differ in case only are two", case.answer)
    return one(exact[1 if collides(space) else 0], "names that differ in a space only", case.answer, space.answer)


def _keeps(seen: Evidence, role: str) -> bool:
    """Tell whether a name of that kind is stored as it was sent, so that a collision says something of comparing."""
    trial = seen.trial(role)
    return trial is not None and name_of(trial) == trial.sent.get("name")


def name_compared(seen: Evidence) -> Finding:
    """Return which form of a new name is looked for: shown only by a name that is stored otherwise than it was sent."""
    first, second = seen.trial("changed_of_first"), seen.trial("same_when_changed")
    kept, ways = name_of(first), ("stored", "sent")
    if first is None or second is None or kept is None or collides(seen.trial("same_name")) is not True:
        return UNSEEN
    sent = str(second.sent["name"])
    if second.answer.ok and name_of(second) == kept:
        return one(ways[1], f"two buckets are named {kept!r} now", *first.answers, *second.answers)
    refused = second.answer.status in TAKEN or name_of(second) == f"{kept} (2)"
    if refused and _loose(sent) != _loose(kept):
        return one(ways[0], f"{sent!r} is taken, because {kept!r} is", *first.answers, second.answer)
    return some(ways, f"{sent!r} beside {kept!r}", second.answer) if refused else UNSEEN


def _loose(name: str) -> str:
    """Return the form in which even the most lenient server takes two names for one."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return "".join(bare.casefold().split())


def of_names(seen: Evidence) -> dict[str, Finding]:
    """Return what names tell."""
    length, over = name_length(seen)
    return {
        "name_max_length": length,
        "name_too_long": over,
        "name_characters": _name_characters(seen),
        "name_spaces": name_spaces(seen),
        "name_stored": _name_stored(seen),
        "name_equality": _name_equality(seen),
        "name_compared": name_compared(seen),
    }


def decide(seen: Evidence) -> dict[str, Finding]:
    """Return what texts tell."""
    return of_labels(seen) | of_templates(seen) | of_names(seen)
