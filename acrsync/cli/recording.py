"""The files of `--out record:FILE`: the record of this apply, in addition to the run store.

Why from the run and not from the store: if the store cannot be reached when the run ends, the run still knows what it
did. Why removed first: the file in a job's artifact must be of this apply, or of none. Only a record is removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from acrsync.cli import output
from acrsync.cli.environments import file_for
from acrsync.diagnostics import AcrsyncError
from acrsync.runs import Run
from acrsync.runs.record import encoded


class RecordFiles:
    """The files for the records of the runs that begin."""

    def __init__(self, paths: Sequence[Path], names: Iterable[str]) -> None:
        """Remove the files that an earlier run left. `names`: of the environments. Raises: AcrsyncError."""
        self._paths = paths
        self._began: list[tuple[str, Run]] = []
        for path in dict.fromkeys(file_for(path, name) for path in paths for name in names):
            output.clear(path, begins=b'{"event": "run"')

    def began(self, name: str, run: Run) -> None:
        """Remember the run of an environment, so that `save` writes its record."""
        self._began.append((name, run))

    def save(self) -> None:
        """Write what is recorded so far. An error is only reported: it does not change what the run did."""
        for name, run in self._began if self._paths else ():
            try:
                text = encoded(run.lines).decode()
                for path in self._paths:
                    output.save(file_for(path, name), text)
            except AcrsyncError as e:
                output.say_all((e.diagnostic,))
