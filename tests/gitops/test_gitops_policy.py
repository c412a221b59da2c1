"""A plan as the input of rules: the example policies say yes and no to the plans that they should."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from acrsync.model import JSON
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
    """Run the example's checker on one policy, with a day in the place of today; the real OPA has to say the same."""
    document = shaped(plan, folder)
    code, said = checked(document, policy, folder, at=at)
    denied = denied_by_opa(json.loads(document.read_text()), policy, at=at)
    assert said == ([f"denied: {message}" for message in denied] or ["allowed"])
    return code, said


def policy_text(policy: str, *, at: str) -> str:
    return (POLICY / f"{policy}.rego").read_text().replace("time.now_ns()", at)


def checked(document: Path, policy: str, folder: Path, *, at: str = SATURDAY) -> tuple[int, list[str]]:
    """Ask regopy, by the example's checker."""
    pytest.importorskip("regopy", reason="regopy is not installed: see the dev group")
    rule = folder / f"{policy}.rego"
    rule.write_text(policy_text(policy, at=at))
    done = run([sys.executable, POLICY / "check.py", document, rule], folder)
    assert "Traceback" not in done.stdout, done.stdout
    return done.returncode, done.stdout.splitlines()


def denied_by_opa(document: JSON, policy: str, *, at: str = SATURDAY) -> list[str]:
    """Ask the real OPA."""
    opa = pytest.importorskip("opa_bindings", reason="OPA is not installed: `make .venv/installed` does it")
    with opa.OpaEngine() as engine:
        engine.add_policy(f"{policy}.rego", policy_text(policy, at=at))
        return sorted(engine.eval_document("main.deny", document))


@pytest.mark.parametrize("plan", [plan_of((DELETE,)), plan_of((REPLACE,))], ids=["delete", "replace"])
def test_nothing_is_deleted_on_a_friday(plan: Plan, tmp_path: Path):
    code, said = judged(plan, "deletes", tmp_path, at=FRIDAY)
    assert code == 1
    assert re.fullmatch(r"denied: acrcloud_bucket\.(ads-2019|us-bucket) would be deleted, and today is Friday", said[0])
    assert judged(plan, "deletes", tmp_path, at=SATURDAY) == (0, ["allowed"])


def test_other_changes_are_allowed_on_a_friday(tmp_path: Path):
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


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return python_tools(tmp_path_factory.mktemp("tools"))


@pytest.mark.slow
def test_checkov_and_terraform_compliance_read_every_bucket(bin_folder: Path, tmp_path: Path):
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


SEES = """\
from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck


class Kept(BaseResourceCheck):
    def scan_resource_conf(self, conf):
        return CheckResult.FAILED if "delete" in (conf.get("__change_actions__") or []) else CheckResult.PASSED


check = Kept("kept", "CKV_ACRSYNC_9", [CheckCategories.GENERAL_SECURITY], ["acrcloud_bucket"])
"""


@pytest.mark.slow
def test_the_page_says_correctly_which_tools_see_deletes(bin_folder: Path, tmp_path: Path):
    """If this fails, correct the table in docs/gitops.md."""
    plan = shaped(plan_of((DELETE,), (REPLACE,), kept=(IN_SYNC,)), tmp_path)
    checks, features = tmp_path / "checks", tmp_path / "features"
    checks.mkdir()
    features.mkdir()
    (checks / "__init__.py").touch()
    (checks / "kept.py").write_text(SEES)
    checkov: list[str | Path] = [bin_folder / "checkov", "--file", plan, "--framework", "terraform_plan", "--compact"]
    done = run([*checkov, "--skip-download", "--external-checks-dir", checks, "--check", "CKV_ACRSYNC_9"], tmp_path)
    assert re.findall(r"(PASSED|FAILED) for resource: (\S+)", done.stdout) == [
        ("PASSED", "acrcloud_bucket.test"),
        ("FAILED", "acrcloud_bucket.us-bucket"),
    ], done.stdout
    (features / "names.feature").write_text(
        "Feature: names\n  Scenario: all\n    Given I have acrcloud_bucket defined\n    Then it must contain nothing\n"
    )
    line: list[str | Path] = [
        bin_folder / "terraform-compliance",
        "--no-ansi",
        "--features",
        features,
        "--planfile",
        plan,
    ]
    done = run(line, tmp_path)
    assert set(re.findall(r"Failure: (\S+) ", done.stdout)) == {"acrcloud_bucket.test", "acrcloud_bucket.us-bucket"}


def test_the_plan_with_everything_can_be_read_by_policies(tmp_path: Path):
    code, said = judged(EVERYTHING, "owner", tmp_path)
    assert (code, len(said)) == (1, 5)


# Rules must not be passed by what is missing.


def holding(*resources: JSON, complete: bool = True) -> JSON:
    changes = [{"address": "acrcloud_bucket.a", "change": {"actions": ["no-op"]}}]
    return {
        "complete": complete,
        "planned_values": {"root_module": {"resources": list(resources)}},
        "resource_changes": changes,
    }


