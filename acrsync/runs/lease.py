"""A lease on an account, in a store that offers only compare-and-swap.

Terms. The *object* is the one document that a store keeps for an account: who holds the account, and what recent
runs did or left open. Each swap gives it a fresh *nonce*. A run *holds* the account from the swap that stores its name
and plan until the swap that removes them, or until `ttl` after its last *renewal*, a swap that adds its outcomes.

The premise: **a run writes to the account only while its own clock proves that no other run can consider the account
free.** Clocks of two machines are never compared. The holder counts from before it *sent* its last renewal, and the
others count from after they *read* it, so the holder's time ends first.

The ten rules. A simulation of many runners left out each of them once, and each time a bucket was duplicated or lost
(`tests/simulate`; `docs/safety.md` has the table).

1.  There is one object. It changes only by compare-and-swap, each time with a fresh nonce: otherwise two equal writes
    would both succeed.
2.  If the response to a swap is lost, or a swap conflicts, the run reads the object again, and the *nonce* shows whose
    swap landed. The holder's name does not show it: an older swap of the same run may have landed late.
3.  The object is never deleted. A release is a swap, too, and keeps what happened.
4.  Another run takes over when one nonce has not changed for `ttl` on its own clock, counted from the first response
    that showed it. Timestamps of the holder have no influence.
5.  The holder's `ttl` counts from before it sent the renewal, less 5 %, on the clock that advanced most: a clock may
    have stopped while the machine slept. The holder checks the clock right before the first byte of a write's body. If
    the time is over, it renews and checks again, because a renewal may take long, too.
6.  The plan, the listed ids and everything that a replacement needs to create its bucket again are in the object before
    the first write. So the plan is the intent of all its changes, and a change without an outcome counts as sent.
7.  If the previous run left a change undecided, a run waits `LANDING_S`, and then until lists must show that change,
    before it lists the account.
8.  An open change stays open through any number of runs, until a list settles it.
9.  A list must show what the last runs wrote. If it does not, it may be older, and the caller waits and lists again.
10. A run does not hold the account while it lists and plans. Its first swap names the version that it read before the
    list. If the swap succeeds, no run held the account in between, and the list is valid.

What remains: a process that is suspended between its last check and the socket sends its request when it resumes. A
*strict* run closes this gap: it swaps in a claim before each create, and no run repeats a create that has an open
claim. After a takeover the swap of a claim fails, so that create is neither claimed nor sent.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, field, replace
from datetime import datetime
from typing import TypeVar

from acrsync.clock import Clock
from acrsync.diagnostics import AcrsyncError
from acrsync.frozen import frozen
from acrsync.model import Attrs, Live
from acrsync.plan.changes import Work
from acrsync.plan.outcome import Outcome, Verb
from acrsync.runs import LANDING_S, LeaseLost, LostRace, held, lost_race
from acrsync.runs.memory import FORGET_AFTER, MALFORMED, Holder, Known, PastRun, end_of, past_run, reduced
from acrsync.runs.record import (
    NEWER,
    Line,
    Lines,
    NewerFormat,
    Wanted,
    Who,
    check,
    check_format,
    closed_line,
    decoded,
    encoded,
    intent_line,
    intents_of,
    new_id,
    outcome_line,
    run_line,
)
from acrsync.runs.store import NO_RECORDS, Conflict, Store, StoreError, Unanswered
from acrsync.visible import visible

FORMAT_VERSION = "1.0"
MARGIN = 0.95  # the part of the ttl that the holder uses: clocks run at slightly different speeds
Decoded = TypeVar("Decoded")
TRIES = 3
POLL_S = 2.0
TAKEN_OVER = "another run has taken over"


@frozen
class Object:
    """What the store keeps for an account."""

    nonce: str = ""
    holder: Holder | None = None
    runs: Mapping[str, Lines] = field(default_factory=dict)  # by id, oldest first

    @classmethod
    def decoded(cls, data: bytes) -> Object:
        """Return the object from its bytes. Raises: one of MALFORMED."""
        document = json.loads(data)
        check_format(document["format_version"], FORMAT_VERSION)
        holder = document["holder"]
        runs = {run["id"]: tuple(run["lines"]) for run in document["runs"]}
        for lines in runs.values():
            check(lines)
        decoded = cls(str(document["nonce"]), None if holder is None else Holder.of(holder), runs)
        decoded.known()
        return decoded

    def encoded(self) -> bytes:
        runs = [{"id": run_id, "lines": list(lines)} for run_id, lines in self.runs.items()]
        holder = self.holder and asdict(self.holder)
        document = {"format_version": FORMAT_VERSION, "nonce": self.nonce, "holder": holder, "runs": runs}
        return json.dumps(document).encode()

    def known(self) -> Known:
        return Known(tuple(past_run(lines) for lines in self.runs.values()), self.holder)

    def with_lines(self, added: Mapping[str, Lines]) -> Object:
        """Return the object with lines added to the records of some runs."""
        runs = {run_id: (*lines, *added.get(run_id, ())) for run_id, lines in self.runs.items()}
        return replace(self, runs=runs | {run_id: lines for run_id, lines in added.items() if run_id not in runs})

    def records(self) -> dict[str, bytes]:
        """Return the complete records of finished runs; the next `compacted` removes most of their lines."""
        done = {run.id for run in self.known().runs if run.done and "plan" in run.header}
        return {run_id: encoded(lines) for run_id, lines in self.runs.items() if run_id in done}

    def compacted(self, *, now: datetime) -> Object:
        """Return the object with only what later runs need, which is little of a finished run."""
        past_runs = {run_id: past_run(lines) for run_id, lines in self.runs.items()}
        newest = {_manifest_of(run): run.id for run in past_runs.values() if run.managed}
        kept: dict[str, Lines] = {}
        for run_id, lines in self.runs.items():
            managed = newest.get(_manifest_of(past_runs[run_id])) == run_id
            if not past_runs[run_id].done:
                kept[run_id] = lines
            elif managed or now - past_runs[run_id].last < FORGET_AFTER:
                kept[run_id] = reduced(lines, managed=managed)
        return replace(self, runs=kept)


class LeasedRuns:
    """The runs of one account, in a store that several machines share."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        who: Who,
        settle_s: float,
        landing_s: float = LANDING_S,
        ttl_s: float,
        strict: bool = False,
    ) -> None:
        self.where = store.where
        self.store, self.clock, self.who = store, clock, who
        self.settle_s, self.landing_s, self.ttl_s, self.strict = settle_s, landing_s, ttl_s, strict
        self._last_read: tuple[Object, str | None] = (
            Object(),
            None,
        )  # what `wait_until_free` read last, and its version
        self._run: LeasedRun | None = None

    def peek(self) -> Known:
        return self.read()[0].known()

    def wait_until_free(
        self, *, lock_timeout_s: float, notify: Callable[[str], object], in_flight: bool = True
    ) -> Known:
        began = self.clock.now()
        nonce, since, last_message = None, began, ""
        while True:
            current, version = self.read()
            now = self.clock.now()
            if current.nonce != nonce:
                if nonce is not None and current.holder and now - began >= lock_timeout_s:
                    raise held(current.holder)
                nonce, since = current.nonce, now
            wait_s = self.remaining_wait_s(current, unchanged_s=now - since, in_flight=in_flight)
            if wait_s <= 0:
                self._last_read = current, version
                return replace(current.known(), holder=None)  # if it has a holder, its time is over
            if (message := _waiting(current, unchanged_s=now - since)) != last_message:
                notify(last_message := message)
            if not self.clock.wait(min(POLL_S, wait_s)):
                raise KeyboardInterrupt

    def remaining_wait_s(self, current: Object, *, unchanged_s: float, in_flight: bool) -> float:
        """Return how long the object must stay unchanged until a run may list; at most 0 if it may list now."""
        holding_s = current.holder.ttl_s if current.holder else 0.0
        landing_s = self.landing_s + self.settle_s if in_flight and current.known().undecided else 0.0
        return holding_s + landing_s - unchanged_s

    def begin(self, wanted: Wanted, *, rows: Sequence[Live]) -> LeasedRun:
        now, (current, version) = self.clock.wall(), self._last_read
        run_id = new_id(now)
        lines = (run_line(run_id, wanted, self.who, now=now), *intents_of(wanted.plan, now=now, claims=self.strict))
        holder = Holder(run_id, str(self.who), now.isoformat(timespec="seconds"), self.ttl_s)
        settled = current.known().settled(rows, by=run_id, now=now)
        held_now = replace(current.with_lines({**settled, run_id: lines}), holder=holder)
        lease = Lease(self, held_now, version)
        lease.put(note=f"{run_id}: begins")
        self._run = LeasedRun(run_id, lease)
        return self._run

    def settle(self, *, rows: Sequence[Live]) -> None:
        now, (current, version) = self.clock.wall(), self._last_read
        if settled := current.known().settled(rows, by="", now=now):
            self._change(current, version, settled, note="nothing to do: settles " + ", ".join(settled))

    def close(self, run_id: str, *, reason: str) -> None:
        current, version = self._last_read
        current.known().unfinished_run(run_id)
        closed = closed_line(by=str(self.who), reason=reason, now=self.clock.wall())
        self._change(current, version, {run_id: (closed,)}, note=f"{run_id}: closed by hand")

    def history(self) -> Iterator[tuple[str, Lines]]:
        recent = self.read()[0].runs
        for run_id in sorted({*self.store.record_ids(), *recent}):
            record = None if "plan" in recent.get(run_id, ({},))[0] else self.store.record(run_id)
            if record is not None:
                yield run_id, self._decoded(decoded, record, of=f" run {run_id}:")
            elif run_id in recent:
                yield run_id, recent[run_id]

    def release(self) -> None:
        if self._run is not None:
            self._run.stop()

    def read(self) -> tuple[Object, str | None]:
        """Return the object and its version. Raises: StoreError, also if it is damaged."""
        stored = self.store.read()
        return (Object(), None) if stored is None else (self._decoded(Object.decoded, stored.data), stored.version)

    def _decoded(self, decode: Callable[[bytes], Decoded], data: bytes, *, of: str = "") -> Decoded:
        try:
            return decode(data)
        except MALFORMED as e:
            detail = f"{self.where}:{of} {e}. It may record a create that must not be sent again."
            fix = NEWER if isinstance(e, NewerFormat) else "restore an older version of it."
            raise StoreError("E072", detail, fix=fix) from e

    def _change(self, current: Object, version: str | None, added: Mapping[str, Lines], *, note: str) -> None:
        changed = replace(current.with_lines(added), holder=None)
        Lease(self, changed.compacted(now=self.clock.wall()), version).put(note=note, records=changed.records())


