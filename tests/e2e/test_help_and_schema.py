"""What the command says of itself: help, version, schemas, completion."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from e2e.commandline import Place

COMMANDS = (
    *("validate", "render", "plan", "apply", "list", "show", "export", "runs", "explain", "schema", "emulator"),
    *("probe", "rehearse"),
)
GOLDEN = Path(__file__).parents[1] / "golden" / "help"


def test_without_arguments_it_prints_its_help_and_exits_with_0(bare: Place):
    done = bare.acrsync()
    assert (done.code, done.err) == (0, "")
    assert done.out == bare.acrsync("--help").out == bare.acrsync("-h").out


@pytest.mark.parametrize(
    "command", [(), *((name,) for name in COMMANDS)], ids=lambda command: "".join(command) or "acrsync"
)
def test_help_is_as_it_was_reviewed(bare: Place, golden, command):
    done = bare.acrsync(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert "..." not in done.out.partition("Commands:")[2], "a command's first sentence is too long for the list"
    golden(GOLDEN / f"{'-'.join(('acrsync', *command))}.txt", done.out)


def test_version_is_printed(bare: Place):
    from acrsync import __version__

    assert bare.acrsync("--version").out == f"acrsync, version {__version__}\n"
    facts = json.loads(bare.acrsync("--version", "--format", "json").out)
    assert (facts["acrsync_version"], facts["formats"]["manifest"]) == (__version__, 1)


def test_format_without_a_command_is_only_for_version(bare: Place):
    assert bare.acrsync("--format", "json").code == 1
    assert "must follow the command" in bare.acrsync("--format", "text", "plan").err


@pytest.mark.parametrize("name", ["manifest", "plan", "run"])
def test_each_schema_is_printed_and_is_a_schema(bare: Place, name):
    done = bare.acrsync("schema", name)
    schema = json.loads(done.out)
    Draft202012Validator.check_schema(schema)
    known = {"manifest": "https://www.schemastore.org/acrsync.json"}.get(name, f"urn:acrsync:{name}:v1")
    assert (done.code, done.err, schema["$id"]) == (0, "", known)


def test_without_a_name_the_manifest_schema_is_printed(bare: Place):
    assert bare.acrsync("schema").out == bare.acrsync("schema", "manifest").out


def test_python_m_is_the_same_program(bare: Place):
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "acrsync", "--help"],
        env=bare.environment,
        cwd=bare.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == bare.acrsync("--help").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_completion_script_for_the_shell(bare: Place, shell):
    done = bare.acrsync(environment={"_ACRSYNC_COMPLETE": f"{shell}_source"})
    assert (done.code, done.err) == (0, "")
    assert "_ACRSYNC_COMPLETE" in done.out


MANIFEST = """\
version: 1
defaults: {region: eu-west-1, type: File}
buckets: [{name: music}, {name: more}, {name: other}]
"""
COMPLETIONS = [
    ("acrsync ", "1", set(COMMANDS), "commands"),
    ("acrsync plan --de", "2", {"--debug", "--detailed-exitcode"}, "options"),
    ("acrsync schema ", "2", {"manifest", "plan", "run"}, "values"),
    ("acrsync plan --allow ", "3", {"in-use:", "rename-like:", "replace:", "takeover:"}, "guards"),
    ("acrsync list m", "2", {"music", "more"}, "buckets"),
    ("acrsync show 2", "2", {"20260101T000000Z-abcdef"}, "runs"),
    ("acrsync plan --undo ", "3", {"last", "20260101T000000Z-abcdef"}, "runs to take back"),
    ("acrsync plan --out t", "3", {"text:", "terraform-json:"}, "formats"),
    ("acrsync explain E30", "2", {f"E30{number}" for number in range(1, 10)}, "codes"),
]


@pytest.mark.parametrize(
    ("words", "position", "expected", "reason"), COMPLETIONS, ids=[case[-1] for case in COMPLETIONS]
)
def test_the_completion_script_completes(bare: Place, words, position, expected, reason):
    bare.write("acrsync.yaml", MANIFEST)
    bare.write(".acrsync/runs/20260101T000000Z-abcdef.jsonl", "")
    asked = {"_ACRSYNC_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": position}
    done = bare.acrsync(environment=asked)
    assert {line.partition(",")[2] for line in done.out.splitlines()} == expected, reason
