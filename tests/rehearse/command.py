"""The command that is rehearsed: the real one, which holds an account for a shorter time."""

from __future__ import annotations

from collections.abc import Sequence

from acrsync import cli
from acrsync.runs import where

# Long enough for a push on a busy machine: a third of it passes between two renewals.
TTL_S = 3.0


def run(arguments: Sequence[str]) -> int:
    """Run the command line, in a child process of its own."""
    where.TTL_S[where.Git] = TTL_S
    return cli.run(arguments)
