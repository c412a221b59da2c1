"""A person's own plan, rehearsed: which cases there are, what they came to, and the smallest one that fails."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from acrsync.rehearse.cases import JSON, LAG_S, Case, Fault, Kill, Misfortune
from acrsync.rehearse.play import Unplayable, Verdict

WRITES = ("POST", "PUT", "DELETE")
KILLED_BEFORE = "killed before the server acted"
KILLED_AFTER = "killed after the server acted"
# What meets a request, in words. What a server did matters only where it can have done something: at a write.
AT_READS: Mapping[str, Callable[[int], Misfortune]] = {
    KILLED_BEFORE: lambda at: Kill(acted=False, at=at),
    "answer lost": lambda at: Fault({"kind": "reset_after"}, at),
    "429": lambda at: Fault({"kind": "throttle", "retry_after": 0}, at),
    "5xx, not done": lambda at: Fault({"kind": "error_before", "status": 503, "retry_after": 0}, at),
}
AT_WRITES: Mapping[str, Callable[[int], Misfortune]] = {
    **AT_READS,
    KILLED_AFTER: lambda at: Kill(acted=True, at=at),
    "5xx, done": lambda at: Fault({"kind": "error_after", "status": 500}, at),
    "list lagging": lambda at: Fault({"kind": "lag", "seconds": LAG_S}, at),
}
TROUBLES = tuple(AT_WRITES)


@dataclass(frozen=True, slots=True)
class Tried:
    """One case, the trouble in words, and the request that it was for."""

    trouble: str
    request: str
    verdict: Verdict


def cases(calm: Case, requests: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, Case]]:
    """Yield every case: each trouble at each request of an undisturbed run, given as method and description."""
    for at, (method, request) in enumerate(requests, start=1):
        for trouble, misfortune in (AT_WRITES if method in WRITES else AT_READS).items():
            yield trouble, f"#{at} {request}", replace(calm, misfortune=misfortune(at))


@dataclass(frozen=True, slots=True)
class Summary:
    """What all cases came to."""

    tried: tuple[Tried, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many cases there were of each trouble."""
        counts = Counter(one.trouble for one in self.tried)
        return {trouble: counts[trouble] for trouble in TROUBLES if counts[trouble]}

    @property
    def broken(self) -> tuple[Tried, ...]:
        """The cases that broke a promise, the earliest request first."""
        return tuple(one for one in self.tried if one.verdict.broken)

    @property
    def further(self) -> Mapping[int, int]:
        """How many cases needed each number of further runs."""
        counts = Counter(further_runs(one.verdict) for one in self.tried)
        return dict(sorted(counts.items()))

    @property
    def worst(self) -> Tried | None:
        """The case that took the most further runs and, of these, left most undone in the first one."""
        return max(self.tried, key=_badness, default=None)


def _badness(one: Tried) -> tuple[bool, int, int]:
    return bool(one.verdict.broken), further_runs(one.verdict), abs(one.verdict.codes[0])


def further_runs(verdict: Verdict) -> int:
    """Return how many further runs it took until all was as wanted: none if the first one did it."""
    return 0 if verdict.codes[0] == 0 else verdict.runs - 1


Player = Callable[[Case], Verdict]
Document = Mapping[str, JSON]


def smallest(case: Case, play: Player, *, tries: int) -> Case:
    """Return a smaller case that breaks a promise with the same trouble: fewer entries, fewer buckets in the account.

    Plays at most this number of cases. A manifest of several files, or one that is not plain, is left as it is.
    """
    budget = [tries]
    best = _fewer_entries(case, play, budget)
    return _fewer_rows(best, play, budget)


def _fewer_entries(case: Case, play: Player, budget: list[int]) -> Case:
    document = _plain(case)
    if document is None:
        return case
    for key in ("buckets", "removed", "allow"):
        entries = list(document.get(key, ()))
        for entry in entries:
            left = [one for one in document[key] if one is not entry]
            smaller = {**document, key: left}
            if (found := _fails(_with(case, smaller), play, budget)) is not None:
                case, document = found, smaller
    return case


def _fewer_rows(case: Case, play: Player, budget: list[int]) -> Case:
    """Take rows away, halves at first: most of an account has nothing to do with what went wrong."""
    copy = case.scenario.copy
    if copy is None:
        return case
    size = max(1, len(copy["buckets"]) // 2)
    while size and budget[0] > 0:
        rows, start = copy["buckets"], 0
        while start < len(rows) and budget[0] > 0:
            left = [*rows[:start], *rows[start + size :]]
            smaller = _narrowed(copy, left)
            found = _fails(replace(case, scenario=replace(case.scenario, copy=smaller)), play, budget)
            if found is None:
                start += size
            else:
                case, copy, rows = found, smaller, left
        size //= 2
    return case


def _narrowed(copy: Document, rows: list[JSON]) -> Document:
    ids = {str(row.get("id")) for row in rows}
    contents = {bucket_id: held for bucket_id, held in copy.get("contents", {}).items() if bucket_id in ids}
    return {**copy, "buckets": rows, "contents": contents}


def _fails(case: Case, play: Player, budget: list[int]) -> Case | None:
    """Return the case, with the misfortune at the first request where it breaks a promise; None if nowhere."""
    misfortune = case.misfortune
    if not isinstance(misfortune, Fault | Kill):
        return None
    for at in _places(misfortune.at):
        if budget[0] <= 0:
            return None
        budget[0] -= 1
        moved = replace(case, misfortune=replace(misfortune, at=at))
        try:
            if play(moved).broken:
                return moved
        except Unplayable:
            return None
    return None


def _places(at: int) -> Iterator[int]:
    """Yield where a request may be by now: with less to do, it comes earlier."""
    yield at
    yield from range(at - 1, max(0, at - 6), -1)


def _plain(case: Case) -> dict[str, JSON] | None:
    """Return the manifest as data, if it is one file that was written as JSON."""
    files = case.scenario.files
    if len(files) != 1:
        return None
    try:
        document = json.loads(next(iter(files.values())))
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _with(case: Case, document: Document) -> Case:
    (name,) = case.scenario.files
    return replace(case, scenario=replace(case.scenario, files={name: json.dumps(document, indent=2)}))
