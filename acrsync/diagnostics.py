"""What is wrong, where, why it matters and what to do about it: the shape of every message to a person."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a diagnostic weighs; only an error stops anything."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file; line and column are 1-based, as editors count."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message to a person.

    Codes: E0xx usage and local files, E1xx manifest, E2xx planning, E3xx guards, E4xx remote, E5xx applying.
    """

    severity: Severity
    code: str
    summary: str  # constant text, no user data
    detail: str  # what exactly, and why it matters
    fix: str = ""  # one imperative sentence, with the text to paste
    span: Span | None = None


def in_reading_order(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Return the diagnostics by place, those without a place last, each once."""
    unplaced = Span("\U0010ffff", 0, 0)
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.span or unplaced, d.code, d.detail)))