class Lease:
    """The object that this run wants to store, and since when it is known to be stored."""

    def __init__(self, runs: LeasedRuns, wanted: Object, version: str | None) -> None:
        self.runs, self.wanted = runs, wanted
        self._version = version
        # By nonce: the clocks before it was first sent.
        self._sent: dict[str, tuple[float, float, float]] = {}
        self._since: tuple[float, float, float] | None = None  # the clocks of the nonce that is known to be stored
        self.taken_over = False  # another run has taken the account

    @property
    def in_time(self) -> bool:
        """Whether no other run can consider the account free yet."""
        if self.taken_over or self._since is None:
            return False
        ages = (now - since for now, since in zip(self.runs.clock.readings(), self._since, strict=True))
        return max(ages) < self.runs.ttl_s * MARGIN

    def put(self, *, note: str, records: Mapping[str, bytes] = NO_RECORDS) -> None:
        """Store `wanted` under a fresh nonce.

        Raises: LostRace if another run was faster, StoreError if the object may not be stored.
        """
        nonce = self.fresh_nonce()
        data = replace(self.wanted, nonce=nonce).encoded()
        self._sent[nonce] = self.runs.clock.readings()
        error: StoreError | None = None
        for _ in range(TRIES):
            try:
                self._version = self.runs.store.swap(data, expected=self._version, note=note, records=records)
            except (Conflict, Unanswered) as uncertain:
                error = uncertain
                if not self.landed(nonce):
                    continue
            self._since = self._sent[nonce]
            return
        assert error is not None, "No attempt was made. This is a bug in acrsync."
        if isinstance(error, Conflict):  # and yet the object has the version that the swap expected
            detail = f"{error.diagnostic.detail} It refused {TRIES} times, although no other run changed it."
            raise StoreError("E071", detail, fix=error.diagnostic.fix or "run again.")
        raise error

    def fresh_nonce(self) -> str:
        return secrets.token_hex(16)

    def landed(self, nonce: str) -> bool:
        """Read the object and return whether this swap landed. If an older swap of this run did, continue from that.

        Raises: LostRace, StoreError.
        """
        current, version = self.runs.read()
        if current.nonce in self._sent:
            self._version, self._since = version, self._sent[current.nonce]
        elif version != self._version:
            self.taken_over = True
            raise lost_race(self.runs.where)
        return current.nonce == nonce


