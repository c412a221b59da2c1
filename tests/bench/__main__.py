"""`make bench`: measures, and writes docs/performance.md. `make bench BASE=main`: this tree beside another version."""

from __future__ import annotations

import argparse
import compileall
import io
import json
import platform
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from . import cases, peers, plot, writing
from .cases import Bench
from .goals import verdicts
from .measuring import Figure, measured
from .servers import HERE

ROOT = HERE.parent.parent
CACHE = ROOT / ".bench"
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "img"
HISTORY = HERE / "history.json"
KEPT = 30  # entries of the history
BASE = " (base)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--base", metavar="REF", help="compare with this version; writes no file")
    parser.add_argument("--quick", action="store_true", help="small sizes only; writes no file")
    asked = parser.parse_args()
    _compiled(ROOT)
    for size in {*cases.SIZES, cases.READ, cases.LOOPED}:
        subprocess.run([sys.executable, HERE / "inputs.py", str(size), CACHE / str(size)], check=True)
    with ExitStack() as stack:
        bench = Bench(CACHE, stack, tell, quick=asked.quick)
        if asked.base:
            tell(writing.comparison_table(_compared(bench, asked.base), BASE))
            return
        everything = (*cases.floors(bench), *cases.commands(bench), *cases.slices(bench))
        figures = measured((*everything, *cases.waiting(bench), *cases.others(bench)), tell=tell)
    figures = {**figures, **{name: one for name, one in peers.PUBLISHED.items() if name not in figures}}
    tell(writing.goals_table(verdicts(figures)))
    if not asked.quick:
        _write(figures, bench.sent)


def tell(line: str) -> None:
    sys.stderr.write(line + "\n")


def _compared(bench: Bench, base: str) -> Mapping[str, Figure]:
    """Measure this tree and another version of it in turns, in one environment."""
    folder = Path(bench.stack.enter_context(tempfile.TemporaryDirectory()))
    archive = subprocess.run(["git", "archive", base], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    _compiled(folder)
    other = replace(bench, env={"PYTHONPATH": str(folder)}, suffix=BASE)
    both = (
        case for one in (bench, other) for make in (cases.commands, cases.slices, cases.waiting) for case in make(one)
    )
    return measured(both, tell=tell)


def _compiled(tree: Path) -> None:
    """Compile the modules, as an installer does: a Python that writes no bytecode would compile them at each start."""
    compileall.compile_dir(tree / "acrsync", quiet=1)


def _write(figures: Mapping[str, Figure], sent: Mapping[str, Mapping[str, int]]) -> None:
    """Write the page's tables, the plots and one more entry of the history."""
    own = [
        name for name in figures if name.startswith(("--", "plan", "create", "change", "validate", "empty", "import"))
    ]
    others = [name for name in figures if name.startswith(("terraform", "octodns", "ansible", "acrcloud"))]
    tables = {
        "machine": f"{_machine()}, {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}.\n",
        "goals": writing.goals_table(verdicts(figures)),
        "commands": writing.figures_table(figures, own),
        "others": writing.figures_table(figures, sorted(others)),
        "requests": writing.requests_table(sent),
        "slices-10": writing.slices_table(figures, 10),
        "slices-10000": writing.slices_table(figures, 10_000),
        "floors": writing.floors_table(figures),
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, content in tables.items():
        page = writing.put(page, name, content)
    PAGE.write_text(page, encoding="utf-8")
    IMAGES.mkdir(exist_ok=True)
    for file, title, unit, of in (
        ("cost.svg", "Time of a plan that finds nothing to do", "s", "seconds"),
        ("cost-memory.svg", "Memory of a plan that finds nothing to do", "MiB", "peak_mib"),
    ):
        named = {"acrsync": "plan", "Terraform": "terraform literal", "Terraform, for_each": "terraform for_each"}
        lines = {label: _points(figures, key, of) for label, key in (named | {"octoDNS": "octodns"}).items()}
        (IMAGES / file).write_text(plot.svg(title, unit, lines), encoding="utf-8")
    _remember(figures)


def _points(figures: Mapping[str, Figure], name: str, of: str) -> dict[int, float]:
    found = {size: getattr(figures[f"{name} {size}"], of) for size in cases.SIZES if f"{name} {size}" in figures}
    return {size: cost for size, cost in found.items() if cost}


def _remember(figures: Mapping[str, Figure]) -> None:
    history = json.loads(HISTORY.read_text(encoding="utf-8")) if HISTORY.exists() else []
    values = {name: [round(one.seconds, 7), round(one.peak_mib, 1)] for name, one in figures.items() if one.rounds}
    entry = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": _commit(), "machine": _machine(), "figures": values}
    lines = ",\n".join(json.dumps(one) for one in [*history, entry][-KEPT:])
    HISTORY.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _machine() -> str:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    cores = info.count("processor\t")
    return f"{cores} cores, Python {platform.python_version()}, {platform.system()}"


if __name__ == "__main__":
    main()
