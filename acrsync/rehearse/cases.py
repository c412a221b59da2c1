"""A case of a rehearsal, as data: a manifest, an account, a profile, and what disrupts the first run."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import Any, Literal, assert_never

from acrsync.frozen import frozen

JSON = Any
OWNER = 19  # the uid of the account that the emulator starts with


@frozen
class Fault:
    """A fault of the emulator at one request."""

    rule: Mapping[str, JSON]
    at: int

    @property
    def kind(self) -> str:
        return " ".join([str(self.rule["kind"]), *(_word(value) for key, value in self.rule.items() if key in SHOWN)])


@frozen
class Kill:
    """SIGKILL when a request has arrived, before or after the server acts on it."""

    acted: bool
    at: int

    @property
    def kind(self) -> str:
        return f"kill -9 {'after' if self.acted else 'before'}"


@frozen
class Interrupt:
    """A signal when a request has arrived, sent once or twice."""

    signal: Literal["SIGINT", "SIGTERM"]
    times: Literal[1, 2]
    at: int

    @property
    def kind(self) -> str:
        return f"{self.signal}{' twice' if self.times > 1 else ''}"

    @property
    def number(self) -> int:
        return signal.Signals[self.signal].value


@frozen
class RandomFaults:
    """Faults by chance during the whole first run."""

    rules: tuple[Mapping[str, JSON], ...]
    seed: int = 0

    kind = "storm"


Disruption = Fault | Kill | Interrupt | RandomFaults
SHOWN = (
    "status", "body", "answer", "retry_after_form", "reads", "form", "framing", "then", "where", "switches", "interim",
)  # fmt: skip
SLOW_S = 0.6  # longer than TIMEOUT_S: the client gives up
TIMEOUT_S = 0.4
SETTLE_S = 0.5
LAG_S = 0.3


def _word(value: JSON) -> str:
    match value:
        case dict():
            return " ".join(f"{key}={_word(inner)}" for key, inner in value.items())
        case list() | tuple():
            return " ".join(map(_word, value))
        case _:
            return str(value)


@frozen
class Scenario:
    """A manifest and the account that it is applied to."""

    name: str
    files: Mapping[str, str]  # the manifest's files, by name; each is a PATH
    rows: JSON = "documented"  # as for the emulator's `reset`
    references: Mapping[str, tuple[JSON, ...]] = field(default_factory=dict)  # by list
    copy: JSON = None  # a copied account, instead of rows and references
    flags: tuple[str, ...] = ()  # of the command
    second: Mapping[str, str] = field(default_factory=dict)  # files added to the manifest after the first run

    @property
    def uid(self) -> int:
        return OWNER if self.copy is None else int(self.copy["uid"])

    @property
    def later(self) -> Scenario:
        """The scenario for the runs after the first."""
        return replace(self, files={**self.files, **self.second}, second={}) if self.second else self


@frozen
class Case:
    """One rehearsal."""

    scenario: Scenario
    profile: JSON = "documented"  # a name, or the content of a profile file
    disruption: Disruption | None = None
    parallelism: int = 4
    settle_s: float = SETTLE_S
    timeout_s: float = TIMEOUT_S
    runs: Literal["folder", "git"] = "folder"  # the run store; with git each run begins in an empty folder

    @property
    def profile_name(self) -> str:
        if isinstance(self.profile, str):
            return self.profile if self.runs == "folder" else f"{self.profile}, ephemeral"
        return "lagging" if self.runs == "folder" else "ephemeral"

    @property
    def allows_doubles(self) -> bool:
        """Whether the server allows two buckets with one name."""
        base = self.profile if isinstance(self.profile, str) else self.profile.get("base")
        return bool(base == "lenient")

    def __str__(self) -> str:
        what = self.disruption.kind if self.disruption else "nothing"
        what += ", then another manifest" if self.scenario.second else ""
        at = f" at request {self.disruption.at}" if isinstance(self.disruption, Fault | Kill | Interrupt) else ""
        return f"{self.scenario.name}, {self.profile_name}: {what}{at}"


def is_unsolvable(case: Case) -> bool:
    """Return whether no client can solve this case.

    If a proxy delivers a POST twice and the server allows two buckets with one name, there are two equal buckets
    afterwards. acrsync must refuse to continue and show both.
    """
    twice = isinstance(case.disruption, Fault) and case.disruption.rule["kind"] == "duplicate"
    return twice and case.allows_doubles


def to_json(case: Case) -> str:
    """Return the text that `from_json` reads. The key `misfortune` holds the disruption."""
    document = asdict(case)
    disruption = document.pop("disruption")
    if case.disruption is not None:
        disruption["is"] = type(case.disruption).__name__
    return json.dumps({**document, "misfortune": disruption}, indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> Case:
    """Return the case in a file's text."""
    document = json.loads(text)
    given = document.pop("misfortune")
    case = Case(**{**document, "scenario": Scenario(**document["scenario"])})
    if given is None:
        return case
    kinds = {kind.__name__: kind for kind in (Fault, Kill, Interrupt, RandomFaults)}
    return replace(case, disruption=kinds[given.pop("is")](**given))


def is_lasting(disruption: Disruption | None) -> bool:
    """Return whether a disruption continues until it is cleared."""
    match disruption:
        case RandomFaults():
            return True
        case Fault(rule):
            return bool(rule["kind"] == "expire_token")
        case _:
            return False


def fault_plan(disruption: Disruption | None) -> JSON:
    """Return the emulator's fault plan for a disruption. A kill is a hang during which the signal is sent."""
    match disruption:
        case None | Interrupt():
            return {"faults": []}
        case Fault(rule, at):
            return {"faults": [{**rule, "at": [at]}]}
        case Kill(acted, at):
            return {"faults": [{"kind": "hang_after" if acted else "hang_before", "at": [at], "seconds": 30}]}
        case RandomFaults(rules, seed):
            return {"seed": seed, "faults": list(rules)}
    assert_never(disruption)


def load(path: Path) -> Case:
    """Return the case in a file. Raises: OSError, LookupError, TypeError, ValueError."""
    return from_json(path.read_text(encoding="utf-8"))
