"""Measures the real API: which value of each emulator switch explains the answers of an account.

`read` sends only GET. `Writing` tries the rest on throw-away buckets, which `Throwaways` finds and deletes. Deciders
(`lists`, `shapes`, `refusals`, `labels`, `templates`, `names`, `writes`, `lags`) are pure: evidence in, findings out.
This package does not import the emulator, because the tests compare the two.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from acrsync.clock import Clock
from acrsync.diagnostics import AcrsyncError, Diagnostic, error
from acrsync.frozen import frozen
from acrsync.probe import labels, lags, lists, names, refusals, shapes, templates, writes
from acrsync.probe.evidence import Evidence, id_of
from acrsync.probe.facts import facts
from acrsync.probe.finding import UNSEEN, Fact, Finding, switches
from acrsync.probe.reading import account_of, read
from acrsync.probe.record import FOLDER, Record, unfinished
from acrsync.probe.throwaways import Throwaways
from acrsync.probe.wire import Answer, ClientSender, Sender, Stopped, Wire
from acrsync.probe.writing import Writing

__all__ = ["ClientSender", "Report", "Wire", "probe"]


Hold = Callable[[], AbstractContextManager[object]]


@frozen
class Report:
    """The result of a probe."""

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
    def certain(self) -> Mapping[str, Finding]:
        return {name: finding for name, finding in self.findings.items() if finding.is_certain}


@frozen
class Probe:
    """One probe of one account."""

    sender: Sender
    clock: Clock
    endpoint: str
    runs: Path  # the folder in which throw-away buckets are recorded
    hold: Hold | None = None  # holds the account while throw-away buckets are written; None: send only GET
    timeout_s: float = 30.0

    def run(self, *, uid: int | None) -> Report:
        """Measure, and leave the account as it was found. Raises: AcrsyncError."""
        wire, evidence = Wire(self.sender, self.clock, budget_s=10 * self.timeout_s), Evidence(uid=uid)
        messages: list[Diagnostic] = []
        hold = self.hold
        try:
            read(wire, evidence)
        except Stopped:
            messages.append(_stopped_early(wire))
            hold = None
        first = evidence.pages["first"]
        if first.rows is None:
            raise AcrsyncError(
                "E601",
                f"The list of buckets cannot be read: {_status(first)}.",
                fix="check the endpoint, and that the token may read buckets.",
            )
        evidence.uid = _account(evidence, uid)
        clean = True
        if hold is not None:
            with hold():
                messages, clean = self._write(wire, evidence)
        return _report(self.endpoint, evidence, wire, messages, wrote=hold is not None, clean=clean)

    def _write(self, wire: Wire, evidence: Evidence) -> tuple[list[Diagnostic], bool]:
        """Delete what earlier probes left, run all trials, and delete what this probe created, also after an error."""
        assert evidence.uid is not None, "A probe that writes to an unknown account. This is a bug in acrsync."
        unknown_status = evidence.unknown.status if evidence.unknown else None
        messages: list[Diagnostic] = []
        clean = True
        wire.budget_s = None
        for earlier in unfinished(self.runs, endpoint=self.endpoint, uid=evidence.uid):
            things = Throwaways(wire, earlier, evidence.uid, (), unknown_status)
            clean = things.clean_up(self.clock.wait, timeout_s=self.timeout_s) and clean
            messages += things.messages
        nonce = secrets.token_hex(4)
        record = Record(self.runs / FOLDER / f"{nonce}.jsonl", nonce, self.endpoint, evidence.uid)
        record.begin()
        listed = {bucket_id for row in evidence.rows if (bucket_id := id_of(row)) is not None}
        things = Throwaways(wire, record, evidence.uid, listed, unknown_status)
        wire.budget_s = wire.waited_s + 10 * self.timeout_s
        try:
            Writing(wire, self.clock, evidence, record, things, self.timeout_s).run()
        except Stopped:
            messages.append(_stopped_early(wire))
        finally:
            wire.budget_s = None
            clean = things.clean_up(self.clock.wait, timeout_s=self.timeout_s) and clean
        return messages + things.messages, clean


def probe(
    sender: Sender,
    clock: Clock,
    *,
    endpoint: str,
    runs: Path,
    uid: int | None = None,
    hold: Hold | None = None,
    timeout_s: float = 30.0,
) -> Report:
    """Measure the API behind `sender`, and return what was found.

    Without `hold` only GET is sent. With it, throw-away buckets are written while the account is held; `uid` must be
    the account's, and `runs` is the folder in which they are recorded. Raises: AcrsyncError.
    """
    return Probe(sender, clock, endpoint, runs, hold, timeout_s).run(uid=uid)


def _stopped_early(wire: Wire) -> Diagnostic:
    detail = f"The probe was interrupted, or had to wait too long ({wire.waited_s:.0f} s), so some trials were skipped."
    return error("W607", detail, fix="run it again when the API is less busy.")


def _status(answer: Answer) -> str:
    return "no answer came" if answer.status is None else f"the answer has status {answer.status}"


def _account(evidence: Evidence, uid: int | None) -> int | None:
    """Return the uid of the account. Raises: AcrsyncError if the list shows another one."""
    listed = account_of([evidence.pages["first"]])
    if uid is None:
        return listed[0] if len(listed) == 1 else None
    if listed and uid not in listed:
        raise AcrsyncError(
            "E309",
            f"This token shows buckets of account {', '.join(map(str, listed))}, not of {uid}.",
            fix=f"use a token of account {uid}, or probe this account: --account {listed[0]}",
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
        lambda: labels.decide(evidence),
        lambda: templates.decide(evidence),
        lambda: names.decide(evidence),
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
