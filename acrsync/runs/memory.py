"""What earlier runs left behind, from their lines: pure, and the same for every store.

A change is *open* if a run set out to make it and nobody knows yet how that ended, or if it ended so that later runs
must know. There are four cases:

- *undecided*: the request may have been carried out, or may still be. Nothing is created on a list before that is over
- *lost*: a replacement deleted a bucket and did not create it again. Its attributes are here and nowhere else
- *elsewhere*: the server stored a create under another name. While that bucket lives its entry is not created again
- *claimed*: a create of a strict run may have been sent, and no list showed its bucket. Only a person gives it up

A list that was read when no request can land any more (rule 7 of `lease.py`) settles what is undecided: the bucket is
listed, or there is none. A lost bucket is settled when it is live again with its attributes, one that is elsewhere
when it is gone. A run of which nothing is open is closed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from acrsync.diagnostics import AcrsyncError, Diagnostic, error
from acrsync.model import JSON, Attrs, Live
from acrsync.plan.changes import Action
from acrsync.plan.earlier import Earlier, Pending, Unsettled
from acrsync.plan.likeness import resembles, same_place
from acrsync.plan.outcome import WELL, Status
from acrsync.runs.record import KNOWN_EVENTS, Key, Line, Lines, closed_line, key_of, settled_line, shown
from acrsync.visible import visible

NONSENSE = (AttributeError, LookupError, TypeError, ValueError)
FORGET = timedelta(days=1)  # by the stamps of other machines: far longer than any list lags, whatever clocks show


@dataclass(frozen=True, slots=True)
class Open:
    """One open change."""

    key: Key
    undecided: bool
    attrs: Attrs = field(default_factory=dict)  # of a create or replacement: what the new bucket was to have
    marks: tuple[str, ...] = ()
    elsewhere: tuple[int, str] | None = None  # id and name of what the server stored instead
    claimed: bool = False  # a create that is not sent again unless a person says so

    @property
    def action(self) -> Action:
        return Action(self.key[0])

    @property
    def name(self) -> str:
        return str(self.key[1])

    @property
    def words(self) -> str:
        """What is open, for people."""
        if self.elsewhere:
            bucket_id, name = self.elsewhere
            return f"{self.name} was stored as {name} (id {bucket_id}); no second one is created while that exists"
        if self.claimed and not self.undecided:
            return f"{self.action} {self.name}: it may have been sent, and no list showed the bucket"
        if self.undecided:
            return f"{self.action} {self.name}: it is not known whether it was carried out"
        return f"{self.name} was deleted to be replaced and is not there again: {dict(self.attrs)}"

    @property
    def lost(self) -> bool:
        """Whether a bucket may be gone and must come back with its attributes."""
        return self.action is Action.REPLACE


@dataclass(frozen=True, slots=True)
class Past:
    """One earlier run."""

    id: str
    header: Line
    crashed: bool  # it never recorded its end
    closed: bool
    counts: Mapping[str, int]  # changes by status; "open" counts those without a recorded outcome
    open: tuple[Open, ...]
    changed: Mapping[int, str | None]  # names of the buckets that it wrote to; None: deleted
    managed: Mapping[int, str]  # what its manifest names, if it ended verified
    end: Line | None
    last: datetime  # when it wrote last, as its clock showed it

    @property
    def hint(self) -> Diagnostic:
        words = {"open": "without a known end"}
        found = ", ".join(f"{count} {words.get(status, status)}" for status, count in sorted(self.counts.items()))
        how = "was cut off" if self.crashed else "left something open"
        detail = f"Run {self.id} {how}; changes: {found or 'none begun'}. This plan takes it into account."
        return error("H511", detail, fix=f"see what it left: `acrsync runs show {self.id}`")

    def is_adopted(self, managed: Collection[int]) -> bool:
        """Tell whether all that is open was stored under another name, and a manifest manages those buckets by now."""
        return bool(self.open) and all(left.elsewhere and left.elsewhere[0] in managed for left in self.open)

    @property
    def done(self) -> bool:
        """Whether later runs need not settle anything of it."""
        return self.closed or (self.end is not None and not self.open)

    @property
    def manifest(self) -> tuple[str, ...]:
        """What tells this manifest from others of the account: its stack, or its files if it has none."""
        header = self.header
        return manifest_key(header.get("stack"), header.get("environment"), header.get("files", ()))

    @property
    def listed(self) -> frozenset[int]:
        return frozenset(self.header.get("listed", ()))


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the account now."""

    run: str
    who: str
    since: str  # as the holder's clock shows it, for people
    ttl_s: float

    def __str__(self) -> str:
        return f"run {self.run} of {self.who}, since {self.since}"


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of earlier runs in one account, oldest first."""

    runs: tuple[Past, ...] = ()
    holder: Holder | None = None

    @property
    def unfinished(self) -> tuple[Past, ...]:
        return tuple(run for run in self.runs if not run.done)

    def one(self, run_id: str) -> Past:
        """Return an unfinished run. Raises: AcrsyncError."""
        for run in self.unfinished:
            if run.id == run_id:
                return run
        names = ", ".join(run.id for run in self.unfinished) or "none"
        detail = f"{visible(run_id)} is not an unfinished run. Unfinished runs: {names}."
        raise AcrsyncError("E079", detail, fix="`acrsync runs` lists them all.")

    @property
    def open(self) -> tuple[Open, ...]:
        return tuple(left for run in self.unfinished for left in run.open)

    @property
    def undecided(self) -> bool:
        """Whether any request of an earlier run may still land, or have landed unseen."""
        return any(left.undecided for left in self.open)

    @property
    def hints(self) -> tuple[Diagnostic, ...]:
        """What people must know of them."""
        going_on = (error("H515", f"It is {self.holder}. This plan may change with it."),) if self.holder else ()
        managed = {bucket_id for run in self.runs for bucket_id in run.managed}
        news = (run for run in self.unfinished if self.holder is None or run.id != self.holder.run)
        return (*going_on, *(run.hint for run in news if not run.is_adopted(managed)))

    def of(self, uid: int | None) -> Known:
        """Return what is known of one account's runs, and of those whose account was not known to them."""
        of_it = (run for run in self.runs if uid is None or run.header["uid"] in (uid, None))
        return replace(self, runs=tuple(of_it))

    def earlier(self, rows: Sequence[Live], *, manifest: tuple[str, ...] = ()) -> Earlier:
        """Return what planning must know, by a list that was just read; `manifest`: its `manifest_key`."""
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

    def last_verified(self, *, repository: str, manifest: tuple[str, ...]) -> Past | None:
        """Return the last run that ended verified, of one manifest of one repository."""
        of_it = (run for run in reversed(self.runs) if run.manifest == manifest and run.end and run.end["verified"])
        return next((run for run in of_it if run.header["who"]["repository"] == repository), None)

    def unsettled(self, *, but: str = "") -> tuple[Unsettled, ...]:
        """Return what is open as a saved plan names it, without what runs of the plan with the digest `but` left."""
        runs = (run for run in self.unfinished if not but or run.header.get("plan", {}).get("digest") != but)
        return tuple(Unsettled(run.id, left.action, left.name, left.key[2]) for run in runs for left in run.open)

    def shown_by(self, rows: Iterable[Live], *, now: datetime) -> bool:
        """Tell whether a list shows what the last runs wrote; if not, it may be older than that."""
        names = {row.id: row.name for row in rows}
        changed: dict[int, str | None] = {}
        for run in self.runs:
            changed |= run.changed if now - run.last < FORGET else {}
        return all(names.get(bucket_id) == name for bucket_id, name in changed.items())

    def settled(
        self, rows: Sequence[Live], *, by: str, now: datetime, done: Iterable[Line] = ()
    ) -> Mapping[str, Lines]:
        """Return the lines that a list adds to the records of earlier runs: what was found, and what closes.

        The list must have been read when nothing of them could land any more. `done`: outcomes of the run `by`.
        """
        made = {line["name"]: line["after"] for line in done if line["action"] == Action.CREATE and _is_well(line)}
        settled = {
            run.id: tuple(_settled(run, rows, made=made, by=by, now=now)) for run in self.unfinished if run.id != by
        }
        return {run_id: lines for run_id, lines in settled.items() if lines}


