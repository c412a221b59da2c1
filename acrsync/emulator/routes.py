"""The routes of the API: what each does and which token scope it wants."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from werkzeug.routing import Map, Rule

from acrsync.emulator import related, shapes
from acrsync.emulator.paging import page
from acrsync.emulator.rules import Json, Rules

LONGEST_ID = 18  # digits; a longer one is no 64-bit number
Answer = tuple[int, Json | None]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request; its methods are what the routes do, and return status and body."""

    rules: Rules
    url: str
    query: Mapping[str, str]
    fields: Mapping[str, object]
    path: Mapping[str, str]

    def list_buckets(self) -> Answer:
        return self._page(self.rules.list_buckets(self.query), self.rules.shown)

    def create_bucket(self) -> Answer:
        return 201, {"data": self.rules.create(self.fields)}

    def get_bucket(self) -> Answer:
        return 200, {"data": self.rules.shown(self.rules.bucket(self._id()))}

    def update_bucket(self) -> Answer:
        return 200, {"data": self.rules.update(self._id(), self.fields)}

    def delete_bucket(self) -> Answer:
        self.rules.delete(self._id())
        return 204, None

    def list_items(self, section: str) -> Answer:
        row, numbers = related.items(self.rules, self._id(), section, self.query)
        return self._page(numbers, lambda number: shapes.item(row, number, section))

    def list_referrers(self, kind: str) -> Answer:
        return self._page(related.referrers(self.rules, kind, self.query), dict)

    def results(self) -> Answer:
        return 200, {"data": related.results(self.rules, self._id(), self.path["stream"], self.query)}

    def _page(self, rows: Sequence[Row], show: Callable[[Row], Json]) -> Answer:
        return 200, page(rows, show, query=self.query, url=self.url, profile=self.rules.profile)

    def _id(self) -> int:
        """Return the id in the path; what is no number is an id that nothing has."""
        text = self.path["id"]
        return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_ID else 0


@dataclass(frozen=True, slots=True)
class Operation:
    """What a route does, and the noun of the scope that it wants (reference 7.1)."""

    noun: str
    run: Callable[[Call], Answer]


def _route(method: str, path: str, noun: str, run: Callable[[Call], Answer]) -> Rule:
    return Rule(f"/api{path}", methods=[method], endpoint=Operation(noun, run))


# Source: reference 1.2, 2 and 4. There is no route that adds, changes or deletes a file or a channel.
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
