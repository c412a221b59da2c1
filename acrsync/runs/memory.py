"""What earlier runs left open, derived from their lines: pure, and the same for every store.

A change is *open* if a run began it and its outcome is unknown, or if later runs must know its outcome. There are four
cases:

- *undecided*: the request may have been carried out, or may still arrive. Nothing is created until this is settled
- *lost*: a replacement deleted a bucket and did not create it again. Only this record has its attributes
- *elsewhere*: the server stored a create under another name. While that bucket exists its entry is not created again
- *claimed*: a create of a strict run may have been sent, and no list showed its bucket. Only a person can close it

A list that was read when no request can arrive any longer (rule 7 of `lease.py`) settles an undecided change: it shows
the bucket, or there is none. A lost bucket is settled when it is live again with its attributes, an elsewhere bucket
when it is gone. A run without open changes is closed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta

from acrsync.diagnostics import AcrsyncError, Diagnostic, error
from acrsync.frozen import frozen
from acrsync.model import JSON, Attrs, Live, Manifest
from acrsync.plan.changes import Action
from acrsync.plan.earlier import Earlier, Pending, Unsettled
from acrsync.plan.likeness import resembles
from acrsync.plan.outcome import WELL, Status
from acrsync.runs.forms import REQUIRED
from acrsync.runs.record import Key, Line, Lines, Who, closed_line, end_line, key_of, settled_line, to_json
from acrsync.visible import visible

MALFORMED = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
NOT_SENT = (Status.SKIPPED, Status.STALE, Status.REFUSED)
FORGET_AFTER = timedelta(days=1)  # by timestamps of other machines: far longer than any lag of a list plus clock errors


@frozen
class OpenChange:
    """One open change."""

    key: Key
    undecided: bool
    attrs: Attrs = field(default_factory=dict)  # of a create or replacement: the attributes of the new bucket
    marks: tuple[str, ...] = ()
    elsewhere: tuple[int, str] | None = None  # id and name of what the server stored instead
    claimed: bool = False  # a create that is not sent again unless a person closes the run

    @property
    def action(self) -> Action:
        return Action(self.key[0])

    @property
    def name(self) -> str:
        return str(self.key[1])

    @property
    def description(self) -> str:
        """What is open, for people."""
        if self.elsewhere:
            bucket_id, name = self.elsewhere
            return (
                f"{self.name} was stored as {name} (id {bucket_id}); no other one is created while that bucket exists"
            )
        if self.claimed and not self.undecided:
            return f"{self.action} {self.name}: it may have been sent, and no list showed the bucket"
        if self.undecided:
            return f"{self.action} {self.name}: its outcome is unknown"
        return f"{self.name} was deleted for its replacement and not created again: {dict(self.attrs)}"

    @property
    def lost(self) -> bool:
        """Whether a bucket may be deleted and must be created again with its attributes."""
        return self.action is Action.REPLACE


@frozen
class PastRun:
    """One earlier run."""

    id: str
    header: Line
    crashed: bool  # it never recorded its end
    closed: bool
    counts: Mapping[str, int]  # changes by status; "open" counts those without a recorded outcome
    open: tuple[OpenChange, ...]
    changed: Mapping[int, str | None]  # names by id of the buckets that it wrote to; None: deleted
    managed: Mapping[int, str]  # names by id of what its manifest names, if it ended verified
    end: Line | None
    last: datetime  # when it wrote its last line, by its own clock

    @property
    def hint(self) -> Diagnostic:
        words = {"open": "without a known outcome"}
        found = ", ".join(f"{count} {words.get(status, status)}" for status, count in sorted(self.counts.items()))
        how = "was cut off" if self.crashed else "left something open"
        detail = f"Run {self.id} {how}; changes: {found or 'none started'}. This plan takes this into account."
        return error("H511", detail, fix=f"see what it left: `acrsync runs show {self.id}`")

    def is_adopted(self, managed: Collection[int]) -> bool:
        """Return whether all open changes were stored under another name, and a manifest manages those buckets now."""
        return bool(self.open) and all(left.elsewhere and left.elsewhere[0] in managed for left in self.open)

    @property
    def done(self) -> bool:
        """Whether it left nothing for later runs to settle."""
        return self.closed or (self.end is not None and not self.open)

    @property
    def who(self) -> Who:
        return Who.of(self.header["who"])

    @property
    def manifest(self) -> tuple[str, ...]:
        """The `manifest_key` of its manifest."""
        header = self.header
        return manifest_key(header.get("stack"), header.get("environment"), header.get("files", ()))

    @property
    def listed(self) -> frozenset[int]:
        return frozenset(self.header.get("listed", ()))


@frozen
class Holder:
    """Who holds the account now."""

    run: str
    who: str
    since: str  # by the holder's clock, for people
    ttl_s: float

    @classmethod
    def of(cls, stored: Mapping[str, JSON]) -> Holder:
        """Return the stored holder, without keys that a newer acrsync added. Raises: one of MALFORMED."""
        run, who, since = (str(stored[key]) for key in ("run", "who", "since"))
        return cls(run, who, since, float(stored["ttl_s"]))

    def __str__(self) -> str:
        return f"run {self.run} of {self.who}, since {self.since}"


@frozen
class Known:
    """Everything that is known about earlier runs in one account, oldest first."""

    runs: tuple[PastRun, ...] = ()
    holder: Holder | None = None

    @property
    def unfinished(self) -> tuple[PastRun, ...]:
        return tuple(run for run in self.runs if not run.done)

    def unfinished_run(self, run_id: str) -> PastRun:
        """Return the unfinished run with this id. Raises: AcrsyncError."""
        for run in self.unfinished:
            if run.id == run_id:
                return run
        names = ", ".join(run.id for run in self.unfinished) or "none"
        detail = f"{visible(run_id)} is not an unfinished run. Unfinished runs: {names}."
        raise AcrsyncError("E079", detail, fix="`acrsync runs` lists them all.")

    @property
    def open(self) -> tuple[OpenChange, ...]:
        return tuple(left for run in self.unfinished for left in run.open)

    @property
    def undecided(self) -> bool:
        """Whether a request of an earlier run may still arrive, or may have arrived unnoticed."""
        return any(left.undecided for left in self.open)

    @property
    def hints(self) -> tuple[Diagnostic, ...]:
        """The hints about a run that holds the account, and about unfinished runs."""
        running = (error("H515", f"It is {self.holder}. Its writes may change this plan."),) if self.holder else ()
        managed = {bucket_id for run in self.runs for bucket_id in run.managed}
        news = (run for run in self.unfinished if self.holder is None or run.id != self.holder.run)
        return (*running, *(run.hint for run in news if not run.is_adopted(managed)))

    def of_account(self, uid: int | None) -> Known:
        """Return only the runs of one account, and those that did not know their account."""
        return replace(self, runs=tuple(run for run in self.runs if uid is None or run.header["uid"] in (uid, None)))

    def earlier(self, rows: Sequence[Live], *, manifest: tuple[str, ...] = ()) -> Earlier:
        """Return what a plan must know, by the list that was just read. `manifest`: the `manifest_key` of the plan."""
        aliases, pending = {}, []
        for run in self.unfinished:
            for left in run.open:
                status, found = _found(left, run, rows)
                if status is Status.FAILED and found:
                    aliases[left.name] = (found.id, found.name)
                elif status is Status.FAILED or left.undecided:
                    key = left.action, left.name, left.key[2]
                    pending.append(Pending(*key, left.attrs, left.marks, run.listed, run.id, left.claimed))
        of_stack = (run.managed for run in reversed(self.runs) if run.managed and run.manifest == manifest)
        return Earlier(tuple(pending), aliases, next(of_stack, {}))

    def last_verified(self, *, repository: str, manifest: tuple[str, ...]) -> PastRun | None:
        """Return the last run of this manifest in this repository that ended verified."""
        verified = (run for run in reversed(self.runs) if run.manifest == manifest and run.end and run.end["verified"])
        return next((run for run in verified if run.who.repository == repository), None)

    def unsettled(self, *, except_digest: str = "") -> tuple[Unsettled, ...]:
        """Return the open changes as a saved plan names them, without those of runs of the plan with this digest."""
        runs = (
            run
            for run in self.unfinished
            if not except_digest or run.header.get("plan", {}).get("digest") != except_digest
        )
        return tuple(Unsettled(run.id, left.action, left.name, left.key[2]) for run in runs for left in run.open)

    def shown_by(self, rows: Iterable[Live], *, now: datetime) -> bool:
        """Return whether a list shows what the last runs wrote. If not, it may be older."""
        names = {row.id: row.name for row in rows}
        return all(names.get(bucket_id) == name for bucket_id, name in self._changed(now).items())

    def unlisted(self, rows: Iterable[Live], *, now: datetime) -> tuple[int, ...]:
        """Return the ids of the buckets that the last runs wrote to and that a list does not show, newest first."""
        listed = {row.id for row in rows}
        kept = {bucket_id for bucket_id, name in self._changed(now).items() if name is not None}
        return tuple(sorted(kept - listed, reverse=True))

    def _changed(self, now: datetime) -> Mapping[int, str | None]:
        """Return the names by id of the buckets that the last runs wrote to; None: deleted."""
        changed: dict[int, str | None] = {}
        for run in self.runs:
            changed |= run.changed if now - run.last < FORGET_AFTER else {}
        return changed

    def settled(
        self, rows: Sequence[Live], *, by: str, now: datetime, lines: Iterable[Line] = ()
    ) -> Mapping[str, Lines]:
        """Return the lines that a list adds to the records of earlier runs: outcomes that it shows, and closings.

        The list must be read after the last moment at which a request of them can arrive. `lines`: of the run `by`.
        """
        outcomes = (line for line in lines if line["event"] == "outcome")
        created = {
            line["name"]: line["after"] for line in outcomes if line["action"] == Action.CREATE and _succeeded(line)
        }
        settled = {
            run.id: tuple(_settled(run, rows, created=created, by=by, now=now))
            for run in self.unfinished
            if run.id != by
        }
        return {run_id: lines for run_id, lines in settled.items() if lines}


def manifest_key(stack: str | None, environment: str | None, files: Iterable[str]) -> tuple[str, ...]:
    """Return what identifies a manifest in its account: environment, and stack, or files if it has no stack."""
    return (environment or "", "stack", stack) if stack else (environment or "", "files", *files)


def key_of_manifest(manifest: Manifest) -> tuple[str, ...]:
    """Return the `manifest_key` of a manifest."""
    return manifest_key(manifest.stack, manifest.environment, manifest.files)


def past_run(lines: Sequence[Line]) -> PastRun:
    """Return what one run did and left open. Raises: one of MALFORMED if its lines are not those of a run."""
    intents = {key_of(line): line for line in lines if line["event"] == "intent"}
    outcomes = {key_of(line): line for line in lines if line["event"] == "outcome"}
    end = next((line for line in lines if line["event"] == "end"), None)
    closed = any(line["event"] == "closed" for line in lines)
    counts: dict[str, int] = {}
    for key in {**intents, **outcomes}:
        status = outcomes[key]["status"] if key in outcomes else "open"
        counts[status] = counts.get(status, 0) + 1
    left = () if closed else tuple(filter(None, (_open(key, intents[key], outcomes.get(key)) for key in intents)))
    changed = _ids(end["changed"]) if end else _changed(outcomes.values())
    managed = {bucket_id: str(name) for bucket_id, name in _ids(end["managed"]).items()} if end else {}
    last = max(datetime.fromisoformat(line["time"]) for line in lines if line["event"] in REQUIRED)
    return PastRun(lines[0]["id"], lines[0], end is None, closed, counts, left, changed, managed, end, last)


def end_of(lines: Lines, *, exit_code: int, verified: bool, managed: Mapping[int, str], now: datetime) -> Line:
    """Return the last line of a run with these lines. `managed`: what its manifest names, if it ends verified."""
    run = past_run(lines)
    left, changed = len(run.open), run.changed
    return end_line(exit_code=exit_code, verified=verified, left=left, changed=changed, managed=managed, now=now)


def _changed(outcomes: Iterable[Line]) -> Mapping[int, str | None]:
    """Return the names by id of the buckets that were written to; None: deleted."""
    changed: dict[int, str | None] = {}
    for line in outcomes:
        if line["action"] in (Action.DELETE, Action.REPLACE) and (
            _succeeded(line) or (line["wrote"] and line["after"])
        ):
            changed[line["id"]] = None
        if line["wrote"] and line["after"]:
            changed[line["after"]["id"]] = line["after"]["attrs"].get("name", "")
    return changed


def reduced(lines: Lines, *, managed: bool) -> Lines:
    """Return what later runs need of a closed run: who and where, how it ended, what the list must show."""
    run = {key: value for key, value in lines[0].items() if key not in ("plan", "listed")}
    ends = (line if managed else {**line, "managed": {}} for line in lines if line["event"] == "end")
    return (run, *ends, *(line for line in lines if line["event"] == "closed"))


def _open(key: Key, intent: Line, outcome: Line | None) -> OpenChange | None:
    """Return the open part of one change, None if it is settled."""
    action, name, _ = key
    attrs, marks = (intent["attrs"], tuple(intent["marks"])) if action in (Action.CREATE, Action.REPLACE) else ({}, ())
    claimed = bool(intent.get("claim"))
    if outcome is None:
        return OpenChange(key, undecided=True, attrs=attrs, marks=marks, claimed=claimed)
    status, after = outcome["status"], outcome["after"]
    if status in WELL or status in NOT_SENT:
        return None
    undecided = status == Status.UNKNOWN or bool(outcome.get("lost"))
    stored = after["attrs"].get("name", "") if after and outcome["wrote"] else name
    was = outcome["before"]["attrs"].get("name") if action == Action.RENAME else name
    if stored not in (name, was) and action in (Action.CREATE, Action.REPLACE, Action.RENAME):
        return OpenChange(key, undecided=False, attrs=attrs, marks=marks, elsewhere=(after["id"], stored))
    not_found = claimed and "by" in outcome  # by a later run
    # Also if the delete of a replacement was refused: a proxy may deliver it twice and return the second response.
    if undecided or not_found or action == Action.REPLACE:
        return OpenChange(
            key, undecided=undecided, attrs=attrs, marks=marks, claimed=claimed and (undecided or not_found)
        )
    return None


def _settled(
    run: PastRun, rows: Sequence[Live], *, created: Mapping[str, JSON], by: str, now: datetime
) -> Iterator[Line]:
    """Yield the lines that a list adds to one run's record."""
    still_open = False
    for left in run.open:
        status, found = _found(left, run, rows)
        after = to_json(found) if found else None
        if left.lost and status is Status.FAILED and left.name in created:
            status, after = Status.REPLACED, created[left.name]
        if status is not Status.FAILED or left.undecided:
            yield settled_line(left.key, status, after=after, now=now, by=by)
        still_open = still_open or status is Status.FAILED
    if not still_open:
        yield closed_line(by=by, reason="", now=now)


