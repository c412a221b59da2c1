"""A manifest: YAML files to data with every mistake told at its place, and an account back to such a file.

The one door for yaml and jsonschema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from acrsync.manifest.files import contents
from acrsync.manifest.loading import Loaded, LoadedAll, Source
from acrsync.manifest.rendering import rendered
from acrsync.manifest.schemas import schema, schema_text
from acrsync.manifest.writing import SCHEMA_FILE, dump, dump_entries, entry

__all__ = [
    "SCHEMA_FILE",
    "Loaded",
    "LoadedAll",
    "Source",
    "dump",
    "dump_entries",
    "entry",
    "environments",
    "load",
    "load_all",
    "load_texts",
    "load_texts_all",
    "render",
    "render_texts",
    "schema",
    "schema_text",
    "source",
]


def source(paths: Sequence[Path]) -> Source:
    """Return files that are one manifest, read once: standard input cannot be read again for another environment."""
    return Source(*contents(paths))


def load(paths: Sequence[Path], env: str | None = None) -> Loaded:
    """Read files that are one manifest, for one environment; None is for a manifest without environments.

    A path is a file, a folder of `*.yaml` and `*.yml` files, or `-`; no path stands for acrsync.yaml or acrsync.yml.
    """
    return Source(*contents(paths)).loaded(env)


def load_all(paths: Sequence[Path]) -> LoadedAll:
    """Read the manifest of every environment."""
    return Source(*contents(paths)).all()


def load_texts(texts: Mapping[str, bytes], env: str | None = None) -> Loaded:
    """Return what these files, by name, say together."""
    return Source(texts, ()).loaded(env)


def load_texts_all(texts: Mapping[str, bytes]) -> LoadedAll:
    """Return what these files, by name, say together for every environment."""
    return Source(texts, ()).all()


def environments(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the names of a manifest's environments, in the order of the file; none if it is for no several ones."""
    return Source(*contents(paths)).names


def render(paths: Sequence[Path], env: str | None = None) -> str | Loaded:
    """Return the plain manifest of one environment; what is wrong, if there is an error."""
    return rendered(Source(*contents(paths)), env)


def render_texts(texts: Mapping[str, bytes], env: str | None = None) -> str | Loaded:
    """Return the plain manifest of one environment that these files, by name, are."""
    return rendered(Source(texts, ()), env)