def manifest_key(stack: str | None, environment: str | None, files: Iterable[str]) -> tuple[str, ...]:
    """Return what tells a manifest from others of the same account."""
    return (environment or "", "stack", stack) if stack else (environment or "", "files", *files)


def past(lines: Sequence[Line]) -> Past:
    """Return what one run left behind. Raises: one of NONSENSE if its lines make no sense."""
    intents = {key_of(line): line for line in lines if line["event"] == "intent"}
    outcomes = {key_of(line): line for line in lines if line["event"] == "outcome"}
    end = next((line for line in lines if line["event"] == "end"), None)
    closed = any(line["event"] == "closed" for line in lines)
    counts: dict[str, int] = {}
    for key in {**intents, **outcomes}:
        status = outcomes[key]["status"] if key in outcomes else "open"
        counts[status] = counts.get(status, 0) + 1
    left = () if closed else tuple(filter(None, (_open(key, intents[key], outcomes.get(key)) for key in intents)))
    changed = _ids(end["changed"]) if end else changes(outcomes.values())
    managed = {bucket_id: str(name) for bucket_id, name in _ids(end["managed"]).items()} if end else {}
    last = max(datetime.fromisoformat(line["time"]) for line in lines if line["event"] in KNOWN_EVENTS)
    return Past(lines[0]["id"], lines[0], end is None, closed, counts, left, changed, managed, end, last)


