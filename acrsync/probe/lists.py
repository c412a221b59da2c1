"""Deciders: how lists behave: pages and their end, order, total, search, buckets of other accounts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

from acrsync.model import JSON
from acrsync.probe.evidence import Evidence, Row, Search, id_of, whole_number
from acrsync.probe.finding import UNSEEN, Finding, Sieve, numbers, one, some
from acrsync.probe.reading import FAR, MANY, PER_PAGE
from acrsync.probe.wire import Answer

CHANCE_BITS = 20  # a random order looks like a fixed one once in a million probes
ROOM = 3  # rows on a page that hidden rows are unlikely to fill


def _meta_shown(seen: Evidence) -> Finding:
    first = seen.pages["first"]
    meta = first.meta
    if meta is None:
        return one("absent", "the list has no meta", first)
    if "total" not in meta and "last_page" not in meta:
        return one("no_total", "meta has neither total nor last_page", first)
    match meta.get("total"):
        case str():
            return one("text", "meta.total is text", first)
        case int():
            return one("full", "meta.total is a number", first)
        case _:
            return UNSEEN


def _per_page_shown(seen: Evidence) -> Finding:
    single, many, second = seen.pages["single"], seen.pages["many"], seen.pages.get("second")
    shown, at_many = _per_page(single), _per_page(many)
    if shown is None or _meta_shown(seen).possible == ("text",):
        return UNSEEN
    if isinstance(shown, int):
        return one("integer", f"per_page=1 is answered as the number {shown}", single)
    if isinstance(at_many, int):
        return one("text_when_sent", f"per_page=1 is answered as text, a lowered one as {at_many}", single, many)
    rows, first = len(seen.rows), seen.pages["first"]
    if second is not None and is_stable(seen) and _new(second, first) and rows < PER_PAGE:
        return one("as_asked", "pages are smaller than meta.per_page says", first, second)
    return some(("text_when_sent", "as_asked"), "per_page is answered as text, and no page was made smaller", single)


def _per_page_cap(seen: Evidence) -> Finding:
    many = seen.pages["many"]
    shown = whole_number(_per_page(many))
    if shown is not None and 0 < shown < MANY:
        return one(shown, f"per_page={MANY} was lowered to {shown}", many)
    if _per_page_shown(seen).possible == ("as_asked",):
        size = len(seen.pages["first"].rows or ())
        return some((size,), "pages are smaller than requested", seen.pages["first"], more=True)
    truthful = isinstance(_per_page(many), int) or _per_page_shown(seen).possible == ("text_when_sent",)
    least = MANY if shown == MANY and truthful else max(1, _largest_page(seen))
    return Finding((0,), f"per_page up to {least} was not lowered", numbers([many]), at_least=least)


def _page_rows_cap(seen: Evidence) -> Finding:
    first, after, second = seen.pages["first"], seen.pages["after"], seen.pages.get("second")
    size = len(first.rows or ())
    if size and is_stable(seen) and _new(after, first) and not (second and not _new(after, second)):
        return one(size, f"a page of {PER_PAGE} has {size} rows, and the next row is on no page", first, after)
    if not size:
        return UNSEEN
    least = _largest_page(seen)
    return Finding((0,), f"pages have up to {least} rows", numbers([first]), at_least=least)


def _page_past_end(seen: Evidence) -> Finding:
    beyond, single = seen.pages["beyond"], seen.pages["single"]
    if beyond.status == 404:  # noqa: PLR2004
        return one("refuse_404", "a page past the end is answered with 404", beyond)
    rows = beyond.rows
    if rows is None:
        return UNSEEN
    current = whole_number((beyond.meta or {}).get("current_page"))
    several = len({id_of(row) for row in seen.rows}) > 1
    if current == FAR and not rows:
        return one("empty", "a page past the end is empty", beyond)
    if current == 1:
        ways = ("first",) if several else ("last", "first")
        return some(ways, "a page past the end is page 1", beyond, single)
    if current is not None and 1 < current < FAR:
        return one("last", f"a page past the end is page {current}", beyond)
    if not rows:
        return some(("empty", "last", "first"), "a page past the end is empty", beyond)
    return some(("last", "first"), "a page past the end has rows", beyond)


def _list_order(seen: Evidence) -> Finding:
    sieve = Sieve(("id_descending", "id_ascending", "name", "updated_at", "unstable"))
    readings = [seen.pages["first"], *seen.again, *seen.orders]
    lists = [answer for answer in readings if len(answer.rows or ()) > 1]
    for answer in lists:
        sieve = sieve.strike(partial(_may_be_in, answer.rows or ()), answer)
    bits = sum(math.log2(math.factorial(min(20, len(answer.rows or ())))) for answer in lists)
    if sieve.left != ("unstable",) and bits >= CHANCE_BITS:
        sieve = sieve.strike(lambda order: order != "unstable")
    if sieve.left == ("unstable",) and not _is_shuffled(lists):
        return Finding(why="rows are in an unknown order", seen=sieve.seen)
    return sieve.found(f"{len(lists)} readings of page 1")


def _search_rule(seen: Evidence) -> Finding:
    sieve = Sieve(("substring", "prefix", "ignored"))
    plain = frozenset(id_of(row) for row in seen.pages["first"].rows or ())
    largest = _largest_page(seen)
    if not is_stable(seen):
        return UNSEEN
    for search in seen.searches:
        found = frozenset(id_of(row) for row in search.answer.rows or ())
        if search.answer.rows is None:
            return UNSEEN
        if found != plain and len(found) >= largest:
            return Finding(why="a search fills a page, so it may find more rows", seen=numbers([search.answer]))
        sieve = sieve.strike(partial(_finds, search, found, plain), search.answer)
    return sieve.found(f"a search for {' and for '.join(repr(search.term) for search in seen.searches)}")


def _foreign_rows(seen: Evidence) -> Finding:
    first, single = seen.pages["first"], seen.pages["single"]
    if seen.uid is None:
        return UNSEEN
    rows = (*seen.rows, *(row for page in seen.pages.values() for row in page.rows or ()))
    foreign = [row for row in rows if isinstance(row.get("uid"), int) and row["uid"] != seen.uid]
    if foreign:
        return one("listed", f"the list shows bucket {foreign[0].get('id')} of account {foreign[0]['uid']}", first)
    if single.rows == [] and first.rows:
        return one("filtered", "page 1 of one row is empty, though there are rows", single, first)
    # Short pages and a list that lags may hide the rows of others.
    return some(("hidden", "filtered", "listed"), "no row of another account is shown", first)


def totals(seen: Evidence) -> dict[str, Finding]:
    """Return total_off, total_cap and total_counts: the sums that explain every total."""
    first, second = seen.pages["first"], seen.pages.get("second")
    lists = [(len(seen.rows), first), *((part.count, part.answer) for part in seen.narrowed)]
    known = [(count, whole_number((answer.meta or {}).get("total")), answer) for count, answer in lists]
    complete = seen.whole and is_stable(seen) and not _new(seen.pages["after"], first)
    is_all = len(seen.rows) == len(first.rows or ())
    roomy = len(first.rows or ()) >= ROOM
    if (
        len(known) < ROOM
        or not complete
        or not roomy
        or any(total is None for _, total, _ in known)
        or not (is_all or second)
    ):
        return {}
    observed = [(count, total) for count, total, _ in known if total is not None]
    ways = list(_sums(observed))
    answers = [answer for _, _, answer in known]
    counts = [mode for mode in ("matching", "before_filters", "with_filtered") if any(way[0] == mode for way in ways)]
    if counts == ["with_filtered"] and _foreign_rows(seen).possible != ("filtered",):
        return {}  # rows are missing on pages for another reason
    offs = list(dict.fromkeys(way[1] for way in sorted(ways, key=lambda way: (way[2] or 0, abs(way[1])))))
    caps = {way[2] for way in ways}
    found = {"total_counts": some(counts, "lists with and without filters", *answers)} if counts else {}
    if offs:
        sure = len(offs) == 1 and "before_filters" not in counts
        totals_, rows = zip(*((str(total), str(count)) for count, total in observed), strict=True)
        why = f"totals {', '.join(totals_)} for {', '.join(rows)} rows"
        found["total_off"] = some(offs, why, *answers, more=not sure)
        if caps == {None}:
            found["total_cap"] = Finding((0,), why, numbers(answers), at_least=max(1, observed[0][0]))
        elif len(caps) == 1 and sure:
            found["total_cap"] = some(sorted(cap for cap in caps if cap), why, *answers)
    return found


def _sums(observed: Sequence[tuple[int, int]]) -> Iterator[tuple[str, int, int | None]]:
    """Yield each mode of counting, offset and cap that explain the totals, of which the first counts all rows."""
    everything = observed[0][0]
    nearby = {*range(-3, 4), *(total - count for count, total in observed), *(total for _, total in observed)}
    for off in sorted(nearby, key=abs):
        for cap in (None, *sorted({total - off for _, total in observed if 0 < total - off < everything})):
            for mode in ("matching", "before_filters"):
                base = [everything if mode == "before_filters" else count for count, _ in observed]
                if all(total == max(0, min(n, cap or n) + off) for n, (_, total) in zip(base, observed, strict=True)):
                    yield mode, off, cap
                    if mode == "matching":
                        yield "with_filtered", off, cap  # if nothing is filtered
        hidden = [total - off - count for count, total in observed]
        # Rows hidden from pages: never negative, and in all at least the sum over distinct types.
        if min(hidden) >= 0 and hidden[0] >= sum(hidden[1:]) and all(total > 0 or not off for _, total in observed):
            yield "with_filtered", off, None


def _finds(search: Search, found: frozenset[int | None], plain: frozenset[int | None], rule: JSON) -> bool:
    """Return whether a rule finds these rows."""
    if rule == "ignored":
        return found == plain
    # A short page may hold, by chance, only rows that the search finds.
    return found <= search.predicted[rule] if found == plain else found == search.predicted[rule]


def _may_be_in(rows: Sequence[Row], order: JSON) -> bool:
    return order == "unstable" or _is_in(order, rows)


def _is_in(order: JSON, rows: Sequence[Row]) -> bool:
    ids = [id_of(row) or 0 for row in rows]
    match order:
        case "id_descending":
            return all(left > right for left, right in pairwise(ids))
        case "id_ascending":
            return all(left < right for left, right in pairwise(ids))
        case "name":
            names = [str(row.get("name")).casefold() for row in rows]
            return all(left <= right for left, right in pairwise(names))
        case _:
            stamps = [(str(row.get("updated_at")), id_) for row, id_ in zip(rows, ids, strict=True)]
            return all(left > right for left, right in pairwise(stamps))


def _is_shuffled(lists: Sequence[Answer]) -> bool:
    """Return whether two readings show the same rows in different order."""
    orders = [tuple(id_of(row) for row in answer.rows or ()) for answer in lists]
    return any(left != right and sorted(left, key=str) == sorted(right, key=str) for left, right in pairwise(orders))


def is_stable(seen: Evidence) -> bool:
    """Return whether each reading of page 1 showed the same rows in the same order."""
    orders = [tuple(id_of(row) for row in answer.rows or ()) for answer in (seen.pages["first"], *seen.again)]
    longest = max(orders, key=len)  # the page sizes differ, which does not matter if all rows fit
    return all(order == longest[: len(order)] for order in orders)


def _per_page(answer: Answer) -> JSON:
    return (answer.meta or {}).get("per_page")


def _new(answer: Answer, before: Answer) -> bool:
    """Return whether `answer` has a row that `before` does not have."""
    known = {id_of(row) for row in before.rows or ()}
    return any(id_of(row) not in known for row in answer.rows or ())


def _largest_page(seen: Evidence) -> int:
    return max(len(answer.rows or ()) for answer in (*seen.pages.values(), *seen.again))


def decide(seen: Evidence) -> dict[str, Finding]:
    """Return the findings about lists."""
    found = {
        "meta_shown": _meta_shown(seen),
        "per_page_shown": _per_page_shown(seen),
        "per_page_cap": _per_page_cap(seen),
        "page_rows_cap": _page_rows_cap(seen),
        "page_past_end": _page_past_end(seen),
        "list_order": _list_order(seen),
        "search_rule": _search_rule(seen),
        "foreign_rows": _foreign_rows(seen),
    }
    return found | totals(seen)
