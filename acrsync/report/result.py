"""An apply as text for people: the outcome of each change, the totals, and whether the result is verified."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from acrsync.diagnostics import Diagnostic, in_reading_order
from acrsync.plan.changes import key_of, live_of
from acrsync.plan.document import Plan
from acrsync.plan.outcome import Outcome, Run, Status
from acrsync.report.changes import Entry, remark, title
from acrsync.report.messages import indented, joined, message
from acrsync.report.style import Style, Tone
from acrsync.report.text import account_line
from acrsync.visible import harmless

# For each status, done or not done: its color, and a remark if the word alone is not enough.
DONE: Mapping[Status, tuple[Tone, str]] = {
    Status.CREATED: (Tone.GOOD, ""),
    Status.ADOPTED: (Tone.GOOD, "the response to the create was lost; found in the list"),
    Status.UPDATED: (Tone.GOOD, ""),
    Status.REPLACED: (Tone.GOOD, ""),
    Status.DELETED: (Tone.GOOD, ""),
    Status.ALREADY: (Tone.FAINT, "already as desired; nothing was sent"),
    Status.KEPT: (Tone.FAINT, "left alone"),
}
NOT_DONE: Mapping[Status, tuple[Tone, str]] = {
    Status.STALE: (Tone.CHANGED, "changed by someone else since it was planned; nothing was sent"),
    Status.REFUSED: (Tone.CHANGED, "a guard objected right before the write; nothing was sent"),
    Status.FAILED: (Tone.BAD, ""),
    Status.UNKNOWN: (Tone.BAD, "no response, and the list does not show if it succeeded; not sent again"),
    Status.SKIPPED: (Tone.CHANGED, "the run ended before its turn"),
}
REMARKS = {**DONE, **NOT_DONE}
WIDTH = max(map(len, Status))


def result_text(plan: Plan, run: Run, *, style: Style) -> str:
    """Return the outcome of each change in plan order, the totals, and whether the result is verified."""
    lines = "\n".join(indented(entry.text(), 2) for entry in outcome_entries(plan, run, style=style))
    blocks = [account_line(plan, style=style), lines]
    blocks += [message(diagnostic, style=style) for diagnostic in in_reading_order(run.diagnostics)]
    applied, verified = totals(plan, run)
    tone = Tone.GOOD if run.verified else Tone.CHANGED
    return joined((*blocks, f"{style.paint(applied, Tone.STRONG)}\n{style.paint(verified, tone)}"), style=style)


def outcome_entries(plan: Plan, run: Run, *, style: Style, sign_first: bool = False) -> Iterator[Entry]:
    """Yield the outcome of each change. A message that several changes have is shown in full only once."""
    shown: set[Diagnostic] = set()
    for outcome in _every_outcome(plan, run.outcomes or ()):
        diagnostic = outcome.diagnostic
        if diagnostic is None or diagnostic in shown:
            yield Entry(outcome.change, _outcome(outcome, _why(outcome), style, sign_first=sign_first))
            continue
        shown.add(diagnostic)
        line = _outcome(outcome, "", style, sign_first=sign_first)
        yield Entry(outcome.change, line, messages=(message(diagnostic, style=style),))


def outcome_line(outcome: Outcome, *, style: Style) -> str:
    """Return the outcome of one change on one line, for progress and logs."""
    return harmless(_outcome(outcome, _why(outcome), style))


def _why(outcome: Outcome) -> str:
    if outcome.diagnostic is not None:
        return outcome.diagnostic.summary
    if outcome.status is Status.ALREADY and outcome.wrote:
        return "as wanted, though the request for it was refused"
    return REMARKS[outcome.status][1]


def _every_outcome(plan: Plan, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    """Return one outcome for each change, in plan order. A change without an outcome was skipped."""
    by_key = {key_of(outcome.change): outcome for outcome in outcomes}
    return tuple(by_key.get(key_of(change)) or Outcome(change, Status.SKIPPED) for change in plan.work)


def _outcome(outcome: Outcome, why: str, style: Style, *, sign_first: bool = False) -> str:
    """Return one line. With `sign_first` it begins with the sign, or `!` if not done, for the colors of `diff`."""
    tone, _ = REMARKS[outcome.status]
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


def totals(plan: Plan, run: Run) -> tuple[str, str]:
    """Return the numbers of changes that were done and not done, and whether the result is verified."""
    found = Counter(outcome.status for outcome in _every_outcome(plan, run.outcomes or ()))
    done = ", ".join(f"{found[status]} {status}" for status in DONE if found[status])
    left = ", ".join(f"{found[status]} {status}" for status in NOT_DONE if found[status])
    applied = f"Applied: {done or 'nothing'}.{f' Not done: {left}.' if left else ''}"
    if run.verified:
        return applied, "Verified: the account was read again and is as planned."
    return applied, "Not verified. Run `acrsync plan` to see how the account differs."
