"""Eight processes swap at the same moment, on real servers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import store_racer
from store_places import KEY, PLACES, Open

RACERS, ROUNDS = 8, 4


@pytest.fixture(params=[place for place in PLACES if place.id != "memory"])
def place(request: pytest.FixtureRequest) -> Open:
    opened: Open = request.param(request)
    return opened


@pytest.fixture
def racers(place: Open) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, store_racer.__file__, place().where, KEY]
    racing = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        for _ in range(RACERS)
    ]
    yield racing
    for racer in racing:
        racer.kill()
        racer.communicate()


def test_only_one_of_eight_processes_wins_each_swap(place: Open, racers: list[subprocess.Popen[str]]):
    assert {_line(racer) for racer in racers} == {"ready"}
    expected = None
    for _ in range(ROUNDS):
        for racer in racers:
            assert racer.stdin
            racer.stdin.write(f"{expected or '-'}\n")
            racer.stdin.flush()
        said = [_line(racer) for racer in racers]
        won = [line.removeprefix("won ") for line in said if line.startswith("won ")]
        lost = [line for line in said if line.startswith("lost E073 ")]

        assert (len(won), len(lost)) == (1, RACERS - 1), said
        now = place().read()
        assert now is not None
        assert now.version == won[0]
        assert now.data == f"{racers[said.index(f'won {won[0]}')].pid} after {expected}".encode()
        expected = won[0]


def _line(racer: subprocess.Popen[str]) -> str:
    assert racer.stdout
    return racer.stdout.readline().removesuffix("\n")
