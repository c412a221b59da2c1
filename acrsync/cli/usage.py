"""Advice for an option or command that does not exist: a similar one, or the equivalent of another tool's option.

Why a table in addition to spelling: `--purge` is spelled like `--prune`, and a typo must not lead to an option that
deletes.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import click

# Never suggested by spelling: they delete, approve, or skip a question.
CAREFUL = frozenset({"--prune", "--allow", "--max-deletes", "--yes"})

_PLAN = ("`acrsync plan` shows what would change; it never writes.", "run `acrsync plan`.")
_WHOLE = (
    "A plan always covers the whole account.",
    "to change one bucket, edit only its entry; `acrsync show NAME` shows one bucket.",
)
_IN_MANIFEST = (
    "Values are set in the manifest, so that they can be reviewed.",
    "edit the manifest; what differs between accounts goes under `variables:` and `environments:`.",
)
_ENV = ("", "write `--env NAME`, with an environment of the manifest.")
_FORCE = (
    "No option overrides all objections: each is approved separately.",
    "run `acrsync plan`; it prints the lines that approve each objection.",
)
_DELETE = (
    "No option deletes buckets by name.",
    "list the bucket under `removed:` in the manifest, and check the plan.",
)
_JSON = ("", "`--format json` prints JSON, and `--out FILE` writes a file.")
_NO_STATE = ("acrsync has no state file: each plan reads the account.", "remove the option.")
_TOKEN = (
    "Other users could see a token option in the list of processes.",
    "set ACRSYNC_TOKEN, or name a file: --token-file FILE.",
)
_YES = (
    "On a terminal, `apply` asks before it writes; no other command asks.",
    "review a saved plan and apply exactly that plan: `acrsync plan --out plan.json`, "
    "then `acrsync apply --plan plan.json --yes`.",
)
_FILE = ("", "write the file without an option: `{command} FILE`.")
_ENDPOINT = ("", "write `--endpoint URL`.")

# Options of other tools, without hyphens: an explanation, and what to do.
OPTIONS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("dry-run", "dryrun", "n", "check", "diff", "preview", "what-if", "whatif", "no-op", "noop"), _PLAN
    ),
    **dict.fromkeys(("target", "t", "resource", "limit", "exclude", "include", "only"), _WHOLE),
    **dict.fromkeys(("auto-approve", "y", "assume-yes", "non-interactive", "skip-preview", "no-input", "input"), _YES),
    **dict.fromkeys(("f", "file", "filename", "c", "config", "config-file", "k", "kustomize"), _FILE),
    **dict.fromkeys(("var", "var-file", "set", "values", "region", "type", "name", "label"), _IN_MANIFEST),
    **dict.fromkeys(("e", "environment", "workspace", "stack", "namespace", "context"), _ENV),
    **dict.fromkeys(("approve", "force", "replace", "force-replace", "overwrite", "ignore-errors"), _FORCE),
    **dict.fromkeys(("destroy", "delete", "remove", "purge", "cascade", "d"), _DELETE),
    **dict.fromkeys(("json", "o", "output"), _JSON),
    **dict.fromkeys(("state", "refresh", "refresh-only", "lock", "backend-config", "reconfigure", "s"), _NO_STATE),
    **dict.fromkeys(("token", "access-token", "api-key", "apikey", "password", "bearer"), _TOKEN),
    **dict.fromkeys(("url", "host", "server", "base-url", "api-url"), _ENDPOINT),
    **dict.fromkeys(("verbose", "v", "vv", "log-level", "trace"), ("", "`--debug` logs each request.")),
    **dict.fromkeys(
        ("quiet", "q", "silent"), ("stdout has only the result.", "redirect the rest: `{command} 2>/dev/null`.")
    ),
    **dict.fromkeys(("no-color", "no-colour", "no-colors"), ("", "write `--color never`, or set NO_COLOR=1.")),
    **dict.fromkeys(("concurrency", "jobs", "j", "workers"), ("", "write `--parallelism N`.")),
    **dict.fromkeys(("version", "V"), ("", "run `acrsync --version`.")),
    "help": ("", "run `{command} --help`."),
}
# Commands of other tools.
COMMANDS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("diff", "preview", "dry-run", "whatif", "refresh", "drift"), ("", "run `acrsync plan`.")),
    **dict.fromkeys(
        ("up", "deploy", "sync", "push", "update", "reconcile"), ("", "run `acrsync apply`; it asks for confirmation.")
    ),
    **dict.fromkeys(
        ("import", "adopt"),
        ("A bucket is managed once the manifest names it.", "run `acrsync export NAME`, and paste the entry."),
    ),
    **dict.fromkeys(("init", "new", "pull", "dump"), ("", "run `acrsync export --out acrsync.yaml`.")),
    **dict.fromkeys(("ls", "get", "output", "outputs", "stack"), ("", "run `acrsync list`.")),
    **dict.fromkeys(("describe", "cat", "inspect", "view", "info"), ("", "run `acrsync show NAME`.")),
    **dict.fromkeys(("state", "refresh-state"), ("acrsync has no state file: `list` reads the account.", "")),
    **dict.fromkeys(
        ("destroy", "delete", "rm", "remove", "down"),
        ("No command deletes directly: each deletion is planned and reviewed first.", "see `acrsync plan --help`."),
    ),
    **dict.fromkeys(("history", "log", "logs"), ("", "run `acrsync runs`; `acrsync show RUN` shows one.")),
    **dict.fromkeys(("undo", "rollback", "revert"), ("", "run `acrsync plan --undo last --out undo.json`.")),
    **dict.fromkeys(("check", "lint", "fmt", "format", "test"), ("", "run `acrsync validate`.")),
    **dict.fromkeys(("login", "auth", "configure"), ("acrsync does not store tokens.", "set ACRSYNC_TOKEN.")),
    **dict.fromkeys(("mv", "move", "rename"), ("", "change `name:` of the entry, and add `was: OLD NAME`.")),
    "version": ("", "run `acrsync --version`."),
    "help": ("", "run `acrsync --help`, or add --help to a command."),
    "rule": ("", "run `acrsync explain CODE`."),
}


def advice(failure: click.ClickException, arguments: Sequence[str]) -> tuple[str, str]:
    """Return what is wrong with a command line, and what to do."""
    context = failure.ctx if isinstance(failure, click.UsageError) else None
    command = context.command_path if context else _command_of(arguments)
    see = f"see `{command} --help`."
    match failure:
        case click.NoSuchOption() if context:
            written = _as_written(failure.option_name, arguments)
            explanation, fix = _option(written, context)
            problem = f"`{command}` has no option {written}."
            return f"{problem} {explanation}".rstrip(), fix.format(command=command) or see
        case click.exceptions.NoSuchCommand():
            explanation, fix = _command(failure.command_name)
            return f"There is no command {failure.command_name}. {explanation}".rstrip(), fix or see
        case click.BadParameter(param=click.Option(envvar=str(variable)) as option) if context and _from_environment(
            option, context
        ):
            return f"{variable} is set. {failure.format_message()}", f"correct {variable}, or unset it."
        case _:
            return failure.format_message(), see


def _command_of(arguments: Sequence[str]) -> str:
    """Return the command of a line that click could not read far enough to know it."""
    from acrsync.cli import COMMANDS as OURS

    return " ".join(("acrsync", *(name for name in arguments[:1] if name in OURS)))


def _from_environment(option: click.Option, context: click.Context) -> bool:
    source = context.get_parameter_source(option.name or "")
    return source is click.core.ParameterSource.ENVIRONMENT


def _as_written(name: str, arguments: Sequence[str]) -> str:
    """Return an option as it was typed: for `-target`, the parser of short options reports only `-t`."""
    if name.startswith("--"):
        return name
    typed = (a.partition("=")[0] for a in arguments if a.startswith("-") and not a.startswith("--"))
    return next((option for option in typed if name.lstrip("-") in option), name)


def _option(written: str, context: click.Context) -> tuple[str, str]:
    word = written.lstrip("-")
    own = _options_of(context.command)
    if f"--{word}" in own and f"--{word}" not in CAREFUL:
        return "", f"write --{word}, with two hyphens."
    if f"--{word}" in CAREFUL and f"--{word}" not in own:
        return "", ""
    if word in OPTIONS:
        return OPTIONS[word]
    if _near(f"--{word}", own) in CAREFUL:
        return "", ""
    if near := _near(f"--{word}", own - CAREFUL):
        return f"Did you mean {near}?", f"write {near}."
    elsewhere = [name for name, options in _options_of_others(context) if f"--{word}" in options - CAREFUL]
    return (f"It is an option of {' and '.join(elsewhere)}.", "") if elsewhere else ("", "")


def _command(word: str) -> tuple[str, str]:
    from acrsync.cli import COMMANDS as OURS

    if word in COMMANDS:
        return COMMANDS[word]
    near = _near(word, OURS)
    return (f"Did you mean {near}?", f"run `acrsync {near}`.") if near else ("", "")


def _near(word: str, known: Sequence[str] | frozenset[str]) -> str | None:
    """Return the name that begins with the word, or has a similar spelling."""
    beginning = sorted(name for name in known if len(word) > len("--x") and name.startswith(word))
    return next(iter(beginning or difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.7)), None)


def _options_of(command: click.Command) -> frozenset[str]:
    return frozenset(name for option in command.params for name in option.opts if name.startswith("--"))


def _options_of_others(context: click.Context) -> list[tuple[str, frozenset[str]]]:
    group = context.parent.command if context.parent else context.command
    if not isinstance(group, click.Group):
        return []
    found = ((name, group.get_command(context, name)) for name in group.list_commands(context))
    return [(f"`acrsync {name}`", _options_of(command)) for name, command in found if command]
