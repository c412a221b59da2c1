"""`plan --undo RUN`: from a record on disk to a saved plan like any other."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from acrsync.cli import run

MANIFEST = """\
version: 1
defaults: {region: eu-west-1, type: File}
buckets:
  - {name: music, labels: [Music]}
  - {name: offline-bucket, net_type: 2, labels: [Other]}
removed: [{name: eu_shared_bucket}]
"""


@dataclass
class Shell:
    """The command in a folder of its own, with the account in `.acrsync/emulator.db`."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def acrsync(self, *arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err

    def json(self, *arguments: str) -> Any:
        code, out, err = self.acrsync(*arguments, "--format", "json")
        document = json.loads(out)
        assert document["exit_code"] == code, err
        return document

    @property
    def records(self) -> Sequence[Path]:
        return sorted((self.folder / ".acrsync" / "runs").glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A folder in which a manifest was just applied."""
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ACRSYNC_ENDPOINT", "emulator:")
    (tmp_path / "acrsync.yaml").write_text(MANIFEST)
    shell = Shell(tmp_path, capsys)
    assert shell.acrsync("apply", "--yes")[0] == 0
    return shell


def codes(text: str) -> list[str]:
    return re.findall(r"\b(?:error|warning|hint)\[([EWH]\d{3})\]", text)


def buckets(document: Any) -> dict[str, Any]:
    """Return labels by name, of an account without anything to do."""
    rows = [(row["name"], row["attributes"]["labels"]) for row in document["unmanaged"]]
    return dict(rows)


def seen(shell: Shell) -> dict[str, Any]:
    (shell.folder / "empty.yaml").write_text("version: 1\n")
    return buckets(shell.json("plan", "empty.yaml"))


def test_a_run_is_named_by_its_id_or_by_the_file_of_its_record(shell: Shell) -> None:
    (record,) = shell.records
    by_id = shell.json("plan", "--undo", record.stem)
    by_path = shell.json("plan", "--undo", str(record))
    assert by_id["digest"] == by_path["digest"]
    assert [(change["action"], change["name"]) for change in by_id["resource_changes"]] == [
        ("create", "eu_shared_bucket"), ("update", "offline-bucket"), ("delete", "music")
    ]  # fmt: skip
    assert set(by_id["requests"]) == {"GET"}
    assert [problem["code"] for problem in by_id["diagnostics"]] == ["W222"]


def test_the_plan_of_an_undo_is_applied_and_can_itself_be_undone(shell: Shell) -> None:
    after = seen(shell)
    assert shell.acrsync("plan", "--undo", shell.records[-1].stem, "--out", "undo.json")[0] == 0
    applied = shell.json("apply", "--plan", "undo.json", "--yes")
    assert (applied["exit_code"], applied["verified"]) == (0, True)
    assert seen(shell) == {
        "test": ["TV"], "adsfasdf": [], "eu_shared_bucket2": ["Radio"], "eu_shared_bucket": ["Radio"],
        "us_bucket": ["Music"], "offline-bucket": ["Music"]
    }  # fmt: skip

    again = shell.json("apply", "--plan", "undo.json", "--yes")
    assert [outcome["status"] for outcome in again["outcomes"]] == ["already", "already", "already"]
    _, out, _ = shell.acrsync("plan", "--undo", shell.records[0].stem)
    assert "No changes." in out

    redo = next(path for path in shell.records if '"action": "create", "name": "eu_shared_bucket"' in path.read_text())
    assert shell.acrsync("plan", "--undo", redo.stem, "--out", "redo.json")[0] == 0
    assert shell.json("apply", "--plan", "redo.json", "--yes")["verified"]
    assert seen(shell) == after


def test_limits_and_approvals_are_given_by_flags(shell: Shell) -> None:
    run_id = shell.records[-1].stem
    refused = shell.json("plan", "--undo", run_id, "--max-deletes", "0")
    assert [objection["guard"] for objection in refused["objections"]] == ["deletes"]
    allowed = shell.json("plan", "--undo", run_id, "--allow", "in-use:1")
    assert [(approval["guard"], approval["id"]) for approval in allowed["manifest"]["allow"]] == [("in-use", 1)]


@pytest.mark.parametrize("arguments", [("acrsync.yaml",), ("--prune",)])
def test_a_manifest_does_not_go_with_an_undo(shell: Shell, arguments: tuple[str, ...]) -> None:
    code, _, err = shell.acrsync("plan", "--undo", shell.records[-1].stem, *arguments)
    assert (code, codes(err)) == (1, ["E002"])
    assert "--undo plans from the record of a run: remove PATH and --prune." in err


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no json\n",
        '{"event": "end", "exit_code": 0}\n',
        '{"event": "run", "format_version": "2.0"}\n',
        '{"event": "run"}\n',
        '{"event": "run", "format_version": "1.0", "endpoint": "emulator:"}\n',
    ],
    ids=["missing", "empty", "no json", "no run", "a newer format", "no format", "no plan"],
)
def test_a_file_that_is_not_a_record_is_refused_with_one_message(shell: Shell, text: str | None) -> None:
    path = shell.folder / "other.jsonl"
    if text is not None:
        path.write_text(text)
    code, out, err = shell.acrsync("plan", "--undo", "other.jsonl")
    assert (code, out, codes(err)) == (1, "", ["E063"])
    is_newer = text is not None and '"2.0"' in text
    assert ("use the acrsync that wrote it" if is_newer else "name a run: `acrsync runs` lists them.") in err


def test_a_run_against_another_account_is_not_undone(shell: Shell) -> None:
    code, _, err = shell.acrsync("plan", "--undo", shell.records[-1].stem, "--endpoint", "emulator::memory:")
    assert (code, codes(err)) == (1, ["E064"])
    assert "The run was recorded at emulator:; this is emulator::memory:." in err


def test_a_run_against_another_uid_is_refused(shell: Shell) -> None:
    record = shell.records[-1]
    theirs = shell.folder / "theirs.jsonl"
    theirs.write_text(record.read_text().replace('"uid": 19', '"uid": 20'))
    code, _, err = shell.acrsync("plan", "--undo", str(theirs))
    assert (code, codes(err)) == (1, ["E053"])  # its plan was edited
