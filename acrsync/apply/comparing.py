"""Compares what a bucket reads as with what was planned, sent, and there before; and says so."""

from __future__ import annotations

from collections.abc import Sequence

from acrsync.bucket import FIELDS
from acrsync.diagnostics import Diagnostic, error
from acrsync.model import Attrs, Live
from acrsync.plan.matching import describe
from acrsync.visible import visible


def is_as_wanted(live: Live, attrs: Attrs, marks: tuple[str, ...]) -> bool:
    """Return whether a bucket has these values and at least these marks."""
    return all(live.attrs.get(key) == value for key, value in attrs.items()) and set(marks) <= set(live.marks)


def differences(live: Live, wanted: Attrs, marks: tuple[str, ...]) -> tuple[str, ...]:
    """Return, for people, each value that is not as desired: "labels is [...], not [...]"."""
    shown = {**live.attrs, "marks": list(live.marks)}
    return tuple(
        f"{key} is {visible(repr(shown.get(key)))}, not {visible(repr(value))}"
        for key, value in {**wanted, "marks": list(marks)}.items()
        if shown.get(key) != value
    )


def read_back_mismatch(found: Sequence[str]) -> Diagnostic:
    """Return the message for a bucket that reads back with other values than were written."""
    detail = f"The server accepted the write, but reading back shows: {'; '.join(found)}."
    fix = "check the bucket in the console; run plan to see what still differs."
    return error("E505", detail, fix=fix)


def shows(live: Live, sent: Attrs, marks: tuple[str, ...]) -> bool:
    """Return whether a bucket has all values of an update. Marks count as labels."""
    return not differences(live, sent, marks if "labels" in sent else live.marks)


def shows_before(live: Live, before: Live, sent: Attrs) -> bool:
    """Return whether a bucket still has all values that an update was sent to change."""
    return shows(live, {key: before.attrs.get(key) for key in sent}, before.marks)


def lost_keys(before: Live, after: Live, sent: Attrs) -> tuple[str, ...]:
    """Return the keys that were not sent but have another value now. Marks count as labels."""
    keys = [key for key in FIELDS if key not in sent and before.attrs.get(key) != after.attrs.get(key)]
    if "labels" not in sent and "labels" not in keys and before.marks != after.marks:
        keys.append("labels")
    return tuple(key for key in keys if key not in before.unreadable)


def lost_values(before: Live, after: Live, sent: Attrs, lost: Sequence[str]) -> str:
    """Return what an update changed without sending it, for people."""
    was = {key: [*before.attrs["labels"], *before.marks] if key == "labels" else before.attrs.get(key) for key in lost}
    now = {key: [*after.attrs.get(key, ()), *after.marks] if key == "labels" else after.attrs.get(key) for key in lost}
    changed = "; ".join(f"{key} was {visible(repr(was[key]))} and is {visible(repr(now[key]))}" for key in lost)
    return (
        f"The update of {describe(after)} sent {', '.join(sent)}, but more changed: {changed}. No other change begins."
    )


def is_unchanged(planned: Live, fresh: Live) -> bool:
    """Return whether a bucket and the number of its items are as planned."""
    same_items = fresh.facts.get("num") == planned.facts.get("num")
    return same_items and is_as_planned(planned, fresh, tuple(planned.attrs))


def is_as_planned(planned: Live, fresh: Live, mentioned: Sequence[str]) -> bool:
    """Return whether the mentioned attributes, and the marks, are as planned."""
    same = all(fresh.attrs.get(key) == planned.attrs.get(key) for key in mentioned)
    return same and fresh.marks == planned.marks


def stale(fresh: Live | None) -> Diagnostic:
    """Return the message for a bucket that someone else changed or deleted."""
    detail = "The bucket no longer exists." if fresh is None else "The bucket changed after the plan was made."
    fix = "run plan again and check its changes."
    return error("E506", detail, fix=fix)
