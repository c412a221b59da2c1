"""One apply of a plan made by hand, against an account in memory that fails as configured."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from acrsync.apply.terms import Seen, Settings
from acrsync.apply.waves import Applier
from acrsync.diagnostics import AccessDenied, Diagnostic, NoAnswer, RemoteError, UnknownOutcome
from acrsync.model import Approval, Attrs, Evidence, Live, Snapshot
from acrsync.plan.changes import Replace
from acrsync.plan.document import Plan
from acrsync.plan.outcome import Outcome
from doubles import FakeClock, ListJournal, MemoryAccount

Hook = Callable[[], object]


def raising(error: Exception) -> Hook:
    def hook() -> object:
        raise error

    return hook


def lost(verb: str = "POST") -> Hook:
    return raising(UnknownOutcome("E430", f"{verb}: reset"))


def silent() -> Hook:
    """No answer to a request that may be repeated, after all retries."""
    return raising(NoAnswer("E414", "reset"))


def half_silent() -> Hook:
    """The same of a write that may have been carried out by one of the attempts."""
    error = NoAnswer("E414", "reset")
    error.may_have_acted = True
    return raising(error)


def refused(status: int = 422) -> Hook:
    return raising(RemoteError("E406", "no", status=status))


def denied(status: int = 401) -> Hook:
    return raising(AccessDenied("E403", "no", status=status))


def words(diagnostic: Diagnostic | None) -> str:
    """Return all that a message says, in one line."""
    assert diagnostic is not None
    severity, code, summary = diagnostic.severity, diagnostic.code, diagnostic.summary
    return f"{severity}[{code}] {summary} | {diagnostic.detail} | {diagnostic.fix}"


@dataclass
class Troubled(MemoryAccount):
    """Calls a hook before or after what it is asked to do: the first one of the list for that verb, each once."""

    before: dict[str, list[Hook]] = field(default_factory=dict)
    after: dict[str, list[Hook]] = field(default_factory=dict)
    hidden: dict[int, int] = field(default_factory=dict)  # by bucket id: how many listings do not show it yet
    listings: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def holding(self, *rows: Live) -> Troubled:
        for row in rows:
            facts = {"num": row.facts["num"], "uid": row.facts["uid"]}
            labels = [*row.attrs["labels"], *row.marks]
            self.seed(id=row.id, **{**row.attrs, "labels": labels}, **facts)
        return self

    def meet(self, when: dict[str, list[Hook]], verb: str) -> None:
        with self.lock:
            hook = when[verb].pop(0) if when.get(verb) else None
        if hook is not None:
            hook()

    def observe(self) -> Snapshot:
        self.meet(self.before, "observe")
        with self.lock:
            self.listings += 1
            snapshot = super().observe()
            shown = tuple(row for row in snapshot.rows if self.hidden.get(row.id, 0) <= 0)
            self.hidden = {bucket_id: left - 1 for bucket_id, left in self.hidden.items()}
        return Snapshot(shown, snapshot.endpoint)

    def read(self, bucket_id: int) -> Live | None:
        self.meet(self.before, "read")
        return super().read(bucket_id)

    def create(self, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        self.meet(self.before, "create")
        with self.lock:
            made = super().create(attrs, marks=marks)
        self.meet(self.after, "create")
        return made

    def update(self, bucket_id: int, attrs: Attrs, *, marks: tuple[str, ...] = ()) -> Live:
        self.meet(self.before, "update")
        with self.lock:
            changed = super().update(bucket_id, attrs, marks=marks)
        self.meet(self.after, "update")
        return changed

    def delete(self, bucket_id: int) -> None:
        self.meet(self.before, "delete")
        with self.lock:
            super().delete(bucket_id)
        self.meet(self.after, "delete")


@dataclass
class Apply:
    """One apply on its way, of a plan whose replacements are approved."""

    account: Troubled
    plan: Plan
    parallelism: int = 1
    settle_s: float = 30
    evidence: Evidence = field(default_factory=Evidence)
    clock: FakeClock = field(default_factory=FakeClock)
    journal: ListJournal = field(default_factory=ListJournal)
    stop: threading.Event = field(default_factory=threading.Event)

    def applier(self) -> Applier:
        replaced = (change for change in self.plan.work if isinstance(change, Replace))
        approvals = tuple(Approval("replace", change.live.id) for change in replaced)
        plan = replace(self.plan, manifest=replace(self.plan.manifest, approvals=approvals))
        seen = Seen(plan, MemoryAccount.observe(self.account), self.evidence)
        settings = Settings(self.parallelism, self.settle_s)
        return Applier(self.account, self.journal, seen, self.clock, self.stop, settings)

    def run(self) -> tuple[Outcome, ...]:
        return tuple(self.applier().outcomes())

    def one(self) -> Outcome:
        (outcome,) = self.run()
        return outcome
