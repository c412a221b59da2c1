"""The environments of a command: the manifest of each, and how to reach its account.

The git repository decides what is applied. So an environment uses only its own endpoint and its own variable for the
token. Variables of the shell, which may be for another account, do not affect it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from acrsync.cli import environment, output
from acrsync.cli.endpoint import DEFAULT_ENDPOINT, EMULATOR, is_this_machine, is_vendors
from acrsync.cli.options import Common
from acrsync.diagnostics import AcrsyncError, Diagnostic, Invalid, in_reading_order
from acrsync.frozen import frozen
from acrsync.manifest import Loaded, Source, source
from acrsync.model import Manifest
from acrsync.visible import visible

ALL = "all"
PLACEHOLDER = "{env}"  # for the environment, in the name of a file


@frozen
class Target:
    """One environment, or a manifest without environments."""

    name: str  # empty if the manifest has no environments
    manifest: Manifest
    hints: tuple[Diagnostic, ...]
    where: Common


def is_fleet(envs: Sequence[str]) -> bool:
    """Return whether `--env` names several environments, or all."""
    return len(set(envs)) > 1 or ALL in envs


def single(envs: Sequence[str]) -> str | None:
    """Return the one environment of `--env`, None if it names none. Raises: click.UsageError if it names several."""
    if is_fleet(envs):
        raise click.UsageError("This command takes one environment: write --env NAME once.")
    return envs[0] if envs else None


def targets(
    where: Common, paths: Sequence[Path], *, overlay: Callable[[Manifest], Manifest] = lambda manifest: manifest
) -> tuple[Target, ...]:
    """Return each requested environment; if none is requested, the manifest itself.

    `overlay` applies flags to a manifest. Raises: Invalid with all errors of all environments; nothing is sent then.
    """
    loaded = loaded_of(source(paths), where.envs)
    errors = tuple(one for found in loaded.values() if found.manifest is None for one in found.diagnostics)
    if errors:
        raise Invalid(in_reading_order(errors))
    note_ignored_variables(where)
    return tuple(
        Target(name, overlay(found.manifest), found.diagnostics, access_to(where, found.manifest))
        for name, found in loaded.items()
        if found.manifest is not None
    )


def loaded_of(read: Source, envs: Sequence[str]) -> dict[str, Loaded]:
    """Return the loaded manifest of each requested environment, by name."""
    if not envs:
        return {"": read.loaded(None)}
    if ALL not in envs or not read.names:
        return {name: read.loaded(name) for name in dict.fromkeys(envs)}
    unknown = {name: read.loaded(name) for name in envs if name not in (ALL, *read.names)}
    return {**read.all().environments, **unknown}


def access_to_one(where: Common, paths: Sequence[Path]) -> Common:
    """Return how to reach the account of the one environment, for commands that do not need a manifest."""
    return where if single(where.envs) is None else targets(where, paths)[0].where


def access_to(where: Common, manifest: Manifest) -> Common:
    """Return how to reach the account of a manifest: only with the endpoint and token of its environment.

    The same holds for a plain manifest that sets them, so that a rendered environment has the same plan.
    Raises: AcrsyncError, click.UsageError.
    """
    name = manifest.environment
    if name is None and manifest.endpoint is None and manifest.token_env is None:
        return where
    owner = f"The environment {name}" if name is not None else "The manifest"
    if "token_file" in where.typed and (name is not None or manifest.token_env):
        raise click.UsageError(f"{owner} has its own token (`token_env`); leave out --token-file.")
    endpoint = _endpoint(where, manifest, owner)
    token_env = manifest.token_env
    if name is not None and token_env is None and not endpoint.startswith(EMULATOR):
        raise AcrsyncError(
            "E013",
            f"{owner} sets no variable for its token, and acrsync must not use a token of another account instead.",
            fix=f"add to the environment: token_env: ACRSYNC_TOKEN_{re.sub('[^A-Z0-9]', '_', name.upper())}",
        )
    if token_env is not None and not token_env.startswith("ACRSYNC_TOKEN_"):  # a saved plan may have been edited
        raise AcrsyncError("E012", f"{visible(token_env)} does not begin with ACRSYNC_TOKEN_.", fix="plan again.")
    return replace(where, endpoint=endpoint, token_env=token_env)


def _endpoint(where: Common, manifest: Manifest, owner: str) -> str:
    typed = where.endpoint if "endpoint" in where.typed else None
    named = manifest.endpoint
    if named is None and manifest.environment is None:
        return where.endpoint or DEFAULT_ENDPOINT
    if typed is not None:
        if typed.startswith(EMULATOR) or is_this_machine(typed) or typed == named:
            return typed
        message = f"{owner} has its own endpoint; --endpoint may only name this machine or `emulator:`, for tests."
        raise click.UsageError(message)
    named = named or DEFAULT_ENDPOINT
    if not named.startswith(EMULATOR) and not is_vendors(named) and not is_this_machine(named):
        detail = f"{visible(named)} is neither ACRCloud's nor this machine."  # a saved plan may have been edited
        raise AcrsyncError("E012", detail, fix="plan again.")
    return named


def note_ignored_variables(where: Common) -> None:
    """Print which variables of the shell are ignored, because environments have their own settings."""
    if not where.envs:
        return
    ignored = [name for name in ("ACRSYNC_TOKEN", "ACRSYNC_TOKEN_FILE") if environment(name)]
    if environment("ACRSYNC_ENDPOINT") and "endpoint" not in where.typed:
        ignored.append("ACRSYNC_ENDPOINT")
    if ignored:
        output.say(f"note: ignored, because an environment has its own endpoint and token: {', '.join(ignored)}.")


def file_for(path: Path, name: str) -> Path:
    """Return the name of a file for one environment: `{env}` is replaced with its name."""
    return Path(str(path).replace(PLACEHOLDER, name)) if name else path
