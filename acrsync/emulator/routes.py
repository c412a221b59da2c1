"""The routes of the API, and the token scope that each needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from werkzeug.routing import Map, Rule

from acrsync.emulator import related, shapes
from acrsync.emulator.answers import ANSWERS
from acrsync.emulator.listing import Listing
from acrsync.emulator.paging import page, shown_total
from acrsync.emulator.rules import Json, Rules

LONGEST_ID = 18  # digits of a 64-bit number
Answer = tuple[int, Json | None]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request. Each method carries out one route and returns status and body."""

    rules: Rules
    url: str
    query: Mapping[str, str]
    fields: Mapping[str, object]
    path: Mapping[str, str]

    def list_buckets(self) -> Answer:
        return self._page(self.rules.list_buckets(self.query), self.rules.shown)

    def create_bucket(self) -> Answer:
        profile = self.rules.profile
        return profile.create_status, ANSWERS[profile.create_answer](self.rules.create(self.fields))

    def get_bucket(self) -> Answer:
        return 200, {"data": self.rules.shown(self.rules.bucket(self._id()))}

    def update_bucket(self) -> Answer:
        profile = self.rules.profile
        return profile.update_status, ANSWERS[profile.update_answer](self.rules.update(self._id(), self.fields))

    def delete_bucket(self) -> Answer:
        self.rules.delete(self._id())
        status = self.rules.profile.delete_status
        return status, {"message": "Deleted."} if status < HTTPStatus.NO_CONTENT else None

    def list_items(self, section: str) -> Answer:
        row, numbers = related.items(self.rules, self._id(), section, self.query)
        return self._page(Listing(numbers, len(numbers)), lambda number: shapes.item(row, number, section))

    def list_referrers(self, kind: str) -> Answer:
        rows = related.referrers(self.rules, kind, self.query)
        return self._page(Listing(rows, len(rows)), dict)

    def results(self) -> Answer:
        return 200, {"data": related.results(self.rules, self._id(), self.path["stream"], self.query)}

    def _page(self, listing: Listing[Row], show: Callable[[Row], Json]) -> Answer:
        """Return the requested page, or a cached one; the total may be cached, too."""
        profile, now, cached = self.rules.profile, self.rules.now, self.rules.lag.cache.get
        pages = {key: self.query[key] for key in ("page", "per_page") if key in self.query}
        filters = (self.rules.uid, self.url, *sorted(self.query.items() - pages.items()))
        total = cached(
            filters, lambda: shown_total(listing.total, profile), seconds=profile.total_cached_seconds, now=now
        )
        make = partial(page, listing, show, total=total, query=self.query, url=self.url, profile=profile)
        return 200, cached((filters, *sorted(pages.items())), make, seconds=profile.page_cache_seconds, now=now)

    def _id(self) -> int:
        """Return the id in the path; 0, which does not exist, if it is not a number."""
        text = self.path["id"]
        return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_ID else 0


@dataclass(frozen=True, slots=True)
class Operation:
    """The function of a route, and the noun of the scope that it needs (reference 7.1)."""

    noun: str
    run: Callable[[Call], Answer]


def _route(method: str, path: str, noun: str, run: Callable[[Call], Answer]) -> Rule:
    return Rule(f"/api{path}", methods=[method], endpoint=Operation(noun, run))


# Source: reference 1.2, 2 and 4. No route adds, changes or deletes a file or a channel.
# GUESS: the scopes called "projects" and "filescanning"; those of buckets, audios and channels are known.
ROUTES = Map(
    [
        _route("GET", "/buckets", "buckets", Call.list_buckets),
        _route("POST", "/buckets", "buckets", Call.create_bucket),
        _route("GET", "/buckets/<id>", "buckets", Call.get_bucket),
        _route("PUT", "/buckets/<id>", "buckets", Call.update_bucket),
        _route("DELETE", "/buckets/<id>", "buckets", Call.delete_bucket),
        _route("GET", "/buckets/<id>/files", "audios", partial(Call.list_items, section="files")),
        _route("GET", "/buckets/<id>/dedup-files", "audios", partial(Call.list_items, section="dedup-files")),
        _route("GET", "/buckets/<id>/channels", "channels", partial(Call.list_items, section="channels")),
        _route("GET", "/base-projects", "projects", partial(Call.list_referrers, kind="base-projects")),
        _route("GET", "/bm-cs-projects", "projects", partial(Call.list_referrers, kind="bm-cs-projects")),
        _route("GET", "/bm-bd-projects", "projects", partial(Call.list_referrers, kind="bm-bd-projects")),
        _route("GET", "/fs-containers", "filescanning", partial(Call.list_referrers, kind="fs-containers")),
        _route("GET", "/bm-cs-projects/<id>/streams/<stream>/results", "projects", Call.results),
    ],
    strict_slashes=False,
    merge_slashes=False,
)
