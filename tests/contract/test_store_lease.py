"""The lease on real servers, held by real processes that are killed, suspended, or begin all at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

import lease_holder
from acrsync.runs import Held
from lease_holder import one_bucket, runs_on
from store_places import KEY, PLACES, Open

TTL_S = 2.0
Start = Callable[[], subprocess.Popen[str]]


def _slow_but_for_one(place: ParameterSet) -> ParameterSet:
    return place if place.id == "git-folder" else pytest.param(*place.values, id=place.id, marks=pytest.mark.slow)


@pytest.fixture(params=[_slow_but_for_one(place) for place in PLACES if place.id not in ("memory", "gs-double")])
def place(request: pytest.FixtureRequest) -> Open:
    opened: Open = request.param(request)
    return opened


@pytest.fixture
def start(place: Open) -> Iterator[Start]:
    """Start a process that wants the account."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, lease_holder.__file__, place().where, KEY, str(TTL_S)]
        started.append(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().removesuffix("\n")


def asked(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return said(process)


def test_a_holder_keeps_the_lease_by_renewing(place: Open, start: Start):
    holder = start()
    assert said(holder) == "holds"

    with pytest.raises(Held):
        runs_on(place(), ttl_s=TTL_S, name="other").wait_until_free(lock_timeout_s=3 * TTL_S, notify=lambda _: None)
    assert asked(holder, "look") == "may write"
    assert asked(holder, "end") == "ended"
    assert (
        runs_on(place(), ttl_s=TTL_S, name="other").wait_until_free(lock_timeout_s=0, notify=lambda _: None).holder
        is None
    )


def test_after_a_killed_holder_the_next_run_continues_without_manual_help(place: Open, start: Start):
    holder = start()
    assert said(holder) == "holds"
    holder.kill()
    began = time.monotonic()

    runs = runs_on(place(), ttl_s=TTL_S, name="next")
    known = runs.wait_until_free(lock_timeout_s=0, notify=lambda _: None)
    assert time.monotonic() - began >= TTL_S
    assert known.undecided
    runs.begin(one_bucket(), rows=()).end(exit_code=0, verified=True, rows=(), managed={})


def test_a_holder_that_sleeps_past_its_ttl_does_not_write(place: Open, start: Start):
    holder = start()
    assert said(holder) == "holds"
    os.kill(holder.pid, signal.SIGSTOP)

    runs = runs_on(place(), ttl_s=TTL_S, name="next")
    runs.wait_until_free(lock_timeout_s=0, notify=lambda _: None)
    run = runs.begin(one_bucket(), rows=())
    os.kill(holder.pid, signal.SIGCONT)
    assert asked(holder, "look") == "lost"
    assert asked(holder, "end") == "lost"
    run.before_write()
    run.end(exit_code=0, verified=True, rows=(), managed={})


def test_only_one_of_eight_runs_that_start_together_holds_the_lease(place: Open, start: Start):
    processes = [start() for _ in range(8)]

    first = [said(process) for process in processes]
    # A run that read before the winner began was too late; one that read after it waits for the winner.
    assert first.count("holds") == 1, first
    assert all(line in ("holds", "moved") or line.startswith("Waiting: ") for line in first), first
