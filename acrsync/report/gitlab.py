"""The three numbers that GitLab shows on a merge request (`artifacts: reports: terraform`)."""

from __future__ import annotations

import json

from acrsync.plan.changes import Action
from acrsync.plan.document import Plan
from acrsync.plan.outcome import Run


def gitlab_text(plan: Plan | None, _run: Run) -> str:
    """Return how many buckets are created, updated and deleted; a replacement is one of the first and of the last."""
    counts = (plan or Plan()).counts()
    replaced = counts[Action.REPLACE]
    numbers = {
        "create": counts[Action.CREATE] + replaced,
        "update": counts[Action.UPDATE] + counts[Action.RENAME],
        "delete": counts[Action.DELETE] + replaced,
    }
    return json.dumps(numbers) + "\n"
