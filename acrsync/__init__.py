"""ACRCloud buckets as code: the library in one page.

    manifest = acrsync.load("acrsync.yaml")
    with acrsync.connect("https://api-v2.acrcloud.com", token, read_only=False) as account:
        plan = acrsync.plan(manifest, account)
        if plan.work and plan.can_apply:
            result = acrsync.apply(plan, account)

The command line uses nothing else. What a function needs is imported when it is called: start-up counts in a pipeline.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import threading

    from acrsync.acrcloud import Account
    from acrsync.apply.reconcile import Reconciler, Result
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
    """Return the names of the environments that these files are for, in their order. Nothing is sent."""
    from acrsync import manifest as manifests

    return manifests.environments([Path(path) for path in paths])


def load(*paths: str | Path, env: str | None = None) -> Manifest:
    """Return the manifest that these files are together, for one environment. Nothing is sent.

    Raises: Invalid, whose `diagnostics` are all errors of all files, each with its position.
    """
    from acrsync import manifest as manifests
    from acrsync.diagnostics import Invalid

    loaded = manifests.load([Path(path) for path in paths], env)
    if loaded.manifest is None:
        raise Invalid(loaded.diagnostics)
    return loaded.manifest


def connect(  # noqa: PLR0913 - all but two are options of the client
    endpoint: str,
    token: str | None = None,
    *,
    read_only: bool = True,
    timeout_s: float = 60.0,
    proxies: Mapping[str, str] | None = None,
    ca_bundle: str | None = None,
    cancel: threading.Event | None = None,
    debug: Callable[[str], None] | None = None,
    retries: bool = True,
) -> AbstractContextManager[Account]:
    """Return a context manager that yields the account behind an address; nothing is sent before it is asked for.

    `emulator:PATH` starts the emulator for the time of the block and keeps its buckets in that file; `emulator:` keeps
    them in `.acrsync/emulator.db`. With `read_only` nothing but GET can be sent; without `retries` each request is sent
    once. No environment variable is read. The other options are those of `acrsync.client.Client`.
    Raises: AcrsyncError if the address or the token cannot be used.
    """
    from acrsync.connecting import connected

    return connected(
        endpoint,
        token,
        read_only=read_only,
        timeout_s=timeout_s,
        proxies=proxies,
        ca_bundle=ca_bundle,
        cancel=cancel,
        debug=debug,
        retries=retries,
    )


def plan(manifest: Manifest, account: Account, *, runs: str | Path | None = None) -> Plan:
    """Return what would make the account match the manifest, with every objection. Sends nothing but GET.

    `runs`: as `apply` takes it; what earlier runs left open shapes the plan.
    Raises: AcrsyncError if the account cannot be read, or its list cannot be proven complete.
    """
    from acrsync.apply.reconcile import reconciler

    return reconciler(account, memory=_memory(runs), uid=manifest.account_uid).observe_and_plan(manifest).plan


def apply(plan: Plan, account: Account, *, runs: str | Path | None = None, settle_s: float = 30.0) -> Result:
    """Apply a plan and read the account back.

    `runs` is where runs are kept, as `--runs` takes it; by default the folder `.acrsync/runs`. `settle_s`: how long the
    list may lag behind writes. What became of each change is in the result, also if changes failed.
    Raises: AcrsyncError, before anything is sent, if the account is read-only, the plan cannot be applied or is for
    another account, the record cannot be written, or another run holds the account (`acrsync.runs.Held`).
    """
    from acrsync.apply.reconcile import reconciler
    from acrsync.apply.waves import Settings
    from acrsync.diagnostics import AcrsyncError, Invalid

    if account.read_only:
        raise AcrsyncError("E451", "The account was connected to only read.", fix="connect with read_only=False.")
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
    """Return how a module is pickled: engines send functions that use it to other processes."""
    return importlib.import_module, (module.__name__,)


class _Library(ModuleType):
    """Why: importing a package puts it in the place of the function of its name; it can then be called like that."""

    def __setattr__(self, name: str, value: object) -> None:
        function = self.__dict__.get(name)
        if isinstance(value, ModuleType) and isinstance(function, FunctionType):
            members = {"__call__": staticmethod(function), "__reduce__": _by_name}
            value.__class__ = type("Package", (ModuleType,), members)
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        return _by_name(self)


sys.modules[__name__].__class__ = _Library
