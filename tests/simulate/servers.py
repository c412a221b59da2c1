"""The account and the run store as all processes share them, and as one process reaches them over a bad network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from acrsync.diagnostics import NoAnswer, RemoteError, UnknownOutcome
from acrsync.model import Attrs, Evidence, Live, Snapshot
from acrsync.runs.store import NO_RECORDS, Conflict, Stored, StoreError, Unanswered
from doubles import MemoryAccount
from simulate.world import Process, Trouble, World

TIMEOUT_S = 10.0  # after which a client gives an answer up
STALL_S = 200.0  # longer than a lease and all that others wait for
LANDING_S = 27.0  # at most so late does a request land: clocks that differ in pace must not make it 30
Answer = TypeVar("Answer")


@dataclass
class Write:
    """One write that was sent, and when it was carried out."""

    process: str
    verb: str
    name: str
    sent: float
    landed: list[tuple[float, int]] = field(default_factory=list)  # when, and which bucket
    listed: float = 0.0  # when the list that it follows from was asked for


@dataclass
class Server:
    """The account itself, with the history that lists lag behind."""

    world: World
    account: MemoryAccount
    lag_s: float = 0.0
    unique: bool = False  # whether a name can be taken
    respell: Callable[[str], str] = lambda name: name
    merges: Mapping[str, str] = field(default_factory=dict)  # a create of this name is answered with that bucket
    history: list[tuple[float, dict[int, dict[str, object]]]] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    when_deleting: Callable[[Write, int], None] = lambda write, bucket_id: None

    @property
    def doubled(self) -> bool:
        """Whether the network delivered a create twice, and both made a bucket: nothing that acrsync could help."""
        return any(write.verb == "create" and len(write.landed) > 1 for write in self.writes)

    def __post_init__(self) -> None:
        self.changed()

    def changed(self) -> None:
        self.history.append((self.world.t, {row_id: dict(row) for row_id, row in self.account.rows.items()}))

    def rows_at(self, t: float) -> Mapping[int, dict[str, object]]:
        return next(rows for at, rows in reversed(self.history) if at <= t or at == self.history[0][0])

    def observe(self, lag_s: float) -> Snapshot:
        now, self.account.rows = self.account.rows, dict(self.rows_at(self.world.t - lag_s))
        try:
            return self.account.observe()
        finally:
            self.account.rows = now

    def create(self, write: Write, attrs: Attrs, marks: tuple[str, ...]) -> Live:
        other = self.merges.get(str(attrs["name"]))
        if there := [row_id for row_id, row in self.account.rows.items() if row["name"] == other]:
            return self.account.show(there[0])
        name = self.respell(str(attrs["name"]))
        if self.unique:
            self.account.refuse_name(name)
        before = self.account.refuse_name
        self.account.refuse_name = lambda name, but=None: None  # type: ignore[method-assign, misc]
        try:
            live = self.account.create({**attrs, "name": name}, marks=marks)
        finally:
            self.account.refuse_name = before  # type: ignore[method-assign]
        write.landed.append((self.world.t, live.id))
        self.changed()
        return live

    def update(self, write: Write, bucket_id: int, attrs: Attrs, marks: tuple[str, ...]) -> Live:
        live = self.account.update(bucket_id, attrs, marks=marks)
        write.landed.append((self.world.t, bucket_id))
        self.changed()
        return live

    def delete(self, write: Write, bucket_id: int) -> None:
        """Delete a bucket, whatever it holds: the real server may not ask."""
        self.when_deleting(write, bucket_id)
        self.account.rows.pop(bucket_id, None)
        write.landed.append((self.world.t, bucket_id))
        self.changed()


@dataclass
class Reply(Generic[Answer]):
    """What a server answered, once it has."""

    value: Answer | None = None
    error: Exception | None = None
    there: bool = False

    def of(self, act: Callable[[], Answer]) -> Callable[[], None]:
        def answer() -> None:
            try:
                value = act()
            except (RemoteError, StoreError) as error:
                self.error = self.error if self.there else error
            else:
                self.value = self.value if self.there else value
            self.there = True

        return answer

    def read(self) -> Answer:
        assert self.there
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


@dataclass
class Network:
    """The way of one process to the servers."""

    world: World
    process: Process

    def exchange(
        self,
        what: str,
        act: Callable[[], Answer],
        *,
        to: str,
        writes: bool = False,
        not_sent: Callable[[], Exception],
        lost: Callable[[], Exception],
        before: Callable[[], None] = lambda: None,
        sent: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Send once. `before` is called on a connection that stands, right before the body; `act` at the server."""
        world, process = self.world, self.process
        number, troubles = world.effect(what)
        suspended = [trouble for kind in ("stop", "sleep") if (trouble := troubles.get(kind))]
        early = world.chance(process.name, number, "suspended") < 0.6
        pause_s = troubles["pause"].size if "pause" in troubles else 0.0
        if writes and to == "api":
            pause_s += world.pace_s * world.chance(process.name, number, "pace")
        self.connecting(lambda: self._connect(number, suspended if early else [], pause_s), before)
        # From here to `sent` nothing waits: what is suspended exactly here is beyond any lease, not beyond a claim.
        if writes and to == "api" and world.stalls and world.chance(process.name, number, "stall") < 0.3:
            world.suspend(process, Trouble(process.name, number, "stop", STALL_S))
        dies = troubles["kill"].size if "kill" in troubles else None
        if dies is not None and dies < 0.5:
            world.kill(process)
        if self._cut(to) and world.chance(process.name, number, "cut") < 0.5:
            world.tell(f"{what}: not sent")
            raise not_sent()
        sent()
        reply: Reply[Answer] = Reply()
        way_s = self._deliver(number, troubles, reply, act, to=to, writes=writes)
        if dies is not None:
            world.tell(f"{what}: sent")
            world.kill(process)
        if self._cut(to) or self._deaf(to, writes=writes) or {"late", "lose"} & troubles.keys():
            world.tell(f"{what}: sent, no answer")
            world.sleep(TIMEOUT_S)
            raise lost()
        world.sleep(way_s + (troubles["slow"].size if "slow" in troubles else world.latency(process, number, "back")))
        for trouble in () if early else suspended:
            world.suspend(process, trouble)
        world.tell(f"{what}: {type(reply.error).__name__ if reply.error else 'done'}")
        return reply.read()

    def _connect(self, number: int, suspended: Sequence[Trouble], pause_s: float) -> None:
        """Wait for names, routes and keys, and for a server that asks for patience."""
        self.world.sleep(self.world.latency(self.process, number, "out"))
        for trouble in suspended:
            self.world.suspend(self.process, trouble)
        self.world.sleep(pause_s)

    def _deliver(
        self,
        number: int,
        troubles: Mapping[str, Trouble],
        reply: Reply[Answer],
        act: Callable[[], Answer],
        *,
        to: str,
        writes: bool,
    ) -> float:
        """Have the request arrive once, twice or never, now or later; return how long it takes to."""
        world, name = self.world, self.process.name
        way_s = world.latency(self.process, number, "way")
        lost = "lose" in troubles and troubles["lose"].size < 0.3
        if not lost and not (self._deaf(to, writes=writes) and world.chance(name, number, "deaf") < 0.7):
            at_most = LANDING_S if to == "api" else 1000.0
            world.later(min(troubles["late"].size, at_most) if "late" in troubles else way_s, reply.of(act))
        if "twice" in troubles:
            world.later(way_s + min(troubles["twice"].size, LANDING_S - 2), Reply[Answer]().of(act))
        return way_s

    def _cut(self, to: str) -> bool:
        return self.process.cut.get(f"cut-{to}", 0.0) > self.world.t

    def _deaf(self, to: str, *, writes: bool) -> bool:
        return writes and self.process.cut.get(f"deaf-{to}", 0.0) > self.world.t

    def connecting(self, connect: Callable[[], None], before: Callable[[], None]) -> None:
        """Connect, then look a last time."""
        connect()
        before()


