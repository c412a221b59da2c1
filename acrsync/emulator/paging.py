"""The envelope of every list: `data`, `links`, `meta`. Source: Console API, "List Buckets"; reference 1.6."""

import math
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from acrsync.emulator.listing import Listing
from acrsync.emulator.profile import Profile
from acrsync.emulator.rules import Refused

Row = TypeVar("Row")
Json = dict[str, object]
DEFAULT_PER_PAGE = 20
UNLIMITED = 2**63


def page(
    listing: Listing[Row],
    show: Callable[[Row], Json],
    *,
    total: int,
    query: Mapping[str, str],
    url: str,
    profile: Profile,
) -> Json:
    """Return the page that `query` requests, with this total.

    Links contain only `page`: a client that follows them loses filters and page size.
    GUESS: a `page` that is not positive counts as 1, such a `per_page` as the default; pages past the end are empty.
    Raises: Refused for a page past the end, if the profile says so.
    """
    number = _positive(query.get("page")) or 1
    asked = _positive(query.get("per_page"))
    size = min(asked or DEFAULT_PER_PAGE, profile.per_page_cap or UNLIMITED)
    # Laravel echoes the text of the query, unless a default or a cap applies.
    as_asked = asked is not None and profile.per_page_shown == "as_asked"
    as_sent = size == asked and profile.per_page_shown == "text_when_sent"
    echoed = query["per_page"] if as_asked or as_sent else size
    ends = max(1, math.ceil(len(listing.rows) / size))
    if number > ends and profile.page_past_end != "empty":
        if profile.page_past_end == "refuse_404":
            raise Refused(404, {"message": "No such page."})
        number = {"last": ends, "first": 1}[profile.page_past_end]
    last = max(1, math.ceil(total / ((asked or size) if as_asked else size)))
    start = (number - 1) * size
    cut = listing.rows[start : start + size][: profile.page_rows_cap or None]
    shown = [show(row) for row in cut if listing.keeps(row)]
    meta: Json = {
        "current_page": number,
        "from": start + 1 if shown else None,
        "last_page": last,
        "path": url,
        "per_page": echoed,
        "to": start + len(shown) if shown else None,
        "total": total,
    }
    return {
        "data": shown,
        "links": {
            "first": f"{url}?page=1",
            "last": f"{url}?page={last}",
            "prev": f"{url}?page={number - 1}" if number > 1 else None,
            "next": f"{url}?page={number + 1}" if number < last else None,
        },
        **META[profile.meta_shown](meta),
    }


META: Mapping[str, Callable[[Json], Json]] = {
    "full": lambda meta: {"meta": meta},
    "text": lambda meta: {
        "meta": {key: str(value) if isinstance(value, int) else value for key, value in meta.items()}
    },
    "no_total": lambda meta: {"meta": {key: meta[key] for key in meta if key not in ("total", "last_page")}},
    "absent": lambda _: {},
}


def shown_total(true: int, profile: Profile) -> int:
    """Return the total that a list shows."""
    return max(0, min(true, profile.total_cap or UNLIMITED) + profile.total_off)


def _positive(text: str | None) -> int | None:
    """Return the positive number in a text, or None."""
    return int(text) or None if text is not None and re.fullmatch(r"[0-9]{1,15}", text) else None
