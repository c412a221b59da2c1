"""The schema in an editor: what it underlines and what it offers, against another reader of the same schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from acrsync.manifest import Source
from acrsync.manifest.text import unreadable
from acrsync.manifest.tree import read
from e2e.commandline import ROOT
from gitops.editor import SERVER, Editor, editor
from gitops.tools import node, run, tool

pytestmark = pytest.mark.slow
SCHEMA = ROOT / "schemas" / "manifest.v1.json"
FILES = sorted(
    path
    for folder in ("tests/golden/manifest", "tests/golden/manifest/several-files", "examples", "examples/several-files")
    for path in (ROOT / folder).glob("*.yaml")
)
HEAD = "version: 1\nvariables: {x: 1}\n"
FIXTURES = {
    "references": "buckets: [{name: '${x}', region: '${x}', type: '${x}', net_type: '${x}', labels: '${x}', "
    "id: '${x}', protect: '${x}', was: '${x}', metadata_template: {a: '${x}', b: {type: '${x}', options: '${x}'}}}]\n",
    "part of a region": "buckets: [{name: a, region: 'eu-${x}-1', type: File}]\n",
    "not a reference": "buckets: [{name: a, region: '$x', type: File}]\n",
    "matrix": "buckets: [{name: a, matrix: {a: [1, x, true], b: '${x}', include: [{c: 1}], exclude: '${x}'}}]\n",
    "matrix without a list": "buckets: [{name: a, matrix: {a: 1}}]\n",
    "empty matrix": "buckets: [{name: a, matrix: {}}]\n",
    "item of include": "buckets: [{name: a, matrix: {include: [1]}}]\n",
    "empty item of exclude": "buckets: [{name: a, matrix: {a: [1], exclude: [{}]}}]\n",
    "key of a matrix": "buckets: [{name: a, matrix: {1a: [1]}}]\n",
    "environments of a bucket": "buckets: [{name: a, environments: [prod]}]\n",
    "no environments of a bucket": "buckets: [{name: a, environments: []}]\n",
    "everything": "environments: {prod: {account: {uid: 1}, endpoint: 'https://api-v2.acrcloud.com', "
    "runs: 'git:origin', token_env: ACRSYNC_TOKEN_PROD, stack: radio, ownership: label, prune: stack, "
    "limits: {deletes: 5}, defaults: {region: '${x}'}, variables: {y: [1]}, "
    "allow: [{guard: replace, id: 3, reason: it moves}], "
    "removed: [{name: '${x}'}]}}\n",
    "all": "environments: {all: {}}\n",
    "no environment": "environments: {}\n",
    "null": "environments: {prod: }\n",
    "buckets in an environment": "environments: {prod: {buckets: []}}\n",
    "version in an environment": "environments: {prod: {version: 1}}\n",
    "name of a variable": "environments: {prod: {variables: {a b: 1}}}\n",
    "empty name": "buckets: [{name: ''}]\n",
    "empty name with an id": "buckets: [{name: '', id: 3}]\n",
    "long name": f"buckets: [{{name: {'x' * 256}}}]\n",
    "long name with an id": f"buckets: [{{name: {'x' * 256}, id: 3}}]\n",
    **{f"endpoint {one}": f"endpoint: '{one}'\n" for one in (
        "http://api-v2.acrcloud.com", "https://api-v2.acrcloud.com.evil.example", "https://acrcloud.com@evil.example",
        "https://evilacrcloud.com", "https://eu-api-v2.acrcloud.cn/api", "http://localhost:8080", "http://127.0.0.1:1",
        "http://[::1]:80", "http://localhost.evil.example", "emulator:", "emulator:a/b.db", "emulator:/etc/x",
        "emulator:../x", "https://api-v2.acrcloud.com#x",
    )},
    **{f"runs {one}": f"runs: '{one}'\n" for one in (
        ".acrsync/runs", "runs", "/tmp/x", "~/x", "../x", "a/../../x", "git:origin", "git:https://h/x", "git:git@h:x",
        "git:../x", "s3://bucket/prefix", "s3://bucket", "gs://b/p", "az://b/p", "s3://b/../x", "C:/x", "https://h/x",
        "ssh://h/x", "file:///x", "-x", "",
    )},
    **{f"token_env {one}": f"token_env: '{one}'\n" for one in ("ACRSYNC_TOKEN_A", "ACRSYNC_TOKEN", "AWS_SECRET")},
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = tmp_path_factory.mktemp("editor")
    npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    line = [node(), npm, "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", SERVER]
    done = run(list(map(str, line)), folder)
    assert done.returncode == 0, done.stdout
    with editor(node(), folder / "node_modules") as one:
        yield one


def fits(text: str, folder: Path) -> bool:
    """Return whether check-jsonschema accepts a text."""
    (folder / "manifest.yaml").write_text(text, "utf-8")
    done = run([tool("check-jsonschema"), "--schemafile", SCHEMA, folder / "manifest.yaml"], folder)
    assert "Traceback" not in done.stdout
    return done.returncode == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_editor_underlines_values_that_other_readers_refuse(server: Editor, path: Path, tmp_path: Path):
    text = path.read_text("utf-8")
    if any(unreadable(text, "f")) or (tree := read(text, "f")).problems or tree.data is None:
        pytest.skip("YAML readers differ on this text")
    assert bool(server.problems(text, SCHEMA)) is not fits(text, tmp_path)


@pytest.mark.parametrize("name", FIXTURES)
def test_editor_other_reader_and_acrsync_agree(server: Editor, name: str, tmp_path: Path):
    text = HEAD + FIXTURES[name]
    underlined = bool(server.problems(text, SCHEMA))
    assert underlined is not fits(text, tmp_path)
    shape = {"E130", "E131", "E132", "E133", "E134"}
    in_file = [one for one in Source({"f": text.encode()}).all().diagnostics if one.code in shape]
    # What only a value that is filled in, or a default, can say.
    filled = [one for one in in_file if "has no `" in one.detail or "${x}" in text]
    assert underlined is bool([one for one in in_file if one not in filled])


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("environments:\n  prod:\n    |", {"account", "token_env", "variables", "defaults", "removed", "runs"}),
        ("environments:\n  prod:\n    prune: |", {"never", "stack", "account"}),
        ("environments:\n  prod:\n    account:\n      |", {"uid"}),
        ("environments:\n  prod:\n    removed:\n      - |", {"name", "forget"}),
        ("buckets:\n  - name: a\n    |", {"matrix", "environments", "region", "protect"}),
        ("buckets:\n  - |", {"bucket", "buckets from a matrix"}),
        ("buckets:\n  - name: a\n    region: |", {"eu-west-1", "global"}),
        ("buckets:\n  - name: a\n    net_type: |", {"0", "1", "2"}),
        ("buckets:\n  - name: a\n    matrix:\n      |", {"include", "exclude"}),
        ("|", {"environments", "variables", "buckets", "endpoint"}),
    ],
)
def test_an_editor_offers_valid_values(server: Editor, text: str, offered: set[str]):
    assert offered <= set(server.completions(text, SCHEMA))


def test_the_editors_snippet_for_a_matrix_is_valid():
    snippets = json.loads(SCHEMA.read_text("utf-8"))["$defs"]["bucket"]["defaultSnippets"]
    (body,) = [one["body"] for one in snippets if one["label"] == "buckets from a matrix"]
    typed = json.loads(json.dumps(body).replace("\\\\$", "$").replace("${1|File,Live,LiveRec,LiveTimeshift|}", "Live"))
    typed["matrix"]["station"] = ["one"]
    loaded = Source({"f": json.dumps({"version": 1, "buckets": [typed]}).encode()}).all()
    assert loaded.diagnostics == ()
    manifest = loaded.environments[""].manifest
    assert manifest is not None
    assert [one.name for one in manifest.desired] == ["one-eu-west-1", "one-us-west-2"]
