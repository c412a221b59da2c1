"""The environments that a command is about: what each wants, and how its account is reached.

What is applied stands in git. So with an environment only its own endpoint and its own variable for the token count;
what the shell happens to hold for another account does not reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from acrsync.cli import environment, output
from acrsync.cli.endpoint import DEFAULT_ENDPOINT, EMULATOR, is_this_machine, is_vendors
from acrsync.cli.options import Common
from acrsync.diagnostics import AcrsyncError, Diagnostic, Invalid, in_reading_order
from acrsync.manifest import Loaded, Source, source
from acrsync.model import Manifest
from acrsync.visible import visible

ALL = "all"
PLACE = "{env}"  # in the name of a file: the environment


@dataclass(frozen=True, slots=True)
class Target:
    """One environment, or a manifest without any."""

    name: str  # empty: there are none
    manifest: Manifest
    hints: tuple[Diagnostic, ...]
    where: Common


def is_fleet(where: Common) -> bool:
    """Tell whether a command reports of environments by name: several are asked for, or all, however many there are."""
    return len(set(where.envs)) > 1 or ALL in where.envs


def targets(
    where: Common, paths: Sequence[Path], *, overlay: Callable[[Manifest], Manifest] = lambda manifest: manifest
) -> tuple[Target, ...]:
    """Return what the manifest says for each environment that is asked for; for a manifest without any, that.

    `overlay` lays flags over a manifest. Raises: Invalid with all mistakes of all of them: then nothing is sent.
    """
    loaded = loaded_of(source(paths), where.envs)
    told = tuple(one for found in loaded.values() if found.manifest is None for one in found.diagnostics)
    if told:
        raise Invalid(in_reading_order(told))
    note_what_is_ignored(where)
    return tuple(
        Target(name, overlay(found.manifest), found.diagnostics, within(where, found.manifest))
        for name, found in loaded.items()
        if found.manifest is not None
    )


def loaded_of(read: Source, envs: Sequence[str]) -> dict[str, Loaded]:
    """Return what the manifest says for each environment that is asked for, by name."""
    if not envs:
        return {"": read.loaded(None)}
    if ALL in envs and read.names:
        return {**read.all().environments}
    return {name: read.loaded(name) for name in dict.fromkeys(envs)}


def one(where: Common, paths: Sequence[Path]) -> Common:
    """Return how the account of the one environment is reached, for commands that need no manifest otherwise."""
    if not where.envs:
        return where
    if is_fleet(where):
        raise click.UsageError("This command takes one environment: write --env NAME once.")
    return targets(where, paths)[0].where


def env_of(where: Common) -> str | None:
    """Return the one environment that is asked for, None if there is none."""
    return where.envs[0] if where.envs else None


def within(where: Common, manifest: Manifest) -> Common:
    """Return how a manifest's account is reached: an environment's own endpoint and token count, and no others.

    A plain manifest that names them is treated alike: what was rendered for an environment plans as that does.
    Raises: AcrsyncError, click.UsageError.
    """
    name = manifest.environment
    if name is None and manifest.endpoint is None and manifest.token_env is None:
        return where
    whose = f"The environment {name}" if name is not None else "The manifest"
    if "token_file" in where.typed and (name is not None or manifest.token_env):
        raise click.UsageError(f"{whose} has its own token (`token_env`); leave out --token-file.")
    endpoint = _endpoint(where, manifest, whose)
    token_env = manifest.token_env
    if name is not None and token_env is None and not endpoint.startswith(EMULATOR):
        raise AcrsyncError(
            "E013",
            f"{whose} names no variable for its token, and a token for another account must not be taken instead.",
            fix=f"add to the environment: token_env: ACRSYNC_TOKEN_{_upper(name)}",
        )
    if token_env is not None and not token_env.startswith("ACRSYNC_TOKEN_"):  # a saved plan may have been edited
        raise AcrsyncError("E012", f"{visible(token_env)} does not begin with ACRSYNC_TOKEN_.", fix="plan again.")
    return replace(where, endpoint=endpoint, token_env=token_env)


def _endpoint(where: Common, manifest: Manifest, whose: str) -> str:
    typed = where.endpoint if "endpoint" in where.typed else None
    named = manifest.endpoint
    if named is None and manifest.environment is None:
        return where.endpoint or DEFAULT_ENDPOINT
    if typed is not None:
        if typed.startswith(EMULATOR) or is_this_machine(typed) or typed == named:
            return typed
        message = f"{whose} has its own endpoint; --endpoint may only name this machine or `emulator:`, for tests."
        raise click.UsageError(message)
    named = named or DEFAULT_ENDPOINT
    if not named.startswith(EMULATOR) and not is_vendors(named) and not is_this_machine(named):
        detail = f"{visible(named)} is neither ACRCloud's nor this machine."  # a saved plan may have been edited
        raise AcrsyncError("E012", detail, fix="plan again.")
    return named


def note_what_is_ignored(where: Common) -> None:
    """Say which variables of the shell do not count, because the environments have their own."""
    if not where.envs:
        return
    ignored = [name for name in ("ACRSYNC_TOKEN", "ACRSYNC_TOKEN_FILE") if environment(name)]
    if environment("ACRSYNC_ENDPOINT") and "endpoint" not in where.typed:
        ignored.append("ACRSYNC_ENDPOINT")
    if ignored:
        output.say(f"note: ignored, as an environment has its own endpoint and token: {', '.join(ignored)}.")


def file_for(path: Path, name: str) -> Path:
    """Return the name of a file for one environment: `{env}` in it stands for that."""
    return Path(str(path).replace(PLACE, name)) if name else path


def _upper(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name.upper())
