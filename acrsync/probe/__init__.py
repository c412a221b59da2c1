"""The real API, measured: which value of each switch of the emulator explains what an account answers.

`read` asks by GET alone; `Throwaways` and `Writing` try the rest on buckets that are created for it, recorded before,
and deleted at the end. Deciders (`lists`, `shapes`, `refusals`, `texts`, `writes`, `lags`) are pure: evidence in,
findings out. Nothing here knows the emulator's code, which is the oracle of the tests.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from acrsync.clock import Clock
from acrsync.diagnostics import AcrsyncError, Diagnostic, error
from acrsync.probe import lags, lists, refusals, shapes, texts, writes
from acrsync.probe.evidence import Evidence, id_of
from acrsync.probe.facts import facts
from acrsync.probe.finding import UNSEEN, Fact, Finding, switches
from acrsync.probe.reading import account_of, read
from acrsync.probe.record import FOLDER, Record, unfinished
from acrsync.probe.throwaways import Throwaways
from acrsync.probe.wire import Answer, Asker, ClientAsker, OutOfPatience, Wire
from acrsync.probe.writing import Writing

__all__ = ["ClientAsker", "Report", "Wire", "probe"]


Hold = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Report:
    """All that a probe found out."""

    endpoint: str
    uid: int | None
    findings: Mapping[str, Finding]  # of every switch, in the order of the schema
    facts: tuple[Fact, ...]
    requests: Mapping[str, int]  # by method
    settle_s: int
    wrote: bool
    messages: tuple[Diagnostic, ...] = ()
    clean: bool = True  # nothing is left in the account
    answers: tuple[Answer, ...] = ()

    @property
    def told(self) -> Mapping[str, Finding]:
        return {name: finding for name, finding in self.findings.items() if finding.told}


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of one account."""

    asker: Asker
    clock: Clock
    endpoint: str
    runs: Path  # where records of runs are kept, and of throw-away buckets
    hold: Hold | None = None  # holds the account while throw-away buckets are written; None: only GET is asked
    patience_s: float = 30.0

    def run(self, *, uid: int | None) -> Report:
        """Measure, and leave the account as it was found. Raises: AcrsyncError."""
        wire, evidence = Wire(self.asker, self.clock, budget_s=10 * self.patience_s), Evidence(uid=uid)
        messages: list[Diagnostic] = []
        hold = self.hold
        try:
            read(wire, evidence)
        except OutOfPatience:
            messages.append(_ended_early(wire))
            hold = None
        first = evidence.pages["first"]
        if first.rows is None:
            raise AcrsyncError(
                "E601",
                f"The list of buckets cannot be read: it was answered {first.status or 'by nothing'}.",
                fix="check the endpoint, and that the token may read buckets.",
            )
        evidence.uid = _account(evidence, uid)
        clean = True
        if hold is not None:
            with hold():
                messages, clean = self._write(wire, evidence)
        return _report(self.endpoint, evidence, wire, messages, wrote=hold is not None, clean=clean)

    def _write(self, wire: Wire, evidence: Evidence) -> tuple[list[Diagnostic], bool]:
        """Clean up after earlier probes, try everything, and clean up after this one, whatever happens."""
        assert evidence.uid is not None, "A probe that writes to an unknown account. This is a bug in acrsync."
        unknown_status = evidence.unknown.status if evidence.unknown else None
        messages: list[Diagnostic] = []
        clean = True
        wire.budget_s = None
        for earlier in unfinished(self.runs, endpoint=self.endpoint, uid=evidence.uid):
            things = Throwaways(wire, earlier, evidence.uid, (), unknown_status)
            clean = things.clean_up(self.clock.wait, patience_s=self.patience_s) and clean
            messages += things.messages
        nonce = secrets.token_hex(4)
        record = Record(self.runs / FOLDER / f"{nonce}.jsonl", nonce, self.endpoint, evidence.uid)
        record.begin()
        listed = {bucket_id for row in evidence.rows if (bucket_id := id_of(row)) is not None}
        things = Throwaways(wire, record, evidence.uid, listed, unknown_status)
        wire.budget_s = wire.waited_s + 10 * self.patience_s
        try:
            Writing(wire, self.clock, evidence, record, things, self.patience_s).run()
        except OutOfPatience:
            messages.append(_ended_early(wire))
        finally:
            wire.budget_s = None
            clean = things.clean_up(self.clock.wait, patience_s=self.patience_s) and clean
        return messages + things.messages, clean


def probe(
    asker: Asker,
    clock: Clock,
    *,
    endpoint: str,
    runs: Path,
    uid: int | None = None,
    hold: Hold | None = None,
    patience_s: float = 30.0,
) -> Report:
    """Measure the API behind `asker`, and return what was found.

    Without `hold` nothing but GET is asked. With it, throw-away buckets are written while it holds the account; `uid`
    must be the account's, and `runs` the folder in which they are recorded. Raises: AcrsyncError.
    """
    return Probe(asker, clock, endpoint, runs, hold, patience_s).run(uid=uid)


def _ended_early(wire: Wire) -> Diagnostic:
    detail = f"It was interrupted, or had to wait too long ({wire.waited_s:.0f} s so far), so some of it was not tried."
    return error("W607", detail, fix="run it again when the API asks for fewer pauses.")


def _account(evidence: Evidence, uid: int | None) -> int | None:
    """Return whose account it is. Raises: AcrsyncError if the list shows that it is another one's."""
    listed = account_of([evidence.pages["first"]])
    if uid is None:
        return listed[0] if len(listed) == 1 else None
    if listed and uid not in listed:
        raise AcrsyncError(
            "E309",
            f"This token shows buckets of account {', '.join(map(str, listed))}, not of {uid}.",
            fix=f"use a token of account {uid}, or name this one: --account {listed[0]}",
        )
    return uid


def _report(
    endpoint: str, evidence: Evidence, wire: Wire, messages: list[Diagnostic], *, wrote: bool, clean: bool
) -> Report:
    found: dict[str, Finding] = {}
    deciders: tuple[Callable[[], Mapping[str, Finding]], ...] = (
        lambda: lists.decide(evidence),
        lambda: shapes.decide(evidence),
        lambda: refusals.decide(evidence, wire.answers),
        lambda: texts.decide(evidence),
        lambda: writes.decide(evidence),
        lambda: lags.decide(evidence, wire.answers),
    )
    for decide in deciders:
        found |= decide()
    return Report(
        endpoint,
        evidence.uid,
        {name: found.get(name, UNSEEN) for name in switches()},
        tuple(facts(evidence, wire.answers)),
        wire.counts(),
        lags.settle_s(evidence),
        wrote,
        tuple(dict.fromkeys(messages)),
        clean,
        tuple(wire.answers),
    )
