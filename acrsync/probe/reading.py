"""The read-only part of a probe: about twenty GET requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from acrsync.model import JSON
from acrsync.probe.evidence import Content, Evidence, Narrowed, Row, Search, id_of, whole_number
from acrsync.probe.wire import ANY_TYPE, Answer, Request, Wire

PER_PAGE = 100
MANY = 1000  # requested once, to see whether the server lowers it
FAR = 1_000_000  # a page that no list has
UNKNOWN_ID = 2_147_483_647  # the greatest 32-bit number: no server has used it
PAGES_MAX = 1000
READINGS = 4  # more readings of page 1, with new page sizes: a random order must not look stable
USERS = ("base-projects", "bm-cs-projects", "bm-bd-projects", "fs-containers")
CONTENTS = 3


def read(wire: Wire, evidence: Evidence) -> None:
    """Send all requests that only read, and keep the answers in `evidence`."""
    pages = evidence.pages
    pages["first"] = wire.get("/buckets", page=1, per_page=PER_PAGE)
    if pages["first"].rows is None:
        return
    pages["plain"] = wire.get("/buckets")
    pages["single"] = wire.get("/buckets", page=1, per_page=1)
    pages["many"] = wire.get("/buckets", page=1, per_page=MANY)
    pages["beyond"] = wire.get("/buckets", page=FAR, per_page=1)
    evidence.rows, evidence.whole = _walked(wire, evidence)
    count = len(pages["first"].rows or ())
    pages["after"] = wire.get("/buckets", page=count + 1, per_page=1)
    evidence.again = [wire.get("/buckets", page=1, per_page=wire.fresh_size()) for _ in range(READINGS)]
    evidence.unknown = wire.get(f"/buckets/{UNKNOWN_ID}")
    evidence.bad_token = [
        wire.send(Request("GET", "/buckets", {"per_page": 1}, bad_token=True)),
        wire.send(Request("GET", "/buckets", {"per_page": 1}, bad_token=True, accept=ANY_TYPE)),
    ]
    evidence.narrowed = [_narrowed(wire, evidence.rows, filters) for filters in _filters(evidence.rows)]
    evidence.searches = searches(wire, evidence.rows)
    evidence.contents = [_content(wire, row) for row in _of_interest(evidence.rows)]
    evidence.users = [wire.get(f"/{name}", page=1, per_page=1) for name in USERS]


def _walked(wire: Wire, evidence: Evidence) -> tuple[list[Row], bool]:
    """Return the rows of all pages, and whether the end was reached. The list is not proven to be complete."""
    rows = list(evidence.pages["first"].rows or ())
    known = {id_of(row) for row in rows}
    for number in range(2, PAGES_MAX):
        page = wire.get("/buckets", page=number, per_page=PER_PAGE)
        evidence.pages.setdefault("second", page)
        new = [row for row in page.rows or () if id_of(row) not in known]
        if not new:
            return rows, True
        rows += new
        known |= {id_of(row) for row in new}
    return rows, False


def _filters(rows: Sequence[Row]) -> list[Mapping[str, JSON]]:
    """Return filters that match some of the rows, and one that matches none."""
    types = Counter(str(row.get("type")) for row in rows)
    found: list[Mapping[str, JSON]] = [{"type": name} for name, _ in types.most_common(2)]
    absent = next((name for name in ("DedupFile", "LiveTimeshift", "LiveRec") if name not in types), None)
    return [*found, {"type": absent}] if absent else found


def _narrowed(wire: Wire, rows: Sequence[Row], filters: Mapping[str, JSON]) -> Narrowed:
    passing = [row for row in rows if all(row.get(key) == value for key, value in filters.items())]
    return Narrowed(wire.get("/buckets", page=1, per_page=PER_PAGE, **filters), len(passing))


def searches(wire: Wire, rows: Sequence[Row]) -> list[Search]:
    """Search for the middle of a name, then for its beginning: each known rule finds different rows."""
    names = {id_of(row): str(row.get("name")) for row in rows if isinstance(row.get("name"), str)}
    for name in sorted(names.values(), key=len, reverse=True):
        middle, beginning = name[1:-1].strip(), name[:-1].strip()
        if len(middle) < 2 or not middle.isascii():  # noqa: PLR2004 - one letter is in many names
            continue
        predicted = _predicted(middle, names)
        if len(set(predicted.values())) == len(predicted):
            return [
                Search(term, wire.get("/buckets", page=1, per_page=PER_PAGE, search=term), _predicted(term, names))
                for term in (middle, beginning)
            ]
    return []


def _predicted(term: str, names: Mapping[int | None, str]) -> Mapping[str, frozenset[int]]:
    term = term.casefold()
    ids = {id_: name.casefold() for id_, name in names.items() if id_ is not None}
    return {
        "substring": frozenset(id_ for id_, name in ids.items() if term in name),
        "prefix": frozenset(id_ for id_, name in ids.items() if name.startswith(term)),
        "ignored": frozenset(ids),
    }


def _of_interest(rows: Sequence[Row]) -> list[Row]:
    """Return a few buckets for channels, the fullest first."""
    live = [row for row in rows if str(row.get("type")).startswith("Live") and id_of(row) is not None]
    return sorted(live, key=lambda row: -(whole_number(row.get("num")) or 0))[:CONTENTS]


def _content(wire: Wire, row: Row) -> Content:
    id_ = id_of(row)
    files = wire.get(f"/buckets/{id_}/files", page=1, per_page=PER_PAGE)
    return Content(row, files, wire.get(f"/buckets/{id_}/channels", page=1, per_page=PER_PAGE))


def account_of(answers: Sequence[Answer]) -> tuple[int, ...]:
    """Return the uids of the private buckets in these lists, which belong to the account."""
    uids = {
        row.get("uid")
        for answer in answers
        for row in answer.rows or ()
        if row.get("access_permission", "private") == "private"
    }
    return tuple(sorted(uid for uid in uids if isinstance(uid, int) and not isinstance(uid, bool)))
