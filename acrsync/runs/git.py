"""The object of an account as commits on one ref of a git repository.

Each swap is one commit: its message is the note, its tree holds `account.json` and, as `runs/ID.jsonl`, the records
that were last kept. So `git log` is the history, and a fresh runner fetches a few files, however long that history is.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from subprocess import TimeoutExpired

from acrsync.runs.gitremote import NAME, Ended, GitRemote
from acrsync.runs.store import NO_RECORDS, Conflict, Stored, StoreError, Unanswered
from acrsync.visible import visible

_FILE = "account.json"
_NO_LIMIT = "--depth=2147483647"  # git's word for it
# What git says (LC_ALL=C) when a push changed nothing: it ended before the commit was offered, or was denied.
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
# What servers answer when another push was faster.
_RACED = re.compile(
    r"lock|failed to update ref|already exists|incorrect old value|stale|fetch first|fast-forward|does not point",
    re.IGNORECASE,
)
_NOT_THERE = re.compile(r"does not appear to be|repository '.*' not found", re.IGNORECASE)
_ALLOW = (
    "let this job push: on GitHub give it `permissions: {contents: write}` and keep the credentials of "
    "actions/checkout; on GitLab turn on Settings, CI/CD, Job token permissions, Allow Git push requests."
)


class GitStore:
    """One ref of a repository, which is named by its URL or by the name of a remote of the project's repository."""

    def __init__(
        self, remote: str, ref: str, *, project: Path, environment: Mapping[str, str], timeout_s: float = 20
    ) -> None:
        """Find the remote; nothing is sent. `environment` is the one that git is to run in. Raises: AcrsyncError."""
        self._git = GitRemote(remote, project=project, environment=environment, timeout_s=timeout_s)
        self._ref = ref
        self._known: set[str] = set()  # versions whose commits are in the temporary repository
        self.where = self._git.hidden(f"git:{remote}")

    def read(self) -> Stored | None:
        # After the first commit, git asks only for what is newer; what is older stays away.
        if not self._fetch(*() if self._known else ("--depth=1",)):
            return None
        version = self._git.run("rev-parse", self._ref).output.decode().strip()
        self._known.add(version)
        file = self._git.run("cat-file", "blob", f"{version}:{_FILE}")
        if file.code:
            fix = f"look at the history of {self._ref}, and delete it if no run is unfinished."
            raise self._trouble("E072", f"commit {version} holds no {_FILE}, so acrsync did not write it.", fix=fix)
        return Stored(file.output, version)

    def swap(self, data: bytes, *, expected: str | None, note: str, records: Mapping[str, bytes] = NO_RECORDS) -> str:
        if expected and expected not in self._known:
            now = self.read()
            if now is None or now.version != expected:
                raise self._conflict()
        commit = self._commit(data, expected, note, records)
        lease = f"--force-with-lease={self._ref}:{expected or ''}"
        options = ("--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", lease)
        try:
            pushed = self._git.run("push", *options, NAME, f"{commit}:{self._ref}")
        except TimeoutExpired as error:
            raise self._unanswered(f"no answer in {error.timeout:g} s") from None
        if pushed.code:
            raise self._why_not(pushed, expected)
        self._known.add(commit)
        return commit

    def kept(self) -> tuple[str, ...]:
        return tuple(sorted(self._recorded()))

    def record(self, run_id: str) -> bytes | None:
        commit = self._recorded().get(run_id)
        return self._git.run("cat-file", "blob", f"{commit}:runs/{run_id}.jsonl").output if commit else None

    def _recorded(self) -> Mapping[str, str]:
        """Return the commit that holds the newest record of each run."""
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
        """Fetch the ref; False if the remote has none."""
        try:
            ended = self._git.run("fetch", "--quiet", "--no-tags", *depth, NAME, f"+{self._ref}:{self._ref}")
        except TimeoutExpired as error:
            raise self._trouble("E070", f"no answer in {error.timeout:g} s.") from None
        if ended.code and "couldn't find remote ref" not in ended.said:
            raise self._trouble("E071" if _DENIED.search(ended.said) else "E070", ended.said)
        return not ended.code

    def _commit(self, data: bytes, parent: str | None, note: str, records: Mapping[str, bytes]) -> str:
        """Make a commit, unlike all others: two equal ones, pushed by two runs, would both be accepted."""
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
        assert not made.code, f"git fast-import: {made.said}. This is a bug in acrsync."
        return made.output.decode().strip()

    def _why_not(self, pushed: Ended, expected: str | None) -> StoreError:
        """Return what a failed push means: a conflict, a refusal, or an answer that was lost."""
        line = next((line for line in pushed.output.decode(errors="replace").splitlines() if line[:1] == "!"), "")
        answer = line.rpartition("\t")[2]
        if answer.startswith("[rejected]"):
            return self._conflict()
        if answer.startswith("[remote rejected]"):
            now = None if _RACED.search(answer) else self.read()
            unchanged = not _RACED.search(answer) and (now.version if now else None) == expected
            return self._trouble("E071", self._git.hidden(answer)) if unchanged else self._conflict()
        if not line and _NOT_SENT.search(pushed.said):
            return self._trouble("E071" if _DENIED.search(pushed.said) else "E070", pushed.said)
        return self._unanswered(pushed.said)

    def _trouble(self, code: str, said: str, *, fix: str = "") -> StoreError:
        if not fix and code == "E071":
            fix = "correct the URL, or create the repository." if _NOT_THERE.search(said) else _ALLOW
        fix = fix or "look at the connection and the URL, and run again: nothing was changed."
        return StoreError(code, f"{self.where}: {said[-500:]}", fix=fix)

    def _conflict(self) -> Conflict:
        return Conflict("E073", f"{self.where}: another run was faster.")

    def _unanswered(self, said: str) -> Unanswered:
        detail = f"{self.where}: {said[-500:]}. It is not known whether the object was changed."
        return Unanswered("E074", detail)


def _sized(data: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(data), data)
