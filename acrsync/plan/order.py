"""In which order changes are made: waves, whose changes are independent of each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from acrsync.model import Live
from acrsync.plan.changes import Create, Delete, Replace, Update, Work
from acrsync.visible import lookalike


def waves(work: Sequence[Work], *, alone: bool, names: Iterable[str]) -> Iterator[tuple[Work, ...]]:
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
