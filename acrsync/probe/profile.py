"""Profile files of the emulator: a probe writes one, and a later probe compares its findings with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from acrsync.diagnostics import AcrsyncError
from acrsync.frozen import frozen
from acrsync.manifest.tree import read
from acrsync.model import JSON
from acrsync.probe.finding import Finding, Switch, switches
from acrsync.visible import visible

_BARE = re.compile(r"[a-z][a-z0-9_]*")
_NOT_BARE = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
BASES = ("documented", "strict", "lenient")


@frozen
class Changed:
    """A switch whose value in a profile contradicts the new findings."""

    name: str
    before: JSON
    finding: Finding


def profile_text(findings: Mapping[str, Finding], *, where: str) -> str:
    """Return a profile for `acrsync emulator --profile FILE` that behaves as measured."""
    lines = [f"# Measured at {visible(where)} by acrsync probe.", "base: documented"]
    lines += [f"{name}: {written(finding.value)}" for name, finding in findings.items() if finding.is_certain]
    ambiguous = {name: finding for name, finding in findings.items() if finding.is_ambiguous}
    if ambiguous:
        lines.append("# Not certain: other values fit the answers, too. These are the simplest.")
        lines += [f"{name}: {written(finding.possible[0])}" for name, finding in ambiguous.items()]
    unseen = [name for name, finding in findings.items() if not finding.possible]
    if unseen:
        lines.append("# Not measured: " + ", ".join(unseen))
    return "\n".join(lines) + "\n"


def written(value: JSON) -> str:
    """Return a value as YAML."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    bare = isinstance(value, str) and _BARE.fullmatch(value) and value not in _NOT_BARE
    return value if bare else json.dumps(value)


def load(path: Path) -> Mapping[str, JSON]:
    """Return the switches that a profile file sets. Raises: AcrsyncError."""
    return {name: value for name, value in document(path).items() if name != "base"}


def document(path: Path) -> Mapping[str, JSON]:
    """Return the base of a profile file and the switches that it sets. Raises: AcrsyncError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is not text"
        raise _unreadable(path, f"{reason}.") from e
    tree = read(text, str(path))
    data = dict(tree.data) if isinstance(tree.data, dict) else None
    if tree.problems:
        raise _unreadable(path, tree.problems[0].detail)
    if data is None:
        raise _unreadable(path, "it is not a mapping.")
    base, known = data.pop("base", BASES[0]), switches()
    if base not in BASES:
        raise _unreadable(path, f"base must be one of {', '.join(BASES)}.")
    for name, value in data.items():
        if name not in known:
            raise _unreadable(path, f"there is no switch {visible(name)!r}.")
        if not _fits(known[name], value):
            raise _unreadable(path, f"{name} cannot be {visible(json.dumps(value))}.")
    return {"base": base, **{name: _listed(known[name], value) for name, value in data.items()}}


def changed_switches(profile: Mapping[str, JSON], findings: Mapping[str, Finding]) -> Iterator[Changed]:
    """Yield the switches of a profile whose value contradicts the findings."""
    for name, value in profile.items():
        finding, order_counts = findings[name], name.endswith("_stored")
        if not any(_same(value, one, order_counts=order_counts) for one in finding.possible) and not finding.allows(
            value
        ):
            yield Changed(name, value, finding)


def _same(left: JSON, right: JSON, *, order_counts: bool) -> bool:
    if isinstance(left, list) and isinstance(right, list) and not order_counts:
        return sorted(left) == sorted(right)
    return bool(left == right and type(left) is type(right))


def _listed(switch: Switch, value: JSON) -> JSON:
    return [value] if switch.is_list and not isinstance(value, list) else list(value) if switch.is_list else value


def _fits(switch: Switch, value: JSON) -> bool:
    if switch.is_list:
        return all(one in switch.values for one in (value if isinstance(value, list) else [value]))
    if switch.values:
        return any(value == one and type(value) is type(one) for one in switch.values)
    return isinstance(value, int) and not isinstance(value, bool)


def _unreadable(path: Path, why: str) -> AcrsyncError:
    return AcrsyncError(
        "E609",
        f"{visible(str(path))}: {why}",
        fix="use a file that `acrsync probe --out FILE` wrote, or correct this one.",
    )
