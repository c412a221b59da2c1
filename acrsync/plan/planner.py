"""The one decision: what to do about every bucket, and in which order.

Pure, total and deterministic: the same manifest and snapshot give the same plan, whatever the order of their parts.
The first row that fits decides; "named" is by `id`, else by `was`, else by `name` (`matching.py`).

| entry | live bucket | earlier run | what happens |
| --- | --- | --- | --- |
| any | of another account | | foreign, left alone |
| names it | it cannot be read what it is | | unreadable, left alone; E211 for that bucket only |
| none | it cannot be read what it is | | unreadable, left alone |
| could mean two, or two mean it | any | | an error that names both; all of them left alone |
| names it | a value that is needed cannot be read | | unreadable, left alone; E211 for that bucket only |
| names it | an immutable field differs | | replace |
| names it | another field, or a mark, differs | | update; a rename if the name differs |
| names it | as wanted | | in sync, left alone |
| names none | | the server stored it under another name | E210 with the `id` |
| names none | new, and nothing explains it | a create without a known end may have made it | E210 with the `id` |
| names none | | a strict run may have sent its create | E212: only a person decides |
| names none | | a replacement deleted it and did not end | create, with all that it had |
| names none | one that nothing explains resembles it | | create, with an objection or a warning (`renames.py`) |
| names none | | | create |
| `removed` | marks cannot be read | | unreadable, left alone; E211 for that bucket only |
| `removed` | named by it | | delete, or with `forget` take off the mark |
| `removed` | none of that name, but of one like it | | a warning that names that one |
| none | `prune` covers it and it can be read and written | | delete |
| none | any other | | unmanaged, left alone |

Then what cannot be carried out is taken out again (a value that cannot be created, a name that is not free in time),
and the rest is put into waves.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from urllib.parse import urlsplit

from acrsync.bucket import CHINA, FIELDS, REGIONS, TYPES
from acrsync.diagnostics import Diagnostic, Span, error, in_reading_order
from acrsync.model import PROTECTED, Attrs, Desired, Live, Manifest, Prune, Removed, Snapshot
from acrsync.plan.changes import Action, Create, Delete, Keep, Kept, Marks, Replace, Update, Work
from acrsync.plan.document import Plan
from acrsync.plan.earlier import Earlier, Pending
from acrsync.plan.likeness import resembles, same_place
from acrsync.plan.matching import cannot_be_read, describe, match
from acrsync.plan.order import waves
from acrsync.plan.ownership import account_uid, is_own, prunable, wanted_marks
from acrsync.visible import lookalike, visible


@dataclass(slots=True)
class _Decisions:
    """What is decided so far; lives for one call of `make_plan`."""

    work: list[Work] = field(default_factory=list)
    kept: list[Keep] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    in_question: frozenset[int] = frozenset()  # ids of buckets that an error speaks of
    taken: set[int] = field(default_factory=set)  # ids that nothing else may be decided about

    def leave(self, live: Live, keys: Iterable[str], span: Span | None) -> None:
        """Do nothing to a bucket of which something cannot be read that a change would need."""
        self.diagnostics.append(cannot_be_read(live, keys, span=span))
        self.kept.append(Keep(live, Kept.UNREADABLE))


def make_plan(manifest: Manifest, snapshot: Snapshot, *, earlier: Earlier | None = None) -> Plan:
    """Return what would make the account match the manifest.

    `earlier` is what runs before this one left open.
    """
    uid = account_uid(manifest, snapshot)
    foreign = tuple(row for row in snapshot.rows if not is_own(row, uid))
    unreadable = tuple(row for row in snapshot.rows if is_own(row, uid) and not row.is_identified)
    own = tuple(row for row in snapshot.rows if is_own(row, uid) and row.is_identified)
    of_interest = _without_doubles(manifest.removed, own)
    matching = match(manifest.desired, of_interest, foreign=foreign, unreadable=unreadable)
    decisions = _Decisions(
        diagnostics=list(matching.diagnostics), in_question=matching.in_question, taken=set(matching.in_question)
    )
    for desired, live in matching.pairs:
        decisions.taken.add(live.id)
        _decide(decisions, manifest, desired, live)
    earlier = earlier or Earlier()
    new = [row for row in own if not _is_explained(row, manifest, decisions.taken)]
    for desired in matching.unmatched:
        if stored := earlier.aliases.get(desired.name):
            decisions.diagnostics.append(stored_elsewhere(desired, *stored))
        elif made := _may_be_made(desired, new, earlier):
            decisions.diagnostics.append(_may_be_made_of(desired, made))
        elif claim := earlier.claimed(desired.name):
            decisions.diagnostics.append(_may_be_sent(desired, claim))
        else:
            _decide_create(decisions, manifest, desired, earlier.lost(desired.name))
    _decide_removed(decisions, manifest, own, unreadable)
    _decide_pruned(decisions, manifest, own)
    left = [keep.live for keep in decisions.kept if keep.kept is Kept.UNREADABLE]
    work, problems = _possible(decisions.work, snapshot.endpoint, left)
    told = {change.live.id for change in (*work, *decisions.kept) if not isinstance(change, Create)}
    decisions.kept.extend(Keep(row, Kept.UNMANAGED) for row in own if row.id not in told)
    decisions.kept.extend(Keep(row, Kept.FOREIGN) for row in foreign)
    decisions.kept.extend(Keep(row, Kept.UNREADABLE) for row in unreadable)
    names = (*(row.name for row in snapshot.rows), *(entry.name for entry in manifest.desired))
    return Plan(
        waves=tuple(waves(work, alone=not own, names=names)),
        kept=tuple(sorted(decisions.kept, key=lambda keep: (keep.kept, keep.name, keep.live.id))),
        manifest=manifest,
        uid=uid,
        endpoint=snapshot.endpoint,
        diagnostics=in_reading_order((*snapshot.warnings, *decisions.diagnostics, *problems)),
    )


def differing(desired: Attrs, live: Attrs) -> tuple[str, ...]:
    """Return the fields that the manifest mentions and that differ, in the order of the table.

    An immutable field that the server does not show is not compared: a guess must not replace a bucket.
    """
    return tuple(
        key
        for key, spec in FIELDS.items()
        if key in desired and (desired[key] != live[key] if key in live else not spec.immutable)
    )


def _decide(decisions: _Decisions, manifest: Manifest, desired: Desired, live: Live) -> None:
    fields = tuple(key for key in differing(desired.attrs, live.attrs) if key not in live.unreadable)
    marks = wanted_marks(manifest, desired, live)
    immutable = [key for key in fields if FIELDS[key].immutable]
    needed = [
        key for key in live.unreadable if immutable or key in desired.attrs or (key == "labels" and marks != Marks())
    ]
    if needed:
        decisions.leave(live, needed, desired.span)
    elif immutable:
        whole = replace(desired, attrs={**live.attrs, **desired.attrs})
        reason = f"{' and '.join(immutable)} cannot change in place"
        decisions.work.append(Replace(whole, live, fields, reason, marks))
    elif fields or marks != Marks():
        reason = f"differs in {', '.join(fields)}" if fields else "ownership"
        decisions.work.append(Update(desired, live, fields, reason, marks))
    else:
        decisions.kept.append(Keep(live, Kept.IN_SYNC, desired))


def _decide_create(decisions: _Decisions, manifest: Manifest, desired: Desired, lost: Pending | None) -> None:
    marks = wanted_marks(manifest, desired, None)
    if lost is None:
        decisions.work.append(Create(desired, "not in the account", marks))
        return
    whole = replace(desired, attrs={**lost.attrs, **desired.attrs})
    marks = Marks(add=marks.applied_to(lost.marks))
    decisions.work.append(Create(whole, "finishes a replacement that was interrupted", marks))


def _without_doubles(removed: Sequence[Removed], own: Sequence[Live]) -> tuple[Live, ...]:
    """Return the buckets that entries can mean: not one that goes by its id while a namesake stays."""
    going = {row.id for row in own for entry in removed if entry.id == row.id and not entry.forget}
    staying = {row.name for row in own if row.id not in going}
    return tuple(row for row in own if row.id not in going or row.name not in staying)


def stored_elsewhere(desired: Desired, bucket_id: int, name: str) -> Diagnostic:
    """Return the error for an entry that the server stored under another name."""
    detail = (
        f"An earlier run sent the name {visible(desired.name)}, and the server stored {visible(name)} (id {bucket_id})."
        " A second create would make a second bucket."
    )
    fix = (
        f"write `id: {bucket_id}` in the entry, with a name that the server keeps, such as `name: {visible(name)}`; or "
        "delete that bucket if it is not wanted."
    )
    return error("E210", detail, fix=fix, span=desired.span)


def _is_explained(row: Live, manifest: Manifest, taken: set[int]) -> bool:
    """Tell whether an entry, `removed` or another stack accounts for a bucket."""
    others = any(mark not in (manifest.mark, PROTECTED) for mark in row.marks)
    return row.id in taken or others or any(removed.name == row.name for removed in manifest.removed)


def _may_be_made(desired: Desired, rows: Sequence[Live], earlier: Earlier) -> Live | None:
    """Return the new bucket that a create of an earlier run, whose end is not known, may have made."""
    for left in earlier.pending:
        if left.action not in (Action.CREATE, Action.REPLACE) or left.name != desired.name:
            continue
        labels = (left.attrs.get("labels", []), left.marks)
        for row in rows:
            same_labels = any(labels) and (row.attrs.get("labels"), row.marks) == labels
            may_be = row.id not in left.listed and same_place(left.attrs, row.attrs)
            if may_be and (same_labels or resembles(desired.name, row.name, shortest=1)):
                return row
    return None


def _may_be_made_of(desired: Desired, row: Live) -> Diagnostic:
    detail = (
        f"An earlier run sent a create for {visible(desired.name)}, and its end is not known. Bucket {describe(row)} "
        "is new since, so it may be what the server made of it. A second create would make a second bucket."
    )
    fix = f"write `id: {row.id}` in the entry; or, if it is another bucket, close that run with `acrsync runs close`."
    return error("E210", detail, fix=fix, span=desired.span)


def _may_be_sent(desired: Desired, claim: Pending) -> Diagnostic:
    detail = (
        f"Run {claim.run} was about to create {visible(desired.name)}, and it is not known if the request was sent. "
        "The list does not show the bucket. Because that run was strict, the request is not sent again."
    )
    reason = f"{desired.name} was not created"
    fix = f"if it is not in the console either, run: acrsync runs close {claim.run} --reason {shlex.quote(reason)}"
    return error("E212", detail, fix=fix, span=desired.span)


def _decide_removed(decisions: _Decisions, manifest: Manifest, own: Sequence[Live], unreadable: Sequence[Live]) -> None:
    for removed in sorted(manifest.removed, key=lambda entry: (entry.name, entry.id or 0)):
        for row in unreadable:
            if removed.means(row):
                decisions.diagnostics.append(cannot_be_read(row, row.unreadable, span=removed.span))
        rows = [row for row in own if removed.means(row)]
        ids = {row.id for row in rows}
        claimed = bool(ids & decisions.taken)
        decisions.taken |= ids
        if not rows:
            near = _nearest(removed.name, [row for row in own if not _is_explained(row, manifest, decisions.taken)])
            decisions.diagnostics += [_nothing_named(removed, near)] if near else []
        if not rows or ids & decisions.in_question:
            continue
        if claimed or len(rows) > 1:
            decisions.diagnostics.append(_removal_in_question(removed, rows, claimed=claimed))
        elif "labels" in rows[0].unreadable:  # it may carry a mark
            decisions.leave(rows[0], ["labels"], removed.span)
        elif not removed.forget:
            decisions.work.append(Delete(rows[0], "listed in `removed`"))
        elif manifest.mark in rows[0].marks:
            unchanged = Desired({"name": rows[0].name}, removed.span)
            forget = Marks(remove=(str(manifest.mark),))
            decisions.work.append(Update(unchanged, rows[0], (), "forgotten: the mark goes, the bucket stays", forget))


def _nearest(name: str, rows: Sequence[Live]) -> Live | None:
    """Return the bucket whose name is most like this one, if it may be a slip of the pen."""
    names = get_close_matches(name, [row.name for row in rows], n=1, cutoff=0.8)
    alike = (row for row in rows if row.name in names or lookalike(row.name) == lookalike(name))
    return next(alike, None)


def _nothing_named(removed: Removed, near: Live) -> Diagnostic:
    detail = f"`removed` names {visible(removed.name)}, which is not live, but {describe(near)} is. Nothing is removed."
    fix = f"if that one is meant, write `{visible(near.name)}`; else take {visible(removed.name)} out of `removed`."
    return error("W212", detail, fix=fix, span=removed.span)


def _removal_in_question(removed: Removed, rows: Sequence[Live], *, claimed: bool) -> Diagnostic:
    listed = "; ".join(map(describe, rows))
    if claimed:
        detail = f"{visible(str(removed))} is listed in `removed`, but an entry in `buckets` means it: {listed}."
        fix = f"remove {visible(str(removed))} from `removed`, or the entry that claims it."
        return error("E203", detail, fix=fix, span=removed.span)
    detail = f"{len(rows)} buckets are named {visible(removed.name)}: {listed}."
    choices = " or ".join(f"{{id: {row.id}}}" for row in rows)
    fix = f"write which one is meant, in place of the name: {choices}"
    return error("E202", detail, fix=fix, span=removed.span)


def _decide_pruned(decisions: _Decisions, manifest: Manifest, own: Sequence[Live]) -> None:
    """Decide about buckets that nothing names; an empty manifest never prunes."""
    if manifest.prune is Prune.NEVER or not manifest.desired:
        return
    for row in own:
        if row.id not in decisions.taken and prunable(manifest, row):
            decisions.work.append(Delete(row, f"not in the manifest (`prune: {manifest.prune}`)"))


def _possible(work: Sequence[Work], endpoint: str, left: Iterable[Live]) -> tuple[list[Work], list[Diagnostic]]:
    """Split off what could not be carried out: values that cannot be created, names that are not free in time."""
    held = {lookalike(live.name): (live, "cannot be read and keeps its name") for live in left}
    for change in work:
        if isinstance(change, Replace):
            why = f"is replaced by {visible(change.name)} later than that"
            held[lookalike(change.live.name)] = change.live, why
    possible: list[Work] = []
    problems = []
    for change in work:
        problem = _name_is_held(change, held) if held else None
        if isinstance(change, Create | Replace):
            problem = not_creatable(change.desired, endpoint) or problem
        if problem is None:
            possible.append(change)
        else:
            problems.append(problem)
    return possible, problems


def not_creatable(desired: Desired, endpoint: str) -> Diagnostic | None:
    """Return the error where a bucket holds a value that nothing can be created with.

    Source: Console API, "Create Bucket"; `cn-north-1` is the only region of acrcloud.cn, which has no other.
    """
    host = urlsplit(endpoint).hostname or ""
    regions: tuple[str, ...] = (CHINA,) if host.endswith("acrcloud.cn") else REGIONS
    if not host.endswith(("acrcloud.cn", "acrcloud.com")):
        regions = (*REGIONS, CHINA)
    for key, allowed in (("region", regions), ("type", TYPES)):
        value = desired.attrs.get(key)
        if value not in allowed:
            detail = f"Bucket {visible(desired.name)} would have to be created with {key} {visible(str(value))}."
            fix = f"choose one of {', '.join(allowed)}, or the name of a bucket that exists."
            return error("E209", detail, fix=fix, span=desired.span)
    return None


def _name_is_held(change: Work, held: Mapping[str, tuple[Live, str]]) -> Diagnostic | None:
    """Refuse a name that another bucket gives up too late or not at all."""
    match change:
        case Create():
            taker = None
        case Update() | Replace() if "name" in change.fields:
            taker = change.live.id
        case _:
            return None
    holder, why = held.get(lookalike(change.name), (None, ""))
    if holder is None or holder.id == taker:
        return None
    detail = f"{visible(change.name)} cannot be taken: {describe(holder)} {why}."
    fix = "rename it first, in an apply of its own, and then replace it."
    return error("E204", detail, fix=fix, span=change.desired.span)
