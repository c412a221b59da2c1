"""What is measured: acrsync's commands at several sizes, the floors beneath them, and other tools beside them."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import peers
from .measuring import Case
from .servers import ACRSYNC, HERE, Server, emulator, static

SIZES = (10, 100, 1000, 10_000)
SMALL = 100  # buckets of a usual account
READ = 2000  # buckets read from far away
LATENCY_MS = 50
PARALLELISM = 4
ENVIRONMENTS = 20  # of one manifest, each with an account of its own far away
LOOPED = 20  # creates by the vendor's command line, one process each
HELD_S = 2  # Retry-After of the throttle
SCHEMA = HERE.parent.parent / "schemas" / "manifest.v1.json"
PYTHON = sys.executable
RECORDS = "records"  # of applies; not where a plan looks for unfinished ones
# As many in a row as there are workers: with a latency all are in flight together, and each is throttled. In an
# empty account the first POST goes alone, so that the second, the sixth and the tenth begin such a row.
THROTTLE = {"kind": "throttle", "method": "POST", "nth": 10, "count": PARALLELISM, "retry_after": HELD_S}


@dataclass(slots=True)
class Bench:
    """The folders and servers of one run of the benchmark; `stack` ends the servers."""

    cache: Path
    stack: ExitStack
    tell: Callable[[str], None]
    quick: bool = False
    env: Mapping[str, str] = field(default_factory=dict)  # the path to another version, where one is measured too
    suffix: str = ""
    sent: dict[str, Mapping[str, int]] = field(default_factory=dict)  # requests by method, by case
    servers: dict[int, Server] = field(default_factory=dict)  # static ones, by the number of buckets

    @property
    def sizes(self) -> tuple[int, ...]:
        return SIZES[:3] if self.quick else SIZES

    def folder(self, size: int) -> Path:
        return self.cache / str(size)

    def rounds(self, size: int) -> int:
        return 3 if self.quick or size >= 10_000 else 5 if size >= 1000 else 9

    def static(self, size: int) -> Server:
        if size not in self.servers:
            self.servers[size] = self.stack.enter_context(static(self.folder(size) / "rows.json"))
        return self.servers[size]

    def acrsync(self, name: str, *arguments: str, size: int, server: Server | None = None, rounds: int = 0) -> Case:
        env = {**(server.env if server else {}), **self.env}
        rounds = rounds or self.rounds(size)
        return Case(name + self.suffix, [ACRSYNC, *arguments], rounds, self.folder(size), env)


def commands(bench: Bench) -> Iterator[Case]:
    """Yield acrsync's commands against a server that costs as little as possible."""
    yield bench.acrsync("--version", "--version", size=10, rounds=15)
    yield bench.acrsync("--help", "--help", size=10, rounds=15)
    for size in sorted({*bench.sizes, READ}):
        yield bench.acrsync(f"plan {size}", "plan", size=size, server=bench.static(size))
    for size in bench.sizes[2:]:
        case = bench.acrsync(
            f"plan {size}, 1 % changed", "plan", "--detailed-exitcode", "changed.yaml", size=size,
            server=bench.static(size),
        )  # fmt: skip
        yield replace(case, exit_code=2)
    largest = bench.sizes[-1]
    yield bench.acrsync(f"validate {largest}", "validate", size=largest)
    yield bench.acrsync(f"validate {largest}, no two templates alike", "validate", "different.yaml", size=largest)


def floors(bench: Bench) -> Iterator[Case]:
    """Yield what nothing can go below: Python itself, the imports of a plan, and what the libraries cost."""
    folder = bench.folder(10)
    yield Case("empty Python", [PYTHON, "-c", "pass"], 15, folder)
    yield Case("imports of a plan", [PYTHON, "-c", "import click, yaml, jsonschema, requests"], 15, folder)
    yield Case("import of deepdiff", [PYTHON, "-c", "import deepdiff"], 9, folder)
    size = bench.sizes[-1]
    out = bench.cache / "floors.json"
    yield Case(
        "floor",
        [PYTHON, HERE / "floors.py", out, SCHEMA],
        3,
        bench.folder(size),
        bench.static(size).env,
        after=lambda: read(out),
    )


def slices(bench: Bench) -> Iterator[Case]:
    """Yield one plan with a clock around its steps, small and large."""
    out = bench.cache / "slices.json"
    for size in (10, bench.sizes[-1]):
        command = (PYTHON, HERE / "slices.py", out)
        env = {**bench.static(size).env, **bench.env}
        yield Case(f"slice {size}{bench.suffix}", command, 5, bench.folder(size), env, after=lambda: read(out))


