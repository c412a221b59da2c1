"""Runs many cases at once, in worker processes that each have their own emulator."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from acrsync.rehearse.cases import Case
from acrsync.rehearse.harness import Command, start
from acrsync.rehearse.run import CannotRehearse, CaseResult, run_case


def rehearse(cases: Iterable[Case], *, workers: int, command: Command) -> Iterator[CaseResult]:
    """Run the cases and yield the results as they end. Raises: CannotRehearse."""
    left = iter(cases)
    with ExitStack() as stack:
        idle = [stack.enter_context(_process(command)) for _ in range(workers)]
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
                yield _result(ended)


@contextmanager
def worker(command: Command) -> Iterator[Callable[[Case], CaseResult]]:
    """Yield a function that runs a case in a separate process. It raises: CannotRehearse."""
    with _process(command) as process:

        def run(case: Case) -> CaseResult:
            process.send(case)
            return _result(process)

        yield run


def _work(cases: Connection, command: Command) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all processes; the parent ends this one
    with start(command) as harness, suppress(EOFError):
        while (case := cases.recv()) is not None:
            try:
                cases.send(run_case(case, harness))
            except CannotRehearse as reason:
                cases.send(reason)


@contextmanager
def _process(command: Command) -> Iterator[Connection]:
    """Yield the connection to a worker process. It is spawned, because it forks and so must not have other threads."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=[theirs, command])
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        with suppress(OSError):
            ours.send(None)
        ours.close()
        process.join()


def _result(process: Connection) -> CaseResult:
    received: CaseResult | CannotRehearse = process.recv()
    if isinstance(received, CannotRehearse):
        raise received
    return received
