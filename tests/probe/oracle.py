"""The emulator as the oracle of a probe: asked without sockets, in a time that only waits move."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from acrsync.emulator.documents import SIGNED
from acrsync.emulator.profile import Profile, changed, named, to_document
from acrsync.emulator.seeds import VENDOR_ROWS
from acrsync.emulator.state import Account, Emulator, Setup
from acrsync.emulator.store import Bucket, Store
from acrsync.emulator.web import handle
from acrsync.probe import Report, probe
from acrsync.probe.wire import Request as Asked
from step_clock import at_once

TOKEN = "a-token-of-the-account"
MEMORY = Path("/dev/shm")
START = 1_790_000_000.25
NUMBERS = (1, 3, 5, 50, 300)


@dataclass
class Time:
    """A clock for a probe and an emulator; each request takes a moment."""

    seconds: float = START

    def now(self) -> float:
        return self.seconds

    def readings(self) -> tuple[float, float, float]:
        return (self.seconds,) * 3

    def wall(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def wait(self, seconds: float) -> bool:
        self.seconds += seconds
        return True

    beside = staticmethod(at_once)

    def repeat(self, task, *, every_s, name):
        raise NotImplementedError

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Oracle:
    """An emulator under one profile."""

    profile: Profile
    rows: tuple[Bucket, ...] = VENDOR_ROWS
    time: Time = field(default_factory=Time)
    dies_at: int | None = None  # the request during which the probe is killed
    acts: bool = False  # and whether that one was acted upon
    asked: int = 0

    def __post_init__(self) -> None:
        setup = Setup(accounts=(Account(token=TOKEN),), profile=self.profile)
        self.emulator = Emulator(Store(":memory:", self.rows), setup, self.time)

    def close(self) -> None:
        self.emulator.close()

    def probed(self, runs: Path, *, write: bool = True, uid: int = 19) -> Report:
        """Probe it, as `acrsync probe` does."""
        hold = nullcontext if write else None
        return probe(self, self.time, endpoint="http://oracle", runs=runs, uid=uid, hold=hold)

    @property
    def buckets(self) -> Mapping[int, Bucket]:
        return dict(self.emulator.store.buckets())

    def send(self, asked: Asked) -> tuple[int | None, Mapping[str, str], bytes]:
        self.asked += 1
        dies = self.dies_at == self.asked
        if (dies and not self.acts) or (self.dies_at or self.asked) < self.asked:
            raise Killed  # also all that a dead probe would still ask
        self.time.seconds += 0.003
        sent: Any = {"Accept": asked.accept, "Authorization": f"Bearer {'nobody' if asked.bad_token else TOKEN}"}
        query = {key: str(value) for key, value in asked.params.items()}
        builder = EnvironBuilder(
            path=f"/api{asked.path}", method=asked.method, query_string=query, json=asked.body, headers=sent
        )
        environ: dict[str, Any] = builder.get_environ()
        environ["werkzeug.socket"] = _Dead()
        try:
            answer = handle(self.emulator, Request(environ))
        except ConnectionAbortedError:
            return None, {}, b""
        finally:
            self.time.seconds += 0.004
            if dies:
                raise Killed
        date = formatdate(self.emulator.clock() - 0.002 + self.profile.date_off_seconds, usegmt=True)
        said = {key.lower(): value for key, value in answer.headers.items()} | {"date": date}
        return answer.status_code, said, answer.get_data()


class Killed(BaseException):
    """The probe is gone; nothing of it goes on."""


class _Dead:
    """A connection on which a fault plays."""

    def setsockopt(self, *_: Any) -> None:
        pass


@contextmanager
def oracle(profile: Profile, **how: Any) -> Iterator[Oracle]:
    one = Oracle(profile, **how)
    try:
        yield one
    finally:
        one.close()


@contextmanager
def memory() -> Iterator[Path]:
    """Make a folder for records that costs no disk: each line of a record is waited for."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


def values_of(name: str) -> list[Any]:
    """Return the values of a switch that a table tries."""
    hint = get_type_hints(Profile, include_extras=True)[name]
    if get_origin(hint) is tuple:
        inner = get_args(get_args(hint)[0])
        return [[], *([value] for value in inner), list(inner[:2]), list(inner[:2])[::-1], list(inner)]
    if choices := get_args(hint):
        if SIGNED in choices:
            return [0, 1, -1, 7, -3600]
        return list(choices)
    return [0, 24, 26, 40, 255, 256, 1000] if name == "name_max_length" else [0, *NUMBERS]


def is_right(said: Any, actual: Any, name: str) -> bool:
    """Return whether a value is the one of the profile; the order of writes and fields in a list means nothing."""
    if isinstance(actual, list | tuple) and not name.endswith("_stored"):
        return sorted(said) == sorted(actual)
    return bool(said == (list(actual) if isinstance(actual, tuple) else actual))


def wrong(report: Report, profile: Profile) -> list[str]:
    """Return what a report says, or leaves possible, of switches that are not so."""
    actual = to_document(profile)
    return [
        f"{name}: said {finding.possible}, is {actual[name]} ({finding.why})"
        for name, finding in report.findings.items()
        if finding.possible
        and not finding.allows(actual[name])
        and not any(is_right(value, actual[name], name) for value in finding.possible)
    ]


def under(base: str, **switches: Any) -> Profile:
    return changed(named(base), switches)
