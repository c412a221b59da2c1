"""Whose bucket it is: the account's uid, a stack's marks, and what `prune` may take."""

from collections.abc import Iterable

from acrsync.bucket import unwritable
from acrsync.model import MARK, PROTECTED, Desired, Live, Manifest, Prune, Snapshot
from acrsync.plan.changes import Marks


def account_uid(manifest: Manifest, snapshot: Snapshot) -> int | None:
    """Return our own uid: `account.uid`, else the only one by which the listing tells it, else None."""
    if manifest.account_uid is not None:
        return manifest.account_uid
    told = telling_uids(snapshot.rows)
    return told[0] if len(told) == 1 else None


def telling_uids(rows: Iterable[Live]) -> tuple[int, ...]:
    """Return the uids by which a listing tells whose account it is: those of buckets that nobody shares."""
    return tuple(sorted({row.uid for row in rows if row.uid is not None and not is_shared(row)}))


def is_shared(row: Live) -> bool:
    """Tell whether others than its owner may use it.

    GUESS: ACRCloud's own bucket 23 is listed in every account, with its owner's uid and a permission of its own.
    """
    return bool(row.facts.get("access_permission", "private") != "private")


def is_own(row: Live, uid: int | None) -> bool:
    """Tell whether a row is of the account with this uid; while that is not known, every row is."""
    return uid is None or row.uid in (uid, None)


def wanted_marks(manifest: Manifest, desired: Desired, live: Live | None) -> Marks:
    """Return the marks to add and remove; only ever those that are missing or there."""
    there = set(live.marks) if live else set()
    if desired.marks is not None:
        return Marks(add=tuple(sorted({*desired.marks} - there)), remove=tuple(sorted(there - {*desired.marks})))
    if manifest.mark is None:
        return Marks()
    wanted = {manifest.mark} | ({PROTECTED} if desired.protect else set())
    unwanted = {mark for mark in there if mark.startswith(MARK) and mark not in (manifest.mark, PROTECTED)}
    unwanted |= {PROTECTED} if desired.protect is False else set()
    return Marks(add=tuple(sorted(wanted - there)), remove=tuple(sorted(unwanted & there)))


def prunable(manifest: Manifest, row: Live) -> bool:
    """Tell whether `prune` may take an own bucket that the manifest does not name, but could, and fully read."""
    if is_shared(row) or row.unreadable:
        return False
    match manifest.prune:
        case Prune.STACK:
            return manifest.mark in row.marks and unwritable(row) is None
        case Prune.ACCOUNT:
            return unwritable(row) is None
        case Prune.NEVER:
            return False
