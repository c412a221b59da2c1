"""Deciders: which names are accepted, how they are stored, and which count as equal."""

from __future__ import annotations

import unicodedata

from acrsync.probe.evidence import Evidence, Trial
from acrsync.probe.finding import UNSEEN, Finding, numbers, one, some
from acrsync.probe.forms import SAMPLES, explaining
from acrsync.probe.samples import LONGEST_NAME
from acrsync.probe.wire import INVALID

TAKEN = (409, INVALID)


def name_of(trial: Trial | None) -> str | None:
    """Return the name after a successful write."""
    if trial is None or trial.after is None or not trial.answer.ok:
        return None
    name = trial.after.get("name")
    return name if isinstance(name, str) else None


def renames(seen: Evidence) -> bool:
    """Return whether a plain name was accepted and stored unchanged."""
    trial = seen.trial("renamed")
    return trial is not None and name_of(trial) == trial.sent.get("name")


def name_length(seen: Evidence) -> tuple[Finding, Finding]:
    """Return the length limit, and what happens to a longer name."""
    tries = {int(role.removeprefix("name_of_")): t for role, t in seen.trials.items() if role.startswith("name_of_")}
    if not renames(seen):
        return UNSEEN, UNSEEN
    for length, trial in tries.items():
        kept = name_of(trial)
        if kept is not None and len(kept) < length and str(trial.sent["name"]).startswith(kept) and "xxx" in kept:
            why = f"a name of {length} characters was cut to {len(kept)}"
            return one(len(kept), why, *trial.answers), one("cut", why, *trial.answers)
    longest = max((length for length, trial in tries.items() if name_of(trial) == trial.sent["name"]), default=0)
    refused = min((length for length, trial in tries.items() if trial.answer.status == INVALID), default=0)
    if longest == LONGEST_NAME:
        why = f"{longest} characters were accepted"
        return Finding((0,), why, numbers(tries[longest].answers), at_least=longest), UNSEEN
    if not longest or not refused:
        return UNSEEN, UNSEEN
    over = one("refuse_422", f"{refused} characters are refused", tries[refused].answer)
    if refused != longest + 1:
        return UNSEEN, over
    return one(longest, f"{longest} characters are accepted, {refused} are not", *tries[longest].answers), over


def _name_characters(seen: Evidence) -> Finding:
    trial = seen.trials.get("accented")
    if trial is None or not renames(seen):
        return UNSEEN
    if trial.answer.ok and name_of(trial) != (trial.before or {}).get("name"):
        return one("any", "a name with é was accepted", *trial.answers)
    return one("ascii", "a name with é was refused", trial.answer) if trial.answer.status == INVALID else UNSEEN


def name_spaces(seen: Evidence) -> Finding:
    """Return whether space around a name is trimmed.

    A later filter may trim it, too. A name of the greatest length with a space after it distinguishes the two: if only
    the filter trims, that name is too long.
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
    if edge is not None and length.is_certain and length.value and over.possible == ("refuse_422",):
        if edge.answer.ok and name_of(edge) == str(edge.sent["name"]).strip():
            return one("trimmed", "space around the longest name does not make it too long", *edge.answers)
        if edge.answer.status == INVALID:
            return one("kept", "space around the longest name makes it too long", edge.answer)
    return some(("trimmed", "kept"), "space around a name is removed, by this or by a later filter", *trial.answers)


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
    return some(map(list, distinct[:12]), "names with special characters", *answers, more=len(distinct) > 12)  # noqa: PLR2004


def collides(trial: Trial | None) -> bool | None:
    """Return whether a name was already taken; None if unknown."""
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
            return some(ways, "names that differ only in case are equal", case.answer)
        return one(
            ways[1 if collides(accent) else 0], "names that differ only in case or accent", case.answer, accent.answer
        )
    exact = ("exact", "exact_trimmed")
    padded = seen.trial("padded")
    if space is None or collides(space) is None or name_of(padded) != (padded.sent["name"] if padded else None):
        return some(exact, "names that differ only in case are different", case.answer)
    return one(exact[1 if collides(space) else 0], "names that differ only in a space", case.answer, space.answer)


def _keeps(seen: Evidence, role: str) -> bool:
    """Return whether such a name is stored unchanged; else a collision shows nothing about comparison."""
    trial = seen.trial(role)
    return trial is not None and name_of(trial) == trial.sent.get("name")


def name_compared(seen: Evidence) -> Finding:
    """Return which form of a new name the server compares; only a name that is stored differently shows it."""
    first, second = seen.trial("changed_of_first"), seen.trial("same_when_changed")
    kept, ways = name_of(first), ("stored", "sent")
    if first is None or second is None or kept is None or collides(seen.trial("same_name")) is not True:
        return UNSEEN
    sent = str(second.sent["name"])
    if second.answer.ok and name_of(second) == kept:
        return one(ways[1], f"two buckets now have the name {kept!r}", *first.answers, *second.answers)
    refused = second.answer.status in TAKEN or name_of(second) == f"{kept} (2)"
    if refused and _loose(sent) != _loose(kept):
        return one(ways[0], f"{sent!r} counts as taken, because {kept!r} is", *first.answers, second.answer)
    return some(ways, f"{sent!r} and {kept!r} in one account", second.answer) if refused else UNSEEN


def _loose(name: str) -> str:
    """Return the form that the most lenient comparison uses."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return "".join(bare.casefold().split())


def decide(seen: Evidence) -> dict[str, Finding]:
    """Return the findings about names."""
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
