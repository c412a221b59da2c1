"""Decides what to do with each bucket, and in which order.

Pure, total and deterministic: the same manifest and snapshot give the same plan, in whatever order their parts are.
The first row that matches decides. An entry selects a bucket by `id`, else by `was`, else by `name` (`matching.py`). A
bucket is *unidentified* if its name, region, type or account cannot be read.

| entry | live bucket | earlier run | result |
| --- | --- | --- | --- |
| any | of another account | | foreign, left alone |
| selects it | unidentified | | unreadable, left alone; E211 for this bucket only |
| none | unidentified | | unreadable, left alone |
| ambiguous, or two select it | any | | an error that names all of them; they are left alone |
| selects it | a needed value cannot be read | | unreadable, left alone; E211 for this bucket only |
| selects it | an immutable field differs | | replace |
| selects it | another field, or a mark, differs | | update; a rename if the name differs |
| selects it | as wanted | | in sync, left alone |
| selects none | | the server stored it under another name | E210 with the `id` |
| selects none | new and not explained | an unfinished create may have made it | E210 with the `id` |
| selects none | | a strict run may have sent its create | E212: only a person decides |
| selects none | | an unfinished replacement deleted it | create, with all its attributes |
| selects none | a similar one that is not explained | | create, with an objection or a warning (`renames.py`) |
| selects none | | | create |
| `removed` | marks cannot be read | | unreadable, left alone; E211 for this bucket only |
| `removed` | selected by it | | delete, or with `forget` remove the mark |
| `removed` | none selected, but one with a similar name | | a warning that names that one |
| none | covered by `prune`, readable and writable | | delete |
| none | any other | | unmanaged, left alone |

Then impossible changes become errors (a value that cannot be created, a name that is not free in time), and the other
changes are put into waves.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from urllib.parse import urlsplit

from acrsync.bucket import CHINA, FIELDS, REGIONS, TYPES
from acrsync.diagnostics import Diagnostic, Span, error, in_reading_order
from acrsync.model import Attrs, Desired, Live, Manifest, Prune, Removed, Snapshot
from acrsync.plan.changes import Action, Create, Delete, Keep, Kept, Marks, Replace, Update, Work, live_of
from acrsync.plan.document import Plan
from acrsync.plan.earlier import Earlier, Pending
from acrsync.plan.likeness import resembles, same_place
from acrsync.plan.matching import cannot_be_read, describe, match, several_named
from acrsync.plan.order import waves
from acrsync.plan.ownership import account_uid, is_explained, is_own, prunable, wanted_marks
from acrsync.visible import lookalike, pasteable, visible


@dataclass(slots=True)
class _Decisions:
    """The state of one call of `make_plan`."""

    work: list[Work] = field(default_factory=list)
    kept: list[Keep] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    in_question: frozenset[int] = frozenset()  # ids of buckets in an error
    taken: set[int] = field(default_factory=set)  # ids of buckets that are decided

    def leave(self, live: Live, keys: Iterable[str], span: Span | None) -> None:
        """Leave a bucket alone, because a change needs values that cannot be read."""
        self.diagnostics.append(cannot_be_read(live, keys, span=span))
        self.kept.append(Keep(live, Kept.UNREADABLE))


def make_plan(manifest: Manifest, snapshot: Snapshot, *, earlier: Earlier | None = None) -> Plan:
    """Return the changes that make the account match the manifest, after these earlier runs."""
    uid = account_uid(manifest, snapshot)
    foreign = tuple(row for row in snapshot.rows if not is_own(row, uid))
    unreadable = tuple(row for row in snapshot.rows if is_own(row, uid) and not row.is_identified)
    own = tuple(row for row in snapshot.rows if is_own(row, uid) and row.is_identified)
    candidates = _without_doubles(manifest.removed, own)
    matching = match(manifest.desired, candidates, foreign=foreign, unreadable=unreadable)
    decisions = _Decisions(
        diagnostics=list(matching.diagnostics), in_question=matching.in_question, taken=set(matching.in_question)
    )
    for desired, live in matching.pairs:
        decisions.taken.add(live.id)
        _decide(decisions, manifest, desired, live)
    earlier = earlier or Earlier()
    new = [row for row in own if row.id not in decisions.taken and not is_explained(row, manifest)]
    for desired in matching.unmatched:
        if stored := earlier.aliases.get(desired.name):
            decisions.diagnostics.append(stored_elsewhere(desired, *stored))
        elif made := _may_be_made(desired, new, earlier):
            decisions.diagnostics.append(_may_be_made_of(desired, *made))
        elif claim := earlier.claimed(desired.name):
            decisions.diagnostics.append(_may_be_sent(desired, claim))
        else:
            _decide_create(decisions, manifest, desired, earlier.lost(desired.name))
    _decide_removed(decisions, manifest, own, unreadable)
    _decide_pruned(decisions, manifest, own)
    left = [keep.live for keep in decisions.kept if keep.kept is Kept.UNREADABLE]
    work, problems = _possible(decisions.work, snapshot.endpoint, left)
    decided = {one.id for change in (*work, *decisions.kept) if (one := live_of(change))}
    decisions.kept.extend(Keep(row, Kept.UNMANAGED) for row in own if row.id not in decided)
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
    """Return the fields in the manifest that differ, in the order of the table.

    If the server does not show an immutable field, it is not compared: a guess must not replace a bucket.
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
    decisions.work.append(Create(whole, "finishes an interrupted replacement", marks))


