"""Places of entries that stand for several buckets: the place that a person wrote, and which of the buckets is meant.

A rule knows nothing of environments and combinations. It reports at the place of an entry, and names the places of
others; such a place carries the bucket with it, so that every message names it, and one mistake in an entry for a
thousand buckets becomes one message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from acrsync.diagnostics import Diagnostic, Span


@dataclass(frozen=True, slots=True)
class Spot(Span):
    """The place of an entry, and which of the buckets is meant that it stands for."""

    bucket: str = ""  # as in `prod, station: two`

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} ({self.bucket})"


def plain(span: Span | None) -> Span | None:
    """Return a place as every other part of acrsync knows it."""
    return Span(span.file, span.line, span.column) if isinstance(span, Spot) else span


def told_once(diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield diagnostics with plain places; the same one for several buckets of an entry only for the first of them."""
    first: dict[tuple[str, Span, int], Diagnostic] = {}
    count: Counter[tuple[str, Span, int]] = Counter()
    of_bucket: Counter[tuple[str, Span]] = Counter()
    for diagnostic in dict.fromkeys(diagnostics):
        match diagnostic.span:
            case Spot(file, line, column) as spot:
                number = of_bucket[(diagnostic.code, spot)]
                of_bucket[(diagnostic.code, spot)] += 1
                key = (diagnostic.code, Span(file, line, column), number)
                first.setdefault(key, diagnostic)
                count[key] += 1
            case _:
                yield diagnostic
    for key, diagnostic in first.items():
        assert isinstance(diagnostic.span, Spot), "Only places of entries are collected. This is a bug in acrsync."
        more = f", and {count[key] - 1} more" if count[key] > 1 else ""
        detail = f"{diagnostic.detail} This is the bucket of {diagnostic.span.bucket}{more}."
        fix = diagnostic.fix
        if fix.startswith("write ") and not diagnostic.code.startswith("E16"):  # no text is right for all of them
            fix = f"change the entry, its `matrix` or its variables to get {fix.removeprefix('write ')}"
        yield replace(diagnostic, detail=detail, fix=fix, span=key[1])
