"""The account over the client: paths, envelopes and what the server's rows mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from acrsync import bucket
from acrsync.acrcloud.listing import PER_PAGE, Page, Row, complete
from acrsync.acrcloud.users import LISTS, User, references_to, user_of
from acrsync.client import Client
from acrsync.diagnostics import AccessDenied, NoAnswer, NotFound, RemoteError, UnknownOutcome
from acrsync.model import JSON, Attrs, Evidence, Live, Snapshot
from acrsync.visible import visible

READERS = 8  # requests at a time while reading


@dataclass(frozen=True, slots=True)
class Account:
    """The buckets that one token shows: a Reader, and a Remote unless its client only reads."""

    client: Client
    name: str = ""  # of the endpoint as people write it, such as `emulator:`; empty: the address

    @property
    def endpoint(self) -> str:
        """The API's address without credentials, as it is shown to people."""
        return self.name or self.client.base_url

    @property
    def read_only(self) -> bool:
        """Whether nothing but GET can be sent."""
        return self.client.read_only

    @property
    def sent(self) -> Mapping[str, int]:
        """Requests so far, by method."""
        return self.client.sent

    def buckets(self) -> tuple[Live, ...]:
        """Return every bucket of the account, newest first. Raises: IncompleteListing if that cannot be proven."""
        return self.observe().rows

    def observe(self) -> Snapshot:
        def fetch(number: int) -> Page[Live]:
            return _page(self.client.list_buckets(page=number, per_page=PER_PAGE), _live, path="/api/buckets")

        with _readers() as pool:
            return Snapshot(complete(fetch, pool.map, what="buckets"), self.endpoint)

    def read(self, bucket_id: int) -> Live | None:
        try:
            live = _live(self.client.get_bucket(bucket_id))
        except NotFound:
            return None
        return _same(live, bucket_id)

    def contents(self, live: Live) -> int | None:
        """Return the number of items; None where the list answers 403 or 404.

        Raises: RemoteError where the answer says no number, because unknown is not empty.
        """
        path = f"/api/buckets/{live.id}/{bucket.content_path(live)}"
        try:
            answer = self.client.json(path, {"page": 1, "per_page": 1})
        except (AccessDenied, NotFound):
            return None
        rows, total, _ = _envelope(answer, path=path)
        return max(total, len(rows))

    def evidence(self, touched: Iterable[Live], *, references: bool) -> Evidence:
        """Return what guards must know.

        A count that the server says in no usable way is left out, which the guards read as unknown, not as empty. A
        list of users that cannot be read or proven complete is named as unreadable.
        """
        rows = tuple(touched)
        lists = tuple(LISTS) if references and rows else ()
        with _readers() as pool:
            counts = pool.map(self._count, rows)
            users = dict(zip(lists, pool.map(self._users, lists), strict=True))
            contents = {bucket_id: count for known in counts for bucket_id, count in known.items()}
        readable = {name: found for name, found in users.items() if found is not None}
        return Evidence(contents, references_to(rows, readable), tuple(name for name in lists if name not in readable))

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        created = self.client.create_bucket(bucket.encode(attrs, marks=marks))
        try:
            return _live(created)
        except RemoteError as e:
            detail = f"The answer to the create shows no bucket that can be understood: {e.diagnostic.detail}"
            fix = "look whether it is there before you try again."
            raise UnknownOutcome("E430", detail, fix=fix) from e

    def update(self, bucket_id: int, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        # Marks alone would replace the labels that are there.
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
        """Return all rows of a list of projects or containers, None where it cannot be read; 404 means none."""
        path = f"/api/{name}"

        def fetch(number: int) -> Page[User]:
            answer = self.client.json(path, {"page": number, "per_page": PER_PAGE})
            return _page(_with_total(answer), user_of, path=path)

        try:
            return complete(fetch, map, what=name)
        except NotFound:
            return ()
        except RemoteError:
            return None


@contextmanager
def _readers() -> Iterator[ThreadPoolExecutor]:
    """Yield what asks in parallel. An interrupt does not wait for it: what only reads need not come to its end."""
    pool = ThreadPoolExecutor(READERS)
    wait = True
    try:
        yield pool
    except KeyboardInterrupt:
        wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)


def _page(answer: JSON, decode: Callable[[JSON], Row], *, path: str) -> Page[Row]:
    """Return one page of a list, decoded. Raises: RemoteError where any row of it cannot be."""
    rows, total, per_page = _envelope(answer, path=path)
    try:
        return Page(tuple(decode(row) for row in rows), total, per_page)
    except (KeyError, TypeError, ValueError) as e:
        raise _malformed(path, f"a row cannot be understood: {e}") from e


def _envelope(answer: JSON, *, path: str) -> tuple[list[JSON], int, int | None]:
    """Return rows, total and page size of a list, the last one None where it is not said."""
    match answer:
        case {"data": list(rows), "meta": {"total": total, **meta}}:
            total, per_page = bucket.canonical_number(total), bucket.canonical_number(meta.get("per_page"))
            if isinstance(total, int) and not isinstance(total, bool) and total >= 0:
                return rows, total, per_page if isinstance(per_page, int) and per_page > 0 else None
        case _:
            pass
    raise _malformed(path, "it is no list with rows and their total")


def _with_total(answer: JSON) -> JSON:
    """Return the answer with a total. GUESS: a list of users without `meta` is not paged, so it is whole."""
    match answer:
        case {"data": list(rows)} if "meta" not in answer:
            return {"data": rows, "meta": {"total": len(rows)}}
        case _:
            return answer


def _live(row: JSON) -> Live:
    """Return one row as a live bucket. Raises: RemoteError where what identifies a bucket is missing."""
    try:
        live = bucket.decode(row)
    except (KeyError, TypeError, ValueError) as e:
        raise _malformed("/api/buckets", f"a row cannot be understood: {type(e).__name__} {e}") from e
    missing = [key for key in ("name", "region", "type") if not isinstance(live.attrs.get(key), str)]
    if missing or isinstance(row["id"], bool):
        raise _malformed("/api/buckets", f"the bucket {live.id} has no {' and no '.join(missing) or 'id'}")
    return live


def _same(live: Live, bucket_id: int) -> Live:
    if live.id != bucket_id:
        raise _malformed(f"/api/buckets/{bucket_id}", f"it shows the bucket {live.id}")
    return live


def _malformed(path: str, what: str) -> RemoteError:
    return RemoteError(
        "E417",
        f"{path}: {visible(what)[:200]}. Going on would mean guessing what the account holds.",
        fix="check that the endpoint is the ACRCloud Console API.",
    )
