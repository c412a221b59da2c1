"""One change as text: a line with the action and the bucket, and below it the attributes that change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from acrsync.bucket import FIELDS, items_of
from acrsync.frozen import frozen
from acrsync.model import JSON, Attrs, Live
from acrsync.plan.changes import Action, Create, Delete, Marks, Replace, Update, Work, action_of, live_of
from acrsync.report.diff import ABSENT, FieldChange, field_changes, set_changes
from acrsync.report.messages import indented
from acrsync.report.style import Style, Tone, as_json, counted, shown, shown_all, shown_path
from acrsync.visible import visible

NO_ATTRS: Attrs = {}
TOGETHER = 10  # more similar changes than this become one block
SIGNS = {
    Action.CREATE: ("+", Tone.GOOD),
    Action.RENAME: ("~", Tone.CHANGED),
    Action.UPDATE: ("~", Tone.CHANGED),
    Action.REPLACE: ("±", Tone.REPLACED),
    Action.DELETE: ("-", Tone.BAD),
}


@frozen
class Row:
    """One attribute under a change."""

    name: str
    lines: tuple[str, ...]


@frozen
class Entry:
    """One change as text: a line, the attributes that change, and messages."""

    change: Work
    head: str
    rows: tuple[Row, ...] = ()
    messages: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the lines. All but the first are indented, with the names of attributes in a column."""
        width = max((len(row.name) for row in self.rows), default=0)
        lines = [self.head]
        for row in self.rows:
            for index, line in enumerate(row.lines):
                lines.append(indented(f"{'' if index else row.name:{width}}  {line}", 4))
        return "\n".join((*lines, *(indented(text, 4) for text in self.messages)))


def together(entries: Iterable[Entry], *, style: Style) -> Iterator[Entry]:
    """Yield the entries, with more than TOGETHER similar ones as one block at the position of the first."""
    shapes: dict[JSON, list[Entry]] = {}
    for entry in entries:
        shapes.setdefault(_shape(entry), []).append(entry)
    for alike in shapes.values():
        if len(alike) > TOGETHER:
            yield _block(alike, style)
        else:
            yield from alike


def _shape(entry: Entry) -> JSON:
    """Return a value that is equal for changes that differ only in name and id. One with an objection is unique."""
    change = entry.change
    if isinstance(change, Replace) or (live_of(change) or change).name != change.name:
        return id(entry)
    facts = _identity(change.live)[1:] if isinstance(change, Delete) else ()
    messages = tuple(text.replace(json.dumps(change.name, ensure_ascii=False), "") for text in entry.messages)
    return action_of(change), change.reason, entry.rows, facts, messages


def _block(alike: Sequence[Entry], style: Style) -> Entry:
    """Return similar changes as one entry with all their names: a name that is not shown cannot be reviewed."""
    first = alike[0]
    names = ", ".join(_name_and_id(entry.change) for entry in alike)
    facts = f", each {', '.join(_identity(first.change.live)[1:])}" if isinstance(first.change, Delete) else ""
    sign, tone = SIGNS[action_of(first.change)]
    head = f"{style.paint(sign, tone)} {style.paint(counted(len(alike), 'bucket'), Tone.STRONG)}{facts}"
    rows = (*first.rows, Row("names", (names,)))
    return Entry(first.change, head + remark(first.change.reason, style=style), rows)


def _name_and_id(change: Work) -> str:
    live = live_of(change)
    return shown(change.name) + (f" (id {live.id})" if live else "")


def title(change: Work, *, style: Style) -> str:
    """Return the sign and the name, or both names for a rename."""
    sign, tone = SIGNS[action_of(change)]
    live = live_of(change)
    old = f"{shown(live.name)} -> " if live and live.name != change.name else ""
    return f"{style.paint(sign, tone)} {style.paint(old + shown(change.name), Tone.STRONG)}"


def headline(change: Work, *, style: Style) -> str:
    """Return the action, the bucket and the reason, with all facts about a bucket that is destroyed."""
    facts = ""
    match change:
        case Update():
            facts = f" (id {change.live.id})"
        case Replace() | Delete():
            facts = f" ({', '.join(_identity(change.live))})"
        case Create():
            pass
    return title(change, style=style) + facts + remark(change.reason, style=style)


def remark(text: str, *, style: Style) -> str:
    """Return the remark at the end of a line."""
    return style.paint(f"  # {visible(text)}", Tone.FAINT) if text else ""


def _identity(live: Live) -> tuple[str, ...]:
    return f"id {live.id}", shown(live.attrs.get("region")), shown(live.attrs.get("type")), items_of(live)


def rows(change: Work, *, style: Style) -> Iterator[Row]:
    """Yield the attributes that change."""
    match change:
        case Create():
            for key, value in change.desired.attrs.items():
                if key != "name":
                    yield Row(key, _value_lines(key, value))
            yield from _marks_row(change.marks, style)
        case Update() | Replace():
            if isinstance(change, Replace):
                yield Row("id", (f"{change.live.id} -> a new one",))
            for key in change.fields:
                if key != "name":
                    yield Row(key, _change_lines(key, change, style))
            yield from _marks_row(change.marks, style)
        case Delete():
            pass


def _value_lines(key: str, value: JSON) -> tuple[str, ...]:
    match key, value:
        case "labels", list():
            return (shown_all(value),)
        case "metadata_template", dict():
            return tuple(f"{shown(name)}: {as_json(descriptor)}" for name, descriptor in value.items())
        case _, None:
            return ("none",)
        case _:
            return (shown(value),)


def _change_lines(key: str, change: Update | Replace, style: Style) -> tuple[str, ...]:
    before, after = change.live.attrs.get(key), change.desired.attrs[key]
    match key, before or NO_ATTRS, after or NO_ATTRS:
        case "labels", _, _:
            return (_added_and_removed(*set_changes(before or (), after), style),)
        case "metadata_template", dict() as old, dict() as new:
            return tuple(_template_line(field, style) for field in field_changes(old, new))
        case _:
            forced = isinstance(change, Replace) and FIELDS[key].immutable
            arrow = f"{_value_lines('', before)[0]} -> {_value_lines('', after)[0]}"
            return (arrow + (style.paint("  # forces replacement", Tone.REPLACED) if forced else ""),)


def _template_line(change: FieldChange, style: Style) -> str:
    path = shown_path(change.path)
    if change.before is ABSENT:
        return f"{style.paint('+', Tone.GOOD)} {path}: {as_json(change.after)}"
    if change.after is ABSENT:
        return f"{style.paint('-', Tone.BAD)} {path}: {as_json(change.before)}"
    return f"{style.paint('~', Tone.CHANGED)} {path}: {as_json(change.before)} -> {as_json(change.after)}"


def _marks_row(marks: Marks, style: Style) -> Iterator[Row]:
    if marks.add or marks.remove:
        yield Row("marks", (_added_and_removed(marks.add, marks.remove, style),))


def _added_and_removed(added: tuple[str, ...], removed: tuple[str, ...], style: Style) -> str:
    parts = [style.paint(f"+ {shown_all(added)}", Tone.GOOD)] if added else []
    parts += [style.paint(f"- {shown_all(removed)}", Tone.BAD)] if removed else []
    return "  ".join(parts)
