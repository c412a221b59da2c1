"""Puts changes in order: waves of changes that are independent of each other.

A change that takes a name waits for the change that frees it, its *leaver*. It is unknown which names are equal for a
server: most databases ignore case, and many ignore accents. So a change waits for the leaver with the most similar
name: the same name, else one that looks the same, else one that differs in accents. If two of these names are equal for
the server, only one bucket can have them, so there is never more than one leaver to wait for. If they all differ, the
wait only costs time.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, groupby
from operator import itemgetter
from typing import TypeGuard

from acrsync.model import Live
from acrsync.plan.changes import Create, Delete, Replace, Update, Work
from acrsync.visible import lookalike


def waves(work: Sequence[Work], *, alone: bool, names: Iterable[str]) -> Iterator[tuple[Work, ...]]:
    """Yield the waves in order, each sorted by name: renames, creates, updates, replacements, deletes.

    Last come the renames and creates whose names are freed by a delete.
    `alone`: the account has no bucket yet. Then the first create is a wave of its own: its response shows the account.
    """
    ordered = sorted(work, key=lambda change: change.name)
    leavers = Leavers(ordered)
    late = {id(change) for change in ordered if leavers.end_with_a_delete(change)}
    renames = tuple(_rename_waves([change for change in ordered if _is_rename(change)], leavers, names))
    renamed = [tuple(step for step, first in wave if id(first) not in late) for wave in renames]
    renamed_late = [tuple(step for step, first in wave if id(first) in late) for wave in renames]
    creates = tuple(change for change in ordered if isinstance(change, Create) and id(change) not in late)
    created = (creates[:1], creates[1:]) if alone else (creates,)
    created_late = tuple(change for change in ordered if isinstance(change, Create) and id(change) in late)
    updates = tuple(change for change in ordered if isinstance(change, Update) and not _is_rename(change))
    replaces = tuple(change for change in ordered if isinstance(change, Replace))
    deletes = tuple(change for change in ordered if isinstance(change, Delete))
    phases = (*renamed, *created, updates, replaces, deletes, *renamed_late, created_late)
    yield from (wave for wave in phases if wave)


class Leavers:
    """The renames and deletes of a plan, by the names that they free."""

    def __init__(self, work: Iterable[Work]) -> None:
        self._by_form: dict[tuple[str, str], Update | Delete] = {}
        self._late: dict[int, bool] = {}  # whether a rename waits for a delete, by the id of its bucket
        for change in work:
            if isinstance(change, Delete) or _is_rename(change):
                for form in _forms(change.live.name):
                    self._by_form.setdefault(form, change)

    def of(self, change: Work) -> Update | Delete | None:
        """Return the change that must free a name first, None if it is free."""
        if not isinstance(change, Create) and not _is_rename(change):
            return None
        found = next((self._by_form[form] for form in _forms(change.name) if form in self._by_form), None)
        own = None if isinstance(change, Create) else change.live.id
        return None if found is None or found.live.id == own else found

    def end_with_a_delete(self, change: Work) -> bool:
        """Return whether a change waits for a delete, directly or through other changes."""
        path: list[int] = []
        leaver = self.of(change)
        while isinstance(leaver, Update) and leaver.live.id not in self._late:
            self._late[leaver.live.id] = False  # what a cycle comes back to
            path.append(leaver.live.id)
            leaver = self.of(leaver)
        late = isinstance(leaver, Delete) or (leaver is not None and self._late[leaver.live.id])
        self._late |= dict.fromkeys(path, late)
        return late


def _is_rename(change: Work) -> TypeGuard[Update]:
    return isinstance(change, Update) and "name" in change.fields


def _forms(name: str) -> Iterator[tuple[str, str]]:
    """Yield the forms in which names may be equal, the strictest first."""
    alike = lookalike(name)
    yield "same", name
    yield "alike", alike
    yield "but for accents", _without_accents(alike)


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character))


_Step = tuple[Update, Update]  # what is done, and the rename of the plan that it is a part of


def _rename_waves(renames: Sequence[Update], leavers: Leavers, names: Iterable[str]) -> Iterator[Sequence[_Step]]:
    """Yield waves of renames in which each new name is free. A cycle goes through a temporary name."""
    waits = {change.live.id: leavers.of(change) for change in renames}
    in_the_way = {change.live.id for change in _one_of_each_cycle(renames, waits)}
    taken = {_without_accents(lookalike(name)) for name in names} if in_the_way else set()
    depths = _depths(renames, waits, in_the_way)
    steps: list[tuple[int, _Step]] = []
    for change in renames:
        leaver, last = waits[change.live.id], change
        if change.live.id in in_the_way:
            temporary = _temporary_name(change.live, taken)
            aside = replace(change.desired, attrs={"name": temporary})
            steps.append((0, (Update(aside, change.live, ("name",), "frees its name for a swap"), change)))
            last = replace(change, live=replace(change.live, attrs={**change.live.attrs, "name": temporary}))
        needs = () if leaver is None else (leaver.live.id,)
        steps.append((depths[change.live.id], (replace(last, needs=needs), change)))
    ordered = sorted(steps, key=lambda placed: (placed[0], placed[1][0].name))
    for _, wave in groupby(ordered, key=itemgetter(0)):
        yield [step for _, step in wave]


_Waits = Mapping[int, Update | Delete | None]  # what each rename waits for, by the id of its bucket


def _one_of_each_cycle(renames: Sequence[Update], waits: _Waits) -> Iterator[Update]:
    """Yield one rename of each cycle: it must free its name first."""
    seen: set[int] = set()
    for start in renames:
        path: list[int] = []
        link: Update | Delete | None = start
        while isinstance(link, Update) and link.live.id not in seen:
            seen.add(link.live.id)
            path.append(link.live.id)
            link = waits[link.live.id]
        if isinstance(link, Update) and link.live.id in path:
            cycle = set(path[path.index(link.live.id) :])
            yield next(change for change in renames if change.live.id in cycle)


def _depths(renames: Iterable[Update], waits: _Waits, in_the_way: Collection[int]) -> Mapping[int, int]:
    """Return the number of the wave of each rename, from 0, by the id of its bucket."""
    depths: dict[int, int] = {}
    for change in renames:
        path: list[int] = []
        link = change
        while link.live.id not in depths:
            leaver = waits[link.live.id]
            if isinstance(leaver, Update) and leaver.live.id not in in_the_way:
                path.append(link.live.id)
                link = leaver
            else:
                depths[link.live.id] = int(isinstance(leaver, Update))
        depths |= zip(reversed(path), count(depths[link.live.id] + 1), strict=False)
    return depths


def _temporary_name(live: Live, taken: set[str]) -> str:
    name = f"{live.name[:200]}.acrsync-{live.id}"
    while _without_accents(lookalike(name)) in taken:
        name += "-"
    return name
