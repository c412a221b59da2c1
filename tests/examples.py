"""How many examples a law is tried with: all of them in `make test-slow`, a third by default."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

EVERYTHING = "new"  # the profile of `make test-slow`


def examples(number: int, **how: Any) -> settings:
    """Return the settings for so many examples; the default run tries a third of them."""
    return settings(max_examples=number if whole() else max(10, number // 3), deadline=None, **how)


def whole() -> bool:
    """Tell whether everything is to be tried, and not a sample."""
    return settings.get_current_profile_name() == EVERYTHING
