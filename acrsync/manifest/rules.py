"""The rules that a schema cannot express: about names, labels, references, and several files together.

Each rule checks all values of the right kind, so that one error does not hide another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from acrsync.diagnostics import Diagnostic, Span, error
from acrsync.frozen import frozen
from acrsync.manifest.problems import quoted, short
from acrsync.manifest.scalars import literal, written
from acrsync.manifest.spots import plain
from acrsync.manifest.tree import PlacedList, PlacedMapping, Tree
from acrsync.model import MARK
from acrsync.visible import cleaned, lookalike, visible

_ONCE = (
    *("environments", "variables", "endpoint", "token_env", "runs"),
    *("stack", "account", "ownership", "prune", "limits"),
)


LONGEST_READ = 1000  # characters; longer texts are not readable, and checking each of its characters takes too long


@frozen
class Entry:
    """One item of a list of a manifest."""

    tree: Tree
    path: tuple[str, int]
    data: PlacedMapping

    @property
    def span(self) -> Span:
        return self.tree.span(self.path)

    @property
    def id(self) -> int | None:
        """The id. It selects an existing bucket, so the rules for new names and labels do not apply."""
        value = self.data.get("id")
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def at(self, key: str) -> Span:
        return self.tree.span((*self.path, key))

    def text(self, key: str) -> str | None:
        value = self.data.get(key)
        return value if isinstance(value, str) else None


def entries(trees: Iterable[Tree], section: str) -> Iterator[Entry]:
    """Yield the items of one list in all files, without items that are not mappings."""
    for tree in trees:
        items = tree.top.get(section)
        for at, item in enumerate(items if isinstance(items, PlacedList) else ()):
            if isinstance(item, PlacedMapping):
                yield Entry(tree, (section, at), item)


def check(trees: Sequence[Tree], *, complete: bool) -> Iterator[Diagnostic]:
    """Yield all errors that the schema cannot find. `complete`: all files could be read, so missing keys are errors."""
    buckets = tuple(entries(trees, "buckets"))
    removed = tuple(entries(trees, "removed"))
    # A refused `<<:` may have the keys that seem to be missing.
    merging = {tree.file for tree in trees if any(problem.code == "E114" for problem in tree.problems)}
    for entry in buckets:
        yield from _own_rules(entry, merging=entry.tree.file in merging)
    for tree in trees:
        if isinstance(defaults := tree.top.get("defaults"), PlacedMapping):
            yield from _labels(tree, ("defaults",), defaults)
    yield from _names(buckets)
    yield from _ids(buckets)
    yield from _removed(buckets, removed)
    yield from _approvals(entries(trees, "allow"))
    yield from _cycles(buckets)
    yield from set_once(trees)
    if complete:
        yield from _whole(trees, buckets)


def name_problem(name: str) -> tuple[str, str] | None:
    """Return why a new bucket cannot have a name, and the fix; None if it can. Existing buckets keep their names."""
    if (why := _unclean(name)) is None:
        return None
    shown = cleaned(name)
    fix = f"write name: {written(literal(shown))}" if shown else "write a visible name, as in name: music-catalogue"
    return f"The name {quoted(name)} {why}.", fix


def label_problem(label: str, others: Iterable[str] = ()) -> tuple[str, str] | None:
    """Return why a new label is refused, in addition to the schema, and the fix; None if it is not."""
    if (why := _unclean(label)) is None:
        return None
    shown = cleaned(label)
    fix = f"write {written(literal(shown))}"
    if not shown or shown.startswith(MARK) or shown in others:
        fix = "remove it."
    return f"The label {quoted(label)} {why}.", fix


def _unclean(text: str) -> str | None:
    """Return why a text differs from what a person sees, None if it does not."""
    if len(text) > LONGEST_READ or text == cleaned(text):
        return None
    if text != text.strip():
        return "begins or ends with a space"
    if visible(text) != text:
        return "has an invisible character, or one that looks like a space"
    return "is not in Unicode form NFC, so it looks the same as another one"


def _own_rules(entry: Entry, *, merging: bool) -> Iterator[Diagnostic]:
    name, was = entry.text("name"), entry.text("was")
    if name and entry.id is None and (problem := name_problem(name)):
        yield error("E140", problem[0], fix=problem[1], span=entry.at("name"))
    if name and name == was:
        detail = f"The old name of {short(name)} is the same as its name."
        yield error("E145", detail, fix="write the old name after `was:`, or remove it.", span=entry.at("was"))
    if entry.id is None:
        yield from _labels(entry.tree, entry.path, entry.data)
    defaults = entry.tree.defaults
    for key, example in (("region", "eu-west-1"), ("type", "File")):
        if key not in entry.data and key not in defaults and not merging:
            detail = f"{short(name or 'A bucket')} has no `{key}`, and the `defaults` of this file have none."
            yield error("E133", detail, fix=f"add {key}: {example}, here or under `defaults:`.", span=entry.span)


def _labels(tree: Tree, path: tuple[str | int, ...], holder: PlacedMapping) -> Iterator[Diagnostic]:
    labels = holder.get("labels")
    texts = [label if isinstance(label, str) else "" for label in (labels if isinstance(labels, PlacedList) else ())]
    for at, label in enumerate(texts):
        if "," not in label and label_problem(label):
            others = {*map(cleaned, texts[:at]), *texts[at + 1 :]}
            problem = label_problem(label, others)
            assert problem is not None, "A label is refused only sometimes. This is a bug in acrsync."
            yield error("E135", problem[0], fix=problem[1], span=tree.span((*path, "labels", at)))


def _names(buckets: Iterable[Entry]) -> Iterator[Diagnostic]:
    alike: dict[str, Entry] = {}
    for entry in buckets:
        name = entry.text("name")
        if not name:
            continue
        first = alike.setdefault(lookalike(name), entry)
        if first is entry or (first.id is not None and entry.id is not None):
            continue
        if name == first.text("name"):
            detail = f"The bucket {short(name)} is already at {first.span}; one of the two would have no effect."
            fix = "remove one of them, or give it another name."
            if plain(first.span) == plain(entry.span):  # two combinations of one matrix
                fix = "use every key of the `matrix` in `name`, or leave a combination out by `exclude`."
            yield error("E141", detail, fix=fix, span=entry.at("name"))
        else:
            other = f"{quoted(first.text('name'))} at {first.span}"
            detail = f"{quoted(name)} and {other} differ only in case, space or Unicode form, so people mix them up."
            yield error("E142", detail, fix="write the same name, or one that differs more.", span=entry.at("name"))


def _ids(buckets: Iterable[Entry]) -> Iterator[Diagnostic]:
    first: dict[int, Entry] = {}
    for entry in buckets:
        bucket_id = entry.data.get("id")
        if isinstance(bucket_id, int) and first.setdefault(bucket_id, entry) is not entry:
            detail = f"Bucket {bucket_id} already has an entry at {first[bucket_id].span}; it can have only one."
            yield error("E143", detail, fix="remove one of the two `id:` lines.", span=entry.at("id"))


def _removed(buckets: Iterable[Entry], removed: Iterable[Entry]) -> Iterator[Diagnostic]:
    buckets = tuple(buckets)
    kept = {name: entry for entry in buckets if (name := entry.text("name"))}
    kept_ids = {entry.id: entry for entry in buckets if entry.id is not None}
    alike = {lookalike(name): entry for name, entry in kept.items() if entry.id is None}
    gone: dict[str, Entry] = {}
    gone_ids: dict[int, Entry] = {}
    for entry in removed:
        name = entry.text("name")
        if entry.id in kept_ids:
            detail = f"Bucket {entry.id} is kept by {kept_ids[entry.id].span}, and removed by this entry."
            yield error("E144", detail, fix="remove one of the two entries.", span=entry.at("id"))
        if entry.id is not None and gone_ids.setdefault(entry.id, entry) is not entry:
            detail = f"Bucket {entry.id} is already removed at {gone_ids[entry.id].span}."
            yield error("E143", detail, fix="remove one of the two entries.", span=entry.at("id"))
        if not name:
            continue
        if name in kept:
            detail = f"{short(name)} is kept by {kept[name].span}, and removed by this entry."
            yield error("E144", detail, fix="remove one of the two entries.", span=entry.at("name"))
        elif other := alike.get(lookalike(name)):
            detail = f"{quoted(name)} looks like {quoted(other.text('name'))} at {other.span}, which stays."
            fix = "remove this entry, or write the other one with the `id:` of its bucket."
            yield error("E142", detail, fix=fix, span=entry.at("name"))
        if gone.setdefault(name, entry) is not entry:
            detail = f"{short(name)} is already removed at {gone[name].span}."
            yield error("E141", detail, fix="remove one of the two entries.", span=entry.at("name"))


def _approvals(approvals: Iterable[Entry]) -> Iterator[Diagnostic]:
    """Yield an error for each approval with `stack` for a guard that only approves single buckets."""
    for entry in approvals:
        guard = entry.text("guard")
        if "stack" in entry.data and guard and guard != "takeover":
            detail = (
                f"`stack` approves the takeover of all buckets of a stack; {short(guard)} needs one for each bucket."
            )
            yield error("E132", detail, fix="write id: NUMBER, as the objection shows it.", span=entry.at("stack"))


def _cycles(buckets: Iterable[Entry]) -> Iterator[Diagnostic]:
    """Yield each cycle of renames once, without entries that have an `id`: they are not matched by `was`."""
    renamed = {
        name: (was, entry)
        for entry in buckets
        if (name := entry.text("name")) and (was := entry.text("was")) and name != was and "id" not in entry.data
    }
    for cycle in cycles({name: frozenset({was}) for name, (was, _) in renamed.items()}):
        names = ", ".join(f"{short(one)} was {short(renamed[one][0])}" for one in cycle)
        detail = f"These renames are a cycle without a beginning: {names}."
        fix = "write `id: NUMBER` instead of `was:` in each of these entries."
        yield error("E146", detail, fix=fix, span=renamed[cycle[0]][1].at("was"))


def cycles(needs: Mapping[str, frozenset[str]]) -> Iterator[Sequence[str]]:
    """Yield each cycle of names that need each other once, beginning with the first of them in `needs`."""
    settled: set[str] = set()
    order = {name: at for at, name in enumerate(needs)}
    for start in needs:
        walk: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in settled and name not in walk:
            walk[name] = None
            name = min((other for other in needs[name] if other in needs), default=None)
        if name in walk:
            names = list(walk)
            cycle = names[names.index(str(name)) :]
            first = min(range(len(cycle)), key=lambda at: order[cycle[at]])
            yield [*cycle[first:], *cycle[:first]]
        settled.update(walk)


def set_once(trees: Iterable[Tree]) -> Iterator[Diagnostic]:
    """Yield an error for each key that several files set, although it applies to all of them."""
    first: dict[str, Span] = {}
    for tree in trees:
        for key in _ONCE:
            if key in tree.top:
                span = tree.span((), key=key)
                if first.setdefault(key, span) is not span:
                    detail = f"`{key}` applies to all files together and is already set at {first[key]}."
                    yield error("E150", detail, fix="remove it from one of the two files.", span=span)


def _whole(trees: Sequence[Tree], buckets: Iterable[Entry]) -> Iterator[Diagnostic]:
    """Yield the errors about all files together."""
    found = {key: (tree, value) for tree in reversed(trees) for key, value in tree.top.items()}
    if "version" not in found:
        span = Span(trees[0].file, 1, 1) if trees else None
        detail = "No file has the version of the manifest format."
        yield error("E151", detail, fix="add the line version: 1", span=span)
    if "ownership" in found and "stack" not in found:
        detail = "`ownership: label` writes the stack's name into a label, but there is no `stack`."
        span = found["ownership"][0].span((), key="ownership")
        yield error("E152", detail, fix="add a name for this set of buckets, as in stack: radio-prod", span=span)
    if "ownership" in found:
        return
    fix = "add ownership: label" + ("" if "stack" in found else ", and a name as in stack: radio-prod")
    if "prune" in found and found["prune"][1] == "stack":
        detail = "`prune: stack` deletes buckets with this stack's mark, but only `ownership: label` writes marks."
        yield error("E153", detail, fix=fix, span=found["prune"][0].span(("prune",)))
    for entry in buckets:
        if entry.data.get("protect") is True:
            detail = "`protect: true` marks the bucket on the server, which only `ownership: label` allows."
            yield error("E153", detail, fix=fix, span=entry.at("protect"))
