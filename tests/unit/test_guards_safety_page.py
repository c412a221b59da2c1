"""docs/safety.md says what is so: its messages are printed by the program, and the tests that it names exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from acrsync.diagnostics import Diagnostic
from acrsync.manifest import load_texts
from acrsync.model import Desired, Evidence, Live, Manifest, Reference, Removed
from acrsync.plan.document import Plan
from acrsync.plan.guards import Guard
from acrsync.plan.undo import undo
from acrsync.report import PLAIN, diagnostics_text
from doubles import MemoryAccount
from reconcile import plan_for, recorded

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "safety.md"
HEAD = "version: 1\naccount: {uid: 19}\ndefaults: {region: eu-west-1, type: File}\n"
OURS = HEAD + "stack: radio\nownership: label\n"
MUSIC: dict[str, object] = {"id": 8881, "name": "music"}
ARCHIVE: dict[str, object] = {"id": 1116, "name": "archive"}


class Used(MemoryAccount):
    """An account whose every bucket a container uses."""

    def evidence(self, touched: Iterable[Live], *, references: bool) -> Evidence:
        rows = tuple(touched)
        known = super().evidence(rows, references=references)
        return replace(known, references={row.id: (Reference("fs-container", 7, "scans"),) for row in rows})


def planned(text: str, *rows: dict[str, object], kind: type[MemoryAccount] = MemoryAccount) -> Plan:
    loaded = load_texts({"acrsync.yaml": text.encode()})
    assert loaded.manifest is not None, loaded.diagnostics
    plan = plan_for(loaded.manifest, kind.with_buckets(*(dict(row) for row in rows)))
    return replace(plan, endpoint="https://api-v2.acrcloud.com")


# What each message is an example of, by the name that the page gives it.
SCENES: Mapping[str, tuple[str, tuple[dict[str, object], ...]]] = {
    "id-not-listed": (HEAD + "buckets: [{name: music, id: 8880}]\n", (MUSIC,)),
    "two-of-one-name": (HEAD + "buckets: [{name: music}]\n", (MUSIC, MUSIC | {"id": 1116, "type": "Live", "num": 7})),
    "claimed-twice": (HEAD + "buckets: [{name: news, was: music}, {name: talk, id: 8881}]\n", (MUSIC,)),
    "both-live": (HEAD + "buckets: [{name: music, was: archive}]\n", (MUSIC, ARCHIVE)),
    "looks-like-this-one": (HEAD + "buckets: [{name: Music}]\n", (MUSIC,)),
    "stays": (HEAD + "buckets: [{name: archive, id: 8881}]\n", (MUSIC, ARCHIVE)),
    "leads-nowhere": (HEAD + "buckets: [{name: music, was: musik}]\n", (ARCHIVE,)),
    "foreign-name": (HEAD + "buckets: [{name: music}]\n", (MUSIC | {"uid": 20}, ARCHIVE)),
    "content": (HEAD + "removed: [{name: music}]\n", (MUSIC | {"num": 12},)),
    "replace": (HEAD + "buckets: [{name: music, net_type: 2}]\n", (MUSIC,)),
    "deletes": (HEAD + "removed: [{name: music}, {name: archive}]\n", (MUSIC, ARCHIVE)),
    "empty": (HEAD + "prune: account\nbuckets: []\n", (MUSIC, ARCHIVE)),
    "rename-like": (
        HEAD + "buckets: [{name: songs, labels: [Music]}]\nremoved: [{name: music}]\n",
        (MUSIC | {"labels": ["Music"]},),
    ),
    "takeover": (OURS + "buckets: [{name: music}]\n", (MUSIC | {"labels": ["acrsync:tv"]},)),
    "protected": (
        OURS + "prune: stack\nbuckets: [{name: archive}]\n",
        (MUSIC | {"labels": ["acrsync:radio", "acrsync:protected"]}, ARCHIVE | {"labels": ["acrsync:radio"]}),
    ),
    "in-use": (HEAD + "buckets: [{name: songs, was: music}]\n", (MUSIC,)),
    "account": (HEAD + "buckets: [{name: music}]\n", (MUSIC | {"uid": 20},)),
    "spent": (HEAD + "buckets: [{name: music}]\nallow: [{guard: replace, id: 1115, reason: OPS-311}]\n", (MUSIC,)),
}


def said_of(name: str) -> Diagnostic:
    """Return what a scene is about: the objection of the guard that it is named for, else its last error or word."""
    text, rows = SCENES[name]
    plan = planned(text, *rows, kind=Used if name == "in-use" else MemoryAccount)
    if name in set(Guard):
        return next(objection.diagnostic for objection in plan.objections if objection.guard == name)
    return (plan.errors or plan.diagnostics)[-1]


def of_an_undo(name: str, directory: Path) -> Diagnostic:
    account = MemoryAccount.with_buckets(dict(MUSIC), dict(ARCHIVE))
    place = {"region": "eu-west-1", "type": "File"}
    manifest = Manifest((Desired({"name": "archive", **place, "labels": ["Old"]}),), removed=(Removed("music"),))
    lines = recorded(plan_for(manifest, account), account, directory)
    account.rows[1116]["labels"] = "Older"
    hints = {diagnostic.code: diagnostic for diagnostic in undo(lines, account.observe()).hints}
    return hints["W221" if name == "not-taken-back" else "W222"]


def test_the_messages_on_the_page_are_what_the_program_prints(
    golden: Callable[[Path, str], None], tmp_path: Path
) -> None:
    def block(found: re.Match[str]) -> str:
        name = found[1]
        said = said_of(name) if name in SCENES else of_an_undo(name, tmp_path)
        return f"<!-- message: {name} -->\n```text\n{diagnostics_text([said], style=PLAIN)}```\n<!-- end -->"

    made = re.sub(r"<!-- message: ([a-z-]+) -->\n.*?<!-- end -->", block, PAGE.read_text(), flags=re.DOTALL)
    golden(PAGE, made)


def test_every_guard_and_every_scene_has_its_place() -> None:
    page = PAGE.read_text()
    shown = set(re.findall(r"<!-- message: ([a-z-]+) -->", page))
    assert shown == {*SCENES, "not-taken-back", "another-id"}
    assert set(Guard) <= shown
    for guard in Guard:
        assert re.search(rf"^\| `{guard}` \| `test_", page, re.MULTILINE), guard
    assert re.findall(r"^\| (\d) \|", page, re.MULTILINE) == list("1234567")


@cache
def those_in(name: str) -> frozenset[str]:
    (path,) = (ROOT / "tests").rglob(name)
    return frozenset(re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE))


NAMED = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE.read_text())


@pytest.mark.parametrize(("file", "test"), sorted(set(NAMED)), ids=lambda part: part)
def test_a_test_that_the_page_names_exists(file: str, test: str) -> None:
    assert test in those_in(file)


def test_every_row_of_the_page_names_its_tests() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "---" not in line]
    assert all("::test_" in row for row in rows if "tests that try to break it" not in row)
    assert len(NAMED) > 60


def test_there_is_one_call_that_deletes_and_it_deletes_a_bucket() -> None:
    paths = [path for path in (ROOT / "acrsync").rglob("*.py") if "emulator" not in path.parts]
    calls = [line.strip() for path in paths for line in path.read_text().splitlines() if '"DELETE"' in line]
    sent = [line for line in calls if "_sender.send(" in line or "request(" in line]
    assert sent == ['self._sender.send("DELETE", bucket_path(bucket_id))']
