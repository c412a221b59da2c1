"""git as a run store: whose credentials, whose repository, and what is said when something is missing."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from pathlib import Path

import pytest

from acrsync.clock import WallClock
from acrsync.diagnostics import AcrsyncError
from acrsync.runs.git import GitStore
from acrsync.runs.lease import Lease, LeasedRuns, Object
from acrsync.runs.record import UNKNOWN_USER
from acrsync.runs.store import Store, StoreError, Unanswered
from store_places import REF, bare
from store_servers import Quiet, git_backend, listening

SECRET = "s3cr3t-t0ken"
BASIC = "Basic " + base64.b64encode(f"x-access-token:{SECRET}".encode()).decode()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with one commit, beside an empty repository `remote.git`."""
    bare(tmp_path / "remote.git")
    project = tmp_path / "project"
    git("init", "--quiet", "--initial-branch=main", str(project), folder=tmp_path)
    (project / "acrsync.yaml").write_text("version: 1\n")
    git("add", "acrsync.yaml", folder=project)
    git("commit", "--quiet", "--message=first", folder=project)
    return project


def git(*arguments: str, folder: Path) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def opened(remote: str, project: Path, *, timeout_s: float = 10, **environment: str) -> GitStore:
    return GitStore(remote, REF, project=project, environment={**os.environ, **environment}, timeout_s=timeout_s)


def used(store: Store) -> None:
    """Swap twice and read all back."""
    version = store.swap(b"one", expected=None, note="first", records={"20260101T000000Z-aaaaaa": b"lines\n"})
    store.swap(b"two", expected=version, note="second")
    now = store.read()
    assert now is not None
    assert now.data == b"two"
    assert store.record_ids() == ("20260101T000000Z-aaaaaa",)
    assert store.record("20260101T000000Z-aaaaaa") == b"lines\n"


