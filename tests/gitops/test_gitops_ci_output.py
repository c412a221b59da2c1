"""What the command says to the pipeline that it runs in, beyond its answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from e2e.commandline import Done, Place
from emulator.api import Api

MANIFEST = """\
version: 1
account: {uid: 19}
buckets:
  - {name: music, region: eu-west-1, type: File}
removed: [{name: adsfasdf}]
"""
BROKEN = "version: 1\nbuckets:\n  - {name: music, region: mars, type: File}\n"
# The carriage return is read as a line's end by Python.
SECTION = re.compile(r"\x1b\[0Ksection_(start|end):(\d+):([a-z_]+)\n\x1b\[0K(.*)\n")


@pytest.fixture
def github(place: Place) -> Place:
    place.write("out", "before=1\n")
    place.write("acrsync.yaml", MANIFEST)
    place.environment |= {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(place.folder / "out"),
        "GITHUB_STEP_SUMMARY": str(place.folder / "summary"),
        "GITHUB_WORKSPACE": str(place.folder),
    }
    return place


def outputs(place: Place) -> dict[str, str]:
    lines = (place.folder / "out").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def commands(done: Done) -> list[str]:
    return [line for line in done.err.splitlines() if line.startswith("::")]


def test_a_plan_sets_outputs_for_github(github: Place):
    done = github.acrsync("plan", "--format", "json", "--out", "markdown:plan.md")
    digest = done.document["digest"]
    expected = {"exit_code": "0", "has_changes": "true", "has_deletes": "true", "digest": digest}
    assert outputs(github) == {"before": "1", **expected}
    assert (github.folder / "summary").read_text() == (github.folder / "plan.md").read_text()
    assert commands(done) == []


def test_without_changes_the_output_is_false(github: Place):
    assert github.acrsync("apply", "--yes").code == 0
    assert outputs(github)["has_changes"] == "true"
    assert github.acrsync("plan", "--detailed-exitcode").code == 0
    assert {key: outputs(github)[key] for key in ("has_changes", "has_deletes", "exit_code")} == {
        "has_changes": "false",
        "has_deletes": "false",
        "exit_code": "0",
    }


def test_the_exit_code_in_the_outputs_is_the_real_one(github: Place):
    assert github.acrsync("plan", "--detailed-exitcode").code == 2
    assert outputs(github)["exit_code"] == "2"


def test_objections_are_annotations_at_their_line(github: Place):
    github.write("sub/acrsync.yaml", MANIFEST.replace("removed: [{name: adsfasdf}]", "removed: [{name: us_bucket}]"))
    done = github.acrsync("plan", "sub/acrsync.yaml")
    assert done.code == 3
    [line] = commands(done)
    assert line.startswith("::error file=sub/acrsync.yaml,line=5,col=11,title=acrsync E301%3A Bucket is not empty::")
    assert "us_bucket" in line
    assert outputs(github)["exit_code"] == "3"


def test_mistakes_in_a_manifest_are_annotations_with_paths_from_the_checkout(github: Place):
    github.write("radio/acrsync.yaml", BROKEN)
    for command in (("plan", "radio/acrsync.yaml"), ("validate", "radio/acrsync.yaml")):
        done = github.acrsync(*command)
        assert done.code == 1
        assert [line.split("::")[1].split(",title")[0] for line in commands(done)] == [
            "error file=radio/acrsync.yaml,line=3,col=27"
        ]
    assert outputs(github) == {"before": "1", "exit_code": "1"}
    assert (github.folder / "summary").read_text().count("<!-- acrsync: -->\n**Failed: 1 message.**") == 2


def test_wrong_usage_is_also_an_annotation(github: Place):
    done = github.acrsync("plan", "--colour", "never")
    assert done.code == 1
    assert commands(done)[0].startswith("::error title=acrsync E002%3A Wrong usage::")


def test_the_result_of_an_apply_is_the_summary_of_the_job(github: Place):
    assert github.acrsync("apply", "--yes").code == 0
    summary = (github.folder / "summary").read_text()
    assert "**Applied: 1 created, 1 deleted. Verified: the account was read again and is as planned.**" in summary


def test_a_failed_change_is_an_annotation(github: Place, api: Api):
    api.control("PUT", "profile", {"bucket_quota": 1})
    done = github.acrsync("apply", "--yes", "--settle", "0")
    assert done.code == 6, "the other changes go on"
    assert any(line.startswith("::error ") for line in commands(done))


def test_a_summary_that_cannot_be_written_changes_no_exit_code(github: Place):
    github.environment["GITHUB_STEP_SUMMARY"] = str(github.folder / "no" / "such")
    github.environment["GITHUB_OUTPUT"] = str(github.folder)
    done = github.acrsync("plan")
    assert done.code == 0
    assert "warning: GITHUB_STEP_SUMMARY cannot be written" in done.err


def test_a_name_cannot_be_a_runner_command(github: Place, api: Api):
    api.create("x\n::error::injected")
    api.create("##[error]injected")
    github.write("acrsync.yaml", MANIFEST + "prune: account\nlimits: {deletes: 100%}\n")
    done = github.acrsync("plan", "--out", "markdown:plan.md", "--out", "html:plan.html")
    text = done.out + done.err + "".join(map(Path.read_text, map(github.folder.joinpath, ("plan.md", "plan.html"))))
    assert "injected" in text
    assert not re.search(r"^\s*::error::|##\[", text, re.MULTILINE)


def test_outside_of_a_pipeline_there_is_no_ci_output(place: Place):
    place.write("acrsync.yaml", BROKEN)
    done = place.acrsync("plan")
    assert commands(done) == []
    assert "section_start" not in done.err


# GitLab


def test_the_log_of_gitlab_has_a_section_for_the_plan_and_one_for_the_changes(place: Place):
    place.environment["GITLAB_CI"] = "true"
    place.write("acrsync.yaml", MANIFEST)
    done = place.acrsync("apply", "--yes")
    assert done.code == 0
    marks = [(kind, name) for kind, _, name, _ in SECTION.findall(done.err)]
    assert marks == [(k, f"acrsync_{name}") for name in ("plan", "apply") for k in ("start", "end")]
    assert "[1/2]" in done.err[done.err.index("start:") : done.err.rindex("section_end")]
    assert "section_" not in done.out
    assert "section_" not in place.acrsync("plan", "--format", "json").out


def test_a_section_is_closed_if_the_plan_fails(place: Place):
    place.environment["GITLAB_CI"] = "true"
    place.write("acrsync.yaml", MANIFEST)
    done = place.acrsync("plan", "--out", "no/such/folder/plan.json")
    assert done.code == 1
    assert [kind for kind, *_ in SECTION.findall(done.err)] == ["start", "end"]


# validate --format


def test_validate_prints_annotations_for_github_everywhere(place: Place):
    place.write("acrsync.yaml", BROKEN)
    done = place.acrsync("validate", "--format", "github")
    assert (done.code, done.err) == (1, "")
    [line] = done.out.splitlines()
    assert line.startswith("::error file=acrsync.yaml,line=3,col=27,title=acrsync E")


def test_annotations_on_stdout_are_not_repeated_on_stderr(github: Place):
    github.write("acrsync.yaml", BROKEN)
    done = github.acrsync("validate", "--format", "github")
    assert (done.out.count("::error "), commands(done)) == (1, [])


def test_validate_prints_a_code_quality_report_for_gitlab(place: Place):
    place.environment["CI_PROJECT_DIR"] = str(place.folder.parent)
    place.write("acrsync.yaml", BROKEN)
    done = place.acrsync("validate", "--format", "gitlab")
    [issue] = json.loads(done.out)
    assert issue["location"] == {"path": "work/acrsync.yaml", "lines": {"begin": 3}}
    assert re.fullmatch("[0-9a-f]{64}", issue["fingerprint"])
    place.write("acrsync.yaml", MANIFEST)
    assert place.acrsync("validate", "--format", "gitlab").out == "[]\n"
