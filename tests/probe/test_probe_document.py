"""docs/real-account.md: its generated parts are those of the code."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from acrsync.probe.finding import switches
from acrsync.probe.profile import written
from probe.oracle import oracle, under

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "real-account.md"
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
GUESS = re.compile(r"GUESS: (.*?)(?=\n\s*\n|\n *[A-Z]\w+: |\Z)", re.DOTALL)


def guesses() -> Iterator[tuple[str, str]]:
    """Yield module and text of each belief that is marked in the client's code."""
    for path in sorted((ROOT / "acrsync").rglob("*.py")):
        if "emulator" not in path.parts:
            module = str(path.relative_to(ROOT))
            for text in spoken(path.read_text(encoding="utf-8")):
                yield from ((module, " ".join(found[1].split())) for found in GUESS.finditer(text))


def spoken(source: str) -> Iterator[str]:
    """Yield comments, those of neighbouring lines as one, and texts."""
    comment, row = "", 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            text = token.string.lstrip("# ")
            comment = f"{comment} {text}" if token.start[0] == row + 1 else text
            row = token.start[0]
        elif comment and token.type not in (tokenize.NL, tokenize.NEWLINE):
            yield comment
            comment = ""
        if token.type == tokenize.STRING:
            yield token.string.strip('"')


def _guesses() -> str:
    rows = "".join(f"| {text} | `{module}` |\n" for module, text in guesses())
    return f"| assumption | where |\n| --- | --- |\n{rows}"


def _unknowns(runs: Path) -> str:
    found_by = {}
    for write in (True, False):
        with oracle(under("documented")) as one:
            findings = one.probed(runs, write=write).findings
        for name, finding in findings.items():
            if finding.is_certain:
                found_by[name] = "`probe --write`" if write else "`probe`"
            elif write:
                found_by[name] = "several fit" if finding.possible else "-"
    rows = "".join(
        f"| `{name}` | {switch.meaning.replace('|', '/')} | `{written(switch.usual)}` | {found_by[name]} |\n"
        for name, switch in switches().items()
    )
    return f"| switch | what it is about | assumed | measured by |\n| --- | --- | --- | --- |\n{rows}"


def test_the_document_names_what_the_code_assumes_and_what_a_probe_measures(golden, tmp_path):
    parts = {"guesses": _guesses(), "unknowns": _unknowns(tmp_path)}
    golden(DOCUMENT, BLOCK.sub(lambda found: f"{found[1]}{parts[found[2]]}{found[3]}", DOCUMENT.read_text()))


def test_guesses_are_found():
    found = [text for _, text in guesses()]
    assert len(found) >= 8
    assert "an empty text clears a template." in found


@pytest.mark.parametrize("wording", ["# GUESS: one\n# thing.\nx = 1\n", '"""GUESS: one\nthing."""\n'])
def test_a_guess_on_two_lines_is_read_completely(wording):
    (text,) = (text for text in spoken(wording) if "GUESS" in text)
    assert " ".join(GUESS.findall(text)[0].split()) == "one thing."