def everything(folder: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_history_of_an_account_is_a_git_log(project: Path):
    store = opened("../remote.git", project)
    used(store)

    log = git("log", "--format=%s", REF, folder=project.parent / "remote.git")
    assert log == "second\nfirst\n"
    tree = git("ls-tree", "-r", "--name-only", REF, folder=project.parent / "remote.git")
    assert tree == "account.json\nruns/20260101T000000Z-aaaaaa.jsonl\n"


def test_a_remote_of_the_project_is_found_by_its_name_and_the_project_stays_as_it_is(project: Path):
    git("remote", "add", "origin", "../remote.git", folder=project)  # relative to the top
    (project / "staged").write_text("staged\n")
    git("add", "staged", folder=project)
    (project / "folder").mkdir()
    before = everything(project)

    used(opened("origin", project / "folder"))
    assert everything(project) == before
    assert REF in git("for-each-ref", folder=project.parent / "remote.git")


def test_a_push_url_is_where_runs_are_kept(project: Path):
    git("remote", "add", "origin", "/nowhere/at-all.git", folder=project)
    git("remote", "set-url", "--push", "origin", str(project.parent / "remote.git"), folder=project)

    used(opened("origin", project))


def test_insteadof_urls_count_as_in_git(project: Path):
    git("remote", "add", "origin", "short:remote.git", folder=project)
    git("config", f"url.{project.parent}/.insteadOf", "short:", folder=project)

    used(opened("origin", project))


def test_variables_of_a_hook_do_not_lead_into_the_project(project: Path):
    before = everything(project)

    index = str(project / ".git/index")
    remote = str(project.parent / "remote.git")
    used(opened(remote, project, GIT_DIR=str(project / ".git"), GIT_INDEX_FILE=index, GIT_WORK_TREE=str(project)))
    assert everything(project) == before


HOSTILE = """
[color]
	ui = always
[push]
	gpgSign = true
	followTags = true
	pushOption = x
	recurseSubmodules = on-demand
	default = nothing
[submodule]
	recurse = true
[fetch]
	prune = true
	pruneTags = true
[log]
	showRoot = false
	showSignature = true
	decorate = full
[commit]
	gpgSign = true
[diff]
	renames = copies
	noprefix = true
[core]
	quotePath = true
	pager = false
	hooksPath = {hooks}
[init]
	templateDir = {template}
	defaultBranch = "main"
[transfer]
	fsckObjects = true
[alias]
	push = "!false"
"""


def test_the_users_git_configuration_changes_nothing(project: Path, tmp_path: Path):
    hooks, ran = tmp_path / "template" / "hooks", tmp_path / "ran"
    hooks.mkdir(parents=True)
    for name in ("pre-push", "reference-transaction", "post-update"):
        (hooks / name).write_text(f"#!/bin/sh\necho {name} >> {ran}\nexit 1\n")
        (hooks / name).chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(HOSTILE.format(hooks=hooks, template=tmp_path / "template"))

    with served(tmp_path) as (url, _):
        used(opened(f"{url}/remote.git", project, GIT_CONFIG_GLOBAL=str(settings), LANG="de_DE.UTF-8", LANGUAGE="de"))
    assert not ran.exists()


@contextmanager
def served(root: Path, *, wanted: str = "", readers: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Serve repositories to requests with one Authorization header; yield the address and all command lines seen.

    `readers`: without one it can read, and gets 403 when it pushes.
    """
    lines: list[str] = []

    def allowed(path: str, headers: Message) -> int:
        lines.extend(command_lines())
        if not wanted or headers.get_all("Authorization") == [wanted]:
            return 200
        if readers:
            return 403 if "receive-pack" in path else 200
        return 401

    with listening(git_backend(root, allowed)) as url:
        yield url, lines


def command_lines() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in found if "git" in line]


AS_USER = "Basic " + base64.b64encode(f"{SECRET}:".encode()).decode()


@pytest.mark.parametrize(
    ("login", "wanted"), [(f"x-access-token:{SECRET}@", BASIC), (f"{SECRET}:@", AS_USER)], ids=["password", "user"]
)
def test_the_login_of_a_url_reaches_the_server_and_no_command_line(
    project: Path, tmp_path: Path, login: str, wanted: str
):
    with served(tmp_path, wanted=wanted) as (url, lines):
        store = opened(url.replace("//", f"//{login}") + "/remote.git", project)
        used(store)
    assert any("remote.git" in line for line in lines)
    assert not [line for line in lines if SECRET in line]
    assert SECRET not in store.where
    assert "***@" in store.where


def test_a_password_is_decoded_from_the_url_and_never_shown(project: Path, tmp_path: Path):
    password = "p@ss/w%rd'x"
    wanted = "Basic " + base64.b64encode(f"me:{password}".encode()).decode()
    encoded = "p%40ss%2Fw%25rd%27x"
    with served(tmp_path, wanted=wanted) as (url, lines):
        used(opened(url.replace("//", f"//me:{encoded}@") + "/remote.git", project))
        wrong = opened(url.replace("//", f"//you:{encoded}@") + "/remote.git", project)
        with pytest.raises(StoreError) as caught:
            wrong.read()
    assert caught.value.diagnostic.code == "E071"
    for text in (str(caught.value), caught.value.diagnostic.fix, wrong.where, *lines):
        assert password not in text
        assert encoded not in text


def test_the_credentials_of_a_checkout_are_used(project: Path, tmp_path: Path):
    """actions/checkout leaves a header in the repository's own settings."""
    with served(tmp_path, wanted=BASIC) as (url, lines):
        git("remote", "add", "origin", f"{url}/remote.git", folder=project)
        git("config", f"http.{url}/.extraheader", f"AUTHORIZATION: {BASIC}", folder=project)
        used(opened("origin", project))
    assert not [line for line in lines if BASIC.split()[1] in line]


def test_the_credentials_of_a_checkout_are_used_from_a_file_that_it_includes(project: Path, tmp_path: Path):
    """Newer versions of it leave the header outside the repository, for this repository's folder only."""
    with served(tmp_path, wanted=BASIC) as (url, _):
        git("remote", "add", "origin", f"{url}/remote.git", folder=project)
        git(
            "config",
            "--file",
            str(tmp_path / "more"),
            f"http.{url}/.extraheader",
            f"AUTHORIZATION: {BASIC}",
            folder=project,
        )
        git("config", f"includeIf.gitdir:{project}/.git.path", str(tmp_path / "more"), folder=project)
        used(opened("origin", project))


def test_a_credential_helper_is_asked(project: Path, tmp_path: Path):
    helper = f"!f() {{ echo username=x-access-token; echo password={SECRET}; }}; f"
    with served(tmp_path, wanted=BASIC) as (url, _):
        git("remote", "add", "origin", f"{url}/remote.git", folder=project)
        git("config", f"credential.{url}.helper", helper, folder=project)
        used(opened("origin", project))


def test_settings_in_the_environment_are_kept(project: Path, tmp_path: Path):
    with served(tmp_path, wanted=BASIC) as (url, _):
        name, value = f"http.{url}/.extraheader", f"AUTHORIZATION: {BASIC}"
        remote = f"{url}/remote.git"
        used(opened(remote, project, GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0=name, GIT_CONFIG_VALUE_0=value))


def test_credentials_that_are_configured_twice_are_sent_once(project: Path, tmp_path: Path):
    """By a checkout that keeps them and by the action: a server refuses two such headers."""
    with served(tmp_path, wanted=BASIC) as (url, _):
        name, value = f"http.{url}/.extraheader", f"AUTHORIZATION: {BASIC}"
        git("config", name, value, folder=project)
        remote = f"{url}/remote.git"
        used(opened(remote, project, GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0=name, GIT_CONFIG_VALUE_0=value))


def test_an_ssh_command_is_used_and_gets_no_terminal(project: Path, tmp_path: Path):
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nif [ -t 0 ]; then exit 9; fi\nfor last; do :; done\nexec sh -c "$last"\n')
    ssh.chmod(0o755)
    git("config", "core.sshCommand", str(ssh), folder=project)
    git("remote", "add", "origin", f"git@example.test:{tmp_path}/remote.git", folder=project)

    used(opened("origin", project))


def refused(action: Callable[[], object]) -> StoreError:
    with pytest.raises(StoreError) as caught:
        action()
    assert not isinstance(caught.value, Unanswered)
    return caught.value


def test_if_a_job_can_only_read_the_missing_permission_is_named(project: Path, tmp_path: Path):
    with served(tmp_path, wanted=BASIC, readers=True) as (url, _):
        store = opened(f"{url}/remote.git", project)
        assert store.read() is None
        error = refused(lambda: store.swap(b"x", expected=None, note="no")).diagnostic
    assert error.code == "E071"
    assert "contents: write" in error.fix
    assert "403" in error.detail


def test_without_credentials_there_is_no_password_prompt(project: Path, tmp_path: Path):
    with served(tmp_path, wanted=BASIC) as (url, _):
        assert refused(opened(f"{url}/remote.git", project).read).diagnostic.code == "E071"


@pytest.mark.parametrize("remote", ["/nowhere/at-all.git", "file:///nowhere/at-all.git"])
def test_a_missing_repository_is_a_refusal(project: Path, remote: str):
    store = opened(remote, project)

    for action in (store.read, lambda: store.swap(b"x", expected=None, note="no")):
        error = refused(action).diagnostic
        assert (error.code, error.fix) == ("E071", "correct the URL, or create the repository.")


def test_an_unreachable_server_is_distinguished_from_one_that_refuses(project: Path):
    store = opened("http://127.0.0.1:9/remote.git", project)

    assert refused(store.read).diagnostic.code == "E070"
    assert refused(lambda: store.swap(b"x", expected=None, note="no")).diagnostic.code == "E070"


def test_a_declining_server_hook_is_a_refusal_with_its_message(project: Path, tmp_path: Path):
    hook = tmp_path / "remote.git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)

    error = refused(lambda: opened("../remote.git", project).swap(b"x", expected=None, note="no")).diagnostic
    assert error.code == "E071"
    assert "hook declined" in error.detail


def test_a_ref_that_acrsync_did_not_write_is_damage(project: Path):
    git("push", "--quiet", "../remote.git", f"HEAD:{REF}", folder=project)

    assert refused(opened("../remote.git", project).read).diagnostic.code == "E072"


def test_an_unknown_remote_is_reported_with_the_existing_ones(project: Path):
    git("remote", "add", "upstream", "../remote.git", folder=project)

    with pytest.raises(AcrsyncError) as caught:
        opened("origin", project)
    assert caught.value.diagnostic.code == "E084"
    assert caught.value.diagnostic.fix == "use one of: git:upstream."


def test_outside_a_repository_a_remote_has_no_meaning(tmp_path: Path):
    with pytest.raises(AcrsyncError) as caught:
        opened("origin", tmp_path, GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert caught.value.diagnostic.code == "E084"
    assert "not a git repository" in caught.value.diagnostic.detail


def test_a_missing_git_program_is_reported(project: Path):
    with pytest.raises(AcrsyncError) as caught:
        opened("origin", project, PATH=str(project))
    assert caught.value.diagnostic.code == "E083"


def test_a_server_that_never_answers_is_not_waited_for_and_leaves_no_process(project: Path):
    stop = threading.Event()

    class Silent(Quiet):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            stop.wait()
            self.close_connection = True

    with listening(Silent) as url:
        store = opened(f"{url}/remote.git", project, timeout_s=1)
        try:
            assert refused(store.read).diagnostic.code == "E070"
            with pytest.raises(Unanswered):
                store.swap(b"x", expected=None, note="no")
            for _ in range(500):  # a killed process takes a moment to go; another one would wait for the server
                if not (left := [line for line in command_lines() if url in line]):
                    break
                time.sleep(0.01)
            assert not left
        finally:
            stop.set()


def test_a_fresh_runner_fetches_one_commit_however_long_the_history_is(project: Path, tmp_path: Path):
    handler = git_backend(tmp_path)
    with listening(handler) as url:
        writer, version = opened(f"{url}/remote.git", project), None
        for number in range(12):
            records = {f"2026010{number % 9}T000000Z-aaaaaa": bytes(200_000)}
            version = writer.swap(b"%d" % number, expected=version, note=f"{number}", records=records)
        asked: list[str] = handler.asked  # type: ignore[attr-defined]
        asked.clear()
        reader = opened(f"{url}/remote.git", project)
        reader.read()
        folder = reader._git._environment["GIT_DIR"]
        assert git("rev-list", "--all", "--count", folder=Path(folder)) == "1\n"
        assert len(asked) == 3, asked  # how the server speaks, which refs, the commit
        asked.clear()
        reader.read()
        assert len(asked) == 2, asked  # nothing new
        asked.clear()
        reader.swap(b"more", expected=version, note="more")
        assert len(asked) == 2, asked


def test_temporary_repositories_are_deleted_with_their_store(project: Path):
    store = opened("../remote.git", project)
    folder = Path(store._git._environment["GIT_DIR"])
    assert folder.is_dir()

    del store
    assert not folder.exists()


UNUSABLE = [
    ("a git that is not executable", "x", 0o644, "cannot be started"),
    ("a git that is not a program", "x", 0o755, "cannot be started"),
    ("a git that fails", "#!/bin/sh\nexit 1\n", 0o755, "exit code 1"),
    ("an old git", '#!/bin/sh\n[ $1 != init ] || exit 129\nexec /usr/bin/git "$@"\n', 0o755, "`git init` fails"),
]


@pytest.mark.parametrize(("reason", "text", "mode", "says"), UNUSABLE, ids=[case[0] for case in UNUSABLE])
def test_a_git_program_that_does_not_work_is_named_and_never_the_network(
    project: Path, tmp_path: Path, reason: str, text: str, mode: int, says: str
):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(text)
    (tmp_path / "bin" / "git").chmod(mode)
    with pytest.raises(AcrsyncError) as caught:
        opened("https://example.invalid/x", project, PATH=str(tmp_path / "bin"))
    assert (caught.value.diagnostic.code, says in caught.value.diagnostic.detail) == ("E083", True), reason


SETTINGS = [
    ("a file with an error", {"GIT_CONFIG_GLOBAL": "broken"}, "bad config"),
    ("a variable with an error", {"GIT_CONFIG_COUNT": "many"}, "GIT_CONFIG_COUNT"),
]


@pytest.mark.parametrize(("reason", "variables", "says"), SETTINGS, ids=[case[0] for case in SETTINGS])
def test_settings_that_git_cannot_read_are_not_called_a_missing_remote(
    project: Path, reason: str, variables: dict[str, str], says: str
):
    (project / "broken").write_text("[[")
    git("remote", "add", "origin", "../remote.git", folder=project)
    with pytest.raises(AcrsyncError) as caught:
        GitStore("origin", REF, project=project, environment=os.environ | variables)
    assert (caught.value.diagnostic.code, says in caught.value.diagnostic.detail) == ("E083", True), reason
    assert "git remote add" not in caught.value.diagnostic.fix


def test_a_project_of_another_user_is_opened_by_the_line_that_the_fix_names(project: Path, tmp_path: Path):
    """As in a container: the checkout belongs to another user. GIT_TEST_ASSUME_DIFFERENT_OWNER: git's own tests."""
    git("remote", "add", "origin", "../remote.git", folder=project)
    mine = {"GIT_CONFIG_GLOBAL": str(tmp_path / "mine")}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(
        '#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 GIT_CEILING_DIRECTORIES= exec /usr/bin/git "$@"\n'
    )
    (tmp_path / "bin" / "git").chmod(0o755)
    mine["PATH"] = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    with pytest.raises(AcrsyncError) as caught:
        GitStore("origin", REF, project=project, environment=os.environ | mine)
    fix = caught.value.diagnostic.fix
    assert fix == f"git config --global --add safe.directory {project}"
    subprocess.run(fix.split(), check=True, env={**os.environ, **mine})
    assert GitStore("origin", REF, project=project, environment=os.environ | mine).where == "git:origin"


def test_a_full_disk_is_not_called_a_bug(project: Path, monkeypatch: pytest.MonkeyPatch):
    store = opened("../remote.git", project)
    assert store.read() is None
    for folder in Path(store._git._environment["GIT_DIR"]).iterdir():
        folder.unlink() if folder.is_file() else shutil.rmtree(folder)
    error = refused(lambda: store.swap(b"x", expected=None, note="no")).diagnostic
    assert (error.code, "TMPDIR" in error.fix) == ("E070", True)


def test_a_remote_in_the_settings_of_the_user_does_not_take_the_place_of_ours(project: Path, tmp_path: Path):
    (tmp_path / "mine").write_text('[remote "acrsync"]\n url = https://example.invalid/\n mirror = true\n')
    used(opened("../remote.git", project, GIT_CONFIG_GLOBAL=str(tmp_path / "mine")))


def in_the_way(remote: Path) -> None:
    path = remote / REF
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(f"{path.name}.lock").touch()


def hidden(remote: Path) -> None:
    git("config", "uploadpack.hideRefs", "refs/acrsync", folder=remote)


@pytest.mark.parametrize("trouble", [in_the_way, hidden])
def test_a_server_that_never_takes_the_swap_is_not_called_another_run(
    project: Path, tmp_path: Path, trouble: Callable[[Path], None]
):
    opened("../remote.git", project).swap(b"{}", expected=None, note="earlier")
    if trouble is in_the_way:
        git("update-ref", "-d", REF, folder=tmp_path / "remote.git")
    trouble(tmp_path / "remote.git")
    runs = LeasedRuns(
        opened("../remote.git", project), WallClock(threading.Event()), who=UNKNOWN_USER, settle_s=0, ttl_s=60
    )
    assert runs.read()[1] is None
    error = refused(lambda: Lease(runs, Object(), None).put(note="no")).diagnostic
    assert (error.code, "another run was faster" in error.detail) == ("E071", False)
    assert f"{REF}.lock" in error.fix


def test_a_ref_to_a_tree_is_damage_and_not_a_full_disk(project: Path, tmp_path: Path):
    remote = tmp_path / "remote.git"
    opened("../remote.git", project).swap(b"{}", expected=None, note="first")
    (remote / REF).write_text(git("rev-parse", f"{REF}^{{tree}}", folder=remote))
    assert refused(opened("../remote.git", project).read).diagnostic.code == "E072"
