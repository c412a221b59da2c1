"""The results of several environments in one run, and which is the worst."""

from __future__ import annotations

from collections.abc import Iterable

from acrsync.frozen import frozen
from acrsync.plan.document import Plan
from acrsync.plan.outcome import WORST_FIRST, ExitCode, Run


@frozen
class Part:
    """The result of one environment."""

    name: str
    plan: Plan | None  # None: it failed before it had a plan
    run: Run


def worst_first(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the parts by exit code, the worst first; with the same exit code, those that destroy come first."""
    return tuple(sorted(parts, key=lambda part: (WORST_FIRST.index(part.run.exit_code), _at_stake(part.plan))))


def worst(parts: Iterable[Part]) -> ExitCode:
    """Return the exit code of the whole run: that of the worst part."""
    return min((part.run.exit_code for part in parts), key=WORST_FIRST.index, default=ExitCode.DONE)


def _at_stake(plan: Plan | None) -> int:
    """Return 0 for a plan that destroys, 1 for a plan with other changes, 2 for one without changes."""
    if plan is None or not plan.work:
        return 2
    return 0 if plan.destructive else 1
