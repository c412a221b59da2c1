"""A table for people: in columns if the screen is wide enough, else with a block for each row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from acrsync.report.style import Style, Tone
from acrsync.report.wrapping import columns, wrapped

_GAP = "  "


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, style: Style) -> str:
    """Return the titles and the rows, each line with a newline at its end.

    Leaves out columns that are empty in all rows. If the screen is too narrow, each row is a block: its first two
    cells, and the others below. Cells must not have colors.
    """
    used = [at for at, _ in enumerate(titles) if any(row[at] for row in rows)]
    titles, rows = [titles[at] for at in used], [[row[at] for at in used] for row in rows]
    widths = [max(map(columns, cells)) for cells in zip_longest(titles, *rows, fillvalue="")]
    if style.width is not None and sum(widths) + len(_GAP) * (len(widths) - 1) > style.width:
        return "".join(_block(row, widths[0], style) for row in rows)
    head = style.paint(_line(titles, widths), Tone.FAINT)
    return "".join(f"{line}\n" for line in (head, *(_line(row, widths) for row in rows)))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - columns(cell)) for cell, width in zip(cells, widths, strict=True))
    return _GAP.join(padded).rstrip()


def _block(row: Sequence[str], width: int, style: Style) -> str:
    first, second, *others = (*row, "")
    lead = first + " " * (width - columns(first)) + _GAP
    facts = ", ".join(cell for cell in others if cell)
    lines = [lead + second, *([" " * len(lead) + facts] if facts else [])]
    return wrapped("\n".join(lines), style.width) + "\n"
