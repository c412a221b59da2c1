"""Commands run whole, in turns, with the time and the memory that the operating system counted for them."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


def nothing() -> None:
    return None


def no_parts() -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, slots=True)
class Sample:
    """One run."""

    seconds: float
    peak_mib: float
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figure:
    """What several runs of one command came to."""

    seconds: float  # median
    low: float
    high: float
    peak_mib: float  # median; 0 if the process is not larger than the one that started it
    rounds: int


@dataclass(frozen=True, slots=True)
class Case:
    """One command to be measured."""

    name: str
    command: Sequence[str | Path]
    rounds: int
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    exit_code: int = 0
    before: Callable[[], None] = nothing
    after: Callable[[], Mapping[str, float]] = no_parts  # seconds of parts of it, by name


class WrongEnd(Exception):
    """A measured command did not end as it should, so its time means nothing."""


def environment() -> Mapping[str, str]:
    """Return the environment without this machine's certificates and proxies, which nothing here has a use for."""
    ours = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy", "PYTHONPATH")
    return {key: value for key, value in os.environ.items() if key not in ours}


def figure(samples: Sequence[Sample]) -> Figure:
    """Return median and range of several runs."""
    seconds = [sample.seconds for sample in samples]
    peak = statistics.median(sample.peak_mib for sample in samples)
    return Figure(statistics.median(seconds), min(seconds), max(seconds), peak, len(samples))


def measured(cases: Iterable[Case], *, tell: Callable[[str], None]) -> dict[str, Figure]:
    """Run every case as often as it asks for, in turns, so that a busy moment of the machine hits all alike."""
    samples: dict[str, list[Sample]] = {}
    for case in in_turns(tuple(cases)):
        sample = run_once(case)
        samples.setdefault(case.name, []).append(sample)
        for part, seconds in sample.parts.items():
            samples.setdefault(f"{case.name}: {part}", []).append(Sample(seconds, 0.0))
        tell(f"{case.name}: {sample.seconds:.3f} s, {sample.peak_mib:.0f} MiB")
    return {name: figure(of_one) for name, of_one in samples.items()}


def in_turns(cases: Sequence[Case]) -> Iterator[Case]:
    """Yield each case as often as it asks for, never one twice in a row where others are left."""
    for done in range(max((case.rounds for case in cases), default=0)):
        yield from (case for case in cases if done < case.rounds)


def run_once(case: Case) -> Sample:
    """Run a command once. Raises: WrongEnd."""
    case.before()
    with tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in case.command],
            cwd=case.cwd,
            env={**environment(), **case.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != case.exit_code:
            errors.seek(0)
            raise WrongEnd(f"{case.name} ended with {process.returncode}:\n{errors.read().decode(errors='replace')}")
    # A process inherits the peak of the one that started it, so a smaller one cannot be measured.
    own_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mib = usage.ru_maxrss / 1024 if usage.ru_maxrss > own_kib else 0.0
    return Sample(seconds, peak_mib, case.after())
