"""What read-only commands share: the live account and, if there is a manifest, how it compares."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import acrsync
from acrsync.cli import output
from acrsync.cli.options import default_paths
from acrsync.cli.progress import reading
from acrsync.diagnostics import AcrsyncError, Invalid
from acrsync.frozen import frozen
from acrsync.model import Live, Manifest, Reference, Snapshot
from acrsync.plan.ownership import account_uid
from acrsync.visible import visible

if TYPE_CHECKING:
    from acrsync import Account, Plan


@frozen
class View:
    """An account, read once."""

    snapshot: Snapshot
    plan: Plan | None  # None: no manifest to compare with

    @property
    def uid(self) -> int | None:
        return self.plan.uid if self.plan else account_uid(Manifest(), self.snapshot)


def view(account: Account, manifests: Sequence[Path], env: str | None = None) -> View:
    """Return the live account, compared with the given manifest, or with the one in this folder."""
    manifest = _manifest(manifests, env)
    with reading(account):
        snapshot = account.observe()
    if manifest is None:
        return View(snapshot, None)
    from acrsync.plan.planner import make_plan

    return View(snapshot, make_plan(manifest, snapshot))


def _manifest(given: Sequence[Path], env: str | None) -> Manifest | None:
    """Return the manifest; None if none is given and the one in this folder is missing or has errors."""
    from acrsync import manifest as manifests

    paths = given or default_paths()
    if not given and not paths[0].is_file():
        return None
    read = manifests.source(paths)
    if env is None and read.names and not given:
        output.say("note: the manifest is for several environments, so no state is shown; select one with --env.")
        return None
    loaded = read.loaded(env)
    if loaded.manifest is None:
        if given:
            raise Invalid(loaded.diagnostics)
        output.say(f"note: {visible(str(paths[0]))} has errors, so no state is shown; see `acrsync validate`.")
    return loaded.manifest


def uid_of_manifest(paths: Sequence[Path] = ()) -> int | None:
    """Return the account that a manifest sets; None if it sets none, or if there is no manifest.

    Raises: Invalid.
    """
    return acrsync.load(*paths).account_uid if paths or default_paths()[0].is_file() else None


def selected(rows: Sequence[Live], names: Sequence[str]) -> tuple[Live, ...]:
    """Return the buckets that match a name, an id, or a pattern such as `radio-*`; without names all buckets.

    Raises: AcrsyncError if nothing matches one of the names.
    """
    found: dict[int, Live] = {}
    for name in names:
        found |= {row.id: row for row in matching(rows, name)}
    return tuple(found.values()) if names else tuple(rows)


def matching(rows: Sequence[Live], name: str) -> tuple[Live, ...]:
    """Return the buckets with this name, else with this id, else those that match this pattern.

    Raises: AcrsyncError, with the most similar name, if there are none.
    """
    exact = tuple(row for row in rows if row.name == name)
    by_id = tuple(row for row in rows if str(row.id) == name)
    if found := exact or by_id or tuple(row for row in rows if fnmatchcase(row.name, name)):
        return found
    near = get_close_matches(name, [row.name for row in rows], n=1)
    fix = f"write {visible(near[0])}, if you mean that bucket." if near else "see `acrsync list`."
    raise AcrsyncError("E020", f"The account lists no bucket {visible(name)}.", fix=fix)


def users_of(account: Account, rows: Sequence[Live]) -> dict[int, tuple[Reference, ...]]:
    """Return who uses which of these buckets. Prints a warning if a list cannot be read."""
    with reading(account):
        evidence = account.references(rows)
    if evidence.unreadable:
        output.say(f"warning: {', '.join(evidence.unreadable)} cannot be read, so users may be missing.")
    return dict(evidence.references)
