"""Doubles that say no: an account in memory that stores, answers and refuses as the real one does."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from acrsync.bucket import decode, encode
from acrsync.diagnostics import NotFound, RemoteError, UnknownOutcome
from acrsync.model import Attrs, Evidence, Live, Snapshot
from acrsync.runs import Run
from acrsync.runs.memory import Known
from acrsync.runs.record import Lines
from step_clock import at_once


def nothing() -> None:
    return None


@dataclass
class MemoryAccount:
    """Keeps wire rows, not our own data: labels as a comma-joined column, templates as text, sizes as text."""

    uid: int = 19
    rows: dict[int, dict[str, object]] = field(default_factory=dict)
    next_id: int = 20000
    writes: list[str] = field(default_factory=list)
    reads: int = 0
    files: dict[int, int] = field(default_factory=dict)
    lose: Callable[[str], str] = lambda verb: ""  # "before" or "after": the answer is lost there
    reshape: random.Random | None = None
    last_look: Callable[[], None] = nothing  # called before each write
    fold: Callable[[str], str] = str.casefold  # two names of which this is equal are one

    def guard(self, last_look: Callable[[], None]) -> None:
        self.last_look = last_look

    @classmethod
    def with_buckets(cls, *bodies: dict[str, object], uid: int = 19) -> MemoryAccount:
        account = cls(uid=uid)
        for body in bodies:
            account.seed(**body)
        return account

    def seed(self, **body: object) -> Live:
        bucket_id = int(str(body.pop("id", self.next_id)))
        self.next_id = max(self.next_id, bucket_id) + 1
        row = {"region": "eu-west-1", "type": "File", "net_type": 1, "num": 0, "uid": self.uid}
        row |= {"metadata_template": None, "access_permission": "private", "created_at": "2024-01-01 00:00:00"}
        self.rows[bucket_id] = row | body | {"id": bucket_id, "labels": self.column(body.get("labels"))}
        self.files[bucket_id] = int(str(self.rows[bucket_id]["num"]))
        return self.show(bucket_id)

    def column(self, labels: object) -> str:
        return ",".join(labels) if isinstance(labels, list) else str(labels or "")

    def show(self, bucket_id: int) -> Live:
        row = dict(self.rows[bucket_id])
        labels = str(row["labels"]).split(",")
        template = row["metadata_template"]
        if self.reshape is not None:
            self.reshape.shuffle(labels)
            if isinstance(template, str) and template:
                template = json.dumps(json.loads(template), indent=self.reshape.choice([None, 2]), sort_keys=True)
            elif not template:
                template = self.reshape.choice([None, ""])
        return decode(row | {"labels": labels, "metadata_template": template})

    @property
    def endpoint(self) -> str:
        return "memory:"

    def observe(self) -> Snapshot:
        self.reads += 1
        return Snapshot(tuple(self.show(i) for i in sorted(self.rows, reverse=True)), self.endpoint)

    def read(self, bucket_id: int) -> Live | None:
        self.reads += 1
        return self.show(bucket_id) if bucket_id in self.rows else None

    def contents(self, live: Live) -> int | None:
        self.reads += 1
        return self.files.get(live.id, 0)

    def evidence(self, touched: Iterable[Live], *, references: bool) -> Evidence:
        return Evidence(contents={live.id: self.contents(live) for live in touched})

    def refuse_name(self, name: object, *, but: int | None = None) -> None:
        for row in self.rows.values():
            if self.fold(str(row["name"])) == self.fold(str(name)) and row["id"] != but:
                raise RemoteError("E405", "The name has been taken.", status=422)

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        self.last_look()
        self.writes.append(f"POST {attrs['name']}")
        lost = self.lose("create")
        if lost == "before":
            raise UnknownOutcome("E406", "reset")
        body = encode(attrs, marks=marks)
        self.refuse_name(body["name"])
        live = self.seed(**body)
        if lost == "after":
            raise UnknownOutcome("E406", "reset")
        return live

    def update(self, bucket_id: int, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        self.last_look()
        self.writes.append(f"PUT {bucket_id}")
        if bucket_id not in self.rows:
            raise NotFound("E403", f"{bucket_id}", status=404)
        body = encode(attrs, marks=marks)
        self.refuse_name(body.get("name", ""), but=bucket_id)
        if "labels" in body:
            body["labels"] = self.column(body["labels"])
        self.rows[bucket_id].update({key: body[key] for key in ("name", "labels", "metadata_template") if key in body})
        return self.show(bucket_id)

    def delete(self, bucket_id: int) -> None:
        self.last_look()
        self.writes.append(f"DELETE {bucket_id}")
        if self.files.get(bucket_id):
            raise RemoteError("E405", "clean the bucket first", status=422)
        self.rows.pop(bucket_id, None)


@dataclass
class FakeClock:
    """Time that passes only during a wait."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds

    def readings(self) -> tuple[float, float, float]:
        return self.seconds, self.seconds, self.seconds

    def wall(self) -> datetime:
        return datetime(2026, 8, 1, 9, 30, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def wait(self, seconds: float) -> bool:
        self.seconds += seconds
        return True

    beside = staticmethod(at_once)

    def repeat(self, task: Callable[[], None], *, every_s: float, name: str) -> Callable[[], None]:
        return nothing


@dataclass
class ListJournal:
    """A record in memory."""

    id: str = "20260801T093000Z-000000"
    where: str = "memory"
    intents: list[tuple[str, str, dict, tuple[str, ...]]] = field(default_factory=list)
    outcomes: list[object] = field(default_factory=list)

    @property
    def lines(self):
        return ()

    def intent(self, verb, change, *, attrs, marks) -> None:
        self.intents.append((verb, change.name, dict(attrs), marks))

    def outcome(self, outcome) -> None:
        self.outcomes.append(outcome)

    def before_write(self) -> None:
        pass

    def end(self, *, exit_code, verified, rows, managed) -> None:
        pass


@dataclass
class MemoryRuns:
    """Runs that leave nothing behind; the one to come is written into `journal`."""

    journal: Run = field(default_factory=ListJournal)
    where: str = "memory:"

    def peek(self) -> Known:
        return Known()

    def wait_until_free(self, *, lock_timeout_s, notify, in_flight=True) -> Known:
        return Known()

    def begin(self, wanted, *, rows) -> Run:
        return self.journal

    def settle(self, *, rows) -> None:
        pass

    def history(self) -> Iterator[tuple[str, Lines]]:
        return iter(())

    def close(self, run_id, *, reason) -> None:
        pass

    def release(self) -> None:
        pass
