"""Where runs are kept: the text that a person writes, the store that it means, and the account that it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from acrsync.clock import Clock
from acrsync.diagnostics import AcrsyncError, Diagnostic, error
from acrsync.model import Manifest
from acrsync.runs import Runs
from acrsync.runs.folder import Account, FolderRuns
from acrsync.runs.lease import LeasedRuns
from acrsync.runs.memory import Known, manifest_key
from acrsync.runs.origin import compared
from acrsync.runs.record import NOBODY, Who
from acrsync.runs.store import Store
from acrsync.visible import visible

DEFAULT = ".acrsync/runs"
_DEPLOYMENTS = ("acrcloud.com", "acrcloud.cn")
_REMOTE_NAME = re.compile(r"\w[\w.-]*")
_BUCKET_SCHEME = re.compile(r"(s3|gs|az):")
_BUCKET = re.compile(r"\w+://[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_.=+-]+)*/?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # of two letters or more: `C:` begins a path
_USER_AT_HOST = re.compile(r"[\w.-]+@[\w.-]+:(?!//)")  # git's short form of an ssh URL
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FORMS = "write a folder, git:origin, git:URL, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX."


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine."""

    path: str


@dataclass(frozen=True, slots=True)
class Git:
    """A remote of the project's repository by its name, or a repository by its URL or path."""

    remote: str


@dataclass(frozen=True, slots=True)
class Objects:
    """A bucket, and where in it."""

    url: str


Where = Folder | Git | Objects
TTL_S = {Git: 60.0, Objects: 30.0}  # how long an account is held without a renewal


def parse_where(text: str, *, in_manifest: bool) -> Where:
    """Return what the text means.

    A manifest may name no place that its author chooses and that a job with credentials then connects to: only a folder
    inside the project, a remote that the repository has, or a bucket. Raises: AcrsyncError, which shows no password.
    """
    where = _parsed(text)
    match where:
        case Folder(path):
            allowed = not re.match(r"[/\\~]|[A-Za-z]:", path) and ".." not in re.split(r"[/\\]", path)
        case Git(remote):
            allowed = bool(_REMOTE_NAME.fullmatch(remote))
        case Objects():
            allowed = True
    if in_manifest and not allowed:
        raise AcrsyncError(
            "E082",
            f"{_shown(text)}: a change to a manifest must not decide where a job with credentials connects or writes.",
            fix="set it with --runs or ACRSYNC_RUNS, or name a folder in the project, git:origin or a bucket.",
        )
    return where


def _parsed(text: str) -> Where:
    url = text.removeprefix("git:")
    scheme = _SCHEME.match(url)
    if not text or not text.isprintable() or text != text.strip():
        raise _not_understood(text, "it is empty, has spaces around it, or characters that do not print")
    if _BUCKET_SCHEME.match(text):
        if not _BUCKET.fullmatch(text) or "/./" in f"{text}/" or "/../" in f"{text}/":
            raise _not_understood(
                text, "only letters, digits and the characters -._=+ are allowed in bucket and prefix"
            )
        return Objects(text.rstrip("/"))
    if _USER_AT_HOST.match(url):
        return Git(url)
    if scheme:
        if scheme[0].lower() not in ("https:", "http:", "ssh:", "file:") or "://" not in url:
            raise _not_understood(text, f"{scheme[0]} is not known")
        if scheme[0].lower() == "http:" and urlsplit(url).hostname not in _LOOPBACK:
            raise _not_understood(text, "plain http would send the credentials in clear")
        return Git(url)
    if url.startswith("-") or not url:
        raise _not_understood(text, "this is not a name or a path")
    return Git(url) if text.startswith("git:") else Folder(text)


