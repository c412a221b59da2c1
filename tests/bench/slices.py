"""Where the time of one plan goes: `python slices.py OUT.json` in a folder with a manifest.

Runs the command in this process, with a clock around its steps. Imports come first and one by one, as the command
itself would come to them later. No profiler: one that looks at every call makes small functions look slow.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

IMPORTS = {
    "import click": ("click",),
    "import yaml": ("yaml",),
    "import jsonschema": ("jsonschema",),
    "import requests": ("requests",),
    "import acrsync": ("acrsync.cli", "acrsync.cli.plan", "acrsync.cli.planning", "acrsync.acrcloud", "acrsync.client"),
}
STEPS = {
    "read the YAML": ("acrsync.manifest.loading", "read"),
    "check its shape": ("acrsync.manifest.shape", "check"),
    "check its rules": ("acrsync.manifest.rules", "check"),
    "build the manifest": ("acrsync.manifest.build", "manifest"),
    "list the account": ("acrsync.acrcloud:Account", "observe"),
    "plan": ("acrsync.plan.planner", "make_plan"),
    "ask the guards": ("acrsync.plan.guards", "guarded"),
    "show the plan": ("acrsync.report", "plan_text"),
}


def clocked(function: Callable[..., Any], slices: dict[str, float], name: str) -> Callable[..., Any]:
    """Return the function with its time added up; what it would yield later counts too."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        begun = time.perf_counter()
        returned = function(*args, **kwargs)
        if isinstance(returned, Iterable) and iter(returned) is returned:
            returned = list(returned)
        slices[name] += time.perf_counter() - begun
        return returned

    return wrapper


def main() -> None:
    slices: dict[str, float] = {}
    for name, modules in IMPORTS.items():
        begun = time.perf_counter()
        for module in modules:
            importlib.import_module(module)
        slices[name] = time.perf_counter() - begun
    for name, (path, attribute) in STEPS.items():
        slices[name] = 0.0
        module, _, class_name = path.partition(":")
        holder = importlib.import_module(module)
        holder = getattr(holder, class_name) if class_name else holder
        setattr(holder, attribute, clocked(getattr(holder, attribute), slices, name))
    out = Path(sys.argv[1])
    sys.argv[1:] = ["plan"]
    try:
        importlib.import_module("acrsync.cli").main()
    finally:
        out.write_text(json.dumps(slices), encoding="utf-8")


if __name__ == "__main__":
    main()
