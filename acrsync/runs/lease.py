"""A lease on an account, kept in a store that has nothing but compare-and-swap.

Terms. The *object* is the one document that a store keeps for an account: who holds the account, and what the last
runs did or left open. Each swap gives it a fresh *nonce*. A run *holds* the account from the swap that puts its name
and plan there until it swaps them out again, or for `ttl` after its last *renewal*, a swap that brings its outcomes.

The premise: **a run writes to the account only while its own clock says that no other run can believe the account to
be free.** The clocks of two machines are never compared. The holder counts from before it *sent* its last renewal, and
the others from after they *saw* it, so the holder's time is over first.

Ten rules follow. Each was left out once in a simulation of many runners, and each time a bucket was doubled or lost
(`tests/simulate`; `docs/safety.md` has the table).

1.  One object, changed only by compare-and-swap, each time with a fresh nonce: two equal writes would both "succeed".
2.  If an answer is lost or a swap conflicts, the object is read again and the *nonce* tells whose swap landed. The
    holder's name does not: an older swap of the same run may have landed late.
3.  The object is never deleted. A release is a swap like others, and what happened stays to be known.
4.  Another run takes over when one nonce stood still for `ttl` on its own clock, from the first answer that showed it.
    Stamps of the holder decide nothing.
5.  The holder's `ttl` counts from before the renewal was sent, less 5 %, on the clock that moved furthest: one of them
    may have stood still while the machine slept. It looks at the clock right before the first byte of a write's body.
    If time is over, it renews and looks again: a renewal may take long, too.
6.  The plan, the ids that were listed and what replacements would need again are in the object before the first write.
    So the plan is the intent of all its changes, and one without an outcome there counts as sent.
7.  Before a run lists after one that left something undecided, it waits for `LANDING_S` and until lists must show it.
8.  What is open stays open through any number of runs, until a list settles it.
9.  A list must show what the last runs wrote, or it may be older than that: then the caller waits, and lists again.
10. Nothing is held while a run lists and plans. Its first swap names the version that was read before the list, so
    that if it succeeds nobody held the account in between, and the list counts.

What remains: a process that is suspended between its last look and the socket sends what it was about to send. A
*strict* run leaves nothing of that: it swaps in a claim before each create, and no run sends a create again of which
a claim is open. A swap fails once another run has taken over, so nothing is claimed, and sent, after that.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from acrsync.clock import Clock
from acrsync.diagnostics import AcrsyncError
from acrsync.model import Attrs, Live
from acrsync.plan.changes import Work
from acrsync.plan.outcome import Outcome, Verb
from acrsync.runs import LANDING_S, LeaseLost, Moved, held
from acrsync.runs.memory import FORGET, NONSENSE, Holder, Known, Past, changes, past, reduced
from acrsync.runs.record import (
    Line,
    Lines,
    Wanted,
    Who,
    check,
    closed_line,
    decoded,
    encoded,
    end_line,
    intent_line,
    intents_of,
    key_of,
    new_id,
    outcome_line,
    run_line,
)
from acrsync.runs.store import NO_RECORDS, Conflict, Store, StoreError, Unanswered
from acrsync.visible import visible

FORMAT_VERSION = "1.0"
MARGIN = 0.95  # of the ttl that the holder uses: clocks differ a little in their pace
Decoded = TypeVar("Decoded")
TRIES = 3
POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Object:
    """What the store keeps for an account."""

    nonce: str = ""
    holder: Holder | None = None
    runs: Mapping[str, Lines] = field(default_factory=dict)  # by id, oldest first

    @classmethod
    def decoded(cls, data: bytes) -> Object:
        """Return it from its bytes. Raises: one of NONSENSE if it makes no sense."""
        document = json.loads(data)
        if str(document["format_version"]).partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
            raise ValueError(f"its format is {document['format_version']}, this acrsync reads {FORMAT_VERSION}")
        holder = document["holder"]
        runs = {run["id"]: tuple(run["lines"]) for run in document["runs"]}
        for lines in runs.values():
            check(lines)
        decoded = cls(str(document["nonce"]), None if holder is None else Holder(**holder), runs)
        decoded.known()
        return decoded

    def encoded(self) -> bytes:
        runs = [{"id": run_id, "lines": list(lines)} for run_id, lines in self.runs.items()]
        holder = self.holder and asdict(self.holder)
        document = {"format_version": FORMAT_VERSION, "nonce": self.nonce, "holder": holder, "runs": runs}
        return json.dumps(document).encode()

    def known(self) -> Known:
        return Known(tuple(past(lines) for lines in self.runs.values()), self.holder)

    def adding(self, added: Mapping[str, Lines]) -> Object:
        """Return it with lines added to the records of some runs."""
        runs = {run_id: (*lines, *added.get(run_id, ())) for run_id, lines in self.runs.items()}
        return replace(self, runs=runs | {run_id: lines for run_id, lines in added.items() if run_id not in runs})

    def records(self) -> dict[str, bytes]:
        """Return the records of the runs that are whole here for the last time: nothing of them is open any more."""
        done = {run.id for run in self.known().runs if run.done and "plan" in run.header}
        return {run_id: encoded(lines) for run_id, lines in self.runs.items() if run_id in done}

    def tidied(self, *, now: datetime) -> Object:
        """Return it with only what later runs need: of a run of which nothing is open, that is little."""
        pasts = {run_id: past(lines) for run_id, lines in self.runs.items()}
        newest = {_whose(run): run.id for run in pasts.values() if run.managed}
        kept: dict[str, Lines] = {}
        for run_id, lines in self.runs.items():
            managed = newest.get(_whose(pasts[run_id])) == run_id
            if not pasts[run_id].done or (self.holder and self.holder.run == run_id):
                kept[run_id] = lines
            elif managed or now - pasts[run_id].last < FORGET:
                kept[run_id] = reduced(lines, managed=managed)
        return replace(self, runs=kept)


class LeasedRuns:
    """The memory of runs in one account, in a store that several machines share."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        who: Who,
        settle_s: float,
        landing_s: float = LANDING_S,
        ttl_s: float = 60.0,
        strict: bool = False,
    ) -> None:
        self.where = store.where
        self.store, self.clock, self.who = store, clock, who
        self.settle_s, self.landing_s, self.ttl_s, self.strict = settle_s, landing_s, ttl_s, strict
        self._seen: tuple[Object, str | None] = (Object(), None)  # as `take` saw it last, with its version
        self._run: LeasedRun | None = None

    def look(self) -> Known:
        return self.read()[0].known()

    def take(self, *, lock_timeout_s: float, tell: Callable[[str], object], landed: bool = True) -> Known:
        began = self.clock.now()
        nonce, since, told = None, began, ""
        while True:
            seen, version = self.read()
            now = self.clock.now()
            if seen.nonce != nonce:
                if nonce is not None and seen.holder and now - began >= lock_timeout_s:
                    raise held(seen.holder)
                nonce, since = seen.nonce, now
            free_in_s = self.free_in(seen, stood_s=now - since, landed=landed)
            if free_in_s <= 0:
                self._seen = seen, version
                return seen.known()
            if (message := _waiting(seen, stood_s=now - since)) != told:
                tell(told := message)
            if not self.clock.wait(min(POLL_S, free_in_s)):
                raise KeyboardInterrupt

    def free_in(self, seen: Object, *, stood_s: float, landed: bool) -> float:
        """Return how long an object must still stand as it is until a run may list; 0 if it may now."""
        holding_s = seen.holder.ttl_s if seen.holder else 0.0
        landing_s = self.landing_s + self.settle_s if landed and seen.known().undecided else 0.0
        return holding_s + landing_s - stood_s

    def begin(self, wanted: Wanted, *, rows: Sequence[Live]) -> LeasedRun:
        now, (seen, version) = self.clock.wall(), self._seen
        run_id = new_id(now)
        lines = (run_line(run_id, wanted, self.who, now=now), *intents_of(wanted.plan, now=now, claims=self.strict))
        holder = Holder(run_id, str(self.who), now.isoformat(timespec="seconds"), self.ttl_s)
        settled = seen.known().settled(rows, by=run_id, now=now)
        held_now = replace(seen.adding({**settled, run_id: lines}), holder=holder)
        lease = Lease(self, held_now, version)
        lease.put(note=f"{run_id}: begins")
        self._run = LeasedRun(run_id, lease)
        return self._run

    def settle(self, *, rows: Sequence[Live]) -> None:
        now, (seen, version) = self.clock.wall(), self._seen
        if settled := seen.known().settled(rows, by="", now=now):
            self._change(seen, version, settled, note="nothing to do: settles " + ", ".join(settled))

    def close(self, run_id: str, *, reason: str) -> None:
        seen, version = self._seen
        seen.known().one(run_id)
        closed = closed_line(by=str(self.who), reason=reason, now=self.clock.wall())
        self._change(seen, version, {run_id: (closed,)}, note=f"{run_id}: closed by hand")

    def history(self) -> Iterator[tuple[str, Lines]]:
        here = self.read()[0].runs
        for run_id in sorted({*self.store.kept(), *here}):
            kept = None if "plan" in here.get(run_id, ({},))[0] else self.store.record(run_id)
            yield run_id, here[run_id] if kept is None else self._understood(decoded, kept)

    def release(self) -> None:
        if self._run is not None:
            self._run.stop()

    def read(self) -> tuple[Object, str | None]:
        """Return the object and its version. Raises: StoreError, also if it is damaged."""
        stored = self.store.read()
        return (Object(), None) if stored is None else (self._understood(Object.decoded, stored.data), stored.version)

    def _understood(self, decode: Callable[[bytes], Decoded], data: bytes) -> Decoded:
        try:
            return decode(data)
        except NONSENSE as e:
            detail = f"{self.where}: {e}. It may tell of a create that must not be sent again."
            raise StoreError("E072", detail, fix="restore an older version of it.") from e

    def _change(self, seen: Object, version: str | None, added: Mapping[str, Lines], *, note: str) -> None:
        changed = replace(seen.adding(added), holder=None)
        Lease(self, changed.tidied(now=self.clock.wall()), version).put(note=note, records=changed.records())


