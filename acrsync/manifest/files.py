"""Reads the bytes of files, of folders of files, and of standard input."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote

from acrsync.diagnostics import Diagnostic, error
from acrsync.visible import visible

STDIN = Path("-")
DEFAULTS = (Path("acrsync.yaml"), Path("acrsync.yml"))  # the first that exists, if no path is given
MAX_BYTES = 64 * 2**20  # a manifest of 10,000 buckets has a few; a device has no end
_ENDINGS = (".yaml", ".yml")


def contents(paths: Sequence[Path]) -> tuple[Mapping[str, bytes], Sequence[Diagnostic]]:
    """Return the bytes of files by name, and errors. Reads each file once, even if it is named twice."""
    texts: dict[str, bytes] = {}
    problems: list[Diagnostic] = []
    distinct: dict[Path, Path] = {}
    for path in paths or [next((path for path in DEFAULTS if path.exists()), DEFAULTS[0])]:
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
    except OSError:  # the working directory was deleted
        return path


def _in_folder(path: Path) -> Path | Sequence[Path] | Diagnostic:
    """Return the manifest files directly in a folder, by name; a path that is not a folder as it is."""
    shown = visible(str(path))
    try:
        if not path.is_dir():
            return path
        found = sorted(
            (one for one in path.iterdir() if one.suffix in _ENDINGS and not one.name.startswith(".")),
            key=lambda one: one.name,
        )
    except OSError as problem:
        return error("E102", f"{shown} cannot be read: {problem.strerror}.", fix="make it readable.")
    if found:
        return found
    detail = f"The folder {shown} holds no file whose name ends in .yaml or .yml."
    fix = f"write the account's buckets into it: acrsync export --out {quote(visible(str(path / 'acrsync.yaml')))}"
    return error("E101", detail, fix=fix)


def _bytes(path: Path) -> bytes | Diagnostic:
    shown = visible(str(path))
    try:
        data = sys.stdin.buffer.read(MAX_BYTES + 1) if path == STDIN else _beginning(path)
    except FileNotFoundError:
        fix = f"correct the path, or write the account's buckets into it: acrsync export --out {quote(shown)}"
        return error("E100", f"There is no file {shown}.", fix=fix)
    except OSError as problem:
        return error("E102", f"{shown} cannot be read: {problem.strerror}.", fix="make the file readable.")
    if len(data) > MAX_BYTES:
        detail = f"{shown} is not read: it is longer than {MAX_BYTES // 2**20} MiB, so it is not a manifest."
        return error("E102", detail, fix="correct the path, or divide the manifest into several files.")
    return data


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
