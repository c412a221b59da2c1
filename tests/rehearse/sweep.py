"""Many cases at once: players, each a process with a stage of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from rehearse.cases import LAGGING, PROFILES, Case, Fault, Interrupt, Kill, Misfortune, Scenario, misfortunes
from rehearse.play import Unplayable, Verdict, play
from rehearse.stage import stage


def rehearse(cases: Iterable[Case], *, workers: int) -> Iterator[Verdict]:
    """Play the cases and yield the verdicts as they come. Raises: Unplayable."""
    left = iter(cases)
    with ExitStack() as stack:
        idle = [stack.enter_context(_process()) for _ in range(workers)]
        busy: list[Connection] = []
        while True:
            for free, case in zip(idle, left, strict=False):
                free.send(case)
                busy.append(free)
            if not busy:
                return
            ready = wait(busy)
            idle = [connection for connection in busy if connection in ready]
            busy = [connection for connection in busy if connection not in ready]
            for ended in idle:
                yield _verdict(ended)


@contextmanager
def player() -> Iterator[Callable[[Case], Verdict]]:
    """Yield what plays one case after the other, in a process of its own. Calling it raises: Unplayable."""
    with _process() as process:

        def played(case: Case) -> Verdict:
            process.send(case)
            return _verdict(process)

        yield played


def _perform(cases: Connection) -> None:
    with stage() as on, suppress(EOFError):
        while (case := cases.recv()) is not None:
            try:
                cases.send(play(case, on))
            except Unplayable as unplayable:
                cases.send(unplayable)


@contextmanager
def _process() -> Iterator[Connection]:
    """Yield what takes cases and gives verdicts. Why spawned: it forks for each run, so it must run no other thread."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_perform, args=[theirs])
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        with suppress(OSError):
            ours.send(None)
        ours.close()
        process.join()


def _verdict(process: Connection) -> Verdict:
    came: Verdict | Unplayable = process.recv()
    if isinstance(came, Unplayable):
        raise came
    return came


def everything(scenarios: Iterable[Scenario], *, workers: int) -> tuple[list[Verdict], list[Case]]:
    """Return the verdicts of undisturbed runs, and every case that follows from the requests that they sent."""
    calm = [Case(scenario, profile) for scenario in scenarios for profile in PROFILES]
    verdicts = list(rehearse(calm, workers=workers))
    cases = [
        Case(verdict.case.scenario, verdict.case.profile, misfortune)
        for verdict in verdicts
        for misfortune in misfortunes(verdict.requests)
    ]
    return verdicts, cases


def lagging(scenario: Scenario, *, requests: int) -> Iterator[Case]:
    """Yield the cases in which the list lags behind writes, and the run is ended or loses an answer."""
    for at in range(1, requests + 1):
        lost = Fault({"kind": "reset_after"}, at)
        ends: tuple[Misfortune, ...] = (Kill(acted=False, at=at), Kill(acted=True, at=at), Interrupt("SIGTERM", 1, at))
        for misfortune in (*ends, lost):
            yield Case(scenario, LAGGING, misfortune, settle_s=1.5)