class Lease:
    """The object as this run wants it, and how sure it is that it is stored."""

    def __init__(self, runs: LeasedRuns, wanted: Object, version: str | None) -> None:
        self.runs, self.wanted = runs, wanted
        self._version = version
        self._sent: dict[
            str, tuple[float, float, float]
        ] = {}  # by nonce, what the clocks showed before it was first sent
        self._since: tuple[float, float, float] | None = None  # of the nonce that is known to be stored
        self.gone = False  # another run has the account

    @property
    def in_time(self) -> bool:
        """Whether no other run can believe yet that the account is free."""
        if self.gone or self._since is None:
            return False
        ages = (now - since for now, since in zip(self.runs.clock.readings(), self._since, strict=True))
        return max(ages) < self.runs.ttl_s * MARGIN

    def put(self, *, note: str, records: Mapping[str, bytes] = NO_RECORDS) -> None:
        """Swap in what is wanted, under a fresh nonce.

        Raises: Moved if another run was faster, StoreError if it is not known to be stored.
        """
        nonce = self.fresh_nonce()
        data = replace(self.wanted, nonce=nonce).encoded()
        self._sent[nonce] = self.runs.clock.readings()
        error: StoreError | None = None
        for _ in range(TRIES):
            try:
                self._version = self.runs.store.swap(data, expected=self._version, note=note, records=records)
            except (Conflict, Unanswered) as unsure:
                error = unsure
                if not self.landed(nonce):
                    continue
            self._since = self._sent[nonce]
            return
        raise error or AssertionError("no try was made. This is a bug in acrsync.")

    def fresh_nonce(self) -> str:
        return secrets.token_hex(16)

    def landed(self, nonce: str) -> bool:
        """Read again and tell whether this swap landed; an older one of this run may have, and is then the base.

        Raises: Moved, StoreError.
        """
        now, version = self.runs.read()
        if now.nonce in self._sent:
            self._version, self._since = version, self._sent[now.nonce]
        elif version != self._version:
            self.gone = True
            raise Moved("E077", f"{self.runs.where} was changed meanwhile.")
        return now.nonce == nonce