class LeasedRun:
    """One apply that holds an account and renews its lease until it ends."""

    def __init__(self, run_id: str, lease: Lease) -> None:
        self.id, self.where = run_id, f"run {run_id} in {lease.runs.where}"
        self._lease, self._clock, self._strict = lease, lease.runs.clock, lease.runs.strict
        self._record = [*lease.wanted.runs[run_id]]
        self._lines: deque[Line] = deque()  # outcomes that are not in the store yet
        self._lock = threading.Lock()  # allows one swap at a time
        self.stop = self._clock.repeat(self.renew, every_s=lease.runs.ttl_s / 3, name=f"renewal of {run_id}")

    @property
    def lines(self) -> Lines:
        return tuple(self._record)

    def intent(self, verb: Verb, change: Work, *, attrs: Attrs, marks: tuple[str, ...]) -> None:
        """Claim a create if the run is strict. Any other intent is in the object already: the plan.

        Raises: LeaseLost, StoreError; then the write must not be sent.
        """
        if not (self._strict and verb == "create"):
            return
        line = intent_line(verb, change, attrs=attrs, marks=marks, now=self._clock.wall(), claim=True)
        with self._lock:
            if not self._lease.taken_over:
                self._append(line)
                self._add_lines()
                with suppress(LostRace):
                    self._lease.put(note=f"{self.id}: claims {visible(change.name)}")
            if self._lease.taken_over:
                raise _lost(f"The write was not sent: {TAKEN_OVER}.")

    def outcome(self, outcome: Outcome) -> None:
        self._append(outcome_line(outcome, now=self._clock.wall()))

    def before_write(self) -> None:
        for _ in range(TRIES):
            if self._lease.in_time:
                return
            self.renew()
        if not self._lease.in_time:
            why = TAKEN_OVER if self._lease.taken_over else "the run store could not be reached in time"
            raise _lost(f"The write was not sent: {why}.")

    def renew(self) -> None:
        """Store the outcomes so far. Ignores errors: the next check of the clock notices if the lease runs out."""
        with self._lock, suppress(AcrsyncError):
            if not self._lease.taken_over:
                self._add_lines()
                self._lease.put(note=f"{self.id}: continues")

    def end(self, *, exit_code: int, verified: bool, rows: Sequence[Live] | None, managed: Mapping[int, str]) -> None:
        self.stop()
        with self._lock:
            if self._lease.taken_over:
                raise _lost(f"The end of this run cannot be recorded: {TAKEN_OVER}.")
            self._add_lines()
            now, lines = self._clock.wall(), self._lease.wanted.runs[self.id]
            line = end_of(lines, exit_code=exit_code, verified=verified, managed=managed, now=now)
            self._record.append(line)
            wanted = replace(self._lease.wanted, holder=None).with_lines({self.id: (line,)})
            if rows is not None:
                wanted = wanted.with_lines(wanted.known().settled(rows, by=self.id, now=now, lines=lines))
            self._lease.wanted = wanted.compacted(now=now)
            note = f"{self.id}: ends with exit code {exit_code}"
            self._lease.put(note=note, records=wanted.records() | {self.id: encoded(wanted.runs[self.id])})

    def _append(self, line: Line) -> None:
        self._record.append(line)
        self._lines.append(line)

    def _add_lines(self) -> None:
        lines = tuple(self._lines.popleft() for _ in range(len(self._lines)))
        self._lease.wanted = self._lease.wanted.with_lines({self.id: lines})


def _lost(detail: str) -> LeaseLost:
    return LeaseLost("E076", detail, fix="run apply again.")


def _manifest_of(run: PastRun) -> tuple[str, ...]:
    """Return what identifies a manifest: repository, environment, and stack or files."""
    return run.who.repository, str(run.header.get("environment")), *run.manifest


def _waiting(current: Object, *, unchanged_s: float) -> str:
    if current.holder and unchanged_s < current.holder.ttl_s:
        return f"Waiting: {current.holder} holds the account."
    return "Waiting: an earlier run was cut off. Its last request may still arrive, or the list may lag."
