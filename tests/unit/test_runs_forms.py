"""Records that are not as acrsync writes them: an error when they are read, and never a failure later."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from acrsync.plan.outcome import Outcome, Status
from acrsync.report import PLAIN
from acrsync.report.record import record_text
from acrsync.runs.memory import Holder, Known, past_run
from acrsync.runs.record import Lines, Who, closed_line, decoded, encoded, end_line, outcome_line, settled_line
from unit.test_runs_memory import CREATE, MOVE, NOW, TALK, lines_of

VALUES = [None, "x", 7, -1, True, [], {}, ["x"], {"x": None}]
END = end_line(exit_code=0, verified=True, left=0, changed={20: "talk", 8: None}, managed={20: "talk"}, now=NOW)
RECORD: Lines = decoded(
    encoded(
        [
            *lines_of(CREATE, MOVE),
            outcome_line(Outcome(CREATE, Status.CREATED, live=TALK, wrote=True), now=NOW),
            settled_line(("replace", MOVE.name, MOVE.live.id), Status.FAILED, after=None, now=NOW, by=""),
            END,
            closed_line(by="me", reason="", now=NOW),
        ]
    )
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value; of a plan only its summary, because the rest has its own codec."""
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, item in items:
        if "plan" not in at or key == "summary":
            yield from places(item, (*at, key))


def changed(lines: Lines, number: int, at: tuple[Any, ...], new: object) -> bytes:
    found: list[Any] = copy.deepcopy([*lines])
    holder = found[number]
    for key in at[:-1]:
        holder = holder[key]
    if new is KeyError:
        del holder[at[-1]]
    else:
        holder[at[-1]] = new
    return encoded(found)


DAMAGED = [
    (number, at, new) for number, line in enumerate(RECORD) for at in places(line) for new in (KeyError, *VALUES)
]


def test_every_record_that_can_be_read_can_be_used():
    refused = 0
    for number, at, new in DAMAGED:
        data = changed(RECORD, number, at, new)
        try:
            lines = decoded(data)
            run = past_run(lines)
        except ValueError:
            refused += 1
            continue
        known = Known((run,))
        assert record_text(lines, style=PLAIN), (number, at, new)
        assert all(left.description for left in run.open)
        known.earlier([TALK])
        known.shown_by([TALK], now=NOW)
        known.settled([TALK], by="other", now=NOW)
        assert all(hint.detail for hint in known.hints)
        str(run.who)
        known.last_verified(repository="", manifest=run.manifest)
    assert refused > len(DAMAGED) / 2


@pytest.mark.parametrize("depth", [100_000])
def test_a_line_that_is_nested_too_deeply_is_damage(depth: int):
    with pytest.raises((ValueError, RecursionError)):
        decoded(b'{"event": "run", "x": ' + b"[" * depth + b"\n")


def test_keys_of_a_newer_version_are_ignored():
    header = json.loads(encoded(RECORD[:1]))
    header["who"]["planet"] = "earth"
    (line,) = decoded(json.dumps(header).encode() + b"\n")
    assert Who.of(line["who"]) == past_run([line]).who
    holder = {"run": "r", "who": "w", "since": "s", "ttl_s": 60, "planet": "earth"}
    assert Holder.of(holder) == Holder("r", "w", "s", 60.0)
