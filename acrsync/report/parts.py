"""A run taken apart for formats that arrange it themselves: the sum of it, what is destroyed, the rest, remarks."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from dataclasses import dataclass

from acrsync.diagnostics import in_reading_order
from acrsync.plan.changes import Action, Delete, Replace, action_of
from acrsync.plan.document import Plan
from acrsync.plan.outcome import ExitCode, Run
from acrsync.report.changes import Entry
from acrsync.report.messages import message
from acrsync.report.result import ended, ends
from acrsync.report.style import Style, Tone, counted
from acrsync.report.text import COUNTED, entries, remarks, verdict


@dataclass(frozen=True, slots=True)
class Parts:
    """What a person reads of a run, in the order of its weight."""

    sums: tuple[str, ...]  # a line each: plain words and numbers, nothing from outside
    tones: tuple[Tone, ...]  # one for each sum
    destroyed: tuple[Entry, ...] = ()
    rest: tuple[tuple[Action, tuple[Entry, ...]], ...] = ()  # by what is done; first what has something said of it
    remarks: tuple[str, ...] = ()  # a block each
    trouble: bool = False  # the remarks hold what refused or failed, and come first; else they come last

    @property
    def remarks_title(self) -> str:
        return titled("Messages" if self.trouble else "Notes", self.remarks)

    @property
    def changes(self) -> tuple[Entry, ...]:
        return (*self.destroyed, *(entry for _, found in self.rest for entry in found))


def titled(title: str, blocks: Sized) -> str:
    """Return the title of a section with how much is in it."""
    return f"{title} ({len(blocks)})"


def parts(plan: Plan | None, run: Run, *, style: Style, sign_first: bool = False) -> Parts:
    """Return the parts of a plan, of an apply, or of a run that ended before there was a plan.

    With `sign_first` the outcome of a change stands after its sign, as a `diff` block needs it for its colours.
    """
    told = tuple(message(diagnostic, style=style) for diagnostic in in_reading_order(run.diagnostics))
    if plan is None:
        end, tone = ("Failed", Tone.BAD) if run.exit_code else ("Valid", Tone.STRONG)
        return Parts((f"{end}: {counted(len(told), 'message')}.",), (tone,), remarks=told, trouble=True)
    if run.outcomes is None:
        shown, sums, told = tuple(entries(plan, style=style)), verdict(plan), (*remarks(plan, style=style), *told)
        tone = Tone.BAD
    else:
        shown, sums = tuple(ends(plan, run, style=style, sign_first=sign_first)), ended(plan, run)
        tone = Tone.GOOD if run.verified else Tone.CHANGED
    return Parts(
        sums,
        (Tone.STRONG, tone)[: len(sums)],
        tuple(entry for entry in shown if isinstance(entry.change, Replace | Delete)),
        tuple(_by_action(shown)),
        told,
        trouble=run.exit_code not in (ExitCode.DONE, ExitCode.CHANGES) or not plan.can_apply,
    )


def _by_action(shown: tuple[Entry, ...]) -> Iterator[tuple[Action, tuple[Entry, ...]]]:
    for action in COUNTED:
        if action not in (Action.REPLACE, Action.DELETE):
            found = sorted((e for e in shown if action_of(e.change) is action), key=lambda entry: not entry.messages)
            if found:
                yield action, tuple(found)
