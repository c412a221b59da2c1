"""What became of several environments in one run, and which of them is the worst."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from acrsync.plan.document import Plan
from acrsync.plan.outcome import WORST_FIRST, ExitCode, Run


@dataclass(frozen=True, slots=True)
class Part:
    """One environment's part of a run."""

    name: str
    plan: Plan | None  # None: it failed before there was one
    run: Run


def worst_first(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the parts by how they ended; of those that ended alike, what has more at stake comes first."""
    return tuple(sorted(parts, key=lambda part: (WORST_FIRST.index(part.run.exit_code), _at_stake(part.plan))))


def worst(parts: Iterable[Part]) -> ExitCode:
    """Return the exit code of the whole run: that of its worst part."""
    return min((part.run.exit_code for part in parts), key=WORST_FIRST.index, default=ExitCode.DONE)


def _at_stake(plan: Plan | None) -> int:
    """Return 0 for a plan that destroys, 1 for one that changes, 2 for one that does nothing."""
    if plan is None or not plan.work:
        return 2
    return 0 if plan.destructive else 1
