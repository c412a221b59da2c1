"""Throw-away buckets: created only when they are recorded, deleted only when they are proven to be the probe's own.

Proven is: its id is recorded, or it has exactly the name that is recorded, and nobody else can have made that name up;
it is of this account and of type File; it has a name that this probe gave it, in a form in which a server may store it;
it holds nothing, and at least one sign says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from acrsync.diagnostics import Diagnostic, error
from acrsync.probe.evidence import Row, id_of, whole_number
from acrsync.probe.forms import may_be
from acrsync.probe.record import PREFIX, Record, Thrown
from acrsync.probe.wire import Answer, Wire
from acrsync.visible import visible

TYPE = "File"
LEAST = len(PREFIX) + 4  # characters of a name that was cut by which it is still known: some of the nonce
GIVEN_UP = timedelta(hours=1)  # a create that no list shows by then did not happen
PAGES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of a deletion: the answer to the DELETE, or why it was not sent; `again`: it may be, later."""

    answer: Answer | None = None
    why: str = ""
    again: bool = False


@dataclass(slots=True)
class Throwaways:
    """The throw-away buckets of one probe, or those that an earlier one left."""

    wire: Wire
    record: Record
    uid: int
    listed: Collection[int]  # ids that were there before the first create
    unknown_status: int | None  # what an id that does not exist is answered
    messages: list[Diagnostic] = field(default_factory=list)

    def own(self, name: str, *, besides: Iterable[int] = ()) -> list[Row]:
        """Return the rows of the list, all its pages, that have this name and were not there before."""
        known = {*self.listed, *besides}
        rows = {id_of(row): row for row in listed(self.wire)}
        return [row for id_, row in rows.items() if id_ not in known and self._is_named(row, (name,), least=len(name))]

    def remove(self, thrown: Thrown) -> Removal:
        """Delete a bucket if it is proven to be the probe's own and empty."""
        if thrown.gone or thrown.id is None:
            return Removal(why="its id is not known")
        read = self.wire.get(f"/buckets/{thrown.id}")
        row = read.row
        if row is None and self._is_unknown(read):
            if thrown.deleting:
                self.record.gone(thrown)
                return Removal()
            # A read of it may lag although the list does not.
            row = next((row for row in listed(self.wire) if id_of(row) == thrown.id), None)
        if row is None:
            return Removal(why=f"it cannot be read: {read.status or 'no answer'}", again=True)
        if objection := self._objection(thrown, row):
            return Removal(why=objection)
        self.record.deleting(thrown)
        answer = self.wire.ask("DELETE", f"/buckets/{thrown.id}")
        if answer.ok or (answer.status == self.unknown_status and _was_lost(self.wire, answer)):
            self.record.gone(thrown)
            return Removal(answer)
        return Removal(answer, f"the DELETE was answered {answer.status or 'by nothing'}", again=True)

    def clean_up(self, wait: Callable[[float], bool], *, patience_s: float) -> bool:
        """Delete all that is left; tell whether nothing is. What cannot be found or deleted is reported."""
        for thrown in self.record.left:
            if thrown.id is None and not self.find(thrown, wait, patience_s=patience_s):
                continue
            for pause_s in (0.0, *_pauses(patience_s)):
                if pause_s and not wait(pause_s):
                    break
                removal = self.remove(thrown)
                if not removal.again:
                    break
            if removal.again and self._is_nowhere(thrown):
                self.record.gone(thrown)
            elif removal.why:
                self._report(thrown, removal.why)
        if not self.record.left:
            self.record.end()
        return not self.record.left

    def find(self, thrown: Thrown, wait: Callable[[float], bool], *, patience_s: float) -> bool:
        """Look in the list for a bucket whose create was not answered; tell whether exactly one was found."""
        others = [one.id for one in self.record.thrown if one.id is not None]
        for pause_s in (0.0, *_pauses(patience_s)):
            if pause_s and not wait(pause_s):
                break
            rows = self.own(thrown.name, besides=others)
            ids = [bucket_id for row in rows if (bucket_id := id_of(row)) is not None and row.get("uid") == self.uid]
            if len(ids) == 1:
                self.record.created(thrown, ids[0])
                return True
        return self._give_up(thrown)

    def _give_up(self, thrown: Thrown) -> bool:
        if self._is_old():
            self.record.gone(thrown)
            return False
        self.record.lost(thrown)
        self.messages.append(
            error(
                "W604",
                f"The answer to the create of {thrown.name} was lost, and the list does not show it.",
                fix="run `acrsync probe --write` again in an hour: if it is there then, it is deleted.",
            )
        )
        return False

    def is_own(self, thrown: Thrown, row: Row) -> bool:
        """Tell whether a row is this throw-away bucket: its id, its account, its type, and a name that it was given."""
        same = id_of(row) == thrown.id and row.get("uid") == self.uid and row.get("type") == TYPE
        return same and self._is_named(row, thrown.names, least=LEAST)

    def _objection(self, thrown: Thrown, row: Row) -> str:
        """Return why a bucket may not be deleted; nothing if it may."""
        if self.is_own(thrown, row):
            return self._contents(row)
        shown = ", ".join(f"{key} {visible(str(row.get(key)))}" for key in ("id", "uid", "type", "name"))
        return f"it has {shown}, which is not what this probe made"

    def _contents(self, row: Row) -> str:
        """Return what says that a bucket holds something, or why nothing says that it is empty."""
        num, size = whole_number(row.get("num")), whole_number(row.get("size"))
        if (num or 0) > 0 or (size or 0) > 0:
            return f"it holds something: num is {num}, size {size}"
        files = self.wire.get(f"/buckets/{id_of(row)}/files", page=1, per_page=1)
        if files.rows:
            return "its list of files is not empty"
        return "" if num == 0 or files.rows == [] else "nothing says that it is empty"

    def _is_named(self, row: Row, names: Iterable[str], *, least: int) -> bool:
        shown = row.get("name")
        return isinstance(shown, str) and any(shown == name or may_be(shown, name, least=least) for name in names)

    def _is_old(self) -> bool:
        began = self.record.begun_at
        return began is not None and datetime.now(UTC) - began > GIVEN_UP

    def _is_unknown(self, read: Answer) -> bool:
        return read.status is not None and read.status == self.unknown_status

    def _is_nowhere(self, thrown: Thrown) -> bool:
        """Tell whether neither its id nor the list shows a bucket any more, long after it was created."""
        if not self._is_old():
            return False
        unknown = self._is_unknown(self.wire.get(f"/buckets/{thrown.id}"))
        return unknown and thrown.id not in {id_of(row) for row in listed(self.wire)}

    def _report(self, thrown: Thrown, why: str) -> None:
        detail = f"Bucket {thrown.name} (id {thrown.id}) was not deleted: {why}."
        fix = "look at it in the console; if it is empty, delete it there, or run `acrsync probe --write` again."
        self.messages.append(error("W605", detail, fix=fix))


def listed(wire: Wire) -> list[Row]:
    """Return the rows of the list as far as its pages show new ones; no cache knows the page size."""
    rows: dict[int | None, Row] = {}
    per_page = wire.fresh_size()
    for number in range(1, PAGES_MAX):
        new = [row for row in wire.get("/buckets", page=number, per_page=per_page).rows or () if id_of(row) not in rows]
        if not new:
            break
        rows |= {id_of(row): row for row in new}
    return list(rows.values())


def _was_lost(wire: Wire, answer: Answer) -> bool:
    """Tell whether an earlier attempt at the same DELETE was not answered, so that this 404 is its success."""
    earlier = (one for one in wire.answers if (one.method, one.path) == ("DELETE", answer.path) and one is not answer)
    return any(one.status is None or one.status >= 500 for one in earlier)  # noqa: PLR2004


def _pauses(patience_s: float) -> list[float]:
    """Return the pauses between looks: short ones first, all of them as long as patience lasts."""
    pauses: list[float] = []
    while sum(pauses) < patience_s:
        pauses.append(min(0.5 * 2 ** len(pauses), 8.0, patience_s - sum(pauses)))
    return pauses
