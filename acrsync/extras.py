"""Packages that only some people need, and how to install one."""

import shlex
import sys

# As in pyproject.toml.
EXTRAS = {"werkzeug": "werkzeug>=3.1.8", "obstore": "obstore>=0.8", "truststore": "truststore>=0.10"}


def installing(package: str) -> str:
    """Return the command that installs a package of an extra where acrsync runs.

    Why not the extra: acrsync itself may come from a checkout, and its name on an index need not be ours.
    """
    return f'{shlex.quote(sys.executable)} -m pip install "{EXTRAS[package]}"'
