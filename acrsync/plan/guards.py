"""The guards: rules that object to a plan. They do not change it: it is shown in full, and one objection refuses it.

Why an approval is for one guard and one bucket: a global `--force` approves changes that no one has reviewed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import StrEnum

from acrsync.bucket import num_of, shown, size_of
from acrsync.diagnostics import Diagnostic, Span, error, in_reading_order
from acrsync.model import MARK, PROTECTED, Approval, Evidence, Live, Manifest, Prune, Reference
from acrsync.plan.changes import Create, Delete, Kept, Objection, Replace, Update, Work
from acrsync.plan.document import Plan
from acrsync.plan.earlier import Earlier
from acrsync.plan.likeness import shares_values
from acrsync.plan.matching import describe
from acrsync.plan.ownership import is_shared, prunable
from acrsync.plan.renames import Likely, likely_renames
from acrsync.visible import pasteable, visible


class Guard(StrEnum):
    """The names of the guards in approvals and messages."""

    CONTENT = "content"
    REPLACE = "replace"
    DELETES = "deletes"
    EMPTY = "empty"
    RENAME_LIKE = "rename-like"
    TAKEOVER = "takeover"
    PROTECTED = "protected"
    IN_USE = "in-use"
    ACCOUNT = "account"


RENAMES_BY_NAME = "fs-container"  # the only kind that can refer to a bucket by name


def guarded(plan: Plan, evidence: Evidence, *, earlier: Earlier | None = None) -> Plan:
    """Return the plan with the objections that are not approved, and a warning for each approval without effect."""
    renames = tuple(likely_renames(plan, earlier or Earlier()))
    of_changes = (objection for change in plan.work for objection in objections_to(change, plan.manifest, evidence))
    of_the_whole = (objection for guard in _OF_THE_WHOLE for objection in guard(plan))
    raised: dict[tuple[str, int | None], Objection] = {}
    # A swap changes a bucket twice, but there is only one objection, with the live name.
    for objection in (*of_changes, *of_the_whole, *_creates_of_existing(plan, renames)):
        raised.setdefault((objection.guard, objection.id), objection)
    answers = [(objection, _answer(objection, plan.manifest)) for objection in _of_stacks(plan, raised.values())]
    lives = plan.lives
    unused = [_unused(approval) for approval in plan.manifest.approvals if not any(map(approval.covers, lives))]
    return replace(
        plan,
        objections=_with_lines([objection for objection, answer in answers if answer is None], plan.manifest),
        approved=tuple(dict.fromkeys(answer for _, answer in answers if answer is not None)),
        diagnostics=in_reading_order((*_relevant(plan, raised.values()), *unused, *_may_be_renames(plan, renames))),
        notes=(*plan.notes, *_notes(plan, evidence)),
    )


def objections_to(change: Work, manifest: Manifest, evidence: Evidence) -> Iterator[Objection]:
    """Yield the objections to one change by itself, approved or not."""
    for guard in _OF_ONE_CHANGE:
        yield from guard(change, manifest, evidence)


def standing(change: Work, manifest: Manifest, evidence: Evidence) -> Iterator[Objection]:
    """Yield the objections to one change that are not approved."""
    raised = objections_to(change, manifest, evidence)
    return (objection for objection in raised if _answer(objection, manifest) is None)


def _answer(objection: Objection, manifest: Manifest) -> Approval | None:
    """Return the approval of an objection: for its bucket, or for its stack."""
    for approval in manifest.approvals if objection.approval else ():
        of_stack = approval.stack is not None and approval.stack == objection.stack
        if str(approval) == objection.approval or (approval.guard == objection.guard and of_stack):
            return approval
    return None


def _of_stacks(plan: Plan, raised: Iterable[Objection]) -> list[Objection]:
    """Return objections that name a stack only if the plan takes over all its buckets, and so renames the stack."""
    objections = list(raised)
    taken = {objection.id for objection in objections if objection.stack}
    left = {mark.removeprefix(MARK) for live in _own(plan) if live.id not in taken for mark in live.marks}
    return [replace(one, stack=None) if one.stack in left else one for one in objections]


def _with_lines(objections: list[Objection], manifest: Manifest) -> tuple[Objection, ...]:
    """Return objections with lines to paste that fit together: as entries, if there is more than one approval."""
    existing = sum(approval.span is not None for approval in manifest.approvals)
    if existing + sum(bool(objection.approval) for objection in objections) <= 1:
        return tuple(objections)
    return tuple(
        replace(one, diagnostic=replace(one.diagnostic, fix=_AS_KEY.sub(_AS_ENTRY, one.diagnostic.fix)))
        for one in objections
    )


def needs_references(plan: Plan) -> bool:
    """Return whether a plan renames, replaces or deletes, so that it must be known who uses these buckets."""
    return any(True for _ in touched(plan))


def touched(plan: Plan) -> Iterator[Live]:
    """Yield the buckets that a plan renames, replaces or deletes."""
    for change in plan.work:
        if isinstance(change, Replace | Delete) or (isinstance(change, Update) and "name" in change.fields):
            yield change.live


def _objection(guard: Guard, code: str, detail: str, *, fix: str, live: Live, span: Span | None = None) -> Objection:
    """Return an objection to the change of one bucket, with the line that approves it, if that is possible."""
    approval = f"{guard}:{live.id}" if guard in APPROVABLE else ""
    if approval:
        line = f'allow: [{{guard: {guard}, id: {live.id}, reason: "..."}}]'
        fix = f"{fix}, or approve it by adding to the manifest:\n{line}"  # see _AS_KEY
    else:
        fix += "."
    return Objection(guard, error(code, detail, fix=fix, span=span), live.id, approval)


_AS_KEY = re.compile(r"by adding to the manifest:\nallow: \[(.*)\]$")
_AS_ENTRY = r"by adding to `allow:` in the manifest:\n- \1"
APPROVABLE = frozenset({Guard.REPLACE, Guard.RENAME_LIKE, Guard.TAKEOVER, Guard.IN_USE})


def _span(change: Work, manifest: Manifest) -> Span | None:
    return manifest.removal_span(change.live) if isinstance(change, Delete) else change.desired.span


def _verb(change: Work) -> str:
    return "replaced" if isinstance(change, Replace) else "deleted"


def _content(change: Work, manifest: Manifest, evidence: Evidence) -> Iterator[Objection]:
    """Object to the loss of content: no API call can download or restore it."""
    if not isinstance(change, Replace | Delete):
        return
    live = change.live
    num, size = num_of(live), size_of(live)
    count = max(num or 0, evidence.contents.get(live.id) or 0)
    if num is not None and live.id in evidence.contents and not count and not size:
        return
    if not count and size:
        holds = f"has a size of {visible(str(live.facts['size']))}, so it is not empty"
    else:
        holds = f"holds {count} item{'s' if count != 1 else ''}" if count else "holds an unknown number of items"
    detail = (
        f"Bucket {describe(live)} {holds}. Deleted content cannot be restored, so the bucket is never {_verb(change)}."
    )
    fix = "empty it in the ACRCloud console first, or keep the bucket as it is"
    yield _objection(Guard.CONTENT, "E301", detail, fix=fix, live=live, span=_span(change, manifest))


def _replace(change: Work, _: Manifest, __: Evidence) -> Iterator[Objection]:
    if not isinstance(change, Replace):
        return
    live = change.live
    detail = (
        f"Bucket {visible(change.name)} (id {live.id}): {change.reason}; a replacement gets a new id, "
        f"so references to {live.id} break."
    )
    yield _objection(Guard.REPLACE, "E302", detail, fix="undo the edit", live=live, span=change.desired.span)


def _takeover(change: Work, manifest: Manifest, _: Evidence) -> Iterator[Objection]:
    """Object to a change of another stack's bucket, even if this manifest does not write marks."""
    if isinstance(change, Create):
        return
    live = change.live
    others = [mark.removeprefix(MARK) for mark in manifest.other_marks(live)]
    if others:
        detail = f"Bucket {describe(live)} is marked as managed by stack {', '.join(map(visible, others))}."
        fix = f"leave it to that stack, or first apply that stack's manifest with {forgetting(live)}"
        objection = _objection(Guard.TAKEOVER, "E306", detail, fix=fix, live=live, span=_span(change, manifest))
        yield replace(objection, stack=others[0]) if len(others) == 1 else objection


