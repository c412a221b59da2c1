"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acrsync.frozen import frozen

if TYPE_CHECKING:  # `--help` imports every command
    from acrsync.model import Approval, Limit

Function = Callable[..., Any]
DEFAULT_PATH = "acrsync.yaml"
RECORD = "record"  # the format of `--out` for the record of an apply, which is not a report on its plan
OTHER_PATH = "acrsync.yml"
HOUR_S = 3_600
DAY_S = 86_400


@frozen
class Common:
    """Options for the account, and for the output."""

    endpoint: str | None
    token_file: Path | None
    timeout_s: float
    color: str
    debug: bool
    envs: tuple[str, ...] = ()  # requested environments of the manifest
    typed: frozenset[str] = frozenset()  # of `endpoint` and `token_file`: those set on the command line
    token_env: str | None = None  # the only variable for the token, if a manifest sets it


@frozen
class Planning:
    """The options that `plan` and `apply` share."""

    paths: tuple[Path, ...]
    prune: bool
    max_deletes: Limit | None
    allow: tuple[Approval, ...]
    parallelism: int
    settle_s: float
    landing_s: float
    runs: str | None
    format: str
    out: tuple[tuple[str, Path], ...]  # format and file
    detailed_exitcode: bool

    @property
    def reports(self) -> tuple[tuple[str, Path], ...]:
        """Format and file of each report on the plan."""
        return tuple(one for one in self.out if one[0] != RECORD)

    @property
    def records(self) -> tuple[Path, ...]:
        """The files for the record of an apply."""
        return tuple(path for name, path in self.out if name == RECORD)


@frozen
class Applying:
    """The options that only `apply` has."""

    lock_timeout_s: float = 0.0
    strict_runs: bool = False
    allow_older: bool = False


class Finite(click.FloatRange):
    """A number within bounds. `nan`, which every comparison accepts, is refused."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail("nan is not a number.", param, ctx)
        return number


def seconds(
    option: str, *, most: float, default: float, help_text: str, zero: bool = True
) -> Callable[[Function], Function]:
    """Add an option that is a number of seconds, 0 only with `zero`."""
    kind = Finite(0, most, min_open=not zero)
    return click.option(option, type=kind, default=default, show_default=True, metavar="S", help=help_text)


def output_format(*formats: str, help_text: str = "Output format.") -> Callable[[Function], Function]:
    """Add `--format`, by default text, as the argument `format_`."""
    choice = click.Choice(formats)
    return click.option("--format", "format_", type=choice, default="text", show_default=True, help=help_text)


def common(function: Function) -> Function:
    """Add the options of every command with an account, as one argument `Common`."""

    @endpoint("Address of the API; `emulator:` is a built-in test account on this machine.")
    @click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE", help="Read the token from a file.")
    @seconds("--timeout", most=DAY_S, default=60, help_text="Seconds for one request, to its last byte.", zero=False)
    @env
    @color
    @click.option("--debug", is_flag=True, help="Log each request to stderr, without secrets.")
    @functools.wraps(function)
    def wrapper(
        *,
        endpoint: str | None,
        token_file: Path | None,
        timeout: float,
        envs: tuple[str, ...],
        color: str,
        debug: bool,
        **rest: Any,
    ) -> Any:
        typed = frozenset(filter(_is_typed, ("endpoint", "token_file")))
        return function(Common(endpoint, token_file, timeout, color, debug, envs, typed), **rest)

    return wrapper


def _is_typed(name: str) -> bool:
    """Return whether an option is set on the command line, not by a variable."""
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def endpoint(help_text: str) -> Callable[[Function], Function]:
    """Add `--endpoint`."""
    return click.option(
        "--endpoint", envvar="ACRSYNC_ENDPOINT", show_envvar=True, metavar="URL|emulator:...", help=help_text
    )


def profile(help_text: str) -> Callable[[Function], Function]:
    """Add `--profile`: the behavior of an emulator."""
    return click.option("--profile", default="documented", show_default=True, metavar="NAME|FILE", help=help_text)


def env(function: Function) -> Function:
    """Add `--env` as the argument `envs`."""
    return click.option(
        "--env",
        "envs",
        multiple=True,
        callback=_named,
        metavar="NAME|all",
        shell_complete=offered("environments"),
        help="The environment of the manifest. Repeatable.",
    )(function)


def _named(_: click.Context, __: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    if "" in values:
        raise click.BadParameter("it names no environment.")
    return tuple(values)


def color(function: Function) -> Function:
    """Add `--color`."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="Color. NO_COLOR=1 turns it off, FORCE_COLOR=1 on.",
    )(function)


