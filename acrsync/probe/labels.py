"""Deciders: how labels are stored and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from acrsync.model import JSON
from acrsync.probe.evidence import Evidence, Trial
from acrsync.probe.finding import UNSEEN, Finding, numbers, one, some
from acrsync.probe.forms import SAMPLES, chains, stored
from acrsync.probe.samples import LABELS, LONG_LABEL, MANY_LABELS
from acrsync.probe.shapes import labels_of, labels_shown
from acrsync.probe.wire import INVALID


def _labels(trial: Trial | None) -> tuple[str, ...] | None:
    """Return the labels after a successful write."""
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
    """Return whether a label with a comma was stored as two labels or as one."""
    trial = seen.trial(role)
    labels = _labels(trial)
    if trial is None or labels is None or labels_shown(seen).possible == ("comma_text",):
        return UNSEEN
    if tuple(sorted(labels)) == tuple(sent.split(",")):
        return one(ways[0], f"{sent!r} comes back as two labels", *trial.answers)
    return one(ways[1], f"{sent!r} comes back as one label", *trial.answers) if labels == (sent,) else UNSEEN


def _none(shown: JSON) -> tuple[str, ...]:
    """Return what a bucket without labels may store if the row shows this value."""
    match shown:
        case None:
            return ("null",)
        case "":
            return ("empty_text", "empty_list")  # as one text, both look the same
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
        return one("ignored", "labels [] leave the old labels", *trial.answers)
    return some(_none(shown), f"labels [] read back as {shown!r}", *trial.answers)


def _labels_omitted(seen: Evidence) -> Finding:
    trial = seen.trial("minimal")
    if trial is None or trial.after is None:
        return UNSEEN
    shown = trial.after.get("labels")
    if shown is None and not (labels_shown(seen).is_certain and labels_shown(seen).value != "null"):
        return UNSEEN
    return some(_none(shown), f"a bucket created without labels shows {shown!r}", *trial.answers)


@lru_cache(maxsize=8)
def _forms_of_labels(longest: int) -> Mapping[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the chains of forms by the sorted labels that they produce from the samples."""
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
    return some(map(list, ways[:12]), "labels with special characters", *trial.answers, more=len(ways) > 12)  # noqa: PLR2004


def _longest(
    seen: Evidence, role: str, prefix: str, *, most: int, size: Callable[[Trial], int | None]
) -> tuple[Finding, Finding]:
    """Return a limit and its effect, from one large trial and, if it was refused, smaller ones."""
    trial = seen.trials.get(role)
    if trial is None or trial.after is None:
        return UNSEEN, UNSEEN
    kept = size(trial)
    if trial.answer.ok and kept == most:
        return Finding((0,), f"{most} were stored", numbers(trial.answers), at_least=most), UNSEEN
    if trial.answer.ok and kept:
        return one(kept, f"{most} became {kept}", *trial.answers), one("cut", f"{most} became {kept}", *trial.answers)
    if trial.answer.status != INVALID:
        return UNSEEN, UNSEEN
    tries = {int(name.rpartition("_")[2]): one for name, one in seen.trials.items() if name.startswith(prefix)}
    accepted = max((length for length, one in tries.items() if one.answer.ok and size(one) == length), default=0)
    refused = min((length for length, one in tries.items() if one.answer.status == INVALID), default=most)
    if not accepted:
        return UNSEEN, UNSEEN
    over = one("refuse_422", f"{most} are refused, {accepted} are not", *trial.answers)
    if refused != accepted + 1:
        return UNSEEN, over
    answers = (*tries[accepted].answers, tries.get(refused, trial).answer)
    return one(accepted, f"{accepted} are accepted, {refused} are not", *answers), over


def _length_of_label(trial: Trial) -> int | None:
    labels = _labels(trial)
    return len(labels[0]) if labels is not None and len(labels) == 1 and set(labels[0]) == {"x"} else None


def _number_of_labels(trial: Trial) -> int | None:
    labels = _labels(trial)
    if labels is None or sorted(labels) != sorted(MANY_LABELS[: len(labels)]):
        return None
    return len(labels)


def decide(seen: Evidence) -> dict[str, Finding]:
    """Return the findings about labels."""
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
        "labels_over_limit": over_length if over_length.is_certain else over_number,
    }