def _without_doubles(removed: Sequence[Removed], own: Sequence[Live]) -> tuple[Live, ...]:
    """Return the buckets that entries can select: not one that is removed by id if another one of its name stays."""
    going = {row.id for row in own for entry in removed if entry.id == row.id and not entry.forget}
    staying = {row.name for row in own if row.id not in going}
    return tuple(row for row in own if row.id not in going or row.name not in staying)


def stored_elsewhere(desired: Desired, bucket_id: int, name: str) -> Diagnostic:
    """Return the error for an entry that the server stored under another name."""
    stored = f"{visible(name)} (id {bucket_id})" if name else f"bucket {bucket_id}, whose name is empty or unreadable"
    detail = (
        f"An earlier run sent the name {visible(desired.name)}, and the server stored {stored}. A second create would "
        "make a second bucket."
    )
    fix = naming(bucket_id, name, wanted=desired.name)
    return error("E210", detail, fix=fix, span=desired.span)


def naming(bucket_id: int, name: str, *, wanted: str) -> str:
    """Return what to do about a bucket that a create made under this name, empty if it cannot be read."""
    delete = "delete that bucket if it is not wanted."
    if not name:
        return f"give bucket {bucket_id} the name {visible(wanted)} in the ACRCloud console; or {delete}"
    kept = f"with a name that the server keeps, such as `name: {pasteable(name)}`"
    return f"write `id: {bucket_id}` in the entry, {kept}; or {delete}"


def _may_be_made(desired: Desired, rows: Sequence[Live], earlier: Earlier) -> tuple[Live, Pending] | None:
    """Return the new bucket that an unfinished create of an earlier run may have made, and that create."""
    for left in earlier.pending:
        if left.action not in (Action.CREATE, Action.REPLACE) or left.name != desired.name:
            continue
        labels = (left.attrs.get("labels", []), left.marks)
        for row in rows:
            same_labels = any(labels) and (row.attrs.get("labels"), row.marks) == labels
            may_be = row.id not in left.listed and same_place(left.attrs, row.attrs)
            if may_be and (same_labels or resembles(desired.name, row.name, shortest=1)):
                return row, left
    return None


