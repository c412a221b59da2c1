"""The three numbers that GitLab shows on a merge request (`artifacts: reports: terraform`)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from acrsync.plan.changes import Action
from acrsync.plan.document import Plan
from acrsync.plan.outcome import Run


def gitlab_text(plan: Plan | None, _run: Run) -> str:
    """Return the number of buckets to create, update and delete. A replacement counts as a create and a delete."""
    return numbers_text((plan,))


def numbers_text(plans: Iterable[Plan | None]) -> str:
    """Return the sum over several plans."""
    numbers = {"create": 0, "update": 0, "delete": 0}
    for plan in filter(None, plans):
        counts = plan.counts()
        numbers["create"] += counts[Action.CREATE] + counts[Action.REPLACE]
        numbers["update"] += counts[Action.UPDATE] + counts[Action.RENAME]
        numbers["delete"] += counts[Action.DELETE] + counts[Action.REPLACE]
    return json.dumps(numbers) + "\n"
