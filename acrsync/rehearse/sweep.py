"""The rehearsal of a user's plan: its cases, their summary, and the smallest case that fails."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from acrsync.frozen import frozen
from acrsync.rehearse.cases import JSON, LAG_S, Case, Disruption, Fault, Kill
from acrsync.rehearse.run import CannotRehearse, CaseResult

WRITES = ("POST", "PUT", "DELETE")
KILLED_BEFORE = "killed before the server acted"
KILLED_AFTER = "killed after the server acted"
# The disruptions of a request, by description. Whether the server acted matters only for a write.
AT_READS: Mapping[str, Callable[[int], Disruption]] = {
    KILLED_BEFORE: lambda at: Kill(acted=False, at=at),
    "answer lost": lambda at: Fault({"kind": "reset_after"}, at),
    "429": lambda at: Fault({"kind": "throttle", "retry_after": 0}, at),
    "5xx, not done": lambda at: Fault({"kind": "error_before", "status": 503, "retry_after": 0}, at),
}
AT_WRITES: Mapping[str, Callable[[int], Disruption]] = {
    **AT_READS,
    KILLED_AFTER: lambda at: Kill(acted=True, at=at),
    "4xx, done": lambda at: Fault({"kind": "error_after", "status": 409, "body": "error"}, at),
    "5xx, done": lambda at: Fault({"kind": "error_after", "status": 500}, at),
    "list lagging": lambda at: Fault({"kind": "lag", "seconds": LAG_S}, at),
}
DISRUPTIONS = tuple(AT_WRITES)


@frozen
class TriedCase:
    """One case, with descriptions of its disruption and of the disrupted request."""

    disruption: str
    request: str
    result: CaseResult


def cases(case: Case, requests: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, Case]]:
    """Yield every case: each disruption at each request of an undisrupted run, given as method and description."""
    for at, (method, request) in enumerate(requests, start=1):
        for description, disruption in (AT_WRITES if method in WRITES else AT_READS).items():
            yield description, f"#{at} {request}", replace(case, disruption=disruption(at))


@frozen
class Summary:
    """The results of all cases."""

    tried: tuple[TriedCase, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of cases for each disruption."""
        counts = Counter(one.disruption for one in self.tried)
        return {disruption: counts[disruption] for disruption in DISRUPTIONS if counts[disruption]}

    @property
    def broken(self) -> tuple[TriedCase, ...]:
        """The cases that broke a promise, the earliest request first."""
        return tuple(one for one in self.tried if one.result.broken)

    @property
    def further(self) -> Mapping[int, int]:
        """The number of cases by the number of further runs that they needed."""
        counts = Counter(further_runs(one.result) for one in self.tried)
        return dict(sorted(counts.items()))

    @property
    def worst(self) -> TriedCase | None:
        """The case with the most further runs and, of these, the highest first exit code."""
        return max(self.tried, key=_badness, default=None)


def _badness(one: TriedCase) -> tuple[bool, int, int]:
    return bool(one.result.broken), further_runs(one.result), abs(one.result.codes[0])


def further_runs(result: CaseResult) -> int:
    """Return the number of runs after the first until the account was as desired; 0 if the first one succeeded."""
    return 0 if result.codes[0] == 0 else result.runs - 1


RunCase = Callable[[Case], CaseResult]
Document = Mapping[str, JSON]


def smallest(case: Case, run: RunCase, *, tries: int) -> Case:
    """Return a case with fewer entries and buckets that breaks a promise with the same disruption.

    Runs at most `tries` cases. A manifest of several files, or one that is not JSON, stays unchanged.
    """
    budget = [tries]
    return _fewer_rows(_fewer_entries(case, run, budget), run, budget)


def _fewer_entries(case: Case, run: RunCase, budget: list[int]) -> Case:
    document = _plain(case)
    if document is None:
        return case
    for key in ("buckets", "removed", "allow"):
        entries = list(document.get(key, ()))
        for entry in entries:
            left = [one for one in document[key] if one is not entry]
            smaller = {**document, key: left}
            if (found := _fails(_with(case, smaller), run, budget)) is not None:
                case, document = found, smaller
    return case


def _fewer_rows(case: Case, run: RunCase, budget: list[int]) -> Case:
    """Remove rows, halves first: most of an account has nothing to do with the failure."""
    copy = case.scenario.copy
    if copy is None:
        return case
    size = max(1, len(copy["buckets"]) // 2)
    while size and budget[0] > 0:
        rows, start = copy["buckets"], 0
        while start < len(rows) and budget[0] > 0:
            left = [*rows[:start], *rows[start + size :]]
            smaller = _narrowed(copy, left)
            found = _fails(replace(case, scenario=replace(case.scenario, copy=smaller)), run, budget)
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


def _fails(case: Case, run: RunCase, budget: list[int]) -> Case | None:
    """Return the case with the disruption at the first request that breaks a promise; None if there is none."""
    disruption = case.disruption
    if not isinstance(disruption, Fault | Kill):
        return None
    for at in _places(disruption.at):
        if budget[0] <= 0:
            return None
        budget[0] -= 1
        moved = replace(case, disruption=replace(disruption, at=at))
        try:
            if run(moved).broken:
                return moved
        except CannotRehearse:
            return None
    return None


def _places(at: int) -> Iterator[int]:
    """Yield the possible numbers of a request: with less to do, it comes earlier."""
    yield at
    yield from range(at - 1, max(0, at - 6), -1)


def _plain(case: Case) -> dict[str, JSON] | None:
    """Return the manifest as data if it is one JSON file."""
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
