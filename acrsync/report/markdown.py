"""A run as markdown for a comment or a job summary. Destroyed buckets come first and are never cut off.

Why code blocks: in a code block, no bucket name can become a link, a mention, a table or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from acrsync.plan.changes import live_of
from acrsync.plan.document import Plan
from acrsync.plan.outcome import Run
from acrsync.report.changes import Entry
from acrsync.report.messages import spaced
from acrsync.report.parts import parts, titled
from acrsync.report.style import PLAIN, counted
from acrsync.visible import harmless, visible

LIMIT_BYTES = 60_000  # Source: GitHub refuses a comment of more than 65,536 characters
SPARE_BYTES = 200  # for the markup of a fold, and for the last line
_FENCE = re.compile(r"^( {0,3})`(?=``)", re.MULTILINE)
_NOT_IN_STACK = re.compile(r"[^a-z0-9._-]")


def markdown_text(plan: Plan | None, run: Run) -> str:
    """Return at most LIMIT_BYTES. The first line is a mark, so that a bot finds its own comment again."""
    stack, environment = (plan.manifest.stack, plan.manifest.environment) if plan else (None, None)
    return f"{mark(stack, environment)}\n{body(plan, run)}"


def mark(stack: str | None, environment: str | None) -> str:
    """Return the HTML comment that identifies the reports of one pipeline."""
    of = _NOT_IN_STACK.sub("", stack or "") + (f"@{_NOT_IN_STACK.sub('', environment)}" if environment else "")
    return f"<!-- acrsync:{of} -->"


def body(plan: Plan | None, run: Run, *, limit: int = LIMIT_BYTES - 100) -> str:
    """Return a run without the mark, in at most `limit` bytes."""
    found = parts(plan, run, style=PLAIN, sign_first=True)
    text = _head(plan, found.sums)
    if found.destroyed:
        text += _never_cut(found.destroyed, limit - SPARE_BYTES - _size(text))
    left_out = 0
    folds = []
    for action, entries in found.rest:
        is_open = any(entry.messages for entry in entries)
        folds.append((titled(action.capitalize(), entries), is_open, tuple(entry.text() for entry in entries)))
    remarks = (found.remarks_title, found.trouble, found.remarks)
    for title, is_open, blocks in (remarks, *folds) if found.trouble else (*folds, remarks):
        fitting = tuple(_fitting(blocks, limit - 2 * SPARE_BYTES - _size(text)))
        left_out += len(blocks) - len(fitting)
        if fitting:
            state = " open" if is_open else ""
            text += f"\n<details{state}><summary>{title}</summary>\n\n{_fenced(fitting)}\n</details>\n"
    return text + (f"\n{left_out} more did not fit here.\n" if left_out else "")


def _head(plan: Plan | None, sums: tuple[str, ...]) -> str:
    stack = _NOT_IN_STACK.sub("", plan.manifest.stack or "") if plan else ""
    head = f"**{' '.join(sums)}**\n"
    if plan:
        head += f"\nAccount {'unknown' if plan.uid is None else plan.uid} at {_code(plan.endpoint)}"
        head += f"{f', stack {_code(stack)}' if stack else ''}. Digest: {_code(plan.digest)}\n"
    return head


def _never_cut(destroyed: tuple[Entry, ...], room: int) -> str:
    """Return all destroyed buckets, with as many details as fit."""
    title = f"\n### Destroys {counted(len(destroyed), 'bucket')}\n\n"
    ids = ", ".join(str(live.id) for entry in destroyed if (live := live_of(entry.change)))
    for blocks in ([entry.text() for entry in destroyed], [entry.head for entry in destroyed], [f"- ids {ids}"]):
        text = title + _fenced(blocks)
        if _size(text) <= room:
            return text
    return f"{title}There are too many to list here: read the whole plan before you approve it.\n"


def _fitting(blocks: Iterable[str], room: int) -> Iterator[str]:
    for block in blocks:
        size = _size(_inert(block)) + len("\n\n")
        if size <= room:
            room -= size
            yield block


def _fenced(blocks: Iterable[str]) -> str:
    return f"```diff\n{_inert(spaced(blocks))}\n```\n"


def _inert(text: str) -> str:
    r"""Return the text with escapes, so that it cannot end its code block or contain a command to a runner."""
    return _FENCE.sub(r"\1\\x60", harmless(text))


def _code(text: str) -> str:
    return f"`{visible(text).replace('`', chr(92) + 'x60')}`"


def _size(text: str) -> int:
    return len(text.encode())
