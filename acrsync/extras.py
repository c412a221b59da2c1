"""Packages that only some people need, and how to install one."""

import shlex
import sys

EXTRAS = {"werkzeug": "werkzeug>=3.1.8", "truststore": "truststore>=0.10"}  # as in pyproject.toml


def installing(package: str) -> str:
    """Return the command that installs a package of an extra where acrsync runs.

    Why not the extra: acrsync itself may come from a checkout, and its name on an index need not be ours.
    """
    return f'{shlex.quote(sys.executable)} -m pip install "{EXTRAS[package]}"'
