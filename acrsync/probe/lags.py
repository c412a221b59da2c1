"""Deciders: how far reads lag, how long answers are cached, and how far the server's clock is off.

The model: a view hides a write until some seconds have passed and the view was read some number of times. Every pair of
whole numbers that explains all series of readings is possible.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import product

from acrsync.frozen import frozen
from acrsync.model import JSON
from acrsync.probe.evidence import Evidence, Row, Series, id_of, whole_number
from acrsync.probe.finding import UNSEEN, Finding, numbers, one, some
from acrsync.probe.lists import is_stable
from acrsync.probe.shapes import ISO_STAMP, PLAIN_STAMP
from acrsync.probe.wire import Answer

WRITES = ("create", "update", "delete")
MOST = 64  # seconds, and readings, that are considered
PARITIES = (None, 0, 1)  # the readings that do not lag: none, those with an even number, those with an odd number
BUCKETS = "/buckets"


@frozen
class _Reading:
    """One reading after a write: its place, its age, and whether it shows the write."""

    places: Mapping[int | None, int]  # its place, from 1, among the readings that lag, by parity
    least_s: float
    most_s: float
    shows: bool
    parity: int  # of its number among all readings of the list


def _readings(series: Series, answers: Sequence[Answer]) -> list[_Reading]:
    lists = [answer.number for answer in answers if answer.path == BUCKETS and answer.method == "GET"]
    path = series.readings[0].answer.path
    after = [a.number for a in answers if a.path == path and a.method == "GET" and a.number > series.written.number]
    parities = {number: lists.index(number) % 2 if number in lists else 0 for number in after}
    readings = []
    for seen in series.readings:
        until = [number for number in after if number <= seen.answer.number]
        stale: dict[int | None, int] = {fresh: sum(parities[number] != fresh for number in until) for fresh in (0, 1)}
        readings.append(
            _Reading(
                {None: len(until), **stale},
                seen.answer.begun - series.written.ended,
                seen.answer.ended - series.written.begun,
                seen.shows,
                parities[seen.answer.number],
            )
        )
    return readings


def _explains(readings: Sequence[_Reading], seconds: int, reads: int, parity: int | None) -> bool:
    """Return whether a lag of this length, in seconds and readings, explains what was shown."""
    for reading in readings:
        fresh = parity is not None and reading.parity == parity
        may_show = fresh or (reading.places[parity] > reads and reading.most_s >= seconds)
        may_hide = not fresh and (reading.places[parity] <= reads or reading.least_s < seconds)
        if not (may_show if reading.shows else may_hide):
            return False
    return True


def _least(numbers_: Iterable[int], top: int) -> tuple[tuple[int, ...], bool]:
    """Return the possible numbers, and whether others are possible, too."""
    left = tuple(sorted(set(numbers_)))
    return left[:12], len(left) > 12 or top in left  # noqa: PLR2004


def list_lags(seen: Evidence, answers: Sequence[Answer]) -> dict[str, Finding]:
    """Return how far the list lags, after which writes, and in which readings."""
    series = [s for s in seen.lists if s.readings and s.late >= 0]
    # A list that never showed the bucket may lag, or the bucket is on another page: then its deletion shows nothing.
    if not any(s.write == "create" for s in series) or not is_stable(seen):
        series = []
    if not series:
        return {}
    read = [_readings(s, answers) for s in series]
    source = [s.readings[-1].answer for s in series]
    kinds = tuple(dict.fromkeys(s.write for s in series))
    prompt = {
        kind: all(_explains(r, 0, 0, None) for s, r in zip(series, read, strict=True) if s.write == kind)
        for kind in kinds
    }
    if all(prompt.values()):
        why = f"the list showed each {', '.join(kinds)} at once"
        nothing = some((0,), why, *source, more=True)
        return {
            "list_lag_seconds": nothing,
            "list_lag_reads": nothing,
            "list_lag_writes": some((list(WRITES),), why, *source, more=True),
            "list_lag_shown": some(("always", "every_other_reading"), why, *source),
        }
    late = [r for s, r in zip(series, read, strict=True) if not prompt[s.write]]
    top = _top(late)
    ways = [
        (seconds, reads, parity)
        for seconds, reads, parity in product(range(top + 1), range(top + 1), PARITIES)
        if (seconds or reads) and all(_explains(r, seconds, reads, parity) for r in late)
    ]
    if not ways:
        return {}
    why = f"the list was late after each {', '.join(kind for kind in kinds if not prompt[kind])}"
    # A kind of write that was shown at once may lag, too, if that reading came from the up-to-date replica.
    writes = {
        tuple(kind for kind in WRITES if kind in chosen)
        for way in ways
        for chosen in _lagging(way, series, read, prompt)
    }
    untried = [kind for kind in WRITES if kind not in kinds]
    seconds, many_seconds = _least((way[0] for way in ways), top)
    reads, many_reads = _least((way[1] for way in ways), top)
    shown = tuple(dict.fromkeys("always" if way[2] is None else "every_other_reading" for way in ways))
    return {
        "list_lag_seconds": some(seconds, why, *source, more=many_seconds),
        "list_lag_reads": some(reads, why, *source, more=many_reads),
        "list_lag_writes": some(map(list, sorted(writes, key=len)), why, *source, more=bool(untried)),
        "list_lag_shown": some(shown, why, *source),
    }


def _lagging(
    way: tuple[int, int, int | None],
    series: Sequence[Series],
    read: Sequence[Sequence[_Reading]],
    prompt: dict[str, bool],
) -> Iterator[frozenset[str]]:
    """Yield the sets of writes that may lag this way: all that were late, with any of those that may be."""
    may = [
        kind
        for kind, at_once in prompt.items()
        if at_once and all(_explains(r, *way) for s, r in zip(series, read, strict=True) if s.write == kind)
    ]
    late = frozenset(kind for kind, at_once in prompt.items() if not at_once)
    for chosen in product((False, True), repeat=len(may)):
        yield late | {kind for kind, is_in in zip(may, chosen, strict=True) if is_in}


def get_lags(seen: Evidence, answers: Sequence[Answer]) -> dict[str, Finding]:
    """Return how far reads of one bucket lag."""
    series = [s for s in seen.gets if s.readings and s.late >= 0]
    if not series:
        return {}
    read = [_readings(s, answers) for s in series]
    top = _top(read)
    ways = [
        (seconds, reads)
        for seconds, reads in product(range(top + 1), repeat=2)
        if all(_explains(r, seconds, reads, None) for r in read)
    ]
    late = max(s.late for s in series)
    why = "a bucket could be read at once" if late == 0 else "a bucket could not be read at once"
    source = [s.readings[-1].answer for s in series]
    seconds, many_seconds = _least((way[0] for way in ways), top)
    reads, many_reads = _least((way[1] for way in ways), top)
    return {
        "get_lag_seconds": some(seconds, why, *source, more=many_seconds),
        "get_lag_reads": some(reads, why, *source, more=many_reads),
    }


def _top(read: Sequence[Sequence[_Reading]]) -> int:
    """Return the greatest number of seconds, or readings, to consider."""
    return min(MOST, 2 + max(max(math.ceil(reading.most_s), reading.places[None]) for r in read for reading in r))


# Caches.


def caches(seen: Evidence) -> dict[str, Finding]:
    """Return how long a page and a total are cached, from a query before and after a create."""
    found: dict[str, Finding] = {}
    for before, written, after in seen.cached:
        bucket_id = _created(seen, written)
        if bucket_id is None:
            continue
        pages = [any(id_of(row) == bucket_id for row in answer.rows or ()) for answer in after]
        found["page_cache_seconds"] = _cached(before, after, pages, "a page")
        total = _total(before)
        risen = [total is not None and _total(answer) == total + 1 for answer in after]
        if (
            found["page_cache_seconds"].possible == (0,)
            and found["page_cache_seconds"].is_certain
            and total is not None
        ):
            found["total_cached_seconds"] = _cached(before, after, risen, "a total")
    return found


def _cached(before: Answer, after: Sequence[Answer], shows: Sequence[bool], what: str) -> Finding:
    if True not in shows:
        return UNSEEN
    place = shows.index(True)
    most = math.floor(after[place].ended - before.begun + 1e-6)
    least = 0 if place == 0 else math.floor(after[place - 1].begun - before.ended) + 1
    ways = tuple(range(max(0, least), most + 1))
    return some(ways, f"{what} that was requested before a create", before, after[place])


def _created(seen: Evidence, written: Answer) -> int | None:
    row = next((trial.after for trial in seen.trials.values() if trial.answer is written and trial.after), None)
    return None if row is None else id_of(row)


def _total(answer: Answer) -> int | None:
    return whole_number((answer.meta or {}).get("total"))


# Clocks.


def date_off(answers: Sequence[Answer]) -> Finding:
    """Return how many seconds the Date header is ahead of this machine's clock."""
    stamps = [(answer, when) for answer in answers if (when := _date(answer.headers.get("date", ""))) is not None]
    return _ahead(stamps, "the Date header, compared with this machine's clock")


