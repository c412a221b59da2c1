"""A saved plan from a file, refused with one message where it is not the plan that was meant."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from acrsync.cli import output
from acrsync.diagnostics import AcrsyncError
from acrsync.plan.document import Plan, digest
from acrsync.plan.file import load_plan
from acrsync.visible import visible


def accepted(path: Path, *, expect: str | None, ttl: timedelta) -> Plan:
    """Return the plan in a file. Raises: AcrsyncError where it is unreadable, edited, too old or another one."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise AcrsyncError("E055", f"{path}: {error.strerror}.", fix="make it: acrsync plan --out FILE") from error
    saved = load_plan(text)
    age = output.now() - saved.created_at
    if not -timedelta(minutes=5) <= age <= ttl:
        raise AcrsyncError(
            "E056",
            f"{path} was made at {saved.created_at:%Y-%m-%d %H:%M} UTC, and a plan holds for {ttl}.",
            fix="plan again, or raise --plan-ttl if nothing can have happened since.",
        )
    if expect is not None and expect != digest(saved.plan):
        raise AcrsyncError(
            "E057",
            f"{path} has the digest {digest(saved.plan)}; --expect names {visible(expect)}.",
            fix="apply the file that was reviewed, or review this one.",
        )
    return saved.plan