def others(bench: Bench) -> Iterator[Case]:
    """Yield no-op plans by other tools; a tool that is not there is passed over with a word."""
    octodns = peers.octodns(bench.cache, tell=bench.tell)
    for size in bench.sizes[1:]:
        forms = ("literal", "for_each") if size <= 1000 else ("literal",)  # for_each grows with the square
        for form in forms:
            folder = bench.folder(size) / form
            command = peers.terraform()
            if command is not None:
                rounds = 1 if (form, size) == ("for_each", 1000) else 3
                yield Case(f"terraform {form} {size}", command, rounds, folder, peers.TERRAFORM_ENV)
        if octodns is not None:
            yield Case(f"octodns {size}", octodns, 3, bench.folder(size) / "octodns")


def waiting(bench: Bench) -> Iterator[Case]:
    """Yield commands against emulators, one of them far away, whose logs say what was sent and when."""
    far = bench.stack.enter_context(emulator(latency_ms=LATENCY_MS))
    near = bench.stack.enter_context(emulator())
    read = 1000 if bench.quick else READ
    yield _logged(bench, far, bench.acrsync(f"plan {read}, far", "plan", size=read, server=far), rows=read)
    small = bench.acrsync(f"plan {SMALL}, far", "plan", size=SMALL, server=far)
    yield _logged(bench, far, small, rows=SMALL)
    url = f"{far.url}/api/buckets?per_page={SMALL}&page="
    fetch = "session.get(url + page, headers=token).raise_for_status()"
    code = "import requests, sys\n_, url, token = sys.argv\ntoken = {'Authorization': 'Bearer ' + token}\n"
    code += f"with requests.Session() as session:\n    for page in '121': {fetch}"
    command = [PYTHON, "-c", code, url, far.env["ACRSYNC_TOKEN"]]
    floor = Case(f"the pages of {SMALL} by requests, far", command, bench.rounds(SMALL), bench.folder(SMALL))
    yield _logged(bench, far, floor, rows=SMALL)
    if not bench.quick:
        yield _creating(bench, far, "create 1000, far", 1000)
    yield _creating(bench, far, "create 100, far", 100)
    yield _creating(bench, far, "create 100, far and throttled", 100, faults=[THROTTLE])
    yield _creating(bench, near, "create 100, near", 100)
    change = ("apply", "--yes", "--runs", RECORDS, "changed.yaml")
    case = bench.acrsync("change 10 of 1000, near", *change, size=1000, server=near, rounds=3)
    yield _logged(bench, near, case, rows=1000)
    yield from _environments(bench)
    program = peers.official()
    if program is not None and not bench.suffix:
        yield _creating(bench, near, f"create {LOOPED}, near", LOOPED)
        yield _logged(bench, near, peers.loop(program, near, LOOPED, bench.folder(10)), rows=0)


def _environments(bench: Bench) -> Iterator[Case]:
    """Yield a plan of one environment and one of all, each of which has an emulator of its own."""
    folder = bench.cache / "environments"
    folder.mkdir(exist_ok=True)
    env = {**bench.env}
    text = "version: 1\nenvironments:\n"
    for number in range(ENVIRONMENTS):
        server = bench.stack.enter_context(emulator(latency_ms=LATENCY_MS))
        token_env = f"ACRSYNC_TOKEN_{number}"
        env[token_env] = server.env["ACRSYNC_TOKEN"]
        text += f"  e{number}: {{endpoint: '{server.url}', token_env: {token_env}, account: {{uid: 19}}}}\n"
    (folder / "acrsync.yaml").write_text(f"{text}buckets: [{{name: music, region: eu-west-1, type: File}}]\n")
    for name, chosen in (("1 environment", "e0"), (f"{ENVIRONMENTS} environments", "all")):
        command: list[str | Path] = [ACRSYNC, "plan", "--env", chosen]
        yield Case(f"plan {name}, far{bench.suffix}", command, bench.rounds(10), folder, env)


def _creating(bench: Bench, server: Server, name: str, count: int, *, faults: Sequence[object] = ()) -> Case:
    arguments = ("apply", "--yes", "--runs", RECORDS, "--parallelism", str(PARALLELISM))
    case = bench.acrsync(name, *arguments, size=count, server=server, rounds=3)
    return _logged(bench, server, case, rows=0, faults=faults)


def _logged(bench: Bench, server: Server, case: Case, *, rows: int, faults: Sequence[object] = ()) -> Case:
    """Return the case with an emulator that is set back before each run, and whose log is read after it."""
    reset = (bench.folder(rows) / "reset.json").read_bytes() if rows else b'{"rows": "empty"}'

    def before() -> None:
        shutil.rmtree(case.cwd / RECORDS, ignore_errors=True)
        server.control("POST", "reset", reset)
        server.control("PUT", "faults", json.dumps({"faults": faults}).encode())

    def after() -> Mapping[str, float]:
        log = server.control("GET", "requests")["requests"]
        bench.sent[case.name] = Counter(entry["method"] for entry in log)
        posts = [entry["time"] for entry in log if entry["method"] == "POST"]
        return {"first to last POST": max(posts) - min(posts)} if posts else {}

    return replace(case, before=before, after=after)


def read(path: Path) -> Mapping[str, float]:
    values: Mapping[str, float] = json.loads(path.read_bytes())
    return values
