"""The object of an account as commits on one ref of a git repository.

Each swap is one commit. Its message is the note. Its tree contains `account.json` and, as `runs/ID.jsonl`, the records
that were stored last. So `git log` shows the history, and a new runner fetches only a few files.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from subprocess import TimeoutExpired

from acrsync.runs.gitremote import NAME, Completed, GitRemote, correction
from acrsync.runs.store import NO_RECORDS, Conflict, Stored, StoreError, Unanswered
from acrsync.visible import visible

_FILE = "account.json"
_NO_LIMIT = "--depth=2147483647"  # how git spells an infinite depth
# What git prints (LC_ALL=C) if a push changed nothing: it failed before it sent the commit, or it was denied.
_NOT_SENT = re.compile(
    r"unable to access|authentication failed|could not read (username|password|from remote repository)"
    r"|rpc failed; http 4|does not appear to be a git repository|repository '.*' not found|terminal prompts disabled"
    r"|dubious ownership|transport '.*' not allowed",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"error: 40[13]|http 40[13]|authentication failed|could not read (username|password)|denied|not found|host key"
    r"|terminal prompts disabled|does not appear to be|dubious ownership|not allowed",
    re.IGNORECASE,
)
# What servers respond if another push was faster.
_RACED = re.compile(
    r"lock|failed to update ref|already exists|incorrect old value|stale|fetch first|fast-forward|does not point",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(r"does not appear to be|repository '.*' not found", re.IGNORECASE)
_ALLOW = (
    "let this job push: on GitHub give it `permissions: {contents: write}` and keep the credentials of "
    "actions/checkout; on GitLab turn on Settings, CI/CD, Job token permissions, Allow Git push requests."
)

_IN_THE_WAY = (
    "check in that repository that this job can also read {ref}, that no other ref has the name of a folder of it, and "
    "that no file {ref}.lock is left."
)


class GitStore:
    """One ref of a repository, given by its URL or as the name of a remote in the project's repository."""

    def __init__(
        self, remote: str, ref: str, *, project: Path, environment: Mapping[str, str], timeout_s: float = 20
    ) -> None:
        """Find the remote; nothing is sent. `environment`: of the git processes. Raises: AcrsyncError."""
        self._git = GitRemote(remote, project=project, environment=environment, timeout_s=timeout_s)
        self._ref = ref
        self._known: set[str] = set()  # versions whose commits are in the temporary repository
        self.where = self._git.hidden(f"git:{remote}")

    def read(self) -> Stored | None:
        # After the first commit, git asks only for newer commits and never for older ones.
        if not self._fetch(*() if self._known else ("--depth=1",)):
            return None
        version = self._git.run("rev-parse", self._ref).output.decode().strip()
        self._known.add(version)
        file = self._git.run("cat-file", "blob", f"{version}^{{commit}}:{_FILE}")
        if file.code:
            fix = f"read the history of {self._ref}, and delete the ref if no run is unfinished."
            raise self._error(
                "E072", f"commit {version} does not contain {_FILE}, so acrsync did not write it.", fix=fix
            )
        return Stored(file.output, version)

    def swap(self, data: bytes, *, expected: str | None, note: str, records: Mapping[str, bytes] = NO_RECORDS) -> str:
        if expected and expected not in self._known:
            current = self.read()
            if current is None or current.version != expected:
                raise self._conflict()
        commit = self._commit(data, expected, note, records)
        lease = f"--force-with-lease={self._ref}:{expected or ''}"
        options = ("--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", lease)
        try:
            pushed = self._git.run("push", *options, NAME, f"{commit}:{self._ref}")
        except TimeoutExpired as error:
            raise self._unanswered(f"no response in {error.timeout:g} s") from None
        if pushed.code:
            raise self._push_error(pushed, expected)
        self._known.add(commit)
        return commit

    def record_ids(self) -> tuple[str, ...]:
        return tuple(sorted(self._recorded()))

    def record(self, run_id: str) -> bytes | None:
        commit = self._recorded().get(run_id)
        return self._git.run("cat-file", "blob", f"{commit}:runs/{run_id}.jsonl").output if commit else None

    def _recorded(self) -> Mapping[str, str]:
        """Return, by run id, the commit with the newest record of each run."""
        if not self._fetch(_NO_LIMIT):
            return {}
        files = ("--name-only", "--no-renames", "--diff-filter=AM")
        listed = self._git.run("log", "--format=%H", *files, self._ref, "--", "runs")
        found: dict[str, str] = {}
        commit = ""
        for line in listed.output.decode().split():
            if line.startswith("runs/"):
                found.setdefault(line.removeprefix("runs/").removesuffix(".jsonl"), commit)
            else:
                commit = line
        return found

    def _fetch(self, *depth: str) -> bool:
        """Fetch the ref. Return False if the remote does not have it."""
        try:
            ended = self._git.run("fetch", "--quiet", "--no-tags", *depth, NAME, f"+{self._ref}:{self._ref}")
        except TimeoutExpired as error:
            raise self._error("E070", f"no response in {error.timeout:g} s.") from None
        if ended.code and "couldn't find remote ref" not in ended.stderr:
            raise self._error("E071" if _DENIED.search(ended.stderr) else "E070", ended.stderr)
        return not ended.code

    def _commit(self, data: bytes, parent: str | None, note: str, records: Mapping[str, bytes]) -> str:
        """Make a unique commit: if two runs pushed equal commits, the server would accept both."""
        nonce = secrets.token_hex(16)
        message = f"{visible(' '.join(note.split())) or 'A run'}\n\nSwap: {nonce}\n"
        parts = [f"commit refs/swaps/{nonce}\nmark :1\ncommitter acrsync <acrsync@localhost> now\n".encode()]
        parts += [_sized(message.encode()), f"from {parent}\n".encode() if parent else b""]
        parts += [f"M 100644 inline {_FILE}\n".encode(), _sized(data)]
        parts += [b"D runs\n"] if records else []
        for run_id, lines in records.items():
            parts += [f"M 100644 inline runs/{run_id}.jsonl\n".encode(), _sized(lines)]
        stream = b"".join([*parts, b"get-mark :1\ndone\n"])
        made = self._git.run("fast-import", "--quiet", "--done", "--date-format=now", stdin=stream)
        if made.code:  # the disk is full, or someone removed the temporary folder
            fix = "free some space, or set TMPDIR to another folder."
            raise self._error("E070", f"git cannot write to its temporary folder: {made.stderr}.", fix=fix)
        return made.output.decode().strip()

    def _push_error(self, pushed: Completed, expected: str | None) -> StoreError:
        """Return what a failed push means: a conflict, a refusal, or a lost response."""
        line = next((line for line in pushed.output.decode(errors="replace").splitlines() if line[:1] == "!"), "")
        answer = line.rpartition("\t")[2]
        if answer.startswith("[rejected]"):
            return self._conflict(answer)
        if answer.startswith("[remote rejected]"):
            current = None if _RACED.search(answer) else self.read()
            unchanged = not _RACED.search(answer) and (current.version if current else None) == expected
            return self._error("E071", self._git.hidden(answer)) if unchanged else self._conflict(answer)
        if not line and _NOT_SENT.search(pushed.stderr):
            return self._error("E071" if _DENIED.search(pushed.stderr) else "E070", pushed.stderr)
        return self._unanswered(pushed.stderr)

    def _error(self, code: str, problem: str, *, fix: str = "") -> StoreError:
        fix = fix or correction(problem)
        if not fix and code == "E071":
            fix = "correct the URL, or create the repository." if _NOT_FOUND.search(problem) else _ALLOW
        fix = fix or "check the connection and the URL, and run again: nothing was changed."
        return StoreError(code, f"{self.where}: {problem[-500:]}", fix=fix)

    def _conflict(self, answer: str = "") -> Conflict:
        detail = f"{self.where}: {self._git.hidden(answer) or 'another run was faster'}."
        return Conflict("E073", detail, fix=_IN_THE_WAY.format(ref=self._ref))

    def _unanswered(self, problem: str) -> Unanswered:
        detail = f"{self.where}: {problem[-500:]}. acrsync does not know whether the object was changed."
        return Unanswered("E074", detail)


def _sized(data: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(data), data)
