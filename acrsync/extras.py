"""Things that this machine may lack, and how to get them: packages of extras, folders, and permission to write."""

import os
import shlex
import sys
from pathlib import Path

# The same as in pyproject.toml.
EXTRAS = {"werkzeug": "werkzeug>=3.1.8", "obstore": "obstore>=0.11", "truststore": "truststore>=0.10.1"}


def installing(package: str) -> str:
    """Return the command that installs a package of an extra into the Python that runs acrsync.

    Why not the extra itself: acrsync may come from a checkout, and the package index may have another `acrsync`.
    """
    return f'{shlex.quote(sys.executable)} -m pip install "{EXTRAS[package]}"'


def make_private(folder: Path) -> None:
    """Create a folder. If it is `.acrsync/` or inside it, make git ignore `.acrsync/`. Raises: OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    home = next((path for path in (folder, *folder.parents) if path.name == ".acrsync"), None)
    if home is None:
        return
    ignored = home / ".gitignore"
    if not ignored.exists() or ignored.stat().st_size == 0:  # as a full disk leaves it
        ignored.write_text("*\n", encoding="utf-8")


def as_owner(path: Path) -> str:
    """Return a hint if someone else owns the folder, such as a folder that is mounted into a container."""
    folder = next((parent for parent in path.absolute().parents if parent.exists()), None)
    if folder is None or os.access(folder, os.W_OK):
        return ""
    owner = folder.stat()
    return f", or run acrsync as the owner of {folder} (in a container: --user {owner.st_uid}:{owner.st_gid})"