def stamps_off(seen: Evidence) -> Finding:
    """Return how many seconds timestamps are ahead of this machine's clock, in UTC."""
    stamps: list[tuple[Answer, int]] = []
    for trial in seen.trials.values():
        key = "created_at" if trial.answer.method == "POST" else "updated_at"
        moved = trial.after is not None and (trial.before or {}).get(key) != trial.after.get(key)
        if trial.answer.ok and trial.after is not None and moved and (when := _stamp(trial.after, key)) is not None:
            stamps.append((trial.answer, when))
    return _ahead(stamps, "timestamps of throw-away buckets, compared with this machine's clock")


def _ahead(stamps: Sequence[tuple[Answer, int]], what: str) -> Finding:
    """Return the offsets that explain every stamp. A stamp is the time of its request, rounded down to seconds."""
    if not stamps:
        return UNSEEN
    low = max(math.ceil(when - answer.ended - 1e-6) for answer, when in stamps)
    high = min(math.ceil(when + 1 - answer.begun - 1e-6) - 1 for answer, when in stamps)
    if not low <= high:
        return Finding(why=f"{what}: no number of seconds explains all of them")
    ways = sorted(range(low, min(high, low + 10) + 1), key=abs)
    answers = [answer for answer, _ in stamps[:3]]
    return one(ways[0], what, *answers) if len(ways) == 1 else Finding(tuple(ways), what, numbers(answers))


def _date(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError):
        return None


def _stamp(row: Row, key: str) -> int | None:
    shown: JSON = row.get(key)
    if not isinstance(shown, str) or not (PLAIN_STAMP.fullmatch(shown) or ISO_STAMP.fullmatch(shown)):
        return None
    try:
        return int(datetime.fromisoformat(shown[:19]).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def settle_s(seen: Evidence) -> int:
    """Return a value for `--settle`: twice the longest lag, at least 30 seconds."""
    late = [
        series.readings[max(0, series.late)].answer.ended - series.written.begun
        for series in (*seen.lists, *seen.gets)
        if series.readings and series.late != 0
    ]
    return max(30, math.ceil(2 * max(late, default=0.0)))


def decide(seen: Evidence, answers: Sequence[Answer]) -> dict[str, Finding]:
    """Return the findings about lag, caches and clocks."""
    found = list_lags(seen, answers) | get_lags(seen, answers) | caches(seen)
    return found | {"date_off_seconds": date_off(answers), "stamps_off_seconds": stamps_off(seen)}
