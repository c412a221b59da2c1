"""Finds creates that may be renames: an existing bucket may be the one that an entry wants, under another name.

Someone renamed it in a file or in the console, or the server stored another name than the one that was sent. The create
would make an empty second bucket. A bucket is *explained* if an entry or `removed` selects it, or if it has the mark of
another stack. For the other buckets:

| the bucket | the create | result |
| --- | --- | --- |
| was managed by the last verified run of this stack | has the bucket's name in that run | objection |
| was managed by that run | has the same region and type | objection |
| has content, or surely has the name as a server stores it | is spelled alike, same region and type | objection |
| is empty | is spelled alike, same region and type | warning |
| is the only one with this region, type and labels or template | has the same | warning |

The first row that matches decides. Each create has at most one bucket, and each bucket at most one create.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from acrsync.bucket import num_of, size_of
from acrsync.frozen import frozen
from acrsync.model import Live
from acrsync.plan.changes import Create, Kept
from acrsync.plan.document import Plan
from acrsync.plan.earlier import Earlier
from acrsync.plan.likeness import is_stored, resembles, same_place, shares_values
from acrsync.plan.ownership import is_explained, is_shared
from acrsync.visible import visible


@frozen
class Likely:
    """A create, and the bucket that it may be a rename of."""

    create: Create
    live: Live
    why: str  # for people
    objects: bool  # an objection, or else only a warning


def likely_renames(plan: Plan, earlier: Earlier) -> Iterator[Likely]:
    """Yield the creates that may be renames."""
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
    """Yield our own buckets that are not explained."""
    for keep in plan.kept:
        if keep.kept is Kept.UNMANAGED and not is_explained(keep.live, plan.manifest) and not is_shared(keep.live):
            yield keep.live


_Rule = Callable[[Create, Live, Sequence[Live], Mapping[int, str]], Likely | None]


def _renamed_elsewhere(create: Create, live: Live, _: Sequence[Live], managed: Mapping[int, str]) -> Likely | None:
    if managed.get(live.id) != create.name:
        return None
    why = f"had the name {visible(create.name)} in the last apply of this stack"
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
    return Likely(create, live, "has a similar name", objects=objects)


def _of_one_kind(create: Create, live: Live, left: Sequence[Live], _: Mapping[int, str]) -> Likely | None:
    alike = [other for other in left if shares_values(create.desired.attrs, other.attrs)]
    if alike != [live]:
        return None
    return Likely(create, live, "has the same region, type and labels or template", objects=False)


_RULES: tuple[_Rule, ...] = (_renamed_elsewhere, _dropped, _spelled_alike, _of_one_kind)
