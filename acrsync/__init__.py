"""ACRCloud buckets as code: the library in one page.

    manifest = acrsync.load("acrsync.yaml")
    with acrsync.connect("https://api-v2.acrcloud.com", token, read_only=False) as account:
        plan = acrsync.plan(manifest, account)
        if plan.work and plan.can_apply:
            result = acrsync.apply(plan, account)

The command line uses nothing else. A function imports what it needs when it is called: a pipeline pays for start-up.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acrsync.acrcloud import Account
    from acrsync.apply.reconcile import Reconciler, Result
    from acrsync.connecting import connect
    from acrsync.diagnostics import AcrsyncError, Diagnostic, Invalid
    from acrsync.model import Live, Manifest
    from acrsync.plan.document import Plan
    from acrsync.plan.outcome import ExitCode, Outcome, Status
    from acrsync.runs.where import Memory

from acrsync.version import __version__

_HOME = {
    "Account": "acrsync.acrcloud",
    "AcrsyncError": "acrsync.diagnostics",
    "Diagnostic": "acrsync.diagnostics",
    "ExitCode": "acrsync.plan.outcome",
    "Invalid": "acrsync.diagnostics",
    "Live": "acrsync.model",
    "Manifest": "acrsync.model",
    "Outcome": "acrsync.plan.outcome",
    "Plan": "acrsync.plan.document",
    "Reconciler": "acrsync.apply.reconcile",
    "Result": "acrsync.apply.reconcile",
    "Status": "acrsync.plan.outcome",
    "connect": "acrsync.connecting",
}
__all__ = [
    "Account",
    "AcrsyncError",
    "Diagnostic",
    "ExitCode",
    "Invalid",
    "Live",
    "Manifest",
    "Outcome",
    "Plan",
    "Reconciler",
    "Result",
    "Status",
    "__version__",
    "apply",
    "connect",
    "environments",
    "load",
    "plan",
]


def environments(*paths: str | Path) -> tuple[str, ...]:
    """Return the names of the environments in these files, in the order of the files. Sends nothing."""
    from acrsync import manifest as manifests

    return manifests.environment_names([Path(path) for path in paths])


def load(*paths: str | Path, env: str | None = None) -> Manifest:
    """Return the manifest that these files make together, for one environment. Sends nothing.

    Raises: Invalid, with all errors of all files in `diagnostics`, each with its position.
    """
    from acrsync import manifest as manifests
    from acrsync.diagnostics import Invalid

    loaded = manifests.load([Path(path) for path in paths], env)
    if loaded.manifest is None:
        raise Invalid(loaded.diagnostics)
    return loaded.manifest


def plan(manifest: Manifest, account: Account, *, runs: str | Path | None = None) -> Plan:
    """Return the changes that make the account match the manifest, and every objection to them. Sends only GET.

    `runs` is the run store, as for `apply`: the plan depends on what earlier runs left open.
    Raises: AcrsyncError if the account cannot be read, or if its list cannot be proven complete.
    """
    from acrsync.apply.reconcile import reconciler

    return reconciler(account, memory=_memory(runs), uid=manifest.account_uid).observe_and_plan(manifest).plan


def apply(plan: Plan, account: Account, *, runs: str | Path | None = None, settle_s: float = 30.0) -> Result:
    """Apply a plan and read the account back.

    `runs` is the run store, as for `--runs`; by default the folder `.acrsync/runs`. `settle_s`: how long the list may
    lag behind writes. The result has the outcome of each change, also if changes failed.
    Raises: AcrsyncError, before it sends anything, if the account is read-only, the plan cannot be applied or is for
    another account, the record cannot be written, or another run holds the account (`acrsync.runs.Held`).
    """
    from acrsync.apply.reconcile import reconciler
    from acrsync.apply.terms import Settings
    from acrsync.diagnostics import AcrsyncError, Invalid

    if account.read_only:
        raise AcrsyncError("E451", "The connection to the account is read-only.", fix="connect with read_only=False.")
    if not plan.can_apply:
        raise Invalid((*plan.errors, *(objection.diagnostic for objection in plan.objections)))
    loop = reconciler(account, memory=_memory(runs), uid=plan.uid, settings=Settings(settle_s=settle_s))
    return loop.reconcile(lambda known: loop.observe_for(plan, known=known))


def _memory(runs: str | Path | None) -> Memory:
    import os

    from acrsync.runs.where import DEFAULT, Memory, parse_where

    return Memory(parse_where(str(runs or DEFAULT), in_manifest=False), environment=dict(os.environ))


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _by_name(module: ModuleType) -> tuple[Callable[[str], ModuleType], tuple[str]]:
    """Pickle a module by its name: workflow engines send functions that use it to other processes."""
    return importlib.import_module, (module.__name__,)


class _Library(ModuleType):
    """Why: importing the package `plan` replaces the function `plan`. So the package becomes callable, too."""

    def __setattr__(self, name: str, value: object) -> None:
        function = self.__dict__.get(name)
        if isinstance(value, ModuleType) and isinstance(function, FunctionType):
            members = {"__call__": staticmethod(function), "__reduce__": _by_name}
            value.__class__ = type("Package", (ModuleType,), members)
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        return _by_name(self)


sys.modules[__name__].__class__ = _Library
