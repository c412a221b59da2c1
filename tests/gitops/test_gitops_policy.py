"""A plan as the input of rules: the example policies say yes and no to the plans that they should."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from acrsync.plan.changes import Create, Keep, Kept
from acrsync.plan.document import Plan
from acrsync.report import FORMATS
from e2e.commandline import ROOT
from gitops.test_gitops_formats import HOSTILE
from gitops.tools import python_tools, run
from report_plans import CREATE, DELETE, EVERYTHING, IN_SYNC, REPLACE, RUN, desired, live, plan_of

POLICY = ROOT / "examples" / "policy"
FRIDAY, SATURDAY = "1795168800000000000", "1795255200000000000"  # in nanoseconds: the 20th and 21st of November 2026


def shaped(plan: Plan, folder: Path) -> Path:
    path = folder / "plan.tf.json"
    path.write_text(FORMATS["terraform-json"](plan, RUN), encoding="utf-8")
    return path


def judged(plan: Plan, policy: str, folder: Path, *, at: str = SATURDAY) -> tuple[int, list[str]]:
    """Run the example's checker on one policy, with a day in the place of today."""
    pytest.importorskip("regopy", reason="regopy is not installed: see the dev group")
    text = (POLICY / f"{policy}.rego").read_text()
    rule = folder / f"{policy}.rego"
    rule.write_text(text.replace("time.now_ns()", at))
    done = run([sys.executable, POLICY / "check.py", shaped(plan, folder), rule], folder)
    assert "Traceback" not in done.stdout, done.stdout
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("plan", [plan_of((DELETE,)), plan_of((REPLACE,))], ids=["delete", "replace"])
def test_nothing_is_deleted_on_a_friday(plan: Plan, tmp_path: Path):
    code, said = judged(plan, "deletes", tmp_path, at=FRIDAY)
    assert code == 1
    assert re.fullmatch(r"denied: acrcloud_bucket\.(ads-2019|us-bucket) would be deleted, and today is Friday", said[0])
    assert judged(plan, "deletes", tmp_path, at=SATURDAY) == (0, ["allowed"])


def test_everything_else_may_happen_on_a_friday(tmp_path: Path):
    assert judged(plan_of((CREATE,), kept=(IN_SYNC,)), "deletes", tmp_path, at=FRIDAY) == (0, ["allowed"])


def test_the_day_is_today(tmp_path: Path):
    assert judged(plan_of((DELETE,)), "deletes", tmp_path, at="time.now_ns()")[0] in (0, 1)
    assert "time.now_ns()" in (POLICY / "deletes.rego").read_text()


def test_every_managed_bucket_names_its_owner(tmp_path: Path):
    owned = Create(desired("new", labels=["Music", "owner:radio"]), "")
    kept = Keep(live(7, "old", labels=["owner:tv"]), Kept.IN_SYNC, desired("old"))
    assert judged(plan_of((owned,), kept=(kept,)), "owner", tmp_path) == (0, ["allowed"])
    code, said = judged(plan_of((owned, CREATE, DELETE), kept=(kept, IN_SYNC)), "owner", tmp_path)
    assert code == 1
    assert said == [
        f"denied: acrcloud_bucket.{name} has no label that begins with owner:" for name in ("radio-live", "test")
    ]


def test_hostile_names_reach_the_policy_and_its_answer_is_safe_to_print(tmp_path: Path):
    plan = plan_of(tuple(Create(desired(name), "") for name in HOSTILE))
    code, said = judged(plan, "owner", tmp_path)
    assert (code, len(said)) == (1, len(HOSTILE))
    assert all(re.fullmatch(r"denied: acrcloud_bucket\.[\w.%~-]+ has no label .*", line) for line in said)


@pytest.mark.slow
def test_checkov_and_terraform_compliance_read_every_bucket(tmp_path: Path):
    bin_folder = python_tools(tmp_path / "tools")
    legacy = tuple(Create(desired(name, region="global"), "") for name in HOSTILE)
    others = tuple(Create(desired(f"{name} ok", region="eu-west-1"), "") for name in HOSTILE)
    plan = shaped(plan_of((*legacy, *others)), tmp_path)
    checkov: list[str | Path] = [bin_folder / "checkov", "--file", plan, "--framework", "terraform_plan", "--compact"]
    done = run([*checkov, "--skip-download", "--external-checks-dir", POLICY / "checkov"], tmp_path)
    assert f"Passed checks: {len(others)}, Failed checks: {len(legacy)}, Skipped checks: 0\n" in done.stdout
    assert done.returncode == 1
    compliance: list[str | Path] = [
        bin_folder / "terraform-compliance",
        "--no-ansi",
        "--features",
        POLICY / "compliance",
        "--planfile",
    ]
    done = run([*compliance, plan], tmp_path)
    assert done.stdout.count("It is set to global.") == len(legacy)
    assert done.returncode == 1
    good = shaped(plan_of(others, kept=(IN_SYNC,)), tmp_path)
    assert run([*compliance, good], tmp_path).returncode == 0
    assert run([*checkov[:2], good, *checkov[3:], "--skip-download"], tmp_path).returncode == 0


def test_the_plan_of_everything_is_one_that_policies_can_read(tmp_path: Path):
    code, said = judged(EVERYTHING, "owner", tmp_path)
    assert (code, len(said)) == (1, 5)
