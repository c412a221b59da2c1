"""What speed is promised, each as a ratio of two figures of one run, so that the machine plays no part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .cases import ENVIRONMENTS, HELD_S, LATENCY_MS, PARALLELISM, READ, SMALL
from .measuring import Figure

Figures = Mapping[str, Figure]
PER_PAGE = 100
READERS = 8
CREATED = 1000
KIB = 1024
FAR_S = LATENCY_MS / 1000


@dataclass(frozen=True, slots=True)
class Goal:
    """One promise: a number that is to stay at or below a limit."""

    what: str
    limit: float
    measure: Callable[[Figures], float]
    unit: str = " x"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a promise is kept."""

    goal: Goal
    value: float

    @property
    def met(self) -> bool:
        return self.value <= self.goal.limit


def verdicts(figures: Figures) -> Iterator[Verdict]:
    """Yield every goal that these figures can say something about."""
    for goal in GOALS:
        try:
            yield Verdict(goal, goal.measure(figures))
        except KeyError:  # a size or a tool that this run left out
            continue


def time_of(name: str, against: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name].seconds / figures[against].seconds


def memory_of(name: str, against: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name].peak_mib / figures[against].peak_mib


def stage_of(name: str, floor: str) -> Callable[[Figures], float]:
    """Return a step of a plan of 10 000 against what the library under it takes for as many."""
    return lambda figures: figures[f"slice 10000: {name}"].seconds / 10_000 / figures[f"floor: {floor}"].seconds


def growth_in_time(figures: Figures) -> float:
    start = figures["plan 10"].seconds
    return (figures["plan 10000"].seconds - start) / (figures["plan 1000"].seconds - start) / 10


def kib_a_bucket(figures: Figures) -> float:
    return (figures["plan 10000"].peak_mib - figures["plan 1000"].peak_mib) * KIB / 9000


def growth_in_memory(figures: Figures) -> float:
    start = figures["plan 10"].peak_mib
    return (figures["plan 10000"].peak_mib - start) / (figures["plan 1000"].peak_mib - start) / 10


def changed(figures: Figures) -> float:
    """Return what 100 changed buckets cost more than none, against deepdiff's import and 100 of its comparisons."""
    more = figures["plan 10000, 1 % changed"].seconds - figures["plan 10000"].seconds
    return more / (
        figures["import of deepdiff"].seconds
        - figures["empty Python"].seconds
        + 100 * figures["floor: deepdiff"].seconds
    )


def reading(figures: Figures) -> float:
    waits = 2 + math.ceil((READ / PER_PAGE - 1) / READERS)
    return (figures[f"plan {READ}, far"].seconds - figures[f"plan {READ}"].seconds) / (waits * FAR_S)


def environments(figures: Figures) -> float:
    return figures[f"plan {ENVIRONMENTS} environments, far"].seconds / figures["plan 1 environment, far"].seconds


def creating(figures: Figures) -> float:
    span = figures[f"create {CREATED}, far: first to last POST"].seconds + FAR_S
    return span / (CREATED / PARALLELISM * FAR_S)


def held(figures: Figures) -> float:
    part = "first to last POST"
    throttled, usual = figures[f"create 100, far and throttled: {part}"], figures[f"create 100, far: {part}"]
    return (throttled.seconds - usual.seconds) / HELD_S


GOALS = (
    Goal("`--version` against an empty Python", 5, time_of("--version", "empty Python")),
    Goal("`--help` against an empty Python", 5, time_of("--help", "empty Python")),
    Goal("no-op plan of 10 against its imports", 1.25, time_of("plan 10", "imports of a plan")),
    Goal(
        f"no-op plan of {SMALL}, waits of {LATENCY_MS} ms, against the same pages by requests",
        1.2,
        time_of(f"plan {SMALL}, far", f"the pages of {SMALL} by requests, far"),
    ),
    Goal("no-op plan of 1 000, time against Terraform", 0.45, time_of("plan 1000", "terraform literal 1000")),
    Goal("no-op plan of 1 000, memory against Terraform", 0.4, memory_of("plan 1000", "terraform literal 1000")),
    Goal("no-op plan of 10 000, time against Terraform", 1 / 7, time_of("plan 10000", "terraform literal 10000")),
    Goal("no-op plan of 10 000, memory against Terraform", 1 / 7, memory_of("plan 10000", "terraform literal 10000")),
    Goal("no-op plan of 1 000 against `for_each`", 1 / 15, time_of("plan 1000", "terraform for_each 1000")),
    Goal("no-op plan of 1 000 against octoDNS", 1, time_of("plan 1000", "octodns 1000")),
    Goal("no-op plan of 10 000, time against octoDNS", 0.4, time_of("plan 10000", "octodns 10000")),
    Goal("no-op plan of 10 000, memory against octoDNS", 1, memory_of("plan 10000", "octodns 10000")),
    Goal("growth in time from 1 000 to 10 000, against linear", 1, growth_in_time),
    Goal("growth in memory from 1 000 to 10 000, against linear", 1, growth_in_memory),
    Goal("memory of one more bucket", 4, kib_a_bucket, " KiB"),
    Goal("parsing 10 000 against PyYAML's events", 1.3, stage_of("read the YAML", "parse")),
    Goal("validating 10 000 against jsonschema", 1.3, stage_of("check its shape", "validate")),
    Goal("listing 10 000 against requests", 1.3, stage_of("list the account", "list")),
    Goal("planning 10 000 against plain comparisons", 1.3, stage_of("plan", "compare")),
    Goal("100 changes in 10 000 against deepdiff's own 100", 1.3, changed),
    Goal(f"reading {READ} buckets, waits of {LATENCY_MS} ms", 1.2, reading),
    Goal(f"creating {CREATED} buckets, waits of {LATENCY_MS} ms", 1.15, creating),
    Goal(f"planning {ENVIRONMENTS} environments against one, waits of {LATENCY_MS} ms", 3, environments),
    Goal(f"a 429 for {PARALLELISM} workers, against its Retry-After", 1.15, held),
)
