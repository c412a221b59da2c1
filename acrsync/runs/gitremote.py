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
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from urllib.parse import unquote, urlsplit

from acrsync.diagnostics import AcrsyncError
from acrsync.frozen import frozen
from acrsync.visible import visible

NAME = "acrsync"  # of the remote in the repository in the temporary folder
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
        try:
            project_settings = self._settings()
        except FileNotFoundError as error:
            fix = "install git 2.31 or newer, or use an image that has it."
            raise AcrsyncError("E083", "The program git is not installed.", fix=fix) from error
        url = remote if re.search(r"[:/\\]", remote) else self._url_of(remote, dict(project_settings))
        self._environment["GIT_DIR"] = tempfile.mkdtemp(prefix="acrsync-")
        weakref.finalize(self, shutil.rmtree, self._environment["GIT_DIR"], ignore_errors=True)
        self.run("init", "--bare", "--quiet", "--template=", "--object-format=sha1")
        known = set(self._settings())
        needed = (pair for pair in project_settings if pair not in known and pair[0].startswith(_SETTINGS))
        self._configure([_ONCE, *needed, *_OURS.items()])
        self._configure([(f"remote.{NAME}.url", self._without_password(url))])

    def run(self, *arguments: str, stdin: bytes = b"") -> Completed:
        """Run git. Raises: TimeoutExpired, after git and its child processes are killed."""
        with Popen(  # noqa: S603 - a list, and no shell
            ["git", *arguments],  # noqa: S607 - the user's git
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=self._folder,
            env=self._environment,
            start_new_session=True,  # an interrupt at the terminal reaches only acrsync, and ssh cannot prompt
        ) as process:
            try:
                output, errors = process.communicate(stdin, self._timeout_s)
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        return Completed(process.returncode, output, self.hidden(errors.decode(errors="replace")))

    def hidden(self, text: str) -> str:
        """Return a text as one line, without the passwords of URLs."""
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
        """Return the URL for pushes, and change to the folder that it may be relative to."""
        url = settings.get(f"remote.{remote}.pushurl") or settings.get(f"remote.{remote}.url")
        top = self.run("rev-parse", "--show-toplevel")
        if url:
            self._folder = Path(top.output.decode(errors="surrogateescape").removesuffix("\n") or self._folder)
            return url
        names = sorted(re.findall(r"^remote\.(.*)\.url$", "\n".join(settings), re.MULTILINE))
        detail = f"git:{remote}: {top.stderr}" if top.code else f"The project's repository has no remote {remote!r}."
        fix = f"use one of: {', '.join(f'git:{name}' for name in names)}." if names else f"git remote add {remote} URL"
        raise AcrsyncError("E084", detail, fix=fix)

    def _without_password(self, url: str) -> str:
        """Return a URL without user and password, which go to a credential helper."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.password:
            return url
        self._secrets = (parts.password, unquote(parts.password))
        self._environment["ACRSYNC_GIT_USER"] = unquote(parts.username or "")
        self._environment["ACRSYNC_GIT_PASSWORD"] = unquote(parts.password)
        self._configure([("credential.helper", ""), ("credential.helper", _FROM_URL)])
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
