"""Figures as Markdown tables, put between the markers of a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from .goals import Verdict
from .measuring import Figure

SHOWN_SHARE = 0.05  # a slice below it is added to "everything else"


def put(page: str, name: str, content: str) -> str:
    """Return the page with the content between `<!-- bench:NAME -->` and `<!-- /bench -->`. Raises: KeyError."""
    pattern = re.compile(rf"(<!-- bench:{re.escape(name)} -->\n).*?(<!-- /bench -->)", re.DOTALL)
    if not pattern.search(page):
        raise KeyError(name)
    return pattern.sub(lambda found: f"{found[1]}{content}{found[2]}", page)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and whose others are numbers."""
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def goals_table(verdicts: Iterable[Verdict]) -> str:
    rows = (
        (v.goal.what, f"{v.value:.2f}{v.goal.unit}", f"{v.goal.limit:.3g}{v.goal.unit}", "yes" if v.met else "**no**")
        for v in verdicts
    )
    return table(("what", "measured", "goal: at most", "met"), rows)


def figures_table(figures: Mapping[str, Figure], names: Iterable[str]) -> str:
    """Return time and memory of some commands; what was not measured in this run is marked."""
    rows = []
    for name in names:
        if (one := figures.get(name)) is not None:
            spread = f"{seconds(one.low)} to {seconds(one.high)}" if one.rounds else "published"
            peak = f"{one.peak_mib:.0f} MiB" if one.peak_mib else ""
            rows.append((name, seconds(one.seconds), spread, peak))
    return table(("command", "median", "range", "peak memory"), rows)


def requests_table(sent: Mapping[str, Mapping[str, int]]) -> str:
    methods = ("GET", "POST", "PUT", "DELETE")
    return table(("command", *methods), ((name, *(str(of.get(m, 0)) for m in methods)) for name, of in sent.items()))


def slices_table(figures: Mapping[str, Figure], size: int) -> str:
    """Return where the time of one plan goes; slices below 5 % are added up."""
    whole = figures[f"slice {size}"].seconds
    prefix = f"slice {size}: "
    parts = {"start Python": figures["empty Python"].seconds}
    parts |= {name.removeprefix(prefix): one.seconds for name, one in figures.items() if name.startswith(prefix)}
    large = {name: part for name, part in parts.items() if part / whole >= SHOWN_SHARE}
    large["everything else, and leaving"] = whole - sum(large.values())
    rows = ((name, seconds(part), f"{part / whole:.0%}") for name, part in large.items())
    return table((f"{size:,} buckets".replace(",", " "), "time", "share"), rows)


def floors_table(figures: Mapping[str, Figure]) -> str:
    names = (name for name in figures if name.startswith("floor: "))
    return table(("library", "a bucket"), ((n.removeprefix("floor: "), seconds(figures[n].seconds)) for n in names))


def comparison_table(figures: Mapping[str, Figure], suffix: str) -> str:
    """Return two versions side by side, those with the suffix first."""
    rows = []
    for name, old in figures.items():
        new = figures.get(name.removesuffix(suffix))
        if name.endswith(suffix) and new is not None:
            change = f"{new.seconds / old.seconds:.2f} x"
            rows.append((name.removesuffix(suffix), seconds(old.seconds), seconds(new.seconds), change))
    return table(("command", "before", "now", "now / before"), rows)


def seconds(value: float) -> str:
    """Return a time with the unit that suits it and three digits at most."""
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if abs(value) * factor >= 1:
            return f"{value * factor:#.3g}".rstrip(".") + f" {unit}"
    return f"{value * 1e6:#.3g}".rstrip(".") + " µs"
