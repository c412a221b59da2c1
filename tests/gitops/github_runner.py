"""A small runner for GitHub's workflows: the parts of the language that our action and our examples use, and no more.

What it does not know it refuses. Actions of GitHub's own are played: checkout copies the repository, artifacts and
caches are folders. Every `run:` is really run, by the shell and with the flags that GitHub's runner starts.
Source: docs.github.com, "Workflow syntax for GitHub Actions" and "Metadata syntax for GitHub Actions".
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SHELLS = {
    "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail", "{0}"],
    "python": [sys.executable, "{0}"],
    "": ["bash", "-e", "{0}"],  # no `shell:` at all
}
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|\|\||&&|==|!=|[()!]|[\w.-]+)")


class Expression:
    """What stands between `${{` and `}}`: literals, contexts, `== != && || !`, always() and success()."""

    def __init__(self, text: str, context: Mapping[str, Any], *, well: bool) -> None:
        self.words = _TOKEN.findall(text)
        spaceless = re.sub(r"\s(?=(?:[^']*'[^']*')*[^']*$)", "", text)
        assert "".join(self.words) == spaceless, f"{text}: not of the language that is played here"
        self.context = context
        self.status = {"always": True, "success": well}

    def value(self) -> Any:
        found = self.disjunction()
        assert not self.words
        return found

    def next_is(self, *words: str) -> bool:
        if self.words[:1] and self.words[0] in words:
            self.words.pop(0)
            return True
        return False

    def disjunction(self) -> Any:
        left = self.conjunction()
        while self.next_is("||"):
            right = self.conjunction()
            left = left or right
        return left

    def conjunction(self) -> Any:
        left = self.comparison()
        while self.next_is("&&"):
            right = self.comparison()
            left = left and right
        return left

    def comparison(self) -> Any:
        left = self.operand()
        if self.next_is("=="):
            return str(left) == str(self.operand())
        if self.next_is("!="):
            return str(left) != str(self.operand())
        return left

    def operand(self) -> Any:
        if self.next_is("!"):
            return not self.operand()
        if self.next_is("("):
            value = self.disjunction()
            assert self.next_is(")")
            return value
        word = self.words.pop(0)
        if word.startswith("'"):
            return word[1:-1].replace("''", "'")
        if self.next_is("("):
            assert self.next_is(")")
            return self.status[word]
        value = self.context
        for key in word.split("."):
            value = value.get(key, "") if isinstance(value, Mapping) else ""
        return value


def holds(step: Mapping[str, Any], context: Mapping[str, Any], *, well: bool) -> bool:
    """Return whether a step or a job runs; if its condition names no status, all before it must have succeeded."""
    condition = str(step.get("if", "success()"))
    asked = "always()" in condition or "success()" in condition
    return bool(Expression(condition, context, well=well).value()) and (asked or well)


@dataclass
class Job:
    """How a job ended."""

    result: str = "success"
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    summary: str = ""


@dataclass
class Runner:
    """A repository, what stands in it, and all that outlives a job."""

    repository: Path  # what checkout checks out
    folder: Path
    action: Path  # the folder of the action that `.../acrsync@...` names
    environment: dict[str, str]
    instead: Mapping[str, str] = field(default_factory=dict)  # scripts by the names of the steps that they replace
    github: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)
    caches: dict[str, Path] = field(default_factory=dict)
    system: str = "Linux"
    started: list[str] = field(default_factory=list)  # the name of every step that ran a script
    visible_tokens: list[str] = field(default_factory=list)  # "job: step" of every step that had a secret

    def workflow(self, path: Path) -> dict[str, Job]:
        """Run the jobs of a workflow in order of their needs."""
        document = yaml.safe_load(path.read_text())
        assert document["permissions"] == {}
        done: dict[str, Job] = {}
        for name, job in document["jobs"].items():
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            before = {need: {"result": done[need].result, "outputs": done[need].outputs} for need in needs}
            well = all(done[need].result == "success" for need in needs)
            context = {"github": self.github, "needs": before, "secrets": self.secrets, "runner": {}}
            done[name] = self.job(name, job, context) if holds(job, context, well=well) else Job("skipped")
        return done

    def job(self, name: str, job: Mapping[str, Any], context: dict[str, Any]) -> Job:
        """Run the steps of one job on a machine of its own."""
        machine = Machine(self, name, self.folder / f"{len(list(self.folder.iterdir()))}-{name}")
        known = {"temp": str(machine.temp), "os": self.system, "arch": "X64"}
        context = {**context, "runner": known, "steps": machine.steps}
        ended = machine.run(job["steps"], context)
        ended.outputs = {key: str(machine.filled(text, context)) for key, text in job.get("outputs", {}).items()}
        return ended


class Machine:
    """What the steps of one job share."""

    def __init__(self, runner: Runner, name: str, folder: Path) -> None:
        self.runner, self.name = runner, name
        self.workspace, self.temp = folder / "workspace", folder / "temp"
        self.workspace.mkdir(parents=True)
        self.temp.mkdir()
        self.steps: dict[str, Any] = {}
        self.path: list[str] = []
        self.masks: set[str] = set()
        self.to_cache: dict[str, Path] = {}
        self.ended = Job()
        self.well = True

    def run(self, steps: list[Mapping[str, Any]], context: dict[str, Any]) -> Job:
        for step in steps:
            self.step(step, context)
        for key, folder in self.to_cache.items() if self.well else ():
            kept = self.runner.folder / f"{len(list(self.runner.folder.iterdir()))}-cache"
            self.runner.caches[key] = Path(shutil.copytree(folder, kept)) if folder.is_dir() else kept
        for mask in self.masks:
            self.ended.log = self.ended.log.replace(mask, "***")
        self.ended.result = "success" if self.well else "failure"
        return self.ended

    def step(self, step: Mapping[str, Any], context: dict[str, Any]) -> None:
        if not holds(step, context, well=self.well):
            return
        before = self.well
        play = self.script if "run" in step else self.used
        outputs, well = play(step, context)
        self.well = before and (well or bool(step.get("continue-on-error", False)))
        if "id" in step:
            context["steps"][step["id"]] = {"outputs": outputs, "outcome": "success" if well else "failure"}

    def filled(self, text: Any, context: Mapping[str, Any]) -> Any:
        if not isinstance(text, str):
            return text
        return re.sub(
            r"\$\{\{ (.*?) \}\}", lambda found: str(Expression(found[1], context, well=self.well).value()), text
        )

    def script(self, step: Mapping[str, Any], context: dict[str, Any]) -> tuple[dict[str, str], bool]:
        assert "${{" not in step["run"], "an expression in a script is an injection waiting to happen"
        self.runner.started.append(step.get("name", ""))
        number = len(list(self.temp.iterdir()))
        names = ("output", "path", "summary", "env")
        files = {key: self.temp / f"{number}-{key}" for key in names}
        for file in files.values():
            file.write_text("")
        env = {key: str(self.filled(value, context)) for key, value in step.get("env", {}).items()}
        if set(env.values()) & set(self.runner.secrets.values()):
            self.runner.visible_tokens.append(f"{self.name}: {step.get('name', step.get('id'))}")
        environment = {
            **self.runner.environment,
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_SERVER_URL": str(self.runner.github.get("server_url", "")),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_OUTPUT": str(files["output"]),
            "GITHUB_PATH": str(files["path"]),
            "GITHUB_STEP_SUMMARY": str(files["summary"]),
            "GITHUB_ENV": str(files["env"]),
            **env,
        }
        environment["PATH"] = ":".join([*self.path, environment["PATH"]])
        file = self.temp / f"{number}-script"
        file.write_text(self.runner.instead.get(step.get("name", ""), step["run"]))
        shell = [word.replace("{0}", str(file)) for word in SHELLS[step.get("shell", "")]]
        done = subprocess.run(
            shell, cwd=self.workspace / str(self.filled(step.get("working-directory", "."), context)), env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        for line in done.stdout.splitlines():
            if line.startswith("::add-mask::"):
                self.masks.add(line.removeprefix("::add-mask::"))
        self.path[:0] = files["path"].read_text().split()
        self.ended.log += done.stdout
        self.ended.summary += files["summary"].read_text()
        outputs = dict(line.split("=", 1) for line in files["output"].read_text().splitlines())
        return outputs, done.returncode == 0

    def used(self, step: Mapping[str, Any], context: dict[str, Any]) -> tuple[dict[str, str], bool]:
        name, _, commit = step["uses"].partition("@")
        assert re.fullmatch("[0-9a-f]{40}", commit), f"{step['uses']} is not pinned"
        given = {key: self.filled(value, context) for key, value in step.get("with", {}).items()}
        played: dict[str, Callable[[dict[str, Any]], bool]] = {
            "actions/cache": self.cache,
            "actions/checkout": self.checkout,
            "actions/upload-artifact": self.upload,
            "actions/download-artifact": self.download,
        }
        if name in played:
            return {}, played[name](given)
        assert name.endswith("/acrsync"), name
        return self.composite(given, context)

    def composite(self, given: dict[str, Any], context: dict[str, Any]) -> tuple[dict[str, str], bool]:
        action = yaml.safe_load((self.runner.action / "action.yml").read_text())
        assert set(given) <= set(action["inputs"]), given
        defaults = {
            key: self.filled(declared.get("default", ""), context) for key, declared in action["inputs"].items()
        }
        inputs = defaults | given
        inner: dict[str, Any] = {
            "inputs": inputs,
            "github": {**context["github"], "action_path": str(self.runner.action)},
            "runner": context["runner"],
            "steps": {},
        }
        before, self.well = self.well, True
        for step in action["runs"]["steps"]:
            assert "shell" in step or "uses" in step
            self.step(step, inner)
        well, self.well = self.well, before
        outputs = {key: str(self.filled(declared["value"], inner)) for key, declared in action["outputs"].items()}
        return outputs, well

    def checkout(self, given: dict[str, Any]) -> bool:
        assert given in ({"persist-credentials": False}, {"persist-credentials": False, "fetch-depth": 0})
        shutil.copytree(self.runner.repository, self.workspace, dirs_exist_ok=True)
        return True

    def cache(self, given: dict[str, Any]) -> bool:
        kept, path = self.runner.caches.get(given["key"]), Path(given["path"])
        if kept is None:
            self.to_cache[given["key"]] = path
        elif kept.is_dir():
            shutil.copytree(kept, path, dirs_exist_ok=True)
        return True

    def upload(self, given: dict[str, Any]) -> bool:
        source = Path(given["path"])
        if source.is_dir():
            kept = self.runner.folder / f"{len(list(self.runner.folder.iterdir()))}-artifact"
            self.runner.artifacts[given["name"]] = Path(shutil.copytree(source, kept))
        return source.is_dir() or given["if-no-files-found"] == "ignore"

    def download(self, given: dict[str, Any]) -> bool:
        kept = self.runner.artifacts.get(given["name"])
        if kept is not None:
            shutil.copytree(kept, self.workspace, dirs_exist_ok=True)
        return kept is not None
