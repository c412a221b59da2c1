"""The git program, run for one remote of the project's repository without touching that repository.

Why a repository of its own: neither the project's index nor its refs are ours, and a shallow fetch writes into the
repository that it is made in. So everything happens in a bare one in a temporary folder. It gets the project's settings
for reaching a server (credential helpers, headers, SSH command, other URLs), as if git were called there. All settings,
URLs and passwords travel in the environment: every user of a machine can read a command line.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from urllib.parse import unquote, urlsplit

from acrsync.diagnostics import AcrsyncError
from acrsync.visible import visible

NAME = "acrsync"  # of the remote in the repository in the temporary folder
# Of the environment and the project's settings, what says how to reach a server, and nothing that steers git otherwise.
_VARIABLES = ("GIT_ASKPASS", "GIT_CONFIG_", "GIT_EXEC_PATH", "GIT_HTTP_", "GIT_PROXY_", "GIT_SSH", "GIT_SSL_")
_SETTINGS = ("core.askpass", "core.gitproxy", "core.sshcommand", "credential.", "http.", "ssh.", "url.")
# A connection is used once: on one that was used before, curl sends a push again if its answer is lost. The header must
# stand before the project's settings: git ignores one for all servers after one for this server.
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
# A credential helper that gives git what the URL held, and what would otherwise be on command lines of git's own.
_FROM_URL = (
    '!f() { test "$1" != get || '
    """printf 'username=%s\\npassword=%s\\n' "$ACRSYNC_GIT_USER" "$ACRSYNC_GIT_PASSWORD"; }; f"""
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a git process ended."""

    code: int
    output: bytes
    said: str  # on standard error, without passwords


class GitRemote:
    """A repository in a temporary folder, with one remote: a URL, or what the project's repository calls `remote`."""

    def __init__(self, remote: str, *, project: Path, environment: Mapping[str, str], timeout_s: float) -> None:
        """Find the remote; nothing is sent. Raises: AcrsyncError if there is no git program or no such remote."""
        self._folder, self._timeout_s = project, timeout_s
        steering = {name for name in environment if name.startswith("GIT_") and not name.startswith(_VARIABLES)}
        self._environment = {name: value for name, value in environment.items() if name not in steering}
        self._environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        self._secrets: tuple[str, ...] = ()
        try:
            there = self._settings()
        except FileNotFoundError as error:
            fix = "install git 2.31 or newer, or use an image that has it."
            raise AcrsyncError("E083", "There is no git program.", fix=fix) from error
        url = remote if re.search(r"[:/\\]", remote) else self._url_of(remote, dict(there))
        self._environment["GIT_DIR"] = tempfile.mkdtemp(prefix="acrsync-")
        weakref.finalize(self, shutil.rmtree, self._environment["GIT_DIR"], ignore_errors=True)
        self.run("init", "--bare", "--quiet", "--template=", "--object-format=sha1")
        here = set(self._settings())
        theirs = (pair for pair in there if pair not in here and pair[0].startswith(_SETTINGS))
        self._configure([_ONCE, *theirs, *_OURS.items()])
        self._configure([(f"remote.{NAME}.url", self._without_password(url))])

    def run(self, *arguments: str, stdin: bytes = b"") -> Ended:
        """Run git to its end. Raises: TimeoutExpired, when it is ended with all that it started."""
        with Popen(  # noqa: S603 - a list, and no shell
            ["git", *arguments],  # noqa: S607 - the user's git
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=self._folder,
            env=self._environment,
            start_new_session=True,  # an interrupt at the terminal is acrsync's, and ssh asks nobody
        ) as process:
            try:
                output, said = process.communicate(stdin, self._timeout_s)
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        return Ended(process.returncode, output, self.hidden(said.decode(errors="replace")))

    def hidden(self, text: str) -> str:
        """Return a text without the passwords of URLs, as one line."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return visible(" ".join(re.sub(r"(\w://)[^/\s'\"]*@", r"\1***@", text).split()))

    def _settings(self) -> list[tuple[str, str]]:
        listed = self.run("config", "--null", "--list").output.decode(errors="surrogateescape")
        return [(key, value) for key, _, value in (entry.partition("\n") for entry in listed.split("\0")) if key]

    def _configure(self, settings: list[tuple[str, str]]) -> None:
        count = int(self._environment.get("GIT_CONFIG_COUNT") or 0)
        for number, (key, value) in enumerate(settings, count):
            self._environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        self._environment["GIT_CONFIG_COUNT"] = str(count + len(settings))

    def _url_of(self, remote: str, settings: Mapping[str, str]) -> str:
        """Return the URL that is pushed to, and go to the folder that it may be relative to."""
        url = settings.get(f"remote.{remote}.pushurl") or settings.get(f"remote.{remote}.url")
        top = self.run("rev-parse", "--show-toplevel")
        if url:
            self._folder = Path(top.output.decode(errors="surrogateescape").removesuffix("\n") or self._folder)
            return url
        names = sorted(re.findall(r"^remote\.(.*)\.url$", "\n".join(settings), re.MULTILINE))
        detail = f"git:{remote}: {top.said}" if top.code else f"The project's repository has no remote {remote!r}."
        fix = f"use one of: {', '.join(f'git:{name}' for name in names)}." if names else f"git remote add {remote} URL"
        raise AcrsyncError("E084", detail, fix=fix)

    def _without_password(self, url: str) -> str:
        """Return a URL without user and password, which a credential helper then knows."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.password:
            return url
        self._secrets = (parts.password, unquote(parts.password))
        self._environment["ACRSYNC_GIT_USER"] = unquote(parts.username or "")
        self._environment["ACRSYNC_GIT_PASSWORD"] = unquote(parts.password)
        self._configure([("credential.helper", ""), ("credential.helper", _FROM_URL)])
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
