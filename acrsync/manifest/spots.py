"""Positions of entries for several buckets: the position in the file, and which bucket it is about.

Rules do not know environments and combinations: they only use positions. A position here has the bucket with it, so all
messages name the bucket. An error in an entry for a thousand buckets becomes one message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from acrsync.diagnostics import Diagnostic, Span


@dataclass(frozen=True, slots=True)
class Spot(Span):
    """The position of an entry, and one of its buckets."""

    bucket: str = ""  # such as `prod, station: two`

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} ({self.bucket})"


def plain(span: Span | None) -> Span | None:
    """Return a position without the bucket, for the other packages."""
    return Span(span.file, span.line, span.column) if isinstance(span, Spot) else span


def merged(diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield diagnostics with plain positions, only for the first bucket of each entry."""
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
        assert isinstance(diagnostic.span, Spot), "A position without a bucket was merged. This is a bug in acrsync."
        more = f", and {count[key] - 1} more" if count[key] > 1 else ""
        detail = f"{diagnostic.detail} This is the bucket of {diagnostic.span.bucket}{more}."
        fix = diagnostic.fix
        if fix.startswith("write ") and not diagnostic.code.startswith(
            "E16"
        ):  # no single text is right for all buckets
            fix = f"change the entry, its `matrix` or its variables to get {fix.removeprefix('write ')}"
        yield replace(diagnostic, detail=detail, fix=fix, span=key[1])
