"""The library as `docs/library.md` shows it, and what a program that embeds it relies on."""

from __future__ import annotations

import importlib
import pickle
import re
import subprocess
import sys

import pytest

import acrsync
from e2e.commandline import ROOT

PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
MANIFEST = "version: 1\nbuckets:\n- {name: music, region: eu-west-1, type: File}\n"
HEAVY = ("requests", "urllib3", "jsonschema", "yaml", "deepdiff", "click", "werkzeug")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acrsync.yaml").write_text(MANIFEST)
    (tmp_path / "broken.yaml").write_text("version: 1\nbuckets:\n- {name: music, colour: red}\n")
    return tmp_path


def run(code: str, folder) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_example_of_the_page_runs(folder, number):
    assert run(BLOCKS[number], folder) or "assert" in BLOCKS[number]


def test_the_first_example_creates_the_bucket_and_a_second_run_has_nothing_to_do(folder):
    assert run(BLOCKS[0], folder) == "music: not in the account\nmusic created\nverified 0\n"
    assert run(BLOCKS[0], folder) == ""


def test_importing_the_library_loads_nothing_that_it_may_not_need(folder):
    code = f"import sys, acrsync; print([name for name in {HEAVY} if name in sys.modules])"
    assert run(code, folder) == "[]\n"


def test_the_packages_of_the_same_names_can_be_called_too(folder):
    code = """
import acrsync
import acrsync.plan.planner as planner
import acrsync.apply.reconcile
with acrsync.connect("emulator:account.db", read_only=False) as account:
    plan = acrsync.plan(acrsync.load("acrsync.yaml"), account)
    print(acrsync.apply(plan, account).verified, acrsync.plan.planner is planner)
"""
    assert run(code, folder) == "True True\n"


def test_a_read_only_account_is_refused_before_anything_is_sent(folder):
    with acrsync.connect("emulator:account.db") as account:
        plan = acrsync.plan(acrsync.load("acrsync.yaml"), account)
        before = dict(account.sent)
        with pytest.raises(acrsync.AcrsyncError) as caught:
            acrsync.apply(plan, account)
        assert (caught.value.diagnostic.code, dict(account.sent)) == ("E451", before)
    assert not (folder / ".acrsync").exists()


def test_a_plan_that_is_refused_is_not_applied(folder):
    (folder / "acrsync.yaml").write_text(
        "version: 1\nbuckets:\n- {name: test, region: us-west-2, type: Live}\n", encoding="utf-8"
    )
    with acrsync.connect("emulator:account.db", read_only=False) as account:
        plan = acrsync.plan(acrsync.load("acrsync.yaml"), account)
        assert [objection.guard for objection in plan.objections] == ["replace"]
        with pytest.raises(acrsync.Invalid) as caught:
            acrsync.apply(plan, account)
        assert [problem.code for problem in caught.value.diagnostics] == ["E302"]
        assert set(account.sent) == {"GET"}


def test_a_plan_for_another_account_is_refused(folder):
    with acrsync.connect("emulator:account.db") as account:
        plan = acrsync.plan(acrsync.load("acrsync.yaml"), account)
    with acrsync.connect("emulator:other.db", read_only=False) as account:
        with pytest.raises(acrsync.AcrsyncError) as caught:
            acrsync.apply(plan, account)
        assert caught.value.diagnostic.code == "E058"


def test_existing_buckets_can_be_looked_up_by_name():
    assert all(getattr(acrsync, name) is not None for name in acrsync.__all__)
    with pytest.raises(AttributeError, match="no attribute 'sync'"):
        _ = acrsync.sync


def test_the_library_can_be_sent_to_another_process():
    """Engines that spread work over processes pickle the functions of a program with the modules that they use."""
    packages = [importlib.import_module(f"acrsync.{name}") for name in ("plan", "apply")]
    for module in (acrsync, *packages):
        assert pickle.loads(pickle.dumps(module)) is module
