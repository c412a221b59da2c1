"""A saved plan from a file, refused if it is not the expected plan."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from acrsync.cli import output
from acrsync.diagnostics import AcrsyncError
from acrsync.plan.document import Plan
from acrsync.visible import visible

if TYPE_CHECKING:
    from acrsync.plan.file import SavedPlan

_SAVED = re.compile(rb'\s*\{\s*"format_version"')


def read(path: Path) -> tuple[str, SavedPlan]:
    """Return the text of a file and the plan in it. Raises: AcrsyncError if it is unreadable or edited."""
    from acrsync.plan.file import load_plan

    try:
        text = path.read_bytes()
    except OSError as error:
        fix = f"create it: acrsync plan --out {quote(str(path))}"
        raise AcrsyncError("E055", f"{path}: {error.strerror}.", fix=fix) from error
    return text.decode(errors="replace"), load_plan(text)


def refuse_as_manifest(paths: Iterable[Path]) -> None:
    """Raise AcrsyncError that explains how to apply and show a saved plan, if one of the paths is one."""
    for path in paths:
        if not path.is_file():
            continue  # a pipe can be read only once
        try:
            with path.open("rb") as file:
                head = file.read(200)
        except OSError:
            continue  # loading the manifest reports the error
        if _SAVED.match(head):
            name = visible(str(path))
            raise AcrsyncError(
                "E059",
                f"{name} is a saved plan, not a manifest. acrsync does not plan it again.",
                fix=f"apply it: acrsync apply --plan {quote(name)}\nshow it: acrsync show {quote(name)}",
            )


def accepted(path: Path, *, expect: str | None, ttl: timedelta) -> Plan:
    """Return the plan in a file. Raises: AcrsyncError if it is unreadable, edited, too old or not the expected one."""
    _, saved = read(path)
    age = output.now() - saved.created_at
    if age < -timedelta(minutes=5):
        raise AcrsyncError(
            "E059",
            f"{path} was made at {saved.created_at:%Y-%m-%d %H:%M} UTC, but it is {output.now():%Y-%m-%d %H:%M} UTC "
            "now, so its age is unknown.",
            fix="correct the clock of the machine that is wrong, and plan again.",
        )
    if age > ttl:
        raise AcrsyncError(
            "E056",
            f"{path} was made at {saved.created_at:%Y-%m-%d %H:%M} UTC, and a plan expires after {ttl}.",
            fix="plan again, or increase --plan-ttl if the account cannot have changed.",
        )
    if expect is not None and expect != saved.plan.digest:
        raise AcrsyncError(
            "E057",
            f"{path} has the digest {saved.plan.digest}; --expect names {visible(expect)}.",
            fix="apply the file that was reviewed, or review this one.",
        )
    return saved.plan
