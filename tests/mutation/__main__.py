"""Changes what decides about buckets and writes to them in every small way, and names what no test notices.

`make mutants` runs it, `make mutants MODULES="runs/lease plan/renames"` only for some modules. It ends with 1 where a
change survives that survivors.txt does not give a reason for, and if a line there is no longer needed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
ACCEPTED = Path(__file__).with_name("survivors.txt")
PLAY = "tests/simulate/test_simulation.py::test_the_lease_by_itself_keeps_every_promise"
LOOP = (
    *("tests/unit/test_apply_on_strange_servers.py", "tests/unit/test_approving.py", "tests/unit/test_ownership.py"),
    *("tests/property/test_engine_troubles.py", "tests/property/test_laws_of_reconciling.py"),
    "tests/simulate/test_simulation.py::test_the_loop_keeps_every_promise",
)
PLANNING = tuple(
    f"tests/unit/test_{name}.py"
    for name in (
        "matching",
        "planner",
        "guards",
        "ownership",
        "plan",
        "undo",
        "unreadable_values",
        "approving",
        "likely_renames",
    )
)
# Of these tests mutmut runs those that reach the changed function, the quickest first. The most dangerous come first.
MODULES: Mapping[str, tuple[str, ...]] = {
    "runs/lease": ("tests/unit/test_runs_lease.py", PLAY),
    "runs/memory": ("tests/unit/test_runs_memory.py", "tests/unit/test_runs_lease.py", PLAY),
    "runs/folder": ("tests/unit/test_runs_folder.py", "tests/unit/test_runs_memory.py"),
    "apply/reconcile": ("tests/unit/test_reconcile_loop.py", "tests/unit/test_ownership.py"),
    "apply/comparing": (
        "tests/unit/test_comparing.py",
        "tests/unit/test_attempt_changes.py",
        "tests/unit/test_verify_reading_back.py",
    ),
    "apply/attempt": ("tests/unit/test_attempt_changes.py", "tests/unit/test_applier_waves.py", *LOOP),
    "apply/settling": ("tests/unit/test_verify_reading_back.py", "tests/unit/test_attempt_changes.py", *LOOP),
    "apply/verify": ("tests/unit/test_verify_reading_back.py", *LOOP),
    "apply/waves": ("tests/unit/test_applier_waves.py", *LOOP),
    "plan/renames": ("tests/unit/test_likely_renames.py", "tests/unit/test_planner.py", "tests/unit/test_guards.py"),
    "plan/likeness": (
        "tests/unit/test_likely_renames.py",
        "tests/unit/test_guards.py",
        "tests/unit/test_runs_memory.py",
    ),
    "plan/matching": PLANNING,
    "plan/planner": PLANNING,
    "plan/order": PLANNING,
    "plan/guards": PLANNING,
    "plan/ownership": PLANNING,
    "plan/outcome": ("tests/unit/test_outcome_exit_code.py", "tests/unit/test_applier_waves.py"),
    "client/listing": ("tests/unit/test_acrcloud_account.py", "tests/property/test_listing_walks.py"),
}
# mutmut wraps every function, and a wrapped TypeGuard guards nothing: mypy would blame lines that no change touched.
UNTYPED = frozenset({"plan/order"})
MYPY = (sys.executable, "-m", "mypy", "--output", "json", "--no-warn-unused-ignores")
COPIED = ("acrsync", "schemas", "tests", "examples", "docs", "pyproject.toml", "README.md")
# Exit codes of the tests, as mutmut keeps them: nothing noticed a change, or nothing reached it, or mypy noticed it.
SURVIVED, UNREACHED, BY_TYPES = 0, 33, 37


def main(names: list[str]) -> int:
    if unknown := [name for name in names if name not in MODULES]:
        sys.exit(f"not in MODULES of {__file__}: {', '.join(unknown)}")
    accepted = {line for line in ACCEPTED.read_text().splitlines() if line and not line.startswith("#")}
    found: set[str] = set()
    with tempfile.TemporaryDirectory() as directory:
        for name in names or MODULES:
            lines = list(unnoticed(name, Path(directory)))
            found |= set(lines)
            sys.stdout.write("".join(f"survived: {line}\n" for line in lines if line not in accepted))
            sys.stdout.flush()
    of_these = {line for line in accepted if line.startswith(tuple(f"{name.replace('/', '.')}." for name in names))}
    stale = (of_these if names else accepted) - found
    sys.stdout.write("".join(f"no longer needed in {ACCEPTED.name}: {line}\n" for line in sorted(stale)))
    return int(bool(stale or found - accepted))


def unnoticed(name: str, folder: Path) -> Iterator[str]:
    """Change one module in all ways, print how many changes were noticed, and yield those that were not."""
    prepare(name, folder)
    run("run", "--max-children", os.environ.get("WORKERS") or str(os.cpu_count() or 1), folder=folder)
    kept = json.loads((folder / "mutants" / "acrsync" / f"{name}.py.meta").read_text())
    ended: Mapping[str, int] = kept["exit_code_by_key"]
    counts = Counter(ended.values())
    left = [shown_change(key, folder) for key, code in ended.items() if code in (SURVIVED, UNREACHED)]
    found = sorted(line for line in left if not is_wording(line))
    words, types, unreached = len(left) - len(found), counts[BY_TYPES], counts[UNREACHED]
    sys.stdout.write(
        f"{name}: {len(ended):,} changes. mypy noticed {types}, {words} are of words only, {len(found)} were "
        f"not noticed, {unreached} of these not reached.\n"
    )
    yield from found


def prepare(name: str, folder: Path) -> None:
    """Copy the tree and tell mutmut what to change and which tests to run."""
    shutil.rmtree(folder)
    for copied in COPIED:
        source = ROOT / copied
        if source.is_dir():
            shutil.copytree(source, folder / copied, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    settings = (folder / "pyproject.toml").read_text()
    # mutmut's own warnings, and those of a worker that it kills, are no failures.
    settings = settings.replace('filterwarnings = ["error"]', "filterwarnings = []")
    config = {
        "source_paths": [f"acrsync/{name}.py"],
        "pytest_add_cli_args_test_selection": list(MODULES[name]),
        "also_copy": list(COPIED),
    }
    if name not in UNTYPED:
        config["type_check_command"] = [*MYPY, f"acrsync/{name}.py"]
    lines = ["", "[tool.mutmut]", *(f"{key} = {json.dumps(value)}" for key, value in config.items())]
    (folder / "pyproject.toml").write_text(settings + "\n".join(lines))


def run(*arguments: str, folder: Path) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def shown_change(key: str, folder: Path) -> str:
    """Return a change on one line: the function, what was there, and what is there now. Numbers move; words stay."""
    lines = run("show", key, folder=folder).splitlines()
    changed = [line for line in lines if re.match(r"[-+](?![-+]{2} )", line)]
    function = re.sub(r"__mutmut_\d+$", "", key).removeprefix("acrsync.").replace(".x_", ".").replace("xǁ", "")
    return " | ".join([function.replace("ǁ", "."), *(f"{line[0]} {line[1:].strip()}" for line in changed)])


def is_wording(line: str) -> bool:
    """Return whether only the words of a sentence for people differ: the golden files have those."""
    before, _, after = line.partition(" | + ")
    _, _, before = before.partition(" | - ")
    words = [re.findall(r'f?"(?:[^"\\]|\\.)*"', side) for side in (before, after)]
    if len(words[0]) != len(words[1]) or re.sub(r'f?"[^"]*"', "", before) != re.sub(r'f?"[^"]*"', "", after):
        return False
    changed = [(one, other) for one, other in zip(*words, strict=True) if one != other]
    return all(" " in one and one.lower() == other.replace("XX", "").lower() for one, other in changed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
