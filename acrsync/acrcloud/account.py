"""The account behind a client: paths, envelopes and the meaning of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import field, replace

from acrsync import bucket
from acrsync.acrcloud.users import LISTS, User, references_to, user_of
from acrsync.client import Client
from acrsync.client.listing import Listing, Page, Row, complete
from acrsync.diagnostics import AccessDenied, Diagnostic, NoAnswer, NotFound, RemoteError, UnknownOutcome, error
from acrsync.frozen import frozen
from acrsync.model import JSON, Attrs, Evidence, Live, Snapshot
from acrsync.remote import Guard
from acrsync.visible import visible

READERS = 8  # requests at a time while reading


@frozen
class Account:
    """The buckets that one token shows: a Reader, and also a Remote unless its client is read-only."""

    client: Client
    name: str = ""  # of the endpoint as users write it, such as `emulator:`; empty: the address
    last_look: Guard = field(default_factory=Guard)  # what the client calls

    @property
    def endpoint(self) -> str:
        """The API's address without credentials, for messages."""
        return self.name or self.client.base_url

    @property
    def read_only(self) -> bool:
        """Whether only GET can be sent."""
        return self.client.read_only

    @property
    def sent(self) -> Mapping[str, int]:
        """The number of requests so far, by method."""
        return self.client.sent

    def guard(self, last_look: Callable[[], None]) -> None:
        self.last_look.last_look = last_look

    def buckets(self) -> tuple[Live, ...]:
        """Return every bucket of the account, newest first. Raises: IncompleteListing if that cannot be proven."""
        return self.observe().rows

    def observe(self) -> Snapshot:
        def fetch(number: int, per_page: int) -> Page[Live]:
            return self._page("/api/buckets", _live, number=number, per_page=per_page)

        with _readers() as pool:
            listing = complete(fetch, pool.map, what="buckets")
        return Snapshot(listing.rows, self.endpoint, tuple(_miscounted(listing)))

    def read(self, bucket_id: int) -> Live | None:
        try:
            live = _live(self.client.get_bucket(bucket_id))
        except NotFound:
            return None
        return _same(live, bucket_id)

    def contents(self, live: Live) -> int | None:
        """Return the number of items; None if the list answers 403 or 404.

        Raises: RemoteError if the answer has no number, because unknown does not mean empty.
        """
        path = f"/api/buckets/{live.id}/{bucket.content_path(live)}"
        try:
            answer = self.client.json(path, {"page": 1, "per_page": 1})
        except (AccessDenied, NotFound):
            return None
        rows, total, _ = _envelope(answer, path=path)
        if total is None:
            raise _malformed(path, "it has no total")
        return max(total, len(rows))

    def evidence(self, touched: Iterable[Live], *, references: bool) -> Evidence:
        """Return the facts that guards need.

        A count without a usable number is left out: guards treat it as unknown, not as empty. A list of users that
        cannot be read, or proven to be complete, is reported as unreadable.
        """
        rows = tuple(touched)
        with _readers() as pool:
            counts = pool.map(self._count, rows)
            found = self._references(rows, pool) if references else Evidence()
            contents = {bucket_id: count for known in counts for bucket_id, count in known.items()}
        return replace(found, contents=contents)

    def references(self, rows: Sequence[Live]) -> Evidence:
        """Return only which projects and containers refer to these buckets."""
        with _readers() as pool:
            return self._references(rows, pool)

    def _references(self, rows: Sequence[Live], pool: ThreadPoolExecutor) -> Evidence:
        lists = tuple(LISTS) if rows else ()
        users = dict(zip(lists, pool.map(self._users, lists), strict=True))
        readable = {name: found for name, found in users.items() if found is not None}
        unreadable = tuple(name for name in lists if name not in readable)
        return Evidence(references=references_to(rows, readable), unreadable=unreadable)

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        created = self.client.create_bucket(bucket.encode(attrs, marks=marks))
        try:
            live = _live(created)
            if not live.is_identified:
                raise _malformed(
                    "/api/buckets", f"the bucket {live.id} has no readable {' and '.join(live.unreadable)}"
                )
        except RemoteError as e:
            detail = f"The answer to the create contains no readable bucket: {e.diagnostic.detail}"
            fix = "check whether the bucket exists before you try again."
            raise UnknownOutcome("E430", detail, fix=fix) from e
        return live

    def update(self, bucket_id: int, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        # Marks alone would replace the existing labels.
        body = bucket.encode(attrs, marks=marks if "labels" in attrs else ())
        updated = self.client.update_bucket(bucket_id, body)
        try:
            return _same(_live(updated), bucket_id)
        except RemoteError as e:
            e.may_have_acted = True
            raise

    def delete(self, bucket_id: int) -> None:
        try:
            self.client.delete_bucket(bucket_id)
        except NotFound:
            return

    def _count(self, live: Live) -> Mapping[int, int | None]:
        try:
            return {live.id: self.contents(live)}
        except NoAnswer:
            raise
        except RemoteError:
            return {}

    def _users(self, name: str) -> tuple[User, ...] | None:
        """Return all rows of a list of projects or containers; None if it cannot be read; 404 means empty."""

        def fetch(number: int, per_page: int) -> Page[User]:
            page = self._page(f"/api/{name}", user_of, number=number, per_page=per_page)
            if number == 1 and page.total is None:
                # GUESS: some of these lists are not paged. Then page 2 is empty or shows the same rows.
                again = self._page(f"/api/{name}", user_of, number=2, per_page=per_page)
                return replace(page, paged=bool(again.rows) and again.ids != page.ids)
            return page

        try:
            return complete(fetch, map, what=name).rows
        except NotFound:
            return ()
        except RemoteError:
            return None

    def _page(self, path: str, decode: Callable[[JSON], Row], *, number: int, per_page: int) -> Page[Row]:
        """Return one page of a list. GUESS: some servers answer 404 for a page past the end."""
        try:
            answer = self.client.json(path, {"page": number, "per_page": per_page})
        except NotFound:
            if number == 1:
                raise
            return Page(())
        rows, total, room = _envelope(answer, path=path)
        try:
            return Page(tuple(decode(row) for row in rows), total, room)
        except (KeyError, TypeError, ValueError) as e:
            raise _malformed(path, f"a row cannot be read: {e}") from e


@contextmanager
def _readers() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool for parallel reads. An interrupt does not wait for them."""
    pool = ThreadPoolExecutor(READERS)
    wait = True
    try:
        yield pool
    except KeyboardInterrupt:
        wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)


def _envelope(answer: JSON, *, path: str) -> tuple[list[JSON], int | None, int | None]:
    """Return rows, total and page size of a list; total and page size are None if the answer has no usable ones."""
    match answer:
        case {"data": list(rows), "meta": {**meta}}:
            return rows, _whole_number(meta.get("total")), _whole_number(meta.get("per_page"))
        case {"data": list(rows)}:
            return rows, None, None
        case _:
            raise _malformed(path, "it is not a list of rows")


def _whole_number(value: JSON) -> int | None:
    number = bucket.canonical_number(value)
    return number if isinstance(number, int) and not isinstance(number, bool) and number >= 0 else None


def _miscounted(listing: Listing[Live]) -> Iterator[Diagnostic]:
    if listing.miscounted:
        detail = (
            f"The API counts {listing.total} buckets and lists {len(listing.rows)}. Two readings with different page "
            "sizes showed the same buckets, so acrsync uses these."
        )
        yield error("W441", detail, fix="if a bucket is missing here, do not apply, and report this to ACRCloud.")


def _live(row: JSON) -> Live:
    """Return one row as a live bucket. Raises: RemoteError if it has no usable id: it could be any bucket."""
    try:
        return bucket.decode(row)
    except (KeyError, TypeError, ValueError) as e:
        raise _malformed("/api/buckets", f"a row cannot be read: {type(e).__name__} {e}") from e


def _same(live: Live, bucket_id: int) -> Live:
    if live.id != bucket_id:
        raise _malformed(f"/api/buckets/{bucket_id}", f"it shows the bucket {live.id}")
    return live


def _malformed(path: str, what: str) -> RemoteError:
    return RemoteError(
        "E417",
        f"{path}: {visible(what)[:200]}. acrsync stops, because it cannot know what is in the account.",
        fix="check that the endpoint is the ACRCloud Console API.",
    )
