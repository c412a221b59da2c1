"""The manifest: reads YAML files, reports all errors with their positions, and writes an account as such a file.

Only this package uses yaml and jsonschema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from acrsync.manifest.files import contents
from acrsync.manifest.loading import Loaded, Source
from acrsync.manifest.schemas import schema, schema_text

__all__ = [
    "Loaded",
    "Source",
    "environment_names",
    "load",
    "load_texts",
    "render",
    "schema",
    "schema_text",
    "source",
]


def source(paths: Sequence[Path]) -> Source:
    """Read the files of one manifest, each once: standard input cannot be read again for another environment.

    A path is a file, a folder of `*.yaml` and `*.yml` files, or `-`. Without a path: acrsync.yaml or acrsync.yml.
    """
    return Source(*contents(paths))


def load(paths: Sequence[Path], env: str | None = None) -> Loaded:
    """Return the manifest in these files, for one environment; None if it has no environments."""
    return source(paths).loaded(env)


def load_texts(texts: Mapping[str, bytes], env: str | None = None) -> Loaded:
    """Return the manifest in these files, which are given by name and content."""
    return Source(texts).loaded(env)


def environment_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the names of the environments, in the order of the file. A manifest can have none."""
    return source(paths).names


def render(paths: Sequence[Path], env: str | None = None) -> str | Loaded:
    """Return the plain manifest of one environment, or the errors."""
    from acrsync.manifest.rendering import rendered

    return rendered(source(paths), env)