def forgetting(live: Live) -> str:
    """Return the line for a stack's manifest that gives up a bucket, so that another stack can take it over."""
    return f"`removed: [{{name: {json.dumps(visible(live.name), ensure_ascii=False)}, forget: true}}]`"


def _protected(change: Work, manifest: Manifest, _: Evidence) -> Iterator[Objection]:
    """Object to deleting a bucket with the protected mark, even if it has no entry now."""
    if not isinstance(change, Replace | Delete) or PROTECTED not in change.live.marks:
        return
    live = change.live
    detail = f"Bucket {describe(live)} has the mark {PROTECTED}, so it is not {_verb(change)}."
    fix = "with `ownership: label`, set `protect: false` on its entry and apply that first; then make this change"
    yield _objection(Guard.PROTECTED, "E307", detail, fix=fix, live=live, span=_span(change, manifest))


def _in_use(change: Work, manifest: Manifest, evidence: Evidence) -> Iterator[Objection]:
    """Object to taking away a bucket, or its name, from a project or container that uses it."""
    match change:
        case Replace() | Delete():
            what = _verb(change)
            users: Iterable[Reference] = evidence.references.get(change.live.id, ())
            unreadable = evidence.unreadable
        case Update() if "name" in change.fields:
            what = "renamed"
            users = (user for user in evidence.references.get(change.live.id, ()) if user.kind == RENAMES_BY_NAME)
            unreadable = tuple(name for name in evidence.unreadable if name.startswith(RENAMES_BY_NAME))
        case _:
            return
    named = "; ".join(visible(str(user)) for user in users)
    if not named and not unreadable:
        return
    why = f"is used by {named}" if named else f"may be in use: {', '.join(unreadable)} cannot be read"
    detail = f"Bucket {describe(change.live)} would be {what}, and {why}."
    fix = "change what uses it first" if named else "use a token that can read them"
    yield _objection(Guard.IN_USE, "E308", detail, fix=fix, live=change.live, span=_span(change, manifest))