@dataclass(frozen=True, slots=True)
class Memory:
    """Where runs are kept, and what must be known to open that."""

    where: Where
    who: Who = NOBODY
    project: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict)  # for the credentials of git and of object stores
    strict: bool = False  # creates are claimed
    allow_older: bool = False  # a commit that is older than the one applied last

    def opened(self, clock: Clock, *, endpoint: str | None, uid: int | None, settle_s: float, landing_s: float) -> Runs:
        """Return the runs of one account; in a folder without an endpoint, of all accounts. Nothing is sent yet.

        Raises: AcrsyncError.
        """
        match self.where:
            case Folder(path):
                account = Account(endpoint, uid)
                return FolderRuns(
                    self.project / Path(path).expanduser(), clock, account, who=self.who, settle_s=settle_s,
                    landing_s=landing_s, strict=self.strict,
                )  # fmt: skip
            case Git() | Objects() as where:
                key = account_key(endpoint or "", uid)
                store = open_store(where, key, project=self.project, environment=self.environment)
                ttl_s = TTL_S[type(where)]
                return LeasedRuns(
                    store, clock, who=self.who, settle_s=settle_s, landing_s=landing_s, ttl_s=ttl_s, strict=self.strict
                )

    def hints(self, endpoint: str) -> tuple[Diagnostic, ...]:
        """Return what people must know of where runs are kept: a pipeline's runner forgets a folder."""
        in_ci = self.environment.get("CI", "").lower() not in ("", "0", "false")
        if not in_ci or not isinstance(self.where, Folder) or endpoint.startswith("emulator:"):
            return ()
        detail = (
            f"They are in the folder {visible(self.where.path)}, which is lost when the job ends. Then later runs do "
            "not know what this one did, and two runs can write at the same time."
        )
        return (error("W085", detail, fix="keep them in the repository; add to the manifest: runs: git:origin"),)

    def older(self, known: Known, manifest: Manifest) -> tuple[Diagnostic, ...]:
        """Return why this commit must not be applied, if it is older than the one that was applied last."""
        if self.allow_older or not self.who.commit:
            return ()
        key = manifest_key(manifest.stack, manifest.environment, manifest.files)
        last = known.last_verified(repository=self.who.repository, manifest=key)
        return () if last is None else compared(self.who.commit, last, project=self.project)


def account_key(endpoint: str, uid: int | None, *, seen: int | None = None) -> str:
    """Return what tells an account from all others: the deployment and the uid, as in `acrcloud.com/19`.

    `seen`: the uid that the list or the token shows, for the line to paste. Raises: AcrsyncError if `uid` is None.
    """
    if uid is None:
        detail = "A uid that is only learned from the list could change, and two runs would not see each other."
        how = f"account: {{uid: {seen or 'UID'}}}" + ("" if seen else " (UID is the number in the ACRCloud console)")
        raise AcrsyncError("E081", detail, fix=f"add to the manifest: {how}")
    parts = urlsplit(endpoint)
    host = (parts.hostname or "").rstrip(".")
    for domain in _DEPLOYMENTS:
        if host == domain or host.endswith(f".{domain}"):
            return f"{domain}/{uid}"
    if not host:  # the built-in emulator
        return f"{re.sub('[^a-z0-9]+', '_', endpoint.lower())}/{uid}"
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return f"{re.sub('[^a-z0-9.-]+', '_', f'{host}:{port}')}/{uid}"


def open_store(where: Git | Objects, key: str, *, project: Path, environment: Mapping[str, str]) -> Store:
    """Return the store of an account; nothing is sent yet. Raises: AcrsyncError."""
    match where:
        case Git(remote):
            from acrsync.runs.git import GitStore

            if ":" not in remote and re.search(r"[/\\]", remote):
                remote = str((project / Path(remote).expanduser()).absolute())
            return GitStore(remote, f"refs/acrsync/{key}", project=project, environment=environment)
        case Objects(url):
            from acrsync.runs.objects import ObjectStore

            return ObjectStore(url, key)


def _not_understood(text: str, why: str) -> AcrsyncError:
    return AcrsyncError("E080", f"{_shown(text)}: {why}.", fix=_FORMS)


def _shown(text: str) -> str:
    return repr(visible(re.sub(r"(\w://)[^/\s]*@", r"\1***@", text)))
