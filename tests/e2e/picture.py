"""The picture of a plan in the README: drawn from what the command prints, and readable as text again."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from html import unescape

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

WIDTH = 97  # columns
CHARACTER = 12.2  # units of one column, as rich draws them
# No fonts from elsewhere: every viewer has one, and a picture that loads nothing does not report its readers.
_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*|<!--.*?-->\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "font-family: Fira Code", "font-family: ui-monospace, SFMono-Regular, Menlo, Consolas"
)
_COLOURS = [
    (40, 44, 52), (224, 108, 117), (152, 195, 121), (229, 192, 123),
    (97, 175, 239), (198, 120, 221), (86, 182, 194), (171, 178, 191),
]  # fmt: skip
_THEME = TerminalTheme((30, 33, 39), (214, 218, 226), _COLOURS, _COLOURS)
_LIGHT = TerminalTheme((255, 255, 255), (36, 41, 47), _COLOURS, _COLOURS)
_TEXT = re.compile(r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>')


def drawn(text: str, *, title: str, width: int = WIDTH, light: bool = False) -> str:
    """Return a picture of a terminal that shows this text with its colours."""
    console = Console(record=True, width=width, file=io.StringIO(), markup=False, emoji=False, highlight=False)
    console.print(Text.from_ansi(text))
    return console.export_svg(title=title, theme=_LIGHT if light else _THEME, code_format=_FORMAT, unique_id="plan")


def text_of(picture: str) -> str:
    """Return the text that a picture shows, without colours."""
    lines: defaultdict[float, str] = defaultdict(str)
    for x, y, shown in _TEXT.findall(picture):
        column = round(float(x) / CHARACTER)
        lines[float(y)] = lines[float(y)].ljust(column) + unescape(shown).replace("\xa0", " ")
    heights = sorted(lines)
    first, step = heights[0], 24.4
    rows = {round((height - first) / step): lines[height].rstrip() for height in heights}
    return "\n".join(rows.get(number, "") for number in range(max(rows) + 1)) + "\n"