def _deletes(plan: Plan) -> Iterator[Objection]:
    count = sum(isinstance(change, Replace | Delete) for change in plan.work)
    mark, limit = plan.manifest.mark, plan.manifest.deletes_limit
    ours = len({live.id for live in _own(plan) if mark is None or mark in live.marks})
    allowed = limit.of(ours)
    if count > allowed:
        share = f" ({limit.value} % of our {ours} buckets)" if limit.percent else ""
        detail = f"{count} buckets would be deleted or replaced; the limit is {allowed}{share}."
        fix = f"check the list above; if it is right, add `limits: {{deletes: {count}}}` or `--max-deletes {count}`."
        span = plan.manifest.spans.get("limits")
        yield Objection(Guard.DELETES, error("E303", detail, fix=fix, span=span))


def _own(plan: Plan) -> Iterator[Live]:
    """Yield the buckets of our own account."""
    foreign = {keep.live.id for keep in plan.kept if keep.kept is Kept.FOREIGN}
    return (live for live in plan.lives if live.id not in foreign)


def _empty(plan: Plan) -> Iterator[Objection]:
    manifest = plan.manifest
    if manifest.desired or manifest.prune is Prune.NEVER:
        return
    count = sum(keep.kept is Kept.UNMANAGED and prunable(manifest, keep.live) for keep in plan.kept)
    if count:
        detail = f"`prune: {manifest.prune}` with no bucket in the manifest would delete {count} buckets."
        fix = "check that this is the right file; to delete buckets, name them in `removed`."
        span = manifest.spans.get("prune")
        yield Objection(Guard.EMPTY, error("E304", detail, fix=fix, span=span))


