"""Paths to bytes: files, folders of files, and standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from acrsync.diagnostics import Diagnostic, error
from acrsync.visible import visible

STDIN = Path("-")
DEFAULTS = (Path("acrsync.yaml"), Path("acrsync.yml"))  # the first that exists, if no path is given
_ENDINGS = (".yaml", ".yml")


def contents(paths: Sequence[Path]) -> tuple[Mapping[str, bytes], Sequence[Diagnostic]]:
    """Return the bytes of files by name, and what cannot be read; a file that is named twice is read once."""
    texts: dict[str, bytes] = {}
    problems: list[Diagnostic] = []
    distinct: dict[Path, Path] = {}
    for path in paths or _default():
        found = path if path == STDIN else _in_folder(path)
        if isinstance(found, Diagnostic):
            problems.append(found)
            continue
        for one in (found,) if isinstance(found, Path) else found:
            distinct.setdefault(_absolute(one), one)
    for path in distinct.values():
        match _bytes(path):
            case bytes(data):
                texts[str(path)] = data
            case problem:
                problems.append(problem)
    return texts, problems


def _absolute(path: Path) -> Path:
    try:
        return path.absolute()
    except OSError:  # the working directory is gone, and what is in it
        return path


def _default() -> Iterator[Path]:
    yield next((path for path in DEFAULTS if path.exists()), DEFAULTS[0])


def _in_folder(path: Path) -> Path | Sequence[Path] | Diagnostic:
    """Return a path that is not a folder as it is, else the manifest files directly in the folder, by name."""
    shown = visible(str(path))
    try:
        if not path.is_dir():
            return path
        found = sorted(
            (one for one in path.iterdir() if one.suffix in _ENDINGS and not one.name.startswith(".")),
            key=lambda one: one.name,
        )
    except OSError as problem:
        return error("E102", f"{shown} cannot be read: {problem.strerror}.", fix="make it readable.", span=None)
    if found:
        return found
    detail = f"The folder {shown} holds no file whose name ends in .yaml or .yml."
    fix = f"write the account's buckets into it: acrsync export --out {shown.rstrip('/')}/acrsync.yaml"
    return error("E101", detail, fix=fix, span=None)


def _bytes(path: Path) -> bytes | Diagnostic:
    shown = visible(str(path))
    try:
        return sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    except FileNotFoundError:
        fix = "correct the path, or write the account's buckets into it: acrsync export --out " + shown
        return error("E100", f"There is no file {shown}.", fix=fix, span=None)
    except OSError as problem:
        detail = f"{shown} cannot be read: {problem.strerror}."
        return error("E102", detail, fix="make the file readable.", span=None)
