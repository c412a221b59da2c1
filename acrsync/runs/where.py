"""The place of runs: the text that a user writes, the store that it means, and the account that it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from acrsync.clock import Clock
from acrsync.diagnostics import AcrsyncError, Diagnostic, error
from acrsync.frozen import frozen
from acrsync.model import Manifest
from acrsync.runs import Runs
from acrsync.runs.folder import Account, FolderRuns
from acrsync.runs.memory import Known, key_of_manifest
from acrsync.runs.record import UNKNOWN_USER, Who
from acrsync.visible import visible, without_login

if TYPE_CHECKING:
    from acrsync.runs.store import Store

DEFAULT = ".acrsync/runs"
_DEPLOYMENTS = ("acrcloud.com", "acrcloud.cn")
_REMOTE_NAME = re.compile(r"\w[\w.-]*")
_BUCKET_SCHEME = re.compile(r"(s3|gs|az):")
_BUCKET = re.compile(r"\w+://[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_.=+-]+)*/?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # at least two letters: `C:` begins a path
_USER_AT_HOST = re.compile(r"[\w.-]+@[\w.-]+:(?!//)")  # git's short form of an ssh URL
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FORMS = "write a folder, git:origin, git:URL, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX."


@frozen
class Folder:
    """A folder of this machine."""

    path: str


@frozen
class Git:
    """The name of a remote of the project's repository, or the URL or path of a repository."""

    remote: str


@frozen
class Objects:
    """A bucket and a prefix in it."""

    url: str


Where = Folder | Git | Objects
TTL_S = {Git: 60.0, Objects: 30.0}  # how long a run holds an account without a renewal


def parse_where(text: str, *, in_manifest: bool) -> Where:
    """Return what the text means.

    The author of a manifest must not choose where a job with credentials connects. So a manifest may set only a folder
    in the project, a remote of the repository, or a bucket. Raises: AcrsyncError, which shows no password.
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
        raise _not_understood(text, "it is empty, has spaces around it, or contains characters that cannot be printed")
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
            raise _not_understood(text, "this is not a supported URL")
        if scheme[0].lower() == "http:" and urlsplit(url).hostname not in _LOOPBACK:
            raise _not_understood(text, "plain http would send the credentials unencrypted")
        try:
            urlsplit(url).port  # noqa: B018 - it raises
        except ValueError as e:
            raise _not_understood(text, f"this is not a valid URL ({visible(without_login(str(e)))})") from e
        return Git(url)
    if url.startswith("-") or not url:
        raise _not_understood(text, "this is not a name or a path")
    return Git(url) if text.startswith("git:") else Folder(text)


@frozen
class Memory:
    """Where runs are kept, and what is needed to open that place."""

    where: Where
    who: Who = UNKNOWN_USER
    project: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict)  # for the credentials of git and of object stores
    strict: bool = False  # claim each create
    allow_older: bool = False  # allow a commit that is older than the last applied one

    def opened(self, clock: Clock, *, endpoint: str | None, uid: int | None, settle_s: float, landing_s: float) -> Runs:
        """Return the runs of one account; those of all accounts in a folder if `endpoint` is None. Nothing is sent yet.

        Raises: AcrsyncError.
        """
        match self.where:
            case Folder(path):
                account = Account(endpoint, uid)
                return FolderRuns(
                    _folder(self.project, path), clock, account, who=self.who, settle_s=settle_s,
                    landing_s=landing_s, strict=self.strict,
                )  # fmt: skip
            case Git() | Objects() as where:
                from acrsync.runs.lease import LeasedRuns

                key = account_key(endpoint or "", uid)
                store = open_store(where, key, project=self.project, environment=self.environment)
                ttl_s = TTL_S[type(where)]
                return LeasedRuns(
                    store, clock, who=self.who, settle_s=settle_s, landing_s=landing_s, ttl_s=ttl_s, strict=self.strict
                )

    def hints(self, endpoint: str) -> tuple[Diagnostic, ...]:
        """Return a warning if the runs are in a folder of a CI job, which is lost when the job ends."""
        in_ci = self.environment.get("CI", "").lower() not in ("", "0", "false")
        if not in_ci or not isinstance(self.where, Folder) or endpoint.startswith("emulator:"):
            return ()
        detail = (
            f"They are in the folder {visible(self.where.path)}, which is lost when the job ends. Then later runs do "
            "not know what this run did, and two runs can write at the same time."
        )
        return (error("W085", detail, fix="keep them in the repository; add to the manifest: runs: git:origin"),)

    def older(self, known: Known, manifest: Manifest) -> tuple[Diagnostic, ...]:
        """Return the error or warning if this commit is, or may be, older than the last applied one."""
        if self.allow_older or not self.who.commit:
            return ()
        last = known.last_verified(repository=self.who.repository, manifest=key_of_manifest(manifest))
        from acrsync.runs.origin import compared

        return () if last is None else compared(self.who.commit, last, project=self.project)


def account_key(endpoint: str, uid: int | None) -> str:
    """Return the key of an account: the deployment and the uid, as in `acrcloud.com/19`.

    Raises: AcrsyncError if `uid` is None.
    """
    if uid is None:
        detail = "Without a fixed uid, two runs could use different locks for the same account."
        fix = "add to the manifest: account: {uid: UID} (UID is the number in the ACRCloud console)"
        raise AcrsyncError("E081", detail, fix=fix)
    try:
        parts = urlsplit(endpoint)
        number = parts.port
    except ValueError as e:
        detail = f"{visible(without_login(endpoint))} is not an address."
        raise AcrsyncError("E401", detail, fix="write it as in --endpoint https://api-v2.acrcloud.com.") from e
    host = (parts.hostname or "").rstrip(".")
    for domain in _DEPLOYMENTS:
        if host == domain or host.endswith(f".{domain}"):
            return f"{domain}/{uid}"
    if not host:  # the built-in emulator
        return f"{re.sub('[^a-z0-9]+', '_', endpoint.lower())}/{uid}"
    port = number or {"https": 443, "http": 80}.get(parts.scheme)
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


def _folder(project: Path, path: str) -> Path:
    try:
        folder = project / Path(path).expanduser()
        folder.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # a run makes it, or says why it cannot
        return folder
    except (OSError, RuntimeError) as e:  # such as a name that is too long, or no home folder
        raise _not_understood(path, f"{e.strerror if isinstance(e, OSError) else e}".rstrip(".")) from e
    return folder


def _not_understood(text: str, why: str) -> AcrsyncError:
    return AcrsyncError("E080", f"{_shown(text)}: {why}.", fix=_FORMS)


def _shown(text: str) -> str:
    return repr(visible(without_login(text)))