def _succeeded(line: Line) -> bool:
    return line["status"] in WELL and bool(line["wrote"])


def _found(left: OpenChange, run: PastRun, rows: Sequence[Live]) -> tuple[Status, Live | None]:
    """Return the outcome that a list shows for an open change; FAILED: it stays open."""
    by_id = {row.id: row for row in rows}
    if left.elsewhere is not None:
        live = by_id.get(left.elsewhere[0])
        if live and live.name == left.name:  # someone gave it the desired name
            return Status.ADOPTED, live
        return (Status.FAILED, live) if live else (Status.SKIPPED, None)
    if left.action not in (Action.CREATE, Action.REPLACE):
        return Status.SKIPPED, None
    if left.key[2] in by_id:  # the bucket to be replaced still exists
        return Status.SKIPPED, None
    new = [row for row in rows if row.id not in run.listed]
    namesakes = [row for row in new if row.name == left.name]
    if left.lost:
        namesakes = [row for row in namesakes if all(row.attrs.get(key) == left.attrs[key] for key in left.attrs)]
    if namesakes:
        return (Status.REPLACED if left.lost else Status.ADOPTED), namesakes[0]
    others = {other.name for other in run.open if other is not left}
    explained = run.changed.keys() | {row.id for row in new if row.name == left.name or row.name in others}
    similar = [row for row in new if row.id not in explained and _may_be(row, left)]
    if similar and left.undecided:
        return Status.FAILED, similar[0]
    return (Status.FAILED if left.lost or left.claimed else Status.SKIPPED), None


def _may_be(row: Live, left: OpenChange) -> bool:
    """Return whether a new bucket may come from a create: it is similar in all that can be read of it.

    The server may have changed the spelling of its name.
    """
    place = (key in row.unreadable or row.attrs.get(key) == left.attrs.get(key) for key in ("region", "type"))
    return all(place) and ("name" in row.unreadable or resembles(left.name, row.name, shortest=1))


def _ids(names: Mapping[str, JSON]) -> dict[int, str | None]:
    return {int(bucket_id): name for bucket_id, name in names.items()}
