"""Documents run as they are read: each ```console block is a session in a shell, and must come out as it is printed.

- A block whose first line is `# NAME.yaml` or `# NAME.py`, or begins so with a colon, is written to that file.
- Each second-level section of a document begins in an empty folder; within it, blocks follow one another in one shell.
- `$ ` begins a command. What follows, up to the next command, is all that it prints, on either output.
- `...` stands for what differs from run to run or does not matter: alone on a line for any lines, else for any text.

One thing is not as the reader has it: `ACRSYNC_ENDPOINT=emulator:` is set, so that no account is needed.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e2e.commandline import DEADLINE_S, Place

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## +(.*)$", re.MULTILINE)
_MARK = "=== end of a command ==="


@dataclass(frozen=True)
class Section:
    """One section of a document, with its blocks in order: language and text."""

    title: str
    blocks: tuple[tuple[str, str], ...]

    @property
    def has_a_session(self) -> bool:
        return any(language == "console" for language, _ in self.blocks)


def sections(document: Path) -> Iterator[Section]:
    parts = _SECTION.split(document.read_text())
    for title, text in zip(["top", *parts[1::2]], parts[::2], strict=True):
        yield Section(title, tuple((found[1], found[2]) for found in _FENCE.finditer(text)))


def play(section: Section, place: Place) -> None:
    """Write the section's files, run its commands, and compare what they print. Raises: AssertionError."""
    steps = [step for block in section.blocks for step in _steps(*block)]
    script = "".join(f"{command}\ncode=$?; echo '{_MARK}'; (exit $code)\n" for command, _ in steps)
    done = subprocess.run(
        ["/bin/bash", "-c", f"exec 2>&1\n{script}"],
        cwd=place.folder, env=place.environment | {"ACRSYNC_ENDPOINT": "emulator:"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=2 * DEADLINE_S, check=False,
    )  # fmt: skip
    printed = done.stdout.split(f"{_MARK}\n")
    assert len(printed) == len(steps) + 1, f"the shell ended early: {printed[-1]}"
    for (command, expected), found in zip(steps, printed[:-1], strict=True):
        assert matches(expected, found), f"$ {command}\nis said to print\n{expected}\nand prints\n{found}"


def matches(expected: str, found: str) -> bool:
    """Return whether a text is as expected, `...` standing for anything; empty lines at the end do not count."""
    lines = expected.rstrip("\n").split("\n")
    pattern = "".join(
        "(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in lines
    )
    return re.fullmatch(pattern, found.rstrip("\n") + "\n") is not None


def _steps(language: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield what a block has the shell do, and what that prints."""
    name = re.match(r"# ([\w./-]+\.(?:ya?ml|py))[:\n]", text)
    if language in {"yaml", "python"} and name:
        yield f"mkdir -p \"$(dirname '{name[1]}')\" && cat > '{name[1]}' <<'{_MARK}'\n{text}{_MARK}", ""
    if language == "console":
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed
