"""Which cases are played: each disruption at each request of each manifest, under a profile that takes turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from acrsync.rehearse.cases import JSON, Case, Disruption, Fault, Interrupt, Kill, Scenario
from acrsync.rehearse.run import CaseResult
from acrsync.rehearse.workers import rehearse
from rehearse import command
from rehearse.cases import LAGGING, PROFILES, WRITES, disruptions

# What the run after a crash is given beside the first manifest: people go on working while a job is down.
NEWCOMER = "{name: of the second manifest, region: us-west-2, type: File, labels: [New]}"
SECOND = {"second.yaml": f"version: 1\nbuckets:\n  - {NEWCOMER}\n"}

# Refusals of a create that do not say that the name is taken.
UNEXPLAINED = (403, 404, 410, 412, 413)


def everything(scenarios: Iterable[Scenario], *, workers: int) -> tuple[list[CaseResult], list[Case]]:
    """Return the results of undisturbed runs, and the cases that follow from the requests that they sent.

    Each disruption meets each request once, under one of the three profiles in turn: what a fault does and what a
    profile does seldom have to do with each other, and all of both would take hours. A crash meets each request under
    every profile, and once more with another manifest after it.
    """
    calm = [Case(scenario, profile) for scenario in scenarios for profile in PROFILES]
    results = list(rehearse(calm, workers=workers, command=command.run))
    return results, [case for turn, result in enumerate(results) for case in _cases(turn, result)]


def _cases(turn: int, result: CaseResult) -> Iterator[Case]:
    scenario, profile = result.case.scenario, result.case.profile
    for place, disruption in enumerate(disruptions(result.sent)):
        in_turn = (turn + place) % len(PROFILES) == 0
        if in_turn or isinstance(disruption, Kill):
            yield Case(scenario, profile, disruption)
        if isinstance(disruption, Kill):
            yield Case(replace(scenario, second=SECOND), profile, disruption)


def lagging(scenario: Scenario, *, requests: int) -> Iterator[Case]:
    """Yield the cases in which the list lags behind writes, and the run is ended or loses an answer."""
    for at in range(1, requests + 1):
        lost = Fault({"kind": "reset_after"}, at)
        ends: tuple[Disruption, ...] = (Kill(acted=False, at=at), Kill(acted=True, at=at), Interrupt("SIGTERM", 1, at))
        for disruption in (*ends, lost):
            yield Case(scenario, LAGGING, disruption, settle_s=1.5)


def ephemeral(scenario: Scenario, requests: Sequence[tuple[str, str]]) -> Iterator[Case]:
    """Yield the cases in which each run begins in an empty folder, and only a repository outside remains.

    The list lags and duplicate names are allowed, so only the store prevents a duplicate bucket.
    Left out are creates that are refused, though carried out, for another reason than their name: then the list is read
    once only, or each create that is really refused would take as long as a list may lag.
    """
    for disruption in disruptions(requests):
        if isinstance(disruption, Fault) and disruption.rule.get("status") in UNEXPLAINED:
            if requests[disruption.at - 1][0] == "POST":
                continue
            # A run may send its requests in another order.
            yield Case(scenario, LAGGING, replace(disruption, rule=_but_posts(disruption)), settle_s=1.5, runs="git")
            continue
        yield Case(scenario, LAGGING, disruption, settle_s=1.5, runs="git")
        if isinstance(disruption, Kill):
            yield Case(replace(scenario, second=SECOND), LAGGING, disruption, settle_s=1.5, runs="git")


def _but_posts(fault: Fault) -> Mapping[str, JSON]:
    return {**fault.rule, "method": [method for method in WRITES if method != "POST"]}
