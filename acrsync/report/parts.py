"""The parts of a run, for formats with their own layout: sums, destroyed buckets, other changes, remarks."""

from __future__ import annotations

from collections.abc import Iterator, Sized

from acrsync.diagnostics import in_reading_order
from acrsync.frozen import frozen
from acrsync.plan.changes import Action, Delete, Replace, action_of
from acrsync.plan.document import Plan
from acrsync.plan.outcome import ExitCode, Run
from acrsync.report.changes import Entry
from acrsync.report.messages import message
from acrsync.report.result import outcome_entries, totals
from acrsync.report.style import Style, Tone, counted
from acrsync.report.text import COUNTED, entries, remarks, verdict


@frozen
class Parts:
    """The parts of a run, the most important first."""

    sums: tuple[str, ...]  # one line each: words and numbers, no text from outside
    tones: tuple[Tone, ...]  # one for each sum
    destroyed: tuple[Entry, ...] = ()
    rest: tuple[tuple[Action, tuple[Entry, ...]], ...] = ()  # by action; those with messages first
    remarks: tuple[str, ...] = ()  # one block each
    trouble: bool = False  # the run was refused or failed, so the remarks come first, not last

    @property
    def remarks_title(self) -> str:
        return titled("Messages" if self.trouble else "Notes", self.remarks)

    @property
    def changes(self) -> tuple[Entry, ...]:
        return (*self.destroyed, *(entry for _, found in self.rest for entry in found))


def titled(title: str, blocks: Sized) -> str:
    """Return the title of a section with the number of its blocks."""
    return f"{title} ({len(blocks)})"


def parts(plan: Plan | None, run: Run, *, style: Style, sign_first: bool = False) -> Parts:
    """Return the parts of a plan, of an apply, or of a run that ended before it had a plan.

    With `sign_first` the status of a change follows its sign, because a `diff` block colors lines by their signs.
    """
    messages = tuple(message(diagnostic, style=style) for diagnostic in in_reading_order(run.diagnostics))
    if plan is None:
        end, tone = ("Failed", Tone.BAD) if run.exit_code else ("Valid", Tone.STRONG)
        return Parts((f"{end}: {counted(len(messages), 'message')}.",), (tone,), remarks=messages, trouble=True)
    if run.outcomes is None:
        shown, sums, tone = tuple(entries(plan, style=style)), verdict(plan), Tone.BAD
        messages = (*remarks(plan, style=style), *messages)
    else:
        shown, sums = tuple(outcome_entries(plan, run, style=style, sign_first=sign_first)), totals(plan, run)
        tone = Tone.GOOD if run.verified else Tone.CHANGED
    return Parts(
        sums,
        (Tone.STRONG, tone)[: len(sums)],
        tuple(entry for entry in shown if isinstance(entry.change, Replace | Delete)),
        tuple(_by_action(shown)),
        messages,
        trouble=run.exit_code not in (ExitCode.DONE, ExitCode.CHANGES) or not plan.can_apply,
    )


def _by_action(shown: tuple[Entry, ...]) -> Iterator[tuple[Action, tuple[Entry, ...]]]:
    for action in COUNTED:
        if action not in (Action.REPLACE, Action.DELETE):
            found = sorted((e for e in shown if action_of(e.change) is action), key=lambda entry: not entry.messages)
            if found:
                yield action, tuple(found)
