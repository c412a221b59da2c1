"""Buckets that an entry may mean although it names them otherwise: created anew, each would get an empty twin.

They were renamed in a file or in the console, or the server stored another name than was sent. A bucket is *explained*
if an entry matches it, `removed` names it, or another stack's mark claims it. Of the others:

| the bucket | and the create | then |
| --- | --- | --- |
| was managed by the last verified run of this stack | has the name that it had then | objection |
| was managed by that run | is spelled alike, or has the same region and type | objection |
| holds something, or is plainly what a server stores of the name | is spelled alike | objection |
| is empty | is spelled alike | warning |
| is the only one with this region, type and labels or template | has the same | warning |

The first row that holds counts. There is at most one bucket for a create, and one create for a bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from acrsync.bucket import num_of, size_of
from acrsync.model import PROTECTED, Live
from acrsync.plan.changes import Create, Kept
from acrsync.plan.document import Plan
from acrsync.plan.earlier import Earlier
from acrsync.plan.likeness import is_stored, resembles, same_place, shares_values
from acrsync.plan.ownership import is_shared
from acrsync.visible import visible


@dataclass(frozen=True, slots=True)
class Likely:
    """A bucket that a create may mean."""

    create: Create
    live: Live
    why: str  # for people
    objects: bool  # or only warns


def likely_renames(plan: Plan, earlier: Earlier) -> Iterator[Likely]:
    """Yield the unexplained buckets that creates of this plan may mean."""
    creates = [change for change in plan.work if isinstance(change, Create) and change.desired.marks is None]
    left = list(unexplained(plan)) if creates else []
    for rule in _RULES:
        for create in tuple(creates):
            found = next(filter(None, (rule(create, live, left, earlier.managed) for live in left)), None)
            if found is not None:
                creates.remove(create)
                left.remove(found.live)
                yield found


def unexplained(plan: Plan) -> Iterator[Live]:
    """Yield our own buckets that nothing accounts for."""
    removed = {entry.name for entry in plan.manifest.removed}
    for keep in plan.kept:
        others = [mark for mark in keep.live.marks if mark not in (plan.manifest.mark, PROTECTED)]
        if keep.kept is Kept.UNMANAGED and keep.name not in removed and not others and not is_shared(keep.live):
            yield keep.live


_Rule = Callable[[Create, Live, Sequence[Live], Mapping[int, str]], Likely | None]


def _renamed_elsewhere(create: Create, live: Live, _: Sequence[Live], managed: Mapping[int, str]) -> Likely | None:
    if managed.get(live.id) != create.name:
        return None
    why = f"had the name {visible(create.name)} when this stack was applied last"
    return Likely(create, live, why, objects=True)


def _dropped(create: Create, live: Live, _: Sequence[Live], managed: Mapping[int, str]) -> Likely | None:
    if live.id not in managed or not same_place(create.desired.attrs, live.attrs):
        return None
    return Likely(create, live, "was managed by this stack and has no entry now", objects=True)


def _spelled_alike(create: Create, live: Live, _: Sequence[Live], __: Mapping[int, str]) -> Likely | None:
    attrs = create.desired.attrs
    if not same_place(attrs, live.attrs) or not resembles(create.name, live.name):
        return None
    empty = num_of(live) == 0 and not size_of(live)
    wanted = all(live.attrs.get(key) == value for key, value in attrs.items() if key != "name")
    objects = not empty or (wanted and is_stored(create.name, live.name))
    return Likely(create, live, "has a name like it", objects=objects)


def _of_one_kind(create: Create, live: Live, left: Sequence[Live], _: Mapping[int, str]) -> Likely | None:
    alike = [other for other in left if shares_values(create.desired.attrs, other.attrs)]
    if alike != [live]:
        return None
    return Likely(create, live, "has the same region, type and labels or template", objects=False)


_RULES: tuple[_Rule, ...] = (_renamed_elsewhere, _dropped, _spelled_alike, _of_one_kind)
