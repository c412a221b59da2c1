"""Copies an account, with GET only, into the document that the emulator's `copy` loads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from acrsync.acrcloud.users import LISTS
from acrsync.bucket import canonical_number, content_path
from acrsync.client import Client
from acrsync.diagnostics import AccessDenied, AcrsyncError, NotFound, RemoteError
from acrsync.frozen import frozen
from acrsync.model import JSON, Live
from acrsync.visible import visible

READERS = 8
PER_PAGE = 100
PAGES_MAX = 1000
SECRETS = ("access_key", "access_secret")
NOTHING = "[left out of the copy]"


@frozen
class AccountCopy:
    """A copy of an account, and the names of the lists that could not be copied."""

    document: Mapping[str, JSON]
    missing: tuple[str, ...] = ()


def copy_account(client: Client, *, uid: int | None) -> AccountCopy:
    """Return a copy of the account: its buckets, their contents, and the projects and containers that use them.

    If `uid` is None, it is the uid of the private buckets. Secrets of projects are left out.
    Raises: AcrsyncError if the list of buckets is not proven to be complete, or the uid is unknown.
    """
    rows: list[Mapping[str, JSON]] = [dict(row) for row in client.iter_buckets()]
    missing: list[str] = []
    with ThreadPoolExecutor(READERS) as pool:
        contents = dict(pool.map(lambda row: _contents(client, row), [row for row in rows if _id(row) is not None]))
        users = dict(zip(LISTS, pool.map(lambda name: _users(client, name, missing), LISTS), strict=True))
    document = {
        "uid": _uid(rows) if uid is None else uid,
        "buckets": rows,
        "contents": contents,
        "references": {name: found for name, found in users.items() if found},
    }
    return AccountCopy(document, tuple(missing))


def _uid(rows: list[Mapping[str, JSON]]) -> int:
    uids = {row.get("uid") for row in rows if row.get("access_permission", "private") == "private"}
    known = [uid for uid in uids if isinstance(uid, int) and not isinstance(uid, bool)]
    if len(known) == 1:
        return known[0]
    raise AcrsyncError(
        "E651",
        f"The buckets show {', '.join(map(str, sorted(known))) or 'no uid'}, so the uid of the account is unknown.",
        fix="add to the manifest: account: {uid: UID}",
    )


def _id(row: Mapping[str, JSON]) -> int | None:
    number = canonical_number(row.get("id"))
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _contents(client: Client, row: Mapping[str, JSON]) -> tuple[str, JSON]:
    """Return the id of a bucket as text, and the length of its content list or the status of the error."""
    bucket_id, is_live = _id(row), str(row.get("type")).startswith("Live")
    size = canonical_number(row.get("size"))
    seconds = {"seconds": size} if isinstance(size, int) and size > 0 else {}
    path = content_path(Live(bucket_id or 0, {"type": row.get("type")}))
    try:
        answer = client.json(f"/api/buckets/{bucket_id}/{path}", {"page": 1, "per_page": 1})
    except (AccessDenied, NotFound) as e:
        return str(bucket_id), {"status": e.status, **seconds, **_counted(row, is_live=is_live)}
    except RemoteError:
        return str(bucket_id), {**seconds, **_counted(row, is_live=is_live)}
    return str(bucket_id), {**seconds, "channels" if is_live else "files": _count(answer, row)}


def _counted(row: Mapping[str, JSON], *, is_live: bool) -> Mapping[str, int]:
    """Return the content according to the bucket's `num`."""
    num = canonical_number(row.get("num"))
    return {"channels" if is_live else "files": num} if isinstance(num, int) and num > 0 else {}


def _count(answer: JSON, row: Mapping[str, JSON]) -> int:
    match answer:
        case {"data": list(rows), "meta": {"total": total}}:
            number = canonical_number(total)
            return max(len(rows), number if isinstance(number, int) and not isinstance(number, bool) else 0)
        case {"data": list(rows)}:
            return len(rows)
        case _:
            num = canonical_number(row.get("num"))
            return num if isinstance(num, int) and num > 0 else 0


def _users(client: Client, name: str, missing: list[str]) -> list[Mapping[str, JSON]]:
    """Return the rows of a list of projects or containers, without secrets; empty if it cannot be read."""
    try:
        return [_without_secrets(row) for row in _rows(lambda page: client.json(f"/api/{name}", page))]
    except NotFound:
        return []
    except RemoteError as e:
        missing.append(f"{name}: {visible(e.diagnostic.summary)}")
        return []


def _rows(fetch: Callable[[Mapping[str, JSON]], JSON]) -> Iterator[Mapping[str, JSON]]:
    seen: set[str] = set()
    for number in range(1, PAGES_MAX):
        answer = fetch({"page": number, "per_page": PER_PAGE})
        rows = answer.get("data") if isinstance(answer, dict) else None
        new = [row for row in rows or () if isinstance(row, dict) and str(row.get("id")) not in seen]
        yield from new
        seen |= {str(row.get("id")) for row in new}
        if not new or (isinstance(answer, dict) and "meta" not in answer):
            return


def _without_secrets(row: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Return a row of a project without its keys, and with only the ids and names of its buckets.

    The emulator adds the other fields of the buckets, also for buckets of other accounts, such as ACRCloud's.
    """
    used = row.get("buckets")
    group = str(row.get("bucket_group") or "")
    ids = [number for text in group.split(",") if isinstance(number := canonical_number(text.strip()), int)]
    buckets = [one for entry in (used if isinstance(used, list) else ids) if (one := _used(entry)) is not None]
    kept = {key: NOTHING if key in SECRETS else value for key, value in row.items() if key not in ("buckets",)}
    return {**kept, "buckets": buckets}


def _used(entry: JSON) -> int | str | None:
    match entry:
        case {"id": int(bucket_id)}:
            return bucket_id
        case {"id": str(text)} if text.isdigit():
            return int(text)
        case int() | str() if not isinstance(entry, bool):
            return entry
        case _:
            return None
