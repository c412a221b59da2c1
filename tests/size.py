"""Counts the code: lines without blanks, comments and docstrings, and statements. `make size` runs it."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "acrsync"
NOTHING = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def counted(text: str) -> tuple[int, int]:
    """Return how many lines hold code, and how many statements there are."""
    tree = ast.parse(text)
    docstrings = {line for place in _docstrings(tree) for line in range(place[0], place[1] + 1)}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {line for t in tokens if t.type not in NOTHING for line in range(t.start[0], t.end[0] + 1)}
    statements = sum(isinstance(node, ast.stmt) for node in ast.walk(tree)) - sum(1 for _ in _docstrings(tree))
    return len(lines - docstrings), statements


def _docstrings(tree: ast.AST) -> Iterator[tuple[int, int]]:
    for node in ast.walk(tree):
        match node:
            case (
                ast.Module(body=[ast.Expr(value=ast.Constant(value=str())) as first, *_])
                | ast.ClassDef(body=[ast.Expr(value=ast.Constant(value=str())) as first, *_])
                | ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str())) as first, *_])
            ):
                yield first.lineno, first.end_lineno or first.lineno


def main() -> None:
    """Print a row for each package and their sums."""
    rooms: dict[str, list[tuple[int, int]]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        inner = path.relative_to(PACKAGE)
        room = inner.parts[0] if len(inner.parts) > 1 else "(top)"
        rooms.setdefault(room, []).append(counted(path.read_text(encoding="utf-8")))
    sums = {
        room: (len(found), sum(lines for lines, _ in found), sum(n for _, n in found)) for room, found in rooms.items()
    }
    rest = [counts for room, counts in sums.items() if room != "emulator"]
    sums["all but the emulator"] = (
        sum(f for f, _, _ in rest),
        sum(lines for _, lines, _ in rest),
        sum(n for _, _, n in rest),
    )
    sys.stdout.write(f"{'room':22} {'files':>6} {'lines':>7} {'statements':>11}\n")
    for room, (files, lines, statements) in sums.items():
        sys.stdout.write(f"{room:22} {files:6} {lines:7,} {statements:11,}\n")


if __name__ == "__main__":
    main()
