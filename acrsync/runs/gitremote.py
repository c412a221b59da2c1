"""The git program, run for one remote of the project's repository without changing that repository.

Why a separate repository: acrsync must not change the project's index or refs, and a shallow fetch changes the
repository that it runs in. So git runs in a bare repository in a temporary folder. This repository gets the project's
settings for reaching a server (credential helpers, headers, SSH command, other URLs). Settings, URLs and passwords are
passed in the environment, because every user of a machine can read a command line.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from subprocess import PIPE, Popen
from urllib.parse import unquote, urlsplit

from acrsync.diagnostics import AcrsyncError
from acrsync.frozen import frozen
from acrsync.visible import visible, without_login

NAME = "acrsync.run-store"  # of the remote in the temporary repository; no settings of the user are for this name
# The variables and project settings for reaching a server. All others that influence git are left out.
_VARIABLES = ("GIT_ASKPASS", "GIT_CONFIG_", "GIT_EXEC_PATH", "GIT_HTTP_", "GIT_PROXY_", "GIT_SSH", "GIT_SSL_")
_SETTINGS = ("core.askpass", "core.gitproxy", "core.sshcommand", "credential.", "http.", "ssh.", "url.")
# Each connection is used once: on a reused connection, curl sends a push again if the response is lost. The header must
# precede the project's settings: git ignores a header for all servers after a header for this server.
_ONCE = ("http.extraHeader", "Connection: close")
_OURS = {
    "http.version": "HTTP/1.1",
    "core.hooksPath": os.devnull,
    "gc.auto": "0",
    "maintenance.auto": "false",
    "log.showRoot": "true",
    "log.showSignature": "false",
    "color.ui": "false",
    "push.pushOption": "",
    "push.recurseSubmodules": "no",
    "submodule.recurse": "false",
}
# A credential helper with the user and password of the URL, which git would otherwise put on its own command lines.
_FROM_URL = (
    '!f() { test "$1" != get || '
    """printf 'username=%s\\npassword=%s\\n' "$ACRSYNC_GIT_USER" "$ACRSYNC_GIT_PASSWORD"; }; f"""
)


_INSTALL = "install git 2.31 or newer, or use an image that has it."
_TEMPORARY = "set TMPDIR to a folder that you may write to."


def correction(stderr: str) -> str:
    """Return how to correct a setting of this machine that keeps git from working; empty if it is something else."""
    if owned := re.search(r"dubious ownership in repository at '([^']+)'", stderr):
        return f"git config --global --add safe.directory {quote(owned[1])}"
    if re.search(r"transport '.*' not allowed", stderr):
        return "allow this kind of address: see `protocol.allow` in `git help config`, and GIT_ALLOW_PROTOCOL."
    return ""


def _unusable(detail: str, *, fix: str) -> AcrsyncError:
    return AcrsyncError("E083", detail, fix=fix)


@frozen
class Completed:
    """The result of a git process."""

    code: int
    output: bytes
    stderr: str  # without passwords


class GitRemote:
    """A repository in a temporary folder, with one remote: a URL, or what the project's repository calls `remote`."""

    def __init__(self, remote: str, *, project: Path, environment: Mapping[str, str], timeout_s: float) -> None:
        """Find the remote; nothing is sent. Raises: AcrsyncError if there is no git program or no such remote."""
        self._folder, self._timeout_s = project, timeout_s
        removed = {name for name in environment if name.startswith("GIT_") and not name.startswith(_VARIABLES)}
        self._environment = {name: value for name, value in environment.items() if name not in removed}
        self._environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        self._secrets: tuple[str, ...] = ()
        project_settings = self._settings()
        url = remote if re.search(r"[:/\\]", remote) else self._url_of(remote, dict(project_settings))
        try:
            self._environment["GIT_DIR"] = tempfile.mkdtemp(prefix="acrsync-")
        except OSError as error:
            raise _unusable(f"There is no folder for temporary files: {error}", fix=_TEMPORARY) from error
        weakref.finalize(self, shutil.rmtree, self._environment["GIT_DIR"], ignore_errors=True)
        made = self.run("init", "--bare", "--quiet", "--template=", "--object-format=sha1")
        if made.code:
            raise _unusable(f"`git init` fails: {made.stderr}", fix=_INSTALL)
        known = set(self._settings())
        needed = (pair for pair in project_settings if pair not in known and pair[0].startswith(_SETTINGS))
        self._configure([_ONCE, *needed, *_OURS.items()])
        self._configure([(f"remote.{NAME}.url", self._without_password(url))])

    def run(self, *arguments: str, stdin: bytes = b"") -> Completed:
        """Run git. Raises: TimeoutExpired, after git and its children are killed; AcrsyncError if it cannot run."""
        with self._started(arguments) as process:
            try:
                output, errors = process.communicate(stdin, self._timeout_s)
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        return Completed(process.returncode, output, self.hidden(errors.decode(errors="replace")))

    def _started(self, arguments: Sequence[str]) -> Popen[bytes]:
        try:
            return Popen(  # noqa: S603 - a list, and no shell
                ["git", *arguments],  # noqa: S607 - the user's git
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                cwd=self._folder,
                env=self._environment,
                start_new_session=True,  # an interrupt at the terminal reaches only acrsync, and ssh cannot prompt
            )
        except FileNotFoundError as error:
            raise _unusable("The program git is not installed.", fix=_INSTALL) from error
        except OSError as error:
            raise _unusable(f"The program git cannot be started: {error.strerror}.", fix=_INSTALL) from error

    def hidden(self, text: str) -> str:
        """Return a text as one line, without the passwords of URLs."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return visible(" ".join(without_login(text).split()))

    def _settings(self) -> list[tuple[str, str]]:
        done = self.run("config", "--null", "--list")
        if done.code:
            fix = (
                correction(done.stderr)
                or "correct the file or variable that it names, until `git config --list` works."
            )
            raise _unusable(f"`git config --list` fails: {done.stderr or f'exit code {done.code}'}", fix=fix)
        listed = done.output.decode(errors="surrogateescape")
        return [(key, value) for key, _, value in (entry.partition("\n") for entry in listed.split("\0")) if key]

    def _configure(self, settings: list[tuple[str, str]]) -> None:
        count = int(self._environment.get("GIT_CONFIG_COUNT") or 0)
        for number, (key, value) in enumerate(settings, count):
            self._environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        self._environment["GIT_CONFIG_COUNT"] = str(count + len(settings))

    def _url_of(self, remote: str, settings: Mapping[str, str]) -> str:
        """Return the URL for pushes, and change to the folder that it may be relative to."""
        url = settings.get(f"remote.{remote}.pushurl") or settings.get(f"remote.{remote}.url")
        top = self.run("rev-parse", "--show-toplevel")
        if url:
            self._folder = Path(top.output.decode(errors="surrogateescape").removesuffix("\n") or self._folder)
            return url
        names = sorted(re.findall(r"^remote\.(.*)\.url$", "\n".join(settings), re.MULTILINE))
        detail = f"git:{remote}: {top.stderr}" if top.code else f"The project's repository has no remote {remote!r}."
        fix = f"use one of: {', '.join(f'git:{name}' for name in names)}." if names else f"git remote add {remote} URL"
        if top.code:
            fix = (
                correction(top.stderr)
                or "run acrsync in a clone of the repository, or name it by its URL: --runs git:URL"
            )
        raise AcrsyncError("E084", detail, fix=fix)

    def _without_password(self, url: str) -> str:
        """Return a URL without user and password, which go to a credential helper."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.password is None:
            return url
        secret = parts.password or parts.username or ""  # `https://TOKEN:@host` has an empty password
        self._secrets = (secret, unquote(secret)) if secret else ()
        self._environment["ACRSYNC_GIT_USER"] = unquote(parts.username or "")
        self._environment["ACRSYNC_GIT_PASSWORD"] = unquote(parts.password)
        self._configure([("credential.helper", ""), ("credential.helper", _FROM_URL)])
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