def changes(outcomes: Iterable[Line]) -> Mapping[int, str | None]:
    """Return the names of the buckets that were written to, by the lines of their outcomes; None: deleted."""
    changed: dict[int, str | None] = {}
    for line in outcomes:
        if line["action"] in (Action.DELETE, Action.REPLACE) and (_is_well(line) or (line["wrote"] and line["after"])):
            changed[line["id"]] = None
        if line["wrote"] and line["after"]:
            changed[line["after"]["id"]] = line["after"]["attrs"].get("name", "")
    return changed


def reduced(lines: Lines, *, managed: bool) -> Lines:
    """Return what later runs need of a closed run: who and where, how it ended, what its list must show."""
    run = {key: value for key, value in lines[0].items() if key not in ("plan", "listed")}
    ends = (line if managed else {**line, "managed": {}} for line in lines if line["event"] == "end")
    return (run, *ends, *(line for line in lines if line["event"] == "closed"))


def _open(key: Key, intent: Line, outcome: Line | None) -> Open | None:
    """Return what is open of one change, None if nothing is."""
    action, name, _ = key
    attrs, marks = (intent["attrs"], tuple(intent["marks"])) if action in (Action.CREATE, Action.REPLACE) else ({}, ())
    claimed = bool(intent.get("claim"))
    if outcome is None:
        return Open(key, undecided=True, attrs=attrs, marks=marks, claimed=claimed)
    status, after = outcome["status"], outcome["after"]
    if status in WELL or status in (Status.SKIPPED, Status.STALE, Status.REFUSED):  # done, or nothing was sent
        return None
    undecided = status == Status.UNKNOWN or bool(outcome.get("lost"))
    stored = after["attrs"].get("name", "") if after and outcome["wrote"] else name
    was = outcome["before"]["attrs"].get("name") if action == Action.RENAME else name
    if stored not in (name, was) and action in (Action.CREATE, Action.REPLACE, Action.RENAME):
        return Open(key, undecided=False, attrs=attrs, marks=marks, elsewhere=(after["id"], stored))
    looked_for = claimed and "by" in outcome  # a later run did not find it
    # Also if the delete of a replacement was refused: a proxy may have delivered it twice and shown the second answer.
    if undecided or looked_for or action == Action.REPLACE:
        return Open(key, undecided=undecided, attrs=attrs, marks=marks, claimed=claimed and (undecided or looked_for))
    return None


def _settled(run: Past, rows: Sequence[Live], *, made: Mapping[str, JSON], by: str, now: datetime) -> Iterator[Line]:
    """Yield the lines that a list adds to one run's record."""
    still_open = False
    for left in run.open:
        status, found = _found(left, run, rows)
        after = shown(found) if found else None
        if left.lost and status is Status.FAILED and left.name in made:
            status, after = Status.REPLACED, made[left.name]
        if status is not Status.FAILED or left.undecided:
            yield settled_line(left.key, status, after=after, now=now, by=by)
        still_open = still_open or status is Status.FAILED
    if not still_open:
        yield closed_line(by=by, reason="", now=now)


def _is_well(line: Line) -> bool:
    return line["status"] in WELL and bool(line["wrote"])


def _found(left: Open, run: Past, rows: Sequence[Live]) -> tuple[Status, Live | None]:
    """Return the outcome that a list shows for an open change; FAILED is one that stays open."""
    by_id = {row.id: row for row in rows}
    if left.elsewhere is not None:
        lives = by_id.get(left.elsewhere[0])
        if lives and lives.name == left.name:  # somebody gave it the name that was wanted
            return Status.ADOPTED, lives
        return (Status.FAILED, lives) if lives else (Status.SKIPPED, None)
    if left.action not in (Action.CREATE, Action.REPLACE):
        return Status.SKIPPED, None
    if left.key[2] in by_id:  # it was to be replaced, and is there
        return Status.SKIPPED, None
    new = [row for row in rows if row.id not in run.listed]
    namesakes = [row for row in new if row.name == left.name]
    if left.lost:
        namesakes = [row for row in namesakes if all(row.attrs.get(key) == left.attrs[key] for key in left.attrs)]
    if namesakes:
        return (Status.REPLACED if left.lost else Status.ADOPTED), namesakes[0]
    others = {other.name for other in run.open if other is not left}
    explained = run.changed.keys() | {row.id for row in new if row.name == left.name or row.name in others}
    near = [row for row in new if row.id not in explained and _may_be(row, left)]
    if near and left.undecided:
        return Status.FAILED, near[0]
    return (Status.FAILED if left.lost or left.claimed else Status.SKIPPED), None


def _may_be(row: Live, left: Open) -> bool:
    """Tell whether a new bucket may be what the server made of a create: like it but for a name spelled otherwise."""
    return same_place(row.attrs, left.attrs) and resembles(left.name, row.name, shortest=1)


def _ids(names: Mapping[str, JSON]) -> dict[int, str | None]:
    return {int(bucket_id): name for bucket_id, name in names.items()}
