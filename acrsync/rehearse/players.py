"""Many cases at once: players, each a process with a stage of its own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from acrsync.rehearse.cases import Case
from acrsync.rehearse.play import Unplayable, Verdict, play
from acrsync.rehearse.stage import Command, stage


def rehearse(cases: Iterable[Case], *, workers: int, command: Command) -> Iterator[Verdict]:
    """Play the cases and yield the verdicts as they come. Raises: Unplayable."""
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
                yield _verdict(ended)


@contextmanager
def player(command: Command) -> Iterator[Callable[[Case], Verdict]]:
    """Yield what plays one case after the other, in a process of its own. Calling it raises: Unplayable."""
    with _process(command) as process:

        def played(case: Case) -> Verdict:
            process.send(case)
            return _verdict(process)

        yield played


def _perform(cases: Connection, command: Command) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the first process ends this one
    with stage(command) as on, suppress(EOFError):
        while (case := cases.recv()) is not None:
            try:
                cases.send(play(case, on))
            except Unplayable as unplayable:
                cases.send(unplayable)


@contextmanager
def _process(command: Command) -> Iterator[Connection]:
    """Yield what takes cases and gives verdicts. Why spawned: it forks for each run, so it must run no other thread."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_perform, args=[theirs, command])
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