def _rename_like(plan: Plan) -> Iterator[Objection]:
    """Object to a delete and a create that together look like a rename."""
    creates = [change for change in plan.work if isinstance(change, Create)]
    for change in plan.work:
        if not isinstance(change, Delete):
            continue
        twin = next((create for create in creates if shares_values(create.desired.attrs, change.live.attrs)), None)
        if twin is not None:
            live = change.live
            detail = (
                f"Bucket {describe(live)} would be deleted and {visible(twin.name)} created with the same region, "
                "type and labels or template: this looks like a rename, which keeps the id and the content."
            )
            fix = f"add `was: {pasteable(live.name)}` to the entry {visible(twin.name)}"
            if plan.manifest.removes(live):
                fix += f" and remove {visible(live.name)} from `removed`"
            yield _objection(Guard.RENAME_LIKE, "E305", detail, fix=fix, live=live, span=twin.desired.span)


def _creates_of_existing(plan: Plan, renames: Iterable[Likely]) -> Iterator[Objection]:
    """Object to creates that would make an empty second bucket beside an existing one."""
    for found in renames:
        if found.objects:
            detail, fix = _as_rename(plan, found)
            span = found.create.desired.span
            yield _objection(Guard.RENAME_LIKE, "E305", detail, fix=fix, live=found.live, span=span)


def _may_be_renames(plan: Plan, renames: Iterable[Likely]) -> Iterator[Diagnostic]:
    for found in renames:
        if not found.objects:
            detail, fix = _as_rename(plan, found)
            yield error("W311", detail, fix=f"if it is the same bucket, {fix}.", span=found.create.desired.span)


def _as_rename(plan: Plan, found: Likely) -> tuple[str, str]:
    """Return why a create looks like a rename, and the line that makes it one."""
    live, name = found.live, visible(found.create.name)
    detail = (
        f"{name} would be created, empty. Bucket {describe(live)} {found.why}: this looks like a rename, which keeps "
        "the id and the content."
    )
    alone = sum(other.name == live.name for other in plan.lives) == 1
    line = f"was: {pasteable(live.name)}" if alone else f"id: {live.id}"
    return detail, f"add `{line}` to the entry {name}"


def _relevant(plan: Plan, raised: Iterable[Objection]) -> Iterator[Diagnostic]:
    """Yield the diagnostics of a plan, without those that only follow from the wrong account."""
    other_account = any(objection.guard == Guard.ACCOUNT for objection in raised)
    return (diagnostic for diagnostic in plan.diagnostics if not other_account or diagnostic.code != "E208")


def _account(plan: Plan) -> Iterator[Objection]:
    unshared = any(not is_shared(live) for live in plan.lives)
    listed = sorted({live.uid for live in plan.lives if live.uid is not None})
    expected, span = plan.manifest.account_uid, plan.manifest.spans.get("account")
    if expected is not None and unshared and expected not in listed:
        account = f"account {', '.join(map(str, listed))}" if listed else "an unknown account"
        detail = f"The manifest is for account {expected}; {plan.endpoint} lists buckets of {account}."
        fix = "use the token of that account, or correct `account: {uid: ...}`."
    elif expected is None and len(listed) > 1:
        detail = f"{plan.endpoint} lists buckets of accounts {', '.join(map(str, listed))}."
        fix = "add your account to the manifest: `account: {uid: N}`."
    else:
        return
    yield Objection(Guard.ACCOUNT, error("E309", detail, fix=fix, span=span))


def _unused(approval: Approval) -> Diagnostic:
    return error("W310", f"The account has no bucket for {approval}.", fix="remove the line.", span=approval.span)


def _notes(plan: Plan, evidence: Evidence) -> Iterator[str]:
    """Yield which signs of emptiness could not be read."""
    for change in plan.work:
        if not isinstance(change, Replace | Delete):
            continue
        unread = ["its content list"] if evidence.contents.get(change.live.id, 0) is None else []
        if "size" in change.live.facts and size_of(change.live) is None:
            unread.append(f"its size ({shown(change.live.facts['size'])})")
        if unread:
            signs = " and ".join(unread)
            yield f"{visible(change.name)}: {signs} cannot be read, so only the other signs show that it is empty."


_OF_ONE_CHANGE: tuple[Callable[[Work, Manifest, Evidence], Iterator[Objection]], ...] = (
    _content,
    _replace,
    _takeover,
    _protected,
    _in_use,
)
_OF_THE_WHOLE: tuple[Callable[[Plan], Iterator[Objection]], ...] = (_deletes, _empty, _rename_like, _account)
