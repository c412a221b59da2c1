"""The envelope of every list: `data`, `links`, `meta`. Source: Console API, "List Buckets"; reference 1.6."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from acrsync.emulator.profile import Profile

Row = TypeVar("Row")
DEFAULT_PER_PAGE = 20
UNLIMITED = 2**63


def page(
    rows: Sequence[Row],
    show: Callable[[Row], Mapping[str, object]],
    *,
    query: Mapping[str, str],
    url: str,
    profile: Profile,
) -> dict[str, object]:
    """Return the page that `query` asks for.

    Links carry `page` and nothing else: whoever follows them loses filters and page size. A page past the end is empty.
    GUESS: a `page` that is no positive number is taken as 1, a `per_page` as the default.
    """
    number = _positive(query.get("page")) or 1
    asked = _positive(query.get("per_page"))
    size = min(asked or DEFAULT_PER_PAGE, profile.per_page_cap or UNLIMITED)
    # Laravel echoes what the query said, which is text, unless a default or a cap took its place.
    echoed = query["per_page"] if size == asked and profile.per_page_shown == "text_when_sent" else size
    last = max(1, math.ceil(len(rows) / size))
    start = (number - 1) * size
    shown = rows[start : start + size]
    return {
        "data": [show(row) for row in shown],
        "links": {
            "first": f"{url}?page=1",
            "last": f"{url}?page={last}",
            "prev": f"{url}?page={number - 1}" if number > 1 else None,
            "next": f"{url}?page={number + 1}" if number < last else None,
        },
        "meta": {
            "current_page": number,
            "from": start + 1 if shown else None,
            "last_page": last,
            "path": url,
            "per_page": echoed,
            "to": start + len(shown) if shown else None,
            "total": len(rows),
        },
    }


def _positive(text: str | None) -> int | None:
    """Return the positive number that a text is, or None."""
    return int(text) or None if text is not None and re.fullmatch(r"[0-9]{1,15}", text) else None
