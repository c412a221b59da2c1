"""A run as one HTML page. It has no scripts and sends no requests, and its policy forbids both.

It has the words of the text report. The colors of that report become classes: this is safe because `visible` removes
escape characters from all text from outside.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from datetime import UTC
from hashlib import sha256
from html import escape
from itertools import islice

from acrsync.plan.document import Plan
from acrsync.plan.outcome import Run
from acrsync.report.changes import Entry, title
from acrsync.report.parts import Parts, parts, titled
from acrsync.report.style import COLOURED, Tone, counted
from acrsync.report.text import account_line
from acrsync.visible import harmless

STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --faint: #59636e; --page: #fff; --card: #f6f8fa; --line: #d1d9e0;
  --good: #116329; --changed: #7d4e00; --bad: #b3261e; --replaced: #7a3bb5; --advice: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --text: #f0f6fc; --faint: #9198a1; --page: #0d1117; --card: #151b23;
  --line: #3d444d; --good: #56d364; --changed: #e3b341; --bad: #ff8f85; --replaced: #d2a8ff; --advice: #79c0ff; } }
body { margin: 0; background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: auto; padding: 1rem; overflow-wrap: anywhere; }
h1, h2 { font-size: 1.25rem; margin: 1.5rem 0 .5rem; } summary h2 { display: inline-block; margin: .75rem 0; }
h3, dl, pre, code { font: .875rem/1.6 ui-monospace, monospace; } p { margin: .5rem 0; }
article, .messages pre { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem;
  margin: .5rem 0; } .destroys article { border-left: .375rem solid var(--bad); }
h3, dl, dd, article pre { margin: 0; } h3, dd, pre { white-space: pre-wrap; } article pre { padding: .25rem 0 0 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; padding: .25rem 0 0 1rem; }
dt { grid-column: 1; color: var(--faint); } dd { grid-column: 2; }
.good { color: var(--good); } .changed { color: var(--changed); } .bad { color: var(--bad); }
.replaced { color: var(--replaced); } .advice { color: var(--advice); } .faint { color: var(--faint); }
.strong { font-weight: 600; unicode-bidi: isolate; }
.index ul { columns: 16rem; margin: 0; padding: 0; list-style: none; font: .875rem/1.6 ui-monospace, monospace; }
.index a { color: inherit; text-underline-offset: .2em; } :target { outline: .125rem solid var(--advice); }
@media (max-width: 40rem) { dl { display: block; } dd { padding-left: 1rem; } }
"""
INDEXED_ABOVE = 30  # changes; up to this number fits on two screens
_POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"
_CLASSES = {tone.value: tone.name.lower() for tone in Tone}
_PAINT = re.compile(r"\x1b\[([\d;]+)m")


def html_text(plan: Plan | None, run: Run) -> str:
    """Return the page. It is light or dark as the reader's system prefers, and fits a screen of any width."""
    found = parts(plan, run, style=COLOURED)
    return page(found.sums[0], body(plan, run, found))


def page(title: str, lines: Iterable[str]) -> str:
    """Return a page with these lines of HTML."""
    policy = _POLICY.format(b64encode(sha256(STYLE.encode()).digest()).decode())
    whole = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>acrsync: {escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>",
        "<h1>acrsync</h1>",
        *lines,
        "</main>\n</body>\n</html>\n",
    ]
    return harmless("\n".join(whole))


def body(plan: Plan | None, run: Run, found: Parts, *, prefix: str = "") -> Iterator[str]:
    """Yield a run as HTML. `prefix` makes the anchors of one run on a page unique."""
    yield from map(_sum, found.sums, found.tones)
    yield from _facts(plan, run)
    yield from _index(found, prefix)
    yield from _sections(found, prefix)


def _facts(plan: Plan | None, run: Run) -> Iterator[str]:
    if plan:
        yield f"<p>{_spans(account_line(plan, style=COLOURED))}</p>"
        yield f"<p>Digest: <code>{plan.digest}</code></p>"
    yield f'<p class="faint">{run.timestamp.astimezone(UTC):%Y-%m-%d %H:%M} UTC, acrsync {escape(run.version)}</p>'


def _sum(line: str, tone: Tone) -> str:
    classes = dict.fromkeys(("strong", tone.name.lower()))
    return f'<p class="{" ".join(classes)}">{escape(line)}</p>'


def _index(found: Parts, prefix: str) -> Iterator[str]:
    """Yield a link to each change, if there are too many to scroll."""
    if len(found.changes) <= INDEXED_ABOVE:
        return
    yield from _folded(
        titled("Index", found.changes),
        (
            "<ul>",
            *(f"<li>{_link(entry, f'{prefix}{number}')}</li>" for number, entry in enumerate(found.changes)),
            "</ul>",
        ),
        of="index",
    )


def _link(entry: Entry, number: str) -> str:
    return f'<a href="#change-{number}">{_spans(title(entry.change, style=COLOURED))}</a>'


def _sections(found: Parts, prefix: str) -> Iterator[str]:
    articles = (_article(entry, f"{prefix}{number}") for number, entry in enumerate(found.changes))
    if found.destroyed:
        yield f'<section class="destroys">\n<h2>Destroys {counted(len(found.destroyed), "bucket")}</h2>'
        yield from islice(articles, len(found.destroyed))
        yield "</section>"
    remarks = tuple(_folded(found.remarks_title, _blocks(found.remarks), of="messages")) if found.remarks else ()
    if found.trouble:
        yield from remarks
    for action, entries in found.rest:
        shown = islice(articles, len(entries))
        yield from _folded(titled(action.capitalize(), entries), shown, of="changes")
    if not found.trouble:
        yield from remarks


def _blocks(texts: Iterable[str]) -> Iterator[str]:
    return (f"<pre>{_spans(text)}</pre>" for text in texts)


def _folded(heading: str, blocks: Iterable[str], *, of: str) -> Iterator[str]:
    yield f'<details class="{of}" open>\n<summary><h2>{heading}</h2></summary>'
    yield from blocks
    yield "</details>"


def _article(entry: Entry, number: str) -> str:
    rows = "".join(
        f"<dt>{escape(row.name)}</dt>{''.join(f'<dd>{_spans(line)}</dd>' for line in row.lines)}" for row in entry.rows
    )
    messages = "".join(_blocks(entry.messages))
    attributes = f"<dl>{rows}</dl>" if rows else ""
    return f'<article id="change-{number}"><h3>{_spans(entry.head)}</h3>{attributes}{messages}</article>'


def _spans(text: str) -> str:
    """Return colored text as escaped HTML."""
    return _PAINT.sub(lambda code: _span(code[1]), escape(text))


def _span(code: str) -> str:
    return "</span>" if code == "0" else f'<span class="{_CLASSES[code]}">'
