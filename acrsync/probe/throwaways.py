"""Throw-away buckets: a bucket is created only after it is recorded, and deleted only if it is proven to be ours.

The proof: its id is recorded, or it has exactly the recorded name, which contains a random number; it belongs to this
account and has type File; its name is one that this probe sent, in a form in which a server may store it; and it is
empty, which at least one field or list shows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from acrsync.diagnostics import Diagnostic, error
from acrsync.frozen import frozen
from acrsync.probe.evidence import Row, id_of, whole_number
from acrsync.probe.forms import may_be
from acrsync.probe.record import PREFIX, Record, Throwaway
from acrsync.probe.wire import Answer, Request, Wire
from acrsync.visible import visible

TYPE = "File"
LEAST = len(PREFIX) + 4  # the shortest cut name that is recognized: it has half of the nonce
GIVE_UP_AFTER = timedelta(hours=1)  # a create that the list does not show by then did not happen
PAGES_MAX = 1000


@frozen
class Removal:
    """The result of a deletion: the answer to the DELETE, or why it was not sent. `again`: try again later."""

    answer: Answer | None = None
    why: str = ""
    again: bool = False


@dataclass(slots=True)
class Throwaways:
    """The throw-away buckets of one probe, this one or an earlier one."""

    wire: Wire
    record: Record
    uid: int
    listed: Collection[int]  # ids that were listed before the first create
    unknown_status: int | None  # the status for an id that does not exist
    messages: list[Diagnostic] = field(default_factory=list)

    def new_rows(self, name: str, *, except_ids: Iterable[int] = ()) -> list[Row]:
        """Return the rows on all pages that have this name and were not listed before."""
        known = {*self.listed, *except_ids}
        rows = {id_of(row): row for row in listed(self.wire)}
        return [row for id_, row in rows.items() if id_ not in known and self._is_named(row, (name,), least=len(name))]

    def remove(self, bucket: Throwaway) -> Removal:
        """Delete a bucket if it is proven to be ours and empty."""
        if bucket.gone or bucket.id is None:
            return Removal(why="its id is not known")
        read = self.wire.get(f"/buckets/{bucket.id}")
        row = read.row
        if row is None and self._is_unknown(read):
            if bucket.deleting:
                self.record.gone(bucket)
                return Removal()
            # A read may lag even if the list does not.
            row = next((row for row in listed(self.wire) if id_of(row) == bucket.id), None)
        if row is None:
            return Removal(why=f"it cannot be read ({read.status or 'no answer'})", again=True)
        if objection := self._objection(bucket, row):
            return Removal(why=objection)
        self.record.deleting(bucket)
        answer = self.wire.send(Request("DELETE", f"/buckets/{bucket.id}"))
        if answer.ok or (answer.status == self.unknown_status and _was_lost(self.wire, answer)):
            self.record.gone(bucket)
            return Removal(answer)
        return Removal(answer, f"the DELETE failed ({answer.status or 'no answer'})", again=True)

    def clean_up(self, wait: Callable[[float], bool], *, timeout_s: float) -> bool:
        """Delete all that is left; return whether that succeeded. What cannot be found or deleted is reported."""
        for bucket in self.record.left:
            if bucket.id is None and not self.find(bucket, wait, timeout_s=timeout_s):
                continue
            for pause_s in (0.0, *_pauses(timeout_s)):
                if pause_s and not wait(pause_s):
                    break
                removal = self.remove(bucket)
                if not removal.again:
                    break
            if removal.again and self._is_gone(bucket):
                self.record.gone(bucket)
            elif removal.why:
                self._report(bucket, removal.why)
        if not self.record.left:
            self.record.end()
        return not self.record.left

    def find(self, bucket: Throwaway, wait: Callable[[float], bool], *, timeout_s: float) -> bool:
        """Look in the list for a bucket whose create was not answered; return whether exactly one was found."""
        others = [one.id for one in self.record.buckets if one.id is not None]
        for pause_s in (0.0, *_pauses(timeout_s)):
            if pause_s and not wait(pause_s):
                break
            rows = self.new_rows(bucket.name, except_ids=others)
            ids = [bucket_id for row in rows if (bucket_id := id_of(row)) is not None and row.get("uid") == self.uid]
            if len(ids) == 1:
                self.record.created(bucket, ids[0])
                return True
        return self._give_up(bucket)

    def _give_up(self, bucket: Throwaway) -> bool:
        if self._is_old():
            self.record.gone(bucket)
            return False
        self.record.lost(bucket)
        self.messages.append(
            error(
                "W604",
                f"No usable answer to the create of {bucket.name} came, and the list does not show the bucket.",
                fix="run `acrsync probe --write` again in an hour. If the bucket exists then, it is deleted.",
            )
        )
        return False

    def is_own(self, bucket: Throwaway, row: Row) -> bool:
        """Return whether a row is this throw-away bucket, by id, account, type and name."""
        same = id_of(row) == bucket.id and row.get("uid") == self.uid and row.get("type") == TYPE
        return same and self._is_named(row, bucket.names, least=LEAST)

    def _objection(self, bucket: Throwaway, row: Row) -> str:
        """Return why a bucket must not be deleted; empty if it may be."""
        if self.is_own(bucket, row):
            return self._contents(row)
        shown = ", ".join(f"{key} {visible(str(row.get(key)))}" for key in ("id", "uid", "type", "name"))
        return f"it has {shown}, so this probe did not create it"

    def _contents(self, row: Row) -> str:
        """Return why a bucket is not proven to be empty; empty if it is."""
        num, size = whole_number(row.get("num")), whole_number(row.get("size"))
        if (num or 0) > 0 or (size or 0) > 0:
            return f"it is not empty: num is {num}, size {size}"
        files = self.wire.get(f"/buckets/{id_of(row)}/files", page=1, per_page=1)
        if files.rows:
            return "its list of files is not empty"
        return "" if num == 0 or files.rows == [] else "nothing shows that it is empty"

    def _is_named(self, row: Row, names: Iterable[str], *, least: int) -> bool:
        shown = row.get("name")
        return isinstance(shown, str) and any(shown == name or may_be(shown, name, least=least) for name in names)

    def _is_old(self) -> bool:
        began = self.record.begun_at
        return began is not None and datetime.now(UTC) - began > GIVE_UP_AFTER

    def _is_unknown(self, read: Answer) -> bool:
        return read.status is not None and read.status == self.unknown_status

    def _is_gone(self, bucket: Throwaway) -> bool:
        """Return whether neither its id nor the list shows a bucket, long after it was created."""
        if not self._is_old():
            return False
        unknown = self._is_unknown(self.wire.get(f"/buckets/{bucket.id}"))
        return unknown and bucket.id not in {id_of(row) for row in listed(self.wire)}

    def _report(self, bucket: Throwaway, why: str) -> None:
        detail = f"Bucket {bucket.name} (id {bucket.id}) was not deleted: {why}."
        fix = "check it in the console. If it is empty, delete it there, or run `acrsync probe --write` again."
        self.messages.append(error("W605", detail, fix=fix))


def listed(wire: Wire) -> list[Row]:
    """Return the rows of all pages, up to the first without a new row. The page size is new, so no cache answers."""
    rows: dict[int | None, Row] = {}
    per_page = wire.fresh_size()
    for number in range(1, PAGES_MAX):
        new = [row for row in wire.get("/buckets", page=number, per_page=per_page).rows or () if id_of(row) not in rows]
        if not new:
            break
        rows |= {id_of(row): row for row in new}
    return list(rows.values())


def _was_lost(wire: Wire, answer: Answer) -> bool:
    """Return whether an earlier attempt at the same DELETE had no usable answer: then this 404 means success."""
    earlier = (one for one in wire.answers if (one.method, one.path) == ("DELETE", answer.path) and one is not answer)
    return any(one.status is None or one.status >= 500 for one in earlier)  # noqa: PLR2004


def _pauses(timeout_s: float) -> list[float]:
    """Return growing pauses between attempts, `timeout_s` in all."""
    pauses: list[float] = []
    while sum(pauses) < timeout_s:
        pauses.append(min(0.5 * 2 ** len(pauses), 8.0, timeout_s - sum(pauses)))
    return pauses
