"""What a run store costs, and what becomes of runners that are killed: `python -m bench.stores`.

Each runner is the real command in a folder of its own, which is gone when it ends. The server's list lags two seconds,
and it accepts a name twice: a client that sends a create again makes a second bucket.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from _pytest.outcomes import Skipped

from acrsync.emulator import serve
from emulator.api import Api
from store_places import bare, credentials
from store_proxy import between
from store_servers import azurite, git_backend, google_double, listening, moto

from .servers import ACRSYNC, HERE
from .writing import put, table

PAGE = HERE.parent.parent / "docs" / "performance.md"
BUCKETS = 5
LAG_S = 2
PROFILE = {"duplicate_names": "allow", "list_lag_seconds": LAG_S}
RACERS = 8
AT_ONCE = 10  # runners at the same time
ROUNDS = 5
DEADLINE_S = 400
HEAD = "version: 1\naccount: {uid: 19}\ndefaults: {region: eu-west-1, type: File}\nbuckets:\n"
FIRST = "  - {name: first}\n"
MANIFEST = HEAD + "".join(f"  - {{name: b{number}}}\n" for number in range(BUCKETS))


@dataclass(frozen=True)
class Place:
    """A run store on a real server of this machine."""

    name: str
    runs: str
    asked: Callable[[], int]  # how often the server was asked; a fetch or push of git is once
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """How one runner ended."""

    code: int
    seconds: float
    said: str


@contextmanager
def places(folder: Path) -> Iterator[list[Place]]:
    """Yield every store that can be had here."""
    with ExitStack() as stack:
        bare(folder / "runs.git")
        handler = git_backend(folder)
        git = stack.enter_context(listening(handler))
        asked: list[str] = handler.asked  # type: ignore[attr-defined]
        found = [Place("git over HTTP", f"git:{git}/runs.git", lambda: sum("/info/refs" in line for line in asked))]
        for name, scheme, server in (
            ("S3 (moto)", "s3", moto()),
            ("Azure (Azurite)", "az", azurite(folder / "azurite")),
            ("Google (a double)", "gs", listening(google_double())),
        ):
            try:
                way = stack.enter_context(between(stack.enter_context(server), lambda _method, _path: False))
            except Skipped as reason:
                sys.stderr.write(f"{name}: {reason}\n")
                continue
            env = credentials(scheme, way.url, folder)
            found.append(Place(name, f"{scheme}://runs/bench", lambda way=way: len(way.asked), env))  # type: ignore[misc]
        yield found


@contextmanager
def account() -> Iterator[Api]:
    """Yield an account of its own, whose list lags and whose names need not be unique."""
    with serve() as running:
        api = Api(running)
        api.reset(profile=PROFILE)
        yield api


def begun(
    api: Api, place: Place | None, *arguments: str, folder: Path, manifest: str = MANIFEST
) -> subprocess.Popen[str]:
    """Start a runner in an empty folder."""
    work = Path(tempfile.mkdtemp(dir=folder))
    (work / "acrsync.yaml").write_text(manifest)
    env = {"PATH": os.environ["PATH"], "HOME": str(work), "ACRSYNC_ENDPOINT": api.url, "ACRSYNC_TOKEN": api.token}
    env |= {"ACRSYNC_RUNS": place.runs, **place.env} if place else {}
    pipe = subprocess.PIPE
    line = [str(ACRSYNC), *arguments]
    return subprocess.Popen(line, cwd=work, env=env, text=True, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)


def ended(runner: subprocess.Popen[str], began: float) -> Ended:
    out, err = runner.communicate(timeout=DEADLINE_S)
    return Ended(runner.returncode, time.monotonic() - began, out + err)


def ran(api: Api, place: Place | None, *arguments: str, folder: Path, manifest: str = MANIFEST) -> Ended:
    return ended(begun(api, place, *arguments, folder=folder, manifest=manifest), time.monotonic())


def doubled(api: Api) -> int:
    """Return how many buckets there are more than the manifest names."""
    names = Counter(row["name"] for row in api.get("/buckets")["data"])
    return sum(names[f"b{number}"] for number in range(BUCKETS)) - BUCKETS


# What it costs


def cost(place: Place, folder: Path) -> list[str]:
    """Return a row: for each command the requests to the store, and the time beyond that with a folder."""
    apply = ("apply", "--yes", "--settle", "0")
    asked: dict[str, int] = {}
    took: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        with account() as api, account() as bare_api:
            # The first apply of an account asks an object store thrice if it minds conditions: once, so before.
            for one, where in ((api, place), (bare_api, None)):
                one.reset()
                assert ran(one, where, *apply, folder=folder, manifest=HEAD + FIRST).code == 0
            for name, command in (("plan", ("plan",)), ("apply", apply), ("again", apply)):
                without = ran(bare_api, None, *command, folder=folder, manifest=MANIFEST + FIRST)
                before = place.asked()
                with_it = ran(api, place, *command, folder=folder, manifest=MANIFEST + FIRST)
                assert (without.code, with_it.code) == (0, 0), with_it.said
                asked[name] = place.asked() - before
                took.setdefault(name, []).append(with_it.seconds - without.seconds)
    return [
        place.name,
        *(f"{asked[name]}, {1000 * statistics.median(took[name]):.0f} ms" for name in ("plan", "again", "apply")),
    ]


# What becomes of runners that are killed


@dataclass(frozen=True)
class Trial:
    """One runner that was killed at one create, and the fresh one that came at once."""

    code: int
    seconds: float
    more: int


def killed(place: Place, folder: Path, nth: int, kind: str) -> Trial:
    """Kill a runner at one of its creates, before or after it was carried out; start a fresh one at once."""
    with account() as api:
        api.faults({"kind": kind, "method": "POST", "nth": nth, "seconds": 60})
        first = begun(api, place, "apply", "--yes", "--parallelism", "1", folder=folder)
        while sum(entry["method"] == "POST" for entry in api.requests()) < nth:
            assert first.poll() is None, first.communicate()
            time.sleep(0.02)
        first.kill()
        first.communicate()
        api.faults()
        fresh = ran(api, place, "apply", "--yes", folder=folder)
        time.sleep(LAG_S)
        return Trial(fresh.code, fresh.seconds, doubled(api))


def runners(place: Place, folder: Path) -> list[str]:
    """Return a row: what became of killed runners, and of several that begin at once on an empty account."""
    cases = [(nth, kind) for kind in ("hang_before", "hang_after") for nth in range(1, BUCKETS + 1)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        trials = [*pool.map(lambda case: killed(place, folder, *case), cases)]
    with account() as api:
        began = time.monotonic()
        racing = [begun(api, place, "apply", "--yes", folder=folder) for _ in range(RACERS)]
        with ThreadPoolExecutor(RACERS) as pool:
            raced = [*pool.map(lambda runner: ended(runner, began), racing)]
        time.sleep(LAG_S)
        more = doubled(api)
    well = sum(trial.code == 0 for trial in trials)
    return [
        place.name,
        f"{well} of {len(trials)}",
        str(sum(trial.more for trial in trials)),
        f"{max(trial.seconds for trial in trials):.0f} s",
        f"{sum(one.code == 0 for one in raced)} of {RACERS}",
        str(more),
        f"{max(one.seconds for one in raced):.0f} s",
    ]


def main() -> None:
    """Measure all stores and write the tables of the page."""
    parser = argparse.ArgumentParser(prog="bench.stores", description=__doc__)
    parser.add_argument("--only", choices=("cost", "runners"), help="measure only this")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory() as temporary, places(Path(temporary)) as found:
        folder = Path(temporary)
        costs: list[list[str]] = []
        ends: list[list[str]] = []
        for place in found:
            for rows, measured, name in ((costs, cost, "cost"), (ends, runners, "runners")):
                if only in (None, name):
                    rows.append(measured(place, folder))
                    sys.stdout.write(" | ".join(rows[-1]) + "\n")
                    sys.stdout.flush()
    heads = ("store", "a plan", "an apply without changes", f"an apply of {BUCKETS} creates")
    more_heads = (
        *("store", "fresh runners that ended with 0", "buckets doubled", "slowest"),
        *(f"of {RACERS} at once, ended with 0", "doubled", "slowest of them"),
    )
    text = PAGE.read_text(encoding="utf-8")
    for name, head, rows in (("stores", heads, costs), ("runners", more_heads, ends)):
        text = put(text, name, table(head, rows)) if rows else text
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
