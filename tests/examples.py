"""How many examples a test tries: all of them in `make test-slow`, some by default."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings

EVERYTHING = "new"  # the profile of `make test-slow`


def examples(number: int, **how: Any) -> settings:
    """Return the settings for this many examples; the default run tries a fifth of them."""
    return settings(max_examples=number if whole() else max(10, number // 5), deadline=None, **how)


def sampled(values: Iterable[Any], *, every: int) -> list[Any]:
    """Return the parameters of a test; by default only the first and every `every`-th one run."""
    return [
        value if number % every == 0 else pytest.param(value, marks=pytest.mark.slow)
        for number, value in enumerate(values)
    ]


def whole() -> bool:
    """Return whether everything is to be tried, and not a sample."""
    return settings.get_current_profile_name() == EVERYTHING
