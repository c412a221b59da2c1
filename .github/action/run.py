"""Run acrsync as the inputs of the action ask: each arrives in a variable of the environment, none in a command line.

Only the standard library is used: the Python of the runner starts this file, not the one that acrsync is installed in.
"""

from __future__ import annotations

import base64
import glob
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

FORMATS = {"json": "json", "markdown": "md", "html": "html", "terraform-json": "tf.json"}


class Wrong(Exception):
    """An input has a value that it cannot have."""


def command_line(inputs: Mapping[str, str], kept: Path) -> list[str]:
    """Return the command and its options. An option is there only if its input is set."""
    command = inputs["COMMAND"]
    paths = ["--", *found(inputs["PATHS"])]
    if command == "validate":
        return [command, *paths]
    if command not in ("plan", "apply"):
        raise Wrong("command must be validate, plan or apply.")
    line = [command, *options(inputs)]
    each = "-{env}" if several(inputs["ENV"]) else ""
    if command == "plan":
        line += [f"--out={name}:{kept / 'plan'}{each}.{end}" for name, end in FORMATS.items()]
        if each:  # and one report of all, the worst environment first
            line += [f"--out={name}:{kept / 'plan'}.{FORMATS[name]}" for name in ("markdown", "html")]
        return [*line, *paths]
    line += [f"--{name}" for name in ("strict-runs", "allow-older") if is_true(inputs, name.upper().replace("-", "_"))]
    line.append(f"--out=record:{kept / 'record'}{each}.jsonl")
    if not inputs["PLAN"]:
        return [*line, "--yes", *paths]
    return [*line, "--yes", f"--plan={inputs['PLAN']}", *given("--expect", inputs["EXPECT"])]


def options(inputs: Mapping[str, str]) -> Iterator[str]:
    """Yield what plan and apply share."""
    yield from ["--prune"] if is_true(inputs, "PRUNE") else []
    yield from ["--detailed-exitcode"] if is_true(inputs, "DETAILED_EXITCODE") else []
    yield from given("--max-deletes", inputs["MAX_DELETES"])
    yield from given("--settle", inputs["SETTLE"])
    yield from given("--runs", inputs["RUNS"])
    yield from (f"--allow={word}" for word in inputs["ALLOW"].split())
    yield from (f"--env={word}" for word in inputs["ENV"].split())


def logged_in(inputs: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return settings with which git logs in to the repository's server; no file and no command line has them.

    The header is the one that actions/checkout keeps, so that a job that has both sends one.
    """
    server = environment.get("GITHUB_SERVER_URL")
    if not (inputs["GITHUB_TOKEN"] and server and inputs["RUNS"].startswith("git:")):
        return {}
    count = int(environment.get("GIT_CONFIG_COUNT") or 0)
    basic = base64.b64encode(f"x-access-token:{inputs['GITHUB_TOKEN']}".encode()).decode()
    key, value = f"http.{server}/.extraheader", f"AUTHORIZATION: basic {basic}"
    return {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": key,
        f"GIT_CONFIG_VALUE_{count}": value,
    }


def tokens_of(text: str) -> dict[str, str]:
    """Return tokens by the variable that holds each. Raises: Wrong, which shows none, if a line is not NAME=TOKEN."""
    tokens = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, token = line.partition("=")
        if not re.fullmatch(r"ACRSYNC_TOKEN_[A-Z0-9_]+", name.strip()):
            raise Wrong("each line of tokens must be ACRSYNC_TOKEN_NAME=TOKEN.")
        tokens[name.strip()] = token.strip()
    return {name: token for name, token in tokens.items() if token}


def given(option: str, value: str) -> list[str]:
    """Return an option with its value, or nothing."""
    return [f"{option}={value.strip()}"] if value.strip() else []


def is_true(inputs: Mapping[str, str], name: str) -> bool:
    """Return whether an input is `true`. Raises: Wrong if it is anything but that, `false` or empty."""
    value = inputs[name]
    if value not in ("", "true", "false"):
        raise Wrong(f"{name.lower().replace('_', '-')} must be true or false.")
    return value == "true"


def several(environments: str) -> bool:
    """Return whether there is more than one plan."""
    words = environments.split()
    return len(words) > 1 or words == ["all"]


def found(text: str) -> Iterator[str]:
    """Yield the paths of a text: a line is one path or pattern, else its words are, which quotes hold together."""
    for line in filter(None, map(str.strip, text.splitlines())):
        whole = matching(line)
        yield from whole or (path for word in words(line) for path in matching(word) or [word])


def matching(pattern: str) -> list[str]:
    """Return the files that a path or a pattern names, by name; none if there is none."""
    return [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - keeps "./"


def words(line: str) -> list[str]:
    """Return the words of a line as a shell would."""
    try:
        return shlex.split(line)
    except ValueError:  # a quote without its other half
        return line.split()


def main() -> None:
    """Become acrsync, so that it gets the signals of the runner; or exit with 1, because an input is wrong."""
    inputs = {name.removeprefix("INPUT_"): value for name, value in os.environ.items() if name.startswith("INPUT_")}
    kept = Path(os.environ["RUNNER_TEMP"]) / ("acrsync-record" if inputs["COMMAND"] == "apply" else "acrsync-plan")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INPUT_")}
    for name in ("TOKEN", "ENDPOINT"):
        if inputs[name]:
            environment[f"ACRSYNC_{name}"] = inputs[name]
    try:
        tokens = tokens_of(inputs["TOKENS"])
        line = command_line(inputs, kept)
    except Wrong as wrong:
        print(f"::error title=acrsync::{wrong}")  # noqa: T201 - the runner reads it
        sys.exit(1)
    if inputs["COMMAND"] == "apply":
        shutil.rmtree(kept, ignore_errors=True)  # records of an earlier apply in this job have their own artifact
    kept.mkdir(exist_ok=True)
    login = logged_in(inputs, environment)
    environment |= tokens
    for secret in filter(
        None, (inputs["TOKEN"], *tokens.values(), *(text.rpartition(" ")[2] for text in login.values() if " " in text))
    ):
        print(f"::add-mask::{secret}", flush=True)  # noqa: T201 - the runner reads it
    environment |= login
    os.execvpe("acrsync", ["acrsync", *line], environment)  # noqa: S606, S607 - no shell, and the one that was installed


if __name__ == "__main__":
    main()
