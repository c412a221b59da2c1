"""Decides who owns a bucket: the uid of its account, the marks of stacks, and which buckets `prune` may delete."""

from collections.abc import Iterable

from acrsync.bucket import unwritable
from acrsync.model import PROTECTED, Desired, Live, Manifest, Prune, Snapshot
from acrsync.plan.changes import Marks


def account_uid(manifest: Manifest, snapshot: Snapshot) -> int | None:
    """Return our own uid: `account.uid`, else the only uid of buckets that are not shared, else None."""
    if manifest.account_uid is not None:
        return manifest.account_uid
    uids = unshared_uids(snapshot.rows)
    return uids[0] if len(uids) == 1 else None


def unshared_uids(rows: Iterable[Live]) -> tuple[int, ...]:
    """Return the uids of the buckets that are not shared. They show which account this is."""
    return tuple(sorted({row.uid for row in rows if row.uid is not None and not is_shared(row)}))


def is_shared(row: Live) -> bool:
    """Return whether other accounts can use a bucket.

    GUESS: every account lists ACRCloud's own bucket 23, with the owner's uid and a permission that is not `private`.
    """
    return bool(row.facts.get("access_permission", "private") != "private")


def is_own(row: Live, uid: int | None) -> bool:
    """Return whether a bucket belongs to the account with this uid. True if one of the two uids is unknown."""
    return uid is None or row.uid in (uid, None)


def is_explained(row: Live, manifest: Manifest) -> bool:
    """Return whether `removed` or the mark of another stack explains a bucket without an entry."""
    return manifest.removes(row) or bool(manifest.other_marks(row))


def wanted_marks(manifest: Manifest, desired: Desired, live: Live | None) -> Marks:
    """Return the missing marks to add, and the existing marks to remove."""
    existing = set(live.marks) if live else set()
    if desired.marks is not None:
        wanted = set(desired.marks)
    elif manifest.mark is None:
        return Marks()
    else:
        protected = PROTECTED in existing if desired.protect is None else desired.protect
        wanted = {manifest.mark, PROTECTED} if protected else {manifest.mark}
    return Marks(add=tuple(sorted(wanted - existing)), remove=tuple(sorted(existing - wanted)))


def prunable(manifest: Manifest, row: Live) -> bool:
    """Return whether `prune` may delete an own bucket that the manifest does not name.

    The bucket must be readable, and it must be possible to name it in a manifest.
    """
    if is_shared(row) or row.unreadable or unwritable(row) is not None:
        return False
    return manifest.prune is Prune.ACCOUNT or (manifest.prune is Prune.STACK and manifest.mark in row.marks)
