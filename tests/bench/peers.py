"""Other tools, where they are installed, on inputs of the same size; and figures published where they are not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .measuring import Case, Figure
from .servers import Server

# Measured once on a machine with 2 cores and Python 3.11; compared as ratios only, and marked where they are used.
PUBLISHED = {
    "terraform literal 100": Figure(0.3, 0.3, 0.3, 0, 0),
    "terraform literal 1000": Figure(2.3, 2.3, 2.3, 207, 0),
    "terraform literal 10000": Figure(21, 21, 21, 1280, 0),
    "terraform for_each 100": Figure(0.4, 0.4, 0.4, 0, 0),
    "terraform for_each 1000": Figure(17, 17, 17, 0, 0),
    "octodns 1000": Figure(0.67, 0.67, 0.67, 0, 0),
    "octodns 10000": Figure(8.0, 8.0, 8.0, 109, 0),
    "ansible create 100": Figure(46, 46, 46, 0, 0),
    "ansible no-op 100": Figure(2.2, 2.2, 2.2, 0, 0),
    "ansible no-op 1000": Figure(14.7, 14.7, 14.7, 0, 0),
}
TERRAFORM_ENV = {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


def terraform() -> list[str] | None:
    """Return the command of a no-op plan; None where Terraform is not installed. Its one provider is built in."""
    program = shutil.which("terraform")
    return None if program is None else [program, "plan", "-input=false", "-no-color", "-detailed-exitcode"]


def octodns(cache: Path, *, tell: Callable[[str], None]) -> list[str] | None:
    """Return the command of a no-op plan, installing the tool into an environment of its own; None where it fails."""
    home = cache / "octodns"
    program = home / "bin" / "octodns-sync"
    if not program.exists():
        tell("octodns is installed once")
        try:
            _quietly([sys.executable, "-m", "venv", str(home)], cache)
            _quietly([str(home / "bin" / "pip"), "install", "--quiet", "octodns"], cache)
        except subprocess.CalledProcessError:
            return None
    return [str(program), "--config-file", "config.yaml"]


def official() -> Path | None:
    """Return the vendor's own command line, None if it is not installed."""
    program = Path(sys.executable).parent / "acrcloud"
    return program if program.exists() else None


def _quietly(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, env={**os.environ, **TERRAFORM_ENV}, check=True, stdout=subprocess.DEVNULL)


def loop(program: Path, server: Server, count: int, folder: Path) -> Case:
    """Return creates by the vendor's command line, as a shell script does them: one process each."""
    create = f'"{program}" buckets create --name "bucket-$n" --type File --region eu-west-1 --labels Music,Commercial'
    home = folder / "home"
    (home / ".acrcloud").mkdir(parents=True, exist_ok=True)
    config = {"access_token": server.env["ACRSYNC_TOKEN"], "base_url": f"{server.url}/api"}
    (home / ".acrcloud" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    script = f"for n in $(seq {count}); do {create} || exit 1; done"
    return Case(f"acrcloud create {count}", ["sh", "-c", script], 3, folder, {"HOME": str(home)})
