"""`make docs`: a site from the Markdown of this tree, and a page for each message from the data of `acrsync explain`.

The front page is docs/README.md. Its lists are the navigation, so a page that is in none of them fails the build. So
does a link to anything that does not exist: Sphinx reports it as a warning, and warnings are errors here.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from acrsync.diagnostics import SUMMARIES
from acrsync.explanations import Explanation, explanations

ROOT = Path(__file__).resolve().parents[2]
BLOB = "https://github.com/acrsync/acrsync/blob/main"
FRONT = ROOT / "docs" / "README.md"
PAGES = {
    path: "index.md" if path == FRONT else str(path.relative_to(ROOT))
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "examples").rglob("README.md")),
    )
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)#]+)(#[^)]*)?\)")
_ITEM = re.compile(r"^- \[([^\]]+)\]\(([^)#]+)\)", re.MULTILINE)
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_AREAS = {
    "0": "Usage, files, saved plans and runs",
    "1": "Manifest",
    "2": "Planning",
    "3": "Guards",
    "4": "The API",
    "5": "Applying",
    "6": "Probing and rehearsing",
}


def build(target: Path) -> int:
    """Write the site into a folder and return Sphinx's exit code."""
    from sphinx.cmd.build import build_main

    source = target / "source"
    shutil.rmtree(target, ignore_errors=True)
    assemble(source)
    strictly = ["-W", "--keep-going", "-n", "-q"]
    return build_main([*strictly, "-b", "html", "-c", str(Path(__file__).parent), str(source), str(target / "html")])


def assemble(source: Path) -> None:
    """Write every page, with links that hold on the site. Raises: FileNotFoundError for a link that leads nowhere."""
    for path, page in PAGES.items():
        text = path.read_text(encoding="utf-8")
        parts = _FENCE.split(text)
        linked = "".join(part if number % 2 else _relinked(part, path) for number, part in enumerate(parts))
        _write(source / page, linked + (_navigation(text) if path == FRONT else ""))
    shutil.copytree(ROOT / "docs" / "img", source / "docs" / "img")
    known = explanations()
    for code in SUMMARIES:
        _write(source / "codes" / f"{code}.md", code_page(known[code]))
    _write(source / "codes" / "index.md", _codes_page())


def _relinked(text: str, path: Path) -> str:
    """Return the text with links to pages, or, for what is no page, to the repository."""
    here = Path(PAGES[path]).parent

    def link(found: re.Match[str]) -> str:
        target = (path.parent / found[3]).resolve()
        if target in PAGES:
            place = os.path.relpath(PAGES[target], here)
        elif not target.exists():
            raise FileNotFoundError(f"{path.relative_to(ROOT)} links to {found[3]}, which does not exist.")
        elif found[1]:
            place = os.path.relpath(target.relative_to(ROOT), here)
        else:
            place = f"{BLOB}/{target.relative_to(ROOT)}"
        return f"{found[1]}[{found[2]}]({place}{found[4] or ''})"

    text = _LINK.sub(link, text)
    codes = os.path.relpath("codes", here)
    return re.sub(r"^\| `([EWH]\d{3})` \|", rf"| [`\1`]({codes}/\1.md) |", text, flags=re.MULTILINE)


def _navigation(front: str) -> str:
    """Return the sections of the front page as parts of the navigation."""
    parts = re.split(r"^## (.*)$", front, flags=re.MULTILINE)
    trees = [_toctree(title, _pages(items)) for title, items in zip(parts[1::2], parts[2::2], strict=True)]
    return "\n" + "\n".join(trees)


def _pages(items: str) -> Iterator[str]:
    for title, target in _ITEM.findall(items):
        page = PAGES[(FRONT.parent / target).resolve()]
        yield f"{title} <{page.removesuffix('.md')}>"
        if page == "docs/reference.md":
            yield "Messages <codes/index>"


def _toctree(caption: str, entries: Iterator[str]) -> str:
    head = f":caption: {caption}\n" if caption else ""
    return "```{toctree}\n:hidden:\n" + head + "\n" + "\n".join(entries) + "\n```\n"


def code_page(explanation: Explanation) -> str:
    """Return the page of one message: what it means, an input that provokes it, and its fix."""
    lines = [f"# {explanation.code}: {explanation.summary}", "", explanation.means, "", "## Example", ""]
    if explanation.when:
        lines += [explanation.when, ""]
    if explanation.manifest:
        lines += ["With this `acrsync.yaml`:", "", "````yaml", explanation.manifest.strip("\n"), "````", ""]
    if explanation.manifest or explanation.command:
        lines += ["````console", f"$ {explanation.command or 'acrsync plan'}", "````", ""]
    return "\n".join(
        [*lines, "## Fix", "", explanation.fix, "", f"In a terminal: `acrsync explain {explanation.code}`", ""]
    )


def _codes_page() -> str:
    lines = ["# Messages", "", "Each message has a code: E is an error, W a warning, H a hint.", ""]
    for digit, area in _AREAS.items():
        rows = [f"| [`{code}`]({code}.md) | {text} |" for code, text in SUMMARIES.items() if code[1] == digit]
        lines += [f"## {area}", "", "| code | summary |", "| --- | --- |", *rows, ""]
    return "\n".join([*lines, _toctree("", (f"{code} <{code}>" for code in SUMMARIES))])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(build(ROOT / "build" / "docs"))