def _may_be_made_of(desired: Desired, row: Live, left: Pending) -> Diagnostic:
    detail = (
        f"An earlier run sent a create for {visible(desired.name)}, and its outcome is unknown. Bucket {describe(row)} "
        "is new since then, so it may be the result. A second create would make a second bucket."
    )
    closing = f"acrsync runs close {left.run} --reason TEXT"
    fix = f"write `id: {row.id}` in the entry; or, if it is another bucket, close that run: `{closing}`."
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
            if removed.selects(row):
                decisions.diagnostics.append(cannot_be_read(row, row.unreadable, span=removed.span))
        rows = [row for row in own if removed.selects(row)]
        ids = {row.id for row in rows}
        claimed = bool(ids & decisions.taken)
        decisions.taken |= ids
        if not rows:
            free = [row for row in own if row.id not in decisions.taken and not is_explained(row, manifest)]
            near = _nearest(removed.name, free)
            decisions.diagnostics += [_none_named(removed, near)] if near else []
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
            decisions.work.append(Update(unchanged, rows[0], (), "forget: removes the mark, keeps the bucket", forget))


def _nearest(name: str, rows: Sequence[Live]) -> Live | None:
    """Return the bucket with the most similar name, if one is so similar that this may be a typing error."""
    names = get_close_matches(name, [row.name for row in rows], n=1, cutoff=0.8)
    alike = (row for row in rows if row.name in names or lookalike(row.name) == lookalike(name))
    return next(alike, None)


def _none_named(removed: Removed, near: Live) -> Diagnostic:
    detail = f"`removed` has {visible(removed.name)}, but there is only {describe(near)}. Nothing is removed."
    fix = (
        f"if you mean that bucket, write `{pasteable(near.name)}`; else delete {visible(removed.name)} from `removed`."
    )
    return error("W212", detail, fix=fix, span=removed.span)


def _removal_in_question(removed: Removed, rows: Sequence[Live], *, claimed: bool) -> Diagnostic:
    if claimed:
        listed = "; ".join(map(describe, rows))
        detail = f"{visible(str(removed))} is in `removed`, but an entry in `buckets` selects it: {listed}."
        fix = f"remove {visible(str(removed))} from `removed`, or the entry from `buckets`."
        return error("E203", detail, fix=fix, span=removed.span)
    choices = " or ".join(f"{{id: {row.id}}}" for row in rows)
    fix = f"select one of them, by its id instead of the name: {choices}"
    return error("E202", several_named(removed.name, rows), fix=fix, span=removed.span)


def _decide_pruned(decisions: _Decisions, manifest: Manifest, own: Sequence[Live]) -> None:
    """Prune buckets that no entry selects. An empty manifest never prunes."""
    if manifest.prune is Prune.NEVER or not manifest.desired:
        return
    for row in own:
        if row.id not in decisions.taken and prunable(manifest, row):
            decisions.work.append(Delete(row, f"not in the manifest (`prune: {manifest.prune}`)"))


def _possible(work: Sequence[Work], endpoint: str, left: Iterable[Live]) -> tuple[list[Work], list[Diagnostic]]:
    """Separate the impossible changes: values that cannot be created, and names that are not free in time."""
    held = {lookalike(live.name): (live, "cannot be read, and keeps its name") for live in left}
    for change in work:
        if isinstance(change, Replace):
            why = f"has it until {visible(change.name)} replaces it"
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
    """Return the error if no bucket can be created with the values of an entry.

    Source: Console API, "Create Bucket"; `cn-north-1` is the only region of acrcloud.cn.
    """
    host = urlsplit(endpoint).hostname or ""
    regions: tuple[str, ...] = (CHINA,) if host.endswith("acrcloud.cn") else REGIONS
    if not host.endswith(("acrcloud.cn", "acrcloud.com")):
        regions = (*REGIONS, CHINA)
    for key, allowed in (("region", regions), ("type", TYPES)):
        value = desired.attrs.get(key)
        if value not in allowed:
            why = f"{key} {visible(str(value))}, which the API does not allow"
            detail = f"Bucket {visible(desired.name)} would be created with {why}."
            fix = f"choose one of {', '.join(allowed)}, or the name of an existing bucket."
            return error("E209", detail, fix=fix, span=desired.span)
    return None


def _name_is_held(change: Work, held: Mapping[str, tuple[Live, str]]) -> Diagnostic | None:
    """Return the error if the name of a change is not free in time."""
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
    detail = f"The name {visible(change.name)} is not free: {describe(holder)} {why}."
    fix = "rename that bucket first, in a separate apply."
    return error("E204", detail, fix=fix, span=change.desired.span)