@dataclass
class SimRemote:
    """A Remote: the account as one process reaches it."""

    network: Network
    server: Server
    last_look: Callable[[], None] = lambda: None
    listed: float = 0.0
    when_sent: Callable[[Write], None] = lambda write: None
    endpoint: str = "memory:"

    def guard(self, last_look: Callable[[], None]) -> None:
        self.last_look = last_look

    def observe(self) -> Snapshot:
        world, process = self.network.world, self.network.process
        self.listed = world.t
        lag_s = self.server.lag_s * world.chance(process.name, process.effects + 1, "lag")
        return self._read("list", lambda: self.server.observe(lag_s))

    def read(self, bucket_id: int) -> Live | None:
        return self._read(f"read {bucket_id}", lambda: self.server.account.read(bucket_id))

    def contents(self, live: Live) -> int | None:
        return self._read(f"count {live.id}", lambda: self.server.account.contents(live))

    def evidence(self, touched: Iterable[Live], *, references: bool) -> Evidence:
        return Evidence(contents={live.id: self.contents(live) for live in touched})

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        write = self._write("create", str(attrs["name"]))
        return self._send(write, lambda: self.server.create(write, attrs, marks))

    def update(self, bucket_id: int, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        write = self._write("update", str(bucket_id))
        return self._send(write, lambda: self.server.update(write, bucket_id, attrs, marks))

    def delete(self, bucket_id: int) -> None:
        write = self._write("delete", str(bucket_id))
        return self._send(write, lambda: self.server.delete(write, bucket_id))

    def _read(self, what: str, act: Callable[[], Answer]) -> Answer:
        def silence() -> NoAnswer:
            return NoAnswer("E414", what)

        return self.network.exchange(what, act, to="api", not_sent=silence, lost=silence)

    def _write(self, verb: str, name: str) -> Write:
        return Write(self.network.process.name, verb, name, 0.0, listed=self.listed)

    def _send(self, write: Write, act: Callable[[], Answer]) -> Answer:
        what = f"{write.verb} {write.name}"

        def sent() -> None:
            write.sent = self.network.world.t
            self.server.writes.append(write)
            self.when_sent(write)

        return self.network.exchange(
            what,
            act,
            to="api",
            writes=True,
            not_sent=lambda: NoAnswer("E414", what),
            lost=lambda: UnknownOutcome("E430", what),
            before=self.last_look,
            sent=sent,
        )


@dataclass
class Shared:
    """What the run store holds."""

    stored: Stored | None = None
    records: dict[str, bytes] = field(default_factory=dict)
    asked_by: set[str] = field(default_factory=set)  # processes that asked it to change anything


@dataclass
class SimStore:
    """A Store as one process reaches it. Like git, it names a version by what is in it and what was before."""

    network: Network
    shared: Shared
    where: str = "memory:"

    def read(self) -> Stored | None:
        def silence() -> StoreError:
            return StoreError("E070", self.where)

        return self.network.exchange(
            "store read", lambda: self.shared.stored, to="store", not_sent=silence, lost=silence
        )

    def swap(self, data: bytes, *, expected: str | None, note: str, records: Mapping[str, bytes] = NO_RECORDS) -> str:
        self.shared.asked_by.add(self.network.process.name)
        version = hashlib.sha256(repr((expected, data)).encode()).hexdigest()[:12]

        def act() -> str:
            now = self.shared.stored
            if (now.version if now else None) != expected and (now is None or now.version != version):
                raise Conflict("E073", note)
            self.shared.stored = Stored(data, version)
            self.shared.records |= records
            return version

        return self.network.exchange(
            f"store swap ({note})",
            act,
            to="store",
            writes=True,
            not_sent=lambda: StoreError("E070", self.where),
            lost=lambda: Unanswered("E074", note),
        )

    def record_ids(self) -> tuple[str, ...]:
        return tuple(sorted(self.shared.records))

    def record(self, run_id: str) -> bytes | None:
        return self.shared.records.get(run_id)
