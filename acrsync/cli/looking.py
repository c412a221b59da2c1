"""What commands that only look have alike: the account as it is and, if a manifest is there, how it compares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from acrsync.cli import output
from acrsync.cli.options import default_paths
from acrsync.cli.progress import reading
from acrsync.diagnostics import AcrsyncError, Invalid
from acrsync.model import Live, Manifest, Reference, Snapshot
from acrsync.plan.ownership import account_uid
from acrsync.visible import visible

if TYPE_CHECKING:
    from acrsync import Account, Plan


@dataclass(frozen=True, slots=True)
class Sight:
    """An account, read once."""

    snapshot: Snapshot
    plan: Plan | None  # None: there is no manifest to compare with

    @property
    def uid(self) -> int | None:
        return account_uid(self.plan.manifest if self.plan else Manifest(), self.snapshot)


def sight(account: Account, manifests: Sequence[Path], env: str | None = None) -> Sight:
    """Return the account as it is, compared with the manifest that is named, or with the one in this folder."""
    manifest = _manifest(manifests, env)
    with reading(account):
        snapshot = account.observe()
    if manifest is None:
        return Sight(snapshot, None)
    from acrsync.plan.planner import make_plan

    return Sight(snapshot, make_plan(manifest, snapshot))


def _manifest(named: Sequence[Path], env: str | None) -> Manifest | None:
    """Return the manifest; None if none is named and the one in this folder is missing or has errors."""
    from acrsync import manifest as manifests

    paths = named or default_paths()
    if not named and not paths[0].is_file():
        return None
    read = manifests.source(paths)
    if env is None and read.names and not named:
        output.say("note: the manifest is for several environments, so no state is shown; choose one with --env.")
        return None
    loaded = read.loaded(env)
    if loaded.manifest is None:
        if named:
            raise Invalid(loaded.diagnostics)
        output.say(f"note: {visible(str(paths[0]))} has errors, so no state is shown; see `acrsync validate`.")
    return loaded.manifest


def uid_of_manifest(paths: Sequence[Path] = ()) -> int | None:
    """Return the account that a manifest names; None if it names none, or none is named and none is in this folder.

    Raises: Invalid.
    """
    from acrsync import manifest as manifests

    if not paths and not default_paths()[0].is_file():
        return None
    loaded = manifests.load(paths or default_paths())
    if loaded.manifest is None:
        raise Invalid(loaded.diagnostics)
    return loaded.manifest.account_uid


def chosen(rows: Sequence[Live], names: Sequence[str]) -> tuple[Live, ...]:
    """Return the buckets that are named: by name, by pattern such as `radio-*`, or by id; without names all.

    Raises: AcrsyncError if a name means none.
    """
    found: dict[int, Live] = {}
    for name in names:
        meant = meaning(rows, name)
        if not meant:
            raise unknown(name, (row.name for row in rows))
        found |= {row.id: row for row in meant}
    return tuple(found.values()) if names else tuple(rows)


def meaning(rows: Sequence[Live], name: str) -> tuple[Live, ...]:
    """Return the buckets that a word means; a name comes before an id, and an id before a pattern."""
    exact = tuple(row for row in rows if row.name == name)
    by_id = tuple(row for row in rows if str(row.id) == name)
    return exact or by_id or tuple(row for row in rows if fnmatchcase(row.name, name))


def unknown(name: str, names: Iterable[str]) -> AcrsyncError:
    """Return the error for a name that no bucket has, with the nearest one."""
    near = get_close_matches(name, list(names), n=1)
    fix = f"did you mean {visible(near[0])}?" if near else "see `acrsync list`."
    return AcrsyncError("E020", f"The account lists no bucket {visible(name)}.", fix=fix)


def users_of(account: Account, rows: Sequence[Live]) -> dict[int, tuple[Reference, ...]]:
    """Return who uses which of these buckets; a list that cannot be read is named on stderr."""
    with reading(account):
        evidence = account.references(rows)
    if evidence.unreadable:
        output.say(f"warning: {', '.join(evidence.unreadable)} cannot be read, so users may be missing.")
    return dict(evidence.references)
