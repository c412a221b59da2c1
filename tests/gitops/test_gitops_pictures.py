"""The page in a real browser: as wide as a phone, light and dark, quiet; and the pictures in the documentation."""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Iterator
from html import escape, unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from acrsync.model import Manifest
from acrsync.report import FORMATS
from e2e.commandline import ROOT
from gitops.test_gitops_formats import hostile_plan
from gitops.tools import browser, run
from report_plans import CREATE, DELETE, EVERYTHING, IN_SYNC, RUN, UPDATE, plan_of, unmanaged

pytestmark = pytest.mark.slow

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
]  # fmt: skip
DARK, LIGHT = "--blink-settings=preferredColorScheme=0", "--blink-settings=preferredColorScheme=1"
PICTURED = plan_of(
    (CREATE,), (UPDATE,), (DELETE,), kept=(IN_SYNC, *unmanaged("jingles")), manifest=Manifest(stack="radio")
)  # fmt: skip
# Looks into the page from outside: its own policy allows no script.
PROBE = """<!doctype html><meta charset="utf-8"><body><iframe src="plan.html" width="%d" height="900"></iframe><script>
const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255).map(v =>
  v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement, view = frame.contentWindow;
  const behind = e => { for (; e; e = e.parentElement) {
    const c = view.getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(c)) return c; }
    return "rgb(255, 255, 255)"; };
  const ratios = [...page.querySelectorAll("main *")].map(e => {
    const [a, b] = [light(view.getComputedStyle(e).color), light(behind(e))].sort(); return (b + .05) / (a + .05); });
  document.body.textContent = JSON.stringify({
    wide: root.scrollWidth, has: root.clientWidth, scripts: page.scripts.length, contrast: Math.min(...ratios),
    behind: behind(page.body), small: Math.min(...[...page.querySelectorAll("main *")].map(e =>
      parseFloat(view.getComputedStyle(e).fontSize))), styled: page.styleSheets[0].cssRules.length });
};
</script>"""
PAPER = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 1.5rem; font: 14px/1.5 system-ui, sans-serif; color: #1f2328; }
pre { background: #f6f8fa; padding: 1rem; border-radius: 6px; font: 12px/1.45 ui-monospace, monospace; }
code { font: 12px ui-monospace, monospace; background: #eff1f3; border-radius: 6px; padding: .1rem .3rem; }
pre code { background: none; padding: 0; } h3 { font-size: 1.25em; } details { margin: 1rem 0; }
.minus { background: #ffebe9; color: #82071e; } .plus { background: #dafbe1; color: #116329; }
</style>"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder on loopback, so that one page may look into another."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return None

    folder = tmp_path / "pages"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


def chromium(*flags: str, profile: Path) -> str:
    done = run([browser(), *FLAGS, f"--user-data-dir={profile}", *flags], profile.parent, timeout_s=120)
    assert done.returncode == 0, done.stdout
    return done.stdout


def looked_at(served: tuple[Path, str], text: str, *, width: int, scheme: str) -> Any:
    folder, url = served
    (folder / "plan.html").write_text(text)
    (folder / "probe.html").write_text(PROBE % width)
    said = chromium("--dump-dom", "--virtual-time-budget=5000", scheme, f"{url}/probe.html", profile=folder / "profile")
    assert "Content Security Policy" not in said, "something on the page is against its policy"
    [found] = re.findall(r"<body>(\{.*\})</body>", said)
    return json.loads(unescape(found))


PAGES = [("everything", EVERYTHING), ("hostile names", hostile_plan()), ("no changes", plan_of(kept=(IN_SYNC,)))]


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1200])
@pytest.mark.parametrize("plan", [plan for _, plan in PAGES], ids=[name for name, _ in PAGES])
def test_the_page_can_be_read_on_any_screen(served: tuple[Path, str], plan: Any, width: int, scheme: str):
    found = looked_at(served, FORMATS["html"](plan, RUN), width=width, scheme=scheme)
    assert found["wide"] <= found["has"], "it must be moved sideways to be read"
    assert found["contrast"] >= 4.5, "WCAG 2.2 AA"
    assert found["small"] >= 14
    assert (found["scripts"], found["styled"] > 10) == (0, True)
    assert found["behind"] == ("rgb(255, 255, 255)" if scheme == LIGHT else "rgb(13, 17, 23)")


def test_the_check_of_the_page_can_fail(served: tuple[Path, str]):
    text = FORMATS["html"](EVERYTHING, RUN).replace("<h1>", '<h1 style="width: 5000px">')
    with pytest.raises(AssertionError, match="against its policy"):
        looked_at(served, text, width=320, scheme=LIGHT)


def painted(lines: str) -> str:
    """A `diff` block as GitHub colours it."""
    classes = {"+": "plus", "-": "minus"}
    marked = (f'<span class="{classes.get(line[:1], "")}">{escape(line)}</span>' for line in lines.splitlines())
    return "<pre><code>" + "\n".join(marked) + "</code></pre>"


def test_the_pictures_of_the_documentation_are_there(request: pytest.FixtureRequest, tmp_path: Path):
    browser()
    pictures = ROOT / "docs" / "img"
    if request.config.getoption("--update-golden"):
        reader = MarkdownIt("gfm-like", {"html": True, "linkify": False})
        reader.add_render_rule("fence", lambda _self, tokens, index, *_: painted(tokens[index].content))
        paper = PAPER + reader.render(FORMATS["markdown"](PICTURED, RUN)).replace("<details>", "<details open>", 1)
        (tmp_path / "markdown.html").write_text(paper)
        (tmp_path / "html.html").write_text(FORMATS["html"](PICTURED, RUN))
        for picture, page, size, scheme in (
            ("html.png", "html.html", "900,920", LIGHT),
            ("html-phone.png", "html.html", "500,1260", DARK),
            ("markdown.png", "markdown.html", "900,620", LIGHT),
        ):
            shot = f"--screenshot={pictures / picture}"
            chromium(shot, f"--window-size={size}", scheme, (tmp_path / page).as_uri(), profile=tmp_path / "profile")
    for name in ("html", "html-phone", "markdown"):
        assert (pictures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
