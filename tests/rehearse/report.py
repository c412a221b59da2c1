"""The figures of a rehearsal, as tables for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from acrsync.rehearse.run import CaseResult
from rehearse.cases import PROFILES
from rehearse.storm import RATE, Weathered

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- made by `make rehearse` -->", "<!-- end -->"


def tables(results: Sequence[CaseResult], storms: Iterable[Weathered], *, scenarios: int, drawn: str = "") -> str:
    """Return what was tried and what came of it, in Markdown; `drawn`: what is to be said of a sample."""
    tried: Counter[tuple[str, str]] = Counter()
    further: Counter[int] = Counter()
    for result in results:
        if result.disrupted and result.case.disruption is not None:
            tried[result.case.disruption.kind, result.case.profile_name] += 1
            further[result.runs - 1] += not result.unsolvable
    kinds = sorted({kind for kind, _ in tried})
    profiles = [*PROFILES, *sorted({profile for _, profile in tried} - set(PROFILES))]
    lines = [f"| what happens to the first run | {' | '.join(profiles)} |", f"| --- |{' ---: |' * len(profiles)}"]
    lines += [f"| `{kind}` | {' | '.join(f'{tried[kind, profile]:,}' for profile in profiles)} |" for kind in kinds]
    lines.append(f"| **all** | {' | '.join(f'**{_sum(tried, profile):,}**' for profile in profiles)} |")
    beyond = sum(result.unsolvable for result in results)
    total = sum(tried.values())
    broken = sum(bool(result.broken) for result in results)
    text = "\n".join(lines) + (
        f"\n\n{drawn}{' ' if drawn else ''}{total:,} cases on {scenarios} manifests. **Promises broken: {broken}.** "
        f"After one further run all was right in {further[1]:,} of them, after two in {further[2]:,}. "
        f"Outside of the assumptions: {beyond} (a POST that a proxy delivered twice to a server that allows "
        "two buckets with one name); there acrsync refused to go on and showed both.\n"
    )
    return text + "\n" + _of_storms(list(storms))


def _of_storms(storms: Sequence[Weathered]) -> str:
    lines = [
        f"A thousand buckets created while {RATE:.0%} of all requests fail, in every run:",
        "",
        "| profile | runs until all is as wanted | requests | of them failed | least possible | duplicates |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {one.profile} | {one.runs} | {one.requests:,} | {one.failed:,} | {one.minimum:,} | {one.duplicates} |"
        for one in storms
    ]
    return "\n".join(lines) + "\n"


def _sum(tried: Counter[tuple[str, str]], profile: str) -> int:
    return sum(count for (_, name), count in tried.items() if name == profile)


def write(text: str, *, into: Path = DOCUMENT) -> None:
    """Put the tables in their place in the document."""
    before, _, rest = into.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    into.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
