"""What this machine may lack, and how to get it: packages of extras, folders, and the right to write to them."""

import os
import shlex
import sys
from pathlib import Path

# As in pyproject.toml.
EXTRAS = {"werkzeug": "werkzeug>=3.1.8", "obstore": "obstore>=0.11", "truststore": "truststore>=0.10"}


def installing(package: str) -> str:
    """Return the command that installs a package of an extra where acrsync runs.

    Why not the extra: acrsync itself may come from a checkout, and its name on an index need not be ours.
    """
    return f'{shlex.quote(sys.executable)} -m pip install "{EXTRAS[package]}"'


def make_private(folder: Path) -> None:
    """Make a folder; if it is `.acrsync/` or in it, git ignores all that is there. Raises: OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    home = next((path for path in (folder, *folder.parents) if path.name == ".acrsync"), None)
    if home is None:
        return
    ignored = home / ".gitignore"
    if not ignored.exists() or ignored.stat().st_size == 0:  # as a full disk leaves it
        ignored.write_text("*\n", encoding="utf-8")


def as_owner(path: Path) -> str:
    """Return what else helps if somebody else owns the folder, as one that a container was given: to be them."""
    folder = next((parent for parent in path.absolute().parents if parent.exists()), None)
    if folder is None or os.access(folder, os.W_OK):
        return ""
    owner = folder.stat()
    return f", or run acrsync as the owner of {folder} (in a container: --user {owner.st_uid}:{owner.st_gid})"
