"""The one decision: what to do about every bucket, and in which order.

Pure, total and deterministic: the same manifest and snapshot give the same plan, whatever the order of their parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from acrsync.bucket import CHINA, FIELDS, REGIONS, TYPES
from acrsync.diagnostics import Diagnostic, Span, error, in_reading_order
from acrsync.model import Attrs, Desired, Live, Manifest, Prune, Removed, Snapshot
from acrsync.plan.changes import Create, Delete, Keep, Kept, Marks, Replace, Update, Work
from acrsync.plan.document import Plan
from acrsync.plan.earlier import Earlier, Pending
from acrsync.plan.matching import cannot_be_read, describe, match
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
    for desired in matching.unmatched:
        if earlier and (stored := earlier.aliases.get(desired.name)):
            decisions.diagnostics.append(_stored_elsewhere(desired, *stored))
        else:
            _decide_create(decisions, manifest, desired, earlier.lost(desired.name) if earlier else None)
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
        waves=tuple(_waves(work, alone=not own, names=names)),
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


def _stored_elsewhere(desired: Desired, bucket_id: int, name: str) -> Diagnostic:
    detail = (
        f"An earlier run created {visible(desired.name)}, and the server stored it as {visible(name)} (id {bucket_id})."
        " A second create would make a second bucket."
    )
    fix = f"write `id: {bucket_id}` in the entry, or delete that bucket if it is not wanted."
    return error("E210", detail, fix=fix, span=desired.span)


def _decide_removed(decisions: _Decisions, manifest: Manifest, own: Sequence[Live], unreadable: Sequence[Live]) -> None:
    for removed in sorted(manifest.removed, key=lambda entry: (entry.name, entry.id or 0)):
        for row in unreadable:
            if removed.means(row):
                decisions.diagnostics.append(cannot_be_read(row, row.unreadable, span=removed.span))
        rows = [row for row in own if removed.means(row)]
        ids = {row.id for row in rows}
        claimed = bool(ids & decisions.taken)
        decisions.taken |= ids
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


def _waves(work: Sequence[Work], *, alone: bool, names: Iterable[str]) -> Iterator[tuple[Work, ...]]:
    """Yield the phases in order, each sorted by name: renames, creates, updates, replaces, deletes.

    Where no bucket of ours is listed (`alone`), the first create goes by itself: its answer shows the account.
    """
    ordered = sorted(work, key=lambda change: change.name)
    renames = [change for change in ordered if isinstance(change, Update) and "name" in change.fields]
    yield from _rename_waves(renames, names)
    creates = tuple(change for change in ordered if isinstance(change, Create))
    for wave in (creates[:1], creates[1:]) if alone else (creates,):
        if wave:
            yield wave
    updates = tuple(change for change in ordered if isinstance(change, Update) and "name" not in change.fields)
    replaces = tuple(change for change in ordered if isinstance(change, Replace))
    deletes = tuple(change for change in ordered if isinstance(change, Delete))
    yield from (wave for wave in (updates, replaces, deletes) if wave)


def _rename_waves(renames: Sequence[Update], names: Iterable[str]) -> Iterator[tuple[Update, ...]]:
    """Yield renames so that each name is free when it is taken; a cycle goes through a temporary name.

    Names that differ in case or form only are one name here, as they are for most databases.
    """
    chains = tuple(_chains(renames))
    taken = {lookalike(name) for name in names} if any(cyclic for _, cyclic in chains) else set()
    steps = [step for chain, cyclic in chains for step in _steps(chain, taken, cyclic=cyclic)]
    for depth in sorted({depth for depth, _ in steps}):
        yield tuple(sorted((step for at, step in steps if at == depth), key=lambda step: step.name))


def _chains(renames: Sequence[Update]) -> Iterator[tuple[list[Update], bool]]:
    """Yield runs of renames in which each waits for the name that the next one gives up, and whether it is a cycle."""
    holders = {lookalike(change.live.name): change for change in renames}
    awaited = {lookalike(change.name) for change in renames}
    seen: set[int] = set()
    for start in sorted(renames, key=lambda change: lookalike(change.live.name) in awaited):
        chain: list[Update] = []
        link: Update | None = start
        while link is not None and link.live.id not in seen:
            seen.add(link.live.id)
            chain.append(link)
            link = holders.get(lookalike(link.name))
        if chain:
            yield chain, link is start and len(chain) > 1


def _steps(chain: list[Update], taken: set[str], *, cyclic: bool) -> Iterator[tuple[int, Update]]:
    """Yield the renames of one chain, last link first, each with the depth of its wave and what it waits for."""
    last_needs: tuple[int, ...] = ()
    if cyclic:
        first = chain[0]
        temporary = _temporary_name(first.live, taken)
        aside = replace(first.desired, attrs={"name": temporary})
        yield 0, Update(aside, first.live, ("name",), "frees its name for a swap")
        set_aside = replace(first.live, attrs={**first.live.attrs, "name": temporary})
        chain = [replace(first, live=set_aside), *chain[1:]]
        last_needs = (first.live.id,)
    for depth, link in enumerate(reversed(chain), start=int(cyclic)):
        yield depth, replace(link, needs=last_needs)
        last_needs = (link.live.id,)


def _temporary_name(live: Live, taken: set[str]) -> str:
    name = f"{live.name[:200]}.acrsync-{live.id}"
    while lookalike(name) in taken:
        name += "-"
    return name