class LeasedRun:
    """One apply that holds an account, and renews that until it ends."""

    def __init__(self, run_id: str, lease: Lease) -> None:
        self.id, self.where = run_id, f"run {run_id} in {lease.runs.where}"
        self._lease, self._clock, self._strict = lease, lease.runs.clock, lease.runs.strict
        self._lines: deque[Line] = deque()  # outcomes that no swap has brought yet
        self._lock = threading.Lock()  # one swap at a time
        self.stop = self._clock.repeat(self.renew, every_s=lease.runs.ttl_s / 3, name=f"renewal of {run_id}")

    def intent(self, verb: Verb, change: Work, *, attrs: Attrs, marks: tuple[str, ...]) -> None:
        """Claim a create of a strict run; otherwise the plan that the object holds is the intent of all its changes.

        Raises: LeaseLost, StoreError; then nothing may be sent.
        """
        if not (self._strict and verb == "create"):
            return
        line = intent_line(verb, change, attrs=attrs, marks=marks, now=self._clock.wall(), claim=True)
        with self._lock:
            try:
                if self._lease.gone:
                    raise Moved("E077", f"{self._lease.runs.where} was changed meanwhile.")
                self._lines.append(line)
                self._add_lines()
                self._lease.put(note=f"{self.id}: claims {visible(change.name)}")
            except Moved as e:
                raise _lost("It was not sent: another run has taken over.") from e

    def outcome(self, outcome: Outcome) -> None:
        self._lines.append(outcome_line(outcome, now=self._clock.wall()))

    def last_look(self) -> None:
        for _ in range(TRIES):
            if self._lease.in_time:
                return
            self.renew()
        if not self._lease.in_time:
            why = "another run has taken over" if self._lease.gone else "the run store could not be reached in time"
            raise _lost(f"It was not sent: {why}.")

    def renew(self) -> None:
        """Bring the outcomes so far. Trouble with that is for the next look at the clock."""
        with self._lock, suppress(AcrsyncError):
            if not self._lease.gone:
                self._add_lines()
                self._lease.put(note=f"{self.id}: goes on")

    def end(self, *, exit_code: int, verified: bool, rows: Sequence[Live] | None, managed: Mapping[int, str]) -> None:
        self.stop()
        with self._lock:
            if self._lease.gone:
                raise _lost("Its end cannot be kept, because another run has taken over.")
            self._add_lines()
            now, mine = self._clock.wall(), self._lease.wanted.runs[self.id]
            done = [line for line in mine if line["event"] == "outcome"]
            changed = changes({key_of(line): line for line in done}.values())
            left = len(past(mine).open)
            line = end_line(
                exit_code=exit_code, verified=verified, left=left, changed=changed, managed=managed, now=now
            )
            wanted = replace(self._lease.wanted, holder=None).adding({self.id: (line,)})
            if rows is not None:
                wanted = wanted.adding(wanted.known().settled(rows, by=self.id, now=now, done=done))
            self._lease.wanted = wanted.tidied(now=now)
            note = f"{self.id}: ends with exit code {exit_code}"
            self._lease.put(note=note, records=wanted.records() | {self.id: encoded(wanted.runs[self.id])})

    def _add_lines(self) -> None:
        lines = []
        while self._lines:
            lines.append(self._lines.popleft())
        self._lease.wanted = self._lease.wanted.adding({self.id: tuple(lines)})


def _lost(detail: str) -> LeaseLost:
    return LeaseLost("E076", detail, fix="run apply again.")


def _whose(run: Past) -> tuple[str, ...]:
    """Return what tells one manifest's runs from another's: repository, environment, and stack or files."""
    return run.header["who"]["repository"], str(run.header.get("environment")), *run.manifest


def _waiting(seen: Object, *, stood_s: float) -> str:
    if seen.holder and stood_s < seen.holder.ttl_s:
        return f"Waiting: {seen.holder} holds the account."
    return "Waiting: an earlier run was cut off, and what it sent may still land or not be listed yet."