def planning(function: Function) -> Function:
    """Add the options that `plan` and `apply` share, as one argument `Planning`."""

    @paths
    @output_format("text", "json")
    @click.option(
        "--out",
        multiple=True,
        callback=_outputs,
        shell_complete=offered("outputs"),
        metavar="[FORMAT:]FILE",
        help="Also write the plan to FILE; as json it is a saved plan. With apply, record:FILE is the run. Repeatable.",
    )
    @click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 if a plan has changes.")
    @click.option("--prune", is_flag=True, help="Delete buckets that the manifest does not name (see `prune:`).")
    @click.option(
        "--max-deletes", callback=limit, metavar="N|P%", help="Allow at most this many deletes and replacements."
    )
    @click.option(
        "--allow",
        multiple=True,
        callback=approvals,
        shell_complete=offered("approvals"),
        metavar="GUARD:ID",
        help="Approve one objection.",
    )
    @click.option(
        "--parallelism",
        type=click.IntRange(1, 64),
        default=4,
        show_default=True,
        metavar="N",
        help="Changes made at the same time.",
    )
    @seconds("--settle", most=HOUR_S, default=30, help_text="Seconds that the list may lag behind a write.")
    @seconds(
        "--landing",
        most=HOUR_S,
        default=30,
        help_text="Seconds that a request may take to arrive; relevant after a crash.",
    )
    @runs
    @functools.wraps(function)
    def wrapper(  # noqa: PLR0913 - one for each option
        *args: Any,
        paths: tuple[Path, ...],
        prune: bool,
        max_deletes: Limit | None,
        allow: tuple[Approval, ...],
        parallelism: int,
        settle: float,
        landing: float,
        runs: str | None,
        format_: str,
        out: tuple[tuple[str, Path], ...],
        detailed_exitcode: bool,
        **rest: Any,
    ) -> Any:
        shared = Planning(
            paths, prune, max_deletes, allow, parallelism, settle, landing, runs, format_, out, detailed_exitcode
        )
        return function(*args, shared, **rest)

    return wrapper


def applying(function: Function) -> Function:
    """Add the options that only `apply` has, as one argument `Applying`."""

    @seconds(
        "--lock-timeout",
        most=DAY_S,
        default=300,
        help_text="Seconds to wait for another apply on this account; then exit with 5.",
    )
    @click.option(
        "--strict-runs",
        is_flag=True,
        help="Record each create in the run store before it is sent; never send it again without your approval.",
    )
    @click.option("--allow-older", is_flag=True, help="Apply a commit that is older than the last applied one.")
    @functools.wraps(function)
    def wrapper(*args: Any, lock_timeout: float, strict_runs: bool, allow_older: bool, **rest: Any) -> Any:
        return function(*args, Applying(lock_timeout, strict_runs, allow_older), **rest)

    return wrapper


def runs(function: Function) -> Function:
    """Add `--runs`."""
    return click.option(
        "--runs",
        envvar="ACRSYNC_RUNS",
        show_envvar=True,
        metavar="WHERE",
        help="Where runs are kept: a folder (by default .acrsync/runs), git:REMOTE, s3://, gs:// or az://.",
    )(function)


def paths(function: Function) -> Function:
    """Add PATH...: files, folders or `-`; by default acrsync.yaml or acrsync.yml."""
    argument = click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
    return argument(function)


def default_paths() -> tuple[Path, ...]:
    """Return the manifest of this folder: acrsync.yaml or, if only that exists, acrsync.yml."""
    other = Path(OTHER_PATH)
    return (other,) if other.is_file() and not Path(DEFAULT_PATH).exists() else (Path(DEFAULT_PATH),)


def names(function: Function) -> Function:
    """Add NAME...; without it all buckets."""
    return click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=offered("buckets"))(function)


def compared(function: Function) -> Function:
    """Add `--manifest` as the argument `manifests`, for commands whose PATH is not a manifest."""
    option = click.option(
        "--manifest",
        "manifests",
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="FILE",
        help="Compare with this manifest, not with acrsync.yaml. Repeatable.",
    )
    return option(function)


def offered(what: str) -> Callable[[click.Context, click.Parameter, str], Any]:
    """Return the completion of a value; it is imported when a shell requests it."""

    def complete(context: click.Context, parameter: click.Parameter, typed: str) -> Any:
        from acrsync.cli import completion

        return getattr(completion, what)(context, parameter, typed)

    return complete


def _outputs(_: click.Context, __: click.Parameter, values: Sequence[str]) -> tuple[tuple[str, Path], ...]:
    if not values:  # the usual case, in which the reports load while the first answer is waited for
        return ()
    from acrsync.report import FORMATS

    found: list[tuple[str, Path]] = []
    for value in values:
        name, colon, path = value.partition(":")
        formats = (*FORMATS, RECORD)
        file = path if colon and name in formats else value
        if file in ("", "-"):
            raise click.BadParameter("the name of the file is missing." + " For stdout use --format." * bool(file))
        if Path(file) in {other for _, other in found}:
            raise click.BadParameter(f"two outputs go to {file}.")
        if colon and name in formats:
            found.append((name, Path(path)))
        elif colon and re.fullmatch(r"[a-z-]{2,}", name):
            raise click.BadParameter(f"{name} is not one of the formats {', '.join(formats)} (a file: ./{value}).")
        else:
            found.append(("json", Path(value)))
    return tuple(found)


def limit(_: click.Context, __: click.Parameter, value: str | None) -> Limit | None:
    """Return the value of `--max-deletes`."""
    if value is None:
        return None
    from acrsync.model import Limit

    match = re.fullmatch(r"([0-9]+)(%?)", value)
    if match is None:
        raise click.BadParameter(f"{value!r} is neither a number nor a percentage.")
    return Limit(int(match[1]), percent=bool(match[2]))


def approvals(_: click.Context, __: click.Parameter, values: Sequence[str]) -> tuple[Approval, ...]:
    """Return the values of `--allow`."""
    from acrsync.model import Approval
    from acrsync.plan.guards import APPROVABLE

    found = []
    for value in values:
        guard, _colon, what = value.partition(":")
        match = re.fullmatch("([0-9]+)|acrsync:([a-z0-9][a-z0-9._-]*)", what)
        if guard not in set(APPROVABLE) or match is None or (match[2] and guard != "takeover"):
            guards = ", ".join(sorted(APPROVABLE))
            raise click.BadParameter(f"{value!r} is not GUARD:ID with a guard that can be approved ({guards}).")
        found.append(Approval(guard, int(match[1]) if match[1] else None, "--allow", stack=match[2]))
    return tuple(found)
