"""What is rehearsed, as data: a manifest, an account, a profile, and the misfortune that meets the first run."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, assert_never

JSON = Any
PROFILES = ("documented", "strict", "lenient")
# The list lags behind every write by a second, and nothing else keeps a name from being there twice.
LAGGING: Mapping[str, JSON] = {"base": "lenient", "list_lag_seconds": 1}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the emulator that meets one request."""

    rule: Mapping[str, JSON]
    at: int

    @property
    def kind(self) -> str:
        return " ".join([str(self.rule["kind"]), *(str(value) for key, value in self.rule.items() if key in SHOWN)])


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL for the apply when a request has arrived: before it is acted upon, or after."""

    acted: bool
    at: int

    @property
    def kind(self) -> str:
        return f"kill -9 {'after' if self.acted else 'before'}"


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A signal for the apply when a request has arrived; the second one, where there are two, follows at once."""

    signal: Literal["SIGINT", "SIGTERM"]
    times: Literal[1, 2]
    at: int

    @property
    def kind(self) -> str:
        return f"{self.signal}{' twice' if self.times == 2 else ''}"

    @property
    def number(self) -> int:
        return signal.Signals[self.signal].value


@dataclass(frozen=True, slots=True)
class Storm:
    """Faults by chance all through the first run."""

    rules: tuple[Mapping[str, JSON], ...]
    seed: int = 0

    kind = "storm"


Misfortune = Fault | Kill | Interrupt | Storm
SHOWN = ("status", "body", "answer", "retry_after_form", "reads")
SLOW_S = 0.6  # longer than TIMEOUT_S: the client gives up
TIMEOUT_S = 0.4
SETTLE_S = 0.5
LAG_S = 0.3

# Every kind of fault that the emulator has, in each form that a client could take for another one.
FAULTS: tuple[Mapping[str, JSON], ...] = (
    {"kind": "throttle", "retry_after": 0},
    {"kind": "throttle", "retry_after": 0, "body": "html", "retry_after_form": "date"},
    {"kind": "error_before", "status": 500},
    {"kind": "error_before", "status": 502, "body": "html"},
    {"kind": "error_before", "status": 503, "retry_after": 0},
    {"kind": "error_before", "status": 504, "body": "html"},
    {"kind": "error_after", "status": 500},
    {"kind": "error_after", "status": 504, "body": "html"},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "hang_before", "seconds": SLOW_S},
    {"kind": "hang_after", "seconds": SLOW_S},
    {"kind": "cut_body"},
    {"kind": "drip_body", "seconds": SLOW_S},
    {"kind": "duplicate", "answer": "first"},
    {"kind": "duplicate", "answer": "second"},
    {"kind": "lag", "seconds": LAG_S},
    {"kind": "lag", "reads": 1},
    {"kind": "shift_create"},
    {"kind": "shift_delete"},
    {"kind": "expire_token"},
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A manifest and the account that it meets."""

    name: str
    files: Mapping[str, str]  # the manifest's files, by name; each is a PATH
    rows: JSON = "documented"  # as the emulator's `reset` takes them
    references: Mapping[str, tuple[JSON, ...]] = field(default_factory=dict)  # by list


@dataclass(frozen=True, slots=True)
class Case:
    """One rehearsal."""

    scenario: Scenario
    profile: JSON = "documented"  # a name, or the content of a profile file
    misfortune: Misfortune | None = None
    parallelism: int = 4
    settle_s: float = SETTLE_S
    timeout_s: float = TIMEOUT_S

    def __str__(self) -> str:
        profile = self.profile if isinstance(self.profile, str) else "lagging"
        what = self.misfortune.kind if self.misfortune else "nothing"
        at = f" at request {self.misfortune.at}" if isinstance(self.misfortune, Fault | Kill | Interrupt) else ""
        return f"{self.scenario.name}, {profile}: {what}{at}"


def misfortunes(requests: int) -> Iterator[Misfortune]:
    """Yield everything that can happen at every request of a run that sends so many."""
    for at in range(1, requests + 1):
        for acted in (False, True):
            yield Kill(acted, at)
        yield Interrupt("SIGINT" if at % 2 else "SIGTERM", 1, at)
        yield Interrupt("SIGTERM" if at % 2 else "SIGINT", 2, at)
        for rule in FAULTS:
            yield Fault(rule, at)


def is_beyond_the_assumptions(case: Case) -> bool:
    """Tell whether a case is one that no client can master.

    A proxy that delivers a POST twice makes two buckets of it where the server lets two bear one name. Nothing can tell
    them apart afterwards, so acrsync must refuse to go on and show both.
    """
    twice = isinstance(case.misfortune, Fault) and case.misfortune.rule["kind"] == "duplicate"
    return twice and case.profile == "lenient"


def to_json(case: Case) -> str:
    """Return the text from which `from_json` makes the same case."""
    document = asdict(case)
    if case.misfortune is not None:
        document["misfortune"]["is"] = type(case.misfortune).__name__
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> Case:
    """Return the case that a file holds."""
    document = json.loads(text)
    given = document.pop("misfortune")
    case = Case(**{**document, "scenario": Scenario(**document["scenario"])})
    if given is None:
        return case
    kinds = {kind.__name__: kind for kind in (Fault, Kill, Interrupt, Storm)}
    return replace(case, misfortune=kinds[given.pop("is")](**given))


def lasts(misfortune: Misfortune | None) -> bool:
    """Tell whether a misfortune goes on until somebody ends it."""
    match misfortune:
        case Storm():
            return True
        case Fault(rule):
            return bool(rule["kind"] == "expire_token")
        case _:
            return False


def faults_of(misfortune: Misfortune | None) -> JSON:
    """Return the fault plan that brings a misfortune about; a kill is a hang during which the signal is sent."""
    match misfortune:
        case None | Interrupt():
            return {"faults": []}
        case Fault(rule, at):
            return {"faults": [{**rule, "at": [at]}]}
        case Kill(acted, at):
            return {"faults": [{"kind": "hang_after" if acted else "hang_before", "at": [at], "seconds": 30}]}
        case Storm(rules, seed):
            return {"seed": seed, "faults": list(rules)}
    assert_never(misfortune)


def load(path: Path) -> Case:
    return from_json(path.read_text(encoding="utf-8"))
