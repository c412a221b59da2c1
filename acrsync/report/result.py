"""An apply as text for people: the end of each change, what was not done, and whether it was seen to be so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from acrsync.diagnostics import Diagnostic, in_reading_order
from acrsync.plan.changes import Action, Work, action_of, live_of
from acrsync.plan.document import Plan
from acrsync.plan.outcome import Outcome, Run, Status
from acrsync.report.changes import Entry, remark, title
from acrsync.report.messages import indented, joined, message
from acrsync.report.style import Style, Tone
from acrsync.report.text import account_line
from acrsync.visible import harmless

# How each end is shown: as done or not, in which colour, and what the word alone does not say.
DONE: Mapping[Status, tuple[Tone, str]] = {
    Status.CREATED: (Tone.GOOD, ""),
    Status.ADOPTED: (Tone.GOOD, "created by a request whose answer was lost, found by listing"),
    Status.UPDATED: (Tone.GOOD, ""),
    Status.REPLACED: (Tone.GOOD, ""),
    Status.DELETED: (Tone.GOOD, ""),
    Status.ALREADY: (Tone.FAINT, "as wanted before; nothing was sent"),
    Status.KEPT: (Tone.FAINT, "left alone"),
}
NOT_DONE: Mapping[Status, tuple[Tone, str]] = {
    Status.STALE: (Tone.CHANGED, "changed by someone else since it was planned; nothing was sent"),
    Status.REFUSED: (Tone.CHANGED, "a guard objected right before the write; nothing was sent"),
    Status.FAILED: (Tone.BAD, ""),
    Status.UNKNOWN: (Tone.BAD, "no answer, and no listing could settle what became of it; it was not sent again"),
    Status.SKIPPED: (Tone.CHANGED, "the run ended before its turn"),
}
ENDS = {**DONE, **NOT_DONE}
WIDTH = max(map(len, Status))


def result_text(plan: Plan, run: Run, *, style: Style) -> str:
    """Return the end of each change in plan order, the sum of it, and whether the account was seen to be so."""
    lines = "\n".join(indented(entry.text(), 2) for entry in ends(plan, run, style=style))
    blocks = [account_line(plan, style=style), lines]
    blocks += [message(diagnostic, style=style) for diagnostic in in_reading_order(run.diagnostics)]
    applied, verified = ended(plan, run)
    tone = Tone.GOOD if run.verified else Tone.CHANGED
    return joined((*blocks, f"{style.paint(applied, Tone.STRONG)}\n{style.paint(verified, tone)}"), style=style)


def ends(plan: Plan, run: Run, *, style: Style, sign_first: bool = False) -> Iterator[Entry]:
    """Yield the end of each change; what ended the run stands at every change that it skipped, in full only once."""
    told: set[Diagnostic] = set()
    for outcome in _every_outcome(plan, run.outcomes or ()):
        diagnostic = outcome.diagnostic
        if diagnostic is None or diagnostic in told:
            yield Entry(outcome.change, _outcome(outcome, _why(outcome), style, sign_first=sign_first))
            continue
        told.add(diagnostic)
        said = message(diagnostic, style=style)
        yield Entry(outcome.change, _outcome(outcome, "", style, sign_first=sign_first), messages=(said,))


def outcome_line(outcome: Outcome, *, style: Style) -> str:
    """Return the end of one change on one line, for progress and logs."""
    return harmless(_outcome(outcome, _why(outcome), style))


def _why(outcome: Outcome) -> str:
    if outcome.diagnostic is not None:
        return outcome.diagnostic.summary
    if outcome.status is Status.ALREADY and outcome.wrote:
        return "as wanted, though the request for it was refused"
    return ENDS[outcome.status][1]


def _every_outcome(plan: Plan, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    """Return one outcome for each change, in plan order; what has none was skipped."""
    ends = {_key(outcome.change): outcome for outcome in outcomes}
    return tuple(ends.get(_key(change)) or Outcome(change, Status.SKIPPED) for change in plan.work)


def _key(change: Work) -> tuple[Action, str, int | None]:
    live = live_of(change)
    return action_of(change), change.name, live.id if live else None


def _outcome(outcome: Outcome, why: str, style: Style, *, sign_first: bool = False) -> str:
    """Return one line. With `sign_first` a `diff` block colours it: `!`, if it was not done, else by its sign."""
    tone, _ = ENDS[outcome.status]
    before = live_of(outcome.change)
    ids = dict.fromkeys(live.id for live in (before, outcome.live) if live)
    facts = f" (id {' -> '.join(map(str, ids))})" if ids else ""
    word = style.paint(f"{outcome.status:{WIDTH}}", tone)
    sign, _, name = title(outcome.change, style=style).partition(" ")
    if not sign_first:
        head = f"{word}  {sign} {name}"
    elif outcome.status in NOT_DONE:
        head = f"! {word}  {sign} {name}"
    else:
        head = f"{sign} {word}  {name}"
    return f"{head}{facts}{remark(why, style=style)}"


def ended(plan: Plan, run: Run) -> tuple[str, str]:
    """Return what was done and what not, in numbers, and whether the account was seen to be so."""
    found = Counter(outcome.status for outcome in _every_outcome(plan, run.outcomes or ()))
    done = ", ".join(f"{found[status]} {status}" for status in DONE if found[status])
    left = ", ".join(f"{found[status]} {status}" for status in NOT_DONE if found[status])
    applied = f"Applied: {done or 'nothing'}.{f' Not done: {left}.' if left else ''}"
    if run.verified:
        return applied, "Verified: the account was read again and is as planned."
    return applied, "Not verified. Run `acrsync plan` to see how the account differs."
