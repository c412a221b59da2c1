"""Changes what decides about buckets and writes to them in every small way, and names what no test notices.

`make mutants` runs it, for some ten minutes. It ends with 1 where a change survives that survivors.txt does not give a
reason for, and where a line there is not needed any more.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
ACCEPTED = Path(__file__).with_name("survivors.txt")
MODULES = ("matching", "planner", "guards", "ownership", "attempt", "applier", "verify", "outcome", "client/listing")
TESTS = (
    *(f"tests/unit/test_{name}.py" for name in ("matching", "planner", "guards", "ownership", "undo")),
    *(f"tests/unit/test_{name}.py" for name in ("attempt_changes", "applier_waves", "verify_reading_back")),
    "tests/unit/test_outcome_exit_code.py",
    "tests/unit/test_acrcloud_account.py",
    "tests/property/test_listing_walks.py",
)
COPIED = ("acrsync", "schemas", "tests", "examples", "docs", "pyproject.toml", "README.md")
CONFIG = f"""
[tool.mutmut]
source_paths = {[f"acrsync/{name}.py" for name in MODULES]}
pytest_add_cli_args_test_selection = {list(TESTS)}
also_copy = {list(COPIED)}
"""
# Exit codes of the tests, as mutmut keeps them: 0 is a change that nothing noticed.
SURVIVED = 0


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        prepare(folder)
        run("run", "--max-children", str(os.cpu_count() or 1), folder=folder)
        codes = ended(folder)
        found = dict(sorted((told(key, folder), key) for key, code in codes.items() if code == SURVIVED))
    accepted = {line for line in ACCEPTED.read_text().splitlines() if line and not line.startswith("#")}
    lines = [f"survived: {line}" for line in sorted(found.keys() - accepted)]
    lines += [f"not needed any more in {ACCEPTED.name}: {line}" for line in sorted(accepted - found.keys())]
    reasons = len(found.keys() & accepted)
    lines += [f"{len(codes):,} changes, {len(found)} of them survived, {reasons} of these with a reason."]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return int(found.keys() != accepted)


def prepare(folder: Path) -> None:
    """Copy the tree and tell mutmut what to change and which tests to run."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    settings = (folder / "pyproject.toml").read_text()
    # mutmut's own warnings, and those of a worker that it kills, are no failures.
    settings = settings.replace('filterwarnings = ["error"]', "filterwarnings = []")
    (folder / "pyproject.toml").write_text(settings + CONFIG)


def run(*arguments: str, folder: Path) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stdout[-200:], done.stderr[-2000:])
    return done.stdout


def ended(folder: Path) -> dict[str, int]:
    """Return how the tests ended on each change."""
    kept = (json.loads((folder / "mutants" / "acrsync" / f"{name}.py.meta").read_text()) for name in MODULES)
    return {key: code for one in kept for key, code in one["exit_code_by_key"].items()}


def told(key: str, folder: Path) -> str:
    """Return a change on one line: the function, what was there, and what is there now. Numbers move; words stay."""
    lines = run("show", key, folder=folder).splitlines()
    changed = [line for line in lines if re.match(r"[-+](?![-+]{2} )", line)]
    function = re.sub(r"__mutmut_\d+$", "", key).removeprefix("acrsync.").replace(".x_", ".").replace("xǁ", "")
    return " | ".join([function.replace("ǁ", "."), *(f"{line[0]} {line[1:].strip()}" for line in changed)])


if __name__ == "__main__":
    sys.exit(main())