def changing(*changes: JSON) -> JSON:
    return {**holding(), "resource_changes": list(changes)}


NO_OWNER = "acrcloud_bucket.a has no label that begins with owner:"
GOES = "acrcloud_bucket.a would be deleted, and today is Friday"
NAMELESS = "a bucket without an address"
UNKNOWN_BUCKETS = "this is not a complete plan of acrsync, so its buckets are unknown"
UNKNOWN_DELETES = "this is not a complete plan of acrsync, so its deletes are unknown"


def bucket(**values: JSON) -> JSON:
    return {"address": "acrcloud_bucket.a", "values": values}


def change(*actions: str) -> JSON:
    return {"address": "acrcloud_bucket.a", "change": {"actions": list(actions)}}


INCOMPLETE = [
    ("owner", {}, UNKNOWN_BUCKETS, "an empty object"),
    ("owner", {"complete": True}, UNKNOWN_BUCKETS, "no resources"),
    ("owner", {"complete": True, "planned_values": {}}, UNKNOWN_BUCKETS, "no module"),
    ("owner", holding(complete=False), UNKNOWN_BUCKETS, "a run that ended before there was a plan"),
    ("owner", holding(bucket()), NO_OWNER, "no labels"),
    ("owner", holding(bucket(labels=None)), NO_OWNER, "labels are null"),
    ("owner", holding(bucket(labels=[])), NO_OWNER, "labels are empty"),
    ("owner", holding(bucket(labels=[1, None])), NO_OWNER, "labels are not text"),
    ("owner", holding(bucket(labels="owner:radio")), NO_OWNER, "labels are not a list"),
    ("owner", holding({"address": "acrcloud_bucket.a"}), NO_OWNER, "no values"),
    ("owner", holding({}), f"{NAMELESS} has no label that begins with owner:", "nothing at all"),
    ("owner", holding(bucket(labels=["owner:radio"])), None, "an owner"),
    ("owner", holding(), None, "no bucket"),
    ("deletes", {}, UNKNOWN_DELETES, "an empty object"),
    ("deletes", {"complete": True}, UNKNOWN_DELETES, "no changes"),
    ("deletes", {"resource_changes": []}, UNKNOWN_DELETES, "nothing tells that it is complete"),
    ("deletes", changing({"address": "acrcloud_bucket.a"}), GOES, "no change"),
    ("deletes", changing({"address": "acrcloud_bucket.a", "change": None}), GOES, "the change is null"),
    ("deletes", changing({"address": "acrcloud_bucket.a", "change": {"actions": None}}), GOES, "actions are null"),
    ("deletes", changing(change()), GOES, "no actions"),
    ("deletes", changing({}), f"{NAMELESS} would be deleted, and today is Friday", "nothing at all"),
    ("deletes", changing(change("delete", "create")), GOES, "a replacement"),
    ("deletes", changing(change("update"), change("no-op")), None, "nothing is deleted"),
]


@pytest.mark.parametrize(
    ("policy", "document", "denied", "reason"), INCOMPLETE, ids=[f"{case[0]}: {case[3]}" for case in INCOMPLETE]
)
def test_opa_and_regopy_deny_a_plan_with_missing_keys(
    policy: str, document: JSON, denied: str | None, reason: str, tmp_path: Path
):
    wanted = [denied] if denied else []
    assert denied_by_opa(document, policy, at=FRIDAY) == wanted
    (tmp_path / "plan.tf.json").write_text(json.dumps(document))
    code, said = checked(tmp_path / "plan.tf.json", policy, tmp_path, at=FRIDAY)
    assert (code, said) == (1 if denied else 0, [f"denied: {message}" for message in wanted] or ["allowed"])


def test_a_run_without_a_plan_is_denied_by_every_policy(tmp_path: Path):
    path = tmp_path / "plan.tf.json"
    path.write_text(FORMATS["terraform-json"](None, RUN))
    for policy, message in (("owner", UNKNOWN_BUCKETS), ("deletes", UNKNOWN_DELETES)):
        assert denied_by_opa(json.loads(path.read_text()), policy) == [message]
        assert checked(path, policy, tmp_path) == (1, [f"denied: {message}"])


NOT_ASKED = [
    ("package other\n", 2, "another package"),
    ("package main\n", 2, "no `deny`"),
    (None, 1, "no policy at all"),
]


@pytest.mark.parametrize(("policy", "code", "reason"), NOT_ASKED, ids=[case[-1] for case in NOT_ASKED])
def test_the_checker_never_allows_a_plan_without_a_policy(policy: str | None, code: int, reason: str, tmp_path: Path):
    pytest.importorskip("regopy", reason="regopy is not installed: see the dev group")
    plan = shaped(plan_of(kept=(IN_SYNC,)), tmp_path)
    rules = [tmp_path / "rule.rego"] if policy else []
    for rule in rules:
        rule.write_text(policy or "")
    done = run([sys.executable, POLICY / "check.py", plan, *rules], tmp_path)
    assert (done.returncode, "allowed" in done.stdout) == (code, False), done.stdout
